//! `cargo xtask ci`: what must be green before a merge.

use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use crate::command::{self, cargo};
use crate::{standards, test, tidy};

/// Runs everything, cheapest first; ends in the tests.
pub(crate) fn run() -> anyhow::Result<()> {
    command::run(&mut cargo("fmt --all --check"))?;
    tidy::run()?;
    standards::check()?;
    command::run(&mut cargo(
        "clippy --workspace --all-targets --locked -- -D warnings",
    ))?;
    command::run(
        cargo("doc --workspace --no-deps --document-private-items --locked")
            .env("RUSTDOCFLAGS", "-D warnings"),
    )?;
    deny()?;
    test::run(&[])
}

/// Licences, bans and sources need no network. Advisories do, and CI may have none.
fn deny() -> anyhow::Result<()> {
    if !command::succeeds(&mut cargo("deny --version")) {
        // An optimised build takes three times as long and checks no faster.
        command::run(&mut cargo("install cargo-deny --locked --debug"))?;
    }
    command::run(&mut cargo("deny --locked check bans licenses sources"))?;
    if is_reachable(ADVISORIES) {
        command::run(&mut cargo("deny --locked check advisories"))
    } else {
        println!("advisories were not checked: {ADVISORIES} cannot be reached from here");
        Ok(())
    }
}

fn is_reachable(host: &str) -> bool {
    (host, HTTPS).to_socket_addrs().is_ok_and(|mut addresses| {
        addresses.any(|a| TcpStream::connect_timeout(&a, PATIENCE).is_ok())
    })
}

/// Where the advisory database is fetched from.
const ADVISORIES: &str = "github.com";
const HTTPS: u16 = 443;
const PATIENCE: Duration = Duration::from_secs(5);
