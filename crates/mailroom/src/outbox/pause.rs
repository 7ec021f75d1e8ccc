//! Why nothing of a mailbox is sent at present, as people are told who look into the outbox.

use jiff::{SignedDuration, Timestamp};

use super::SendLimits;
use crate::{Submission, SubmissionState, Traffic};

/// A mailbox sends nothing for a while, whatever waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pause {
    /// Until when.
    pub until: Timestamp,
    /// Why.
    pub reason: String,
    /// The code of that, if it has one.
    pub code: Option<String>,
}

impl SendLimits {
    /// Why nothing of a mailbox is sent at `now`, which has these messages in the outbox and sent so
    /// much in the last 24 hours; `None` if nothing keeps it.
    pub fn pause(
        &self,
        (submissions, lately): (&[Submission], &[Traffic]),
        now: Timestamp,
    ) -> Option<Pause> {
        let waits = submissions.iter().filter_map(|one| {
            let until = one.mailbox_waits_until.filter(|until| *until > now)?;
            let is_open = one.state == SubmissionState::Queued;
            let reason = one.reason.clone().filter(|_| is_open)?;
            let code = one.code.clone();
            Some(Pause {
                until,
                reason,
                code,
            })
        });
        waits
            .chain(self.used_up(lately, now))
            .chain(self.too_fast(lately, now))
            .max_by_key(|pause| pause.until)
    }

    /// The messages of a minute.
    fn too_fast(&self, lately: &[Traffic], now: Timestamp) -> Option<Pause> {
        let later = |at: Timestamp| at.checked_add(MINUTE).unwrap_or(Timestamp::MAX);
        let mut lately = within(lately, later, now);
        lately.reverse();
        let mut count: u64 = 0;
        // When the oldest of as many as may be sent is a minute old.
        let oldest = lately.iter().find(|one| {
            count += one.messages;
            count >= u64::from(self.messages_per_minute)
        })?;
        Some(Pause {
            until: later(oldest.at),
            reason: format!(
                "the mailbox has sent {count} messages within a minute, and may send {}",
                self.messages_per_minute
            ),
            code: None,
        })
    }

    /// The recipients of a day.
    fn used_up(&self, lately: &[Traffic], now: Timestamp) -> Option<Pause> {
        let later = |at: Timestamp| at.checked_add(DAY).unwrap_or(Timestamp::MAX);
        let lately = within(lately, later, now);
        let count: u64 = lately.iter().map(|one| one.recipients).sum();
        let oldest = lately
            .first()
            .filter(|_| count >= self.recipients_per_day)?;
        Some(Pause {
            until: later(oldest.at),
            reason: format!(
                "the mailbox has sent to {count} recipients in 24 hours, and may to {}",
                self.recipients_per_day
            ),
            code: None,
        })
    }
}

/// What counts still at `now`, the oldest first, without what a clock wrote that was ahead.
fn within(
    lately: &[Traffic],
    ends: impl Fn(Timestamp) -> Timestamp,
    now: Timestamp,
) -> Vec<&Traffic> {
    let ahead = now.checked_add(MINUTE).unwrap_or(Timestamp::MAX);
    let counts = |one: &&Traffic| ends(one.at) > now && one.at <= ahead;
    let mut lately: Vec<&Traffic> = lately.iter().filter(counts).collect();
    lately.sort_by_key(|one| one.at);
    lately
}

const DAY: SignedDuration = SignedDuration::from_hours(24);
const MINUTE: SignedDuration = SignedDuration::from_mins(1);

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).expect("a time in this century")
    }

    #[test]
    fn the_messages_of_a_minute_are_told_when_they_are_used_up() {
        let limits = SendLimits::default();
        let minute = |seconds, messages| Traffic {
            at: at(seconds),
            messages,
            recipients: messages,
        };
        let pause = |lately: &[Traffic], now| limits.pause((&[], lately), at(now));
        assert_eq!(pause(&[minute(-60, 30), minute(-2, 29)], 0), None);
        let busy = [minute(-30, 10), minute(-2, 20)];
        let told = pause(&busy, 0).expect("it is a minute full");
        assert_eq!(told.until, at(30), "then ten of them are a minute old");
        assert!(told.reason.contains("30 messages"), "{}", told.reason);
        assert_eq!(pause(&busy, 30), None);
        let ahead = [minute(3_600, 30)];
        assert_eq!(pause(&ahead, 0), None, "the clock was ahead");
    }

    #[test]
    fn the_recipients_of_a_day_are_told_when_they_are_used_up() {
        let limits = SendLimits::default();
        let minute = |seconds, recipients| Traffic {
            at: at(seconds),
            messages: 1,
            recipients,
        };
        let lately = [
            minute(-90_000, 9_000),
            minute(-80_000, 9_000),
            minute(-10, 999),
        ];
        assert_eq!(limits.pause((&[], &lately), at(0)), None);
        let lately = [lately[1], minute(-10, 1_000)];
        let pause = limits
            .pause((&[], &lately), at(0))
            .expect("it is a day full");
        assert_eq!(pause.until, at(6_400));
        assert!(
            pause.reason.contains("10000 recipients"),
            "{}",
            pause.reason
        );
    }
}
