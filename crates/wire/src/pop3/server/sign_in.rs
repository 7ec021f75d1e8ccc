//! Signing in: USER and PASS (RFC 1939 §7), AUTH with and without its message (RFC 5034 §4).

use crate::InClear;
use crate::pop3::Capability;
use crate::sasl::{Exchange, Mechanism, Step};

use super::answering::Pending;
use super::machine::{Job, Stage};
use super::order::Auth;
use super::{Ask, Credentials, InitialResponse, Server};

impl Server {
    pub(super) fn auth(&mut self, auth: Auth) {
        let (mechanism, initial) = match auth {
            Auth::List => return self.list_mechanisms(),
            Auth::Begin { mechanism, initial } => (Mechanism::parse(&mechanism), initial),
        };
        let offered = mechanism.filter(|m| self.persona.capabilities.has_mechanism(*m));
        let Some(mechanism) = offered.filter(|_| self.may_sign_in()) else {
            return self.err(self.persona.texts.sign_in_failed);
        };
        if initial.is_some() && self.persona.initial_response == InitialResponse::Refuse {
            return self.err(self.persona.texts.initial_response_refused);
        }
        let initial = initial.as_ref().map(|initial| initial.as_slice());
        self.sasl_step(Exchange::begin(mechanism, initial));
    }

    pub(super) fn sasl_step(&mut self, step: Step) {
        match step {
            Step::Challenge(exchange, challenge) => {
                // The challenge may be empty, but the space is there (RFC 5034 §4).
                self.connection.write_line(format_args!("+ {challenge}"));
                self.job = Job::Sasl(exchange);
            }
            Step::Done(credentials) => {
                let authenticated = self.persona.texts.authenticated;
                self.ask(Ask::SignIn(credentials), Pending::SignIn(authenticated));
            }
            Step::Cancelled => self.err(self.persona.texts.sign_in_cancelled),
            Step::Malformed => self.err(self.persona.texts.sign_in_failed),
        }
    }

    pub(super) fn user(&mut self, name: String) {
        if !self.may_sign_in() || !self.persona.capabilities.has(&Capability::User) {
            return self.err(self.persona.texts.bad_command);
        }
        self.stage = Stage::Authorization { user: Some(name) };
        self.ok("");
    }

    pub(super) fn pass(&mut self, password: secrecy::SecretString) {
        let Stage::Authorization { user } = &mut self.stage else {
            return self.err(self.persona.texts.bad_command);
        };
        // A wrong password needs USER again.
        let Some(user) = user.take() else {
            return self.err(self.persona.texts.bad_command);
        };
        let logged_on = self.persona.texts.logged_on;
        self.ask(
            Ask::SignIn(Credentials::Password { user, password }),
            Pending::SignIn(logged_on),
        );
    }

    pub(super) fn stls(&mut self) {
        if self.is_signed_in() || !self.persona.capabilities.has(&Capability::Stls) {
            return self.err(self.persona.texts.bad_command);
        }
        self.ok(self.persona.texts.starting_tls);
        self.connection.begin_tls();
    }

    /// Whoever may start TLS has to, unless the owner says otherwise, and signs in once only.
    fn may_sign_in(&self) -> bool {
        let in_time = self.persona.in_clear == InClear::Accepted
            || !self.persona.capabilities.has(&Capability::Stls);
        in_time && !self.is_signed_in()
    }

    fn list_mechanisms(&mut self) {
        if !self.may_sign_in() {
            return self.err(self.persona.texts.bad_command);
        }
        self.ok("");
        let listed: Vec<String> = self
            .persona
            .capabilities
            .mechanisms()
            .map(str::to_owned)
            .collect();
        for name in listed {
            self.connection.write_line(name);
        }
        self.connection.write_line(".");
    }
}
