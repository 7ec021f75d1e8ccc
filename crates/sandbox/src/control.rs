//! The control API: what `gatepost sandbox deliver` and `gatepost sandbox fault` talk to.
//!
//! | request | does |
//! |---|---|
//! | `POST /sandbox/deliver?to=ADDRESS`, body: a message | puts it into the inbox |
//! | `GET /sandbox/faults` | lists the orders that stand |
//! | `POST /sandbox/faults`, body: an order such as `throttle,times=3` | gives it |
//! | `DELETE /sandbox/faults` | takes all orders back |
//! | `DELETE /sandbox/faults/NAME` | takes back those of one kind |
//! | `GET /sandbox/state` | tells what there is |
//! | `GET /sandbox/departed` | lists what left the tenant |
//! | `GET /sandbox/departed/NUMBER` | gives one message of that list |
//!
//! Every request carries `Authorization: Bearer TOKEN` with the token of the env file. A refusal
//! is JSON with `code` and `message`.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, Query, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next as Onward};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{delete, get, post};
use axum::{Router, body::Body};
use gatepost_fault::{Fault, Next, Owner};
use gatepost_host::Clock;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};
use subtle::ConstantTimeEq as _;

use crate::faults::{FaultKind, FaultOrder, Faults, Reach};
use crate::mailboxes::{DepartedUnknown, Mailbox, MailboxKind, Mailboxes};
use crate::tenant::Tenant;

/// What the control API works on.
#[derive(Debug)]
pub(crate) struct Control {
    pub(crate) tenant: Tenant,
    pub(crate) mailboxes: Mailboxes,
    pub(crate) faults: Faults,
    pub(crate) clock: Clock,
    /// Who knows it may do everything.
    pub(crate) token: SecretString,
}

impl Control {
    /// Its addresses, all behind the token.
    pub(crate) fn router(self) -> Router {
        let control = Arc::new(self);
        Router::new()
            .route("/sandbox/deliver", post(deliver))
            .route(
                "/sandbox/faults",
                get(faults).post(order_fault).delete(clear_faults),
            )
            .route("/sandbox/faults/{kind}", delete(clear_fault))
            .route("/sandbox/state", get(state))
            .route("/sandbox/departed", get(departed))
            .route("/sandbox/departed/{number}", get(departed_message))
            .layer(DefaultBodyLimit::max(LARGEST_MESSAGE))
            // Not a `layer`: merged with the platform's router, that would guard every unknown path.
            .route_layer(middleware::from_fn_with_state(Arc::clone(&control), admit))
            .with_state(control)
    }
}

/// Lets in who knows the token.
async fn admit(
    State(control): State<Arc<Control>>,
    request: Request<Body>,
    onward: Onward,
) -> Response {
    let given = request.headers().get(header::AUTHORIZATION);
    let given = given.and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    let expected = control.token.expose_secret().as_bytes();
    if given.is_some_and(|given| bool::from(given.as_bytes().ct_eq(expected))) {
        return onward.run(request).await;
    }
    refused(StatusCode::UNAUTHORIZED, &ControlRefused)
}

#[derive(Debug, Deserialize)]
struct Addressee {
    to: String,
}

async fn deliver(
    State(control): State<Arc<Control>>,
    Query(addressee): Query<Addressee>,
    raw: Bytes,
) -> Response {
    let at = control.clock.now();
    match control.mailboxes.deliver(&addressee.to, with_crlf(raw), at) {
        Ok(filed) => Json(
            json!({"mailbox": addressee.to, "uidvalidity": filed.uidvalidity, "uid": filed.uid}),
        )
        .into_response(),
        Err(error) => refused(StatusCode::NOT_FOUND, &error),
    }
}

async fn faults(State(control): State<Arc<Control>>) -> Response {
    Json(json!({"faults": standing(&control.faults)})).into_response()
}

async fn order_fault(State(control): State<Arc<Control>>, text: String) -> Response {
    match text.trim().parse::<FaultOrder>() {
        Ok(order) => {
            if let Reach::Mailbox(address) = &order.reach
                && control.tenant.directory().person(address).is_none()
                && let Err(unknown) = control.mailboxes.open(address)
            {
                return refused(StatusCode::NOT_FOUND, &unknown);
            }
            control.faults.order(order);
            Json(json!({"faults": standing(&control.faults)})).into_response()
        }
        Err(error) => refused(StatusCode::BAD_REQUEST, &error),
    }
}

async fn clear_faults(State(control): State<Arc<Control>>) -> Response {
    control.faults.clear_all();
    Json(json!({"faults": []})).into_response()
}

