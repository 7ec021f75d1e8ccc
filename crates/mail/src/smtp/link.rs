//! One connection: the wire's client machine with a stream, a clock and time limits.

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use gatepost_host::{Clock, Elapsed};
use gatepost_wire::smtp::client::{Client, Event, Unsendable};
use gatepost_wire::smtp::{Phase, Reply};

use super::settings::{SmtpSettings, SmtpTimeLimits};
use super::verdict::words;
use crate::connection::stream::{Moved, Outgoing, Stream};
use crate::connection::words_of;
use crate::{MailError, Protocol};

/// One connection.
pub(crate) struct Link {
    stream: Stream,
    pub(crate) client: Client,
    unsent: Outgoing,
    /// What the server said while something was being sent.
    heard: VecDeque<Event>,
    /// Whether the server said goodbye.
    is_left: bool,
    pub(super) place: Place,
    pub(super) clock: Clock,
    pub(super) limits: SmtpTimeLimits,
}

/// Whose connection to whom.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) mailbox: String,
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
    pub(super) fn new(stream: Stream, settings: &SmtpSettings) -> Self {
        Self::resumed(stream, Client::new(), settings)
    }

    /// Goes on with a client that has talked already.
    pub(super) fn resumed(stream: Stream, client: Client, settings: &SmtpSettings) -> Self {
        Self {
            stream,
            client,
            unsent: Outgoing::default(),
            heard: VecDeque::new(),
            is_left: false,
            place: Place {
                host: settings.host.clone(),
                port: settings.port,
                mailbox: settings.mailbox.clone(),
            },
            clock: settings.clock.clone(),
            limits: settings.limits,
        }
    }

    /// Gives the stream back: for STARTTLS.
    pub(crate) fn into_parts(self) -> (Stream, Client) {
        (self.stream, self.client)
    }

    /// The next thing that the server says, which comes within `limit`.
    pub(super) async fn event(
        &mut self,
        awaited: &'static str,
        limit: Duration,
    ) -> Result<Event, MailError> {
        let clock = self.clock.clone();
        match clock.within(limit, self.next()).await {
            Ok(event) => event,
            Err(Elapsed) => Err(self.silent(awaited, limit)),
        }
    }

    /// The reply that belongs to `phase`, to a command that stands alone.
    pub(super) async fn answer(&mut self, phase: Phase) -> Result<Reply, MailError> {
        let limit = match phase {
            Phase::BeforeData => self.limits.data,
            _ => self.limits.command,
        };
        loop {
            match self.event("its answer", limit).await? {
                Event::Replied(of, reply) if of == phase => return Ok(reply),
                _ => {}
            }
        }
    }

    /// Sends what the client wants to send, within `limit`. What the server says meanwhile is
    /// heard, so that it never waits for us while we wait for it.
    pub(super) async fn flush(&mut self, limit: Duration) -> Result<(), MailError> {
        let clock = self.clock.clone();
        match clock.within(limit, self.send_all()).await {
            Ok(sent) => sent,
            Err(Elapsed) => Err(self.silent("it to take a part of a message", limit)),
        }
    }

    /// What the server said since it was last asked for an event.
    pub(super) fn heard(&mut self) -> Option<Event> {
        self.heard.pop_front()
    }

    /// Whether the server has said goodbye, or what cannot be understood.
    pub(super) fn is_over(&mut self) -> bool {
        loop {
            match self.told() {
                Ok(Some(event)) => self.heard.push_back(event),
                Ok(None) => return self.is_left,
                Err(_) => return true,
            }
        }
    }

    /// A command that cannot be sent finds a connection that is over.
    pub(super) fn sent(&self, sent: Result<(), Unsendable>) -> Result<(), MailError> {
        sent.map_err(|unsendable| self.lost(&unsendable.to_string()))
    }

    async fn send_all(&mut self) -> Result<(), MailError> {
        loop {
            if self.unsent.octets.is_empty() {
                self.unsent.octets = self.client.take_output();
            }
            if self.unsent.is_done() {
                return Ok(());
            }
            self.pass().await?;
            while let Some(event) = self.told()? {
                self.heard.push_back(event);
            }
        }
    }

    async fn next(&mut self) -> Result<Event, MailError> {
        loop {
            if let Some(event) = self.heard.pop_front() {
                return self.unless_goodbye(event);
            }
            if let Some(event) = self.told()? {
                return self.unless_goodbye(event);
            }
            if self.unsent.octets.is_empty() {
                self.unsent.octets = self.client.take_output();
            }
            self.pass().await?;
        }
    }

    fn told(&mut self) -> Result<Option<Event>, MailError> {
        let event = self.client.next_event();
        let event = event.map_err(|violation| self.garbled(&violation.to_string()))?;
        self.is_left |= matches!(event, Some(Event::Goodbye(_)));
        Ok(event)
    }

    fn unless_goodbye(&self, event: Event) -> Result<Event, MailError> {
        match event {
            Event::Goodbye(reply) => Err(self.lost(&words(&reply))),
            event => Ok(event),
        }
    }

    async fn pass(&mut self) -> Result<(), MailError> {
        let buffer = self.client.buffer();
        buffer.reserve(READ_AT_ONCE);
        match self.stream.exchange(&mut self.unsent, buffer).await {
            Ok(Moved::Came(0)) => Err(self.lost("the server closed it")),
            Ok(Moved::Came(_) | Moved::Sent) => Ok(()),
            Err(error) => Err(self.lost(&words_of(&error))),
        }
    }

    pub(crate) fn garbled(&self, reason: &str) -> MailError {
        MailError::Garbled {
            protocol: Protocol::Smtp,
            host: self.place.host.clone(),
            mailbox: self.place.mailbox.clone(),
            reason: reason.to_owned(),
        }
    }

    fn silent(&self, awaited: &'static str, limit: Duration) -> MailError {
        MailError::Silent {
            host: self.place.host.clone(),
            mailbox: self.place.mailbox.clone(),
            awaited,
            limit,
        }
    }

    fn lost(&self, reason: &str) -> MailError {
        MailError::Disconnected {
            host: self.place.host.clone(),
            mailbox: self.place.mailbox.clone(),
            reason: reason.to_owned(),
        }
    }
}

/// Replies are short.
const READ_AT_ONCE: usize = 4 * 1024;
