//! The machine: what comes in, what goes out, and whose turn it is.

use std::fmt::{self, Write as _};

use bytes::{Bytes, BytesMut};

use crate::lines::Lines;
use crate::pop3::Reply;
use crate::sasl::Exchange;

use super::answering::{Pending, Sending};
use super::maildrop::Maildrop;
use super::order::Order;
use super::top::Top;
use super::{Answer, Ask, Persona};

/// The server side of one POP3 connection.
///
/// Call [`want`](Self::want) and do what it wants, again and again.
pub struct Server {
    pub(super) persona: Persona,
    pub(super) stage: Stage,
    pub(super) job: Job,
    pub(super) output: BytesMut,
    lines: Lines,
    end: End,
    asked: Option<Ask>,
    errors: u32,
}

/// What the server needs to go on.
#[derive(Debug)]
pub enum Want {
    /// These octets are to be written.
    Write(Bytes),
    /// Octets of the client are to be read and given to [`Server::push`].
    Read,
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

impl Server {
    /// A connection that was just accepted; the greeting is the first thing to be written.
    pub fn new(persona: Persona) -> Self {
        let mut server = Self {
            stage: Stage::Authorization { user: None },
            job: Job::Rest,
            output: BytesMut::new(),
            lines: Lines::default(),
            end: End::Open,
            asked: None,
            errors: 0,
            persona,
        };
        let greeting = Reply::ok(server.persona.texts.greeting.clone());
        server.write(format_args!("{greeting}\r\n"));
        server
    }

    /// What is to be done now.
    pub fn want(&mut self) -> Want {
        loop {
            if !self.output.is_empty() {
                return Want::Write(self.output.split().freeze());
            }
            match self.end {
                End::Open => {}
                End::Closing => return Want::Close,
                End::StartingTls => return Want::StartTls,
                End::HandedOver => return Want::HandOver(self.lines.take_leftover()),
            }
            if let Some(ask) = self.asked.take() {
                return Want::Ask(ask);
            }
            match &self.job {
                Job::Asked(_) => return Want::Answer,
                Job::Listing { .. } => self.list_some(),
                Job::Rest | Job::Sasl(_) => {
                    if !self.take_line() {
                        return Want::Read;
                    }
                }
            }
        }
    }

    /// Takes octets of the client.
    pub fn push(&mut self, octets: &[u8]) {
        self.lines.push(octets);
    }

    /// Where to read the octets of the client into without copying: append only.
    pub fn buffer(&mut self) -> &mut BytesMut {
        self.lines.buffer()
    }

    /// Takes the answer to the last [`Ask`].
    pub fn answer(&mut self, answer: Answer) {
        match std::mem::replace(&mut self.job, Job::Rest) {
            Job::Asked(pending) => {
                self.asked = None;
                self.answered(pending, answer);
            }
            job => self.job = job,
        }
    }

    /// Ends the connection with this reply, such as `-ERR [SYS/TEMP]` when it was idle too long
    /// or the program stops. Within an answer nothing can be said, so it is just closed.
    pub fn bye(&mut self, reply: &Reply) {
        if matches!(self.job, Job::Rest | Job::Sasl(_)) {
            self.write(format_args!("{reply}\r\n"));
        }
        self.close();
    }

    /// TLS is on. The server starts over with these manners, without a greeting
    /// (RFC 2595 §4). What came before TLS was not protected, so the connection is closed if
    /// anything did.
    pub fn tls_started(&mut self, persona: Persona) {
        self.end = if self.lines.has_leftover() {
            End::Closing
        } else {
            End::Open
        };
        self.stage = Stage::Authorization { user: None };
        self.persona = persona;
    }

    /// Whether somebody is signed in.
    pub fn is_signed_in(&self) -> bool {
        matches!(self.stage, Stage::Transaction(_))
    }

    pub(super) fn write(&mut self, octets: fmt::Arguments<'_>) {
        // Writing into memory never fails.
        let _ = self.output.write_fmt(octets);
    }

    pub(super) fn ok(&mut self, text: &str) {
        let reply = Reply::ok(text);
        self.write(format_args!("{reply}\r\n"));
    }

    /// `-ERR`. A client that earns too many is sent away.
    pub(super) fn err(&mut self, text: &str) {
        let reply = Reply::err(text);
        self.write(format_args!("{reply}\r\n"));
        self.count_error();
    }

    pub(super) fn ask(&mut self, ask: Ask, pending: Pending) {
        self.asked = Some(ask);
        self.job = Job::Asked(pending);
    }

    pub(super) fn count_error(&mut self) {
        self.errors += 1;
        if self.errors >= self.persona.limits.errors && self.end == End::Open {
            self.close_with_reply();
        }
    }

    pub(super) fn close_with_reply(&mut self) {
        let reply = Reply::err(self.persona.texts.closed);
        self.write(format_args!("{reply}\r\n"));
        self.close();
    }

    pub(super) fn close(&mut self) {
        self.end = End::Closing;
    }

    pub(super) fn start_tls(&mut self) {
        self.end = End::StartingTls;
    }

    pub(super) fn hand_over(&mut self) {
        self.end = End::HandedOver;
    }

    pub(super) fn goodbye(&mut self) {
        self.ok(self.persona.texts.goodbye);
        self.close();
    }

