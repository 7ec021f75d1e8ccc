//! `cargo xtask bench`: speed and size, as ratios against something measured in the same run.

use std::path::PathBuf;
use std::process::Command;

use crate::command::{self, cargo};
use crate::{packages, tree};

/// Runs the benchmarks in `benches`; `names` choose among them.
pub(crate) fn run(names: &[String]) -> anyhow::Result<()> {
    packages::install()?;
    // They measure the program as it is shipped.
    command::run(&mut cargo("build --release --package gatepost"))?;
    let mut bench = cargo("bench --package gatepost-benches");
    if names.is_empty() || names.iter().any(|name| name == "token") {
        bench.env("GATEPOST_BENCH_PYTHON", python_with_msal()?);
    }
    for name in names {
        bench.args(["--bench", name]);
    }
    command::run(&mut bench)
}

/// A Python of its own with Microsoft's library, to compare with; made on first use.
fn python_with_msal() -> anyhow::Result<PathBuf> {
    let folder = tree::root().join("target/bench-python");
    let python = folder.join("bin/python");
    let is_there = command::succeeds(Command::new(&python).args(["-c", "import msal"]));
    if !is_there {
        packages::install_venv("for the Python that the benchmark of tokens compares with")?;
        command::run(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
        let install = ["-m", "pip", "install", "--quiet", MSAL];
        command::run(Command::new(&python).args(install))?;
    }
    Ok(python)
}

const MSAL: &str = "msal==1.39.0";
