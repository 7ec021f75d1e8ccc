//! Durations, and how they compare.

use std::fs::File;
use std::io::Write as _;
use std::time::{Duration, Instant};

/// Measures real time.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts it.
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// The time since it was started.
    pub fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}

/// Measures what the processor does for this thread: what else the machine has to do does not
/// count.
#[derive(Debug, Clone, Copy)]
pub struct Workload(Duration);

impl Workload {
    /// Starts it.
    pub fn start() -> Self {
        Self(processor_time())
    }

    /// The processor time since it was started.
    pub fn so_far(self) -> Duration {
        processor_time().saturating_sub(self.0)
    }
}

fn processor_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

/// The same thing measured several times.
#[derive(Debug, Clone, Default)]
pub struct Sample(Vec<Duration>);

impl Sample {
    /// Adds a measurement.
    pub fn push(&mut self, duration: Duration) {
        self.0.push(duration);
        self.0.sort_unstable();
    }

    /// The measurement that `share` (0 to 1) of all are not above.
    pub fn quantile(&self, share: f64) -> Duration {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a place in a list of some thousands"
        )]
        let place = (share * self.0.len().saturating_sub(1) as f64).round() as usize;
        self.0.get(place).copied().unwrap_or_default()
    }

    /// The middle one.
    pub fn median(&self) -> Duration {
        self.quantile(0.5)
    }

    /// How far the measurements lie apart, as a share of the median: the noise.
    pub fn spread(&self) -> f64 {
        let width = self.quantile(1.0).saturating_sub(self.quantile(0.0));
        width.as_secs_f64() / self.median().as_secs_f64().max(f64::MIN_POSITIVE)
    }
}

/// Prints how two samples compare; answers how many times as fast the first is.
pub fn compare(what: &str, (name, ours): (&str, &Sample), (other, theirs): (&str, &Sample)) -> f64 {
    let ratio = theirs.median().as_secs_f64() / ours.median().as_secs_f64();
    println!("{what}:");
    for (name, sample) in [(name, ours), (other, theirs)] {
        println!(
            "  {name:<15} {:>9.3} s  (spread {:.0} %)",
            sample.median().as_secs_f64(),
            sample.spread() * 100.0
        );
    }
    println!("  {name} is {ratio:.2} times as fast as {other}");
    ratio
}

/// Prints the goal that was set for a figure, and whether it is reached.
pub fn judge(goal: &str, reached: bool) {
    let verdict = if reached { "reached" } else { "missed" };
    println!("  goal: {goal}: {verdict}");
}

/// Prints what was found.
pub fn report(finding: &str) {
    println!("{finding}");
}

/// How many writes of these octets, each durable before the next, the disk of `file` takes in a
/// second.
pub fn durable_writes(file: &mut File, octets: &[u8]) -> std::io::Result<f64> {
    let watch = Stopwatch::start();
    for _ in 0..WRITES {
        file.write_all(octets)?;
        file.sync_data()?;
    }
    Ok(f64::from(WRITES) / watch.elapsed().as_secs_f64())
}

const WRITES: u32 = 500;