    /// Whether there was a line to take.
    fn take_line(&mut self) -> bool {
        let limits = self.persona.limits;
        let may_hold_token =
            matches!(self.job, Job::Sasl(_)) || self.lines.ahead(5).eq_ignore_ascii_case(b"AUTH ");
        let longest = if may_hold_token {
            limits.sasl_line
        } else {
            limits.line
        };
        match self.lines.next_line(longest) {
            Ok(None) => return false,
            Ok(Some(line)) => match std::mem::replace(&mut self.job, Job::Rest) {
                Job::Sasl(exchange) => self.sasl_step(exchange.respond(&line)),
                _ => self.command(&line),
            },
            Err(_too_long) => {
                self.job = Job::Rest;
                self.err(self.persona.texts.bad_command);
            }
        }
        true
    }

    fn command(&mut self, line: &[u8]) {
        let Some(order) = Order::read(line) else {
            return self.err(self.persona.texts.bad_command);
        };
        match order {
            Order::Capa => {
                self.ok("");
                let listed = if self.is_signed_in() {
                    self.persona.capabilities_signed_in.clone()
                } else {
                    self.persona.capabilities.clone()
                };
                for capability in listed.iter() {
                    self.write(format_args!("{capability}\r\n"));
                }
                self.write(format_args!(".\r\n"));
            }
            Order::Quit if !self.is_signed_in() => self.goodbye(),
            Order::Stls => self.stls(),
            Order::User(name) => self.user(name),
            Order::Pass(password) => self.pass(password),
            Order::Auth(auth) => self.auth(auth),
            Order::Utf8 if !self.is_signed_in() => {
                let utf8 = crate::pop3::Capability::Utf8;
                if self.persona.capabilities.has(&utf8) {
                    self.ok("");
                } else {
                    self.err(self.persona.texts.bad_command);
                }
            }
            order => self.transact(&order),
        }
    }

    /// What only somebody who signed in may do.
    fn transact(&mut self, order: &Order) {
        let Stage::Transaction(maildrop) = &mut self.stage else {
            return self.err(self.persona.texts.bad_command);
        };
        match *order {
            Order::Stat => {
                let (count, octets) = maildrop.count();
                self.ok(&format!("{count} {octets}"));
            }
            Order::List(None) => self.list(Column::Octets),
            Order::Uidl(None) => self.list(Column::Unique),
            Order::List(Some(number)) => self.list_one(number, Column::Octets),
            Order::Uidl(Some(number)) => self.list_one(number, Column::Unique),
            Order::Retr(number) => self.send_message(number, Top::Everything),
            Order::Top(number, lines) => self.send_message(number, Top::lines(lines)),
            Order::Dele(number) => {
                if maildrop.delete(number) {
                    self.ok("");
                } else {
                    self.err(self.persona.texts.no_such_message);
                }
            }
            Order::Rset => {
                maildrop.reset();
                self.ok("");
            }
            Order::Noop => self.ok(""),
            Order::Quit => {
                let deleted = maildrop.deleted();
                if deleted.is_empty() {
                    self.goodbye();
                } else {
                    self.ask(Ask::Update(deleted), Pending::Update);
                }
            }
            _ => self.err(self.persona.texts.bad_command),
        }
    }

    fn list(&mut self, column: Column) {
        self.ok("");
        self.job = Job::Listing { next: 1, column };
    }

    fn list_one(&mut self, number: u32, column: Column) {
        let Stage::Transaction(maildrop) = &self.stage else {
            return;
        };
        match maildrop.letter(number).map(|letter| column.of(letter)) {
            Some(column) => self.ok(&format!("{number} {column}")),
            None => self.err(self.persona.texts.no_such_message),
        }
    }

    /// As much of a listing as is worth a write.
    fn list_some(&mut self) {
        let (Job::Listing { next, column }, Stage::Transaction(maildrop)) =
            (&mut self.job, &self.stage)
        else {
            return;
        };
        while *next <= maildrop.highest() && self.output.len() < MUCH_OUTPUT {
            if let Some(letter) = maildrop.letter(*next) {
                let line = format!("{next} {}\r\n", column.of(letter));
                self.output.extend_from_slice(line.as_bytes());
            }
            let Some(following) = next.checked_add(1) else {
                break;
            };
            *next = following;
        }
        if *next > maildrop.highest() {
            self.output.extend_from_slice(b".\r\n");
            self.job = Job::Rest;
        }
    }

    fn send_message(&mut self, number: u32, top: Top) {
        let Stage::Transaction(maildrop) = &self.stage else {
            return;
        };
        match maildrop.letter(number).cloned() {
            Some(letter) => {
                let sending = Sending::new(letter.octets, top);
                self.ask(Ask::Message(letter.unique), Pending::Message(sending));
            }
            None => self.err(self.persona.texts.no_such_message),
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

/// How far the client is (RFC 1939 §3).
#[derive(Debug)]
pub(super) enum Stage {
    Authorization { user: Option<String> },
    Transaction(Maildrop),
}

/// What is being done.
#[derive(Debug)]
pub(super) enum Job {
    /// Nothing: the next command may come.
    Rest,
    /// The client is about to send its credentials.
    Sasl(Exchange),
    /// A listing is being sent.
    Listing { next: u32, column: Column },
    /// The owner is to answer.
    Asked(Pending),
}

/// What stands behind the number in a listing.
#[derive(Debug, Clone, Copy)]
pub(super) enum Column {
    Octets,
    Unique,
}

impl Column {
    fn of(self, letter: &super::Letter) -> String {
        match self {
            Self::Octets => letter.octets.to_string(),
            Self::Unique => crate::words::one_line(&letter.unique),
        }
    }
}

/// Whether the connection ends when everything is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Open,
    Closing,
    StartingTls,
    HandedOver,
}

const MUCH_OUTPUT: usize = 32 * 1024;
