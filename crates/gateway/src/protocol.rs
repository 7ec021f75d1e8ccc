//! What is spoken at a door.

use std::fmt;
use std::str::FromStr;

/// A protocol of a door.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// IMAP4rev1 (RFC 3501).
    Imap,
    /// POP3 (RFC 1939).
    Pop3,
    /// SMTP submission (RFC 6409).
    Smtp,
}

impl Protocol {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Imap, Self::Pop3, Self::Smtp];

    /// Its name in configuration, log and commands.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Imap => "imap",
            Self::Pop3 => "pop3",
            Self::Smtp => "smtp",
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Protocol {
    type Err = UnknownProtocol;

    fn from_str(text: &str) -> Result<Self, UnknownProtocol> {
        Self::ALL
            .into_iter()
            .find(|protocol| protocol.name() == text)
            .ok_or_else(|| UnknownProtocol {
                text: text.to_owned(),
            })
    }
}

/// A text that names no protocol.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text} is no protocol; there are imap, pop3 and smtp")]
pub struct UnknownProtocol {
    text: String,
}

/// Some of the protocols, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Protocols([bool; 3]);

impl Protocols {
    /// All of them.
    pub const ALL: Self = Self([true; 3]);

    /// Whether this one is among them.
    pub fn hold(self, protocol: Protocol) -> bool {
        self.iter().any(|held| held == protocol)
    }

    /// Each of them.
    pub fn iter(self) -> impl Iterator<Item = Protocol> {
        Protocol::ALL
            .into_iter()
            .zip(self.0)
            .filter_map(|(protocol, held)| held.then_some(protocol))
    }
}

impl FromIterator<Protocol> for Protocols {
    fn from_iter<I: IntoIterator<Item = Protocol>>(protocols: I) -> Self {
        let mut held = [false; 3];
        for protocol in protocols {
            for (slot, known) in held.iter_mut().zip(Protocol::ALL) {
                *slot |= known == protocol;
            }
        }
        Self(held)
    }
}

impl fmt::Display for Protocols {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.iter().map(Protocol::name).collect();
        f.pad(&names.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        for protocol in Protocol::ALL {
            assert_eq!(protocol.to_string().parse(), Ok(protocol));
        }
        "IMAP"
            .parse::<Protocol>()
            .expect_err("names are in lower case");
    }

    #[test]
    fn some_of_them_hold_what_they_were_made_of() {
        let some: Protocols = [Protocol::Smtp, Protocol::Imap].into_iter().collect();
        assert!(some.hold(Protocol::Imap) && !some.hold(Protocol::Pop3));
        assert_eq!(some.to_string(), "imap,smtp");
        assert_eq!(Protocols::ALL.iter().count(), 3);
    }
}
