//! A time to wait that ends when it should, whatever the clock is set to meanwhile.

use std::time::Duration;

use jiff::Timestamp;

use crate::Clock;

/// A time that runs out evenly, also while the machine sleeps.
#[derive(Debug, Clone)]
pub struct Countdown {
    clock: Clock,
    /// By the beat of the clock.
    ends: Duration,
}

impl Countdown {
    /// `time` from now on.
    pub fn of(clock: &Clock, time: Duration) -> Self {
        Self {
            clock: clock.clone(),
            ends: clock.beat().saturating_add(time),
        }
    }

    /// As long as it is until `at` by what the clock shows now.
    pub fn until(clock: &Clock, at: Timestamp) -> Self {
        let left = Duration::try_from(at.duration_since(clock.now()));
        Self::of(clock, left.unwrap_or_default())
    }

    /// What is left of it: nothing once it is over.
    pub fn left(&self) -> Duration {
        self.ends.saturating_sub(self.clock.beat())
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_runs_out_in_its_time_whatever_the_clock_is_set_to() {
        let clock = Clock::starting_at(Timestamp::UNIX_EPOCH);
        let until = Timestamp::UNIX_EPOCH + SignedDuration::from_secs(10);
        let countdown = Countdown::until(&clock, until);
        for hours in [-30, 60] {
            clock.set_by(SignedDuration::from_hours(hours));
            assert_eq!(countdown.left(), Duration::from_secs(10));
        }
        clock.sleep(Duration::from_secs(9)).await;
        assert_eq!(countdown.left(), Duration::from_secs(1));
        clock.sleep(Duration::from_secs(2)).await;
        assert_eq!(countdown.left(), Duration::ZERO);
        let past = Countdown::until(&clock, Timestamp::UNIX_EPOCH);
        assert_eq!(past.left(), Duration::ZERO);
    }
}
