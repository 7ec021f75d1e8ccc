//! The signed statement an app proves itself with instead of a secret (RFC 7523 §2.2 and §3).

use std::time::Duration;

use gatepost_host::Chance;
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, Header};
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
    let mut header = match certificate.signing {
        Signing::Ps256 => Header::new(Algorithm::PS256),
        Signing::Rs256 => Header::new(Algorithm::RS256),
    };
    match certificate.signing {
        Signing::Ps256 => header.x5t_s256 = Some(certificate.sha256_thumbprint().to_owned()),
        Signing::Rs256 => header.x5t = Some(certificate.sha1_thumbprint().to_owned()),
    }
    jsonwebtoken::encode(&header, claims, certificate.key())
        .map(SecretString::from)
        .map_err(|error| certificate.unsignable(error.to_string()))
}

/// Microsoft advises five to ten minutes; an assertion is sent at once and used once.
const LIFE: Duration = Duration::from_mins(10);

#[cfg(test)]
mod tests;