async fn clear_fault(State(control): State<Arc<Control>>, Path(kind): Path<String>) -> Response {
    match kind.parse::<FaultKind>() {
        Ok(kind) => {
            control.faults.clear(kind);
            Json(json!({"faults": standing(&control.faults)})).into_response()
        }
        Err(error) => refused(StatusCode::NOT_FOUND, &error),
    }
}

async fn state(State(control): State<Arc<Control>>) -> Response {
    let mailboxes: Vec<Value> = control
        .mailboxes
        .all()
        .iter()
        .map(|mailbox| shown(mailbox))
        .collect();
    let directory = control.tenant.directory();
    let people: Vec<Value> = directory
        .people()
        .map(|person| json!({"address": person.upn, "name": person.name}))
        .collect();
    let apps: Vec<Value> = directory
        .apps()
        .map(|app| json!({"client_id": app.client_id, "name": app.name}))
        .collect();
    let tenant_id = directory.tenant_id.clone();
    drop(directory);
    Json(json!({
        "tenant": tenant_id,
        "mailboxes": mailboxes,
        "people": people,
        "apps": apps,
        "refresh_tokens": control.tenant.refresh_tokens_kept(),
        "faults": standing(&control.faults),
    }))
    .into_response()
}

async fn departed(State(control): State<Arc<Control>>) -> Response {
    let departed = control.mailboxes.departed();
    let departed: Vec<Value> = departed
        .iter()
        .enumerate()
        .map(|(number, message)| {
            json!({
                "number": number,
                "mailbox": message.mailbox,
                "recipients": message.recipients,
                "at": message.at.to_string(),
                "octets": message.raw.len(),
            })
        })
        .collect();
    Json(json!({"departed": departed})).into_response()
}

async fn departed_message(
    State(control): State<Arc<Control>>,
    Path(number): Path<usize>,
) -> Response {
    match control.mailboxes.departed().get(number) {
        Some(message) => {
            let kind = [(header::CONTENT_TYPE, "message/rfc822")];
            (kind, message.raw.clone()).into_response()
        }
        None => refused(StatusCode::NOT_FOUND, &DepartedUnknown(number)),
    }
}

fn shown(mailbox: &Mailbox) -> Value {
    let folders = mailbox.folders().into_iter().filter_map(|entry| {
        let state = mailbox.state(entry.id)?;
        Some(json!({
            "name": entry.path.to_string(),
            "messages": state.messages,
            "unseen": state.unseen,
            "uidvalidity": state.uidvalidity,
        }))
    });
    json!({
        "address": mailbox.address(),
        "kind": match mailbox.kind() {
            MailboxKind::User => "user",
            MailboxKind::Shared => "shared",
        },
        "folders": folders.collect::<Vec<Value>>(),
    })
}

fn standing(faults: &Faults) -> Vec<Value> {
    let all = faults.standing().into_iter();
    all.map(|standing| {
        json!({
            "order": standing.order.to_string(),
            "since": standing.since.to_string(),
            "left": standing.left,
        })
    })
    .collect()
}

fn refused(status: StatusCode, error: &impl Fault) -> Response {
    let body = json!({"code": error.code(), "message": error.to_string()});
    (status, Json(body)).into_response()
}

/// A request to the control API came without its token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the sandbox's control API wants its token (GATEPOST_SANDBOX_CONTROL_TOKEN); use the env \
     file of the sandbox that runs now"
)]
pub struct ControlRefused;

impl ControlRefused {
    /// Every code this error answers.
    pub const CODES: &'static [&'static str] = &["sandbox_control_refused"];
}

impl Fault for ControlRefused {
    fn code(&self) -> &'static str {
        "sandbox_control_refused"
    }

    fn owner(&self) -> Owner {
        Owner::Operator
    }

    fn next(&self) -> Next {
        Next::Reconfigure
    }
}

/// A message as it comes from a server: files on a disk often end their lines with LF alone
/// (RFC 5322 §2.3).
fn with_crlf(raw: Bytes) -> Bytes {
    let bare = |at: usize| raw[at] == b'\n' && (at == 0 || raw[at - 1] != b'\r');
    if !(0..raw.len()).any(bare) {
        return raw;
    }
    let mut whole = Vec::with_capacity(raw.len() + raw.len() / 32);
    for at in 0..raw.len() {
        if bare(at) {
            whole.push(b'\r');
        }
        whole.push(raw[at]);
    }
    whole.into()
}

/// The largest message that Exchange Online accepts by policy.
const LARGEST_MESSAGE: usize = 150 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_with_crlf() {
        for (raw, whole) in [
            ("a\nb\r\nc", "a\r\nb\r\nc"),
            ("\n", "\r\n"),
            ("a\r\nb", "a\r\nb"),
            ("", ""),
        ] {
            assert_eq!(with_crlf(Bytes::from(raw)), whole, "{raw:?}");
        }
    }
}
