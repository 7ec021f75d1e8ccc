//! Sign-ins that happened: authorization codes and refresh tokens.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;

use super::Scopes;
use super::ledger::Ledger;
use crate::faults::Stamp;

/// Codes and refresh tokens by their text.
#[derive(Debug)]
pub(super) struct Sessions {
    codes: Ledger<Entry<AuthorizationCode>>,
    refresh_tokens: Ledger<RefreshToken>,
}

#[derive(Debug)]
enum Entry<T> {
    Fresh(T),
    Used,
}

/// A person signed in for an app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignIn {
    /// The app.
    pub client_id: String,
    /// The person.
    pub upn: String,
    /// What was asked and granted.
    pub scopes: Scopes,
    /// When the person signed in.
    pub at: Timestamp,
    /// The place of the sign-in among all that happens.
    pub stamp: Stamp,
    /// The authentication contexts that the person satisfied.
    pub contexts: BTreeSet<String>,
}

/// What an authorization code stands for (RFC 6749 §4.1.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorizationCode {
    /// The sign-in.
    pub sign_in: SignIn,
    /// Where the code was sent, exactly as the app wrote it.
    pub redirect_uri: String,
    /// The promise that the redeemer must keep.
    pub challenge: Option<Challenge>,
    /// Goes into the `id_token`.
    pub nonce: Option<String>,
}

/// A PKCE code challenge (RFC 7636 §4.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Challenge {
    /// The verifier itself.
    Plain(String),
    /// Its SHA-256 as base64url.
    S256(String),
}

/// What a refresh token stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefreshToken {
    /// The sign-in it goes back to.
    pub sign_in: SignIn,
    /// When this one was handed out.
    pub issued_at: Timestamp,
    /// The place of that among all that happens.
    pub stamp: Stamp,
    /// The place of its first use.
    pub used: Option<Stamp>,
    /// Declared void, by name.
    revoked: bool,
}

/// Why a code or a refresh token is worth nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionRefused {
    /// Nobody was given this text.
    Unknown,
    /// A code that was used before.
    Used,
    /// Its time is over.
    Expired {
        /// When it was issued.
        issued_at: Timestamp,
    },
    /// It was revoked; what is void was issued before this time.
    Revoked {
        /// When it was issued.
        issued_at: Timestamp,
        /// Since when such tokens are void.
        since: Timestamp,
    },
}

impl Sessions {
    pub(super) fn new() -> Self {
        Self {
            codes: Ledger::holding(MOST),
            refresh_tokens: Ledger::holding(MOST),
        }
    }

    pub(super) fn enter_code(&mut self, text: &str, code: AuthorizationCode) {
        self.codes.enter(text, Entry::Fresh(code));
    }

    /// Redeems a code; whatever comes of it, it is used then.
    pub(super) fn redeem(
        &mut self,
        text: &str,
        now: Timestamp,
    ) -> Result<AuthorizationCode, SessionRefused> {
        let entry = self.codes.get_mut(text).ok_or(SessionRefused::Unknown)?;
        match std::mem::replace(entry, Entry::Used) {
            Entry::Used => Err(SessionRefused::Used),
            Entry::Fresh(code) if is_over(code.sign_in.at, CODE_LIFETIME, now) => {
                Err(SessionRefused::Expired {
                    issued_at: code.sign_in.at,
                })
            }
            Entry::Fresh(code) => Ok(code),
        }
    }

    pub(super) fn enter_refresh_token(
        &mut self,
        text: &str,
        sign_in: SignIn,
        issued_at: Timestamp,
        stamp: Stamp,
    ) {
        let token = RefreshToken {
            sign_in,
            issued_at,
            stamp,
            used: None,
            revoked: false,
        };
        self.refresh_tokens.enter(text, token);
    }

    /// Looks a refresh token up. Use does not void it: Entra lets the old one live on.
    pub(super) fn refresh_token(
        &self,
        text: &str,
        now: Timestamp,
    ) -> Result<RefreshToken, SessionRefused> {
        let token = self
            .refresh_tokens
            .get(text)
            .ok_or(SessionRefused::Unknown)?;
        if token.revoked {
            return Err(SessionRefused::Revoked {
                issued_at: token.issued_at,
                since: now,
            });
        }
        if is_over(token.issued_at, REFRESH_TOKEN_LIFETIME, now) {
            return Err(SessionRefused::Expired {
                issued_at: token.issued_at,
            });
        }
        Ok(token.clone())
    }

    /// Declares one refresh token void.
    pub(super) fn revoke(&mut self, text: &str) {
        if let Some(token) = self.refresh_tokens.get_mut(text) {
            token.revoked = true;
        }
    }

    /// Notes the first use of a refresh token.
    pub(super) fn note_use(&mut self, text: &str, stamp: Stamp) {
        if let Some(token) = self.refresh_tokens.get_mut(text) {
            token.used.get_or_insert(stamp);
        }
    }

    pub(super) fn refresh_tokens_alive(&self) -> usize {
        self.refresh_tokens.len()
    }
}

fn is_over(start: Timestamp, lifetime: Duration, now: Timestamp) -> bool {
    start.checked_add(lifetime).is_ok_and(|end| end <= now)
}

/// "About ten minutes", says the documentation of the authorization code flow.
const CODE_LIFETIME: Duration = Duration::from_mins(10);

/// Ninety days without use (AADSTS700082).
const REFRESH_TOKEN_LIFETIME: Duration = Duration::from_hours(90 * 24);

/// Enough for any test; a sandbox that runs for months stays small.
const MOST: usize = 20_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a literal timestamp")
    }

    fn sign_in() -> SignIn {
        SignIn {
            client_id: "app".to_owned(),
            upn: "ada@contoso.com".to_owned(),
            scopes: Scopes::default(),
            at: at("2026-11-22T10:00:00Z"),
            stamp: Stamp(1),
            contexts: BTreeSet::new(),
        }
    }

    fn with_code() -> Sessions {
        let mut sessions = Sessions::new();
        let redirect_uri = "http://localhost".to_owned();
        let sign_in = sign_in();
        let code = AuthorizationCode {
            sign_in,
            redirect_uri,
            challenge: None,
            nonce: None,
        };
        sessions.enter_code("code", code);
        sessions
    }

    #[test]
    fn a_code_lives_ten_minutes_and_is_used_once() {
        let mut sessions = with_code();
        assert!(sessions.redeem("code", at("2026-11-22T10:09:59Z")).is_ok());
        let again = sessions.redeem("code", at("2026-11-22T10:09:59Z"));
        assert_eq!(again, Err(SessionRefused::Used));
        let late = with_code().redeem("code", at("2026-11-22T10:10:00Z"));
        assert_eq!(
            late,
            Err(SessionRefused::Expired {
                issued_at: sign_in().at
            })
        );
    }

    #[test]
    fn a_refresh_token_lives_ninety_days_from_its_issue() {
        let mut sessions = Sessions::new();
        let issued_at = at("2026-12-01T00:00:00Z");
        sessions.enter_refresh_token("token", sign_in(), issued_at, Stamp(2));
        assert!(
            sessions
                .refresh_token("token", at("2027-02-28T23:59:59Z"))
                .is_ok()
        );
        let late = sessions.refresh_token("token", at("2027-03-01T00:00:00Z"));
        assert_eq!(late, Err(SessionRefused::Expired { issued_at }));
    }
}
