//! A time to wait, on a clock that may be set.

use std::time::Duration;

use jiff::Timestamp;

/// A wait from one time to another. A clock that is set back ends it: what began in the future
/// says nothing, and would otherwise hold for as long as the clock was wrong.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pause {
    pub(super) since: Timestamp,
    pub(super) until: Timestamp,
}

impl Pause {
    /// A wait of `time` that begins at `now`.
    pub(super) fn new(now: Timestamp, time: Duration) -> Self {
        Self::until(now, now.checked_add(time).unwrap_or(Timestamp::MAX))
    }

    /// A wait that begins at `now` and ends at `until`.
    pub(super) fn until(now: Timestamp, until: Timestamp) -> Self {
        Self { since: now, until }
    }

    /// What is left of it at `now`, if it is not over.
    pub(super) fn left(&self, now: Timestamp) -> Option<Duration> {
        let early = Duration::try_from(self.since.duration_since(now)).unwrap_or_default();
        if early > ADJUSTMENT {
            return None;
        }
        Duration::try_from(self.until.duration_since(now))
            .ok()
            .filter(|left| !left.is_zero())
    }
}

/// What keeping a clock right may take it back, in steps that end no wait.
const ADJUSTMENT: Duration = Duration::from_mins(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_set_back_ends_a_wait_and_a_small_step_does_not() {
        let at = |seconds: i64| Timestamp::from_second(1_800_000_000 + seconds).expect("a time");
        let pause = Pause::new(at(0), Duration::from_secs(90));
        assert_eq!(pause.left(at(0)), Some(Duration::from_secs(90)));
        assert_eq!(pause.left(at(89)), Some(Duration::from_secs(1)));
        assert_eq!(pause.left(at(90)), None);
        assert_eq!(pause.left(at(-10)), Some(Duration::from_secs(100)));
        assert_eq!(pause.left(at(-3600)), None);
    }
}
