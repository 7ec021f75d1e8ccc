//! Lines of the log that strangers cause, so that no stranger fills the disk with them.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use crate::neighbourhood::neighbourhood;

/// What was said of whom. Of each neighbourhood each reason is said once in [`QUIET`], with how
/// often it was left out before. Clones are the same one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Quiet(Arc<Mutex<Heard>>);

#[derive(Debug, Default)]
struct Heard {
    said: BTreeMap<Subject, Said>,
    /// When what is over was forgotten last: in a flood that is not done for every drop.
    swept: Option<Timestamp>,
}

/// A reason, and the neighbourhood.
type Subject = (&'static str, IpAddr);

#[derive(Debug, Clone, Copy)]
struct Said {
    at: Timestamp,
    left_out: u64,
}

/// How many lines like one were left out before it; shown as words to append, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LeftOut(u64);

impl LeftOut {
    /// Nothing was left out.
    pub(crate) const NOTHING: Self = Self(0);
}

impl Quiet {
    /// Whether something that `reason` names and `address` caused is to be said now.
    pub(crate) fn may_say(
        &self,
        reason: &'static str,
        address: IpAddr,
        now: Timestamp,
    ) -> Option<LeftOut> {
        let mut heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut subject = (reason, neighbourhood(address));
        if heard.said.len() >= MOST && !heard.said.contains_key(&subject) {
            heard.sweep(now);
            if heard.said.len() >= MOST {
                // All others are one.
                subject.1 = Ipv4Addr::UNSPECIFIED.into();
            }
        }
        let Some(before) = heard.said.get_mut(&subject) else {
            let first = Said {
                at: now,
                left_out: 0,
            };
            heard.said.insert(subject, first);
            return Some(LeftOut::NOTHING);
        };
        if !before.is_over(now) {
            before.left_out = before.left_out.saturating_add(1);
            return None;
        }
        before.at = now;
        Some(LeftOut(std::mem::take(&mut before.left_out)))
    }
}

impl Heard {
    fn sweep(&mut self, now: Timestamp) {
        if self.swept.is_none_or(|at| is_past(at, SWEEP, now)) {
            self.said.retain(|_, said| !said.is_over(now));
            self.swept = Some(now);
        }
    }
}

impl Said {
    fn is_over(&self, now: Timestamp) -> bool {
        is_past(self.at, QUIET, now)
    }
}

/// Whether so much time has passed. A clock that was set back ends it, too.
fn is_past(since: Timestamp, time: Duration, now: Timestamp) -> bool {
    let passed = Duration::try_from(now.duration_since(since));
    passed.is_err() || passed.is_ok_and(|passed| passed >= time)
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => Ok(()),
            left_out => write!(f, ", and {left_out} more like it before"),
        }
    }
}

/// How long the same is not said again.
const QUIET: Duration = Duration::from_secs(10);
const SWEEP: Duration = Duration::from_secs(1);
/// Neighbourhoods that are told apart, for each reason that comes up; all others are one.
const MOST: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(milliseconds: i64) -> Timestamp {
        Timestamp::from_millisecond(milliseconds).expect("a time")
    }

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn a_flood_is_a_line_now_and_then_that_says_what_it_stands_for() {
        let quiet = Quiet::default();
        let (mut lines, mut counted) = (0, 0);
        for time in 0..60_000 {
            let flood = address(&format!("2001:db8::{:x}", time % 1000));
            if let Some(LeftOut(left_out)) = quiet.may_say("crowded", flood, at(time)) {
                lines += 1;
                counted += left_out + 1;
            }
        }
        assert_eq!(lines, 6);
        assert_eq!(counted, 50_001, "but those since the last line");
        // Others, and other reasons, are heard all the while.
        for (reason, who) in [("crowded", "2001:db8:0:1::1"), ("clear", "2001:db8::1")] {
            let said = quiet.may_say(reason, address(who), at(59_999));
            assert_eq!(said.map(|said| said.to_string()), Some(String::new()));
        }
        let later = quiet.may_say("crowded", address("2001:db8::1"), at(70_000));
        let words = ", and 9999 more like it before";
        assert_eq!(later.map(|said| said.to_string()).as_deref(), Some(words));
    }

    #[test]
    fn more_neighbourhoods_than_there_is_room_for_are_one() {
        let quiet = Quiet::default();
        let said = (0..100_000_u32).filter(|number| {
            let from = IpAddr::from(number.to_be_bytes());
            quiet.may_say("crowded", from, at(0)).is_some()
        });
        assert!(said.count() <= MOST + 1);
        assert!(quiet.0.lock().expect("nobody panics").said.len() <= MOST + 1);
        let later = quiet.may_say("crowded", address("192.0.2.1"), at(20_000));
        assert_eq!(later, Some(LeftOut::NOTHING), "there is room again");
    }
}
