//! Sequence sets, as merged ranges.

use crate::imap::codec::types::sequence::{SeqOrUid, Sequence, SequenceSet};

/// A set of sequence numbers or UIDs whose `*` is not yet known (RFC 3501 §9, sequence-set).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Numbers(Vec<(Bound, Bound)>);

/// Whether numbers are sequence numbers or UIDs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    Sequence,
    Uid,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bound {
    Number(u32),
    Star,
}

impl Numbers {
    pub(super) fn new(set: &SequenceSet) -> Self {
        let bound = |bound: &SeqOrUid| match bound {
            SeqOrUid::Value(number) => Bound::Number(number.get()),
            SeqOrUid::Asterisk => Bound::Star,
        };
        let ranges = set.0.as_ref().iter().map(|sequence| match sequence {
            Sequence::Single(one) => (bound(one), bound(one)),
            Sequence::Range(from, to) => (bound(from), bound(to)),
        });
        Self(ranges.collect())
    }

    /// The set as inclusive ranges that rise and do not touch, `*` being `last`. However often
    /// a client names the same message, it is in the set once.
    pub(super) fn ranges(&self, last: u32) -> Vec<(u32, u32)> {
        let number = |bound| match bound {
            Bound::Number(number) => number,
            Bound::Star => last,
        };
        let mut ranges: Vec<(u32, u32)> = self
            .0
            .iter()
            .map(|(from, to)| (number(*from), number(*to)))
            .map(|(from, to)| (from.min(to), from.max(to)))
            .collect();
        ranges.sort_unstable();
        ranges.dedup_by(|next, before| {
            let touching = next.0 <= before.1.saturating_add(1);
            if touching {
                before.1 = before.1.max(next.1);
            }
            touching
        });
        ranges
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranges(set: &str, last: u32) -> Vec<(u32, u32)> {
        Numbers::new(&SequenceSet::try_from(set).expect("a sequence set")).ranges(last)
    }

    #[test]
    fn ranges_are_merged_and_stars_resolved() {
        assert_eq!(ranges("1:*", 7), [(1, 7)]);
        assert_eq!(ranges("5,1:3,2,4", 7), [(1, 5)]);
        assert_eq!(ranges("1:*,1:*,1:*", 7), [(1, 7)]);
        assert_eq!(ranges("9,3:1", 7), [(1, 3), (9, 9)]);
    }

    #[test]
    fn a_range_beyond_the_last_includes_the_last() {
        // RFC 3501 §6.4.8: 559:* always includes the UID of the last message.
        assert_eq!(ranges("559:*", 7), [(7, 559)]);
    }
}
