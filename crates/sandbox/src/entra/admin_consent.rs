//! Where an administrator permits an app for everybody.

use std::collections::BTreeSet;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::Response;
use axum::http::request::Parts;

use super::authorize::{returnable, show_sign_in};
use super::call::{Call, Place, Version};
use super::flow::{ConsentEndpoint, ConsentPrompt, End, Flow, Redirect, ResponseMode};
use super::pages;
use super::parameters::Parameters;
use super::refusal::Refusal;
use super::{Entra, refusals};
use crate::tenant::App;

/// `/{tenant}/v2.0/adminconsent`
pub(super) async fn v2(
    State(entra): State<Entra>,
    Path(place): Path<String>,
    parts: Parts,
) -> Response<Body> {
    let call = Call::new(&entra, &parts, &place, Version::V2);
    answer(&call, &parts, ConsentEndpoint::V2)
}

/// `/{tenant}/adminconsent`
pub(super) async fn legacy(
    State(entra): State<Entra>,
    Path(place): Path<String>,
    parts: Parts,
) -> Response<Body> {
    let call = Call::new(&entra, &parts, &place, Version::V1);
    answer(&call, &parts, ConsentEndpoint::Legacy)
}

fn answer(call: &Call, parts: &Parts, endpoint: ConsentEndpoint) -> Response<Body> {
    match begin(call, parts, endpoint) {
        Ok((app, flow)) => show_sign_in(call, &app, &flow, ""),
        Err(refusal) => pages::refused(&refusal, call),
    }
}

fn begin(call: &Call, parts: &Parts, endpoint: ConsentEndpoint) -> Result<(App, Flow), Refusal> {
    let query = Parameters::parse(parts.uri.query().unwrap_or_default().as_bytes())?;
    let (app, uri) = returnable(call, &query)?;
    if endpoint == ConsentEndpoint::V2 && call.place == Place::Consumers {
        return Err(refusals::consumers_not_served(&app));
    }
    let scope = match endpoint {
        ConsentEndpoint::V2 => known_at_token(query.require("scope")?),
        ConsentEndpoint::Legacy => LISTED.to_owned(),
    };
    let flow = Flow {
        client_id: app.client_id.clone(),
        version: Version::V2,
        scope,
        resource: None,
        end: End::AdminConsent {
            redirect: Redirect {
                uri: uri.to_owned(),
                mode: ResponseMode::Query,
                state: query.get("state").map(str::to_owned),
                nonce: None,
                challenge: None,
            },
            generation: endpoint,
        },
        consent: ConsentPrompt::Always,
        contexts: BTreeSet::new(),
        person: None,
        began: call.at,
    };
    flow.scopes(&call.base)
        .map_err(|error| refusals::scope_error(&error))?;
    Ok((app, flow))
}

/// One name of Exchange Online is known in this place only.
fn known_at_token(scope: &str) -> String {
    scope.replace("https://ps.outlook.com/", "https://outlook.office365.com/")
}

/// The legacy address means everything that the app's registration lists.
const LISTED: &str = "https://outlook.office365.com/.default https://graph.microsoft.com/.default";
