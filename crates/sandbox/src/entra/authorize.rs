//! The authorization endpoint of both versions: from an app's wish to the sign-in page.

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::request::Parts;
use axum::http::{Response, StatusCode};
use url::Url;

use super::call::{Call, Version};
use super::flow::{ChallengeMethod, ConsentPrompt, End, Flow, Redirect, ResponseMode};
use super::pages::{self, SignInPage};
use super::parameters::{Parameters, asked_claims};
use super::redirect::WayBack;
use super::refusal::Refusal;
use super::{Entra, refusals};
use crate::tenant::App;

/// `/{tenant}/oauth2/v2.0/authorize`
pub(super) async fn v2(
    State(entra): State<Entra>,
    Path(place): Path<String>,
    parts: Parts,
) -> Response<Body> {
    answer(Call::new(&entra, &parts, &place, Version::V2), &parts)
}

/// `/{tenant}/oauth2/authorize`
pub(super) async fn v1(
    State(entra): State<Entra>,
    Path(place): Path<String>,
    parts: Parts,
) -> Response<Body> {
    answer(Call::new(&entra, &parts, &place, Version::V1), &parts)
}

fn answer(mut call: Call, parts: &Parts) -> Response<Body> {
    let query = match Parameters::parse(parts.uri.query().unwrap_or_default().as_bytes()) {
        Ok(query) => query,
        Err(refusal) => return pages::refused(&refusal, &call),
    };
    call.note_correlation(&query);
    // Until the address is known to be the app's, nothing may be sent there.
    let (app, redirect_uri) = match returnable(&call, &query) {
        Ok(known) => known,
        Err(refusal) => return pages::refused(&refusal, &call),
    };
    let mode = match query.get("response_mode") {
        Some("form_post") => ResponseMode::FormPost,
        Some("fragment") => ResponseMode::Fragment,
        _ => ResponseMode::Query,
    };
    let back = WayBack {
        uri: redirect_uri,
        mode,
        state: query.get("state"),
    };
    match flow(&call, &query, &app, back) {
        Ok(flow) => show_sign_in(
            &call,
            &app,
            &flow,
            query.get("login_hint").unwrap_or_default(),
        ),
        Err(refusal) => back.with_refusal(&refusal, &call),
    }
}

/// The sign-in page, for the first time.
pub(super) fn show_sign_in(call: &Call, app: &App, flow: &Flow, username: &str) -> Response<Body> {
    let template = SignInPage {
        app: &app.name,
        action: format!("{}/{}/login", call.base, call.segment()),
        flow: call.entra.flow_key.seal(flow),
        username,
        fault: None,
    };
    pages::page(StatusCode::OK, &template)
}

pub(super) fn returnable<'q>(
    call: &Call,
    query: &'q Parameters,
) -> Result<(App, &'q str), Refusal> {
    call.known_tenant()?;
    let client_id = query.require("client_id")?;
    let app = call.entra.tenant.directory().app(client_id).cloned();
    let app = app.ok_or_else(|| refusals::app_not_found(client_id))?;
    let wanted = query.require("redirect_uri")?;
    let url = Url::parse(wanted).ok().filter(|url| app.may_return_to(url));
    match url {
        Some(_) => Ok((app, wanted)),
        None => Err(refusals::redirect_not_registered(wanted, &app)),
    }
}

fn flow(call: &Call, query: &Parameters, app: &App, back: WayBack<'_>) -> Result<Flow, Refusal> {
    match query.require("response_type")? {
        "code" => {}
        other => return Err(refusals::response_type_unsupported(other)),
    }
    let resource = query.get("resource").map(str::to_owned);
    let scope = match (call.version, query.get("scope")) {
        (_, Some(scope)) => scope.to_owned(),
        (Version::V1, None) => String::new(),
        (Version::V2, None) => return Err(refusals::parameter_missing("scope")),
    };
    let flow = Flow {
        client_id: app.client_id.clone(),
        version: call.version,
        scope,
        resource,
        end: End::Redirect(Redirect {
            uri: back.uri.to_owned(),
            mode: back.mode,
            state: back.state.map(str::to_owned),
            nonce: query.get("nonce").map(str::to_owned),
            challenge: challenge(query)?,
        }),
        consent: match query.get("prompt") {
            Some("none") => return Err(refusals::nobody_signed_in()),
            Some("consent") => ConsentPrompt::Always,
            _ => ConsentPrompt::IfNeeded,
        },
        contexts: asked_claims(query)?.contexts,
        person: None,
        began: call.at,
    };
    flow.scopes(&call.base)
        .map_err(|error| refusals::scope_error(&error))?;
    Ok(flow)
}

/// RFC 7636 §4.3; without a method, the challenge is the verifier itself.
fn challenge(query: &Parameters) -> Result<Option<(ChallengeMethod, String)>, Refusal> {
    let Some(challenge) = query.get("code_challenge") else {
        return Ok(None);
    };
    if !(43..=128).contains(&challenge.len()) {
        return Err(refusals::challenge_size());
    }
    match query.get("code_challenge_method") {
        Some("S256") => Ok(Some((ChallengeMethod::S256, challenge.to_owned()))),
        Some("plain") | None => Ok(Some((ChallengeMethod::Plain, challenge.to_owned()))),
        Some(_) => Err(refusals::malformed()),
    }
}
