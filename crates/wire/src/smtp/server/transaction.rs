//! The envelope: MAIL, RCPT, and what begins the message.

use crate::smtp::{Recipient, Sender, Transfer};

use super::answering::Pending;
use super::machine::Identity;
use super::receiving::Receiving;
use super::{Ask, Server, SignIn};

/// An envelope that has begun.
#[derive(Debug)]
pub(super) struct Transaction {
    pub(super) recipients: usize,
    /// The message, while it comes in chunks.
    pub(super) chunks: Option<Receiving>,
}

impl Transaction {
    pub(super) fn new() -> Self {
        Self {
            recipients: 0,
            chunks: None,
        }
    }
}

impl Server {
    pub(super) fn mail(&mut self, sender: Sender) {
        let stranger = self.identity == Identity::Stranger;
        if stranger && self.persona.sign_in == SignIn::Required {
            return self.refuse_with(|replies| &replies.not_signed_in);
        }
        if self.transaction.is_some() || !self.has_said_hello() {
            return self.refuse_with(|replies| &replies.bad_sequence);
        }
        let limit = self.persona.extensions.size_limit();
        if sender
            .size
            .zip(limit)
            .is_some_and(|(size, limit)| size > limit)
        {
            return self.refuse_with(|replies| &replies.too_large);
        }
        self.ask(Ask::Sender(sender), Pending::Sender);
    }

    pub(super) fn rcpt(&mut self, recipient: Recipient) {
        match &self.transaction {
            Some(transaction) if transaction.chunks.is_none() => {
                // No error of the client: it sends the rest in another message.
                if transaction.recipients >= self.persona.limits.recipients {
                    return self.reply_with(|replies| &replies.too_many_recipients);
                }
                self.ask(Ask::Recipient(recipient), Pending::Recipient);
            }
            _ => self.refuse_with(|replies| &replies.bad_sequence),
        }
    }

    pub(super) fn data(&mut self) {
        match &self.transaction {
            // DATA and BDAT exclude each other (RFC 3030 §2).
            Some(transaction) if transaction.recipients > 0 && transaction.chunks.is_none() => {
                self.ask(Ask::Message(Transfer::Data), Pending::Data);
            }
            _ => self.refuse_with(|replies| &replies.bad_sequence),
        }
    }

    /// Forgets the envelope, and then does what is next.
    pub(super) fn abandon(&mut self, then: Pending) {
        match self.transaction.take() {
            Some(_) => self.ask(Ask::Abandon, then),
            None => self.answered(then, super::Answer::Done),
        }
    }
}
