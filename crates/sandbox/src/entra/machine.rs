//! The metadata service of virtual machines, which gives tokens to the machine's own identity.
//!
//! At Azure it is plain HTTP on a link-local address; here it is one more path of the platform.

use axum::body::Body;
use axum::extract::State;
use axum::http::request::Parts;
use axum::http::{HeaderValue, Response, StatusCode, header};
use serde_json::{Value, json};

use super::Entra;
use super::call::{Call, Version};
use super::parameters::Parameters;
use crate::faults::{FaultKind, Target};
use crate::tenant::{AccessToken, Bearer, CLIENT_ID, ClientStrength, Scopes};

/// `/metadata/identity/oauth2/token`
pub(super) async fn token(State(entra): State<Entra>, parts: Parts) -> Response<Body> {
    let call = Call::new(&entra, &parts, "organizations", Version::V1);
    let faults = &call.entra.faults;
    let (status, body) = if faults.strikes(FaultKind::ServerError, Target::default()) {
        let updating = refusal("server_error", "The service is being updated");
        (StatusCode::GONE, updating)
    } else {
        match grant(&call, &parts) {
            Ok(body) => (StatusCode::OK, body),
            Err(refusal) => (StatusCode::BAD_REQUEST, refusal),
        }
    };
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

fn grant(call: &Call, parts: &Parts) -> Result<Value, Value> {
    let wrong = |text: &str| refusal("invalid_request", text);
    check_headers(parts)?;
    let query = Parameters::parse(parts.uri.query().unwrap_or_default().as_bytes())
        .map_err(|_| wrong("A query variable stands twice"))?;
    if query.get("api-version") != Some(API_VERSION) {
        return Err(wrong("Identity: api-version is missing or not known"));
    }
    let resource = query
        .get("resource")
        .ok_or_else(|| wrong("Required query variable 'resource' is missing"))?;
    let named: Vec<_> = MACHINE
        .iter()
        .filter_map(|(name, ours)| Some((query.get(name)?, *ours)))
        .collect();
    if !matches!(named.as_slice(), [] | [_]) {
        return Err(wrong("More than one identity is named"));
    }
    let app = call.entra.tenant.directory().app(CLIENT_ID).cloned();
    let app = app
        .filter(|_| named.iter().all(|(given, ours)| given == ours))
        .ok_or_else(|| wrong("Identity not found"))?;
    let scopes = Scopes::of_resource(resource, &call.base);
    let api = scopes.ok().and_then(|scopes| scopes.apis.first().cloned());
    let api = api.ok_or_else(|| {
        let text = format!(
            "AADSTS500011: The resource principal named {resource} was not found in the tenant."
        );
        refusal("invalid_resource", &text)
    })?;
    let token = AccessToken {
        audience: &api.audience,
        resource: api.resource,
        app: &app,
        strength: ClientStrength::Certificate,
        bearer: Bearer::App,
    };
    let lifetime = call.entra.token_lifetime;
    let now = call.at.as_second();
    // All numbers are strings.
    Ok(json!({
        "access_token": call.entra.tenant.mint(&token, lifetime),
        "client_id": app.client_id,
        "expires_in": lifetime.as_secs().to_string(),
        "expires_on": now.saturating_add_unsigned(lifetime.as_secs()).to_string(),
        "ext_expires_in": lifetime.as_secs().to_string(),
        "not_before": now.saturating_sub(300).to_string(),
        "resource": resource,
        "token_type": "Bearer",
    }))
}

fn check_headers(parts: &Parts) -> Result<(), Value> {
    let metadata = parts
        .headers
        .get("metadata")
        .and_then(|value| value.to_str().ok());
    if !metadata.is_some_and(|value| value.eq_ignore_ascii_case("true")) {
        let text = "Required metadata header not specified";
        return Err(refusal("invalid_request", text));
    }
    // Whoever comes through a proxy may be anybody.
    if parts.headers.contains_key("x-forwarded-for") {
        let text = "Requests through a proxy are refused";
        return Err(refusal("invalid_request", text));
    }
    Ok(())
}

fn refusal(error: &str, text: &str) -> Value {
    json!({"error": error, "error_description": text})
}

/// How the machine's one identity is named.
const MACHINE: &[(&str, &str)] = &[
    ("client_id", CLIENT_ID),
    ("object_id", "0d5a9c1e-6b7f-4c0d-a1f2-93c84be7d610"),
    (
        "msi_res_id",
        "/subscriptions/contoso/providers/Microsoft.ManagedIdentity/userAssignedIdentities/gatepost",
    ),
];

const API_VERSION: &str = "2018-02-01";
