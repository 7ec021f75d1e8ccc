//! Signing in: AUTHENTICATE in both its forms (RFC 3501 §6.2.2, RFC 4959), and LOGIN.

mod arguments;

use secrecy::SecretString;
use secrecy::zeroize::Zeroizing;

use super::answering::{Pending, Step};
use super::machine::{Job, Stage};
use super::{Ask, Credentials, Mechanism, Server};
use crate::InClear;
use crate::sasl::{self, Exchange};

pub(super) use arguments::Login;

/// The client was asked for its credentials.
#[derive(Debug)]
pub(super) struct SaslExchange {
    pub(super) tag: String,
    exchange: Exchange,
}

/// An AUTHENTICATE as it stands in its line. It is read here and not by the codec, which
/// refuses base64 without padding and keeps the token in types that can be printed.
pub(super) struct Authenticate {
    mechanism: Option<sasl::Mechanism>,
    initial: Option<Zeroizing<Vec<u8>>>,
}

impl Authenticate {
    /// Reads what follows the tag; `None` if it is another command.
    pub(super) fn read(command: &[u8]) -> Option<Self> {
        let mut words = command.trim_ascii_end().split(|octet| *octet == b' ');
        words
            .next()
            .filter(|word| word.eq_ignore_ascii_case(b"AUTHENTICATE"))?;
        let mechanism = sasl::Mechanism::parse(words.next()?);
        let initial = words.next().map(|word| Zeroizing::new(word.to_vec()));
        words
            .next()
            .is_none()
            .then_some(Self { mechanism, initial })
    }
}

impl Server {
    pub(super) fn authenticate(&mut self, tag: String, authenticate: &Authenticate) {
        if !matches!(self.stage, Stage::SignedOut) {
            return self.bad(&tag, self.persona.texts.wrong_state);
        }
        let offered = authenticate
            .mechanism
            .filter(|mechanism| self.authenticates(*mechanism));
        let Some(mechanism) = offered.filter(|_| self.may_sign_in()) else {
            let text = match offered {
                Some(_) => self.persona.texts.privacy_required,
                None => self.persona.texts.no_such_mechanism,
            };
            self.no(&tag, text);
            return self.count_error();
        };
        let initial = authenticate.initial.as_ref();
        let initial = initial.map(|initial| initial.as_slice());
        self.sasl_step(tag, Exchange::begin(mechanism, initial));
    }

    pub(super) fn sasl_line(&mut self, exchange: SaslExchange, line: &[u8]) {
        let SaslExchange { tag, exchange } = exchange;
        self.sasl_step(tag, exchange.respond(line));
    }

    /// A refusal comes at once with the tag: a JSON challenge, as Google sends it, makes
    /// clients of Exchange hang.
    fn sasl_step(&mut self, tag: String, step: sasl::Step) {
        match step {
            sasl::Step::Challenge(exchange, challenge) => {
                // The challenge may be empty, but the space after `+` is there (RFC 3501 §7.5).
                self.write(format!("+ {challenge}\r\n").as_bytes());
                self.job = Job::Sasl(SaslExchange { tag, exchange });
            }
            sasl::Step::Done(credentials) => self.sign_in(tag, "AUTHENTICATE", credentials),
            sasl::Step::Cancelled => self.bad(&tag, self.persona.texts.sign_in_cancelled),
            sasl::Step::Malformed => {
                self.no(&tag, &format!("AUTHENTICATE {}", self.persona.texts.failed));
                self.count_error();
            }
        }
    }

    /// LOGIN, whose arguments could be read or not.
    pub(super) fn login(&mut self, tag: String, login: Option<(String, SecretString)>) {
        let Some((user, password)) = login else {
            return self.bad(&tag, self.persona.texts.bad_arguments);
        };
        if !matches!(self.stage, Stage::SignedOut) {
            return self.bad(&tag, self.persona.texts.wrong_state);
        }
        if !self.offers(Mechanism::Login) {
            self.no(&tag, &format!("LOGIN {}", self.persona.texts.failed));
            return self.count_error();
        }
        if !self.may_sign_in() {
            self.no(&tag, self.persona.texts.privacy_required);
            return self.count_error();
        }
        self.sign_in(tag, "LOGIN", Credentials::Password { user, password });
    }

    fn sign_in(&mut self, tag: String, name: &'static str, credentials: Credentials) {
        let step = Step::SignIn;
        self.ask(Ask::SignIn(credentials), Pending { tag, name, step });
    }

    fn may_sign_in(&self) -> bool {
        self.persona.in_clear == InClear::Accepted || !self.offers(Mechanism::StartTls)
    }

    fn authenticates(&self, mechanism: sasl::Mechanism) -> bool {
        let mut offered = self.persona.mechanisms.iter();
        offered.any(|offered| offered.sasl() == Some(mechanism))
    }
}
