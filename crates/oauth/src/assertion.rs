//! The signed statement an app proves itself with instead of a secret (RFC 7523 §2.2 and §3).

use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaEncoding};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatepost_host::Chance;
use jiff::Timestamp;
use secrecy::SecretString;
use serde::Serialize;

use crate::certificate::Signing;
use crate::{Certificate, ProofError, Registration};

/// The claims of an assertion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Claims {
    /// The token endpoint it is for.
    pub aud: String,
    /// Who says it: the client id.
    pub iss: String,
    /// About whom: the same client id.
    pub sub: String,
    /// Its own id, never used twice.
    pub jti: String,
    /// Not valid before, in Unix seconds.
    pub nbf: i64,
    /// Not valid from, in Unix seconds.
    pub exp: i64,
    /// Made at, in Unix seconds.
    pub iat: i64,
}

impl Claims {
    /// The claims for one request of `registration` at `now`.
    pub fn new(registration: &Registration, chance: &Chance, now: Timestamp) -> Self {
        let now = now.as_second();
        Self {
            aud: registration.token_endpoint().to_string(),
            iss: registration.client_id.clone(),
            sub: registration.client_id.clone(),
            jti: chance.uuid(),
            nbf: now,
            exp: now.saturating_add_unsigned(LIFE.as_secs()),
            iat: now,
        }
    }
}

/// Signs `claims`. The certificate must be valid at the time they are made.
pub fn sign(certificate: &Certificate, claims: &Claims) -> Result<SecretString, ProofError> {
    let made = Timestamp::from_second(claims.iat).unwrap_or(Timestamp::MAX);
    certificate.check_validity(made)?;
    let mut jwt = part(&Header::naming(certificate));
    jwt.push('.');
    jwt.push_str(&part(claims));
    let key = certificate.key();
    let mut signature = vec![0; key.public_modulus_len()];
    let encoding: &dyn RsaEncoding = match certificate.signing {
        Signing::Ps256 => &RSA_PSS_SHA256,
        Signing::Rs256 => &RSA_PKCS1_SHA256,
    };
    // The library throws its own dice, whatever it is given.
    key.sign(
        encoding,
        &SystemRandom::new(),
        jwt.as_bytes(),
        &mut signature,
    )
    .map_err(|error| certificate.unsignable(error.to_string()))?;
    jwt.push('.');
    URL_SAFE_NO_PAD.encode_string(&signature, &mut jwt);
    Ok(SecretString::from(jwt))
}

/// What is said of the signature (RFC 7515 §4.1).
#[derive(Serialize)]
struct Header<'a> {
    typ: &'static str,
    alg: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    x5t: Option<&'a str>,
    #[serde(rename = "x5t#S256", skip_serializing_if = "Option::is_none")]
    x5t_s256: Option<&'a str>,
}

impl<'a> Header<'a> {
    fn naming(certificate: &'a Certificate) -> Self {
        let typ = "JWT";
        match certificate.signing {
            Signing::Ps256 => Self {
                typ,
                alg: "PS256",
                x5t: None,
                x5t_s256: Some(certificate.sha256_thumbprint()),
            },
            Signing::Rs256 => Self {
                typ,
                alg: "RS256",
                x5t: Some(certificate.sha1_thumbprint()),
                x5t_s256: None,
            },
        }
    }
}

fn part(value: &impl Serialize) -> String {
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(value).expect("strings and numbers are always JSON"))
}

/// Microsoft advises five to ten minutes; an assertion is sent at once and used once.
const LIFE: Duration = Duration::from_mins(10);

#[cfg(test)]
mod tests;
