//! The client's side of a POP3 connection: octets in, octets and events out.
//!
//! [`Client`] holds no socket and knows no time. Whoever drives it sends what
//! [`Client::take_output`] gives, feeds what arrives into [`Client::receive`], and acts on what
//! [`Client::next_event`] tells. Messages pass through in pieces and are never held.
//!
//! ```
//! use gatepost_wire::pop3::Outcome;
//! use gatepost_wire::pop3::client::{Client, Command, Event};
//!
//! let mut client = Client::new();
//! client.receive(b"+OK ready\r\n");
//! assert!(matches!(client.next_event(), Ok(Some(Event::Greeting(_)))));
//!
//! let ticket = client.send(&Command::Stat).expect("nothing is in the way");
//! assert_eq!(client.take_output(), "STAT\r\n");
//!
//! client.receive(b"+OK 2 320\r\n");
//! assert_eq!(client.next_event(), Ok(Some(Event::Counted { messages: 2, octets: 320 })));
//! let Ok(Some(Event::Completed(of, reply))) = client.next_event() else { panic!() };
//! assert_eq!((of, reply.outcome), (ticket, Outcome::Ok));
//! assert_eq!(client.next_event(), Ok(None), "it wants more octets");
//! ```

mod command;
mod event;
mod incoming;

use std::collections::VecDeque;
use std::fmt;

use bytes::{Bytes, BytesMut};
use secrecy::{ExposeSecret as _, SecretString};

pub use command::Command;
pub use event::{Event, Ticket};

use super::{Capabilities, Capability};
use crate::lines::{LineTooLong, Lines};
use crate::sasl::{Attempt, EndlessChallenge, Mechanism, Xoauth2};
use incoming::Reading;

/// The client's side of one connection.
pub struct Client {
    lines: Lines,
    output: BytesMut,
    /// `None` as long as the server listed nothing.
    capabilities: Option<Capabilities>,
    phase: Phase,
    last_ticket: u32,
    in_flight: VecDeque<InFlight>,
    reading: Option<Reading>,
    events: VecDeque<Event>,
    unreadable: u64,
}

/// The server does what no client can go on from; the connection must be closed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// Something is larger than a sane server makes it.
    #[error("the server passed a bound: {0}")]
    Line(#[from] LineTooLong),
    /// A list of capabilities or mechanisms without end.
    #[error("the server lists more than {0} capabilities")]
    Capabilities(usize),
    /// The first line is no greeting.
    #[error("the server does not speak POP3; it began with: {0}")]
    NoGreeting(String),
    /// Octets that were not protected stand behind the answer to STLS.
    #[error(
        "the server sent data behind its answer to STLS, before TLS: somebody may be tampering with the connection"
    )]
    InjectedBeforeTls,
    /// A line that is neither `+OK` nor `-ERR` where one of them must stand.
    #[error("the server answered with something that is no answer of POP3: {0}")]
    NoReply(String),
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
    /// The server takes one command at a time, or this one has to be alone.
    #[error("another command has to be complete first")]
    Busy,
    /// The session has ended or has not begun.
    #[error("the server is not listening")]
    NotListening,
    /// The server offers TLS, and nothing secret goes over the wire without it.
    #[error("the server offers TLS (STLS), and nobody signs in before that has started")]
    TlsFirst,
    /// The server listed what it can do, and this way to sign in is not among it.
    #[error(
        "the server does not let anybody sign in on this connection in this way (CAPA does not list it)"
    )]
    NotListed,
    /// A name or password could not be told from another command.
    #[error("the user name or password holds an end of line or a NUL")]
    ControlCharacter,
}

/// Whether the token may travel with AUTH.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum InitialResponse {
    /// In a line of its own. Exchange accepts nothing else.
    #[default]
    Never,
    /// With AUTH, if the line then has no more than 255 octets (RFC 5034 §4).
    IfItFits,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Greeting,
    Talking,
    /// The server agreed to STLS; nothing may pass before TLS does.
    BeforeTls,
    /// The server said goodbye.
    Over,
}

struct InFlight {
    ticket: Ticket,
    kind: Kind,
}

/// What an answer means, and what is still to be sent for it.
enum Kind {
    Plain,
    Quit,
    Stat,
    List { number: Option<u32> },
    Uidl { number: Option<u32> },
    Capa,
    Mechanisms,
    Message { number: u32 },
    StartTls,
    Sasl(Attempt),
    User { password: SecretString },
    Pass,
}

