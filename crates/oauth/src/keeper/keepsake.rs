//! What a credential keeps between runs: its refresh token, and access tokens that still live.

use std::borrow::Cow;

use aws_lc_rs::digest::{Context, SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretSlice, SecretString};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::per_audience::PerAudience;
use crate::scopes::Wanted;
use crate::{
    AccessToken, Audience, Challenge, CredentialId, GrantState, GrantStoreError, Registration,
};

/// The state of a grant, in clear.
#[derive(Debug, Clone, Default)]
pub(super) struct Keepsake {
    pub(super) refresh: Option<SecretString>,
    pub(super) access: PerAudience<AccessToken>,
    /// How the access tokens were asked for, as [`asked_as`] tells it.
    pub(super) asked_as: Option<SecretString>,
    /// When the issuer last gave a token for it.
    pub(super) renewed_at: Option<Timestamp>,
    /// What the issuer wants a person to bring to the next sign-in, by audience.
    pub(super) challenges: PerAudience<Challenge>,
    /// The person's password, if the configuration wants it kept.
    pub(super) password: Option<SecretString>,
    /// A digest of the password that was refused last: trying it again and again would lock the
    /// account.
    pub(super) refused_password: Option<SecretString>,
    /// A digest of the proof that was accepted last.
    pub(super) accepted_proof: Option<SecretString>,
    /// The id of the tenant that the person signed in to, where the sign-in told it.
    pub(super) tenant: Option<String>,
}

impl Keepsake {
    /// Writes the state for the store, which seals it.
    pub(super) fn write(&self, kind: &str) -> GrantState {
        let written = Written {
            refresh_token: exposed(self.refresh.as_ref()),
            access: self.access.values().map(WrittenToken::of).collect(),
            asked_as: exposed(self.asked_as.as_ref()),
            renewed_at: self.renewed_at.map(Timestamp::as_second),
            challenges: self.challenges.iter().map(WrittenChallenge::of).collect(),
            password: exposed(self.password.as_ref()),
            refused_password: exposed(self.refused_password.as_ref()),
            accepted_proof: exposed(self.accepted_proof.as_ref()),
            tenant: self.tenant.as_deref().map(Cow::from),
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
            refresh: written.refresh_token.map(owned),
            access: written
                .access
                .into_iter()
                .map(|token| (token.audience.into(), token.into()))
                .collect(),
            asked_as: written.asked_as.map(owned),
            renewed_at: written
                .renewed_at
                .and_then(|at| Timestamp::from_second(at).ok()),
            challenges: written
                .challenges
                .into_iter()
                .filter_map(WrittenChallenge::read)
                .collect(),
            password: written.password.map(owned),
            refused_password: written.refused_password.map(owned),
            accepted_proof: written.accepted_proof.map(owned),
            tenant: written.tenant.map(Cow::into_owned),
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
    add(registration.proof.mark().expose_secret());
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

/// A digest of a secret, to know it again.
pub(super) fn digest_of(secret: &SecretString) -> SecretString {
    let mut context = Context::new(&SHA256);
    context.update(secret.expose_secret().as_bytes());
    SecretString::from(URL_SAFE_NO_PAD.encode(context.finish().as_ref()))
}

fn exposed(secret: Option<&SecretString>) -> Option<Cow<'_, str>> {
    secret.map(|secret| secret.expose_secret().into())
}

fn owned(text: Cow<'_, str>) -> SecretString {
    SecretString::from(text.into_owned())
}

#[derive(Serialize, Deserialize)]
struct Written<'a> {
    #[serde(skip_serializing_if = "Option::is_none", default)]
    refresh_token: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    access: Vec<WrittenToken<'a>>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    asked_as: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    renewed_at: Option<i64>,
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    challenges: Vec<WrittenChallenge>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    password: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    refused_password: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    accepted_proof: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    tenant: Option<Cow<'a, str>>,
}

#[derive(Serialize, Deserialize)]
struct WrittenToken<'a> {
    audience: WrittenAudience,
    token: Cow<'a, str>,
    expires_at: i64,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    scope: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct WrittenChallenge {
    audience: WrittenAudience,
    claims: String,
}

impl WrittenChallenge {
    fn of((audience, challenge): (Audience, &Challenge)) -> Self {
        Self {
            audience: audience.into(),
            claims: challenge.json(),
        }
    }

    fn read(self) -> Option<(Audience, Challenge)> {
        Some((self.audience.into(), Challenge::of_json(&self.claims)?))
    }
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
            audience: token.audience.into(),
            token: token.expose().into(),
            expires_at: token.expires_at.as_second(),
            scope: token.scope.clone(),
        }
    }
}

impl From<Audience> for WrittenAudience {
    fn from(audience: Audience) -> Self {
        match audience {
            Audience::Exchange => Self::Exchange,
            Audience::Graph => Self::Graph,
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
