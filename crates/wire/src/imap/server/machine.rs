//! The machine: what comes in, what goes out, and whose turn it is.

use std::collections::VecDeque;
use std::fmt;

use bytes::{Bytes, BytesMut};

use crate::imap::codec::{Assembler, Bounds, LiteralMode, Part, Treatment};

use super::answering::Pending;
use super::fetch::Fetching;
use super::login::SaslExchange;
use super::text::one_line;
use super::upload::Uploading;
use super::view::View;
use super::{Answer, Ask, Mechanism, Persona, Quirks, Refusal, Reply};

/// The server side of one IMAP connection.
///
/// Call [`want`](Self::want) and do what it wants, again and again.
pub struct Server {
    pub(super) persona: Persona,
    pub(super) assembler: Assembler,
    pub(super) stage: Stage,
    pub(super) job: Job,
    pub(super) end: End,
    output: Output,
    asked: Option<Ask>,
    errors: u32,
}

/// What the server needs to go on.
#[derive(Debug)]
pub enum Want {
    /// These octets are to be written.
    Write(Bytes),
    /// Octets of the client are to be read and given to [`Server::push`]. Meanwhile
    /// [`Server::changed`] and [`Server::bye`] may be called.
    Read(Waiting),
    /// The question is to be answered by [`Server::answer`].
    Ask(Ask),
    /// The last question is still to be answered; nothing is to be read before that.
    Answer,
    /// TLS is to be started; then [`Server::tls_started`] is to be called.
    StartTls,
    /// Somebody signed in, and another server goes on with this client. These octets came
    /// already and are the first that are to be passed on.
    HandOver(Bytes),
    /// The connection is to be closed.
    Close,
}

/// What the server waits for when it reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waiting {
    /// A command.
    Command,
    /// The rest of a command that has begun, or of an upload.
    Rest,
    /// The end of IDLE: [`Server::changed`] is heard.
    Idle,
}

impl Server {
    /// A connection that was just accepted; the greeting is the first thing to be written.
    pub fn new(persona: Persona) -> Self {
        let limits = persona.limits;
        let bounds = Bounds {
            line: limits.line,
            literal: limits.literal,
            literals: MOST_LITERALS,
        };
        let mut server = Self {
            assembler: Assembler::new(bounds),
            stage: Stage::SignedOut,
            job: Job::Rest,
            end: End::Open,
            output: Output::default(),
            asked: None,
            errors: 0,
            persona,
        };
        let greeting = format!("* OK {}\r\n", server.persona.texts.greeting);
        server.write(greeting.as_bytes());
        server
    }

    /// What is to be done now.
    pub fn want(&mut self) -> Want {
        loop {
            if let Some(octets) = self.output.pop() {
                return Want::Write(octets);
            }
            match self.end {
                End::Open => {}
                End::Closing => return Want::Close,
                End::StartingTls => return Want::StartTls,
                End::HandedOver => return Want::HandOver(self.assembler.take_leftover()),
            }
            if let Some(ask) = self.asked.take() {
                return Want::Ask(ask);
            }
            match &self.job {
                Job::Fetch(_) => self.fetch_some(),
                Job::Asked(_) => return Want::Answer,
                _ => {
                    if !self.take_part() {
                        return Want::Read(self.waiting());
                    }
                }
            }
        }
    }

    /// Takes octets of the client.
    pub fn push(&mut self, octets: &[u8]) {
        self.assembler.push(octets);
    }

    /// Where to read the octets of the client into without copying: append only.
    pub fn buffer(&mut self) -> &mut BytesMut {
        self.assembler.buffer()
    }

    /// Takes the answer to the last [`Ask`].
    pub fn answer(&mut self, answer: Answer) {
        if let Job::Asked(pending) = std::mem::replace(&mut self.job, Job::Rest) {
            self.asked = None;
            self.answered(pending, answer);
        }
    }

