//! `cargo xtask test`: all tests, with everything they need.

use crate::command::{self, cargo};
use crate::packages;

/// Runs every test of the workspace; `arguments` go to the runner.
pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    packages::install()?;
    // Documentation examples first: the last lines on the screen are the runner's summary.
    command::run(&mut cargo("test --quiet --workspace --doc"))?;
    // The program that the peers' tests run is built with the tests of its own package.
    if command::succeeds(&mut cargo("nextest --version")) {
        command::run(cargo("nextest run --workspace").args(arguments))
    } else {
        command::run(cargo("test --workspace --tests").args(arguments))
    }
}

/// Runs all of some tests of which others run a part, since they take minutes: a sending daemon is
/// killed 200 times while 2,000 messages are handed over, and as often while a door takes messages;
/// and 100,000 wrong logins come.
pub(crate) fn crash() -> anyhow::Result<()> {
    let mut test = cargo(
        "test --package gatepost --test program -- --nocapture killed_sending killed_spooling \
         hostile_clients",
    );
    test.env("GATEPOST_KILLS", "200");
    command::run(test.env("GATEPOST_WRONG_LOGINS", "100000"))
}
