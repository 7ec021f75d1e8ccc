//! `cargo xtask tidy|test|ci|crash|bench|docs`: everything a contributor runs.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a tool for a terminal"
)]

mod bench;
mod ci;
mod command;
mod packages;
mod standards;
mod test;
mod tidy;
mod tree;

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let task = arguments.next().unwrap_or_default();
    let rest: Vec<String> = arguments.collect();
    let done = match task.as_str() {
        "tidy" => tidy::run(),
        "test" => test::run(&rest),
        "ci" => ci::run(),
        "bench" => bench::run(&rest),
        "crash" => test::crash(),
        "docs" => standards::write(),
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(EX_USAGE);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

const USAGE: &str = "\
cargo xtask tidy    check what compilers do not: dependency direction, budgets, citations,
                    documents, fault pages
cargo xtask test    install what the tests need, then run all of them; arguments after it go
                    to the test runner
cargo xtask ci      everything that must be green before a merge; ends in the tests
cargo xtask crash   kill a sending daemon 200 times, of which the tests do a part
cargo xtask bench   run the benchmarks, each a ratio against something measured in the same run
cargo xtask docs    write the generated documents
";
const EX_USAGE: u8 = 64;
