//! The machine: what comes in, what goes out, and whose turn it is.

use std::fmt;

use bytes::BytesMut;

use crate::dots::BodyReader;
use crate::sasl::Exchange;
use crate::serving::{Awaited, Connection, Longest};
use crate::smtp::Reply;
use crate::web::is_http;

use super::answering::Pending;
use super::order::{Bdat, Misread, Order};
use super::receiving::Receiving;
use super::transaction::Transaction;
use super::{Answer, Ask, Persona, Replies};

/// The server side of one SMTP connection.
///
/// Call [`want`](Self::want) and do what it wants, again and again.
pub struct Server {
    pub(super) persona: Persona,
    pub(super) identity: Identity,
    pub(super) transaction: Option<Transaction>,
    pub(super) job: Job,
    pub(super) connection: Connection<Ask>,
    hello: Hello,
}

/// What the server needs to go on.
pub type Want = crate::Want<Ask>;

impl Server {
    /// A connection that was just accepted; the greeting is the first thing to be written.
    pub fn new(persona: Persona) -> Self {
        let mut server = Self {
            identity: Identity::Stranger,
            transaction: None,
            job: Job::Rest,
            connection: Connection::new(),
            hello: Hello::Awaited,
            persona,
        };
        let greeting = server.persona.greeting.clone();
        server.reply(&greeting);
        if !greeting.is_done() {
            server.close();
        }
        server
    }

    /// What is to be done now.
    pub fn want(&mut self) -> Want {
        loop {
            if let Some(want) = self.connection.owed() {
                return want;
            }
            let took = match &self.job {
                Job::Asked(_) => return Want::Answer,
                Job::Data(..) => self.receive_data(),
                Job::Chunk(..) => self.receive_chunk(),
                Job::Rest | Job::Sasl(_) => self.take_line(),
            };
            if !took {
                return Want::Read;
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

    /// Ends the connection with this reply, such as 421 when it was idle too long or the
    /// program stops. Within a message nothing can be said, so it is just closed.
    pub fn bye(&mut self, reply: &Reply) {
        if matches!(self.job, Job::Rest | Job::Sasl(_)) {
            self.reply(reply);
        }
        self.close();
    }

    /// TLS is on. The server starts over with these manners, without a greeting, and knows
    /// nothing any more of what it was told before (RFC 3207 §4.2). If octets that were not
    /// protected are still to be read, the connection is closed.
    pub fn tls_started(&mut self, persona: Persona) {
        self.connection.tls_started();
        self.hello = Hello::Awaited;
        self.identity = Identity::Stranger;
        self.transaction = None;
        self.job = Job::Rest;
        self.persona = persona;
    }

    /// Whether somebody is signed in.
    pub fn is_signed_in(&self) -> bool {
        self.identity == Identity::SignedIn
    }

    pub(super) fn has_said_hello(&self) -> bool {
        self.hello == Hello::Said
    }

    pub(super) fn reply(&mut self, reply: &Reply) {
        self.connection.write_line(reply);
    }

    pub(super) fn reply_with(&mut self, choose: fn(&Replies) -> &Reply) {
        let reply = choose(&self.persona.replies).clone();
        self.reply(&reply);
    }

    /// A client that earns too many of these is sent away.
    pub(super) fn refuse_with(&mut self, choose: fn(&Replies) -> &Reply) {
        self.reply_with(choose);
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
        self.reply_with(|replies| &replies.closed);
        self.close();
    }

    pub(super) fn close(&mut self) {
        self.connection.close();
    }

    /// Whether there was a line to take.
    fn take_line(&mut self) -> bool {
        let limits = self.persona.limits;
        let longest = Longest {
            command: limits.line,
            credentials: limits.auth_line,
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
                self.refuse_with(|replies| &replies.line_too_long);
            }
        }
        true
    }

    fn command(&mut self, line: &[u8]) {
        let order = match Order::read(line) {
            Ok(order) => order,
            Err(Misread::Command) if is_http(line) => {
                self.reply_with(|replies| &replies.no_web_server);
                return self.close();
            }
            Err(misread) => {
                return self.refuse_with(match misread {
                    Misread::Command => |replies| &replies.unknown_command,
                    Misread::Arguments => |replies| &replies.bad_arguments,
                    Misread::Address => |replies| &replies.bad_address,
                    Misread::Parameter => |replies| &replies.unknown_parameter,
                });
            }
        };
        match order {
            Order::Ehlo => self.hello(self.offer()),
            Order::Helo => self.hello(Reply::new(250, self.persona.hello.clone())),
            Order::StartTls => self.start_tls(),
            Order::Auth { mechanism, initial } => {
                self.auth(
                    &mechanism,
                    initial.as_ref().map(|initial| initial.as_slice()),
                );
            }
            Order::Mail(sender) => self.mail(sender, line),
            Order::Rcpt(recipient) => self.rcpt(recipient),
            Order::Data => self.data(),
            Order::Bdat(bdat) => self.bdat(bdat),
            Order::Rset => self.abandon(Pending::Said(self.persona.replies.done.clone())),
            Order::Noop => self.reply_with(|replies| &replies.done),
            Order::Vrfy => self.reply_with(|replies| &replies.not_verified),
            Order::Help => self.reply_with(|replies| &replies.help),
            Order::Quit => self.abandon(Pending::Goodbye),
        }
    }

    /// EHLO and HELO also begin anew (RFC 5321 §4.1.4).
    fn hello(&mut self, reply: Reply) {
        self.hello = Hello::Said;
        self.abandon(Pending::Said(reply));
    }

    fn offer(&self) -> Reply {
        let mut lines = vec![self.persona.hello.clone()];
        lines.extend(self.persona.extensions.iter().map(ToString::to_string));
        Reply {
            code: 250,
            status: None,
            lines,
        }
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("signed_in", &self.is_signed_in())
            .field("in_transaction", &self.transaction.is_some())
            .finish_non_exhaustive()
    }
}

/// Who the client is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Identity {
    Stranger,
    SignedIn,
}

/// Whether the client said EHLO or HELO.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hello {
    Awaited,
    Said,
}

/// What is being done.
pub(super) enum Job {
    /// Nothing: the next command may come.
    Rest,
    /// The client is about to send its credentials.
    Sasl(Exchange),
    /// A message comes, up to its dot.
    Data(BodyReader, Receiving),
    /// A chunk comes: so many octets are left of it.
    Chunk(Bdat, Receiving),
    /// The owner is to answer.
    Asked(Pending),
}
