//! One connection: the wire's client machine with a stream, a clock and time limits.

mod bounds;

use std::fmt;
use std::time::Duration;

use bytes::BytesMut;
use gatepost_host::{Clock, Elapsed};
use gatepost_wire::imap::client::{
    Client, Command, Event, Reply, StatusKind, StatusLine, Ticket, Untagged, Violation,
};

use bounds::Spent;

use super::TimeLimits;
use super::quirks::Quirks;
use super::settings::ImapSettings;
use super::verdict::{self, Asked};
use crate::connection::stream::{Moved, Outgoing, Stream};
use crate::connection::words_of;
use crate::{MailError, Protocol};

/// One connection. Dropping a future of it in the middle loses nothing: what has been read and
/// what is still to be written is kept here.
pub(crate) struct Link {
    stream: Stream,
    pub(super) client: Client,
    unsent: Outgoing,
    pub(super) place: Place,
    pub(super) clock: Clock,
    pub(super) limits: TimeLimits,
    pub(super) quirks: Quirks,
    /// How many messages the selected folder holds, by what the server said so far.
    pub(super) exists: u32,
    /// Whether messages came since this was last set to `false`.
    pub(super) news: bool,
    /// Whether the server said NO or BAD of its own accord since the folder was opened: it may
    /// be gone, or be another by now. Dovecot says no more than this when it was removed.
    pub(super) doubted: bool,
    /// How many messages came since the folder was opened.
    pub(super) came: u32,
    spent: Spent,
    goodbye: Option<String>,
}

/// Whose connection to whom.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) host: String,
    pub(super) mailbox: String,
}

/// How much is read at once.
#[derive(Debug, Clone, Copy)]
pub(super) enum Reading {
    /// A server that may have much to say.
    Bulk,
    /// A server that says a line now and then: a thousand of those are cheap.
    Quiet,
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
    pub(super) fn new(stream: Stream, settings: &ImapSettings) -> Self {
        let place = Place {
            host: settings.host.clone(),
            mailbox: settings.mailbox.clone(),
        };
        Self {
            stream,
            client: Client::new(),
            unsent: Outgoing::default(),
            place,
            clock: settings.clock.clone(),
            limits: settings.limits,
            quirks: settings.quirks.clone(),
            exists: 0,
            news: false,
            doubted: false,
            came: 0,
            spent: Spent::default(),
            goodbye: None,
        }
    }

    /// Puts another stream in the place of this one, which is given back: for STARTTLS.
    pub(crate) fn into_parts(self) -> (Stream, Client) {
        (self.stream, self.client)
    }

    /// Goes on with a client that has talked already.
    pub(super) fn resumed(stream: Stream, client: Client, settings: &ImapSettings) -> Self {
        Self {
            client,
            ..Self::new(stream, settings)
        }
    }

    /// Queues a command.
    pub(super) fn send(&mut self, command: &Command) -> Ticket {
        self.spent = Spent::default();
        self.client
            .send(command)
            .expect("sign-in and STARTTLS are over before anything is sent")
    }

    /// Sends a command and waits for its answer; hands on what the server says meanwhile.
    pub(super) async fn run(
        &mut self,
        command: &Command,
        each: impl FnMut(Untagged),
    ) -> Result<Reply, MailError> {
        let ticket = self.send(command);
        self.answer_to(ticket, each).await
    }

    /// Sends a command that must succeed.
    pub(super) async fn must(
        &mut self,
        command: &Command,
        asked: Asked<'_>,
        each: impl FnMut(Untagged),
    ) -> Result<(), MailError> {
        let reply = self.run(command, each).await?;
        self.check(&reply, asked)
    }

    /// Waits for the answer to a command that was sent.
    pub(super) async fn answer_to(
        &mut self,
        ticket: Ticket,
        mut each: impl FnMut(Untagged),
    ) -> Result<Reply, MailError> {
        self.spent = Spent::default();
        loop {
            match self.event("the answer to a command").await? {
                Event::Completed(of, reply) if of == ticket => return Ok(reply),
                Event::Untagged(untagged) => each(untagged),
                _ => {}
            }
        }
    }

    /// An error if the server did not say OK.
    pub(super) fn check(&self, reply: &Reply, asked: Asked<'_>) -> Result<(), MailError> {
        verdict::check(reply, asked, &self.place, &self.quirks)
    }

    /// An error if the server did not say OK for a reason that is not the command itself:
    /// throttling, trouble, a mailbox that does not open.
    pub(super) fn check_unless_refused(&self, reply: &Reply) -> Result<(), MailError> {
        match self.check(reply, Asked::Other("do what was asked")) {
            Err(MailError::Refused { .. }) => Ok(()),
            checked => checked,
        }
    }

