//! What the answer to a person's sign-in must bring: who it was, and what to go on with.

mod id_token;

use jiff::Timestamp;
use secrecy::SecretString;

use crate::TokenError;
use crate::answers::{self, Expecting, Reply};
use crate::flow::{Asking, Granted};

/// How the id token is tied to the sign-in.
#[derive(Debug, Clone, Copy)]
pub(super) enum Tie<'a> {
    /// The browser carried this nonce (OpenID Connect Core §15.5.2).
    Nonce(&'a SecretString),
    /// The token came over the very connection that asked for it; a server that speaks no
    /// OpenID Connect gives none.
    Connection,
}

/// Reads the answer at `now`.
pub(super) fn read(
    asking: &Asking,
    now: Timestamp,
    reply: &Reply,
    tie: Tie<'_>,
) -> Result<Granted, TokenError> {
    let mut answer = answers::read(reply, &Expecting::of(asking, now))?;
    let id_token = answer.id_token.take();
    let check = id_token::Check {
        client_id: &asking.registration.client_id,
        nonce: match tie {
            Tie::Nonce(nonce) => Some(nonce),
            Tie::Connection => None,
        },
        now,
    };
    let person = match (&id_token, tie) {
        (None, Tie::Connection) => None,
        (id_token, _) => {
            let checked = id_token::check(id_token.as_ref(), &check);
            Some(checked.map_err(|reason| TokenError::IdTokenUnusable {
                who: asking.who(),
                reason,
            })?)
        }
    };
    if answer.refresh.is_none() {
        return Err(TokenError::SignInUnfinished {
            who: asking.who(),
            reason:
                "the sign-in server gave no refresh token, so the sign-in would last an hour only"
                    .to_owned(),
        });
    }
    let mut granted = answer.without_identity(asking.audience);
    granted.person = person;
    Ok(granted)
}
