//! What everybody else sees of a token: its audience, its secret, where to get one.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};

use crate::{Challenge, TokenError};

/// What a token is for. A token for one audience never works at the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Audience {
    /// Exchange Online by IMAP, POP3 and SMTP.
    Exchange,
    /// Microsoft Graph.
    Graph,
}

/// An access token with what is known about it. The secret cannot be printed.
#[derive(Debug, Clone)]
pub struct AccessToken {
    /// In one place, whoever holds the token: a keeper, its store, a hundred connections.
    secret: Arc<SecretString>,
    /// What the token is for.
    pub audience: Audience,
    /// When the issuer stops honouring it.
    pub expires_at: Timestamp,
    /// The scopes that the issuer said it granted, if it said so.
    pub scope: Option<String>,
}

impl AccessToken {
    /// Wraps a token as the issuer sent it.
    pub fn new(secret: SecretString, audience: Audience, expires_at: Timestamp) -> Self {
        Self {
            secret: Arc::new(secret),
            audience,
            expires_at,
            scope: None,
        }
    }

    /// The token itself, for the wire only.
    pub fn expose(&self) -> &str {
        self.secret.expose_secret()
    }

    /// Whether the token is past its life at `now`.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at <= now
    }
}

/// Where a protocol client gets its tokens. It never refreshes by itself.
#[async_trait]
pub trait TokenSource: Send + Sync + std::fmt::Debug {
    /// A token for `audience` that is valid now.
    async fn token(&self, audience: Audience) -> Result<AccessToken, TokenError>;

    /// Reports that a server refused `token`, so that it is not handed out again.
    fn refused(&self, token: &AccessToken);

    /// How far this machine's clock was ahead of the issuer's, negative if behind, where that was
    /// measured within the last hour: it may explain what is not valid elsewhere.
    fn clock_skew(&self) -> Option<SignedDuration> {
        None
    }

    /// Reports that a server wants `token` to carry what `challenge` names: the next token for
    /// its audience is asked for with that. Where a person must be asked for it, the next
    /// [`TokenSource::token`] says so.
    fn challenged(&self, token: &AccessToken, challenge: &Challenge) {
        let _ = challenge;
        self.refused(token);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_holds_a_token_it_is_in_memory_once() {
        let at = Timestamp::UNIX_EPOCH;
        let token = AccessToken::new("canary".into(), Audience::Exchange, at);
        assert!(std::ptr::eq(token.expose(), token.clone().expose()));
    }
}
