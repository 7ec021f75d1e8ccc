//! Why a message cannot be sent as it is.

use gatepost_fault::{Fault, Next, Owner};
use gatepost_mail::submission::PathError;

use crate::SpoolError;

/// Why a message cannot be sent as it is. Nothing of it is kept.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// There is nobody to send it to.
    #[error("the message has no recipient: name one, or write it into To, Cc or Bcc")]
    NoRecipient,
    /// There is no sender.
    #[error("the message has no sender: write an address into From")]
    NoFrom,
    /// An address is none.
    #[error("{address:?} in {field} is no address that mail is sent to or from: {source}")]
    Address {
        /// Where it stands.
        field: String,
        /// The address as it is written.
        address: String,
        /// What is wrong with it.
        source: PathError,
    },
    /// A value would write another field.
    #[error(
        "{field} holds a line break or another control character, which would write another field into the header; leave it out"
    )]
    Injection {
        /// The field.
        field: String,
    },
    /// A name is no field name.
    #[error("{name:?} is no name of a header field: letters, digits and hyphens, as in X-Ticket")]
    FieldName {
        /// The name.
        name: String,
    },
    /// A field is written out of what it is made of.
    #[error("the field {name} is written by Gatepost: {instead}")]
    FieldOfOurs {
        /// The field.
        name: String,
        /// How to say what is to be in it, as a clause.
        instead: &'static str,
    },
    /// A field is given more often than it may be there.
    #[error("the field {name} is there twice, and a message has one at most (RFC 5322 §3.6)")]
    FieldTwice {
        /// The field.
        name: String,
    },
    /// The header does not end.
    #[error("the header of the message is longer than {limit} octets")]
    HeaderTooLong {
        /// The most, in octets.
        limit: usize,
    },
    /// The message does not end.
    #[error("the message is larger than {limit} octets, which no mailbox sends")]
    TooLarge {
        /// The most, in octets.
        limit: u64,
    },
    /// What is to be sent cannot be read.
    #[error("{what} cannot be read: {source}")]
    Unread {
        /// What.
        what: String,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// It cannot be kept.
    #[error(transparent)]
    Spool(#[from] SpoolError),
}

impl PrepareError {
    /// Every code that this error answers by itself.
    pub const CODES: &'static [&'static str] = &[
        "recipient_missing",
        "sender_missing",
        "address_invalid",
        "header_invalid",
        "message_too_long",
        "message_unreadable",
    ];
}

impl Fault for PrepareError {
    fn code(&self) -> &'static str {
        match self {
            Self::NoRecipient => "recipient_missing",
            Self::NoFrom => "sender_missing",
            Self::Address { .. } => "address_invalid",
            Self::Injection { .. }
            | Self::FieldName { .. }
            | Self::FieldOfOurs { .. }
            | Self::FieldTwice { .. } => "header_invalid",
            Self::HeaderTooLong { .. } | Self::TooLarge { .. } => "message_too_long",
            Self::Unread { .. } => "message_unreadable",
            Self::Spool(error) => error.code(),
        }
    }

    fn owner(&self) -> Owner {
        match self {
            Self::Spool(error) => error.owner(),
            // Whoever hands it over.
            _ => Owner::Operator,
        }
    }

    fn next(&self) -> Next {
        match self {
            Self::Spool(error) => error.next(),
            _ => Next::Discard,
        }
    }
}
