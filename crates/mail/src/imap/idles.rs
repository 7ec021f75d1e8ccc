//! Whether connections to a mailbox survive idling. A firewall or a proxy may cut off whoever is
//! silent, also where the server itself announces IDLE (RFC 2177): connecting again each second
//! would be no better than asking, and ruder.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::link::Place;

/// What became of the idling so far. The sessions of one opener share it.
#[derive(Debug, Default)]
pub(super) struct Idles(Mutex<Record>);

#[derive(Debug, Default)]
struct Record {
    /// How often in a row it ended soon after it began.
    drops: u32,
    /// Until when nobody idles.
    rest_until: Option<Timestamp>,
}

impl Idles {
    /// Whether idling is worth a try.
    pub(super) fn are_trusted(&self, now: Timestamp) -> bool {
        let record = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        record.rest_until.is_none_or(|until| now >= until)
    }

    /// Notes that an idling ended without being asked to.
    pub(super) fn dropped(&self, place: &Place, (began, now): (Timestamp, Timestamp)) {
        let mut record = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if now.duration_since(began) >= SOON {
            *record = Record::default();
            return;
        }
        record.drops = record.drops.saturating_add(1);
        let Some(more) = record.drops.checked_sub(MOST_DROPS) else {
            return;
        };
        let rest = FIRST_REST
            .saturating_mul(1 << more.min(16))
            .min(LONGEST_REST);
        record.rest_until = Some(now.checked_add(rest).unwrap_or(Timestamp::MAX));
        let (host, mailbox, drops) = (&place.host, &place.mailbox, record.drops);
        let minutes = rest.as_secs() / 60;
        tracing::warn!(
            host,
            mailbox,
            drops,
            "connections that idle are dropped: for {minutes} minutes the server is asked for news instead"
        );
    }

    /// Notes that an idling went on until it was ended.
    pub(super) fn survived(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Record::default();
    }
}

/// What ends later than this is no reason to ask instead.
const SOON: SignedDuration = SignedDuration::from_mins(1);
const MOST_DROPS: u32 = 3;
/// It doubles each time that it did not help.
const FIRST_REST: Duration = Duration::from_mins(10);
const LONGEST_REST: Duration = Duration::from_hours(6);

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minutes)
    }

    fn dropped(idles: &Idles, minutes: i64, seconds: i64) {
        let place = Place {
            host: "imap.example".to_owned(),
            mailbox: "ada@contoso.com".to_owned(),
        };
        let end = at(minutes) + SignedDuration::from_secs(seconds);
        idles.dropped(&place, (at(minutes), end));
    }

    #[test]
    fn after_some_drops_nobody_idles_for_longer_and_longer() {
        let idles = Idles::default();
        for _ in 0..2 {
            dropped(&idles, 0, 0);
            assert!(idles.are_trusted(at(0)));
        }
        for (from, rest) in [(0, 10), (10, 20), (30, 40), (70, 80)] {
            dropped(&idles, from, 0);
            assert!(!idles.are_trusted(at(from + rest - 1)), "{rest}");
            assert!(idles.are_trusted(at(from + rest)), "{rest}");
        }
        for _ in 0..40 {
            dropped(&idles, 1_000, 0);
        }
        assert!(idles.are_trusted(at(1_000 + 360)), "six hours at most");
        idles.survived();
        dropped(&idles, 2_000, 0);
        assert!(idles.are_trusted(at(2_000)), "what works is trusted again");
    }

    #[test]
    fn what_lasts_a_while_is_no_reason() {
        let idles = Idles::default();
        for minute in 0..10 {
            dropped(&idles, minute, 60);
            assert!(idles.are_trusted(at(minute)));
        }
    }
}
