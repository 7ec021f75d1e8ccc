//! What goes wrong on demand before a request is looked at.

use std::time::Duration;

use axum::http::StatusCode;
use serde_json::json;

use super::answer::{Answer, Outcome};
use super::call::Call;
use super::refusal::Refusal;
use crate::faults::{FaultKind, Target};

/// What happens to a request in the place of what it asks for.
pub(super) async fn strike(call: &Call, mailbox: &str) -> Option<Outcome> {
    let target = call.target(Some(mailbox));
    let strikes = |kind| strikes(call, kind, target);
    let clock = &call.graph.clock;
    if strikes(FaultKind::Hang) {
        clock.sleep(LONGEST_HANG).await;
        return Some(Err(Refusal::gateway_timeout()));
    }
    if strikes(FaultKind::SlowReply) {
        clock.sleep(SLOW).await;
    }
    if strikes(FaultKind::Throttle) {
        return Some(Err(Refusal::throttled("1.5")));
    }
    if strikes(FaultKind::GraphOff) {
        return Some(Err(Refusal::access_denied()));
    }
    if strikes(FaultKind::ServerError) {
        return Some(Err(Refusal::unavailable()));
    }
    if strikes(FaultKind::GatewayTimeout) {
        return Some(Err(Refusal::gateway_timeout()));
    }
    if strikes(FaultKind::ClaimsChallenge) {
        let now = call.at.as_second().to_string();
        let claims = json!({"access_token": {"nbf": {"essential": true, "value": now}}});
        return Some(Err(Refusal::challenge(&claims)));
    }
    if strikes(FaultKind::ForeignRedirect) {
        let answer = Answer::empty(StatusCode::TEMPORARY_REDIRECT);
        return Some(Ok(answer.at(&foreign(&call.address))));
    }
    strikes(FaultKind::HtmlAnswer).then(|| {
        let page =
            "<!DOCTYPE html><html><body><h1>Please accept the terms of use</h1></body></html>";
        Ok(Answer::octets("text/html; charset=utf-8", page.into()))
    })
}

fn strikes(call: &Call, kind: FaultKind, target: Target<'_>) -> bool {
    call.graph.faults.strikes(kind, target)
}

/// The same address at a host that no cloud names.
pub(super) fn foreign(address: &str) -> String {
    let path = address
        .split_once("://")
        .and_then(|(_, rest)| rest.split_once('/'));
    let path = path.map_or("", |(_, path)| path);
    format!("https://graph.microsoft.com.evil.example/{path}")
}

/// Longer than any client waits.
const LONGEST_HANG: Duration = Duration::from_mins(10);

/// Long enough to be noticed.
const SLOW: Duration = Duration::from_secs(3);
