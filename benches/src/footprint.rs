//! What a process holds and how much it has worked, as `/proc` tells it (`proc(5)`).

use std::time::Duration;

use anyhow::Context as _;
use rustix::process::Resource;

/// Memory of its own that the process has in use (`RssAnon`), in KiB. The buffers that the kernel
/// keeps for its connections are not counted.
pub fn resident(process: u32) -> anyhow::Result<usize> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("RssAnon:"));
    let kibibytes = line.and_then(|rest| rest.split_whitespace().next());
    kibibytes
        .and_then(|number| number.parse().ok())
        .context("the system does not tell what memory is its own")
}

/// How many threads the process has.
pub fn threads(process: u32) -> anyhow::Result<usize> {
    Ok(std::fs::read_dir(format!("/proc/{process}/task"))?.count())
}

/// Time spent in the process and for it, exact to a hundredth of a second.
pub fn processor(process: u32) -> anyhow::Result<Duration> {
    times(process, OWN)
}

/// The same of all its children that have ended and were waited for.
pub fn processor_of_children(process: u32) -> anyhow::Result<Duration> {
    times(process, OF_CHILDREN)
}

/// Lets this process, and what it starts, open as many files as it may.
pub fn more_files() -> anyhow::Result<()> {
    let mut limit = rustix::process::getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    Ok(rustix::process::setrlimit(Resource::Nofile, limit)?)
}

fn times(process: u32, place: usize) -> anyhow::Result<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    let (_, fields) = stat.rsplit_once(')').context("an odd /proc/pid/stat")?;
    let ticks = fields.split_whitespace().skip(place).take(2);
    let ticks: u64 = ticks.filter_map(|number| number.parse::<u64>().ok()).sum();
    Ok(Duration::from_millis(ticks * 10))
}

/// Where `utime` and `stime` stand behind the name of the program.
const OWN: usize = 11;
/// Where `cutime` and `cstime` do.
const OF_CHILDREN: usize = 13;
