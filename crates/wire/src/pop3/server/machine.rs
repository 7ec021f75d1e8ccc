//! The machine: what comes in, what goes out, and whose turn it is.

use std::fmt;

use bytes::BytesMut;

use crate::pop3::Reply;
use crate::sasl::Exchange;
use crate::serving::{Awaited, Connection, Longest};
use crate::web::is_http;

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
    pub(super) connection: Connection<Ask>,
}

/// What the server needs to go on.
pub type Want = crate::Want<Ask>;

impl Server {
    /// A connection that was just accepted; the greeting is the first thing to be written.
    pub fn new(persona: Persona) -> Self {
        let mut server = Self {
            stage: Stage::Authorization { user: None },
            job: Job::Rest,
            connection: Connection::new(),
            persona,
        };
        let greeting = Reply::ok(server.persona.texts.greeting.clone());
        server.connection.write_line(greeting);
        server
    }

    /// What is to be done now.
    pub fn want(&mut self) -> Want {
        loop {
            if let Some(want) = self.connection.owed() {
                return want;
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
        self.connection.lines.push(octets);
    }

    /// Where to read the octets of the client into without copying: append only.
    pub fn buffer(&mut self) -> &mut BytesMut {
        self.connection.lines.buffer()
    }

    /// Takes the answer to the last [`Ask`].
    pub fn answer(&mut self, answer: Answer) {
        match std::mem::replace(&mut self.job, Job::Rest) {
            Job::Asked(pending) => {
                self.connection.was_answered();
                self.answered(pending, answer);
            }
            job => self.job = job,
        }
    }

    /// Ends the connection with this reply, such as `-ERR [SYS/TEMP]` when it was idle too long
    /// or the program stops. Within an answer nothing can be said, so it is just closed.
    pub fn bye(&mut self, reply: &Reply) {
        if matches!(self.job, Job::Rest | Job::Sasl(_)) {
            self.connection.write_line(reply);
        }
        self.close();
    }

    /// TLS is on. The server starts over with these manners, without a greeting
    /// (RFC 2595 §4). What came before TLS was not protected, so the connection is closed if
    /// anything did.
    pub fn tls_started(&mut self, persona: Persona) {
        self.connection.tls_started();
        self.stage = Stage::Authorization { user: None };
        self.persona = persona;
    }

    /// Whether somebody is signed in.
    pub fn is_signed_in(&self) -> bool {
        matches!(self.stage, Stage::Transaction(_))
    }

    pub(super) fn ok(&mut self, text: &str) {
        self.connection.write_line(Reply::ok(text));
    }

    /// `-ERR`. A client that earns too many is sent away.
    pub(super) fn err(&mut self, text: &str) {
        self.connection.write_line(Reply::err(text));
        self.count_error();
    }

    pub(super) fn ask(&mut self, ask: Ask, pending: Pending) {
        self.connection.ask(ask);
        self.job = Job::Asked(pending);
    }

    pub(super) fn count_error(&mut self) {
        if self.connection.errs_too_often(self.persona.limits.errors) {
            self.close_with_reply();
        }
    }

    pub(super) fn close_with_reply(&mut self) {
        self.connection
            .write_line(Reply::err(self.persona.texts.closed));
        self.close();
    }

    pub(super) fn close(&mut self) {
        self.connection.close();
    }

    pub(super) fn goodbye(&mut self) {
        self.ok(self.persona.texts.goodbye);
        self.close();
    }

    /// Whether there was a line to take.
    fn take_line(&mut self) -> bool {
        let limits = self.persona.limits;
        let longest = Longest {
            command: limits.line,
            credentials: limits.sasl_line,
        };
        let awaited = match self.job {
            Job::Sasl(_) => Awaited::Credentials,
            _ => Awaited::Command,
        };
        match self.connection.next_line(awaited, longest) {
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
            if is_http(line) {
                self.connection.write_line(Reply::err(crate::web::REFUSED));
                return self.close();
            }
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
                    self.connection.write_line(capability);
                }
                self.connection.write_line(".");
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
        while *next <= maildrop.highest() && self.connection.output.len() < MUCH_OUTPUT {
            if let Some(letter) = maildrop.letter(*next) {
                let line = format!("{next} {}\r\n", column.of(letter));
                self.connection.output.extend_from_slice(line.as_bytes());
            }
            let Some(following) = next.checked_add(1) else {
                break;
            };
            *next = following;
        }
        if *next > maildrop.highest() {
            self.connection.output.extend_from_slice(b".\r\n");
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

const MUCH_OUTPUT: usize = 32 * 1024;
