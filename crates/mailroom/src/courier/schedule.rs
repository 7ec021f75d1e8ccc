//! When a delivery that failed is tried again, and when it gives up.

use std::time::Duration;

use gatepost_host::Chance;
use jiff::Timestamp;

use crate::{Outcome, Settled};

/// The waits between attempts. After the last one, a delivery that fails is a dead letter.
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
        attempt: u32,
        (now, chance): (Timestamp, &Chance),
    ) -> Settled {
        match outcome {
            Outcome::Done => Settled::Done,
            Outcome::Refused { reason } => Settled::Dead { reason },
            Outcome::Retry { reason, after } => match self.wait(attempt) {
                Some(wait) => {
                    let wait = wait.max(after.unwrap_or_default());
                    let wait = wait + chance.up_to(wait / 10);
                    Settled::RetryAt {
                        at: now.checked_add(wait).unwrap_or(Timestamp::MAX),
                        reason,
                    }
                }
                None => Settled::Dead {
                    reason: format!("{attempt} attempts failed; the last one: {reason}"),
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

    /// The wait after attempt number `attempt`, from 1.
    fn wait(&self, attempt: u32) -> Option<Duration> {
        let index = usize::try_from(attempt.saturating_sub(1)).ok()?;
        self.0.get(index).copied()
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(outcome: Outcome, attempt: u32) -> Settled {
        let now = Timestamp::UNIX_EPOCH;
        Schedule::default().verdict(outcome, attempt, (now, &Chance::seeded(1)))
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
        let mut total = 0;
        for attempt in 1..10 {
            let wait = STANDARD[attempt - 1].as_secs();
            let waited = waited(&verdict(
                failing(None),
                u32::try_from(attempt).expect("few"),
            ));
            assert!(
                waited >= wait && waited <= wait + wait / 10 + 1,
                "{attempt}"
            );
            total += wait;
        }
        assert_eq!(total / 3600, 75);
        assert!(matches!(verdict(failing(None), 10), Settled::Dead { .. }));
    }

    #[test]
    fn the_sink_may_ask_for_more_time_and_not_for_less() {
        assert!(waited(&verdict(failing(Some(Duration::from_secs(90))), 1)) >= 90);
        assert!(waited(&verdict(failing(Some(Duration::from_secs(1))), 2)) >= 300);
    }

    #[test]
    fn a_refusal_is_final_and_a_sink_that_is_gone_costs_nothing() {
        let reason = || "no".to_owned();
        let refused = verdict(Outcome::Refused { reason: reason() }, 1);
        assert_eq!(refused, Settled::Dead { reason: reason() });
        let gone = verdict(Outcome::SinkGone { reason: reason() }, 40);
        assert!(matches!(gone, Settled::RetryAt { .. }));
    }
}
