//! The envelope of a message: who sends it, to whom, and what is to be said of its fate.

use std::collections::BTreeSet;

use super::{Path, ReversePath};

/// Everything that goes before the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// Who sends it.
    pub sender: Sender,
    /// To whom.
    pub recipients: Vec<Recipient>,
}

/// MAIL FROM with its parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sender {
    /// Who hears of failures.
    pub path: ReversePath,
    /// How many octets the message has, about (RFC 1870 §5).
    pub size: Option<u64>,
    /// What octets it is made of.
    pub body: Body,
    /// What its header and its addresses are made of.
    pub headers: Headers,
    /// How much of the message a report of failure is to hold (RFC 3461 §4.3).
    pub returned: Option<Returned>,
    /// The sender's own name for the message, which reports repeat (RFC 3461 §4.4).
    pub envelope_id: Option<String>,
}

/// RCPT TO with its parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    /// Who gets it.
    pub path: Path,
    /// When the sender wants a report (RFC 3461 §4.1).
    pub notify: Option<Notify>,
    /// The address as the sender first wrote it, such as `rfc822;a@x.test` (RFC 3461 §4.2).
    pub original: Option<String>,
}

/// What octets a message is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Body {
    /// ASCII in lines.
    #[default]
    SevenBit,
    /// Any octets in lines (RFC 6152).
    EightBitMime,
    /// Any octets, in chunks only (RFC 3030 §3).
    BinaryMime,
}

/// What a header and the addresses are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Headers {
    /// ASCII.
    #[default]
    Ascii,
    /// UTF-8 (RFC 6531 §3.4).
    Utf8,
}

/// How much of a message a report of failure holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Returned {
    /// All of it.
    Full,
    /// Its header.
    Headers,
}

/// When the sender wants a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notify {
    /// Not even when the message cannot be delivered.
    Never,
    /// On these occasions.
    On(Occasions),
}

/// One occasion or more, each once and in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Occasions(BTreeSet<Occasion>);

/// An occasion for a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Occasion {
    /// It was delivered.
    Success,
    /// It cannot be delivered.
    Failure,
    /// It takes longer.
    Delay,
}

impl Occasions {
    /// This occasion, and others.
    pub fn new(first: Occasion, others: impl IntoIterator<Item = Occasion>) -> Self {
        let mut occasions: BTreeSet<Occasion> = others.into_iter().collect();
        occasions.insert(first);
        Self(occasions)
    }

    /// Each occasion, in order.
    pub fn iter(&self) -> impl Iterator<Item = Occasion> {
        self.0.iter().copied()
    }
}

impl Envelope {
    /// Whether the sender wants something of reports, which a server heeds that offers DSN
    /// (RFC 3461 §5.1).
    pub fn asks_for_reports(&self) -> bool {
        let Sender {
            returned,
            envelope_id,
            ..
        } = &self.sender;
        returned.is_some()
            || envelope_id.is_some()
            || self.recipients.iter().any(|one| one.notify.is_some())
    }
}

impl Sender {
    /// A sender without parameters.
    pub fn new(path: ReversePath) -> Self {
        Self {
            path,
            size: None,
            body: Body::default(),
            headers: Headers::default(),
            returned: None,
            envelope_id: None,
        }
    }
}

impl Recipient {
    /// A recipient without parameters.
    pub fn new(path: Path) -> Self {
        Self {
            path,
            notify: None,
            original: None,
        }
    }
}
