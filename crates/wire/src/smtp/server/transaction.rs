//! The envelope: MAIL, RCPT, and what begins the message.

use bytes::Bytes;

use crate::smtp::{Body, Extension, Headers, Recipient, Sender, Transfer};

use super::answering::Pending;
use super::machine::Identity;
use super::receiving::Receiving;
use super::{Ask, Server, SignIn};

/// An envelope that has begun.
#[derive(Debug)]
pub(super) struct Transaction {
    pub(super) recipients: usize,
    body: Body,
    headers: Headers,
    /// The message, while it comes in chunks.
    pub(super) chunks: Option<Receiving>,
}

impl Transaction {
    pub(super) fn new(body: Body, headers: Headers) -> Self {
        Self {
            recipients: 0,
            body,
            headers,
            chunks: None,
        }
    }

    /// DATA and BDAT exclude each other (RFC 3030 §2), and binary octets have no lines of
    /// which one could be a dot (RFC 3030 §3).
    fn takes_data(&self) -> bool {
        self.recipients > 0 && self.chunks.is_none() && self.body != Body::BinaryMime
    }
}

impl Server {
    pub(super) fn mail(&mut self, sender: Sender, line: &[u8]) {
        let stranger = self.identity == Identity::Stranger;
        if stranger && self.persona.sign_in == SignIn::Required {
            return self.refuse_with(|replies| &replies.not_signed_in);
        }
        if self.transaction.is_some() || !self.has_said_hello() {
            return self.refuse_with(|replies| &replies.bad_sequence);
        }
        if !self.offers_what(&sender) {
            return self.refuse_with(|replies| &replies.unknown_parameter);
        }
        if sender.path.needs_utf8() && sender.headers == Headers::Ascii {
            return self.refuse_with(|replies| &replies.not_ascii);
        }
        let limit = self.persona.extensions.size_limit();
        if sender
            .size
            .zip(limit)
            .is_some_and(|(size, limit)| size > limit)
        {
            return self.refuse_with(|replies| &replies.too_large);
        }
        let transaction = Transaction::new(sender.body, sender.headers);
        let pending = Pending::Sender(transaction, Bytes::copy_from_slice(line));
        self.ask(Ask::Sender(sender), pending);
    }

    pub(super) fn rcpt(&mut self, recipient: Recipient) {
        match &self.transaction {
            Some(transaction) if transaction.chunks.is_none() => {
                // No error of the client: it sends the rest in another message.
                if transaction.recipients >= self.persona.limits.recipients {
                    return self.reply_with(|replies| &replies.too_many_recipients);
                }
                // An address in UTF-8 needs what MAIL said (RFC 6531 §3.4).
                if recipient.path.needs_utf8() && transaction.headers == Headers::Ascii {
                    return self.refuse_with(|replies| &replies.not_ascii);
                }
                self.ask(Ask::Recipient(recipient), Pending::Recipient);
            }
            _ => self.refuse_with(|replies| &replies.bad_sequence),
        }
    }

    pub(super) fn data(&mut self) {
        match &self.transaction {
            Some(transaction) if transaction.takes_data() => {
                self.ask(Ask::Message(Transfer::Data), Pending::Data);
            }
            _ => self.refuse_with(|replies| &replies.bad_sequence),
        }
    }

    /// Whether every parameter belongs to something that is offered. Wishes for reports are
    /// taken anyway: nothing depends on them.
    fn offers_what(&self, sender: &Sender) -> bool {
        let extensions = &self.persona.extensions;
        let body = match sender.body {
            Body::SevenBit => true,
            Body::EightBitMime => extensions.has(&Extension::EightBitMime),
            Body::BinaryMime => extensions.has(&Extension::BinaryMime),
        };
        body && (sender.headers == Headers::Ascii || extensions.has(&Extension::SmtpUtf8))
    }

    /// Forgets the envelope, and then does what is next.
    pub(super) fn abandon(&mut self, then: Pending) {
        match self.transaction.take() {
            Some(_) => self.ask(Ask::Abandon, then),
            None => self.answered(then, super::Answer::Done),
        }
    }
}
