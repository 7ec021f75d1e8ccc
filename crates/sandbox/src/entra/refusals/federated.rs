//! Refusals of the word of another issuer.

use crate::entra::refusal::Refusal;

pub(in crate::entra) fn no_federated_credential() -> Refusal {
    Refusal::new(
        "invalid_client",
        70025,
        "Client application has no configured federated identity credentials.",
    )
}

pub(in crate::entra) fn no_matching_federated_credential(
    issuer: &str,
    subject: &str,
    audience: &str,
) -> Refusal {
    Refusal::new(
        "invalid_client",
        700_213,
        format!(
            "No matching federated identity record found for presented assertion. Assertion \
             Issuer: '{issuer}'. Assertion Subject: '{subject}'. Assertion Audience: \
             '{audience}'."
        ),
    )
}

pub(in crate::entra) fn foreign_signature_wrong() -> Refusal {
    Refusal::new(
        "invalid_client",
        50013,
        "Assertion failed signature validation. [Reason - The key was not found among those of its \
         issuer.]",
    )
}
