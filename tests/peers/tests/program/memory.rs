//! How much memory the program takes for a large message.

use std::io::Read as _;
use std::process::Stdio;

use gatepost_peers::large_message;

use crate::stand::{ADA, Failure, Stand};

#[test]
fn the_largest_message_of_exchange_streams_through() -> Result<(), Failure> {
    let stand = Stand::new("")?;
    let small = peak_for(&stand, SMALL)?;
    let large = peak_for(&stand, LARGE)?;
    let more = large.saturating_sub(small);
    assert!(
        more <= MOST_MORE,
        "{more} KiB more than the {small} KiB for a small message"
    );
    Ok(())
}

/// The most memory, in KiB, that the program ever held until it had written almost all of a
/// message of this size. It cannot end before that is asked: the rest is more than a pipe holds.
fn peak_for(stand: &Stand, size: usize) -> Result<u64, Failure> {
    stand.dovecot.deliver(ADA, "INBOX", &large_message(size))?;
    let mut child = stand
        .program
        .command()
        .args(["read", ADA, "--raw"])
        .stdout(Stdio::piped())
        .spawn()?;
    let mut written = child.stdout.take().ok_or("standard output is a pipe")?;
    let almost = (size - REST) as u64;
    let mut sink = std::io::sink();
    let passed = std::io::copy(&mut written.by_ref().take(almost), &mut sink)?;
    assert_eq!(passed, almost);
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id()))?;
    let rest = std::io::copy(&mut written, &mut sink)?;
    assert_eq!(rest, REST as u64);
    assert!(child.wait()?.success());
    let peak = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:")?.strip_suffix("kB"))
        .ok_or("Linux tells the peak")?;
    Ok(peak.trim().parse()?)
}

const SMALL: usize = 1024 * 1024;
/// What Exchange Online lets a tenant allow at most.
const LARGE: usize = 150 * 1024 * 1024;
const REST: usize = 512 * 1024;
/// In KiB.
const MOST_MORE: u64 = 16 * 1024;
