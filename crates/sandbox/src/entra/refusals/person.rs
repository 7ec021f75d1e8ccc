//! Refusals of a person who gave name and password.

use serde_json::json;

use crate::entra::refusal::Refusal;

pub(in crate::entra) fn grant_not_at_common() -> Refusal {
    Refusal::new(
        "invalid_request",
        9_001_023,
        "The grant type is not supported over the /common or /consumers endpoints. Please use the \
         /organizations or tenant-specific endpoint.",
    )
}

pub(in crate::entra) fn account_disabled() -> Refusal {
    Refusal::new("invalid_grant", 50057, "The user account is disabled.")
}

pub(in crate::entra) fn account_locked() -> Refusal {
    Refusal::new(
        "invalid_grant",
        50053,
        "The account is locked, you've tried to sign in too many times with an incorrect user ID \
         or password.",
    )
}

pub(in crate::entra) fn password_expired() -> Refusal {
    Refusal::new("invalid_grant", 50055, "The password is expired.")
        .with_suberror("user_password_expired")
}

pub(in crate::entra) fn password_not_in_cloud() -> Refusal {
    Refusal::new(
        "invalid_grant",
        50056,
        "Invalid or null password: password does not exist in the directory for this user.",
    )
}

pub(in crate::entra) fn second_factor_needed() -> Refusal {
    Refusal::new(
        "invalid_grant",
        50076,
        "Due to a configuration change made by your administrator, or because you moved to a new \
         location, you must use multi-factor authentication to access \
         '00000002-0000-0ff1-ce00-000000000000'.",
    )
    .with_suberror("basic_action")
}

pub(in crate::entra) fn second_factor_missing() -> Refusal {
    Refusal::new(
        "invalid_grant",
        50079,
        "Due to a configuration change made by your administrator, or because you moved to a new \
         location, you must enroll in multi-factor authentication to access \
         '00000002-0000-0ff1-ce00-000000000000'.",
    )
    .with_suberror("basic_action")
}

pub(in crate::entra) fn policy_blocks() -> Refusal {
    Refusal::new(
        "invalid_grant",
        53003,
        "Access has been blocked by Conditional Access policies. The access policy does not allow \
         token issuance.",
    )
    .with_suberror("message_only")
}

/// A policy wants an authentication context that only a sign-in can bring.
pub(in crate::entra) fn context_missing(context: &str) -> Refusal {
    let claims = json!({ "access_token": { "acrs": { "essential": true, "value": context } } });
    Refusal::new("interaction_required", 50076, second_factor_needed().text)
        .with_suberror("basic_action")
        .with_claims(claims.to_string())
}
