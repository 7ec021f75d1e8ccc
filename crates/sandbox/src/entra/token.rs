//! The token endpoint of both versions.

use std::time::Duration;

use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};

use super::answer::Granted;
use super::call::{Call, Incoming, Place, Version};
use super::client_proof::{self, Client};
use super::grants;
use super::parameters::Parameters;
use super::refusal::Refusal;
use super::refusals;
use crate::faults::{FaultKind, Target};

/// `/{tenant}/oauth2/v2.0/token`
pub(super) async fn v2(incoming: Incoming) -> Response<Body> {
    answer(incoming.call(Version::V2)).await
}

/// `/{tenant}/oauth2/token`
pub(super) async fn v1(incoming: Incoming) -> Response<Body> {
    answer(incoming.call(Version::V1)).await
}

/// What a grant sees of a request.
#[derive(Debug)]
pub(super) struct TokenRequest<'a> {
    pub(super) call: &'a Call,
    pub(super) form: &'a Parameters,
    pub(super) client: Client,
}

async fn answer((mut call, parts, body): (Call, Parts, Body)) -> Response<Body> {
    if let Ok(query) = Parameters::parse(parts.uri.query().unwrap_or_default().as_bytes()) {
        call.note_correlation(&query);
    }
    if parts.method != Method::POST {
        return refusals::only_post().into_response(&call);
    }
    let form = match Parameters::of_body(body, &call.entra.clock).await {
        Ok(form) => form,
        Err(refusal) => return refusal.into_response(&call),
    };
    call.note_correlation(&form);
    if let Some(response) = strike(&call, &parts.headers, &form).await {
        return response;
    }
    match grant(&call, &parts.headers, &form) {
        Ok(granted) => {
            tracing::debug!(audience = granted.audience, "the sandbox gave a token");
            granted.into_response(&call)
        }
        Err(refusal) => {
            tracing::debug!(
                code = refusal.code,
                error = refusal.error,
                "the sandbox gave no token"
            );
            refusal.into_response(&call)
        }
    }
}

fn grant(call: &Call, headers: &HeaderMap, form: &Parameters) -> Result<Granted, Refusal> {
    call.known_tenant()?;
    let grant = grants::find(form.require("grant_type")?)?;
    if call.version == Version::V2 && form.get("resource").is_some() {
        return Err(refusals::resource_not_taken());
    }
    let client = client_proof::check(call, headers, form)?;
    if call.place == Place::Consumers {
        return Err(refusals::consumers_not_served(&client.app));
    }
    grant.answer(&TokenRequest { call, form, client })
}

/// What goes wrong on demand, before anything is looked at.
async fn strike(call: &Call, headers: &HeaderMap, form: &Parameters) -> Option<Response<Body>> {
    let app = client_proof::named(headers, form);
    let refresh = form.get("refresh_token");
    let session = refresh.and_then(|token| call.entra.tenant.refresh_token(token).ok());
    let mailbox = session.as_ref().map(|token| token.sign_in.upn.as_str());
    let target = Target {
        app: app.as_deref(),
        mailbox: mailbox.or(form.get("username")),
    };
    let faults = &call.entra.faults;
    if faults.strikes(FaultKind::Hang, target) {
        call.entra.clock.sleep(LONGEST_HANG).await;
        return Some(refusals::transient().into_response(call));
    }
    if faults.strikes(FaultKind::Throttle, target) {
        let mut response = refusals::throttled().into_response(call);
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, HeaderValue::from_static("1.5"));
        return Some(response);
    }
    if faults.strikes(FaultKind::ServerError, target) {
        return Some(refusals::transient().into_response(call));
    }
    if let Some(ordered) = faults.refuses(target) {
        return Some(Refusal::from(ordered).into_response(call));
    }
    faults.strikes(FaultKind::HtmlAnswer, target).then(web_page)
}

/// What a proxy or a captive portal says in the place of the platform.
fn web_page() -> Response<Body> {
    let mut response = Response::new(Body::from(
        "<!DOCTYPE html><html><head><title>Sign in to the network</title></head>\
         <body><h1>Please accept the terms of use</h1></body></html>",
    ));
    *response.status_mut() = StatusCode::OK;
    let html = HeaderValue::from_static("text/html; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, html);
    response
}

/// Longer than any client waits.
const LONGEST_HANG: Duration = Duration::from_mins(10);
