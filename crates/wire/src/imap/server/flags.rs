//! The flags Exchange keeps.

use std::fmt;

/// A flag of a message (RFC 3501 §2.3.2). Exchange keeps `$MDNSent` (RFC 3503 §3.1) and no
/// other keyword.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Flag {
    /// It has been read.
    Seen,
    /// It has been answered.
    Answered,
    /// It is marked as important.
    Flagged,
    /// It is to be removed.
    Deleted,
    /// It is a draft.
    Draft,
    /// A read receipt was sent.
    MdnSent,
}

impl Flag {
    /// Every flag, in the order in which Exchange lists them.
    pub const ALL: [Self; 6] = [
        Self::Seen,
        Self::Answered,
        Self::Flagged,
        Self::Deleted,
        Self::Draft,
        Self::MdnSent,
    ];

    /// The flag as IMAP writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Seen => "\\Seen",
            Self::Answered => "\\Answered",
            Self::Flagged => "\\Flagged",
            Self::Deleted => "\\Deleted",
            Self::Draft => "\\Draft",
            Self::MdnSent => "$MDNSent",
        }
    }

    /// Reads a flag, in any case; `None` for one that is not kept.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|flag| flag.as_str().eq_ignore_ascii_case(text))
    }

    fn bit(self) -> u8 {
        1 << (self as u8)
    }
}

/// A set of flags.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Flags(u8);

impl Flags {
    /// No flag at all.
    pub const NONE: Self = Self(0);

    /// Whether the flag is among these.
    pub fn contains(self, flag: Flag) -> bool {
        self.0 & flag.bit() != 0
    }

    /// These and those.
    #[must_use]
    pub fn with(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    /// These but not those.
    #[must_use]
    pub fn without(self, others: Self) -> Self {
        Self(self.0 & !others.0)
    }

    /// The flags, in the order in which Exchange lists them.
    pub fn iter(self) -> impl Iterator<Item = Flag> {
        Flag::ALL
            .into_iter()
            .filter(move |flag| self.contains(*flag))
    }
}

impl From<Flag> for Flags {
    fn from(flag: Flag) -> Self {
        Self(flag.bit())
    }
}

impl FromIterator<Flag> for Flags {
    fn from_iter<T: IntoIterator<Item = Flag>>(flags: T) -> Self {
        flags
            .into_iter()
            .fold(Self::NONE, |set, flag| set.with(flag.into()))
    }
}

/// As in a FETCH response, without the parentheses.
impl fmt::Display for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, flag) in self.iter().enumerate() {
            let space = if at == 0 { "" } else { " " };
            write!(f, "{space}{}", flag.as_str())?;
        }
        Ok(())
    }
}

impl fmt::Debug for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_a_set() {
        let flags = Flags::from_iter([Flag::Seen, Flag::MdnSent]);
        assert!(flags.contains(Flag::Seen));
        assert!(!flags.contains(Flag::Draft));
        assert_eq!(flags.without(Flag::Seen.into()), Flag::MdnSent.into());
        assert_eq!(flags.to_string(), "\\Seen $MDNSent");
    }

    #[test]
    fn unknown_keywords_are_not_flags() {
        assert_eq!(Flag::parse("$mdnsent"), Some(Flag::MdnSent));
        assert_eq!(Flag::parse("\\SEEN"), Some(Flag::Seen));
        assert_eq!(Flag::parse("$Forwarded"), None);
    }
}
