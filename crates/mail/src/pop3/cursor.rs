//! How far a mailbox has been seen over POP3: which names were seen, as short digests.

use std::collections::BTreeSet;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use super::TRANSPORT;
use super::maildrop::Letter;
use crate::{Cursor, CursorError};

/// The state behind a [`Cursor`] of this transport.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Seen {
    /// Those that are gone first, then those that are there in the order of the mailbox.
    prints: Vec<Print>,
    /// Whether more was seen than can be kept: then all that stands before the first known
    /// message of the mailbox was seen, too.
    older: bool,
    /// Whether the server forgot the names that were seen, and what has no known name now is to be
    /// compared with what is known.
    identifying: bool,
}

/// The first octets of the SHA-256 of a name (UIDL): ninety-six bits tell any two messages of a
/// mailbox apart.
pub(super) type Print = [u8; LENGTH];

pub(super) fn print_of(uidl: &str) -> Print {
    let mut print = [0; LENGTH];
    print.copy_from_slice(&digest(&SHA256, uidl.as_bytes()).as_ref()[..LENGTH]);
    print
}

impl Seen {
    /// Everything that is there was seen.
    pub(super) fn all(letters: &[Letter]) -> Self {
        Self::default().and(letters, letters)
    }

    /// Whether nothing was seen yet.
    pub(super) fn is_empty(&self) -> bool {
        self.prints.is_empty()
    }

    /// Nothing was seen under the names of now, and all of it is to be identified.
    pub(super) fn begin_to_identify() -> Self {
        Self {
            identifying: true,
            ..Self::default()
        }
    }

    /// Whether what was not seen is to be identified.
    pub(super) fn is_identifying(&self) -> bool {
        self.identifying
    }

    /// The same when everything is identified.
    pub(super) fn identified(self) -> Self {
        Self {
            identifying: false,
            ..self
        }
    }

    /// Forgets what we deleted ourselves: that it is gone says nothing of the server.
    pub(super) fn without(mut self, removed: &BTreeSet<Print>) -> Self {
        self.prints.retain(|print| !removed.contains(print));
        self
    }

    /// Those that were not seen, in their order.
    pub(super) fn unseen(&self, letters: &[Letter]) -> Vec<Letter> {
        let known: BTreeSet<&Print> = self.prints.iter().collect();
        let is_known = |letter: &Letter| known.contains(&print_of(&letter.uidl));
        let first = if self.older {
            letters.iter().position(is_known).unwrap_or(0)
        } else {
            0
        };
        let unseen = letters[first..].iter().filter(|letter| !is_known(letter));
        unseen.cloned().collect()
    }

    /// The same when `more` of `letters` have been seen. What is gone is remembered for a
    /// while: a server that shows an empty mailbox once must not make all of it new.
    pub(super) fn and(&self, letters: &[Letter], more: &[Letter]) -> Self {
        let mut seen: BTreeSet<Print> = self.prints.iter().copied().collect();
        seen.extend(more.iter().map(|letter| print_of(&letter.uidl)));
        let there: Vec<Print> = letters
            .iter()
            .map(|letter| print_of(&letter.uidl))
            .filter(|print| seen.contains(print))
            .collect();
        let present: BTreeSet<&Print> = there.iter().collect();
        let gone = self.prints.iter().filter(|print| !present.contains(print));
        let mut prints: Vec<Print> = gone.copied().collect();
        prints.drain(..prints.len().saturating_sub(MOST_GONE));
        let cut = there.len().saturating_sub(MOST_THERE);
        prints.extend(&there[cut..]);
        Self {
            prints,
            older: self.older || cut > 0,
            identifying: self.identifying,
        }
    }
}

#[derive(serde::Serialize, serde::Deserialize)]
struct Written {
    /// The prints one behind the other, in base64.
    seen: String,
    older: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    identifying: bool,
}

impl From<Seen> for Cursor {
    fn from(seen: Seen) -> Self {
        let written = Written {
            seen: STANDARD_NO_PAD.encode(seen.prints.concat()),
            older: seen.older,
            identifying: seen.identifying,
        };
        let state = serde_json::to_string(&written).expect("two fields can always be written");
        Self {
            transport: TRANSPORT.name.to_owned(),
            version: VERSION,
            state,
        }
    }
}

impl TryFrom<&Cursor> for Seen {
    type Error = CursorError;

    fn try_from(cursor: &Cursor) -> Result<Self, CursorError> {
        let unreadable = |reason: String| CursorError::Unreadable { reason };
        let state = cursor.state_of(TRANSPORT.name, VERSION)?;
        let written: Written =
            serde_json::from_str(state).map_err(|error| unreadable(error.to_string()))?;
        let octets = STANDARD_NO_PAD.decode(&written.seen);
        let octets = octets.map_err(|error| unreadable(error.to_string()))?;
        let (prints, rest) = octets.as_chunks();
        if !rest.is_empty() {
            return Err(unreadable("it is cut off".to_owned()));
        }
        Ok(Self {
            prints: prints.to_vec(),
            older: written.older,
            identifying: written.identifying,
        })
    }
}

const VERSION: u32 = 1;
const LENGTH: usize = 12;
/// As text they take 1.6 MB. Of a larger mailbox the oldest are summed up.
const MOST_THERE: usize = 100_000;
const MOST_GONE: usize = 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn letters(range: std::ops::Range<u32>) -> Vec<Letter> {
        let letter = |number| Letter {
            number,
            uidl: format!("name-{number}"),
            octets: None,
        };
        range.map(letter).collect()
    }

    #[test]
    fn what_was_seen_survives_and_nothing_else_is_taken_for_it() {
        let seen = Seen::all(&letters(1..4));
        let cursor = Cursor::from(seen.clone());
        assert_eq!(
            cursor.state.len(),
            r#"{"seen":"","older":false}"#.len() + 48
        );
        assert_eq!(Seen::try_from(&cursor), Ok(seen));
        for (transport, version, state) in [
            ("imap", 1, cursor.state.as_str()),
            ("pop3", 2, cursor.state.as_str()),
            ("pop3", 1, "{}"),
            ("pop3", 1, r#"{"seen":"AAAA","older":false}"#),
            ("pop3", 1, r#"{"seen":"?","older":false}"#),
        ] {
            let odd = Cursor {
                transport: transport.into(),
                version,
                state: state.into(),
            };
            assert!(Seen::try_from(&odd).is_err(), "{odd:?}");
        }
    }

    #[test]
    fn what_is_gone_is_remembered_for_a_while() {
        let seen = Seen::all(&letters(1..4));
        let after = seen.and(&letters(0..0), &[]);
        assert_eq!(after.unseen(&letters(1..5)), letters(4..5));
        assert_eq!(after.and(&letters(0..0), &[]), after, "it stays the same");
    }

    #[test]
    fn of_a_large_mailbox_the_oldest_are_summed_up() {
        let most = u32::try_from(MOST_THERE).expect("it is small");
        let many = letters(0..most + 5);
        let seen = Seen::all(&many);
        assert_eq!(seen.prints.len(), MOST_THERE);
        assert_eq!(seen.unseen(&many), []);
        let new = letters(most + 5..most + 6);
        assert_eq!(seen.unseen(&[many, new.clone()].concat()), new);
    }
}
