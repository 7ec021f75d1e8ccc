//! How often logins were wrong, by address, by login name, and by both together.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;

use super::{LockedOut, Pardoned, Turned};
use crate::neighbourhood::neighbourhood;

/// When logins that are wrong too often are not looked at any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lockout {
    /// How often a login name, or an address, may be wrong.
    pub failures: u32,
    /// Within which time.
    pub within: Duration,
    /// How long it is locked out then.
    pub lasts: Duration,
}

impl Default for Lockout {
    fn default() -> Self {
        Self {
            failures: 10,
            within: Duration::from_mins(10),
            lasts: Duration::from_mins(15),
        }
    }
}

/// Who was wrong.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Suspect {
    address: IpAddr,
    login: String,
}

/// How somebody stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Standing {
    /// It may try.
    Free,
    /// Others made this address or this login name suspect: only what was proven there before is
    /// let in.
    Shared(Turned),
    /// It was wrong too often itself.
    Out(Turned),
}

/// Counters, as many as [`MOST`] of each kind.
#[derive(Debug, Default)]
pub(super) struct Failures {
    addresses: BTreeMap<IpAddr, Count>,
    logins: BTreeMap<String, Count>,
    both: BTreeMap<Suspect, Count>,
}

#[derive(Debug, Clone, Copy)]
struct Count {
    wrong: u32,
    since: Timestamp,
    last: Timestamp,
    until: Option<Timestamp>,
}

impl Suspect {
    /// Of an IPv6 address the network counts: a machine has 2^64 of them.
    pub(super) fn new(address: IpAddr, login: &str) -> Self {
        Self {
            address: neighbourhood(address),
            login: counted_as(login),
        }
    }
}

/// Login names are counted by so much of them, and shown so.
pub(super) fn counted_as(login: &str) -> String {
    login.chars().take(LONGEST).collect()
}

impl Failures {
    pub(super) fn standing(&self, suspect: &Suspect, now: Timestamp) -> Standing {
        let out = |count: Option<&Count>| count.and_then(|count| count.out_until(now));
        let by_address = out(self.addresses.get(&suspect.address))
            .map(|until| Turned::AddressLockedOut { until });
        let by_login =
            out(self.logins.get(&suspect.login)).map(|until| Turned::LoginLockedOut { until });
        if let Some(until) = out(self.both.get(suspect)) {
            return Standing::Out(Turned::LoginLockedOut { until });
        }
        by_address
            .or(by_login)
            .map_or(Standing::Free, Standing::Shared)
    }

    /// Counts a wrong login. Answers how long it is to wait for the answer.
    pub(super) fn count(
        &mut self,
        suspect: &Suspect,
        lockout: Lockout,
        now: Timestamp,
    ) -> Duration {
        let by_address = add(&mut self.addresses, &suspect.address, lockout, now);
        add(&mut self.logins, &suspect.login, lockout, now);
        let by_both = add(&mut self.both, suspect, lockout, now);
        wait(by_address.max(by_both))
    }

    /// Counts a login that is no reason to keep out others of its address or its name: of somebody
    /// who shares them with others who are locked out, or whose password is right, but not here.
    /// Answers how long it is to wait for the answer.
    pub(super) fn count_own(
        &mut self,
        suspect: &Suspect,
        lockout: Lockout,
        now: Timestamp,
    ) -> Duration {
        let by_address = self.addresses.get(&suspect.address);
        let by_address = by_address
            .filter(|count| !count.is_over(lockout, now))
            .map_or(0, |count| count.wrong);
        let by_both = add(&mut self.both, suspect, lockout, now);
        // As if the address were counted, too.
        wait(by_address.saturating_add(1).max(by_both))
    }

    /// Who is locked out, who is so for longest first.
    pub(super) fn locked_out(&self, now: Timestamp) -> Vec<LockedOut> {
        let mut all: Vec<LockedOut> = self
            .all()
            .filter_map(|(address, login, count)| {
                Some(LockedOut {
                    address,
                    login: login.map(str::to_owned),
                    wrong: count.wrong,
                    until: count.out_until(now)?,
                })
            })
            .collect();
        all.sort_by(|a, b| b.until.cmp(&a.until).then_with(|| a.cmp(b)));
        all
    }

