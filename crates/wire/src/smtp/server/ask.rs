//! What the server asks its owner, and what the owner answers.

use bytes::Bytes;

use super::{Credentials, Then};
use crate::smtp::{Recipient, Reply, Sender, Transfer};

/// A question to the owner of the server. Until it is answered the client waits.
#[derive(Debug)]
pub enum Ask {
    /// May these credentials sign in? [`Answer::Done`], [`Answer::HandOver`] or
    /// [`Answer::Refused`].
    SignIn(Credentials),
    /// May this sender begin an envelope? [`Answer::Done`], [`Answer::HandOver`] or
    /// [`Answer::Refused`].
    Sender(Sender),
    /// May this recipient be added? [`Answer::Done`] or [`Answer::Refused`].
    Recipient(Recipient),
    /// May the message come? [`Answer::Done`] or [`Answer::Refused`].
    Message(Transfer),
    /// The next octets of the message. [`Answer::Done`], or [`Answer::Refused`], which the
    /// client hears when it has sent everything.
    MessageOctets(Bytes),
    /// The message is complete: take the responsibility for it. [`Answer::Accepted`] or
    /// [`Answer::Refused`].
    MessageEnds,
    /// The envelope, and what came of its message, is to be forgotten. [`Answer::Done`].
    Abandon,
}

/// The owner's answer to an [`Ask`]. An answer of a wrong kind ends the connection.
#[derive(Debug)]
pub enum Answer {
    /// It is done, and the client hears the reply of the persona.
    Done,
    /// The message is accepted, and the client hears this.
    Accepted(Reply),
    /// The credentials or the sender are good, and another server goes on with this client: see
    /// [`Want::HandOver`](super::Want::HandOver). It gets, and answers, the command of the sender.
    HandOver,
    /// No, and the client hears this.
    Refused(Refusal),
}

/// No, in the words the client is to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The reply.
    pub reply: Reply,
    /// Whether the session goes on.
    pub then: Then,
}

impl Refusal {
    /// This reply; behind 421 the connection is closed (RFC 5321 §3.8).
    pub fn new(reply: Reply) -> Self {
        let then = if reply.code == 421 {
            Then::Close
        } else {
            Then::Stay
        };
        Self { reply, then }
    }
}
