//! What a credential keeps between runs: its refresh token, and access tokens that still live.

use std::collections::BTreeMap;

use aws_lc_rs::digest::{Context, SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretSlice, SecretString};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::scopes::Wanted;
use crate::{
    AccessToken, Audience, CredentialId, GrantState, GrantStoreError, Proof, Registration,
};

/// The state of a grant, in clear.
#[derive(Debug, Clone, Default)]
pub(super) struct Keepsake {
    pub(super) refresh: Option<SecretString>,
    pub(super) access: BTreeMap<Audience, AccessToken>,
    /// How the access tokens were asked for, as [`asked_as`] tells it.
    pub(super) asked_as: Option<SecretString>,
    /// When the issuer last gave a token for it.
    pub(super) renewed_at: Option<Timestamp>,
}

impl Keepsake {
    /// Writes the state for the store, which seals it.
    pub(super) fn write(&self, kind: &str) -> GrantState {
        let written = Written {
            refresh_token: self
                .refresh
                .as_ref()
                .map(|secret| secret.expose_secret().into()),
            access: self.access.values().map(WrittenToken::of).collect(),
            asked_as: self
                .asked_as
                .as_ref()
                .map(|digest| digest.expose_secret().into()),
            renewed_at: self.renewed_at.map(Timestamp::as_second),
        };
        let text = Zeroizing::new(
            serde_json::to_vec(&written).expect("strings and numbers are always JSON"),
        );
        GrantState {
            kind: kind.to_owned(),
            version: VERSION,
            secret: SecretSlice::from(text.to_vec()),
        }
    }

    /// Reads what [`Self::write`] wrote.
    pub(super) fn read(id: &CredentialId, state: &GrantState) -> Result<Self, GrantStoreError> {
        let unreadable = |reason: String| GrantStoreError::Unsealable {
            id: id.clone(),
            reason,
        };
        if state.version != VERSION {
            return Err(unreadable(format!(
                "it was written in format {}, and this Gatepost reads format {VERSION}",
                state.version
            )));
        }
        let written: Written<'_> = serde_json::from_slice(state.secret.expose_secret())
            .map_err(|_| unreadable("its content is damaged".to_owned()))?;
        Ok(Self {
            refresh: written
                .refresh_token
                .map(|secret| SecretString::from(secret.into_owned())),
            access: written
                .access
                .into_iter()
                .map(|token| (token.audience.into(), token.into()))
                .collect(),
            asked_as: written
                .asked_as
                .map(|digest| SecretString::from(digest.into_owned())),
            renewed_at: written
                .renewed_at
                .and_then(|at| Timestamp::from_second(at).ok()),
        })
    }
}

/// A digest of all that a token depends on besides the credential's name. A stored token that was
/// asked for with another secret, certificate or scope must not hide that the present one is wrong.
pub(super) fn asked_as(registration: &Registration) -> SecretString {
    let mut context = Context::new(&SHA256);
    let mut add = |part: &str| {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part.as_bytes());
    };
    match &registration.proof {
        Proof::Secret(secret) => add(secret.expose_secret()),
        Proof::Certificate(certificate) => add(certificate.sha256_thumbprint()),
        Proof::None => {}
    }
    add(registration.token_endpoint().as_str());
    for audience in [Audience::Exchange, Audience::Graph] {
        add(Wanted::for_app(registration, audience).value());
        add(Wanted::for_person(registration, audience).value());
    }
    SecretString::from(URL_SAFE_NO_PAD.encode(context.finish().as_ref()))
}

/// Whether a token of one is as good for the other.
pub(super) fn is_asked_alike(one: &Registration, other: &Registration) -> bool {
    asked_as(one).expose_secret() == asked_as(other).expose_secret()
}

#[derive(Serialize, Deserialize)]
struct Written<'a> {
    #[serde(skip_serializing_if = "Option::is_none", default)]
    refresh_token: Option<std::borrow::Cow<'a, str>>,
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    access: Vec<WrittenToken<'a>>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    asked_as: Option<std::borrow::Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    renewed_at: Option<i64>,
}

#[derive(Serialize, Deserialize)]
struct WrittenToken<'a> {
    audience: WrittenAudience,
    token: std::borrow::Cow<'a, str>,
    expires_at: i64,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    scope: Option<String>,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum WrittenAudience {
    Exchange,
    Graph,
}

impl<'a> WrittenToken<'a> {
    fn of(token: &'a AccessToken) -> Self {
        Self {
            audience: match token.audience {
                Audience::Exchange => WrittenAudience::Exchange,
                Audience::Graph => WrittenAudience::Graph,
            },
            token: token.expose().into(),
            expires_at: token.expires_at.as_second(),
            scope: token.scope.clone(),
        }
    }
}

impl From<WrittenAudience> for Audience {
    fn from(written: WrittenAudience) -> Self {
        match written {
            WrittenAudience::Exchange => Self::Exchange,
            WrittenAudience::Graph => Self::Graph,
        }
    }
}

impl From<WrittenToken<'_>> for AccessToken {
    fn from(written: WrittenToken<'_>) -> Self {
        let expires_at = Timestamp::from_second(written.expires_at).unwrap_or(Timestamp::MIN);
        let secret = SecretString::from(written.token.into_owned());
        let mut token = Self::new(secret, written.audience.into(), expires_at);
        token.scope = written.scope;
        token
    }
}

const VERSION: u32 = 1;
