//! The signing key and the tokens made with it.

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rcgen::{KeyPair, PKCS_RSA_SHA256, RsaKeySize};
use serde::Serialize;

use super::IdentityEndpoint;
use crate::{PeerError, folder};

/// An RSA key that signs RS256.
pub(super) struct Signer {
    private: EncodingKey,
    public_pem: String,
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signer").finish_non_exhaustive()
    }
}

/// Who holds an access token.
#[derive(Debug, Clone, Copy)]
pub(super) enum Bearer<'a> {
    /// The app itself.
    App,
    /// A person, by user principal name.
    Person(&'a str),
}

/// What a token is to say.
#[derive(Debug)]
pub(super) struct Wanted<'a> {
    pub(super) issuer: String,
    pub(super) client_id: &'a str,
    pub(super) bearer: Bearer<'a>,
    pub(super) issued_at: Timestamp,
    pub(super) lifetime: Duration,
    pub(super) id: String,
}

impl Signer {
    pub(super) fn new() -> Result<Self, PeerError> {
        let making = "cannot make the signing key of the identity endpoint";
        let pair = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048)
            .map_err(PeerError::unexpected(making))?;
        let private = EncodingKey::from_rsa_pem(pair.serialize_pem().as_bytes())
            .map_err(PeerError::unexpected(making))?;
        Ok(Self {
            private,
            public_pem: pair.public_key_pem(),
        })
    }

    /// Writes the public key where Dovecot looks for it: `<azp>/<ALG>/<kid>`.
    pub(super) fn publish(&self, keys: &Path, client_id: &str) -> Result<(), PeerError> {
        let folder = keys.join(client_id).join("RS256");
        folder::make(&folder)?;
        folder::write(&folder.join(KEY_ID), &self.public_pem)
    }

    /// The JSON Web Key Set (RFC 7517 §5).
    pub(super) fn key_set(&self) -> Result<serde_json::Value, PeerError> {
        let mut key = Jwk::from_encoding_key(&self.private, Algorithm::RS256)
            .map_err(PeerError::unexpected("cannot show the public key"))?;
        key.common.key_id = Some(KEY_ID.to_owned());
        Ok(serde_json::json!({ "keys": [key] }))
    }

    pub(super) fn sign(&self, wanted: &Wanted<'_>) -> Result<String, PeerError> {
        let issued_at = wanted.issued_at.as_second();
        let lifetime = i64::try_from(wanted.lifetime.as_secs()).unwrap_or(i64::MAX / 2);
        let claims = Claims {
            aud: "https://outlook.office365.com",
            iss: &wanted.issuer,
            tid: IdentityEndpoint::TENANT,
            sub: match wanted.bearer {
                Bearer::App => wanted.client_id,
                Bearer::Person(upn) => upn,
            },
            azp: wanted.client_id,
            iat: issued_at,
            nbf: issued_at,
            exp: issued_at + lifetime,
            jti: &wanted.id,
            ver: "2.0",
            holder: match wanted.bearer {
                Bearer::App => Holder::App {
                    idtyp: "app",
                    roles: ["IMAP.AccessAsApp"],
                },
                Bearer::Person(upn) => Holder::Person {
                    idtyp: "user",
                    upn,
                    scp: "IMAP.AccessAsUser.All",
                },
            },
        };
        let header = Header {
            kid: Some(KEY_ID.to_owned()),
            ..Header::new(Algorithm::RS256)
        };
        jsonwebtoken::encode(&header, &claims, &self.private)
            .map_err(PeerError::unexpected("cannot sign an access token"))
    }
}

/// The claims of Entra ID's access tokens that somebody here looks at.
#[derive(Serialize)]
struct Claims<'a> {
    aud: &'static str,
    iss: &'a str,
    tid: &'static str,
    /// Dovecot refuses a token without it.
    sub: &'a str,
    azp: &'a str,
    iat: i64,
    nbf: i64,
    exp: i64,
    jti: &'a str,
    ver: &'static str,
    #[serde(flatten)]
    holder: Holder<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Holder<'a> {
    App {
        idtyp: &'static str,
        roles: [&'static str; 1],
    },
    Person {
        idtyp: &'static str,
        upn: &'a str,
        scp: &'static str,
    },
}

const KEY_ID: &str = "peers-key-1";
