//! What a SEARCH looks for (RFC 3501 §6.4.4).

use jiff::civil::Date;

use crate::imap::codec::types::core::AString;
use crate::imap::codec::types::datetime::NaiveDate;
use crate::imap::codec::types::search::SearchKey;

use super::numbers::By;
use super::numbers::Numbers;
use super::view::View;
use super::{Flag, Flags};

/// A condition on a message. Sequence numbers have become UIDs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Criteria {
    /// Any message.
    Any,
    /// All of these hold.
    All(Vec<Criteria>),
    /// One of the two holds.
    Or(Box<Criteria>, Box<Criteria>),
    /// It does not hold.
    Not(Box<Criteria>),
    /// The UID is in one of these inclusive ranges, which rise.
    Uids(Vec<(u32, u32)>),
    /// The flag is set.
    Has(Flag),
    /// It was received on such a day (INTERNALDATE, in UTC).
    Received(Day),
    /// Its `Date` field names such a day, in its own time zone (RFC 3501 §6.4.4, SENTON).
    Sent(Day),
    /// It has more octets.
    Larger(u64),
    /// It has fewer octets.
    Smaller(u64),
    /// A field of this name holds this text; an empty text is any.
    Header(String, String),
    /// The body holds this text.
    Body(String),
    /// Header or body hold this text.
    Text(String),
}

/// A day, or the days on one side of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Day {
    /// Earlier.
    Before(Date),
    /// That day.
    On(Date),
    /// That day or later.
    Since(Date),
}

/// A message that may match. Texts are compared without regard to case (RFC 3501 §6.4.4),
/// decoded as far as the implementation can.
pub trait Candidate {
    /// Its UID.
    fn uid(&self) -> u32;
    /// Its flags.
    fn flags(&self) -> Flags;
    /// The day on which it was received, in UTC.
    fn received_on(&self) -> Date;
    /// The day its `Date` field names, without regard to its time zone.
    fn sent_on(&self) -> Option<Date>;
    /// Its size in octets, as RFC822.SIZE says it.
    fn size(&self) -> u64;
    /// Whether a field of this name holds this text.
    fn header_holds(&self, name: &str, text: &str) -> bool;
    /// Whether the body holds this text.
    fn body_holds(&self, text: &str) -> bool;
    /// Whether header or body hold this text.
    fn holds(&self, text: &str) -> bool;
}

impl Criteria {
    /// Whether a message matches.
    pub fn matches(&self, message: &dyn Candidate) -> bool {
        match self {
            Self::Any => true,
            Self::All(criteria) => criteria.iter().all(|criteria| criteria.matches(message)),
            Self::Or(one, other) => one.matches(message) || other.matches(message),
            Self::Not(criteria) => !criteria.matches(message),
            Self::Uids(ranges) => {
                let after = ranges.partition_point(|(from, _)| *from <= message.uid());
                after > 0 && message.uid() <= ranges[after - 1].1
            }
            Self::Has(flag) => message.flags().contains(*flag),
            Self::Received(day) => day.includes(message.received_on()),
            Self::Sent(day) => message.sent_on().is_some_and(|date| day.includes(date)),
            Self::Larger(size) => message.size() > *size,
            Self::Smaller(size) => message.size() < *size,
            Self::Header(name, text) => message.header_holds(name, text),
            Self::Body(text) => message.body_holds(text),
            Self::Text(text) => message.holds(text),
        }
    }
}

impl Day {
    /// Whether this is one of the days.
    pub fn includes(self, date: Date) -> bool {
        match self {
            Self::Before(day) => date < day,
            Self::On(day) => date == day,
            Self::Since(day) => date >= day,
        }
    }
}

