//! The check of a client assertion (RFC 7523 §3) as Entra ID makes it.

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;
use x509_parser::pem::parse_x509_pem;

/// What the assertion must match.
#[derive(Debug)]
pub(super) struct Expected<'a> {
    pub(super) certificate_pem: &'a str,
    pub(super) client_id: &'a str,
    pub(super) audiences: &'a [String],
    pub(super) now: Timestamp,
}

/// Says why the assertion proves nothing, or that it does.
pub(super) fn verify(assertion: &str, expected: &Expected<'_>) -> Result<(), String> {
    let (_, pem) =
        parse_x509_pem(expected.certificate_pem.as_bytes()).map_err(|error| error.to_string())?;
    let certificate = pem.parse_x509().map_err(|error| error.to_string())?;
    let header = jsonwebtoken::decode_header(assertion).map_err(|error| error.to_string())?;
    thumbprint_matches(&header, &pem.contents)?;
    let key = DecodingKey::from_rsa_der(&certificate.public_key().subject_public_key.data);
    let mut validation = Validation::new(header.alg);
    validation.algorithms = vec![Algorithm::PS256, Algorithm::RS256];
    validation.set_audience(expected.audiences);
    validation.set_required_spec_claims(&["aud", "exp"]);
    // Times are compared below, with the endpoint's own clock.
    validation.validate_exp = false;
    let claims = jsonwebtoken::decode::<Claims>(assertion, &key, &validation)
        .map_err(|error| error.to_string())?
        .claims;
    let now = expected.now.as_second();
    if claims.iss != expected.client_id || claims.sub != expected.client_id {
        return Err("iss and sub must both be the client id".to_owned());
    }
    if claims.exp <= now {
        return Err("the assertion has expired".to_owned());
    }
    if claims.nbf.is_some_and(|nbf| nbf > now + CLOCK_SKEW_SECONDS) {
        return Err("the assertion is not valid yet".to_owned());
    }
    if claims.jti.is_empty() {
        return Err("the assertion has no jti".to_owned());
    }
    Ok(())
}

/// `x5t#S256` with PS256, `x5t` with RS256 (RFC 7515 §4.1.7 and §4.1.8).
fn thumbprint_matches(header: &jsonwebtoken::Header, der: &[u8]) -> Result<(), String> {
    let (claimed, algorithm) = match (&header.x5t_s256, &header.x5t) {
        (Some(sha256), _) => (sha256, &digest::SHA256),
        (None, Some(sha1)) => (sha1, &digest::SHA1_FOR_LEGACY_USE_ONLY),
        (None, None) => return Err("the header names no certificate".to_owned()),
    };
    let actual = URL_SAFE_NO_PAD.encode(digest::digest(algorithm, der));
    if claimed.trim_end_matches('=') == actual {
        Ok(())
    } else {
        Err("the thumbprint in the header is of another certificate".to_owned())
    }
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    exp: i64,
    nbf: Option<i64>,
    jti: String,
}

const CLOCK_SKEW_SECONDS: i64 = 300;
