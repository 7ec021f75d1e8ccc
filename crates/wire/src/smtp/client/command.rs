//! What a client can ask for, and what may be sent while something else is in flight.

use super::message::Outgoing;
use super::{Client, Kind, Settling, State, Unsendable};
use crate::sasl::{Attempt, Mechanism, Xoauth2};
use crate::smtp::{Body, Envelope, Extension, Extensions, Headers, Path, parameter};

impl Client {
    /// Greets the server with EHLO. To a server that does not know that, HELO is said at once,
    /// and what it answers to that is told (RFC 5321 §3.2).
    pub fn hello(&mut self, name: &str) -> Result<(), Unsendable> {
        let fits = (1..=LONGEST_NAME).contains(&name.len());
        if !fits || name.contains(|c: char| c.is_control() || c.is_whitespace()) {
            return Err(Unsendable::Name);
        }
        let kind = Kind::Ehlo {
            name: name.to_owned(),
        };
        self.order(kind, &format!("EHLO {name}\r\n"))?;
        // The server forgets the envelope (RFC 5321 §4.1.4).
        self.forget_envelope();
        Ok(())
    }

    /// Asks for TLS. When it is granted, shake hands and then call
    /// [`tls_started`](Self::tls_started).
    pub fn start_tls(&mut self) -> Result<(), Unsendable> {
        self.order(Kind::StartTls, "STARTTLS\r\n")
    }

    /// Signs in with a token: with the command if the line then has no more than 512 octets,
    /// else in a line of its own (RFC 4954 §4). It is not sent where the server offers TLS that
    /// has not started, nor where it said what it offers and XOAUTH2 is missing.
    ///
    /// Exchange refuses with 535. Others first send an error challenge, which is reported as
    /// [`Event::Challenge`](super::Event::Challenge) and answered by an empty line.
    pub fn authenticate(&mut self, credentials: &Xoauth2) -> Result<(), Unsendable> {
        self.expect_quiet()?;
        if self.extensions().has(&Extension::StartTls) {
            return Err(Unsendable::TlsFirst);
        }
        let refused = |offered: &Extensions| !offered.has_mechanism(Mechanism::Xoauth2);
        if self.extensions.as_ref().is_some_and(refused) {
            return Err(Unsendable::NoSuchMechanism);
        }
        let attempt = Attempt::begin(credentials, LONGEST_COMMAND, &mut self.output);
        self.in_flight.push_back(Kind::Auth(attempt));
        Ok(())
    }

    /// Sends the sender and every recipient, all at once where the server allows it (RFC 2920),
    /// else one after the other. [`Event::EnvelopeSettled`](super::Event::EnvelopeSettled) says
    /// when all have their replies.
    ///
    /// What a server must understand so that the message can pass is checked here; a wish for
    /// reports is left out where the server does not know DSN.
    pub fn send_envelope(&mut self, envelope: &Envelope) -> Result<(), Unsendable> {
        self.expect_quiet()?;
        if self.message.is_some() {
            return Err(Unsendable::Busy);
        }
        self.check(envelope)?;
        let sender = &envelope.sender;
        self.body = sender.body;
        self.settling = Settling {
            left: envelope.recipients.len(),
            accepted: Some(0),
        };
        let mail = parameter::write_mail(sender, self.extensions());
        self.unsent.push_back((Kind::Mail, mail));
        for (number, recipient) in envelope.recipients.iter().enumerate() {
            let rcpt = parameter::write_rcpt(recipient, self.extensions());
            self.unsent.push_back((Kind::Rcpt(number), rcpt));
        }
        self.advance();
        Ok(())
    }

    /// Gives up the envelope, and a message of which not all chunks were sent.
    pub fn reset(&mut self) -> Result<(), Unsendable> {
        self.order(Kind::Reset, "RSET\r\n")?;
        self.forget_envelope();
        Ok(())
    }

    /// Keeps the session alive.
    pub fn noop(&mut self) -> Result<(), Unsendable> {
        self.order(Kind::Noop, "NOOP\r\n")
    }

    /// Says goodbye.
    pub fn quit(&mut self) -> Result<(), Unsendable> {
        self.order(Kind::Quit, "QUIT\r\n")
    }

    /// A command that has to be alone.
    pub(super) fn order(&mut self, kind: Kind, line: &str) -> Result<(), Unsendable> {
        self.expect_quiet()?;
        self.output.extend_from_slice(line.as_bytes());
        self.in_flight.push_back(kind);
        Ok(())
    }

    /// Sends what may be sent now.
    pub(super) fn advance(&mut self) {
        let pipelining = self.extensions().has(&Extension::Pipelining);
        while pipelining || self.in_flight.is_empty() {
            let Some((kind, line)) = self.unsent.pop_front() else {
                return;
            };
            self.output.extend_from_slice(line.as_bytes());
            self.in_flight.push_back(kind);
        }
    }

    pub(super) fn forget_envelope(&mut self) {
        self.message = None;
        self.settling = Settling::default();
    }

    fn expect_quiet(&self) -> Result<(), Unsendable> {
        if self.state != State::Talking {
            return Err(Unsendable::NotListening);
        }
        // Within DATA everything is message.
        let in_message = self.message.as_ref().is_some_and(Outgoing::is_dotted);
        if self.in_flight() > 0 || in_message {
            return Err(Unsendable::Busy);
        }
        Ok(())
    }

    fn check(&self, envelope: &Envelope) -> Result<(), Unsendable> {
        let sender = &envelope.sender;
        if envelope.recipients.is_empty() {
            return Err(Unsendable::NoRecipient);
        }
        let mut paths = envelope.recipients.iter().map(|recipient| &recipient.path);
        let utf8 = sender.path.needs_utf8() || paths.any(Path::needs_utf8);
        let marked = sender.headers == Headers::Utf8;
        // An address in UTF-8 needs the mark as well as the extension (RFC 6531 §3.4).
        if (utf8 && !marked) || (marked && !self.extensions().has(&Extension::SmtpUtf8)) {
            return Err(Unsendable::NoUtf8);
        }
        if parameter::is_too_long(envelope) {
            return Err(Unsendable::ParameterTooLong);
        }
        let needed = match sender.body {
            Body::SevenBit => None,
            Body::EightBitMime => Some(Extension::EightBitMime),
            Body::BinaryMime => Some(Extension::BinaryMime),
        };
        if needed.is_some_and(|extension| !self.extensions().has(&extension)) {
            return Err(Unsendable::NoEightBit);
        }
        match (sender.size, self.extensions().size_limit()) {
            (Some(size), Some(limit)) if size > limit => Err(Unsendable::TooLarge { limit }),
            _ => Ok(()),
        }
    }
}

/// In octets, with the end of line (RFC 5321 §4.5.3.1.4).
const LONGEST_COMMAND: usize = 512;
/// In octets (RFC 5321 §4.5.3.1.2).
const LONGEST_NAME: usize = 255;
