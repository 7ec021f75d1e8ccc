//! Many requests in one (<https://learn.microsoft.com/graph/json-batching>).

use std::collections::{BTreeMap, BTreeSet};

use axum::http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use axum::http::{Method, StatusCode, Uri};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::answer::{Answer, Content, Outcome};
use super::call::{Call, Line, VERSION};
use super::dispatch::{Numbers, serve};
use super::incoming::Incoming;
use super::refusal::Refusal;

#[derive(Debug, Deserialize)]
struct Batch {
    requests: Vec<Item>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    id: String,
    method: String,
    url: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    body: Option<Value>,
    #[serde(default)]
    depends_on: Vec<String>,
}

/// `POST /$batch`: answers come in another order than the requests, as they may.
pub(super) async fn answer(call: &Call, incoming: Incoming) -> Outcome {
    if call.method != Method::POST {
        return Err(Refusal::method(call.method.as_str()));
    }
    let given = incoming.object(&call.graph.clock).await?;
    let batch: Batch = serde_json::from_value(Value::Object(given)).map_err(|error| {
        Refusal::body_unreadable(format!("Invalid batch payload format: {error}"))
    })?;
    check(&batch)?;
    let mut failed: BTreeSet<&str> = BTreeSet::new();
    let mut responses: Vec<Value> = Vec::with_capacity(batch.requests.len());
    for item in &batch.requests {
        let numbers = Numbers::of(&call.graph, &call.headers);
        let outcome = if item
            .depends_on
            .iter()
            .any(|id| failed.contains(id.as_str()))
        {
            Err(Refusal::new(
                StatusCode::FAILED_DEPENDENCY,
                "FailedDependency",
                "A request that this one depends on failed.",
            ))
        } else {
            one(call, item).await
        };
        let answer = numbers.answer(outcome);
        if !answer.status.is_success() {
            failed.insert(&item.id);
        }
        responses.push(shown(&item.id, answer));
    }
    responses.reverse();
    Ok(Answer::json(json!({"responses": responses})))
}

fn check(batch: &Batch) -> Result<(), Refusal> {
    if batch.requests.is_empty() || batch.requests.len() > MOST {
        return Err(Refusal::body_unreadable(format!(
            "Number of batch request steps exceeds the maximum value of {MOST}, or there is none."
        )));
    }
    let mut before = BTreeSet::new();
    for item in &batch.requests {
        if item
            .depends_on
            .iter()
            .any(|id| !before.contains(id.as_str()))
        {
            return Err(Refusal::body_unreadable(
                "A batch request depends on one that does not come before it.",
            ));
        }
        if !before.insert(item.id.as_str()) {
            return Err(Refusal::body_unreadable(format!(
                "The batch request id '{}' is used more than once.",
                item.id
            )));
        }
    }
    Ok(())
}

async fn one(call: &Call, item: &Item) -> Outcome {
    let method = Method::from_bytes(item.method.to_ascii_uppercase().as_bytes());
    let uri: Result<Uri, _> = format!("{VERSION}/{}", item.url.trim_start_matches('/')).parse();
    let (Ok(method), Ok(uri)) = (method, uri) else {
        return Err(Refusal::body_unreadable(
            "A batch request has no valid method or URL.",
        ));
    };
    if uri.path().eq_ignore_ascii_case("/v1.0/$batch") {
        return Err(Refusal::body_unreadable("A batch cannot hold a batch."));
    }
    let mut headers = HeaderMap::new();
    if let Some(host) = call.headers.get("host") {
        headers.insert("host", host.clone());
    }
    for (name, value) in &item.headers {
        let name = HeaderName::from_bytes(name.as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(value)) {
            headers.insert(name, value);
        }
    }
    let body = match &item.body {
        None => Vec::new(),
        Some(Value::String(text)) => text.clone().into_bytes(),
        Some(json) => json.to_string().into_bytes(),
    };
    let line = Line {
        method: &method,
        uri: &uri,
        headers: &headers,
    };
    let call = Call::of(&call.graph, call.principal.clone(), line)?;
    // A batch within a batch was refused: this goes one level deep.
    Box::pin(serve(&call, Incoming::Given(body.into()))).await
}

/// Octets come in base64.
fn shown(id: &str, answer: Answer) -> Value {
    let mut headers = Map::new();
    for (name, value) in &answer.headers {
        if let Ok(value) = value.to_str() {
            headers.insert(name.as_str().to_owned(), json!(value));
        }
    }
    let (kind, body) = match answer.content {
        Content::Nothing => (None, Value::Null),
        Content::Json(value) => (Some("application/json".to_owned()), value),
        Content::Octets(kind, octets) => (Some(kind), json!(STANDARD.encode(octets))),
    };
    if let Some(kind) = kind {
        headers.insert(CONTENT_TYPE.as_str().to_owned(), json!(kind));
    }
    let mut shown = json!({"id": id, "status": answer.status.as_u16(), "headers": headers});
    if !body.is_null() {
        shown["body"] = body;
    }
    shown
}

/// The most requests in one.
const MOST: usize = 20;
