//! SASL: XOAUTH2, the mechanism of Microsoft 365 mail, and the server's side of those with
//! which older software signs in.
//!
//! One message from the client carries the mailbox and the token:
//! `base64("user=" mailbox ^A "auth=Bearer " token ^A ^A)`
//! (Microsoft, "Authenticate an IMAP, POP or SMTP connection using OAuth").
//! A mailbox other than the signed-in person's own is named in `user=`.

mod attempt;
mod credentials;
mod exchange;

use std::fmt;

use base64::Engine as _;
use base64::engine::GeneralPurpose;
use base64::engine::general_purpose::{GeneralPurposeConfig, STANDARD};
use secrecy::{ExposeSecret, SecretString, zeroize::Zeroizing};

pub(crate) use attempt::{Attempt, EndlessChallenge};
pub use credentials::Credentials;
pub use exchange::{Exchange, Mechanism, Step};

/// The name under which the mechanism is advertised and chosen.
pub const MECHANISM: &str = "XOAUTH2";

/// What a client answers to an error challenge: an empty line. Only then does the server end
/// the exchange with its tagged `NO`. Exchange sends no such challenge; Google and Dovecot do.
pub const ERROR_CHALLENGE_ANSWER: &[u8] = b"";

/// The one message a client sends: whose mailbox, and the token that opens it.
#[derive(Clone)]
pub struct Xoauth2 {
    user: String,
    token: SecretString,
}

impl Xoauth2 {
    /// Prepares to open the mailbox `user` with `token`.
    ///
    /// Neither may hold the separator `^A`, nor an end of line: what a configuration or a token
    /// endpoint gave must not be able to write another field.
    pub fn new(user: &str, token: SecretString) -> Result<Self, Xoauth2Error> {
        if user.is_empty() || user.bytes().any(is_separator) {
            return Err(Xoauth2Error::User);
        }
        if token.expose_secret().is_empty() || token.expose_secret().bytes().any(is_separator) {
            return Err(Xoauth2Error::Token);
        }
        Ok(Self {
            user: user.to_owned(),
            token,
        })
    }

    /// Reads what a client sent. Padding may be missing, as some clients leave it out.
    pub fn parse(base64: &[u8]) -> Result<Self, Xoauth2Error> {
        let octets = decode(base64).ok_or(Xoauth2Error::Base64)?;
        let text = std::str::from_utf8(&octets).map_err(|_| Xoauth2Error::Fields)?;
        let mut fields = text
            .strip_suffix("\u{1}\u{1}")
            .ok_or(Xoauth2Error::Fields)?
            .split('\u{1}');
        let user = fields.next().and_then(|field| field.strip_prefix("user="));
        let auth = fields.next().and_then(|field| field.strip_prefix("auth="));
        let (Some(user), Some(auth), None) = (user, auth, fields.next()) else {
            return Err(Xoauth2Error::Fields);
        };
        // The scheme of an HTTP authorization is not case-sensitive (RFC 9110 §11.1).
        let token = match auth.split_once(' ') {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token,
            _ => return Err(Xoauth2Error::Fields),
        };
        Self::new(user, SecretString::from(token))
    }

    /// Whose mailbox is to be opened.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The token that opens it.
    pub fn token(&self) -> &SecretString {
        &self.token
    }

    /// The message as it goes over the wire. It holds the token: keep it out of every log.
    pub fn encode(&self) -> Zeroizing<String> {
        let message = Zeroizing::new(format!(
            "user={}\u{1}auth=Bearer {}\u{1}\u{1}",
            self.user,
            self.token.expose_secret()
        ));
        Zeroizing::new(STANDARD.encode(message.as_bytes()))
    }
}

impl fmt::Debug for Xoauth2 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Xoauth2")
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

