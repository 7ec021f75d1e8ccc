//! Streams a message in base64 into one request. Graph sends what it has whole, so nothing departs
//! before the last octets.

use std::pin::pin;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use futures_util::stream;
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE};
use tokio::sync::mpsc;

use super::{may_be_sent, not_sent, of_another_size};
use crate::graph::TRANSPORT;
use crate::graph::client::Graph;
use crate::graph::settings::GraphSettings;
use crate::submit::how_it_was_lost;
use crate::{Departure, MailError, Outgoing, Receipt, SubmitError, Trace};

/// A message on its way: what was read of it, and the rest.
pub(super) struct Letter<'a> {
    pub(super) beginning: Vec<Bytes>,
    pub(super) rest: &'a mut dyn Outgoing,
    /// The octets of all of it.
    pub(super) size: u64,
}

/// Where a pump ends that met no error.
#[derive(Debug, PartialEq, Eq)]
enum Pumped {
    All,
    /// Nobody takes more: there is an answer already.
    Stopped,
}

impl Graph {
    /// Sends a message as MIME.
    pub(super) async fn send_mime(
        &self,
        mut letter: Letter<'_>,
        departure: &mut dyn Departure,
    ) -> Result<Receipt, SubmitError> {
        let settings = self.settings();
        let _lane = settings.governor.lane().await;
        self.turn(SEND).await?;
        let token = self.token().await?;
        let id = settings.chance.uuid();
        let (pieces, body) = mpsc::channel::<Result<Bytes, std::io::Error>>(PIECES_AHEAD);
        let body = stream::unfold(body, |mut body| async move {
            body.recv().await.map(|piece| (piece, body))
        });
        let url = self.at(&["sendMail"]).url();
        let request = settings
            .http
            .post(url)
            .headers(self.headers(&token, &id, None)?)
            .header(CONTENT_TYPE, "text/plain")
            .header(CONTENT_LENGTH, letter.size.div_ceil(3).saturating_mul(4))
            .body(reqwest::Body::wrap_stream(body));
        let mut departed = false;
        let mut sending = pin!(request.send());
        let response = {
            let mut pumping = pin!(self.pump(&mut letter, pieces, (departure, &mut departed)));
            tokio::select! {
                biased;
                // Dropped in the middle, the request is cut off, and Graph has no whole message.
                pumped = &mut pumping => match pumped? {
                    Pumped::All | Pumped::Stopped => None,
                },
                response = &mut sending => Some(response),
            }
        };
        let response = match response {
            Some(response) => Ok(response),
            None => settings.clock.within(settings.reply, sending).await,
        };
        let response = response
            .map_err(|_| self.silent("the answer to a message", settings.reply))
            .and_then(|response| response.map_err(|error| self.trouble(&error)));
        let answer = match response {
            Ok(response) => self.judged(response, SEND, (&token, id)).await,
            Err(error) => Err(error),
        };
        match answer {
            // Also with `Retry-After`, which is for the next one.
            Ok(Ok(response)) => Ok(receipt(&response)),
            Ok(Err(refusal)) if departed && may_be_sent(&refusal) => {
                Err(self.unknown(refusal.words()))
            }
            Ok(Err(refusal)) => Err(not_sent(refusal)),
            Err(error) if departed && !is_unreached(&error) => {
                Err(self.unknown(how_it_was_lost(&error)))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Encodes the message into `pieces`, and tells of its departure before the last of them.
    async fn pump(
        &self,
        letter: &mut Letter<'_>,
        pieces: mpsc::Sender<Result<Bytes, std::io::Error>>,
        (departure, departed): (&mut dyn Departure, &mut bool),
    ) -> Result<Pumped, SubmitError> {
        let mut encoder = Encoder::default();
        let mut octets: u64 = 0;
        let mut held = Bytes::new();
        let mut beginning = std::mem::take(&mut letter.beginning).into_iter();
        loop {
            let piece = match beginning.next() {
                Some(piece) => Some(piece),
                None => letter.rest.chunk().await?,
            };
            let Some(piece) = piece else { break };
            octets = octets.saturating_add(piece.len() as u64);
            if octets > letter.size {
                return Err(of_another_size().into());
            }
            let text = encoder.push(&piece);
            if text.is_empty() {
                continue;
            }
            let next = std::mem::replace(&mut held, text);
            if !next.is_empty() && !self.passed(&pieces, next).await? {
                return Ok(Pumped::Stopped);
            }
        }
        if octets != letter.size {
            return Err(of_another_size().into());
        }
        departure.begins(Trace::MessageId).await?;
        *departed = true;
        let mut last = BytesMut::from(held);
        last.extend_from_slice(&encoder.finish());
        if !self.passed(&pieces, last.freeze()).await? {
            return Ok(Pumped::Stopped);
        }
        Ok(Pumped::All)
    }

    /// Whether a piece was taken.
    async fn passed(
        &self,
        pieces: &mpsc::Sender<Result<Bytes, std::io::Error>>,
        piece: Bytes,
    ) -> Result<bool, SubmitError> {
        let limit = GraphSettings::HTTP.pause;
        let passed = self.settings().clock.within(limit, pieces.send(Ok(piece)));
        let passed = passed.await;
        let passed = passed.map_err(|_| self.silent("more of a message to be taken", limit))?;
        Ok(passed.is_ok())
    }
}

fn receipt(response: &reqwest::Response) -> Receipt {
    let id = response.headers().get("request-id");
    let id = id.and_then(|id| id.to_str().ok());
    let status = response.status().as_u16();
    Receipt {
        by: TRANSPORT.name,
        said: match id {
            Some(id) => format!("HTTP {status}, request-id {id}"),
            None => format!("HTTP {status}"),
        },
        refused: Vec::new(),
    }
}

/// Whether nothing reached Graph at all.
fn is_unreached(error: &MailError) -> bool {
    matches!(
        error,
        MailError::Unreachable { .. }
            | MailError::Tls { .. }
            | MailError::CertificateName { .. }
            | MailError::Token(_)
    )
}

/// Base64 (RFC 4648 §4) of pieces, without line ends.
#[derive(Debug, Default)]
struct Encoder {
    /// What does not make three octets yet.
    left: Vec<u8>,
}

impl Encoder {
    /// What is whole now, read where it lies.
    fn push(&mut self, octets: &[u8]) -> Bytes {
        let mut text = String::with_capacity((self.left.len() + octets.len()) / 3 * 4);
        let lacks = (3 - self.left.len()) % 3;
        let (first, rest) = octets.split_at(lacks.min(octets.len()));
        self.left.extend_from_slice(first);
        if self.left.len() == 3 {
            STANDARD.encode_string(&self.left, &mut text);
            self.left.clear();
        }
        let (whole, end) = rest.split_at(rest.len() - rest.len() % 3);
        STANDARD.encode_string(whole, &mut text);
        self.left.extend_from_slice(end);
        text.into()
    }

    fn finish(self) -> Bytes {
        STANDARD.encode(self.left).into()
    }
}

const SEND: &str = "send a message";
const PIECES_AHEAD: usize = 2;

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn pieces_of_any_size_make_the_same_text(octets: Vec<u8>, size in 1_usize..20) {
            let mut encoder = Encoder::default();
            let mut text = Vec::new();
            for piece in octets.chunks(size) {
                text.extend_from_slice(&encoder.push(piece));
            }
            text.extend_from_slice(&encoder.finish());
            proptest::prop_assert_eq!(text.len() as u64, (octets.len() as u64).div_ceil(3) * 4);
            proptest::prop_assert_eq!(text, STANDARD.encode(&octets).into_bytes());
        }
    }
}
