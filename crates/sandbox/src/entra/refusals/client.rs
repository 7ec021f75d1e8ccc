//! Refusals of an app and of its proof.

use jiff::Timestamp;

use crate::entra::refusal::Refusal;
use crate::tenant::{App, Thumbprint};

pub(in crate::entra) fn app_not_found(client_id: &str) -> Refusal {
    Refusal::new(
        "unauthorized_client",
        700_016,
        format!(
            "Application with identifier '{client_id}' was not found in the directory 'Contoso'. \
             This can happen if the application has not been installed by the administrator of the \
             tenant or consented to by any user in the tenant. You may have sent your \
             authentication request to the wrong tenant."
        ),
    )
}

pub(in crate::entra) fn app_only_without_proof() -> Refusal {
    Refusal::new(
        "invalid_client",
        7_000_216,
        "'client_assertion', 'client_secret' or 'request' is required for the \
         'client_credentials' grant type.",
    )
}

pub(in crate::entra) fn proof_missing() -> Refusal {
    Refusal::new(
        "invalid_client",
        7_000_218,
        "The request body must contain the following parameter: 'client_assertion' or \
         'client_secret'.",
    )
}

pub(in crate::entra) fn proof_from_public_client() -> Refusal {
    Refusal::new(
        "invalid_client",
        700_025,
        "Client is public so neither 'client_assertion' nor 'client_secret' should be presented.",
    )
}

pub(in crate::entra) fn secret_wrong(client_id: &str) -> Refusal {
    Refusal::new(
        "invalid_client",
        7_000_215,
        format!(
            "Invalid client secret provided. Ensure the secret being sent in the request is the \
             client secret value, not the client secret ID, for a secret added to app \
             '{client_id}'."
        ),
    )
}

pub(in crate::entra) fn secret_expired(client_id: &str) -> Refusal {
    Refusal::new(
        "invalid_client",
        7_000_222,
        format!(
            "The provided client secret keys for app '{client_id}' are expired. Visit the Azure \
             portal to create new keys for your app: https://aka.ms/NewClientSecret, or consider \
             using certificate credentials for added security: https://aka.ms/certCreds."
        ),
    )
}

pub(in crate::entra) fn malformed_assertion() -> Refusal {
    Refusal::new(
        "invalid_request",
        50027,
        "JWT token is invalid or malformed.",
    )
}

pub(in crate::entra) fn algorithm_unsupported(algorithm: &str) -> Refusal {
    Refusal::new(
        "invalid_client",
        5_002_738,
        format!("Invalid JWT token. The algorithm '{algorithm}' is not supported."),
    )
}

pub(in crate::entra) fn thumbprint_missing() -> Refusal {
    invalid_signature("The key was not found., Please provide a thumbprint (x5t or x5t#S256).")
}

pub(in crate::entra) fn key_not_found(app: &App, thumbprint: &Thumbprint) -> Refusal {
    invalid_signature(&format!(
        "The key was not found., Thumbprint of key used by client: '{}', Please visit the Azure \
         Portal, Graph Explorer or directly use MS Graph to see configured keys for app Id '{}'.",
        hex(thumbprint),
        app.client_id
    ))
}

pub(in crate::entra) fn signature_wrong(thumbprint: &Thumbprint) -> Refusal {
    invalid_signature(&format!(
        "The provided signature value did not match the expected signature value., Thumbprint of \
         key used by client: '{}'.",
        hex(thumbprint)
    ))
}

pub(in crate::entra) fn certificate_expired(thumbprint: &Thumbprint) -> Refusal {
    Refusal::new(
        "invalid_client",
        700_027,
        format!(
            "The certificate with identifier used to sign the client assertion is expired on \
             application. [Reason - The key used is expired., Thumbprint of key used by client: \
             '{}'.]",
            hex(thumbprint)
        ),
    )
}

fn invalid_signature(reason: &str) -> Refusal {
    Refusal::new(
        "invalid_client",
        700_027,
        format!("Client assertion contains an invalid signature. [Reason - {reason}]"),
    )
}

fn hex(thumbprint: &Thumbprint) -> String {
    let (Thumbprint::Sha1(octets) | Thumbprint::Sha256(octets)) = thumbprint;
    let digits = octets.iter().flat_map(|octet| [octet >> 4, octet & 0x0f]);
    let upper = digits.filter_map(|digit| char::from_digit(u32::from(digit), 16));
    upper.map(|digit| digit.to_ascii_uppercase()).collect()
}

pub(in crate::entra) fn subject_is_not_issuer() -> Refusal {
    Refusal::new(
        "invalid_client",
        50048,
        "Subject mismatches Issuer claim in the client assertion.",
    )
}

pub(in crate::entra) fn assertion_of_other_app() -> Refusal {
    Refusal::new(
        "invalid_client",
        700_021,
        "Client assertion application identifier doesn't match 'client_id' parameter.",
    )
}

pub(in crate::entra) fn assertion_audience() -> Refusal {
    Refusal::new(
        "invalid_client",
        700_023,
        "Client assertion audience claim does not match Realm issuer.",
    )
}

pub(in crate::entra) fn assertion_out_of_time(now: Timestamp, start: i64, end: i64) -> Refusal {
    let moment = |second| Timestamp::from_second(second).unwrap_or(Timestamp::MIN);
    Refusal::new(
        "invalid_client",
        700_024,
        format!(
            "Client assertion is not within its valid time range. Current time: {now}, assertion \
             valid from {}, expiry time of assertion {}.",
            moment(start),
            moment(end)
        ),
    )
}
