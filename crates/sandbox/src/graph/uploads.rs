//! Large attachments in ranges, to an address that needs no token
//! (<https://learn.microsoft.com/graph/outlook-large-attachments>).

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Query, Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_RANGE};
use axum::http::{HeaderMap, Method, Response, StatusCode};
use bytes::Bytes;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Graph;
use super::access::Owner;
use super::answer::{Answer, Outcome};
use super::attachments::hang;
use super::call::Call;
use super::dispatch::{Mail, Numbers};
use super::incoming::{Incoming, LARGEST_MESSAGE};
use super::letter::{File, unknown_type, wrong};
use super::messages::again;
use super::refusal::Refusal;
use super::send::property;
use super::strike::strike;
use crate::faults::FaultKind;
use crate::mailboxes::{MessageId, Placed};

/// The uploads that are under way.
#[derive(Debug, Default)]
pub(crate) struct Uploads(Mutex<BTreeMap<String, Upload>>);

/// A file that comes in ranges.
#[derive(Debug)]
struct Upload {
    /// The request that began it, in whose name the file is hung on the draft.
    call: Call,
    /// Whose draft it is.
    address: String,
    draft: MessageId,
    file: File,
    octets: Vec<u8>,
    size: usize,
    expires_at: Timestamp,
}

/// `POST …/attachments/createUploadSession`.
pub(super) fn create(mail: Mail<'_>, placed: &Placed, given: &Map<String, Value>) -> Outcome {
    let item = property(given, "AttachmentItem").and_then(Value::as_object);
    let item = item.ok_or_else(|| wrong("AttachmentItem"))?;
    let text = |name: &str| {
        property(item, name)
            .and_then(Value::as_str)
            .map(str::to_owned)
    };
    let size = property(item, "size").and_then(Value::as_u64);
    let size = size
        .and_then(|size| usize::try_from(size).ok())
        .ok_or_else(|| wrong("size"))?;
    if size < SMALLEST {
        return Err(Refusal::bad(
            "ErrorAttachmentSizeShouldNotBeLessThanMinimumSize",
            "Attachment size must be greater than the minimum size.",
        ));
    }
    if size > LARGEST_MESSAGE {
        return Err(Refusal::bad(
            "ErrorAttachmentSizeLimitExceeded",
            "The attachment size exceeds the limit.",
        ));
    }
    let call = mail.call;
    let expires_at = call.at.checked_add(LIFE).unwrap_or(call.at);
    let file = File {
        name: text("name").ok_or_else(|| wrong("name"))?,
        content_type: text("contentType").unwrap_or_else(unknown_type),
        is_inline: property(item, "isInline")
            .and_then(Value::as_bool)
            .unwrap_or(false),
        content_id: text("contentId"),
        octets: Bytes::new(),
    };
    let token = call.graph.chance.token(32);
    let mut uploads = call.graph.uploads.lock();
    uploads.retain(|_, upload| upload.expires_at > call.at);
    if uploads.len() >= MOST {
        return Err(Refusal::throttled("10"));
    }
    uploads.insert(
        token.clone(),
        Upload {
            call: call.clone(),
            address: mail.owner.address.clone(),
            draft: placed.message.id,
            file,
            octets: Vec::new(),
            size,
            expires_at,
        },
    );
    // Another host than Graph's, as outlook.office.com is.
    let (port, oid) = (call.graph.port, &mail.owner.oid);
    Ok(Answer::created(json!({
        "@odata.context": format!("{}/$metadata#microsoft.graph.uploadSession", call.base),
        "uploadUrl": format!("https://127.0.0.1:{port}/api/v2.0/Users('{oid}')/AttachmentSessions?authtoken={token}"),
        "expirationDateTime": expires_at.to_string(),
        "nextExpectedRanges": ["0-"],
    })))
}

#[derive(Debug, Deserialize)]
pub(super) struct Token {
    authtoken: String,
}

/// `PUT`, `GET` and `DELETE` of the address of an upload.
pub(super) async fn entry(
    State(graph): State<Graph>,
    Query(Token { authtoken }): Query<Token>,
    request: Request,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let numbers = Numbers::of(&graph, &parts.headers);
    let outcome = if parts.headers.contains_key(AUTHORIZATION) {
        Err(Refusal::new(
            StatusCode::UNAUTHORIZED,
            "Unauthorized",
            "The address of an upload is called without a token.",
        ))
    } else if parts.method == Method::PUT {
        put(&graph, &authtoken, &parts.headers, body).await
    } else if parts.method == Method::GET {
        graph
            .uploads
            .alive(&graph, &authtoken, |upload| Ok(upload.progress()))
    } else if parts.method == Method::DELETE {
        let ended = graph.uploads.lock().remove(&authtoken);
        ended
            .map(|_| Answer::empty(StatusCode::NO_CONTENT))
            .ok_or_else(not_found)
    } else {
        Err(Refusal::method(parts.method.as_str()))
    };
    numbers.answer(outcome).into_response()
}

