//! The one place where the clock is read.

#![expect(
    clippy::disallowed_methods,
    reason = "this is the module that the others are sent to"
)]

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

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
        /// How far it was set since, in microseconds.
        set: Arc<AtomicI64>,
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
            set: Arc::default(),
        })
    }

    /// The present time.
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Source::System => Timestamp::now(),
            Source::Virtual { start, origin, set } => {
                let set = SignedDuration::from_micros(set.load(Ordering::Relaxed));
                let shown = later(*start, origin.elapsed()).checked_add(set);
                shown.unwrap_or(*start)
            }
        }
    }

    /// Sets a virtual clock forward or back, as somebody may set that of the machine. The clock
    /// of the machine stays as it is.
    pub fn set_by(&self, by: SignedDuration) {
        if let Source::Virtual { set, .. } = &self.0 {
            let micros = i64::try_from(by.as_micros()).unwrap_or_default();
            set.fetch_add(micros, Ordering::Relaxed);
        }
    }

    /// Time that passes evenly, from some beginning on, also while the machine sleeps.
    pub(crate) fn beat(&self) -> Duration {
        match &self.0 {
            Source::System => {
                let beat = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
                Duration::try_from(beat).unwrap_or_default()
            }
            Source::Virtual { origin, .. } => origin.elapsed(),
        }
    }

    /// Waits for `duration`.
    pub async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }

    /// Waits until `at`, and not at all if that is past. Long waits are taken in steps, so that
    /// a clock that was set forward, or a machine that slept, is noticed within a minute; a clock
    /// that was set back makes no wait longer.
    pub async fn sleep_until(&self, at: Timestamp) {
        let mut longest = self.left(at);
        loop {
            let step = self.left(at).min(longest).min(LONGEST_STEP);
            if step.is_zero() {
                return;
            }
            tokio::time::sleep(step).await;
            longest = longest.saturating_sub(step);
        }
    }

    fn left(&self, at: Timestamp) -> Duration {
        Duration::try_from(at.duration_since(self.now())).unwrap_or_default()
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

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_is_set_back_makes_no_wait_longer() {
        let clock = Clock::starting_at(Timestamp::UNIX_EPOCH);
        let began = clock.beat();
        let until = later(Timestamp::UNIX_EPOCH, Duration::from_mins(10));
        let setting = async {
            clock.sleep(Duration::from_mins(3)).await;
            clock.set_by(SignedDuration::from_hours(-24));
        };
        tokio::join!(clock.sleep_until(until), setting);
        let passed = || clock.beat().saturating_sub(began);
        assert_eq!(passed(), Duration::from_mins(10));
        // Set forward, it is over within a minute.
        let until = later(clock.now(), Duration::from_hours(48));
        clock.set_by(SignedDuration::from_hours(47));
        clock.sleep_until(until).await;
        assert!(passed() <= Duration::from_mins(72));
    }
}
