//! Refusals of what is asked for.

use crate::entra::refusal::Refusal;
use crate::tenant::{App, ScopeError};

pub(in crate::entra) fn scope_not_default(scope: &str) -> Refusal {
    Refusal::new(
        "invalid_scope",
        1_002_012,
        format!(
            "The provided value for scope {scope} is not valid. Client credential flows must have \
             a scope value with /.default suffixed to the resource identifier (application ID URI)."
        ),
    )
}

pub(in crate::entra) fn scope_invalid(scope: &str) -> Refusal {
    Refusal::new(
        "invalid_scope",
        70011,
        format!(
            "The provided request must include a 'scope' input parameter. The provided value for \
             the input parameter 'scope' is not valid. The scope {scope} is not valid."
        ),
    )
}

pub(in crate::entra) fn resource_not_found(name: &str) -> Refusal {
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
pub(in crate::entra) fn scope_error(error: &ScopeError) -> Refusal {
    match error {
        ScopeError::UnknownResource(name) => resource_not_found(name),
        ScopeError::UnknownPermission(scope) | ScopeError::DefaultMixed(scope) => {
            scope_invalid(scope)
        }
    }
}

pub(in crate::entra) fn several_resources(scope: &str) -> Refusal {
    Refusal::new(
        "invalid_request",
        28000,
        format!(
            "Provided value for the input parameter scope is not valid because it contains more \
             than one resource. Scope {scope} is not valid."
        ),
    )
}

pub(in crate::entra) fn scope_empty_for_code() -> Refusal {
    Refusal::new(
        "invalid_request",
        28003,
        "Provided value for the input parameter scope cannot be empty when requesting an access \
         token using the provided authorization code. Please specify a valid scope.",
    )
}

pub(in crate::entra) fn consent_missing(app: &App) -> Refusal {
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
