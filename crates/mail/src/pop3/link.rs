//! One connection: the wire's client machine with a stream, a clock and time limits.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use gatepost_host::{Clock, Elapsed};
use gatepost_wire::pop3::client::{Client, Command, Event, Ticket, Unsendable};
use gatepost_wire::pop3::{Capability, Reply};

use super::TimeLimits;
use super::settings::Pop3Settings;
use super::verdict::{self, Asked};
use crate::connection::stream::{Moved, Outgoing, Stream};
use crate::connection::words_of;
use crate::{MailError, Protocol};

/// One connection. If a future of it is dropped in the middle of a command, the connection is of
/// no use any more: see [`Link::is_ready`].
pub(crate) struct Link {
    stream: Stream,
    pub(super) client: Client,
    unsent: Outgoing,
    pub(super) place: Place,
    clock: Clock,
    limits: TimeLimits,
    /// How long the server wants between two sign-ins (RFC 2449 §6.5).
    pub(super) login_delay: Option<Duration>,
    spent: Spent,
}

/// Whose connection to whom.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) host: String,
    pub(super) mailbox: String,
}

/// What was said since the last command was complete.
#[derive(Debug, Default)]
struct Spent {
    items: usize,
    /// How long the server was waited for, less what moving messages earned.
    waited: Duration,
}

/// Takes the messages that were asked for, by their place in the list of questions.
#[async_trait]
pub(super) trait Taker: Send {
    /// The next octets of a message.
    async fn chunk(&mut self, at: usize, octets: &Bytes) -> Result<(), MailError>;
    /// A message begins.
    async fn begin(&mut self, at: usize) -> Result<(), MailError>;
    /// It is complete.
    async fn end(&mut self, at: usize) -> Result<(), MailError>;
    /// The server refused it, and for no reason but the message.
    async fn refused(&mut self, at: usize, reply: &Reply) -> Result<(), MailError>;
}

/// What is to be sent may hold a token, so only the place is printed.
impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link")
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}

impl Link {
    pub(super) fn new(stream: Stream, settings: &Pop3Settings) -> Self {
        Self::resumed(stream, Client::new(), settings)
    }

    /// Goes on with a client that has talked already.
    pub(super) fn resumed(stream: Stream, client: Client, settings: &Pop3Settings) -> Self {
        Self {
            stream,
            client,
            unsent: Outgoing::default(),
            place: Place {
                host: settings.host.clone(),
                mailbox: settings.mailbox.clone(),
            },
            clock: settings.clock.clone(),
            limits: settings.limits,
            login_delay: None,
            spent: Spent::default(),
        }
    }

    /// Gives the stream back: for STLS.
    pub(crate) fn into_parts(self) -> (Stream, Client) {
        (self.stream, self.client)
    }

    /// Whether nothing is under way, so that a command may be sent.
    pub(super) fn is_ready(&self) -> bool {
        self.client.in_flight() == 0
    }

    /// Sends a command and waits for its answer; hands on what belongs to it.
    pub(super) async fn run(
        &mut self,
        command: &Command,
        each: impl FnMut(Event),
    ) -> Result<Reply, MailError> {
        let sent = self.client.send(command);
        let ticket = self.sent(sent)?;
        self.answer_to(ticket, each).await
    }

    /// Sends a command that must succeed.
    pub(super) async fn must(
        &mut self,
        command: &Command,
        what: &'static str,
        each: impl FnMut(Event),
    ) -> Result<(), MailError> {
        let reply = self.run(command, each).await?;
        self.check(&reply, Asked::Other(what))
    }

    /// Waits for the answer to a command that was sent.
    pub(super) async fn answer_to(
        &mut self,
        ticket: Ticket,
        mut each: impl FnMut(Event),
    ) -> Result<Reply, MailError> {
        loop {
            match self.event("the answer to a command").await? {
                Event::Completed(of, reply) if of == ticket => return Ok(reply),
                other => each(other),
            }
        }
    }

