//! What a server said, as values.

use bytes::Bytes;

use crate::pop3::{Capabilities, Reply};

/// Names one command that was sent; its [`Event::Completed`] carries the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ticket(pub(super) u32);

/// Something a server said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The first line of the connection. With [`Outcome::Err`](crate::pop3::Outcome::Err) the
    /// server will not talk.
    Greeting(Reply),
    /// What the server can do.
    Capabilities(Capabilities),
    /// The mechanisms of AUTH, in upper case.
    Mechanisms(Vec<String>),
    /// The answer to STAT.
    Counted {
        /// How many messages there are.
        messages: u32,
        /// How many octets they have together.
        octets: u64,
    },
    /// One line of the answer to LIST.
    Sized {
        /// The message's number in this session.
        number: u32,
        /// How many octets it has, as the server says.
        octets: u64,
    },
    /// One line of the answer to UIDL.
    Named {
        /// The message's number in this session.
        number: u32,
        /// Its name, which it keeps over all sessions (RFC 1939 §7).
        unique: String,
    },
    /// The octets of a message begin.
    BodyBegins {
        /// The message's number in this session.
        number: u32,
    },
    /// The next octets of it, freed of the dots that the protocol added.
    BodyChunk(Bytes),
    /// All octets of it came.
    BodyEnds,
    /// The server refused a token and says why; the refusal itself follows.
    Challenge(String),
    /// A command is complete, with all that belongs to it.
    Completed(Ticket, Reply),
    /// The server refuses to go on though nobody asked it anything.
    Goodbye(Reply),
    /// A line of a listing that could not be read. It is counted and kept back from nobody.
    Unreadable(Bytes),
}
