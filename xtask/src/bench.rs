//! `cargo xtask bench`: speed and size, as ratios against something measured in the same run.

use crate::command::{self, cargo};
use crate::packages;

/// Runs the benchmarks in `benches`; `names` choose among them.
pub(crate) fn run(names: &[String]) -> anyhow::Result<()> {
    packages::install()?;
    // They measure the program as it is shipped.
    command::run(&mut cargo("build --release --package gatepost"))?;
    let mut bench = cargo("bench --package gatepost-benches");
    for name in names {
        bench.args(["--bench", name]);
    }
    command::run(&mut bench)
}
