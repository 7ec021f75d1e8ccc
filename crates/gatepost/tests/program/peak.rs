//! How much memory a program took, and may take, for a large message: of the tests with a sandbox and
//! of those with real counterparts.

use std::{fs, io};

/// The most memory, in KiB, that a process has held until now.
pub(crate) fn peak_of(process: u32) -> io::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let peak = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:")?.strip_suffix("kB"));
    let peak = peak.and_then(|peak| peak.trim().parse().ok());
    peak.ok_or_else(|| io::Error::other("Linux tells the peak"))
}

/// How much more memory, in KiB, a large message took, which is also said.
#[expect(clippy::print_stderr, reason = "a test is known by its figures")]
pub(crate) fn told(large: u64, without: u64) -> u64 {
    let more = large.saturating_sub(without);
    eprintln!(
        "peak {large} KiB with a large message, {without} KiB without: {more} KiB more, and \
         {MOST_MORE} KiB may be"
    );
    more
}

/// In KiB.
pub(crate) const MOST_MORE: u64 = 16 * 1024;
