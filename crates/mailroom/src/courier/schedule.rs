//! When a delivery that failed is tried again, and when it gives up.

use std::time::Duration;

use gatepost_host::Chance;
use jiff::Timestamp;

use crate::{Outcome, Settled};

/// The waits between attempts. After the last one, a delivery that fails is a dead letter.
///
/// How far a delivery has come in it is the lesser of what its attempts and its age say: neither
/// a process that is killed in the middle of many attempts nor one that is down for days takes
/// the patience that was promised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule(Vec<Duration>);

impl Schedule {
    /// A schedule of these waits: one attempt more than there are.
    pub fn new(waits: Vec<Duration>) -> Self {
        Self(waits)
    }

    /// How an attempt is settled. Jitter adds up to a tenth of a wait.
    pub(super) fn verdict(
        &self,
        outcome: Outcome,
        tried: Tried,
        (now, chance): (Timestamp, &Chance),
    ) -> Settled {
        match outcome {
            Outcome::Done => Settled::Done,
            Outcome::Refused { reason } => Settled::Dead { reason },
            Outcome::Retry { reason, after } => match self.wait(tried) {
                Some(wait) => {
                    let wait = wait.max(after.unwrap_or_default().min(LONGEST));
                    let wait = wait + chance.up_to(wait / 10);
                    Settled::RetryAt {
                        at: now.checked_add(wait).unwrap_or(Timestamp::MAX),
                        reason,
                    }
                }
                None => Settled::Dead {
                    reason: format!(
                        "it was attempted {} times; the last one: {reason}",
                        tried.attempt
                    ),
                },
            },
            // It is the sink that is gone, not the delivery that is bad: it waits for the
            // operator, however often it was attempted.
            Outcome::SinkGone { reason } => Settled::RetryAt {
                at: now.checked_add(GONE).unwrap_or(Timestamp::MAX),
                reason,
            },
        }
    }

    /// The longest wait between two attempts, jitter included.
    pub(super) fn longest(&self) -> Duration {
        let longest = self.0.iter().copied().fold(LONGEST, Duration::max);
        longest + longest / 10
    }

    /// The wait that comes next, if there is one left.
    fn wait(&self, tried: Tried) -> Option<Duration> {
        let by_attempts = usize::try_from(tried.attempt.saturating_sub(1)).unwrap_or(usize::MAX);
        let mut passed = Duration::ZERO;
        let over = |wait: &&Duration| {
            passed += **wait;
            passed <= tried.since
        };
        let by_age = self.0.iter().take_while(over).count();
        self.0.get(by_attempts.min(by_age)).copied()
    }
}

/// How often a delivery was attempted, and how long ago the first attempt began.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tried {
    pub(super) attempt: u32,
    pub(super) since: Duration,
}

/// The schedule that Standard Webhooks 1.0.0 recommends: ten attempts within about three days.
impl Default for Schedule {
    fn default() -> Self {
        Self(STANDARD.to_vec())
    }
}

const STANDARD: [Duration; 9] = [
    Duration::from_secs(5),
    Duration::from_mins(5),
    Duration::from_mins(30),
    Duration::from_hours(2),
    Duration::from_hours(5),
    Duration::from_hours(10),
    Duration::from_hours(14),
    Duration::from_hours(20),
    Duration::from_hours(24),
];
const GONE: Duration = Duration::from_mins(1);
/// No sink is taken at its word for longer.
const LONGEST: Duration = Duration::from_hours(24);

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(outcome: Outcome, attempt: u32, since: Duration) -> Settled {
        let now = Timestamp::UNIX_EPOCH;
        let tried = Tried { attempt, since };
        Schedule::default().verdict(outcome, tried, (now, &Chance::seeded(1)))
    }

    fn waited(settled: &Settled) -> u64 {
        match settled {
            Settled::RetryAt { at, .. } => u64::try_from(at.as_second()).expect("after the epoch"),
            other => panic!("it is not tried again: {other:?}"),
        }
    }

    fn failing(after: Option<Duration>) -> Outcome {
        Outcome::Retry {
            reason: "no".to_owned(),
            after,
        }
    }

    #[test]
    fn ten_attempts_within_about_three_days() {
        let mut age = Duration::ZERO;
        for (attempt, wait) in (1..).zip(STANDARD) {
            let waited = waited(&verdict(failing(None), attempt, age));
            let wait_seconds = wait.as_secs();
            assert!(waited >= wait_seconds && waited <= wait_seconds * 11 / 10 + 1);
            age += wait;
        }
        assert_eq!(age.as_secs() / 3600, 75);
        let last = verdict(failing(None), 10, age);
        assert!(matches!(last, Settled::Dead { .. }));
    }

    #[test]
    fn neither_crashes_nor_downtime_shorten_the_patience() {
        let killed_often = verdict(failing(None), 500, Duration::from_secs(2));
        assert!(waited(&killed_often) <= 6);
        let down_for_weeks = verdict(failing(None), 2, Duration::from_hours(500));
        assert!((300..=331).contains(&waited(&down_for_weeks)));
    }

    #[test]
    fn the_sink_may_ask_for_more_time_and_not_for_less() {
        let asked = |seconds| failing(Some(Duration::from_secs(seconds)));
        assert!(waited(&verdict(asked(90), 1, Duration::ZERO)) >= 90);
        assert!(waited(&verdict(asked(1), 2, Duration::from_secs(6))) >= 300);
    }

    #[test]
    fn no_wait_is_longer_than_the_longest() {
        let asked = failing(Some(Duration::from_hours(10_000)));
        let longest = Schedule::default().longest();
        assert!(waited(&verdict(asked, 1, Duration::ZERO)) <= longest.as_secs());
        let patient = Schedule::new(vec![Duration::from_hours(100)]);
        assert_eq!(patient.longest(), Duration::from_hours(110));
    }

    #[test]
    fn a_refusal_is_final_and_a_sink_that_is_gone_costs_nothing() {
        let reason = || "no".to_owned();
        let refused = verdict(Outcome::Refused { reason: reason() }, 1, Duration::ZERO);
        assert_eq!(refused, Settled::Dead { reason: reason() });
        let gone = Outcome::SinkGone { reason: reason() };
        let gone = verdict(gone, 40, Duration::from_hours(500));
        assert!(matches!(gone, Settled::RetryAt { .. }));
    }
}
