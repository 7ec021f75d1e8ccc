//! The server's side of a SASL exchange, for protocols that carry it in lines of base64.

use secrecy::SecretString;
use secrecy::zeroize::Zeroizing;

use super::{Credentials, decode};

/// A mechanism that our servers know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mechanism {
    /// A mailbox and an access token.
    Xoauth2,
    /// A name and a password in one message (RFC 4616).
    Plain,
    /// A name, then a password. Never a standard, and the only one of many printers.
    Login,
}

/// An exchange in which the client is to speak. Its state is consumed by each answer.
#[derive(Debug)]
pub struct Exchange(Awaits);

/// How an exchange goes on.
#[derive(Debug)]
pub enum Step {
    /// Send this challenge, which is base64 already, and give what the client answers to
    /// [`Exchange::respond`].
    Challenge(Exchange, &'static str),
    /// The client has said everything.
    Done(Credentials),
    /// The client gave up with `*` (RFC 4954 §4, RFC 5034 §4).
    Cancelled,
    /// What the client sent cannot be read.
    Malformed,
}

#[derive(Debug)]
enum Awaits {
    Message(Mechanism),
    User,
    Password { user: String },
}

impl Mechanism {
    /// The name under which it is advertised and chosen.
    pub fn name(self) -> &'static str {
        match self {
            Self::Xoauth2 => super::MECHANISM,
            Self::Plain => "PLAIN",
            Self::Login => "LOGIN",
        }
    }

    /// Reads a name in any case.
    pub fn parse(name: &[u8]) -> Option<Self> {
        [Self::Xoauth2, Self::Plain, Self::Login]
            .into_iter()
            .find(|mechanism| name.eq_ignore_ascii_case(mechanism.name().as_bytes()))
    }
}

impl Exchange {
    /// Begins, with the initial response if the client sent one. `=` stands for an empty one
    /// (RFC 4954 §4, RFC 5034 §4).
    pub fn begin(mechanism: Mechanism, initial: Option<&[u8]>) -> Step {
        let (awaits, challenge) = match mechanism {
            Mechanism::Login => (Awaits::User, USERNAME),
            Mechanism::Xoauth2 | Mechanism::Plain => (Awaits::Message(mechanism), ""),
        };
        let exchange = Self(awaits);
        match initial {
            None => Step::Challenge(exchange, challenge),
            Some(b"=") => exchange.respond(b""),
            Some(initial) => exchange.respond(initial),
        }
    }

    /// Takes the line with which the client answered.
    pub fn respond(self, line: &[u8]) -> Step {
        let line = line.trim_ascii();
        if line == b"*" {
            return Step::Cancelled;
        }
        let credentials = match self.0 {
            Awaits::Message(Mechanism::Xoauth2) => Credentials::xoauth2(line),
            Awaits::Message(_) => Credentials::plain(line),
            Awaits::User => {
                return match text(line).filter(|user| !user.is_empty()) {
                    Some(user) => {
                        let user = user.to_string();
                        Step::Challenge(Self(Awaits::Password { user }), PASSWORD)
                    }
                    None => Step::Malformed,
                };
            }
            Awaits::Password { user } => text(line).map(|password| Credentials::Password {
                user,
                password: SecretString::from(password.as_str()),
            }),
        };
        credentials.map_or(Step::Malformed, Step::Done)
    }
}

fn text(base64: &[u8]) -> Option<Zeroizing<String>> {
    let octets = decode(base64)?;
    let text = std::str::from_utf8(&octets).ok()?;
    (!text.contains(['\0', '\r', '\n'])).then(|| Zeroizing::new(text.to_owned()))
}

/// `Username:` and `Password:`, exactly: some devices compare them.
const USERNAME: &str = "VXNlcm5hbWU6";
const PASSWORD: &str = "UGFzc3dvcmQ6";

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use secrecy::ExposeSecret as _;

    fn signed_in(step: Step) -> (String, String) {
        match step {
            Step::Done(Credentials::Password { user, password }) => {
                (user, password.expose_secret().to_owned())
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn login_asks_with_the_exact_prompts() {
        let Step::Challenge(exchange, asked) = Exchange::begin(Mechanism::Login, None) else {
            panic!("it asks");
        };
        assert_eq!(
            STANDARD.decode(asked).as_deref(),
            Ok(b"Username:".as_slice())
        );
        let Step::Challenge(exchange, asked) = exchange.respond(b"YUB4LnRlc3Q=") else {
            panic!("it asks");
        };
        assert_eq!(
            STANDARD.decode(asked).as_deref(),
            Ok(b"Password:".as_slice())
        );
        let step = exchange.respond(STANDARD.encode("two words").as_bytes());
        assert_eq!(signed_in(step), ("a@x.test".into(), "two words".into()));
    }

    #[test]
    fn the_name_may_travel_with_login() {
        let step = Exchange::begin(Mechanism::Login, Some(b"YUB4LnRlc3Q"));
        let Step::Challenge(exchange, PASSWORD) = step else {
            panic!("it asks for the password");
        };
        assert_eq!(signed_in(exchange.respond(b"cHc=")).1, "pw");
    }

    #[test]
    fn plain_comes_in_one_message() {
        let message = STANDARD.encode("a@x.test\0a@x.test\0pass word");
        let step = Exchange::begin(Mechanism::Plain, Some(message.as_bytes()));
        assert_eq!(signed_in(step).1, "pass word");
        for other in ["b@x.test\0a@x.test\0pw", "\0\0pw", "\0a\0b\0c", "a"] {
            let step = Exchange::begin(Mechanism::Plain, Some(STANDARD.encode(other).as_bytes()));
            assert!(matches!(step, Step::Malformed), "{other:?}: {step:?}");
        }
    }

    #[test]
    fn what_is_empty_or_cancelled_signs_nobody_in() {
        for mechanism in [Mechanism::Xoauth2, Mechanism::Plain, Mechanism::Login] {
            let empty = Exchange::begin(mechanism, Some(b"="));
            assert!(matches!(empty, Step::Malformed), "{empty:?}");
            let Step::Challenge(exchange, _) = Exchange::begin(mechanism, None) else {
                panic!("it asks");
            };
            assert!(matches!(exchange.respond(b"*"), Step::Cancelled));
        }
    }

    #[test]
    fn a_password_that_is_no_text_signs_nobody_in() {
        for password in [b"pass\xff".as_slice(), b"two\r\nlines"] {
            let step = Exchange::begin(Mechanism::Login, Some(b"YUB4LnRlc3Q"));
            let Step::Challenge(exchange, PASSWORD) = step else {
                panic!("it asks for the password");
            };
            let step = exchange.respond(STANDARD.encode(password).as_bytes());
            assert!(matches!(step, Step::Malformed), "{step:?}");
        }
    }

    #[test]
    fn no_secret_is_printed() {
        let message = STANDARD.encode("\0a@x.test\0canary");
        let step = Exchange::begin(Mechanism::Plain, Some(message.as_bytes()));
        assert!(!format!("{step:?}").contains("canary"));
    }
}
