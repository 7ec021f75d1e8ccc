//! The one place where the clock is read.

#![expect(
    clippy::disallowed_methods,
    reason = "this is the module that the others are sent to"
)]

use std::future::Future;
use std::time::Duration;

use jiff::Timestamp;

/// Tells the time and waits. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Clock(Source);

#[derive(Debug, Clone)]
enum Source {
    System,
    /// Follows tokio's clock from a fixed start: with tokio's time paused, this is virtual time.
    Virtual {
        start: Timestamp,
        origin: tokio::time::Instant,
    },
}

/// The time that was allowed is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the time allowed is over")]
pub struct Elapsed;

impl Clock {
    /// The clock of the machine.
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that shows `start` now and then goes as tokio's clock goes, for tests and
    /// simulations with paused time. Needs a tokio runtime.
    pub fn starting_at(start: Timestamp) -> Self {
        Self(Source::Virtual {
            start,
            origin: tokio::time::Instant::now(),
        })
    }

    /// The present time.
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Source::System => Timestamp::now(),
            Source::Virtual { start, origin } => later(*start, origin.elapsed()),
        }
    }

    /// Waits for `duration`.
    pub async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }

    /// Waits until `at`, and not at all if that is past. Long waits are taken in steps, so that
    /// a system clock that was set, or a machine that slept, is noticed within a minute.
    pub async fn sleep_until(&self, at: Timestamp) {
        loop {
            let left = at.duration_since(self.now());
            let Ok(left) = Duration::try_from(left) else {
                return;
            };
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(left.min(LONGEST_STEP)).await;
        }
    }

    /// Runs `future` for at most `limit`.
    pub async fn within<F: Future>(
        &self,
        limit: Duration,
        future: F,
    ) -> Result<F::Output, Elapsed> {
        tokio::time::timeout(limit, future)
            .await
            .map_err(|_| Elapsed)
    }
}

/// `at` plus `duration`, or the end of time.
fn later(at: Timestamp, duration: Duration) -> Timestamp {
    at.checked_add(duration).unwrap_or(Timestamp::MAX)
}

const LONGEST_STEP: Duration = Duration::from_mins(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn virtual_time_passes_only_by_waiting() {
        let start: Timestamp = "2026-11-22T10:00:00Z".parse().expect("a literal timestamp");
        let clock = Clock::starting_at(start);
        assert_eq!(clock.now(), start);
        clock
            .sleep_until(later(start, Duration::from_hours(48)))
            .await;
        assert_eq!(clock.now(), later(start, Duration::from_hours(48)));
        clock.sleep_until(start).await;
        assert_eq!(clock.now(), later(start, Duration::from_hours(48)));
    }
}