async fn put(graph: &Graph, token: &str, headers: &HeaderMap, body: Body) -> Outcome {
    let range = headers
        .get(CONTENT_RANGE)
        .and_then(|range| range.to_str().ok());
    let range = range.and_then(Range::read).ok_or_else(|| {
        Refusal::bad(
            "ErrorInvalidRange",
            "The header Content-Range is missing or malformed.",
        )
    })?;
    let octets = Incoming::Network(body)
        .octets(LARGEST_RANGE, &graph.clock)
        .await?;
    let whose = |upload: &mut Upload| Ok((upload.call.clone(), upload.address.clone()));
    let (call, address) = graph.uploads.alive(graph, token, whose)?;
    if let Some(outcome) = strike(&call, &address).await {
        return outcome;
    }
    let strikes = |kind| graph.faults.strikes(kind, call.target(Some(&address)));
    if strikes(FaultKind::ExpiredUpload) {
        graph.uploads.lock().remove(token);
        return Err(not_found());
    }
    let outcome = take(graph, token, range, &octets);
    if outcome.is_ok() && strikes(FaultKind::LostUploadAnswer) {
        return Err(Refusal::gateway_timeout());
    }
    outcome
}

/// Takes a range; the last one makes the file an attachment.
fn take(graph: &Graph, token: &str, range: Range, octets: &[u8]) -> Outcome {
    let progress = graph.uploads.alive(graph, token, |upload| {
        upload.take(range, octets)?;
        let is_whole = upload.octets.len() == upload.size;
        Ok((!is_whole).then(|| upload.progress()))
    })?;
    if let Some(progress) = progress {
        return Ok(progress);
    }
    let upload = graph.uploads.lock().remove(token);
    upload.ok_or_else(not_found)?.finish(graph)
}

impl Uploads {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Upload>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn alive<T>(
        &self,
        graph: &Graph,
        token: &str,
        act: impl FnOnce(&mut Upload) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        let mut uploads = self.lock();
        let upload = uploads.get_mut(token);
        let alive = upload.filter(|upload| upload.expires_at > graph.tenant.now());
        act(alive.ok_or_else(not_found)?)
    }
}

impl Upload {
    /// Ranges come in order, without gaps; what came already may not come again.
    fn take(&mut self, range: Range, octets: &[u8]) -> Result<(), Refusal> {
        let fits = range.total == self.size
            && range.first == self.octets.len()
            && range.last < self.size
            && range.last >= range.first;
        if !fits {
            return Err(Refusal::new(
                StatusCode::RANGE_NOT_SATISFIABLE,
                "ErrorInvalidRange",
                format!(
                    "The range does not fit: the next one expected begins at {} of {}.",
                    self.octets.len(),
                    self.size
                ),
            ));
        }
        if octets.len() != range.last - range.first + 1 {
            return Err(Refusal::bad(
                "ErrorInvalidRange",
                "The body is not as long as the header Content-Range says.",
            ));
        }
        if self.octets.is_empty() {
            self.octets.reserve_exact(self.size);
        }
        self.octets.extend_from_slice(octets);
        Ok(())
    }

    /// In capitals, unlike the answer that began it.
    fn progress(&self) -> Answer {
        Answer::json(json!({
            "ExpirationDateTime": self.expires_at.to_string(),
            "NextExpectedRanges": [self.octets.len().to_string()],
        }))
    }

    fn finish(self, graph: &Graph) -> Outcome {
        let (owner, _) = Owner::of(&self.call)?;
        let mailbox = graph.mailboxes.open(&owner.address)?;
        let mail = Mail {
            call: &self.call,
            owner: &owner,
            mailbox: &mailbox,
        };
        let placed = again(mail, self.draft)?;
        let file = File {
            octets: self.octets.into(),
            ..self.file
        };
        let shape = hang(mail, &placed, file)?;
        let id = shape["id"].as_str().unwrap_or_default();
        let address = format!(
            "https://127.0.0.1:{}/api/v2.0/Users('{}')/Attachments('{id}')",
            graph.port, owner.oid
        );
        Ok(Answer::empty(StatusCode::CREATED).at(&address))
    }
}

/// `bytes 0-2097151/3483322` (RFC 9110 §14.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Range {
    first: usize,
    last: usize,
    total: usize,
}

impl Range {
    fn read(text: &str) -> Option<Self> {
        let (range, total) = text.strip_prefix("bytes ")?.split_once('/')?;
        let (first, last) = range.split_once('-')?;
        Some(Self {
            first: first.parse().ok()?,
            last: last.parse().ok()?,
            total: total.parse().ok()?,
        })
    }
}

fn not_found() -> Refusal {
    Refusal::new(
        StatusCode::NOT_FOUND,
        "ErrorItemNotFound",
        "The upload session was not found or has expired.",
    )
}

/// How long an upload may take.
const LIFE: Duration = Duration::from_hours(24);

/// How many uploads may be under way.
const MOST: usize = 64;

/// The largest range of an upload.
const LARGEST_RANGE: usize = 4 * 1024 * 1024;

/// The smallest file that is worth an upload: two mebibytes, as people found out. The documentation
/// tells them to come with three megabytes.
const SMALLEST: usize = 2 * 1024 * 1024;
