//! What the owner answered, and what the client hears of it.

use bytes::Bytes;

use crate::dots::BodyReader;
use crate::smtp::Reply;

use super::machine::{Identity, Job};
use super::order::Bdat;
use super::receiving::Receiving;
use super::transaction::Transaction;
use super::{Answer, Refusal, Server, Then};

/// What is done with the answer to a question.
#[derive(Debug)]
pub(super) enum Pending {
    SignIn,
    /// The envelope that begins if the sender may, and the line that asked for it.
    Sender(Transaction, Bytes),
    Recipient,
    /// The message comes with DATA.
    Data,
    DataOctets(BodyReader, Receiving),
    /// The message comes with BDAT, and this is its first chunk.
    Bdat(Bdat),
    ChunkOctets(Bdat, Receiving),
    MessageEnds,
    /// The envelope is forgotten; this is to be said.
    Said(Reply),
    /// The envelope is forgotten; this is refused.
    Refused(Refusal),
    /// The envelope is forgotten; the client is leaving.
    Goodbye,
}

impl Server {
    pub(super) fn answered(&mut self, pending: Pending, answer: Answer) {
        match (pending, answer) {
            (Pending::SignIn, Answer::Done) => {
                self.identity = Identity::SignedIn;
                self.reply_with(|replies| &replies.authenticated);
            }
            (Pending::SignIn, Answer::HandOver) => {
                self.reply_with(|replies| &replies.authenticated);
                self.connection.hand_over();
            }
            (Pending::Sender(transaction, _), Answer::Done) => {
                self.transaction = Some(transaction);
                self.reply_with(|replies| &replies.sender_accepted);
            }
            (Pending::Sender(_, line), Answer::HandOver) => {
                self.connection.hand_over_from(&line);
            }
            (Pending::Recipient, Answer::Done) => {
                if let Some(transaction) = &mut self.transaction {
                    transaction.recipients += 1;
                }
                self.reply_with(|replies| &replies.recipient_accepted);
            }
            (Pending::Data, Answer::Done) => {
                self.reply_with(|replies| &replies.go_ahead);
                self.job = Job::Data(BodyReader::new(), Receiving::new());
            }
            (Pending::Bdat(bdat), Answer::Done) => self.job = Job::Chunk(bdat, Receiving::new()),
            (Pending::Bdat(bdat), Answer::Refused(refusal)) => {
                self.job = Job::Chunk(bdat, Receiving::refused(refusal));
            }
            (Pending::DataOctets(reader, receiving), answer) => {
                if let Some(receiving) = self.go_on(receiving, answer) {
                    self.job = Job::Data(reader, receiving);
                }
            }
            (Pending::ChunkOctets(bdat, receiving), answer) => {
                if let Some(receiving) = self.go_on(receiving, answer) {
                    self.job = Job::Chunk(bdat, receiving);
                }
            }
            (Pending::MessageEnds, Answer::Accepted(reply)) => {
                self.transaction = None;
                self.reply(&reply);
            }
            (Pending::MessageEnds, Answer::Refused(refusal)) => {
                self.transaction = None;
                self.refuse(&refusal);
            }
            (Pending::SignIn, Answer::Refused(refusal)) => {
                self.refuse(&refusal);
                self.count_error();
            }
            (
                Pending::Sender(..) | Pending::Recipient | Pending::Data,
                Answer::Refused(refusal),
            )
            | (Pending::Refused(refusal), Answer::Done) => self.refuse(&refusal),
            (Pending::Said(reply), Answer::Done) => self.reply(&reply),
            (Pending::Goodbye, Answer::Done) => {
                self.reply_with(|replies| &replies.goodbye);
                self.close();
            }
            _ => self.close_with_reply(),
        }
    }

    fn go_on(&mut self, mut receiving: Receiving, answer: Answer) -> Option<Receiving> {
        match answer {
            Answer::Done => {}
            Answer::Refused(refusal) => receiving.refuse(refusal),
            Answer::Accepted(_) | Answer::HandOver => {
                self.close_with_reply();
                return None;
            }
        }
        Some(receiving)
    }

    /// An owner's no is not the client's error.
    fn refuse(&mut self, refusal: &Refusal) {
        self.reply(&refusal.reply);
        if refusal.then == Then::Close {
            self.close();
        }
    }
}
