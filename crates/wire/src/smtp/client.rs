//! The client's side of an SMTP connection: octets in, octets and events out.
//!
//! [`Client`] holds no socket and knows no time. Whoever drives it sends what
//! [`Client::take_output`] gives, feeds what arrives into [`Client::receive`], and acts on what
//! [`Client::next_event`] tells. Every reply comes with the [`Phase`] it belongs to. Messages
//! pass through in pieces and are never held.
//!
//! ```
//! use gatepost_wire::smtp::{Path, Phase, Recipient, ReversePath, Sender, Envelope, Transfer};
//! use gatepost_wire::smtp::client::{Client, Event};
//!
//! let mut client = Client::new();
//! client.receive(b"220 ready\r\n");
//! assert!(matches!(client.next_event(), Ok(Some(Event::Replied(Phase::Greeting, _)))));
//! client.hello("x.test").expect("a name");
//! assert_eq!(client.take_output(), "EHLO x.test\r\n");
//! client.receive(b"250-hello\r\n250 PIPELINING\r\n");
//! assert!(matches!(client.next_event(), Ok(Some(Event::Replied(Phase::Hello, _)))));
//!
//! let address = Path::parse("a@x.test").expect("an address");
//! let envelope = Envelope {
//!     sender: Sender::new(ReversePath::Address(address.clone())),
//!     recipients: vec![Recipient::new(address)],
//! };
//! client.send_envelope(&envelope).expect("nothing is in the way");
//! assert_eq!(client.take_output(), "MAIL FROM:<a@x.test>\r\nRCPT TO:<a@x.test>\r\n");
//! client.receive(b"250 ok\r\n250 ok\r\n");
//! while let Ok(Some(event)) = client.next_event() {
//!     if event == (Event::EnvelopeSettled { accepted: 1 }) {
//!         client.begin_message(Transfer::Data).expect("somebody gets it");
//!     }
//! }
//! client.receive(b"354 go on\r\n");
//! assert!(matches!(client.next_event(), Ok(Some(Event::Replied(Phase::BeforeData, _)))));
//! client.message_octets(b".one\n").expect("the server waits for it");
//! client.end_message().expect("the server waits for it");
//! assert_eq!(client.take_output(), "DATA\r\n..one\r\n.\r\n");
//! ```

mod command;
mod incoming;
mod message;

use std::collections::VecDeque;
use std::fmt;

use bytes::{Bytes, BytesMut};

use super::{BadReply, Body, Extensions, Phase, Reply, ReplyReader};
use crate::lines::{LineTooLong, Lines};
use crate::sasl::{Attempt, EndlessChallenge};
use message::Outgoing;

/// The client's side of one connection.
pub struct Client {
    lines: Lines,
    reply: ReplyReader,
    output: BytesMut,
    /// `None` as long as the server was not asked.
    extensions: Option<Extensions>,
    state: State,
    in_flight: VecDeque<Kind>,
    /// Lines of an envelope that wait for the answers to those before them.
    unsent: VecDeque<(Kind, String)>,
    settling: Settling,
    message: Option<Outgoing>,
    /// What the octets of the message are, as its envelope said.
    body: Body,
    events: VecDeque<Event>,
}

/// Something a server said, or the end of something it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A reply, and what it answers.
    Replied(Phase, Reply),
    /// The server refused a token and says why; the refusal itself follows.
    Challenge(String),
    /// The sender and every recipient of the envelope have their replies. Unless
    /// somebody was accepted there is nothing to send.
    EnvelopeSettled {
        /// How many recipients were accepted.
        accepted: usize,
    },
    /// The server closes the connection, with the reply it closes it with (RFC 5321 §3.8).
    /// Nothing that is in flight will be answered any more.
    Goodbye(Reply),
}

/// The server does what no client can go on from; the connection must be closed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// A line is longer than a sane server makes it.
    #[error("the server passed a bound: {0}")]
    Line(#[from] LineTooLong),
    /// The first line is no greeting.
    #[error("the server does not speak SMTP; it began with: {0}")]
    NoGreeting(String),
    /// A reply that cannot be read.
    #[error("the server sent a reply that cannot be read: {0}")]
    Reply(#[from] BadReply),
    /// Octets that were not protected stand behind the answer to STARTTLS.
    #[error(
        "the server sent data behind its answer to STARTTLS, before TLS: somebody may be tampering with the connection"
    )]
    InjectedBeforeTls,
    /// An answer to a question that nobody asked.
    #[error("the server answered a command that was not sent: {0}")]
    Unexpected(String),
    /// More refusals than an exchange can have.
    #[error("the server goes on challenging after a refused token")]
    EndlessChallenge,
}

impl From<EndlessChallenge> for Violation {
    fn from(EndlessChallenge: EndlessChallenge) -> Self {
        Self::EndlessChallenge
    }
}

