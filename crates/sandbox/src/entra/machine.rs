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
use crate::tenant::{
    AccessToken, App, AskedClaims, Bearer, CLIENT_ID, ClientStrength, MACHINE_ISSUER,
    MACHINE_OBJECT_ID, Scopes, TOKEN_EXCHANGE,
};

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
    if resource == TOKEN_EXCHANGE {
        return Ok(answer(&vouched(call), (call, &app, resource)));
    }
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
        asked: &AskedClaims::default(),
    };
    let minted = call.entra.tenant.mint(&token, call.entra.token_lifetime);
    Ok(answer(&minted, (call, &app, resource)))
}

/// The statement of the machine's identity for whatever app trusts it.
fn vouched(call: &Call) -> String {
    let lifetime = call.entra.token_lifetime;
    let now = call.at.as_second();
    call.entra.tenant.sign_id_token(&json!({
        "aud": TOKEN_EXCHANGE,
        "iss": MACHINE_ISSUER,
        "sub": MACHINE_OBJECT_ID,
        "oid": MACHINE_OBJECT_ID,
        "tid": call.entra.tenant.id(),
        "iat": now,
        "nbf": now.saturating_sub(300),
        "exp": now.saturating_add_unsigned(lifetime.as_secs()),
        "uti": call.entra.chance.token(16),
    }))
}

/// All numbers are strings.
fn answer(token: &str, (call, app, resource): (&Call, &App, &str)) -> Value {
    let lifetime = call.entra.token_lifetime;
    let now = call.at.as_second();
    json!({
        "access_token": token,
        "client_id": app.client_id,
        "expires_in": lifetime.as_secs().to_string(),
        "expires_on": now.saturating_add_unsigned(lifetime.as_secs()).to_string(),
        "ext_expires_in": lifetime.as_secs().to_string(),
        "not_before": now.saturating_sub(300).to_string(),
        "resource": resource,
        "token_type": "Bearer",
    })
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
    ("object_id", MACHINE_OBJECT_ID),
    (
        "msi_res_id",
        "/subscriptions/contoso/providers/Microsoft.ManagedIdentity/userAssignedIdentities/gatepost",
    ),
];

const API_VERSION: &str = "2018-02-01";
