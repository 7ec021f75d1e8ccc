//! Waiting for what another process does.

use std::path::Path;
use std::time::Duration;

use anyhow::bail;

/// Looks again and again until it is so; gives up after five minutes.
pub fn until(what: &str, mut is_so: impl FnMut() -> anyhow::Result<bool>) -> anyhow::Result<()> {
    for _ in 0..LOOKS {
        if is_so()? {
            return Ok(());
        }
        pause(PAUSE);
    }
    bail!(
        "{what} did not come about in {} s",
        (PAUSE * LOOKS).as_secs()
    )
}

/// Lets time pass.
pub fn pause(time: Duration) {
    std::thread::sleep(time);
}

/// How many files are in a folder; none if it is not there.
pub fn count_files(folder: &Path) -> usize {
    std::fs::read_dir(folder).map_or(0, Iterator::count)
}

/// Counting ten thousand files takes milliseconds of a core that others need.
const PAUSE: Duration = Duration::from_millis(30);
const LOOKS: u32 = 10_000;
