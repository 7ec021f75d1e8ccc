//! The client's side of an IMAP connection: octets in, octets and events out.
//!
//! [`Client`] holds no socket and knows no time. Whoever drives it sends what
//! [`Client::take_output`] gives, feeds what arrives into [`Client::receive`], and acts on what
//! [`Client::next_event`] tells. Commands may be pipelined; what the server says in between is
//! routed as events in the order of the wire and never dropped.
//!
//! ```
//! use gatepost_wire::imap::client::{Client, Command, Event, Outcome, Untagged};
//!
//! let mut client = Client::new();
//! client.receive(b"* OK ready\r\n");
//! assert!(matches!(client.next_event(), Ok(Some(Event::Greeting(_)))));
//!
//! let ticket = client.send(&Command::Noop).expect("nothing is in the way");
//! assert_eq!(client.take_output(), "A1 NOOP\r\n");
//!
//! client.receive(b"* 3 EXISTS\r\nA1 OK done\r\n");
//! assert_eq!(client.next_event(), Ok(Some(Event::Untagged(Untagged::Exists(3)))));
//! let Ok(Some(Event::Completed(of, reply))) = client.next_event() else { panic!() };
//! assert_eq!((of, reply.outcome), (ticket, Outcome::Ok));
//! assert_eq!(client.next_event(), Ok(None), "it wants more octets");
//! ```

mod capabilities;
mod command;
mod event;
mod fetch;
mod incoming;
mod queue;
mod reader;
mod status;
mod uid_set;
mod untagged;
mod wire_name;

use std::collections::VecDeque;
use std::fmt;

use bytes::{Bytes, BytesMut};

pub use capabilities::{Capabilities, Capability};
pub use command::{Command, Criterion, FetchItems, FlagChange};
pub use event::{
    Code, Counted, Event, Fetched, Flag, Listed, Outcome, Reply, StatusKind, StatusLine, Ticket,
    Untagged,
};
pub use uid_set::{End, UidSet};
pub use wire_name::WireName;

use crate::imap::codec::{Assembler, Bound, Bounds, Part};
use crate::sasl::{self, Xoauth2};
use queue::{Piece, Queue};

/// The client's side of one connection.
pub struct Client {
    assembler: Assembler,
    queue: Queue,
    capabilities: Capabilities,
    phase: Phase,
    last_tag: u32,
    in_flight: VecDeque<InFlight>,
    events: VecDeque<Event>,
    /// Whether the body of the message being read has passed already.
    body_streamed: bool,
    unreadable: u64,
    standing: Standing,
}

/// The server does what no client can go on from; the connection must be closed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// Something is larger than a sane server makes it.
    #[error("the server passed a bound: {0}")]
    Bound(#[from] Bound),
    /// The first line is no greeting.
    #[error("the server does not speak IMAP; it began with: {0}")]
    NoGreeting(String),
    /// Octets that were not protected stand behind the answer to STARTTLS.
    #[error(
        "the server sent data behind its answer to STARTTLS, before TLS: somebody may be tampering with the connection"
    )]
    InjectedBeforeTls,
    /// An answer to a question that nobody asked.
    #[error("the server completed a command that was not sent: {0}")]
    UnknownTag(String),
    /// Nothing that a stranger may ask has an answer of this size.
    #[error("the server announced {0} octets before anybody signed in")]
    LiteralForStranger(u64),
    /// More refusals than an exchange can have.
    #[error("the server goes on challenging after a refused token")]
    EndlessChallenge,
}

/// The command cannot be sent now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("another command has to be complete first")]
pub struct Busy;

/// A message to be appended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Append<'a> {
    /// Where to.
    pub folder: &'a str,
    /// Its flags.
    pub flags: &'a [Flag],
    /// How many octets follow through [`Client::append_octets`].
    pub size: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Greeting,
    Talking,
    /// The server agreed to STARTTLS; nothing may pass before TLS does.
    BeforeTls,
}

/// Whether there is anything the server could have to say at length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// Nobody signed in, or asked for what needs that.
    Stranger,
    Known,
}

#[derive(Debug, Clone, Copy)]
struct InFlight {
    ticket: Ticket,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Ordinary,
    StartTls,
    Authenticate { challenged: bool },
    Idle,
    Append,
}

