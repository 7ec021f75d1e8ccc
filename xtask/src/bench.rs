//! `cargo xtask bench`: speed and size, as ratios against something measured in the same run.

use crate::command::{self, cargo};
use crate::packages;

/// Runs the benchmarks; `arguments` choose among them.
pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    packages::install()?;
    let mut bench = cargo("bench --workspace --benches --");
    command::run(bench.args(arguments))
}
