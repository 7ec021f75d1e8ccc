//! The signatures of Standard Webhooks 1.0.0: HMAC-SHA256 over id, time and body.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret as _, SecretSlice, SecretString};

/// A secret that sender and receiver share, written `whsec_` and base64.
#[derive(Debug, Clone)]
pub struct SigningSecret(SecretSlice<u8>);

impl SigningSecret {
    /// Reads a secret of 24 to 64 octets.
    pub fn parse(text: &SecretString) -> Result<Self, SecretError> {
        let text = text.expose_secret().trim();
        let encoded = text.strip_prefix(PREFIX).ok_or(SecretError::NoPrefix)?;
        let octets = STANDARD
            .decode(encoded)
            .map_err(|_| SecretError::NoBase64)?;
        let octets = SecretSlice::from(octets);
        match octets.expose_secret().len() {
            24..=64 => Ok(Self(octets)),
            length => Err(SecretError::Length { length }),
        }
    }

    fn sign(&self, (id, seconds, body): (&str, i64, &[u8])) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.0.expose_secret());
        let mut context = hmac::Context::with_key(&key);
        context.update(format!("{id}.{seconds}.").as_bytes());
        context.update(body);
        format!("v1,{}", STANDARD.encode(context.sign().as_ref()))
    }
}

/// The `webhook-signature` header: one signature by each secret, separated by spaces.
pub(super) fn header(secrets: &[SigningSecret], signed: (&str, i64, &[u8])) -> String {
    let signatures: Vec<String> = secrets.iter().map(|secret| secret.sign(signed)).collect();
    signatures.join(" ")
}

/// Why a text is no signing secret. The text itself is not part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// It does not begin as one.
    #[error(
        "a webhook secret begins with whsec_; make one with: echo whsec_$(openssl rand -base64 32)"
    )]
    NoPrefix,
    /// It is not encoded as one.
    #[error("what follows whsec_ in the webhook secret is not base64")]
    NoBase64,
    /// It is too short to be safe, or too long to be right.
    #[error("the webhook secret has {length} octets; it must have 24 to 64")]
    Length {
        /// Its length in octets.
        length: usize,
    },
}

const PREFIX: &str = "whsec_";

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Result<SigningSecret, SecretError> {
        SigningSecret::parse(&SecretString::from(text))
    }

    /// The vector of the reference libraries of Standard Webhooks.
    #[test]
    fn the_official_vector() {
        let secret = secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("a secret");
        let signed = (
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            br#"{"test": 2432232314}"#.as_slice(),
        );
        let official = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        assert_eq!(secret.sign(signed), official);
        let rotating = header(&[secret.clone(), secret], signed);
        assert_eq!(rotating, format!("{official} {official}"));
    }

    #[test]
    fn what_is_no_secret_is_refused_without_being_shown() {
        let refused = [
            ("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", SecretError::NoPrefix),
            ("whsec_???", SecretError::NoBase64),
            ("whsec_c2hvcnQ=", SecretError::Length { length: 5 }),
        ];
        for (text, why) in refused {
            assert_eq!(secret(text).expect_err("it is none"), why);
        }
        let canary = secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("a secret");
        assert!(!format!("{canary:?}").contains("49, 242"), "{canary:?}");
    }
}
