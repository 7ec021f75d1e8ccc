//! `cargo xtask test`: all tests, with everything they need.

use crate::command::{self, cargo};
use crate::packages;

/// Runs every test of the workspace; `arguments` go to the runner.
pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    packages::install()?;
    // Peer tests run the program itself, which belongs to another package than they do.
    command::run(&mut cargo("build --workspace --bins"))?;
    // Documentation examples first: the last lines on the screen are the runner's summary.
    command::run(&mut cargo("test --quiet --workspace --doc"))?;
    if command::succeeds(&mut cargo("nextest --version")) {
        command::run(cargo("nextest run --workspace").args(arguments))
    } else {
        command::run(cargo("test --workspace --tests").args(arguments))
    }
}
