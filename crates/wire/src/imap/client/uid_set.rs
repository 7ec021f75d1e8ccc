//! Sets of unique identifiers (RFC 9051 §9, `sequence-set`).

use std::fmt;

/// A set of UIDs in the order they were added, written as ranges where they follow each other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UidSet {
    ranges: Vec<(u32, End)>,
}

/// Where a range of UIDs ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// At this UID.
    At(u32),
    /// At the highest UID of the folder (`*`). A server answers `n:*` with the highest message
    /// even if its UID is below `n`.
    Open,
}

impl UidSet {
    /// One UID.
    pub fn one(uid: u32) -> Self {
        Self {
            ranges: vec![(uid, End::At(uid))],
        }
    }

    /// `first:*`.
    pub fn from(first: u32) -> Self {
        Self {
            ranges: vec![(first, End::Open)],
        }
    }

    /// From `first` to `last`, both included.
    pub fn range(first: u32, last: u32) -> Self {
        Self {
            ranges: vec![(first, End::At(last))],
        }
    }

    /// Whether it names no message. An empty set cannot be sent.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// Adds a UID behind those that are there.
    pub fn push(&mut self, uid: u32) {
        match self.ranges.last_mut() {
            Some((_, End::At(last))) if last.checked_add(1) == Some(uid) => *last = uid,
            _ => self.ranges.push((uid, End::At(uid))),
        }
    }

    /// Its ranges, in order.
    pub fn ranges(&self) -> &[(u32, End)] {
        &self.ranges
    }

    /// Reads a set as it stands in the codes COPYUID and APPENDUID (RFC 4315 §4).
    pub fn parse(text: &str) -> Option<Self> {
        let ranges = text.split(',').map(|range| {
            let (first, last) = range.split_once(':').unwrap_or((range, range));
            let last = if last == "*" {
                End::Open
            } else {
                End::At(last.parse().ok()?)
            };
            Some((first.parse().ok()?, last))
        });
        Some(Self {
            ranges: ranges.collect::<Option<_>>()?,
        })
    }
}

impl FromIterator<u32> for UidSet {
    fn from_iter<T: IntoIterator<Item = u32>>(uids: T) -> Self {
        let mut set = Self::default();
        uids.into_iter().for_each(|uid| set.push(uid));
        set
    }
}

impl fmt::Display for UidSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (first, last)) in self.ranges.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            match last {
                End::At(last) if last == first => write!(f, "{comma}{first}")?,
                End::At(last) => write!(f, "{comma}{first}:{last}")?,
                End::Open => write!(f, "{comma}{first}:*")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_written_as_a_range() {
        let set: UidSet = [4, 5, 6, 9, 8, u32::MAX].into_iter().collect();
        assert_eq!(set.to_string(), "4:6,9,8,4294967295");
        assert_eq!(UidSet::parse("4:6,9,8,4294967295"), Some(set));
        assert_eq!(UidSet::parse("7:*"), Some(UidSet::from(7)));
        assert_eq!(UidSet::parse("7:"), None);
    }
}
