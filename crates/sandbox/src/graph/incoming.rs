//! The body of a request, bounded in size and time.

use std::time::Duration;

use axum::body::{Body, HttpBody as _, to_bytes};
use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::StreamExt as _;
use gatepost_host::{Clock, Elapsed};
use serde_json::{Map, Value};

use super::refusal::Refusal;
use crate::config::LARGEST_REQUEST;

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
            Err(Elapsed) => Err(too_late()),
        }
    }

    /// A message that comes as MIME in base64, of at most `most` octets, decoded as it arrives.
    pub(super) async fn mime(self, most: usize, clock: &Clock) -> Result<Bytes, Refusal> {
        let mut decoder = Decoder::default();
        match self {
            Self::Given(octets) if octets.len() <= most => decoder.push(&octets)?,
            Self::Given(_) => return Err(too_large()),
            Self::Network(body) => {
                let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
                if announced > most {
                    return Err(too_large());
                }
                let mut came = 0;
                decoder
                    .octets
                    .reserve_exact((announced / 4 * 3).min(LARGEST_MESSAGE));
                let mut chunks = body.into_data_stream();
                loop {
                    match clock.within(LONGEST_PAUSE, chunks.next()).await {
                        Ok(Some(Ok(chunk))) => {
                            came += chunk.len();
                            if came > most {
                                return Err(too_large());
                            }
                            decoder.push(&chunk)?;
                        }
                        Ok(None) => break,
                        Ok(Some(Err(_))) | Err(Elapsed) => return Err(too_late()),
                    }
                }
            }
        }
        decoder.finish()
    }

    /// A JSON object; an empty body is an empty one.
    pub(super) async fn object(self, clock: &Clock) -> Result<Map<String, Value>, Refusal> {
        let octets = self.octets(LARGEST_REQUEST, clock).await?;
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

/// Base64 in pieces (RFC 4648 §4), with line breaks anywhere.
#[derive(Debug, Default)]
struct Decoder {
    /// Letters that wait for their fourth.
    letters: Vec<u8>,
    octets: Vec<u8>,
    has_ended: bool,
}

impl Decoder {
    fn push(&mut self, chunk: &[u8]) -> Result<(), Refusal> {
        let letters = chunk.iter().filter(|letter| !letter.is_ascii_whitespace());
        self.letters.extend(letters);
        let whole = self.letters.len() / 4 * 4;
        if whole == 0 {
            return Ok(());
        }
        if self.has_ended {
            return Err(no_base64());
        }
        let decoded = STANDARD.decode_vec(&self.letters[..whole], &mut self.octets);
        decoded.map_err(|_| no_base64())?;
        self.has_ended = self.letters[whole - 1] == b'=';
        self.letters.drain(..whole);
        if self.octets.len() > LARGEST_MESSAGE {
            return Err(Refusal::too_large());
        }
        Ok(())
    }

    fn finish(self) -> Result<Bytes, Refusal> {
        if self.letters.is_empty() && !self.octets.is_empty() {
            Ok(self.octets.into())
        } else {
            Err(no_base64())
        }
    }
}

fn no_base64() -> Refusal {
    Refusal::bad(
        "ErrorMimeContentInvalidBase64String",
        "Invalid base64 string for MIME content.",
    )
}

fn too_late() -> Refusal {
    Refusal::new(
        StatusCode::REQUEST_TIMEOUT,
        "RequestTimeout",
        "The request did not arrive in time.",
    )
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

/// How long a client may pause within a body.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// The largest message by policy.
pub(super) const LARGEST_MESSAGE: usize = 150 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(chunks: &[&str]) -> Option<Bytes> {
        let mut decoder = Decoder::default();
        for chunk in chunks {
            decoder.push(chunk.as_bytes()).ok()?;
        }
        decoder.finish().ok()
    }

    #[test]
    fn base64_is_decoded_however_it_is_cut() {
        let text = "QmNjOiB4QHkK\r\nCg==";
        for at in 0..text.len() {
            let (before, after) = text.split_at(at);
            assert_eq!(
                decoded(&[before, after]).as_deref(),
                Some(&b"Bcc: x@y\n\n"[..]),
                "{at}"
            );
        }
        for wrong in ["", "QmNj0", "QmN_", "Cg==Cg==", "Q!==", "Cg="] {
            assert_eq!(decoded(&[wrong]), None, "{wrong}");
        }
    }
}