    /// The open folder may have changed. During IDLE the client is told at once; otherwise its
    /// next command tells it.
    pub fn changed(&mut self) {
        match std::mem::replace(&mut self.job, Job::Rest) {
            Job::Idle { tag } => self.look_for_changes(super::answering::Then::Idle { tag }),
            job => self.job = job,
        }
    }

    /// Ends the connection with `* BYE` and this text.
    pub fn bye(&mut self, text: &str) {
        let line = format!("* BYE {}\r\n", one_line(text));
        self.write(line.as_bytes());
        self.end = End::Closing;
    }

    /// TLS is on. The server starts over with these manners, without a greeting
    /// (RFC 3501 §6.2.1).
    pub fn tls_started(&mut self, persona: Persona) {
        self.end = if self.assembler.has_leftover() {
            End::Closing
        } else {
            End::Open
        };
        self.persona = persona;
    }

    /// Changes what the server does against the RFC.
    pub fn set_quirks(&mut self, quirks: Quirks) {
        self.persona.quirks = quirks;
    }

    /// Whether somebody is signed in.
    pub fn is_signed_in(&self) -> bool {
        !matches!(self.stage, Stage::SignedOut)
    }

    pub(super) fn write(&mut self, octets: &[u8]) {
        self.output.text.extend_from_slice(octets);
    }

    pub(super) fn write_shared(&mut self, octets: Bytes) {
        self.output.push(octets);
    }

    /// Whether so much output is waiting that it should be written before more is made.
    pub(super) fn has_much_output(&self) -> bool {
        !self.output.shared.is_empty() || self.output.text.len() >= MUCH_OUTPUT
    }

    pub(super) fn offers(&self, mechanism: Mechanism) -> bool {
        self.persona.mechanisms.contains(&mechanism)
    }

    /// The open folder.
    pub(super) fn view(&mut self) -> Option<&mut View> {
        match &mut self.stage {
            Stage::Selected(view) => Some(view),
            _ => None,
        }
    }

    pub(super) fn ask(&mut self, ask: Ask, pending: Pending) {
        self.asked = Some(ask);
        self.job = Job::Asked(pending);
    }

    /// The tagged `OK` of a command; `code` is a response code with its brackets.
    pub(super) fn complete(&mut self, tag: &str, name: &str, code: &str) {
        let space = if code.is_empty() { "" } else { " " };
        let completed = self.persona.texts.completed;
        self.write(format!("{tag} OK {code}{space}{name} {completed}\r\n").as_bytes());
    }

    pub(super) fn no(&mut self, tag: &str, text: &str) {
        self.write(format!("{tag} NO {}\r\n", one_line(text)).as_bytes());
    }

    /// The tagged `BAD`. A client that earns too many is sent away.
    pub(super) fn bad(&mut self, tag: &str, text: &str) {
        self.write(format!("{tag} BAD {}\r\n", one_line(text)).as_bytes());
        self.count_error();
    }

    pub(super) fn refuse(&mut self, tag: &str, refusal: &Refusal) {
        match refusal.reply {
            Reply::No => self.no(tag, &refusal.text),
            Reply::Bad => self.bad(tag, &refusal.text),
        }
        if let (Some(text), End::Open) = (&refusal.bye, self.end) {
            self.bye(text);
        }
    }

    pub(super) fn count_error(&mut self) {
        self.errors += 1;
        if self.errors >= self.persona.limits.errors && self.end == End::Open {
            let closed = self.persona.texts.closed;
            self.bye(closed);
        }
    }

    /// Lets the client send the octets of a literal, if it waits.
    pub(super) fn let_literal_come(&mut self, mode: LiteralMode) {
        if mode == LiteralMode::Synchronizing {
            let line = format!("+ {}\r\n", self.persona.texts.go_ahead);
            self.write(line.as_bytes());
        }
    }

