//! How much a mailbox may send.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// What limits the sending of each mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SendingLimits {
    /// Connections of SMTP at a time.
    pub connections: usize,
    /// Messages in a minute; more are delayed and not refused.
    pub messages_a_minute: usize,
    /// Recipients in a day.
    pub recipients_a_day: usize,
}

impl SendingLimits {
    /// Those of Exchange Online
    /// (<https://learn.microsoft.com/exchange/clients-and-mobile-in-exchange-online/send-emails/smtp-submission-improvements>).
    pub const EXCHANGE_ONLINE: Self = Self {
        connections: 3,
        messages_a_minute: 30,
        recipients_a_day: 10_000,
    };

    /// None, for those who want to send much in little time.
    pub const NONE: Self = Self {
        connections: usize::MAX,
        messages_a_minute: usize::MAX,
        recipients_a_day: usize::MAX,
    };
}

/// Counts what each mailbox sends. Clones count together.
#[derive(Debug, Clone)]
pub(crate) struct Meter {
    limits: SendingLimits,
    sent: Arc<Mutex<BTreeMap<String, Sent>>>,
}

/// What a mailbox sent.
#[derive(Debug, Default)]
struct Sent {
    /// When each message of the last minute went, or will.
    messages: VecDeque<Timestamp>,
    /// Since when recipients are counted, and how many there were.
    day: Option<(Timestamp, usize)>,
}

/// The recipients of the day are used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct UsedUp;

/// Why a message is not sent now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Limited {
    /// There were too many in the last minute: so long it has to wait.
    Wait(Duration),
    /// The recipients of the day are used up.
    UsedUp,
}

impl Meter {
    pub(crate) fn new(limits: SendingLimits) -> Self {
        Self {
            limits,
            sent: Arc::default(),
        }
    }

    /// Counts a message to so many recipients that `mailbox` sends `now`; answers how long it
    /// has to wait.
    pub(crate) fn count(
        &self,
        mailbox: &str,
        recipients: usize,
        now: Timestamp,
    ) -> Result<Duration, UsedUp> {
        let mut all = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        let sent = all.entry(mailbox.to_lowercase()).or_default();
        sent.day = Some(sent.with(recipients, self.limits.recipients_a_day, now)?);
        Ok(sent.delay(self.limits.messages_a_minute, now))
    }

    /// Counts such a message if it can go at once; one that cannot is not counted.
    pub(crate) fn admit(
        &self,
        mailbox: &str,
        recipients: usize,
        now: Timestamp,
    ) -> Result<(), Limited> {
        let mut all = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        let sent = all.entry(mailbox.to_lowercase()).or_default();
        let day = sent.with(recipients, self.limits.recipients_a_day, now);
        let day = day.map_err(|UsedUp| Limited::UsedUp)?;
        let wait = sent.wait(self.limits.messages_a_minute, now);
        if !wait.is_zero() {
            return Err(Limited::Wait(wait));
        }
        sent.day = Some(day);
        sent.delay(self.limits.messages_a_minute, now);
        Ok(())
    }
}

impl Sent {
    /// The day with so many recipients more.
    fn with(
        &self,
        recipients: usize,
        most: usize,
        now: Timestamp,
    ) -> Result<(Timestamp, usize), UsedUp> {
        let (since, before) = match self.day {
            Some((since, count)) if now.duration_since(since) < DAY => (since, count),
            _ => (now, 0),
        };
        let count = before.saturating_add(recipients);
        if count > most {
            return Err(UsedUp);
        }
        Ok((since, count))
    }

    /// How long one more message has to wait, which is counted.
    fn delay(&mut self, most: usize, now: Timestamp) -> Duration {
        let wait = self.wait(most, now);
        if most != usize::MAX {
            let at = now.checked_add(wait).unwrap_or(Timestamp::MAX);
            self.messages.push_back(at);
        }
        wait
    }

    /// How long one more message would have to wait.
    fn wait(&mut self, most: usize, now: Timestamp) -> Duration {
        let is_past = |at: &Timestamp| now.duration_since(*at) >= MINUTE;
        while self.messages.front().is_some_and(is_past) {
            self.messages.pop_front();
        }
        let before = self.messages.len().checked_sub(most.max(1));
        let turn = before.and_then(|at| self.messages.get(at)?.checked_add(MINUTE).ok());
        let at = turn.map_or(now, |turn| turn.max(now));
        Duration::try_from(at.duration_since(now)).unwrap_or_default()
    }
}

const MINUTE: SignedDuration = SignedDuration::from_mins(1);
const DAY: SignedDuration = SignedDuration::from_hours(24);

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).expect("a literal time")
    }

    #[test]
    fn more_than_so_many_in_a_minute_are_delayed() {
        let meter = Meter::new(SendingLimits {
            messages_a_minute: 2,
            ..SendingLimits::EXCHANGE_ONLINE
        });
        let sent = [0, 10, 20, 20, 70, 200].map(|seconds| {
            let delay = meter.count("ada@contoso.com", 1, at(seconds));
            delay.expect("few recipients").as_secs()
        });
        assert_eq!(sent, [0, 0, 40, 50, 50, 0]);
        let other = meter.count("bob@contoso.com", 1, at(20));
        assert_eq!(other, Ok(Duration::ZERO));
    }

    #[test]
    fn who_cannot_wait_is_not_counted() {
        let meter = Meter::new(SendingLimits {
            messages_a_minute: 2,
            recipients_a_day: 5,
            ..SendingLimits::EXCHANGE_ONLINE
        });
        let sent =
            [0, 10, 20, 59, 60].map(|seconds| meter.admit("ada@contoso.com", 1, at(seconds)));
        let wait = |seconds| Err(Limited::Wait(Duration::from_secs(seconds)));
        assert_eq!(sent, [Ok(()), Ok(()), wait(40), wait(1), Ok(())]);
        let more = meter.admit("ada@contoso.com", 3, at(500));
        assert_eq!(more, Err(Limited::UsedUp));
    }

    #[test]
    fn recipients_are_used_up_for_a_day() {
        let meter = Meter::new(SendingLimits::EXCHANGE_ONLINE);
        let hour = 3600;
        assert!(meter.count("ada@contoso.com", 9_999, at(0)).is_ok());
        assert_eq!(meter.count("Ada@contoso.com", 2, at(hour)), Err(UsedUp));
        assert!(meter.count("ada@contoso.com", 1, at(hour)).is_ok());
        assert_eq!(
            meter.count("ada@contoso.com", 1, at(23 * hour)),
            Err(UsedUp)
        );
        assert!(
            meter
                .count("ada@contoso.com", 10_000, at(24 * hour))
                .is_ok()
        );
    }

    #[test]
    fn nothing_is_counted_where_nothing_is_limited() {
        let meter = Meter::new(SendingLimits::NONE);
        for _ in 0..100 {
            let delay = meter.count("ada@contoso.com", 1_000_000, at(0));
            assert_eq!(delay, Ok(Duration::ZERO));
        }
    }
}
