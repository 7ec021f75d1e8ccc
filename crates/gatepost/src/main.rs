//! The program `gatepost`. The file to read first is `compose.rs`.

use std::process::ExitCode;

use clap::Parser as _;
use gatepost::cli::{Cli, words};
use gatepost::{screen, verbs};
use gatepost_fault::Exit;

fn main() -> ExitCode {
    let cli = match Cli::try_parse_from(words(std::env::args_os())) {
        Ok(cli) => cli,
        Err(answer) => {
            // Help and version are answers too; they are written to standard output.
            let exit = if answer.use_stderr() {
                Exit::BadInput
            } else {
                Exit::Done
            };
            return answer.print().map_or(ExitCode::FAILURE, |()| exit.into());
        }
    };
    match verbs::run(cli) {
        Ok(()) => Exit::Done.into(),
        Err(failure) => {
            screen::tell_failure(&failure);
            failure.exit().into()
        }
    }
}
