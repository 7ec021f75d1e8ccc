//! What the server asks its owner, and what the owner answers.

use bytes::Bytes;

use super::{Credentials, Then};
use crate::pop3::{Code, Reply};

/// A question to the owner of the server. Until it is answered the client waits.
#[derive(Debug)]
pub enum Ask {
    /// May these credentials sign in? [`Answer::Maildrop`], [`Answer::HandOver`] or
    /// [`Answer::Refused`].
    SignIn(Credentials),
    /// The first octets of the message with this unique name. [`Answer::Chunk`],
    /// [`Answer::End`] or [`Answer::Refused`].
    Message(String),
    /// The next octets of the same message. [`Answer::Chunk`] or [`Answer::End`]. After TOP
    /// they are not asked for to the end: another question may follow at once.
    More,
    /// Delete the messages with these unique names; the client is leaving (RFC 1939 §6).
    /// [`Answer::Done`] or [`Answer::Refused`].
    Update(Vec<String>),
}

/// The owner's answer to an [`Ask`]. An answer of a wrong kind ends the connection.
#[derive(Debug)]
pub enum Answer {
    /// They may, and these are the messages, in the order of their numbers.
    Maildrop(Vec<Letter>),
    /// They may, and another server goes on with this client: see
    /// [`Want::HandOver`](super::Want::HandOver).
    HandOver,
    /// The next octets.
    Chunk(Bytes),
    /// There are no more.
    End,
    /// It is done.
    Done,
    /// It is not, and the client is told so. In the middle of a message nothing can be told,
    /// so the connection is closed instead.
    Refused(Refusal),
}

/// A message as the session sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// How many octets it has.
    pub octets: u64,
    /// Its name, which no other message of the mailbox ever has (RFC 1939 §7).
    pub unique: String,
}

/// No, in the words the client is to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What follows `-ERR`.
    pub reply: Reply,
    /// Whether the session goes on.
    pub then: Then,
}

impl Refusal {
    /// `-ERR`, and the session goes on.
    pub fn new(text: impl Into<String>) -> Self {
        Self {
            reply: Reply::err(text),
            then: Then::Stay,
        }
    }

    /// The same with a response code.
    #[must_use]
    pub fn with_code(self, code: Code) -> Self {
        Self {
            reply: self.reply.with_code(code),
            ..self
        }
    }

    /// The same, and then the connection is closed.
    #[must_use]
    pub fn and_close(self) -> Self {
        Self {
            then: Then::Close,
            ..self
        }
    }
}