    /// The next thing the server says, within the limits for a reply and for a command.
    pub(super) async fn event(&mut self, awaited: &'static str) -> Result<Event, MailError> {
        let limit = self.limits.reply;
        if self.spent.waited > self.limits.command {
            return Err(self.garbled("it does not come to the end of its answer"));
        }
        let began = self.clock.now();
        let event = self.event_within(limit, Reading::Bulk).await?;
        let waited = self.clock.now().duration_since(began);
        // A clock that was set back has measured nothing.
        self.spent.waited += Duration::try_from(waited).unwrap_or_default();
        let event = event.ok_or_else(|| self.silent(awaited, limit))?;
        if let Event::Completed(..) = event {
            self.spent = Spent::default();
        }
        Ok(event)
    }

    /// The next thing the server says, or `None` if it says nothing for this long.
    pub(super) async fn event_within(
        &mut self,
        limit: Duration,
        reading: Reading,
    ) -> Result<Option<Event>, MailError> {
        loop {
            if let Some(event) = self.next_event()? {
                return Ok(Some(event));
            }
            self.refill();
            let buffer = self.client.buffer();
            reading.prepare(buffer);
            let moving = self.stream.exchange(&mut self.unsent, buffer);
            match self.clock.within(limit, moving).await {
                Err(Elapsed) => return Ok(None),
                Ok(Ok(Moved::Came(0))) => return Err(self.lost("the server closed it")),
                Ok(Ok(Moved::Came(octets))) => {
                    let bounded = self.spent.came(octets);
                    bounded.map_err(|reason| self.garbled(reason))?;
                }
                Ok(Ok(Moved::Sent)) => {}
                Ok(Err(error)) => return Err(self.lost(&words_of(&error))),
            }
        }
    }

    /// Writes what is to be sent.
    pub(super) async fn flush(&mut self) -> Result<(), MailError> {
        loop {
            self.refill();
            if self.unsent.is_done() {
                return Ok(());
            }
            let sending = self.stream.send(&mut self.unsent);
            match self.clock.within(self.limits.reply, sending).await {
                Err(Elapsed) => {
                    return Err(self.silent("it to read our commands", self.limits.reply));
                }
                Ok(Ok(())) => {}
                Ok(Err(error)) => return Err(self.lost(&words_of(&error))),
            }
        }
    }

    fn refill(&mut self) {
        if self.unsent.octets.is_empty() {
            self.unsent.octets = self.client.take_output();
        }
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
            protocol: Protocol::Imap,
            host,
            mailbox,
            reason: reason.to_owned(),
        }
    }

    /// What the server said at parting is told once, for it may have a meaning of its own; whoever
    /// asks again hears that there is no connection.
    fn lost(&mut self, reason: &str) -> MailError {
        let said = self.goodbye.take();
        let said = said.as_deref().unwrap_or(reason);
        verdict::goodbye(said, &self.place, &self.quirks)
    }

    fn next_event(&mut self) -> Result<Option<Event>, MailError> {
        let event = self
            .client
            .next_event()
            .map_err(|violation| self.violated(&violation))?;
        if let Some(event) = &event {
            let bounded = self.spent.said(event);
            bounded.map_err(|reason| self.garbled(reason))?;
        }
        if let Some(Event::Untagged(untagged)) = &event {
            self.note(untagged);
        }
        if let Some(Event::Unreadable(octets)) = &event {
            tracing::debug!(
                host = self.place.host,
                mailbox = self.place.mailbox,
                octets = octets.len(),
                count = self.client.unreadable(),
                "a line of the server could not be read"
            );
        }
        Ok(event)
    }

    fn violated(&self, violation: &Violation) -> MailError {
        self.garbled(&violation.to_string())
    }

    /// Keeps what concerns the selected folder, whatever it was said in answer to.
    fn note(&mut self, untagged: &Untagged) {
        match untagged {
            Untagged::Exists(count) => {
                self.news |= *count > self.exists;
                self.came = self.came.saturating_add(count.saturating_sub(self.exists));
                self.exists = *count;
            }
            Untagged::Expunged(_) => self.exists = self.exists.saturating_sub(1),
            Untagged::Status(StatusLine {
                kind: StatusKind::Bye,
                text,
                ..
            }) => {
                self.goodbye = Some(text.clone());
            }
            Untagged::Status(StatusLine {
                kind: StatusKind::No | StatusKind::Bad,
                ..
            }) => self.doubted = true,
            _ => {}
        }
    }
}

impl Reading {
    fn prepare(self, buffer: &mut BytesMut) {
        match self {
            Self::Bulk => buffer.reserve(BULK),
            Self::Quiet => {
                if buffer.is_empty() && buffer.capacity() > QUIET {
                    *buffer = BytesMut::with_capacity(QUIET);
                }
                buffer.reserve(QUIET / 2);
            }
        }
    }
}

const BULK: usize = 64 * 1024;
const QUIET: usize = 1024;
