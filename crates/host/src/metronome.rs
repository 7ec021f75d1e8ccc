//! Time as it passes, whatever the clock is set to.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::Clock;

/// Goes on evenly while the clock may be set, and tells how far it was set.
#[derive(Debug)]
pub struct Metronome {
    clock: Clock,
    began: Duration,
    asked: (Duration, Timestamp),
}

impl Metronome {
    /// A metronome beside `clock`.
    pub fn beside(clock: &Clock) -> Self {
        let began = clock.beat();
        Self {
            clock: clock.clone(),
            began,
            asked: (began, clock.now()),
        }
    }

    /// How long it goes.
    pub fn elapsed(&self) -> Duration {
        self.clock.beat().saturating_sub(self.began)
    }

    /// How far the clock was set, forward or (below zero) back, since this was last asked.
    pub fn set_by(&mut self) -> SignedDuration {
        let now = (self.clock.beat(), self.clock.now());
        let (beat, time) = std::mem::replace(&mut self.asked, now);
        let passed = SignedDuration::try_from(now.0.saturating_sub(beat));
        let shown = now.1.duration_since(time);
        shown.saturating_sub(passed.unwrap_or(SignedDuration::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_tells_how_far_the_clock_was_set() {
        let clock = Clock::starting_at(Timestamp::UNIX_EPOCH);
        let mut metronome = Metronome::beside(&clock);
        clock.sleep(Duration::from_secs(9)).await;
        assert_eq!(metronome.set_by(), SignedDuration::ZERO);
        clock.set_by(SignedDuration::from_hours(-3));
        clock.sleep(Duration::from_secs(1)).await;
        assert_eq!(metronome.set_by(), SignedDuration::from_hours(-3));
        assert_eq!(metronome.set_by(), SignedDuration::ZERO);
        assert_eq!(metronome.elapsed(), Duration::from_secs(10));
    }

    #[test]
    fn beside_the_clock_of_the_machine_it_goes_as_fast() {
        let mut metronome = Metronome::beside(&Clock::system());
        assert!(metronome.set_by().abs() < SignedDuration::from_secs(1));
    }
}
