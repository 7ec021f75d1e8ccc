//! The paths of Entra ID that the endpoint answers.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Form, Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::signer::Bearer;
use super::{App, IdentityEndpoint, Proof, Shared, assertion};

type Answer = (StatusCode, Json<Value>);

pub(super) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route(
            "/{tenant}/v2.0/.well-known/openid-configuration",
            get(discovery),
        )
        .route("/{tenant}/discovery/v2.0/keys", get(keys))
        .route("/{tenant}/oauth2/v2.0/token", post(token))
        .with_state(shared)
}

async fn discovery(State(shared): State<Arc<Shared>>) -> Json<Value> {
    let base = format!("{}/{}", shared.login, IdentityEndpoint::TENANT);
    Json(json!({
        "issuer": format!("{base}/v2.0"),
        "authorization_endpoint": format!("{base}/oauth2/v2.0/authorize"),
        "token_endpoint": format!("{base}/oauth2/v2.0/token"),
        "jwks_uri": format!("{base}/discovery/v2.0/keys"),
    }))
}

async fn keys(State(shared): State<Arc<Shared>>) -> Answer {
    match shared.signer.key_set() {
        Ok(set) => (StatusCode::OK, Json(set)),
        Err(error) => broken(&error.to_string()),
    }
}

/// The fields of a token request that matter here; others are ignored, as Entra ID does.
#[derive(Debug, Deserialize)]
struct Request {
    grant_type: String,
    client_id: String,
    client_secret: Option<String>,
    client_assertion: Option<String>,
    refresh_token: Option<String>,
    username: Option<String>,
    password: Option<String>,
    scope: Option<String>,
}

async fn token(
    State(shared): State<Arc<Shared>>,
    Path(tenant): Path<String>,
    Form(request): Form<Request>,
) -> Answer {
    let Some(app) = shared.apps.get(&request.client_id) else {
        return refused(
            "unauthorized_client",
            700_016,
            "the application was not found",
        );
    };
    if let Err(refusal) = proven(&shared, app, &request, &tenant) {
        return refusal;
    }
    match request.grant_type.as_str() {
        "client_credentials" => app_only(&shared, app, &request),
        "refresh_token" => refreshed(&shared, &request),
        "password" => by_password(&shared, &request),
        other => refused(
            "unsupported_grant_type",
            70_003,
            &format!("grant type {other}"),
        ),
    }
}

fn proven(shared: &Shared, app: &App, request: &Request, tenant: &str) -> Result<(), Answer> {
    match &app.proof {
        Proof::Public => Ok(()),
        Proof::Secret(secret) if request.client_secret.as_ref() == Some(secret) => Ok(()),
        Proof::Secret(_) => Err(refused(
            "invalid_client",
            7_000_215,
            "invalid client secret provided",
        )),
        Proof::Certificate(certificate_pem) => {
            let shown = request.client_assertion.as_deref().unwrap_or_default();
            let audiences = [tenant, IdentityEndpoint::TENANT]
                .map(|name| format!("{}/{name}/oauth2/v2.0/token", shared.login));
            let expected = assertion::Expected {
                certificate_pem,
                client_id: &app.client_id,
                audiences: &audiences,
                now: shared.clock.now(),
            };
            assertion::verify(shown, &expected)
                .map_err(|reason| refused("invalid_client", 700_027, &reason))
        }
    }
}

fn app_only(shared: &Shared, app: &App, request: &Request) -> Answer {
    if matches!(app.proof, Proof::Public) {
        return refused("unauthorized_client", 700_025, "the client is public");
    }
    if !request
        .scope
        .as_ref()
        .is_some_and(|scope| scope.ends_with("/.default"))
    {
        return refused(
            "invalid_scope",
            1_002_012,
            "the scope must end in /.default",
        );
    }
    match shared.access_token(&app.client_id, Bearer::App) {
        Ok(token) => granted(shared, json!({ "access_token": token })),
        Err(error) => broken(&error.to_string()),
    }
}

/// RFC 6749 §4.3.
fn by_password(shared: &Shared, request: &Request) -> Answer {
    match (&request.username, request.password.as_deref()) {
        (Some(user), Some(IdentityEndpoint::PASSWORD)) => {
            of_person(shared, &request.client_id, user)
        }
        _ => refused("invalid_grant", 50_126, "the username or password is wrong"),
    }
}

fn refreshed(shared: &Shared, request: &Request) -> Answer {
    let shown = request.refresh_token.as_deref().unwrap_or_default();
    let Some(signed_in) = shared.ledger.redeem(&request.client_id, shown) else {
        return refused(
            "invalid_grant",
            70_008,
            "the refresh token is used up or revoked",
        );
    };
    of_person(shared, &signed_in.client_id, &signed_in.user)
}

fn of_person(shared: &Shared, client_id: &str, user: &str) -> Answer {
    let next = shared.ledger.issue(&shared.chance, client_id, user);
    match shared.access_token(client_id, Bearer::Person(user)) {
        Ok(token) => granted(
            shared,
            json!({
                "access_token": token,
                "refresh_token": next,
                "scope": "https://outlook.office365.com/IMAP.AccessAsUser.All",
            }),
        ),
        Err(error) => broken(&error.to_string()),
    }
}

fn granted(shared: &Shared, mut answer: Value) -> Answer {
    answer["token_type"] = json!("Bearer");
    answer["expires_in"] = json!(shared.ledger.lifetime().as_secs());
    shared.ledger.count_answer();
    (StatusCode::OK, Json(answer))
}

/// An error in Entra ID's shape: its number is in the text and in `error_codes`.
fn refused(error: &str, number: u32, reason: &str) -> Answer {
    let status = if error == "invalid_client" || error == "unauthorized_client" {
        StatusCode::UNAUTHORIZED
    } else {
        StatusCode::BAD_REQUEST
    };
    let description = format!("AADSTS{number}: {reason}");
    (
        status,
        Json(json!({
            "error": error,
            "error_description": description,
            "error_codes": [number],
            "trace_id": "00000000-0000-0000-0000-000000000001",
            "correlation_id": "00000000-0000-0000-0000-000000000002",
        })),
    )
}

fn broken(reason: &str) -> Answer {
    (
        StatusCode::INTERNAL_SERVER_ERROR,
        Json(json!({ "error": "server_error", "error_description": reason })),
    )
}