    /// Whether there was a part to take.
    fn take_part(&mut self) -> bool {
        match self.assembler.next_part() {
            Ok(None) => return false,
            Ok(Some(Part::Message(message))) => self.take_message(&message),
            Ok(Some(Part::Announced(announcement))) => match self.job {
                Job::Rest => self.literal_announced(announcement),
                Job::Upload(_) | Job::Doomed { .. } => self.second_literal(announcement),
                // A line of base64, or DONE: no literal can begin there.
                _ => {
                    let text = self.assembler.accept(Treatment::Text);
                    debug_assert!(text.is_ok(), "no bound forbids text");
                }
            },
            Ok(Some(Part::Chunk(chunk))) => self.upload_chunk(chunk),
            Ok(Some(Part::LiteralEnd)) => {}
            Err(_too_long) => self.line_too_long(),
        }
        true
    }

    fn take_message(&mut self, message: &[u8]) {
        match std::mem::replace(&mut self.job, Job::Rest) {
            Job::Sasl(exchange) => self.sasl_line(exchange, message),
            Job::Idle { tag } => self.idle_line(tag, message),
            Job::Upload(upload) => self.upload_line(upload, message),
            Job::Doomed { tag, refusal } => self.refuse(&tag, &refusal),
            _ => self.command_line(message),
        }
    }

    fn line_too_long(&mut self) {
        let text = self.persona.texts.bad_arguments;
        match std::mem::replace(&mut self.job, Job::Rest) {
            Job::Sasl(exchange) => self.bad(&exchange.tag, text),
            Job::Idle { tag } => self.bad(&tag, text),
            Job::Upload(upload) => self.abort_upload(upload.tag, Refusal::bad(text)),
            Job::Doomed { tag, refusal } => self.refuse(&tag, &refusal),
            _ => {
                let tag = self.tag_of_head();
                self.bad(&tag, text);
            }
        }
    }

    fn waiting(&self) -> Waiting {
        match self.job {
            Job::Rest => Waiting::Command,
            Job::Idle { .. } => Waiting::Idle,
            _ => Waiting::Rest,
        }
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("signed_in", &self.is_signed_in())
            .finish_non_exhaustive()
    }
}

/// How far the client is (RFC 3501 §3).
#[derive(Debug)]
pub(super) enum Stage {
    SignedOut,
    SignedIn,
    Selected(View),
}

/// What is being done.
#[derive(Debug)]
pub(super) enum Job {
    /// Nothing: the next command may come.
    Rest,
    /// The client is about to send its credentials.
    Sasl(SaslExchange),
    /// The client waits for news.
    Idle { tag: String },
    /// A message is being uploaded.
    Upload(Uploading),
    /// The octets of a command that was refused are still coming.
    Doomed { tag: String, refusal: Refusal },
    /// Messages are being sent.
    Fetch(Fetching),
    /// The owner is to answer.
    Asked(Pending),
}

/// Whether the connection ends when everything is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Open,
    Closing,
    StartingTls,
    HandedOver,
}

/// What is still to be written: text that is collected into few writes, and bodies of messages
/// that are passed on without copying.
#[derive(Debug, Default)]
struct Output {
    shared: VecDeque<Bytes>,
    text: Vec<u8>,
}

impl Output {
    fn push(&mut self, octets: Bytes) {
        if octets.len() < SMALL {
            self.text.extend_from_slice(&octets);
            return;
        }
        if !self.text.is_empty() {
            self.shared.push_back(std::mem::take(&mut self.text).into());
        }
        self.shared.push_back(octets);
    }

    fn pop(&mut self) -> Option<Bytes> {
        let text = || (!self.text.is_empty()).then(|| std::mem::take(&mut self.text).into());
        self.shared.pop_front().or_else(text)
    }
}

/// A command with more literals than this is nothing a client sends.
const MOST_LITERALS: usize = 32;
/// Bodies shorter than this are cheaper to copy than to write by themselves.
const SMALL: usize = 4096;
const MUCH_OUTPUT: usize = 32 * 1024;
