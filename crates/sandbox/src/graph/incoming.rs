//! The body of a request, bounded in size and time.

use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::StatusCode;
use bytes::Bytes;
use gatepost_host::{Clock, Elapsed};
use serde_json::{Map, Value};

use super::refusal::Refusal;

/// What comes with a request: over the network, or within a batch.
#[derive(Debug)]
pub(super) enum Incoming {
    Network(Body),
    Given(Bytes),
}

impl Incoming {
    /// All of it.
    pub(super) async fn octets(self, most: usize, clock: &Clock) -> Result<Bytes, Refusal> {
        let body = match self {
            Self::Given(octets) if octets.len() <= most => return Ok(octets),
            Self::Given(_) => return Err(too_large()),
            Self::Network(body) => body,
        };
        match clock.within(LONGEST, to_bytes(body, most)).await {
            Ok(Ok(octets)) => Ok(octets),
            Ok(Err(_)) => Err(too_large()),
            Err(Elapsed) => Err(Refusal::new(
                StatusCode::REQUEST_TIMEOUT,
                "RequestTimeout",
                "The request did not arrive in time.",
            )),
        }
    }

    /// A JSON object; an empty body is an empty one.
    pub(super) async fn object(self, clock: &Clock) -> Result<Map<String, Value>, Refusal> {
        let octets = self.octets(LARGEST_JSON, clock).await?;
        if octets.is_empty() {
            return Ok(Map::new());
        }
        match serde_json::from_slice(&octets) {
            Ok(Value::Object(object)) => Ok(object),
            Ok(_) | Err(_) => Err(Refusal::body_unreadable(
                "Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid JSON format.",
            )),
        }
    }
}

fn too_large() -> Refusal {
    Refusal::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "RequestEntityTooLarge",
        "The request entity is too large.",
    )
}

/// How long a client may take to send its body.
const LONGEST: Duration = Duration::from_mins(10);

/// The largest message by policy, with attachments in base64 and what is around them.
pub(super) const LARGEST_JSON: usize = 210 * 1024 * 1024;
