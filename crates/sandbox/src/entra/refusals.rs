//! The AADSTS numbers that the sandbox answers, with Entra's sentences.

use axum::http::StatusCode;
use jiff::Timestamp;

use super::refusal::Refusal;
use crate::tenant::{App, ScopeError, SessionRefused, Thumbprint};

pub(super) fn tenant_not_found(name: &str) -> Refusal {
    Refusal::new(
        "invalid_tenant",
        90002,
        format!(
            "Tenant '{name}' not found. Check to make sure you have the correct tenant ID and are \
             signing into the correct cloud. Check with your subscription administrator, this may \
             happen if there are no active subscriptions for the tenant."
        ),
    )
}

pub(super) fn instance_unknown() -> Refusal {
    Refusal::new("invalid_instance", 50049, "Unknown or invalid instance.")
}

pub(super) fn tenant_not_named() -> Refusal {
    Refusal::new(
        "invalid_request",
        50059,
        "No tenant-identifying information found in either the request or implied by any provided \
         credentials.",
    )
}

pub(super) fn consumers_not_served(app: &App) -> Refusal {
    Refusal::new(
        "invalid_request",
        9_002_346,
        format!(
            "Application '{}'({}) is configured for use by Azure Active Directory users only. \
             Please do not use the /consumers endpoint to serve this request.",
            app.client_id, app.name
        ),
    )
}

pub(super) fn only_post() -> Refusal {
    Refusal::new(
        "invalid_request",
        900_561,
        "The endpoint only accepts POST requests. Received a GET request.",
    )
}

pub(super) fn malformed() -> Refusal {
    Refusal::new(
        "invalid_request",
        9_002_313,
        "Invalid request. Request is malformed or invalid.",
    )
}

pub(super) fn parameter_missing(name: &str) -> Refusal {
    Refusal::new(
        "invalid_request",
        900_144,
        format!("The request body must contain the following parameter: '{name}'."),
    )
}

pub(super) fn scope_missing() -> Refusal {
    Refusal::new(
        "invalid_request",
        90014,
        "The required field 'scope' is missing from the credential. Ensure that you have all the \
         necessary parameters for the login request.",
    )
}

pub(super) fn parameter_twice(name: &str) -> Refusal {
    Refusal::new(
        "invalid_request",
        9_000_411,
        format!("The request is not properly formatted. The parameter '{name}' is duplicated."),
    )
}

pub(super) fn grant_unsupported(name: &str) -> Refusal {
    Refusal::new(
        "unsupported_grant_type",
        70003,
        format!("The app requested an unsupported grant type '{name}'."),
    )
}

pub(super) fn resource_not_taken() -> Refusal {
    Refusal::new(
        "invalid_request",
        901_002,
        "The 'resource' request parameter is not supported.",
    )
}

