//! Signing in: AUTHENTICATE in both its forms (RFC 3501 §6.2.2, RFC 4959), and LOGIN.

use secrecy::SecretString;
use secrecy::zeroize::Zeroizing;

use super::answering::{Pending, Step};
use super::machine::{Job, Stage};
use super::{Ask, Credentials, Mechanism, Server};

/// The client was asked for its credentials.
#[derive(Debug)]
pub(super) struct SaslExchange {
    pub(super) tag: String,
    mechanism: Mechanism,
}

/// An AUTHENTICATE as it stands in its line. It is read here and not by the codec, which
/// refuses base64 without padding and keeps the token in types that can be printed.
pub(super) struct Authenticate {
    mechanism: Option<Mechanism>,
    initial: Option<Zeroizing<Vec<u8>>>,
}

impl Authenticate {
    /// Reads what follows the tag; `None` if it is another command.
    pub(super) fn read(command: &[u8]) -> Option<Self> {
        let mut words = command.trim_ascii_end().split(|octet| *octet == b' ');
        words
            .next()
            .filter(|word| word.eq_ignore_ascii_case(b"AUTHENTICATE"))?;
        let mechanism = match words.next()?.to_ascii_uppercase().as_slice() {
            b"XOAUTH2" => Some(Mechanism::Xoauth2),
            b"PLAIN" => Some(Mechanism::Plain),
            _ => None,
        };
        let initial = words.next().map(|word| Zeroizing::new(word.to_vec()));
        words
            .next()
            .is_none()
            .then_some(Self { mechanism, initial })
    }
}

impl Server {
    pub(super) fn authenticate(&mut self, tag: String, authenticate: Authenticate) {
        if !matches!(self.stage, Stage::SignedOut) {
            return self.bad(&tag, self.persona.texts.wrong_state);
        }
        let offered = authenticate
            .mechanism
            .filter(|mechanism| self.offers(*mechanism));
        let Some(mechanism) = offered.filter(|_| !self.offers(Mechanism::StartTls)) else {
            let text = self.persona.texts.no_such_mechanism;
            self.no(&tag, text);
            return self.count_error();
        };
        if let Some(message) = authenticate.initial {
            return self.sign_in(tag, credentials(mechanism, &message));
        }
        // The challenge is empty, but the space after `+` is there (RFC 3501 §7.5).
        self.write(b"+ \r\n");
        self.job = Job::Sasl(SaslExchange { tag, mechanism });
    }

    pub(super) fn sasl_line(&mut self, exchange: SaslExchange, line: &[u8]) {
        let line = line.trim_ascii();
        if line == b"*" {
            return self.bad(&exchange.tag, self.persona.texts.sign_in_cancelled);
        }
        self.sign_in(exchange.tag, credentials(exchange.mechanism, line));
    }

    pub(super) fn login(&mut self, tag: String, user: String, password: SecretString) {
        if !matches!(self.stage, Stage::SignedOut) {
            return self.bad(&tag, self.persona.texts.wrong_state);
        }
        let offered = self.offers(Mechanism::Login) && !self.offers(Mechanism::StartTls);
        if !offered {
            self.no(&tag, &format!("LOGIN {}", self.persona.texts.failed));
            return self.count_error();
        }
        let pending = Pending {
            tag,
            name: "LOGIN",
            step: Step::SignIn,
        };
        self.ask(
            Ask::SignIn(Credentials::Password { user, password }),
            pending,
        );
    }

    /// A refusal comes at once with the tag: a JSON challenge, as Google sends it, makes
    /// clients of Exchange hang.
    fn sign_in(&mut self, tag: String, credentials: Option<Credentials>) {
        let Some(credentials) = credentials else {
            self.no(&tag, &format!("AUTHENTICATE {}", self.persona.texts.failed));
            return self.count_error();
        };
        let pending = Pending {
            tag,
            name: "AUTHENTICATE",
            step: Step::SignIn,
        };
        self.ask(Ask::SignIn(credentials), pending);
    }
}

fn credentials(mechanism: Mechanism, message: &[u8]) -> Option<Credentials> {
    match mechanism {
        Mechanism::Xoauth2 => Credentials::xoauth2(message),
        Mechanism::Plain => Credentials::plain(message),
        Mechanism::Login | Mechanism::StartTls => None,
    }
}
