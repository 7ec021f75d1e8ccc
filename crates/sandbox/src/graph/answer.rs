//! What Graph answers when it does what was asked.

use std::io;

use axum::body::Body;
use axum::http::header::{
    CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION,
};
use axum::http::{Response, StatusCode};
use bytes::Bytes;
use futures_util::{StreamExt as _, future, stream};
use serde_json::Value;

use super::refusal::Refusal;

/// An answer, or why there is none.
pub(super) type Outcome = Result<Answer, Refusal>;

/// An answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) content: Content,
    /// Whether the connection ends in the middle of it.
    pub(super) is_cut: bool,
}

/// What an answer holds.
#[derive(Debug)]
pub(super) enum Content {
    Nothing,
    Json(Value),
    /// Octets of a media type.
    Octets(String, Bytes),
}

impl Answer {
    /// 200 with JSON.
    pub(super) fn json(value: Value) -> Self {
        Self::of(StatusCode::OK, Content::Json(value))
    }

    /// 201 with what was made.
    pub(super) fn created(value: Value) -> Self {
        Self::of(StatusCode::CREATED, Content::Json(value))
    }

    /// Octets of this media type.
    pub(super) fn octets(kind: &str, octets: Bytes) -> Self {
        Self::of(StatusCode::OK, Content::Octets(kind.to_owned(), octets))
    }

    /// A status that says it all.
    pub(super) fn empty(status: StatusCode) -> Self {
        Self::of(status, Content::Nothing)
    }

    fn of(status: StatusCode, content: Content) -> Self {
        Self {
            status,
            headers: HeaderMap::new(),
            content,
            is_cut: false,
        }
    }

    /// With one more header; a value that cannot be one is left out.
    pub(super) fn with(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.append(name, value);
        }
        self
    }

    /// With the address of what it is about.
    pub(super) fn at(self, address: &str) -> Self {
        self.with(LOCATION, address)
    }

    pub(super) fn into_response(self) -> Response<Body> {
        let (kind, body) = match self.content {
            Content::Nothing => (None, Bytes::new()),
            Content::Json(value) => (Some(JSON.to_owned()), value.to_string().into()),
            Content::Octets(kind, octets) => (Some(kind), octets),
        };
        let length = body.len();
        let body = if self.is_cut {
            cut(&body)
        } else {
            Body::from(body)
        };
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        let headers = response.headers_mut();
        if let Some(kind) = kind.and_then(|kind| HeaderValue::from_str(&kind).ok()) {
            headers.insert(CONTENT_TYPE, kind);
        }
        headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
        response
    }
}

/// The first half, and then nothing more.
fn cut(body: &Bytes) -> Body {
    let half = body.slice(..body.len() / 2);
    let end = async {
        // What was written goes out before the connection ends.
        tokio::task::yield_now().await;
        Err(io::Error::from(io::ErrorKind::ConnectionReset))
    };
    let begin = future::ready(Ok(half));
    Body::from_stream(stream::once(begin).chain(stream::once(end)))
}

/// As Graph writes it, to the letter.
pub(super) const JSON: &str = "application/json; odata.metadata=minimal; odata.streaming=true; \
                               IEEE754Compatible=false; charset=utf-8";