/// Why this is no XOAUTH2 message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Xoauth2Error {
    /// It is no base64.
    #[error("the XOAUTH2 message is not base64")]
    Base64,
    /// Its fields are not those of XOAUTH2.
    #[error("the XOAUTH2 message does not have the form user=…^Aauth=Bearer …^A^A")]
    Fields,
    /// The mailbox is empty or holds a control character.
    #[error("the mailbox in the XOAUTH2 message is empty or holds a control character")]
    User,
    /// The token is empty or holds a control character.
    #[error("the token in the XOAUTH2 message is empty or holds a control character")]
    Token,
}

/// Reads the text of an error challenge (JSON with a `status`) for the operator, bounded and
/// without control characters.
pub fn error_challenge(base64: &[u8]) -> Option<String> {
    let octets = decode(base64)?;
    let text = String::from_utf8_lossy(&octets);
    Some(
        text.chars()
            .filter(|c| !c.is_control())
            .take(CHALLENGE_KEPT)
            .collect(),
    )
}

/// Decodes what may be a secret: whatever becomes of it, its octets are wiped, also those before
/// a mistake and those of a text that is none. Padding may be missing.
fn decode(base64: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    // With room for everything, no copy is left behind by growing.
    let room = base64::decoded_len_estimate(base64.len());
    let mut octets = Zeroizing::new(Vec::with_capacity(room));
    LENIENT.decode_vec(base64, &mut octets).ok()?;
    Some(octets)
}

fn is_separator(octet: u8) -> bool {
    matches!(octet, 0 | 1 | b'\r' | b'\n')
}

const CHALLENGE_KEPT: usize = 1024;

const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(base64::engine::DecodePaddingMode::Indifferent),
);

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "EwBAAl3BAAUFFpUAo7J3Ve0bjLBWZWCclRC3EoAA";
    const VECTOR: &str = "dXNlcj10ZXN0QGNvbnRvc28ub25taWNyb3NvZnQuY29tAWF1dGg9QmVhcmVyIEV3QkFBbDNCQUFVRkZwVUFvN0ozVmUwYmpMQldaV0NjbFJDM0VvQUEBAQ==";

    fn sample() -> Xoauth2 {
        Xoauth2::new("test@contoso.onmicrosoft.com", SecretString::from(TOKEN)).expect("valid")
    }

    #[test]
    fn microsofts_vector_is_written() {
        assert_eq!(*sample().encode(), VECTOR);
    }

    #[test]
    fn microsofts_vector_is_read_with_and_without_padding() {
        for text in [VECTOR, VECTOR.trim_end_matches('=')] {
            let parsed = Xoauth2::parse(text.as_bytes()).expect("valid");
            assert_eq!(parsed.user(), "test@contoso.onmicrosoft.com");
            assert_eq!(parsed.token().expose_secret(), TOKEN);
        }
    }

    #[test]
    fn a_mailbox_cannot_write_another_field() {
        let smuggled = Xoauth2::new("a@b\u{1}auth=Bearer other", SecretString::from(TOKEN));
        assert_eq!(smuggled.err(), Some(Xoauth2Error::User));
    }

    #[test]
    fn other_forms_are_refused() {
        for (text, why) in [
            ("user=a@b\u{1}auth=Basic x\u{1}\u{1}", Xoauth2Error::Fields),
            ("user=a@b\u{1}auth=Bearer x\u{1}", Xoauth2Error::Fields),
            (
                "user=a@b\u{1}auth=Bearer x\u{1}more\u{1}\u{1}",
                Xoauth2Error::Fields,
            ),
            ("user=\u{1}auth=Bearer x\u{1}\u{1}", Xoauth2Error::User),
            ("user=a@b\u{1}auth=Bearer \u{1}\u{1}", Xoauth2Error::Token),
        ] {
            let parsed = Xoauth2::parse(STANDARD.encode(text).as_bytes());
            assert_eq!(parsed.err(), Some(why), "{text:?}");
        }
    }

    #[test]
    fn the_token_is_not_printed() {
        assert!(!format!("{:?}", sample()).contains(TOKEN));
    }
}
