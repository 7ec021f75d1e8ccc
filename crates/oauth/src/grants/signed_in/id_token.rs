//! The id token of a sign-in (OpenID Connect Core §3.1.3.7).
//!
//! It came from the token endpoint itself over TLS, so its signature need not be checked
//! (item 6 there) and is not. Audience, expiry and nonce are.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use crate::claims::payload;
use crate::flow::Person;

/// What an id token must say.
pub(super) struct Check<'a> {
    pub(super) client_id: &'a str,
    /// What ties it to the request that led to it, where that request could carry something.
    pub(super) nonce: Option<&'a SecretString>,
    pub(super) now: Timestamp,
}

/// Checks the token, and says who signed in or which check failed.
pub(super) fn check(token: Option<&SecretString>, check: &Check<'_>) -> Result<Person, String> {
    let token = token.ok_or("there is none in the answer")?;
    let claims: Claims = payload(token.expose_secret()).ok_or("it is damaged")?;
    if !claims.aud.names(check.client_id) {
        return Err("it is for another app (aud)".to_owned());
    }
    let expiry = Timestamp::from_second(claims.exp).map_err(|_| "its expiry is no time")?;
    if check.now.duration_since(expiry) > LEEWAY {
        return Err("it has expired (exp); check the clock of this machine".to_owned());
    }
    if let Some(wanted) = check.nonce {
        let nonce = claims.nonce.as_ref().ok_or("it has no nonce")?;
        verify_slices_are_equal(nonce.as_bytes(), wanted.expose_secret().as_bytes())
            .map_err(|_| "its nonce is another one")?;
    }
    Ok(Person {
        name: claims.name(),
        tenant: claims.tid,
        object_id: claims.oid,
    })
}

#[derive(Deserialize)]
struct Claims {
    aud: OneOrMany,
    exp: i64,
    nonce: Option<String>,
    preferred_username: Option<String>,
    upn: Option<String>,
    unique_name: Option<String>,
    email: Option<String>,
    tid: Option<String>,
    oid: Option<String>,
}

impl Claims {
    /// The sign-in name: version 2 has it as `preferred_username`, version 1 as `upn`, and as
    /// `unique_name` where the account is at home elsewhere and has no `upn` (guests, personal
    /// accounts). Empty if there is none.
    fn name(&self) -> String {
        let known = [
            &self.preferred_username,
            &self.upn,
            &self.unique_name,
            &self.email,
        ];
        let mut given = known.into_iter().flatten().map(|name| name.trim());
        given
            .find(|name| !name.is_empty())
            .unwrap_or_default()
            .to_owned()
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl OneOrMany {
    /// Whether the app is the only audience: with several, an `azp` would have to be judged too
    /// (items 3 to 5), and Entra never sends several.
    fn names(&self, client_id: &str) -> bool {
        match self {
            Self::One(audience) => audience == client_id,
            Self::Many(audiences) => matches!(audiences.as_slice(), [only] if only == client_id),
        }
    }
}

/// Clocks of healthy machines differ by less.
const LEEWAY: SignedDuration = SignedDuration::from_mins(5);