pub(super) fn app_not_found(client_id: &str) -> Refusal {
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

pub(super) fn app_only_without_proof() -> Refusal {
    Refusal::new(
        "invalid_client",
        7_000_216,
        "'client_assertion', 'client_secret' or 'request' is required for the \
         'client_credentials' grant type.",
    )
}

pub(super) fn proof_missing() -> Refusal {
    Refusal::new(
        "invalid_client",
        7_000_218,
        "The request body must contain the following parameter: 'client_assertion' or \
         'client_secret'.",
    )
}

pub(super) fn proof_from_public_client() -> Refusal {
    Refusal::new(
        "invalid_client",
        700_025,
        "Client is public so neither 'client_assertion' nor 'client_secret' should be presented.",
    )
}

pub(super) fn secret_wrong(client_id: &str) -> Refusal {
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

pub(super) fn secret_expired(client_id: &str) -> Refusal {
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

pub(super) fn scope_not_default(scope: &str) -> Refusal {
    Refusal::new(
        "invalid_scope",
        1_002_012,
        format!(
            "The provided value for scope {scope} is not valid. Client credential flows must have \
             a scope value with /.default suffixed to the resource identifier (application ID URI)."
        ),
    )
}

pub(super) fn scope_invalid(scope: &str) -> Refusal {
    Refusal::new(
        "invalid_scope",
        70011,
        format!(
            "The provided request must include a 'scope' input parameter. The provided value for \
             the input parameter 'scope' is not valid. The scope {scope} is not valid."
        ),
    )
}

pub(super) fn resource_not_found(name: &str) -> Refusal {
    Refusal::new(
        "invalid_resource",
        500_011,
        format!(
            "The resource principal named {name} was not found in the tenant named Contoso. This \
             can happen if the application has not been installed by the administrator of the \
             tenant or consented to by any user in the tenant. You might have sent your \
             authentication request to the wrong tenant."
        ),
    )
}

/// A `scope` that is not understood.
pub(super) fn scope_error(error: &ScopeError) -> Refusal {
    match error {
        ScopeError::UnknownResource(name) => resource_not_found(name),
        ScopeError::UnknownPermission(scope) | ScopeError::DefaultMixed(scope) => {
            scope_invalid(scope)
        }
    }
}

pub(super) fn several_resources(scope: &str) -> Refusal {
    Refusal::new(
        "invalid_request",
        28000,
        format!(
            "Provided value for the input parameter scope is not valid because it contains more \
             than one resource. Scope {scope} is not valid."
        ),
    )
}

pub(super) fn scope_empty_for_code() -> Refusal {
    Refusal::new(
        "invalid_request",
        28003,
        "Provided value for the input parameter scope cannot be empty when requesting an access \
         token using the provided authorization code. Please specify a valid scope.",
    )
}

pub(super) fn consent_missing(app: &App) -> Refusal {
    Refusal::new(
        "invalid_grant",
        65001,
        format!(
            "The user or administrator has not consented to use the application with ID '{}' named \
             '{}'. Send an interactive authorization request for this user and resource.",
            app.client_id, app.name
        ),
    )
    .with_suberror("consent_required")
}

/// A code that cannot be redeemed.
pub(super) fn code_refused(why: SessionRefused) -> Refusal {
    match why {
        SessionRefused::Used => Refusal::new(
            "invalid_grant",
            54005,
            "OAuth2 Authorization code was already redeemed, please retry with a new valid code or \
             use an existing refresh token.",
        ),
        SessionRefused::Expired => Refusal::new(
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
pub(super) fn refresh_token_refused(why: SessionRefused) -> Refusal {
    match why {
        SessionRefused::Expired => Refusal::new(
            "invalid_grant",
            700_082,
            "The refresh token has expired due to inactivity. The token was inactive for \
             90.00:00:00.",
        )
        .with_suberror("token_expired"),
        SessionRefused::Revoked { issued_at, since } => revoked(issued_at, since),
        SessionRefused::Unknown | SessionRefused::Used => {
            grant_unknown("refresh_token").with_suberror("bad_token")
        }
    }
}

pub(super) fn grant_unknown(parameter: &str) -> Refusal {
    Refusal::new(
        "invalid_grant",
        70000,
        format!(
            "Provided grant is invalid or malformed. The '{parameter}' parameter is not valid."
        ),
    )
}

pub(super) fn grant_of_other_client() -> Refusal {
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

pub(super) fn redirect_changed(given: &str) -> Refusal {
    Refusal::new(
        "invalid_client",
        500_112,
        format!(
            "The reply address '{given}' does not match the reply address provided when requesting \
             Authorization code."
        ),
    )
}

pub(super) fn verifier_wrong() -> Refusal {
    Refusal::new(
        "invalid_grant",
        501_481,
        "The Code_Verifier does not match the code_challenge supplied in the authorization \
         request.",
    )
}

pub(super) fn throttled() -> Refusal {
    Refusal::new(
        "temporarily_unavailable",
        90055,
        "The tenant has been throttled due to too many requests. Wait and try again.",
    )
    .with_status(StatusCode::TOO_MANY_REQUESTS)
}

pub(super) fn transient() -> Refusal {
    Refusal::new(
        "temporarily_unavailable",
        90033,
        "A transient error has occurred. Please try again.",
    )
    .with_status(StatusCode::SERVICE_UNAVAILABLE)
}

pub(super) fn malformed_assertion() -> Refusal {
    Refusal::new(
        "invalid_request",
        50027,
        "JWT token is invalid or malformed.",
    )
}

pub(super) fn algorithm_unsupported(algorithm: &str) -> Refusal {
    Refusal::new(
        "invalid_client",
        5_002_738,
        format!("Invalid JWT token. The algorithm '{algorithm}' is not supported."),
    )
}

pub(super) fn thumbprint_missing() -> Refusal {
    invalid_signature("The key was not found., Please provide a thumbprint (x5t or x5t#S256).")
}

pub(super) fn key_not_found(app: &App, thumbprint: &Thumbprint) -> Refusal {
    invalid_signature(&format!(
        "The key was not found., Thumbprint of key used by client: '{}', Please visit the Azure \
         Portal, Graph Explorer or directly use MS Graph to see configured keys for app Id '{}'.",
        hex(thumbprint),
        app.client_id
    ))
}

pub(super) fn signature_wrong(thumbprint: &Thumbprint) -> Refusal {
    invalid_signature(&format!(
        "The provided signature value did not match the expected signature value., Thumbprint of \
         key used by client: '{}'.",
        hex(thumbprint)
    ))
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
    octets.iter().map(|octet| format!("{octet:02X}")).collect()
}

pub(super) fn subject_is_not_issuer() -> Refusal {
    Refusal::new(
        "invalid_client",
        50048,
        "Subject mismatches Issuer claim in the client assertion.",
    )
}

pub(super) fn assertion_of_other_app() -> Refusal {
    Refusal::new(
        "invalid_client",
        700_021,
        "Client assertion application identifier doesn't match 'client_id' parameter.",
    )
}

pub(super) fn assertion_audience() -> Refusal {
    Refusal::new(
        "invalid_client",
        700_023,
        "Client assertion audience claim does not match Realm issuer.",
    )
}

pub(super) fn assertion_out_of_time(now: Timestamp, start: i64, end: i64) -> Refusal {
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

pub(super) fn redirect_not_registered(given: &str, app: &App) -> Refusal {
    Refusal::new(
        "invalid_request",
        50011,
        format!(
            "The redirect URI '{given}' specified in the request does not match the redirect URIs \
             configured for the application '{}'. Make sure the redirect URI sent in the request \
             matches one added to your application in the Azure portal. Navigate to \
             https://aka.ms/redirectUriMismatchError to learn more about how to troubleshoot this \
             error.",
            app.client_id
        ),
    )
}

pub(super) fn response_type_unsupported(name: &str) -> Refusal {
    Refusal::new(
        "unsupported_response_type",
        700_054,
        format!("response_type '{name}' is not enabled for the application."),
    )
}

pub(super) fn nobody_signed_in() -> Refusal {
    Refusal::new(
        "login_required",
        50058,
        "A silent sign-in request was sent but no user is signed in.",
    )
}

pub(super) fn challenge_size() -> Refusal {
    Refusal::new(
        "invalid_request",
        50147,
        "Invalid size of Code_Challenge parameter.",
    )
}

pub(super) fn verifier_size() -> Refusal {
    Refusal::new(
        "invalid_request",
        501_491,
        "Invalid size of Code_Verifier parameter.",
    )
}

pub(super) fn flow_expired() -> Refusal {
    Refusal::new(
        "invalid_grant",
        50089,
        "Flow token expired - Authentication Failed.",
    )
}

pub(super) fn person_not_found(upn: &str) -> Refusal {
    Refusal::new(
        "invalid_grant",
        50034,
        format!(
            "The user account {upn} does not exist in the Contoso directory. To sign into this \
             application, the account must be added to the directory."
        ),
    )
}

pub(super) fn password_wrong() -> Refusal {
    Refusal::new(
        "invalid_grant",
        50126,
        "Error validating credentials due to invalid username or password.",
    )
}

pub(super) fn consent_declined() -> Refusal {
    Refusal::new(
        "access_denied",
        65004,
        "User declined to consent to access the app.",
    )
}
