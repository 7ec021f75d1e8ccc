//! Refusals of a request as such: where it went, what it lacks, how many there are.

use axum::http::StatusCode;

use crate::entra::refusal::Refusal;
use crate::tenant::App;

pub(in crate::entra) fn tenant_not_found(name: &str) -> Refusal {
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

pub(in crate::entra) fn instance_unknown() -> Refusal {
    Refusal::new("invalid_instance", 50049, "Unknown or invalid instance.")
}

pub(in crate::entra) fn tenant_not_named() -> Refusal {
    Refusal::new(
        "invalid_request",
        50059,
        "No tenant-identifying information found in either the request or implied by any provided \
         credentials.",
    )
}

pub(in crate::entra) fn consumers_not_served(app: &App) -> Refusal {
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

pub(in crate::entra) fn only_post() -> Refusal {
    Refusal::new(
        "invalid_request",
        900_561,
        "The endpoint only accepts POST requests. Received a GET request.",
    )
}

pub(in crate::entra) fn malformed() -> Refusal {
    Refusal::new(
        "invalid_request",
        9_002_313,
        "Invalid request. Request is malformed or invalid.",
    )
}

pub(in crate::entra) fn parameter_missing(name: &str) -> Refusal {
    Refusal::new(
        "invalid_request",
        900_144,
        format!("The request body must contain the following parameter: '{name}'."),
    )
}

pub(in crate::entra) fn scope_missing() -> Refusal {
    Refusal::new(
        "invalid_request",
        90014,
        "The required field 'scope' is missing from the credential. Ensure that you have all the \
         necessary parameters for the login request.",
    )
}

pub(in crate::entra) fn parameter_twice(name: &str) -> Refusal {
    Refusal::new(
        "invalid_request",
        9_000_411,
        format!("The request is not properly formatted. The parameter '{name}' is duplicated."),
    )
}

pub(in crate::entra) fn grant_unsupported(name: &str) -> Refusal {
    Refusal::new(
        "unsupported_grant_type",
        70003,
        format!("The app requested an unsupported grant type '{name}'."),
    )
}

pub(in crate::entra) fn resource_not_taken() -> Refusal {
    Refusal::new(
        "invalid_request",
        901_002,
        "The 'resource' request parameter is not supported.",
    )
}

pub(in crate::entra) fn throttled() -> Refusal {
    Refusal::new(
        "temporarily_unavailable",
        90055,
        "The tenant has been throttled due to too many requests. Wait and try again.",
    )
    .with_status(StatusCode::TOO_MANY_REQUESTS)
}

pub(in crate::entra) fn transient() -> Refusal {
    Refusal::new(
        "temporarily_unavailable",
        90033,
        "A transient error has occurred. Please try again.",
    )
    .with_status(StatusCode::SERVICE_UNAVAILABLE)
}