/// Mail and tokens pass through here, so only the state is printed.
impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("phase", &self.phase)
            .field("in_flight", &self.in_flight.len())
            .field("unreadable", &self.unreadable)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// Waits for the greeting.
    pub fn new() -> Self {
        Self {
            lines: Lines::default(),
            output: BytesMut::new(),
            capabilities: None,
            phase: Phase::Greeting,
            last_ticket: 0,
            in_flight: VecDeque::new(),
            reading: None,
            events: VecDeque::new(),
            unreadable: 0,
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

    /// What the server listed most recently. Empty when it has listed nothing since the
    /// connection began or TLS started.
    pub fn capabilities(&self) -> &Capabilities {
        static UNKNOWN: Capabilities = Capabilities::NONE;
        self.capabilities.as_ref().unwrap_or(&UNKNOWN)
    }

    /// How many lines of listings could not be read.
    pub fn unreadable(&self) -> u64 {
        self.unreadable
    }

    /// Gives away what was received behind the answers that were read, for somebody else who
    /// goes on with this server. Only when nothing is in flight.
    pub fn take_leftover(&mut self) -> Bytes {
        self.lines.take_leftover()
    }

    /// How many commands are not complete.
    pub fn in_flight(&self) -> usize {
        self.in_flight.len() + usize::from(self.reading.is_some())
    }

    /// Sends a command. Only where the server offers PIPELINING may others be in flight
    /// (RFC 2449 §6.6).
    pub fn send(&mut self, command: &Command) -> Result<Ticket, Unsendable> {
        if !self.capabilities().has(&Capability::Pipelining) {
            self.expect_quiet()?;
        }
        let ticket = self.admit(command.kind())?;
        self.output.extend_from_slice(command.line().as_bytes());
        Ok(ticket)
    }

    /// Asks for TLS. When it is complete with [`Outcome::Ok`](super::Outcome::Ok), shake hands
    /// and then call [`tls_started`](Self::tls_started).
    pub fn start_tls(&mut self) -> Result<Ticket, Unsendable> {
        self.expect_quiet()?;
        let ticket = self.admit(Kind::StartTls)?;
        self.output.extend_from_slice(b"STLS\r\n");
        Ok(ticket)
    }

    /// TLS protects the connection now; what was listed before it is forgotten (RFC 2595 §4).
    /// Octets that came before TLS may be anybody's: then the connection must be closed.
    pub fn tls_started(&mut self) -> Result<(), Violation> {
        if self.lines.has_leftover() {
            return Err(Violation::InjectedBeforeTls);
        }
        self.phase = Phase::Talking;
        self.capabilities = None;
        Ok(())
    }

    /// Signs in with a token.
    ///
    /// Exchange refuses with `-ERR`. Others first send an error challenge, which is reported as
    /// [`Event::Challenge`] and answered by an empty line. The token is not sent where the server
    /// lists STLS and it has not started, nor where it listed what it can do and XOAUTH2 is
    /// missing.
    pub fn authenticate(
        &mut self,
        credentials: &Xoauth2,
        initial: InitialResponse,
    ) -> Result<Ticket, Unsendable> {
        self.expect_quiet()?;
        self.expect_listed(|listed| listed.has_mechanism(Mechanism::Xoauth2))?;
        let longest = match initial {
            InitialResponse::Never => 0,
            InitialResponse::IfItFits => LONGEST_COMMAND,
        };
        self.expect_talking()?;
        let attempt = Attempt::begin(credentials, longest, &mut self.output);
        self.admit(Kind::Sasl(attempt))
    }

    /// Signs in with USER and then PASS (RFC 1939 §7), under the same conditions as with a token.
    /// Blanks in the password are kept.
    pub fn sign_in(&mut self, user: &str, password: SecretString) -> Result<Ticket, Unsendable> {
        self.expect_quiet()?;
        self.expect_listed(|listed| listed.has(&Capability::User))?;
        if user.is_empty() || has_control(user) || has_control(password.expose_secret()) {
            return Err(Unsendable::ControlCharacter);
        }
        let ticket = self.admit(Kind::User { password })?;
        self.output
            .extend_from_slice(format!("USER {user}\r\n").as_bytes());
        Ok(ticket)
    }

    fn admit(&mut self, kind: Kind) -> Result<Ticket, Unsendable> {
        self.expect_talking()?;
        if self.in_flight.iter().any(|command| command.kind.is_alone()) {
            return Err(Unsendable::Busy);
        }
        self.last_ticket += 1;
        let ticket = Ticket(self.last_ticket);
        self.in_flight.push_back(InFlight { ticket, kind });
        Ok(ticket)
    }

    /// Secrets are sent only where they are wanted, and not in the clear if that can be helped.
    fn expect_listed(&self, way: fn(&Capabilities) -> bool) -> Result<(), Unsendable> {
        match &self.capabilities {
            Some(listed) if listed.has(&Capability::Stls) => Err(Unsendable::TlsFirst),
            Some(listed) if !way(listed) => Err(Unsendable::NotListed),
            Some(_) | None => Ok(()),
        }
    }

    fn expect_talking(&self) -> Result<(), Unsendable> {
        if self.phase == Phase::Talking {
            Ok(())
        } else {
            Err(Unsendable::NotListening)
        }
    }

    fn expect_quiet(&self) -> Result<(), Unsendable> {
        if self.in_flight() == 0 {
            Ok(())
        } else {
            Err(Unsendable::Busy)
        }
    }
}

impl Default for Client {
    fn default() -> Self {
        Self::new()
    }
}

impl Kind {
    /// Whether nothing may be sent behind it before it is complete.
    fn is_alone(&self) -> bool {
        matches!(
            self,
            Self::Quit | Self::StartTls | Self::Sasl(_) | Self::User { .. } | Self::Pass
        )
    }
}

fn has_control(text: &str) -> bool {
    text.contains(['\0', '\r', '\n'])
}

/// In octets, with the end of line (RFC 2449 §4).
const LONGEST_COMMAND: usize = 255;
