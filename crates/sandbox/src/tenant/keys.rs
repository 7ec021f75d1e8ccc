//! The key with which the tenant signs its tokens (RFC 7515, RS256).

use aws_lc_rs::signature::{self, KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256};
use aws_lc_rs::{digest, rand, rsa};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::error::SandboxError;

/// Signs tokens and recognises its own.
#[derive(Debug)]
pub struct TokenKeys {
    pair: rsa::KeyPair,
    certificate: Vec<u8>,
    kid: String,
}

/// The header of a token: only access tokens in v1.0 form carry `x5t`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeaderForm {
    /// `typ`, `alg`, `x5t`, `kid`.
    V1,
    /// `typ`, `alg`, `kid`.
    V2,
}

impl TokenKeys {
    /// Takes an RSA key (PKCS#8 DER) and the certificate that carries its public half.
    pub fn new(pkcs8: &[u8], certificate: &[u8]) -> Result<Self, SandboxError> {
        let pair = rsa::KeyPair::from_pkcs8(pkcs8).map_err(|error| SandboxError::Key {
            what: "the key that signs tokens",
            reason: error.to_string(),
        })?;
        let thumbprint = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, certificate);
        let kid = URL_SAFE_NO_PAD.encode(thumbprint);
        Ok(Self {
            pair,
            certificate: certificate.to_vec(),
            kid,
        })
    }

    /// Signs `claims` as a JWT.
    pub fn sign(&self, form: HeaderForm, claims: &Value) -> String {
        let header = match form {
            HeaderForm::V1 => {
                json!({"typ": "JWT", "alg": "RS256", "x5t": self.kid, "kid": self.kid})
            }
            HeaderForm::V2 => json!({"typ": "JWT", "alg": "RS256", "kid": self.kid}),
        };
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(&header), part(claims));
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair
            .sign(
                &RSA_PKCS1_SHA256,
                &rand::SystemRandom::new(),
                message.as_bytes(),
                &mut signature,
            )
            .expect("an RSA key of 2048 bits signs any message");
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// The claims of a JWT signed with this key.
    pub fn open(&self, token: &str) -> Option<Value> {
        let (message, signature) = token.rsplit_once('.')?;
        let (header, claims) = message.split_once('.')?;
        let header: Value = parse(header)?;
        if header.get("alg")? != "RS256" {
            return None;
        }
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        signature::UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, self.pair.public_key())
            .verify(message.as_bytes(), &signature)
            .ok()?;
        parse(claims)
    }

    /// The key set (RFC 7517 §5), as Entra publishes it.
    pub fn jwks(&self, issuer: &str) -> Value {
        let public = self.pair.public_key();
        json!({"keys": [{
            "kty": "RSA",
            "use": "sig",
            "kid": self.kid,
            "x5t": self.kid,
            "n": URL_SAFE_NO_PAD.encode(public.modulus().big_endian_without_leading_zero()),
            "e": URL_SAFE_NO_PAD.encode(public.exponent().big_endian_without_leading_zero()),
            "x5c": [STANDARD.encode(&self.certificate)],
            "cloud_instance_name": "microsoftonline.com",
            "issuer": issuer,
        }]})
    }
}

fn parse(part: &str) -> Option<Value> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}