/// Reads search keys; `None` if they name a sequence number that does not exist, a date that
/// does not exist, or a key this server does not know.
pub(super) fn read(key: &SearchKey<'_>, view: &View) -> Option<Criteria> {
    use SearchKey as Key;
    let has = Criteria::Has;
    let not = |criteria| Criteria::Not(Box::new(criteria));
    let nothing = || not(Criteria::Any);
    Some(match key {
        Key::And(keys) => {
            let criteria = keys.as_ref().iter().map(|key| read(key, view));
            Criteria::All(criteria.collect::<Option<_>>()?)
        }
        Key::Or(one, other) => {
            Criteria::Or(Box::new(read(one, view)?), Box::new(read(other, view)?))
        }
        Key::Not(key) => not(read(key, view)?),
        Key::All | Key::Old => Criteria::Any,
        // No message is ever recent: another session may have been told of it.
        Key::New | Key::Recent => nothing(),
        Key::SequenceSet(set) => Criteria::Uids(view.uid_ranges(&Numbers::new(set), By::Sequence)?),
        Key::Uid(set) => Criteria::Uids(view.uid_ranges(&Numbers::new(set), By::Uid)?),
        Key::Seen => has(Flag::Seen),
        Key::Unseen => not(has(Flag::Seen)),
        Key::Answered => has(Flag::Answered),
        Key::Unanswered => not(has(Flag::Answered)),
        Key::Flagged => has(Flag::Flagged),
        Key::Unflagged => not(has(Flag::Flagged)),
        Key::Deleted => has(Flag::Deleted),
        Key::Undeleted => not(has(Flag::Deleted)),
        Key::Draft => has(Flag::Draft),
        Key::Undraft => not(has(Flag::Draft)),
        Key::Keyword(name) => Flag::parse(name.as_ref()).map_or_else(nothing, has),
        Key::Unkeyword(name) => Flag::parse(name.as_ref()).map_or(Criteria::Any, |f| not(has(f))),
        Key::Larger(size) => Criteria::Larger(u64::from(*size)),
        Key::Smaller(size) => Criteria::Smaller(u64::from(*size)),
        _ => return read_dates_and_texts(key),
    })
}

fn read_dates_and_texts(key: &SearchKey<'_>) -> Option<Criteria> {
    use SearchKey as Key;
    let header = |name: &str, value: &AString<'_>| Criteria::Header(name.to_owned(), text(value));
    Some(match key {
        Key::Before(day) => Criteria::Received(Day::Before(date(day)?)),
        Key::On(day) => Criteria::Received(Day::On(date(day)?)),
        Key::Since(day) => Criteria::Received(Day::Since(date(day)?)),
        Key::SentBefore(day) => Criteria::Sent(Day::Before(date(day)?)),
        Key::SentOn(day) => Criteria::Sent(Day::On(date(day)?)),
        Key::SentSince(day) => Criteria::Sent(Day::Since(date(day)?)),
        Key::Bcc(value) => header("Bcc", value),
        Key::Cc(value) => header("Cc", value),
        Key::From(value) => header("From", value),
        Key::Subject(value) => header("Subject", value),
        Key::To(value) => header("To", value),
        Key::Header(name, value) => header(&text(name), value),
        Key::Body(value) => Criteria::Body(text(value)),
        Key::Text(value) => Criteria::Text(text(value)),
        _ => return None,
    })
}

fn text(value: &AString<'_>) -> String {
    String::from_utf8_lossy(value.as_ref()).into_owned()
}

fn date(day: &NaiveDate) -> Option<Date> {
    day.as_ref().to_string().parse().ok()
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    struct Letter;

    impl Candidate for Letter {
        fn uid(&self) -> u32 {
            7
        }
        fn flags(&self) -> Flags {
            Flag::Seen.into()
        }
        fn received_on(&self) -> Date {
            date(2026, 1, 2)
        }
        fn sent_on(&self) -> Option<Date> {
            None
        }
        fn size(&self) -> u64 {
            100
        }
        fn header_holds(&self, name: &str, text: &str) -> bool {
            name.eq_ignore_ascii_case("subject") && text == "hello"
        }
        fn body_holds(&self, _: &str) -> bool {
            false
        }
        fn holds(&self, _: &str) -> bool {
            true
        }
    }

    #[test]
    fn criteria_are_a_tree() {
        let seen = Criteria::Has(Flag::Seen);
        let flagged = Criteria::Has(Flag::Flagged);
        assert!(Criteria::Or(Box::new(flagged.clone()), Box::new(seen.clone())).matches(&Letter));
        assert!(!Criteria::All(vec![flagged, seen]).matches(&Letter));
        assert!(Criteria::Uids(vec![(1, 3), (6, 8)]).matches(&Letter));
        assert!(!Criteria::Uids(vec![(1, 3), (8, 9)]).matches(&Letter));
        assert!(!Criteria::Larger(100).matches(&Letter));
    }

    #[test]
    fn days_include_themselves_where_the_rfc_says_so() {
        let day = date(2026, 1, 2);
        assert!(Criteria::Received(Day::Since(day)).matches(&Letter));
        assert!(Criteria::Received(Day::On(day)).matches(&Letter));
        assert!(!Criteria::Received(Day::Before(day)).matches(&Letter));
        assert!(!Criteria::Sent(Day::Since(day)).matches(&Letter));
    }
}