    /// Every counter, and what it is of.
    fn all(&self) -> impl Iterator<Item = (Option<IpAddr>, Option<&str>, &Count)> {
        let addresses = self.addresses.iter();
        let addresses = addresses.map(|(address, count)| (Some(*address), None, count));
        let logins = self.logins.iter();
        let logins = logins.map(|(login, count)| (None, Some(login.as_str()), count));
        let both = self.both.iter();
        let both = both.map(|(suspect, count)| {
            let Suspect { address, login } = suspect;
            (Some(*address), Some(login.as_str()), count)
        });
        addresses.chain(logins).chain(both)
    }

    /// Ends the lockouts of somebody, which are answered, and counts anew for it where there were
    /// any.
    pub(super) fn pardon(&mut self, whom: &Pardoned, now: Timestamp) -> Vec<LockedOut> {
        let mut lifted = self.locked_out(now);
        lifted.retain(|one| whom.covers(one.address, one.login.as_deref()));
        if !lifted.is_empty() {
            self.addresses
                .retain(|address, _| !whom.covers(Some(*address), None));
            self.logins
                .retain(|login, _| !whom.covers(None, Some(login)));
            self.both.retain(|suspect, _| {
                let Suspect { address, login } = suspect;
                !whom.covers(Some(*address), Some(login))
            });
        }
        lifted
    }

    /// How many counters there are.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.addresses.len() + self.logins.len() + self.both.len()
    }
}

/// How long the answer to the so-manieth wrong login waits.
fn wait(wrong: u32) -> Duration {
    let doubled = wrong.saturating_sub(1).min(16);
    SHORTEST_WAIT.saturating_mul(1 << doubled).min(LONGEST_WAIT)
}

fn add<K: Ord + Clone>(
    counts: &mut BTreeMap<K, Count>,
    key: &K,
    lockout: Lockout,
    now: Timestamp,
) -> u32 {
    if counts.len() >= MOST && !counts.contains_key(key) {
        make_room(counts, lockout, now);
    }
    let fresh = Count {
        wrong: 0,
        since: now,
        last: now,
        until: None,
    };
    let count = counts.entry(key.clone()).or_insert(fresh);
    if count.is_over(lockout, now) {
        *count = fresh;
    }
    count.wrong = count.wrong.saturating_add(1);
    count.last = now;
    if count.wrong >= lockout.failures && count.until.is_none() {
        count.until = now.checked_add(lockout.lasts).ok();
    }
    count.wrong
}

/// Forgets what is over; and if that is not enough, those that were wrong longest ago, many at
/// once: whoever guesses under ever new names must not make each guess dear for us. Those that are
/// locked out go last, or new names would let them in again.
fn make_room<K: Ord + Clone>(counts: &mut BTreeMap<K, Count>, lockout: Lockout, now: Timestamp) {
    counts.retain(|_, count| !count.is_over(lockout, now));
    if counts.len() >= MOST {
        let worth = |count: &Count| (count.until.is_some(), count.last);
        let mut all: Vec<_> = counts.values().map(worth).collect();
        let (_, border, _) = all.select_nth_unstable(MOST / 8);
        let border = *border;
        counts.retain(|_, count| worth(count) > border);
    }
}

impl Count {
    fn out_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.until.filter(|until| *until > now)
    }

    /// A clock that was set back ends it, too.
    fn is_over(&self, lockout: Lockout, now: Timestamp) -> bool {
        if now < self.since {
            return true;
        }
        if let Some(until) = self.until {
            return until <= now;
        }
        let passed = Duration::try_from(now.duration_since(self.since));
        passed.unwrap_or_default() > lockout.within
    }
}

