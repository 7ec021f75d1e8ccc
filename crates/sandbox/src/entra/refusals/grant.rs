//! Refusals of a code or a refresh token.

use jiff::Timestamp;

use crate::entra::refusal::Refusal;
use crate::tenant::SessionRefused;

/// A code that cannot be redeemed.
pub(in crate::entra) fn code_refused(why: SessionRefused) -> Refusal {
    match why {
        SessionRefused::Used => Refusal::new(
            "invalid_grant",
            54005,
            "OAuth2 Authorization code was already redeemed, please retry with a new valid code or \
             use an existing refresh token.",
        ),
        SessionRefused::Expired { .. } => Refusal::new(
            "invalid_grant",
            70008,
            "The provided authorization code or refresh token has expired due to inactivity. Send \
             a new interactive authorization request for this user and resource.",
        ),
        SessionRefused::Revoked { issued_at, since } => revoked(issued_at, since),
        SessionRefused::Unknown => grant_unknown("code"),
    }
}

/// A refresh token that gives nothing.
pub(in crate::entra) fn refresh_token_refused(why: SessionRefused) -> Refusal {
    match why {
        SessionRefused::Expired { issued_at } => Refusal::new(
            "invalid_grant",
            700_082,
            format!(
                "The refresh token has expired due to inactivity. The token was issued on \
                 {issued_at} and was inactive for 90.00:00:00."
            ),
        )
        .with_suberror("token_expired"),
        SessionRefused::Revoked { issued_at, since } => revoked(issued_at, since),
        SessionRefused::Unknown | SessionRefused::Used => {
            grant_unknown("refresh_token").with_suberror("bad_token")
        }
    }
}

pub(in crate::entra) fn grant_unknown(parameter: &str) -> Refusal {
    Refusal::new(
        "invalid_grant",
        70000,
        format!(
            "Provided grant is invalid or malformed. The '{parameter}' parameter is not valid."
        ),
    )
}

pub(in crate::entra) fn grant_of_other_client() -> Refusal {
    Refusal::new(
        "invalid_grant",
        70000,
        "Provided grant is invalid or malformed. The grant was issued to another client.",
    )
    .with_suberror("client_mismatch")
}

fn revoked(issued_at: Timestamp, since: Timestamp) -> Refusal {
    Refusal::new(
        "invalid_grant",
        50173,
        format!(
            "The provided grant has expired due to it being revoked, a fresh auth token is needed. \
             The user might have changed or reset their password. The grant was issued on \
             '{issued_at}' and the TokensValidFrom date (before which tokens are not valid) for \
             this user is '{since}'."
        ),
    )
    .with_suberror("bad_token")
}

pub(in crate::entra) fn redirect_changed(given: &str) -> Refusal {
    Refusal::new(
        "invalid_client",
        500_112,
        format!(
            "The reply address '{given}' does not match the reply address provided when requesting \
             Authorization code."
        ),
    )
}

pub(in crate::entra) fn verifier_wrong() -> Refusal {
    Refusal::new(
        "invalid_grant",
        501_481,
        "The Code_Verifier does not match the code_challenge supplied in the authorization \
         request.",
    )
}

pub(in crate::entra) fn verifier_size() -> Refusal {
    Refusal::new(
        "invalid_request",
        501_491,
        "Invalid size of Code_Verifier parameter.",
    )
}
