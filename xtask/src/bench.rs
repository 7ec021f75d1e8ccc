//! `cargo xtask bench`: speed and size, as ratios against something measured in the same run.

use std::path::PathBuf;
use std::process::Command;

use crate::command::{self, cargo};
use crate::{packages, tree};

/// Runs the benchmarks in `benches`, and that of the build, which is one of cargo; the words choose
/// among them, and behind `--` among the comparisons of each.
pub(crate) fn run(words: &[String]) -> anyhow::Result<()> {
    let mut parts = words.splitn(2, |word| word == "--");
    let names = parts.next().unwrap_or_default();
    let comparisons = parts.next().unwrap_or_default();
    if names.is_empty() || names.iter().any(|name| name == BUILD) {
        build()?;
    }
    let of_package: Vec<&String> = names.iter().filter(|name| *name != BUILD).collect();
    if of_package.is_empty() && !names.is_empty() {
        return Ok(());
    }
    packages::install()?;
    // They measure the program as newcomers build it.
    command::run(&mut cargo("build --release --package gatepost"))?;
    let mut bench = cargo("bench --package gatepost-benches");
    if names.is_empty() || names.iter().any(|name| name == "token") {
        bench.env("GATEPOST_BENCH_PYTHON", python_with_msal()?);
    }
    if names.is_empty() || names.iter().any(|name| name == "gateway") {
        packages::install_haproxy("for the relay that the benchmark of the gateway compares with")?;
    }
    for name in of_package {
        bench.args(["--bench", name]);
    }
    if !comparisons.is_empty() {
        bench.arg("--").args(comparisons);
    }
    command::run(&mut bench)
}

/// How long a newcomer waits for the program, and how large it is when it is shipped.
#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn build() -> anyhow::Result<()> {
    let target = tree::root().join("target/bench-build");
    if target.exists() {
        std::fs::remove_dir_all(&target)?;
    }
    command::run(&mut cargo("fetch --locked"))?;
    let start = std::time::Instant::now();
    let mut release = cargo("build --release --locked --package gatepost --target-dir");
    command::run(release.arg(&target))?;
    let took = start.elapsed();
    println!(
        "a clean release build takes {} s on {} cores; the goal is under 360 s on 2",
        took.as_secs(),
        std::thread::available_parallelism()?
    );
    let mut dist = cargo("build --profile dist --locked --package gatepost --target-dir");
    command::run(dist.arg(&target))?;
    let octets = std::fs::metadata(target.join("dist/gatepost"))?.len();
    println!(
        "the shipped program has {} KiB; the goal is under 30720",
        octets / 1024
    );
    Ok(())
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

/// The benchmark of the build.
const BUILD: &str = "build";
const MSAL: &str = "msal==1.39.0";
