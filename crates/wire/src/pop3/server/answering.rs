//! What the owner answered, and what the client hears of it.

use bytes::Bytes;

use crate::dots::{BodyWriter, Framing};

use super::machine::{Job, Stage};
use super::maildrop::Maildrop;
use super::top::Top;
use super::{Answer, Ask, Refusal, Server, Then};

/// What is done with the answer to a question.
#[derive(Debug)]
pub(super) enum Pending {
    /// The client is told this when it may.
    SignIn(&'static str),
    /// The message, if there is one.
    Message(Sending),
    /// More of it: the client has been told that it comes.
    More(Sending),
    /// The session ends.
    Update,
}

/// A message that is being sent.
#[derive(Debug)]
pub(super) struct Sending {
    pub(super) octets: u64,
    pub(super) top: Top,
    pub(super) writer: BodyWriter,
}

impl Sending {
    pub(super) fn new(octets: u64, top: Top) -> Self {
        Self {
            octets,
            top,
            writer: BodyWriter::new(Framing::Dots),
        }
    }
}

impl Server {
    pub(super) fn answered(&mut self, pending: Pending, answer: Answer) {
        match (pending, answer) {
            (Pending::SignIn(text), Answer::Maildrop(letters)) => {
                self.stage = Stage::Transaction(Maildrop::new(letters));
                self.ok(text);
            }
            (Pending::SignIn(text), Answer::HandOver) => {
                self.ok(text);
                self.connection.hand_over();
            }
            (Pending::Message(sending), Answer::Chunk(octets)) => {
                self.begin(&sending);
                self.send_chunk(sending, &octets);
            }
            (Pending::Message(sending), Answer::End) => {
                self.begin(&sending);
                self.end_message(sending);
            }
            (Pending::More(sending), Answer::Chunk(octets)) => self.send_chunk(sending, &octets),
            (Pending::More(sending), Answer::End) => self.end_message(sending),
            (Pending::Update, Answer::Done) => self.goodbye(),
            (Pending::Update, Answer::Refused(refusal)) => {
                self.refuse(&refusal);
                self.close();
            }
            (Pending::SignIn(_), Answer::Refused(refusal)) => {
                self.refuse(&refusal);
                self.count_error();
            }
            (Pending::Message(_), Answer::Refused(refusal)) => self.refuse(&refusal),
            // Half a message must not look like a whole one.
            (Pending::More(_), _) => self.close(),
            (Pending::SignIn(_) | Pending::Message(_) | Pending::Update, _) => {
                self.close_with_reply();
            }
        }
    }

    /// An owner's no is not the client's error.
    fn refuse(&mut self, refusal: &Refusal) {
        self.connection.write_line(&refusal.reply);
        if refusal.then == Then::Close {
            self.close();
        }
    }

    fn begin(&mut self, sending: &Sending) {
        if sending.top == Top::Everything {
            self.connection
                .write_line(format_args!("+OK {} octets", sending.octets));
        } else {
            self.ok("");
        }
    }

    fn send_chunk(&mut self, mut sending: Sending, octets: &Bytes) {
        let taken = sending.top.take(octets);
        sending
            .writer
            .write(&octets[..taken], &mut self.connection.output);
        if sending.top.is_over() {
            self.end_message(sending);
        } else {
            self.ask(Ask::More, Pending::More(sending));
        }
    }

    fn end_message(&mut self, mut sending: Sending) {
        sending.writer.finish(&mut self.connection.output);
        self.job = Job::Rest;
    }
}