/// The command cannot be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unsendable {
    /// Another command has to be complete first.
    #[error("another command has to be complete first")]
    Busy,
    /// The session has ended or has not begun, or no message is awaited.
    #[error("the server is not listening")]
    NotListening,
    /// The server offers TLS, and nothing secret goes over the wire without it.
    #[error("the server offers TLS (STARTTLS), and no token is sent before that has started")]
    TlsFirst,
    /// The server said what it offers, and this mechanism is not among it.
    #[error("the server does not take tokens on this connection (it does not offer AUTH XOAUTH2)")]
    NoSuchMechanism,
    /// The name for EHLO holds something that cannot stand there.
    #[error(
        "the name with which to greet the server is empty or holds a blank or a control character"
    )]
    Name,
    /// An envelope without recipients, or none of them was accepted.
    #[error("nobody is there to get the message")]
    NoRecipient,
    /// An address or a header is in UTF-8 and the server does not offer SMTPUTF8.
    #[error(
        "the server cannot take addresses or headers that are not ASCII (it does not offer SMTPUTF8)"
    )]
    NoUtf8,
    /// The message holds octets that the server does not take as they are.
    #[error(
        "the server cannot take a message that is not ASCII (it does not offer 8BITMIME or BINARYMIME)"
    )]
    NoEightBit,
    /// The server takes no chunks, or the message can only go in chunks and was to go otherwise.
    #[error("the server cannot take the message in this form (BDAT is not offered, or is needed)")]
    NoChunks,
    /// The name of the envelope or an original address is longer than the standard allows
    /// (RFC 3461 §4.2, §4.4).
    #[error(
        "the envelope's name is longer than 100 octets, or an original address longer than 500"
    )]
    ParameterTooLong,
    /// The server said beforehand that it is too large.
    #[error("the message is larger than the {limit} octets that the server takes")]
    TooLarge {
        /// In octets.
        limit: u64,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Greeting,
    Talking,
    /// The server agreed to STARTTLS; nothing may pass before TLS does.
    BeforeTls,
    /// The server said goodbye, or cannot be understood any more.
    Over,
}

/// How far the envelope is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Settling {
    /// How many recipients have no reply.
    left: usize,
    /// How many were accepted; `None` when the sender was not.
    accepted: Option<usize>,
}

/// What an answer means, and what is still to be sent for it.
enum Kind {
    Ehlo { name: String },
    Helo,
    StartTls,
    Auth(Attempt),
    Mail,
    Rcpt(usize),
    Data,
    Chunk,
    EndOfData,
    Reset,
    Noop,
    Quit,
}

/// Mail and tokens pass through here, so only the state is printed.
impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("state", &self.state)
            .field("in_flight", &self.in_flight.len())
            .finish_non_exhaustive()
    }
}

impl Client {
    /// Waits for the greeting.
    pub fn new() -> Self {
        Self {
            lines: Lines::default(),
            reply: ReplyReader::default(),
            output: BytesMut::new(),
            extensions: None,
            state: State::Greeting,
            in_flight: VecDeque::new(),
            unsent: VecDeque::new(),
            settling: Settling::default(),
            message: None,
            body: Body::default(),
            events: VecDeque::new(),
        }
    }

    /// Takes octets from the server.
    pub fn receive(&mut self, octets: &[u8]) {
        self.lines.push(octets);
    }

    /// Where to read into, for a driver that reads without copying: append only, and only when
    /// [`next_event`](Self::next_event) has answered `None`.
    pub fn buffer(&mut self) -> &mut BytesMut {
        self.lines.buffer()
    }

    /// What is to be sent now; empty if nothing is.
    pub fn take_output(&mut self) -> Bytes {
        self.output.split().freeze()
    }

    /// What the server offered in its last answer to EHLO. Empty when it was not asked since
    /// the connection began or TLS started.
    pub fn extensions(&self) -> &Extensions {
        static UNKNOWN: Extensions = Extensions::NONE;
        self.extensions.as_ref().unwrap_or(&UNKNOWN)
    }

    /// Gives away what was received behind the answers that were read, for somebody else who
    /// goes on with this server. Only when nothing is in flight.
    pub fn take_leftover(&mut self) -> Bytes {
        self.lines.take_leftover()
    }

    /// How many commands are not complete.
    pub fn in_flight(&self) -> usize {
        self.in_flight.len() + self.unsent.len()
    }

    /// TLS protects the connection now; what was offered before it is forgotten, and the server
    /// has to be greeted again (RFC 3207 §4.2). Octets that came before TLS may be anybody's:
    /// then the connection must be closed.
    pub fn tls_started(&mut self) -> Result<(), Violation> {
        if self.lines.has_leftover() {
            return Err(Violation::InjectedBeforeTls);
        }
        self.state = State::Talking;
        self.extensions = None;
        Ok(())
    }
}

impl Default for Client {
    fn default() -> Self {
        Self::new()
    }
}

impl Kind {
    fn phase(&self) -> Phase {
        match self {
            Self::Ehlo { .. } | Self::Helo => Phase::Hello,
            Self::StartTls => Phase::StartTls,
            Self::Auth(_) => Phase::Auth,
            Self::Mail => Phase::Mail,
            Self::Rcpt(number) => Phase::Recipient(*number),
            Self::Data => Phase::BeforeData,
            Self::Chunk => Phase::Chunk,
            Self::EndOfData => Phase::EndOfData,
            Self::Reset => Phase::Reset,
            Self::Noop => Phase::Noop,
            Self::Quit => Phase::Quit,
        }
    }
}