/// Mail and tokens pass through here, so only the state is printed.
impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("phase", &self.phase)
            .field("in_flight", &self.in_flight)
            .field("unreadable", &self.unreadable)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// Waits for the greeting.
    pub fn new() -> Self {
        Self {
            assembler: Assembler::new(RESPONSES),
            queue: Queue::default(),
            capabilities: Capabilities::default(),
            phase: Phase::Greeting,
            last_tag: 0,
            in_flight: VecDeque::new(),
            events: VecDeque::new(),
            body_streamed: false,
            unreadable: 0,
            standing: Standing::Stranger,
        }
    }

    /// Takes octets from the server.
    pub fn receive(&mut self, octets: &[u8]) {
        self.assembler.push(octets);
    }

    /// Where to read into, for a driver that reads without copying: append only, and only when
    /// [`next_event`](Self::next_event) has answered `None`.
    pub fn buffer(&mut self) -> &mut BytesMut {
        self.assembler.buffer()
    }

    /// What is to be sent now; empty if nothing is.
    pub fn take_output(&mut self) -> Bytes {
        self.queue.take_output()
    }

    /// What the server announced most recently. Empty when it has announced nothing since the
    /// connection began, TLS started, or the login.
    pub fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// Gives away what was received behind the answers that were read, for somebody else who
    /// goes on with this server. Only when nothing is in flight.
    pub fn take_leftover(&mut self) -> Bytes {
        self.assembler.take_leftover()
    }

    /// How many messages of the server could not be read.
    pub fn unreadable(&self) -> u64 {
        self.unreadable
    }

    /// How many commands are not complete.
    pub fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    /// Sends a command, behind those that are in flight.
    pub fn send(&mut self, command: &Command) -> Result<Ticket, Busy> {
        let (ticket, tag) = self.next_tag(Kind::Ordinary)?;
        if !command.is_for_strangers() {
            self.standing = Standing::Known;
        }
        for written in command.write(&tag, &self.capabilities) {
            self.queue.push(ticket, written.into());
        }
        Ok(ticket)
    }

    /// Asks for TLS. When it is complete with [`Outcome::Ok`], shake hands and then call
    /// [`tls_started`](Self::tls_started).
    pub fn start_tls(&mut self) -> Result<Ticket, Busy> {
        self.expect_quiet()?;
        let (ticket, tag) = self.next_tag(Kind::StartTls)?;
        self.queue.push(
            ticket,
            Piece::Octets(format!("{tag} STARTTLS\r\n").into_bytes()),
        );
        Ok(ticket)
    }

    /// TLS protects the connection now; what was announced before it is forgotten
    /// (RFC 9051 §6.2.1). Octets that came before TLS may be anybody's: then the connection must be
    /// closed.
    pub fn tls_started(&mut self) -> Result<(), Violation> {
        if self.assembler.has_leftover() {
            return Err(Violation::InjectedBeforeTls);
        }
        self.phase = Phase::Talking;
        self.capabilities = Capabilities::default();
        Ok(())
    }

    /// Signs in with a token, in one step where the server allows it (RFC 4959).
    ///
    /// Exchange refuses with a tagged NO. Google and Dovecot first send an error challenge,
    /// which is reported as [`Event::Challenge`] and answered by an empty line.
    pub fn authenticate(&mut self, credentials: &Xoauth2) -> Result<Ticket, Busy> {
        self.expect_quiet()?;
        let (ticket, tag) = self.next_tag(Kind::Authenticate { challenged: false })?;
        let message = credentials.encode();
        let verb = format!("{tag} AUTHENTICATE {}", sasl::MECHANISM);
        if self.capabilities.has(Capability::SaslIr) {
            let line = format!("{verb} {}\r\n", *message);
            self.queue.push(ticket, Piece::Octets(line.into_bytes()));
        } else {
            self.queue
                .push(ticket, Piece::Octets(format!("{verb}\r\n").into_bytes()));
            self.queue.push(ticket, Piece::AwaitContinuation);
            self.queue.push(
                ticket,
                Piece::Octets(format!("{}\r\n", *message).into_bytes()),
            );
        }
        Ok(ticket)
    }

    /// Asks the server to push changes (RFC 2177). It has begun when [`Event::Continues`] comes.
    pub fn idle(&mut self) -> Result<Ticket, Busy> {
        let (ticket, tag) = self.next_tag(Kind::Idle)?;
        self.standing = Standing::Known;
        self.queue.push(
            ticket,
            Piece::Octets(format!("{tag} IDLE\r\n").into_bytes()),
        );
        self.queue.push(ticket, Piece::AwaitContinuation);
        self.queue.push(ticket, Piece::AwaitDone);
        self.queue.push(ticket, Piece::Octets(b"DONE\r\n".to_vec()));
        Ok(ticket)
    }

    /// Ends the idling, also before the server has begun it. What the server pushes until the
    /// command is complete still comes as events.
    pub fn done(&mut self) {
        self.queue.done();
    }

    /// Announces a message; its octets follow through [`append_octets`](Self::append_octets)
    /// when [`Event::Continues`] comes, or at once where the server does not insist on waiting.
    pub fn append(&mut self, append: &Append<'_>) -> Result<Ticket, Busy> {
        let (ticket, tag) = self.next_tag(Kind::Append)?;
        let at_once = command::non_synchronizing(append.size, &self.capabilities);
        let flags: Vec<String> = append.flags.iter().map(command::flag_atom).collect();
        let line = format!(
            "{tag} APPEND {} ({}) {{{}{}}}\r\n",
            command::quoted_folder(append.folder),
            flags.join(" "),
            append.size,
            if at_once { "+" } else { "" },
        );
        self.queue.push(ticket, Piece::Octets(line.into_bytes()));
        if at_once {
            self.events.push_back(Event::Continues(ticket));
        } else {
            self.queue.push(ticket, Piece::AwaitContinuation);
        }
        self.queue.push(ticket, Piece::Body { left: append.size });
        self.queue.push(ticket, Piece::Octets(b"\r\n".to_vec()));
        Ok(ticket)
    }

    /// Gives the next octets of the appended message, and answers how many were taken: those
    /// beyond the announced size are not.
    pub fn append_octets(&mut self, octets: &[u8]) -> usize {
        self.queue.body(octets)
    }

    /// What the server said next, or `None` when more octets are needed.
    pub fn next_event(&mut self) -> Result<Option<Event>, Violation> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Ok(Some(event));
            }
            if self.phase == Phase::BeforeTls {
                return if self.assembler.has_leftover() {
                    Err(Violation::InjectedBeforeTls)
                } else {
                    Ok(None)
                };
            }
            match self.assembler.next_part()? {
                None => return Ok(None),
                Some(Part::Announced(announcement)) => self.treat(announcement)?,
                Some(Part::Chunk(octets)) => self.events.push_back(Event::BodyChunk(octets)),
                Some(Part::LiteralEnd) => self.events.push_back(Event::BodyEnds),
                Some(Part::Message(message)) => self.read(&message)?,
            }
        }
    }

    fn next_tag(&mut self, kind: Kind) -> Result<(Ticket, String), Busy> {
        let alone = |kind| matches!(kind, Kind::StartTls | Kind::Authenticate { .. });
        let blocked = self.in_flight.iter().any(|command| alone(command.kind));
        if blocked || self.phase != Phase::Talking {
            return Err(Busy);
        }
        self.last_tag += 1;
        let ticket = Ticket(self.last_tag);
        self.in_flight.push_back(InFlight { ticket, kind });
        Ok((ticket, format!("A{}", self.last_tag)))
    }

    fn expect_quiet(&self) -> Result<(), Busy> {
        if self.in_flight.is_empty() {
            Ok(())
        } else {
            Err(Busy)
        }
    }
}

impl Default for Client {
    fn default() -> Self {
        Self::new()
    }
}

/// In octets: an ID is the most that a stranger is told.
const LONGEST_FOR_STRANGER: u64 = 8192;
/// A search over half a million messages fits into a line; no header is larger than a literal.
const RESPONSES: Bounds = Bounds {
    line: 4 << 20,
    literal: 1 << 20,
    literals: 64,
};
