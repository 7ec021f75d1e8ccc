//! Lines of the log that strangers cause, so that no stranger fills the disk with them.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
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

/// A reason, the neighbourhood, and the login in lower case, or none.
type Subject = (&'static str, IpAddr, String);

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
        self.heard()
            .may_say((reason, neighbourhood(address), String::new()), now)
    }

    /// The same of a login: of each it is said, as long as there are no more than [`LOGINS`] of a
    /// neighbourhood; all others of it are one.
    pub(crate) fn may_say_of(
        &self,
        reason: &'static str,
        (address, login): (IpAddr, &str),
        now: Timestamp,
    ) -> Option<LeftOut> {
        let login = login.chars().take(LONGEST).flat_map(char::to_lowercase);
        let mut subject = (reason, neighbourhood(address), login.collect());
        let mut heard = self.heard();
        if !heard.has_room_for(&subject, now) {
            subject.2 = String::new();
        }
        heard.may_say(subject, now)
    }

    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Heard {
    fn may_say(&mut self, mut subject: Subject, now: Timestamp) -> Option<LeftOut> {
        let heard = self;
        if heard.said.len() >= MOST && !heard.said.contains_key(&subject) {
            heard.sweep(now);
            if heard.said.len() >= MOST {
                // All others are one.
                subject.1 = Ipv4Addr::UNSPECIFIED.into();
                subject.2 = String::new();
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

    /// Whether a login is told apart from others of its neighbourhood.
    fn has_room_for(&mut self, subject: &Subject, now: Timestamp) -> bool {
        if self.said.contains_key(subject) {
            return true;
        }
        let (reason, address, _) = subject;
        let first = (*reason, *address, String::new());
        let others = self
            .said
            .range(first..)
            .take_while(|((why, whose, _), _)| why == reason && whose == address);
        let (over, heard): (Vec<_>, Vec<_>) = others
            .filter(|((.., login), _)| !login.is_empty())
            .map(|(subject, said)| (subject.clone(), said.is_over(now)))
            .partition(|(_, is_over)| *is_over);
        for (subject, _) in over {
            self.forget(&subject);
        }
        heard.len() < LOGINS
    }

    fn sweep(&mut self, now: Timestamp) {
        if self.swept.is_none_or(|at| is_past(at, SWEEP, now)) {
            let over = self.said.iter().filter(|(_, said)| said.is_over(now));
            let over: Vec<Subject> = over.map(|(subject, _)| subject.clone()).collect();
            for subject in over {
                self.forget(&subject);
            }
            self.swept = Some(now);
        }
    }

    /// Makes room. What was left out counts for those of its neighbourhood together, and then for
    /// those of all: the next line that stands for these tells it.
    fn forget(&mut self, subject: &Subject) {
        let (reason, address, login) = subject;
        let heir = if login.is_empty() {
            (*reason, Ipv4Addr::UNSPECIFIED.into(), String::new())
        } else {
            (*reason, *address, String::new())
        };
        let Some(said) = self.said.get(subject).copied() else {
            return;
        };
        if said.left_out > 0 && heir != *subject {
            let heir = self.said.entry(heir).or_insert(Said {
                left_out: 0,
                ..said
            });
            heir.left_out = heir.left_out.saturating_add(said.left_out);
        }
        if said.left_out == 0 || !is_of_all(subject) {
            self.said.remove(subject);
        }
    }
}

impl Said {
    fn is_over(&self, now: Timestamp) -> bool {
        is_past(self.at, QUIET, now)
    }
}

/// Whether it stands for all neighbourhoods.
fn is_of_all((_, address, login): &Subject) -> bool {
    login.is_empty() && *address == IpAddr::from(Ipv4Addr::UNSPECIFIED)
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
/// Logins of one neighbourhood that are told apart, for each reason.
const LOGINS: usize = 4;
/// Logins are told apart by this many characters.
const LONGEST: usize = 255;

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
    fn each_login_of_an_address_is_heard_and_ever_new_ones_are_no_flood() {
        let quiet = Quiet::default();
        let say = |who: &str, login: &str, time| {
            let said = quiet.may_say_of("locked out", (address(who), login), at(time));
            said.map(|said| said.to_string())
        };
        for (who, login) in [
            ("192.0.2.20", "jun"),
            ("192.0.2.20", "ada"),
            ("192.0.2.31", "jun"),
        ] {
            assert_eq!(say(who, login, 0).as_deref(), Some(""), "{who} {login}");
            assert_eq!(say(who, &login.to_uppercase(), 9_999), None);
        }
        let more = ", and 1 more like it before";
        assert_eq!(say("192.0.2.20", "jun", 10_000).as_deref(), Some(more));
        let lines = (0..1000).filter_map(|number| say("192.0.2.9", &number.to_string(), 0));
        assert_eq!(lines.count(), LOGINS + 1);
        let more = ", and 995 more like it before";
        assert_eq!(
            say("192.0.2.9", "0", 20_000).as_deref(),
            Some(""),
            "its own"
        );
        for number in 1..LOGINS {
            say("192.0.2.9", &number.to_string(), 20_000);
        }
        assert_eq!(say("192.0.2.9", "new", 20_000).as_deref(), Some(more));
    }

    /// Every one is in a line or counted by one, though there was no room to tell them apart.
    #[test]
    fn what_was_left_out_is_told_though_its_neighbourhood_is_forgotten() {
        let quiet = Quiet::default();
        let (mut caused, mut told) = (0_u64, 0_u64);
        let mut cause = |number: u32, time: i64| {
            let from = IpAddr::from((number + 1).to_be_bytes());
            caused += 1;
            if let Some(LeftOut(left_out)) = quiet.may_say("crowded", from, at(time)) {
                told += left_out + 1;
            }
        };
        for number in 0..500 {
            for _ in 0..3 {
                cause(number, 0);
            }
        }
        // Others come when these are over, and more than there is room for.
        for time in [20_000, 40_000, 60_000] {
            for number in 0..3_000 {
                cause(number + 10_000, time);
            }
        }
        let heard = quiet.0.lock().expect("nobody panics");
        assert!(heard.said.len() <= MOST + 1);
        let waiting: u64 = heard.said.values().map(|said| said.left_out).sum();
        assert_eq!(told + waiting, caused);
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
