//! Posts each event to a URL, signed as Standard Webhooks 1.0.0 says
//! (<https://www.standardwebhooks.com>).
//!
//! Any 2xx is done. 410 switches the sink off. Anything else, a redirect included, is tried
//! again. The body is the event; the message is not in it.

mod address;
mod retry_after;
mod signature;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use gatepost_host::{Clock, HttpError, HttpLimits, Network, Trust, http_client_resolving};
use reqwest::{Response, StatusCode};
use url::Url;

pub use address::AddressGuard;
pub use signature::{SecretError, SigningSecret};

use super::{SinkKind, payload, retry};
use crate::{Handover, Outcome, Sink};

/// The entry of this kind in the list of sinks.
pub const KIND: SinkKind = SinkKind {
    name: "webhook",
    doc: "posts each event to a URL, signed as Standard Webhooks 1.0.0 says",
};

/// Where events are posted, and how they are signed.
#[derive(Debug, Clone)]
pub struct WebhookSettings {
    /// The URL, `http` or `https`.
    pub url: Url,
    /// The secrets to sign with, the newest first. During a rotation the old one stays in the
    /// list, and every event carries a signature by each. Without any, events are not signed.
    pub secrets: Vec<SigningSecret>,
    /// Networks that may be reached although they are private. This machine may be reached if
    /// the host of the URL is `localhost` or a loopback address.
    pub allow: Vec<Network>,
    /// Whose certificates are accepted.
    pub trust: Trust,
}

/// A receiver of events.
#[derive(Debug)]
pub struct Webhook {
    url: Url,
    secrets: Vec<SigningSecret>,
    guard: Arc<AddressGuard>,
    client: reqwest::Client,
    clock: Clock,
}

impl Webhook {
    /// A sink that posts.
    pub fn new(settings: WebhookSettings, clock: Clock) -> Result<Self, HttpError> {
        let guard = Arc::new(AddressGuard::of(&settings.url, settings.allow));
        let limits = HttpLimits {
            connect: LIMIT / 2,
            total: Some(LIMIT),
            pause: LIMIT,
        };
        let client = http_client_resolving(&settings.trust, limits, Arc::clone(&guard))?;
        Ok(Self {
            url: settings.url,
            secrets: settings.secrets,
            guard,
            client,
            clock,
        })
    }

    async fn post(&self, handover: &Handover<'_>) -> Result<Response, String> {
        // A name is checked when it is resolved; an address in the URL never is.
        self.guard.check_host(&self.url)?;
        let id = handover.event.id.as_str();
        let seconds = self.clock.now().as_second();
        let body = payload(handover);
        let mut request = self
            .client
            .post(self.url.clone())
            .header("content-type", "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", seconds.to_string());
        if !self.secrets.is_empty() {
            let signatures = signature::header(&self.secrets, (id, seconds, &body));
            request = request.header("webhook-signature", signatures);
        }
        let answer = request.body(body).send().await;
        answer.map_err(|error| sentence(&error.without_url()))
    }

    async fn outcome(&self, response: Response) -> Outcome {
        let status = response.status();
        if status.is_success() {
            return Outcome::Done;
        }
        let after = retry_after::wanted(response.headers(), self.clock.now());
        let reason = format!("the receiver answered {status}{}", words(response).await);
        match status {
            StatusCode::GONE => Outcome::SinkGone { reason },
            StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT => Outcome::Retry {
                reason,
                after: Some(after.unwrap_or(BREATH)),
            },
            status if status.is_redirection() => retry(format!(
                "{reason}; redirects are not followed, so set the URL it leads to"
            )),
            _ => Outcome::Retry { reason, after },
        }
    }
}

#[async_trait]
impl Sink for Webhook {
    async fn deliver(&self, handover: Handover<'_>) -> Outcome {
        match self.post(&handover).await {
            Ok(response) => self.outcome(response).await,
            Err(reason) => retry(format!("the receiver cannot be reached: {reason}")),
        }
    }

    async fn probe(&self) -> Outcome {
        let reached = async {
            self.guard.check_host(&self.url)?;
            let asked = self.client.head(self.url.clone()).send().await;
            asked.map_err(|error| sentence(&error.without_url()))
        };
        match reached.await {
            // Any answer at all: a receiver need not know HEAD.
            Ok(_) => Outcome::Done,
            Err(reason) => retry(format!("the receiver cannot be reached: {reason}")),
        }
    }

    fn longest_attempt(&self) -> Duration {
        LIMIT + Duration::from_secs(5)
    }
}

/// What the receiver said, in its first words.
async fn words(mut response: Response) -> String {
    let Ok(Some(chunk)) = response.chunk().await else {
        return String::new();
    };
    let text = String::from_utf8_lossy(&chunk);
    let words: Vec<&str> = text.split_whitespace().collect();
    let words: String = words.join(" ").chars().take(MOST_WORDS).collect();
    if words.is_empty() {
        words
    } else {
        format!(" and said: {words}")
    }
}

/// The whole chain of causes: the last one says what it was.
fn sentence(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        let said = error.to_string();
        if !text.contains(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        cause = error.source();
    }
    text
}

/// Standard Webhooks recommends 15 to 30 seconds.
const LIMIT: Duration = Duration::from_secs(20);
/// How long a receiver in trouble is left alone if it does not say so itself.
const BREATH: Duration = Duration::from_secs(5);
/// In characters.
const MOST_WORDS: usize = 300;
