//! Signing in (RFC 4954) and STARTTLS (RFC 3207).

use crate::InClear;
use crate::sasl::{Exchange, Mechanism, Step};
use crate::smtp::{Extension, Reply};

use super::machine::{Identity, Job};
use super::{Ask, Server};
use crate::smtp::server::answering::Pending;

impl Server {
    pub(super) fn auth(&mut self, mechanism: &[u8], initial: Option<&[u8]>) {
        // Once, and not within an envelope (RFC 4954 §4).
        if self.identity == Identity::SignedIn
            || self.transaction.is_some()
            || !self.has_said_hello()
        {
            return self.refuse_with(|replies| &replies.bad_sequence);
        }
        let tls_first = self.persona.in_clear == InClear::Refused;
        if tls_first && self.persona.extensions.has(&Extension::StartTls) {
            return self.refuse_with(|replies| &replies.tls_first);
        }
        let offered = Mechanism::parse(mechanism)
            .filter(|mechanism| self.persona.extensions.has_mechanism(*mechanism));
        match offered {
            Some(mechanism) => self.sasl_step(Exchange::begin(mechanism, initial)),
            None => self.refuse_with(|replies| &replies.unknown_mechanism),
        }
    }

    pub(super) fn sasl_step(&mut self, step: Step) {
        match step {
            Step::Challenge(exchange, challenge) => {
                // The space is there even if the challenge is empty (RFC 4954 §4).
                self.reply(&Reply::new(334, challenge));
                self.job = Job::Sasl(exchange);
            }
            Step::Done(credentials) => self.ask(Ask::SignIn(credentials), Pending::SignIn),
            Step::Cancelled => self.refuse_with(|replies| &replies.sign_in_cancelled),
            Step::Malformed => self.refuse_with(|replies| &replies.unreadable_credentials),
        }
    }

    pub(super) fn start_tls(&mut self) {
        if !self.persona.extensions.has(&Extension::StartTls) {
            return self.refuse_with(|replies| &replies.unknown_command);
        }
        // An envelope that nobody protected must not be the beginning of a protected message.
        if self.transaction.is_some() {
            return self.refuse_with(|replies| &replies.bad_sequence);
        }
        self.reply_with(|replies| &replies.starting_tls);
        self.connection.begin_tls();
    }
}
