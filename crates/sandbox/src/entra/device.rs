//! Sign-ins on devices without a browser (RFC 8628): where they begin, and the page where the
//! person enters the code.

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::request::Parts;
use axum::http::{Method, Response, StatusCode};
use serde_json::json;

use super::authorize::show_sign_in;
use super::call::{Call, Version};
use super::flow::{ConsentPrompt, End, Flow};
use super::pages::{self, DevicePage};
use super::parameters::{Parameters, asked_claims};
use super::refusal::{Refusal, json_response};
use super::{Entra, refusals};
use crate::tenant::{Device, SessionRefused};

/// `/{tenant}/oauth2/v2.0/devicecode`. There are programs that ask by GET, with a query, such as
/// email-oauth2-proxy.
pub(super) async fn v2(
    State(entra): State<Entra>,
    Path(place): Path<String>,
    request: Request,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let call = Call::new(&entra, &parts, &place, Version::V2);
    let body = match (&parts.method, parts.uri.query()) {
        (&Method::GET, Some(query)) => Body::from(query.to_owned()),
        _ => body,
    };
    begin(call, body).await
}

/// `/{tenant}/oauth2/devicecode`
pub(super) async fn v1(
    State(entra): State<Entra>,
    Path(place): Path<String>,
    request: Request,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let call = Call::new(&entra, &parts, &place, Version::V1);
    begin(call, body).await
}

/// `/common/oauth2/deviceauth`, where the person comes to.
pub(super) async fn page(State(entra): State<Entra>, parts: Parts) -> Response<Body> {
    let call = Call::new(&entra, &parts, "common", Version::V2);
    ask_for_code(&call, None)
}

/// The same page, sent.
pub(super) async fn entered(State(entra): State<Entra>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let call = Call::new(&entra, &parts, "common", Version::V2);
    let form = match Parameters::of_body(body, &call.entra.clock).await {
        Ok(form) => form,
        Err(refusal) => return pages::refused(&refusal, &call),
    };
    // People type in any case, and with blanks around it.
    let user_code = form.get("otc").unwrap_or_default().trim().to_uppercase();
    let device = match call.entra.tenant.device_with_code(&user_code) {
        Ok(device) => device,
        Err(why) => return ask_for_code(&call, Some(why)),
    };
    let app = call
        .entra
        .tenant
        .directory()
        .app(&device.client_id)
        .cloned();
    let Some(app) = app else {
        return pages::refused(&refusals::app_not_found(&device.client_id), &call);
    };
    let flow = Flow {
        client_id: device.client_id,
        version: if device.resource.is_some() {
            Version::V1
        } else {
            Version::V2
        },
        scope: device.scope,
        resource: device.resource,
        end: End::Device { user_code },
        consent: ConsentPrompt::IfNeeded,
        contexts: device.contexts,
        person: None,
        began: call.at,
    };
    show_sign_in(&call, &app, &flow, "")
}

fn ask_for_code(call: &Call, fault: Option<SessionRefused>) -> Response<Body> {
    let template = DevicePage {
        action: address(call),
        fault: fault.map(|why| refusals::device_code_refused(why).sentence()),
    };
    pages::page(StatusCode::OK, &template)
}

async fn begin(mut call: Call, body: Body) -> Response<Body> {
    let form = match Parameters::of_body(body, &call.entra.clock).await {
        Ok(form) => form,
        Err(refusal) => return refusal.into_response(&call),
    };
    call.note_correlation(&form);
    match issue(&call, &form) {
        Ok(body) => json_response(StatusCode::OK, body.to_string().into_bytes(), &call),
        Err(refusal) => refusal.into_response(&call),
    }
}

fn issue(call: &Call, form: &Parameters) -> Result<serde_json::Value, Refusal> {
    call.known_tenant()?;
    let client_id = form.require("client_id")?;
    let tenant = &call.entra.tenant;
    if tenant.directory().app(client_id).is_none() {
        return Err(refusals::app_not_found(client_id));
    }
    let (scope, resource) = match call.version {
        Version::V2 => (form.require("scope")?.to_owned(), None),
        Version::V1 => (String::new(), Some(form.require("resource")?.to_owned())),
    };
    let device = Device {
        client_id: client_id.to_owned(),
        scope,
        resource,
        contexts: asked_claims(form)?.contexts,
    };
    let flow = Flow::scopes_of(&device, &call.base);
    flow.map_err(|error| refusals::scope_error(&error))?;
    let issued = tenant.issue_device_code(device);
    let address = address(call);
    let message = format!(
        "To sign in, use a web browser to open the page {address} and enter the code {} to \
         authenticate.",
        issued.user_code
    );
    let mut body = json!({
        "user_code": issued.user_code,
        "device_code": issued.device_code,
        "message": message,
    });
    match call.version {
        Version::V2 => {
            body["verification_uri"] = json!(address);
            body["expires_in"] = json!(issued.lifetime.as_secs());
            body["interval"] = json!(INTERVAL);
        }
        // All numbers are strings, and the address has another name.
        Version::V1 => {
            body["verification_url"] = json!(address);
            body["expires_in"] = json!(issued.lifetime.as_secs().to_string());
            body["interval"] = json!(INTERVAL.to_string());
        }
    }
    Ok(body)
}

fn address(call: &Call) -> String {
    format!("{}/common/oauth2/deviceauth", call.base)
}

/// Seconds. Usually Entra says 5; 0 and 1 were recorded too, and tests are in a hurry.
const INTERVAL: u64 = 1;
