//! What a client wants, read from its line.

use secrecy::zeroize::Zeroizing;

use crate::smtp::parameter::{self, Unread};
use crate::smtp::{Recipient, Sender};

/// A command as it was read.
pub(super) enum Order {
    Ehlo,
    Helo,
    StartTls,
    Auth {
        mechanism: Vec<u8>,
        initial: Option<Zeroizing<Vec<u8>>>,
    },
    Mail(Sender),
    Rcpt(Recipient),
    Data,
    Bdat(Bdat),
    Rset,
    Noop,
    Vrfy,
    Help,
    Quit,
}

/// BDAT (RFC 3030 §2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bdat {
    pub(super) octets: u64,
    pub(super) part: ChunkPart,
}

/// Whether a chunk ends the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ChunkPart {
    More,
    Last,
}

/// Why a line is no order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Misread {
    Command,
    Arguments,
    Address,
    Parameter,
}

impl Order {
    /// Reads a line without its end.
    pub(super) fn read(line: &[u8]) -> Result<Self, Misread> {
        let line = line.trim_ascii_end();
        let space = memchr::memchr(b' ', line).unwrap_or(line.len());
        let (verb, rest) = line.split_at(space);
        let rest = rest.trim_ascii_start();
        let alone = |order: Self| {
            if rest.is_empty() {
                Ok(order)
            } else {
                Err(Misread::Arguments)
            }
        };
        match verb.to_ascii_uppercase().as_slice() {
            // Some devices do not say who they are, and Exchange does not mind.
            b"EHLO" => Ok(Self::Ehlo),
            b"HELO" => Ok(Self::Helo),
            b"STARTTLS" => alone(Self::StartTls),
            b"AUTH" => auth(rest),
            b"MAIL" => Ok(Self::Mail(parameter::read_mail(text(rest)?)?)),
            b"RCPT" => Ok(Self::Rcpt(parameter::read_rcpt(text(rest)?)?)),
            b"DATA" => alone(Self::Data),
            b"BDAT" => bdat(text(rest)?).map(Self::Bdat),
            b"RSET" => alone(Self::Rset),
            b"NOOP" => Ok(Self::Noop),
            b"VRFY" => Ok(Self::Vrfy),
            b"HELP" => Ok(Self::Help),
            b"QUIT" => alone(Self::Quit),
            _ => Err(Misread::Command),
        }
    }
}

impl From<Unread> for Misread {
    fn from(unread: Unread) -> Self {
        match unread {
            Unread::Syntax => Self::Arguments,
            Unread::Address(_) => Self::Address,
            Unread::Parameter => Self::Parameter,
        }
    }
}

fn auth(arguments: &[u8]) -> Result<Order, Misread> {
    let mut words = arguments
        .split(|octet| *octet == b' ')
        .filter(|word| !word.is_empty());
    let mechanism = words.next().ok_or(Misread::Arguments)?.to_vec();
    let initial = words.next().map(|word| Zeroizing::new(word.to_vec()));
    match words.next() {
        None => Ok(Order::Auth { mechanism, initial }),
        Some(_) => Err(Misread::Arguments),
    }
}

fn bdat(arguments: &str) -> Result<Bdat, Misread> {
    let mut words = arguments.split_ascii_whitespace();
    let octets = words
        .next()
        .and_then(|octets| octets.parse().ok())
        .ok_or(Misread::Arguments)?;
    let part = match words.next() {
        None => ChunkPart::More,
        Some(word) if word.eq_ignore_ascii_case("LAST") => ChunkPart::Last,
        Some(_) => return Err(Misread::Arguments),
    };
    match words.next() {
        None => Ok(Bdat { octets, part }),
        Some(_) => Err(Misread::Arguments),
    }
}

fn text(octets: &[u8]) -> Result<&str, Misread> {
    std::str::from_utf8(octets).map_err(|_| Misread::Arguments)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_are_read_in_any_case() {
        assert!(matches!(Order::read(b"ehlo"), Ok(Order::Ehlo)));
        assert!(matches!(Order::read(b"Data "), Ok(Order::Data)));
        assert!(matches!(
            Order::read(b"mail from: a@x.test size=3"),
            Ok(Order::Mail(Sender { size: Some(3), .. }))
        ));
        let last = Bdat {
            octets: 0,
            part: ChunkPart::Last,
        };
        assert!(matches!(Order::read(b"BDAT 0 last"), Ok(Order::Bdat(read)) if read == last));
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        for (line, why) in [
            ("", Misread::Command),
            ("WHAT", Misread::Command),
            ("DATA now", Misread::Arguments),
            ("AUTH", Misread::Arguments),
            ("AUTH PLAIN a b", Misread::Arguments),
            ("BDAT", Misread::Arguments),
            ("BDAT -1", Misread::Arguments),
            ("BDAT 1 FIRST", Misread::Arguments),
            ("MAIL", Misread::Arguments),
            ("RCPT TO:<>", Misread::Address),
            ("RCPT TO:<a@x.test> X", Misread::Parameter),
        ] {
            assert_eq!(Order::read(line.as_bytes()).err(), Some(why), "{line:?}");
        }
    }
}
