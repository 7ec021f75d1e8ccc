//! How soon the program answers: `gatepost token` with a running `serve`, and
//! `gatepost --version`, each against an empty program that connects to a local socket once.

use std::os::unix::net::UnixListener;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};
use gatepost_benches::{Sample, Stopwatch, compare, judge, until};
use gatepost_peers::{Dovecot, IdentityEndpoint, Program, gatepost};

fn main() -> anyhow::Result<()> {
    let identity = IdentityEndpoint::start()?;
    let dovecot = Dovecot::start(&identity)?;
    let program = Program::new(&identity, &dovecot, &configuration())?;
    let _serve = program.start(&["serve"])?;
    // The first token is fetched from the identity endpoint; the others are at hand.
    until("a token", || {
        Ok(program.run(&["token", USER])?.status.success())
    })?;
    let socket = program.folder().join("empty.socket");
    // Nobody accepts: as long as the backlog is not full, a connect is complete without.
    let _listener = UnixListener::bind(&socket).context("cannot make a socket")?;
    let (mut token, mut version, mut empty) =
        (Sample::default(), Sample::default(), Sample::default());
    for _ in 0..ROUNDS {
        time(&mut token, program.command().args(["token", USER]))?;
        time(&mut version, gatepost()?.arg("--version"))?;
        time(&mut empty, Command::new(EMPTY).arg(&socket))?;
    }
    let what = "a token from a warm cache";
    let ratio = compare(what, ("token", &token), ("empty", &empty));
    judge(
        "at most 3 times what the empty program takes",
        ratio * 3.0 >= 1.0,
    );
    compare("the version", ("--version", &version), ("empty", &empty));
    judge("under 10 ms", version.median() < Duration::from_millis(10));
    Ok(())
}

fn time(sample: &mut Sample, command: &mut Command) -> anyhow::Result<()> {
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let watch = Stopwatch::start();
    let status = command.status().context("a program does not start")?;
    sample.push(watch.elapsed());
    if !status.success() {
        bail!("{command:?} ended with {status}");
    }
    Ok(())
}

fn configuration() -> String {
    format!("[mailbox.\"{USER}\"]\nregistration = \"peers\"\ngrant = \"client_credentials\"\n")
}

const USER: &str = "ada@contoso.com";
const EMPTY: &str = env!("CARGO_BIN_EXE_empty");
/// Less than the backlog of a listener (128).
const ROUNDS: usize = 100;
