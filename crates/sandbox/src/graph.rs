//! Microsoft Graph, so far as a mail program looks at its own registration: when its secrets end.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::tenant::{App, Principal, Resource, Tenant, TokenRefused};

/// Every address of Graph.
pub(crate) fn router(tenant: Tenant) -> Router {
    Router::new()
        .route("/v1.0/{object}", get(object))
        .with_state(tenant)
}

/// One object, such as `applications(appId='…')`
/// (<https://learn.microsoft.com/graph/api/application-get>).
async fn object(
    State(tenant): State<Tenant>,
    Path(object): Path<String>,
    headers: HeaderMap,
) -> Response {
    if let Err(refused) = admit(&tenant, &headers) {
        return refusal_of(refused);
    }
    let named = object
        .strip_prefix("applications(appId='")
        .and_then(|rest| rest.strip_suffix("')"));
    let Some(client_id) = named else {
        return refusal(
            StatusCode::BAD_REQUEST,
            "BadRequest",
            &format!("Resource not found for the segment '{object}'."),
        );
    };
    let directory = tenant.directory();
    match directory.app(client_id) {
        Some(app) => Json(shown(app)).into_response(),
        None => refusal(
            StatusCode::NOT_FOUND,
            "Request_ResourceNotFound",
            &format!(
                "Resource '{client_id}' does not exist or one of its queried reference-property objects are not present."
            ),
        ),
    }
}

fn admit(tenant: &Tenant, headers: &HeaderMap) -> Result<Principal, TokenRefused> {
    let bearer = headers.get(header::AUTHORIZATION);
    let token = bearer
        .and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "))
        .ok_or(TokenRefused::Foreign)?;
    tenant.admit_to(token, Resource::Graph, &|principal| match principal {
        Principal::App { roles, .. } => roles.contains(PERMISSION),
        Principal::Person { scopes, .. } => scopes.contains(PERMISSION),
    })
}

fn shown(app: &App) -> Value {
    let secrets = app.secrets.iter().map(|secret| {
        json!({
            "displayName": app.name,
            "endDateTime": secret.expires_at().to_string(),
            "hint": secret.hint(),
            "secretText": null,
        })
    });
    json!({
        "id": app.object_id,
        "appId": app.client_id,
        "displayName": app.name,
        "passwordCredentials": secrets.collect::<Vec<_>>(),
    })
}

fn refusal_of(refused: TokenRefused) -> Response {
    match refused {
        TokenRefused::Permission => refusal(
            StatusCode::FORBIDDEN,
            "Authorization_RequestDenied",
            "Insufficient privileges to complete the operation.",
        ),
        TokenRefused::Foreign
        | TokenRefused::Audience
        | TokenRefused::Expired
        | TokenRefused::Revoked
        | TokenRefused::Claims => refusal(
            StatusCode::UNAUTHORIZED,
            "InvalidAuthenticationToken",
            "Access token validation failure.",
        ),
    }
}

/// An error in Graph's form (<https://learn.microsoft.com/graph/errors>).
fn refusal(status: StatusCode, code: &str, message: &str) -> Response {
    let body = json!({"error": {"code": code, "message": message}});
    (status, Json(body)).into_response()
}

/// What reading any registration needs.
const PERMISSION: &str = "Application.Read.All";