    /// Asks for messages, several at once where the server can (RFC 2449 §6.6), and hands them
    /// to `taker` in the order asked.
    pub(super) async fn messages(
        &mut self,
        questions: &[Command],
        taker: &mut dyn Taker,
    ) -> Result<(), MailError> {
        let pipelines = self.client.capabilities().has(&Capability::Pipelining);
        let window = if pipelines { IN_FLIGHT } else { 1 };
        let (mut asked, mut answered) = (0, 0);
        while answered < questions.len() {
            while asked < questions.len() && asked - answered < window {
                let sent = self.client.send(&questions[asked]);
                self.sent(sent)?;
                asked += 1;
            }
            match self.event("a message").await? {
                Event::BodyBegins { .. } => taker.begin(answered).await?,
                Event::BodyChunk(octets) => taker.chunk(answered, &octets).await?,
                Event::BodyEnds => taker.end(answered).await?,
                Event::Completed(_, reply) => {
                    match self.check(&reply, Asked::Other("hand out a message")) {
                        Ok(()) => {}
                        Err(MailError::Refused { .. }) => taker.refused(answered, &reply).await?,
                        Err(trouble) => return Err(trouble),
                    }
                    answered += 1;
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// An error if the server did not say `+OK`.
    pub(super) fn check(&self, reply: &Reply, asked: Asked) -> Result<(), MailError> {
        verdict::check(reply, asked, &self.place, self.login_delay)
    }

    /// A command that cannot be sent finds a connection that is over.
    pub(super) fn sent(&self, sent: Result<Ticket, Unsendable>) -> Result<Ticket, MailError> {
        sent.map_err(|unsendable| self.lost(&unsendable.to_string()))
    }

    /// The next thing the server says, within the limits for a reply and for a command.
    pub(super) async fn event(&mut self, awaited: &'static str) -> Result<Event, MailError> {
        let limit = self.limits.reply;
        if self.spent.waited > self.limits.command {
            return Err(self.garbled("it does not come to the end of its answer"));
        }
        let began = self.clock.now();
        let clock = self.clock.clone();
        let event = match clock.within(limit, self.next()).await {
            Ok(event) => event?,
            Err(Elapsed) => return Err(self.silent(awaited, limit)),
        };
        let waited = self.clock.now().duration_since(began);
        // A clock that was set back has measured nothing.
        self.spent.waited += Duration::try_from(waited).unwrap_or_default();
        self.bound(&event)?;
        Ok(event)
    }

    async fn next(&mut self) -> Result<Event, MailError> {
        loop {
            let event = self.client.next_event();
            match event.map_err(|violation| self.garbled(&violation.to_string()))? {
                Some(Event::Goodbye(reply)) => return Err(verdict::goodbye(&reply, &self.place)),
                Some(event) => return Ok(event),
                None => {}
            }
            if self.unsent.octets.is_empty() {
                self.unsent.octets = self.client.take_output();
            }
            let buffer = self.client.buffer();
            buffer.reserve(READ_AT_ONCE);
            match self.stream.exchange(&mut self.unsent, buffer).await {
                Ok(Moved::Came(0)) => return Err(self.lost("the server closed it")),
                Ok(Moved::Came(_) | Moved::Sent) => {}
                Err(error) => return Err(self.lost(&words_of(&error))),
            }
        }
    }

    fn bound(&mut self, event: &Event) -> Result<(), MailError> {
        match event {
            Event::Completed(..) => self.spent = Spent::default(),
            Event::BodyChunk(octets) => {
                let octets = u32::try_from(octets.len()).unwrap_or(u32::MAX);
                let earned = SLOWEST_OCTET.saturating_mul(octets);
                self.spent.waited = self.spent.waited.saturating_sub(earned);
            }
            _ => self.spent.items += 1,
        }
        if self.spent.items > MOST_ITEMS {
            return Err(self.garbled("it lists more than a million messages"));
        }
        Ok(())
    }

    pub(crate) fn silent(&self, awaited: &'static str, limit: Duration) -> MailError {
        let Place { host, mailbox } = self.place.clone();
        MailError::Silent {
            host,
            mailbox,
            awaited,
            limit,
        }
    }

    pub(crate) fn garbled(&self, reason: &str) -> MailError {
        let Place { host, mailbox } = self.place.clone();
        MailError::Garbled {
            protocol: Protocol::Pop3,
            host,
            mailbox,
            reason: reason.to_owned(),
        }
    }

    fn lost(&self, reason: &str) -> MailError {
        let Place { host, mailbox } = self.place.clone();
        MailError::Disconnected {
            host,
            mailbox,
            reason: reason.to_owned(),
        }
    }
}

const READ_AT_ONCE: usize = 64 * 1024;
/// How many messages are asked for at once.
const IN_FLIGHT: usize = 16;
/// Exchange Online holds as many in a folder.
const MOST_ITEMS: usize = 1_000_000;
/// Four kilobytes a second: a message that comes more slowly uses up the time of its command.
const SLOWEST_OCTET: Duration = Duration::from_micros(250);
