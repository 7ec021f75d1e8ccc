//! The client's side of XOAUTH2, for protocols that carry it in lines of base64.

use bytes::BytesMut;
use secrecy::zeroize::Zeroizing;

use super::{ERROR_CHALLENGE_ANSWER, MECHANISM, Xoauth2, error_challenge};
use crate::words::words;

/// A sign-in with AUTH that has begun.
pub(crate) struct Attempt(Awaits);

/// More refusals than an exchange can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EndlessChallenge;

/// What the next challenge means.
enum Awaits {
    /// The server waits for the message.
    Invitation(Zeroizing<String>),
    /// It refuses the message.
    Refusal,
    /// It was answered already.
    End,
}

impl Attempt {
    /// Writes AUTH, with the message if the line then has no more than `longest` octets with its
    /// end; else the message follows when the server asks for it.
    pub(crate) fn begin(credentials: &Xoauth2, longest: usize, out: &mut BytesMut) -> Self {
        let message = credentials.encode();
        let whole = Zeroizing::new(format!("AUTH {MECHANISM} {}\r\n", *message));
        if whole.len() <= longest {
            out.extend_from_slice(whole.as_bytes());
            Self(Awaits::Refusal)
        } else {
            out.extend_from_slice(format!("AUTH {MECHANISM}\r\n").as_bytes());
            Self(Awaits::Invitation(message))
        }
    }

    /// Writes the answer to a challenge. If that refuses the token, the server's words are told.
    pub(crate) fn answer(
        &mut self,
        challenge: &[u8],
        out: &mut BytesMut,
    ) -> Result<Option<String>, EndlessChallenge> {
        let refused = match std::mem::replace(&mut self.0, Awaits::End) {
            Awaits::Invitation(message) => {
                out.extend_from_slice(message.as_bytes());
                self.0 = Awaits::Refusal;
                None
            }
            Awaits::Refusal => {
                out.extend_from_slice(ERROR_CHALLENGE_ANSWER);
                let challenge = challenge.trim_ascii();
                Some(error_challenge(challenge).unwrap_or_else(|| words(challenge)))
            }
            Awaits::End => return Err(EndlessChallenge),
        };
        out.extend_from_slice(b"\r\n");
        Ok(refused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::SecretString;

    fn begin(longest: usize) -> (Attempt, BytesMut) {
        let token = SecretString::from("good");
        let credentials = Xoauth2::new("a@x.test", token).expect("a valid sample");
        let mut out = BytesMut::new();
        let attempt = Attempt::begin(&credentials, longest, &mut out);
        (attempt, out)
    }

    #[test]
    fn the_message_goes_once_and_a_refusal_is_answered_once() {
        for (longest, challenges) in [(59, 1), (58, 2)] {
            let (mut attempt, mut out) = begin(longest);
            let mut said = None;
            for _ in 0..challenges {
                assert_eq!(said, None);
                said = attempt.answer(b"e30=", &mut out).expect("it may go on");
            }
            assert_eq!(said.as_deref(), Some("{}"));
            let sent = String::from_utf8_lossy(&out);
            let message = "dXNlcj1hQHgudGVzdAFhdXRoPUJlYXJlciBnb29kAQE=\r\n\r\n";
            let before = if challenges == 1 { " " } else { "\r\n" };
            assert_eq!(sent, format!("AUTH XOAUTH2{before}{message}"));
            let again = attempt.answer(b"e30=", &mut out);
            assert_eq!(again, Err(EndlessChallenge));
        }
    }
}
