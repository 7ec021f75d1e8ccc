//! The token endpoint over HTTP: one form out, one bounded answer in.

use std::error::Error as _;
use std::sync::OnceLock;
use std::time::Duration;

use async_trait::async_trait;
use gatepost_host::{Chance, Clock, HttpError, HttpLimits, Trust, http_client, http_client_direct};
use reqwest::header::{CONTENT_TYPE, DATE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use rustls::CertificateError;
use url::Url;
use zeroize::{Zeroize as _, Zeroizing};

use crate::answers::{MOST_OCTETS, Reply};
use crate::form::By;
use crate::{Form, TokenError, UntimelyCertificate};

/// Takes a form to a token endpoint and brings the answer, whatever it is.
#[async_trait]
pub trait Endpoint: Send + Sync + std::fmt::Debug {
    /// Posts `form` to where it says.
    async fn post(&self, form: &Form) -> Result<Reply, TokenError>;
}

/// The one that really does.
#[derive(Debug, Clone)]
pub struct HttpEndpoint {
    http: reqwest::Client,
    /// Made when it is needed: most machines have no managed identity.
    direct: OnceLock<reqwest::Client>,
    trust: Trust,
    clock: Clock,
    chance: Chance,
}

impl HttpEndpoint {
    /// An endpoint reached under `trust`, each exchange within 30 seconds.
    pub fn new(trust: &Trust, clock: Clock, chance: Chance) -> Result<Self, HttpError> {
        // One limit for all of it, so that what an error says of it is true.
        let limits = HttpLimits {
            connect: LIMIT,
            total: Some(LIMIT),
            pause: LIMIT,
        };
        Ok(Self {
            http: http_client(trust, limits)?,
            direct: OnceLock::new(),
            trust: trust.clone(),
            clock,
            chance,
        })
    }

    async fn exchange(&self, form: &Form) -> Result<Reply, TokenError> {
        let unreachable = |error: reqwest::Error| trouble(&form.to, &error);
        let mut request = match form.by {
            By::Post => self
                .http
                .post(form.to.clone())
                .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
                .body(form.expose().to_string()),
            By::Get => self.http.get(form.question()),
            By::GetDirectly => self.direct(&form.to)?.get(form.question()),
        };
        if form.by != By::GetDirectly {
            // Entra echoes this as correlation_id; with it Microsoft's support finds the request.
            request = request
                .header("client-request-id", self.chance.uuid())
                .header("return-client-request-id", "true");
        }
        for (name, value) in form.headers() {
            request = request.header(name, value);
        }
        let request = request.header("accept", "application/json");
        let mut response = request.send().await.map_err(unreachable)?;
        let headers = response.headers();
        let mut reply = Reply {
            status: response.status().as_u16(),
            retry_after: text(headers, &RETRY_AFTER),
            date: text(headers, &DATE),
            request_id: text(headers, &HeaderName::from_static("x-ms-request-id")),
            body: Zeroizing::new(Vec::new()),
            is_oversized: false,
        };
        while let Some(piece) = response.chunk().await.map_err(unreachable)? {
            if reply.body.len() + piece.len() > MOST_OCTETS {
                reply.body.zeroize();
                reply.is_oversized = true;
                break;
            }
            reply.body.extend_from_slice(&piece);
        }
        if reply.status != 200 {
            form.hide_secrets(&mut reply.body);
        }
        Ok(reply)
    }
}

impl HttpEndpoint {
    fn direct(&self, to: &Url) -> Result<&reqwest::Client, TokenError> {
        if let Some(made) = self.direct.get() {
            return Ok(made);
        }
        let limits = HttpLimits {
            connect: NEAR,
            total: Some(LIMIT),
            pause: LIMIT,
        };
        let made = http_client_direct(&self.trust, limits);
        let made = made.map_err(|error| TokenError::Unreachable {
            host: host(to),
            reason: error.to_string(),
        })?;
        Ok(self.direct.get_or_init(|| made))
    }
}

#[async_trait]
impl Endpoint for HttpEndpoint {
    async fn post(&self, form: &Form) -> Result<Reply, TokenError> {
        self.clock
            .within(LIMIT, self.exchange(form))
            .await
            .unwrap_or_else(|_| {
                Err(TokenError::TimedOut {
                    host: host(&form.to),
                    limit: LIMIT,
                })
            })
    }
}

fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers
        .get(name)
        .and_then(|value: &HeaderValue| value.to_str().ok())
        .map(str::to_owned)
}

fn host(url: &Url) -> String {
    match (url.host_str(), url.port()) {
        (Some(host), Some(port)) => format!("{host}:{port}"),
        (Some(host), None) => host.to_owned(),
        (None, _) => String::new(),
    }
}

/// Tells apart: no connection, no trust, no answer. The innermost cause says most.
fn trouble(to: &Url, error: &reqwest::Error) -> TokenError {
    let host = host(to);
    let causes = || std::iter::successors(error.source(), |&cause| cause.source());
    let reason = causes()
        .last()
        .map_or_else(|| error.to_string(), ToString::to_string);
    if error.is_timeout() {
        TokenError::TimedOut { host, limit: LIMIT }
    } else if let Some(distrust) = causes().find_map(distrust) {
        match UntimelyCertificate::of(distrust) {
            Some(UntimelyCertificate { when, now, .. }) => {
                TokenError::UntrustedNow { host, when, now }
            }
            None => TokenError::Untrusted { host, reason },
        }
    } else {
        TokenError::Unreachable { host, reason }
    }
}

fn distrust<'a>(cause: &'a (dyn std::error::Error + 'static)) -> Option<&'a CertificateError> {
    if let Some(error) = cause.downcast_ref::<std::io::Error>() {
        // An io::Error hides what it wraps from `source`, and often wraps another one.
        return distrust(error.get_ref()?);
    }
    match cause.downcast_ref()? {
        rustls::Error::InvalidCertificate(error) => Some(error),
        _ => None,
    }
}

/// What this machine reaches without leaving its rack answers at once or never.
const NEAR: Duration = Duration::from_secs(3);
/// For the whole exchange. Entra answers in under a second; a proxy may take longer.
const LIMIT: Duration = Duration::from_secs(30);