/// Counters of each kind.
pub(super) const MOST: usize = 10_000;
/// Characters.
const LONGEST: usize = 255;
const SHORTEST_WAIT: Duration = Duration::from_millis(250);
const LONGEST_WAIT: Duration = Duration::from_secs(4);

#[cfg(test)]
mod tests {
    use super::*;

    fn suspect(address: &str, login: &str) -> Suspect {
        Suspect::new(address.parse().expect("an address"), login)
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).expect("a time")
    }

    #[test]
    fn who_is_wrong_too_often_is_locked_out_for_a_while() {
        let mut failures = Failures::default();
        let lockout = Lockout::default();
        let ada = suspect("192.0.2.7", "ada");
        for second in 0..9 {
            failures.count(&ada, lockout, at(second));
        }
        assert_eq!(failures.standing(&ada, at(9)), Standing::Free);
        failures.count(&ada, lockout, at(9));
        let Standing::Out(_) = failures.standing(&ada, at(10)) else {
            panic!("ten were wrong");
        };
        let neighbour = suspect("192.0.2.7", "jun");
        let Standing::Shared(Turned::AddressLockedOut { .. }) =
            failures.standing(&neighbour, at(10))
        else {
            panic!("its address is suspect");
        };
        let elsewhere = suspect("192.0.2.8", "ada");
        let Standing::Shared(Turned::LoginLockedOut { .. }) = failures.standing(&elsewhere, at(10))
        else {
            panic!("its name is suspect");
        };
        assert_eq!(failures.standing(&ada, at(9 + 15 * 60)), Standing::Free);
    }

    #[test]
    fn a_slip_now_and_then_locks_nobody_out() {
        let mut failures = Failures::default();
        for hour in 0..100 {
            let now = at(hour * 3600);
            failures.count(&suspect("::1", "ada"), Lockout::default(), now);
            assert_eq!(
                failures.standing(&suspect("::1", "ada"), now),
                Standing::Free
            );
        }
    }

    #[test]
    fn waits_grow_and_end() {
        let mut failures = Failures::default();
        let waits: Vec<_> = (0..7)
            .map(|second| failures.count(&suspect("::1", "a"), Lockout::default(), at(second)))
            .map(|wait| wait.as_millis())
            .collect();
        assert_eq!(waits, [250, 500, 1000, 2000, 4000, 4000, 4000]);
    }

    #[test]
    fn counters_are_bounded_and_those_of_today_stay() {
        let mut failures = Failures::default();
        let lockout = Lockout::default();
        for number in 0..30_000_u32 {
            let address = IpAddr::from(number.to_be_bytes());
            let suspect = Suspect::new(address, &number.to_string());
            failures.count(&suspect, lockout, at(i64::from(number)));
        }
        assert!(failures.len() <= 3 * MOST);
    }

    #[test]
    fn ever_new_names_let_nobody_in_again_who_is_locked_out() {
        let mut failures = Failures::default();
        let lockout = Lockout::default();
        let ada = suspect("192.0.2.7", "ada");
        for second in 0..10 {
            failures.count(&ada, lockout, at(second));
        }
        for number in 0..30_000_u32 {
            let name = number.to_string();
            let address = IpAddr::from([10, 0, 0, 1]);
            failures.count(&Suspect::new(address, &name), lockout, at(20));
        }
        for (address, name) in [("192.0.2.7", "ada"), ("198.51.100.1", "ada")] {
            let standing = failures.standing(&suspect(address, name), at(30));
            assert_ne!(standing, Standing::Free, "{address}");
        }
    }

    #[test]
    fn a_network_of_ipv6_is_one_suspect_and_a_mapped_address_is_itself() {
        assert_eq!(suspect("2001:db8::1", "a"), suspect("2001:db8::2", "a"));
        assert_ne!(suspect("2001:db8::1", "a"), suspect("2001:db8:0:1::1", "a"));
        assert_eq!(suspect("::ffff:192.0.2.7", "a"), suspect("192.0.2.7", "a"));
    }
}
