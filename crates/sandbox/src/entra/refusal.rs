//! An error in Entra's exact form.

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Response, StatusCode};
use jiff::Timestamp;
use serde::Serialize;

use super::call::Call;
use crate::faults::OnDemand;

/// A request that the platform refuses, before it is written down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    /// The OAuth error (RFC 6749 §5.2, and Entra's own).
    pub(super) error: &'static str,
    /// The AADSTS number.
    pub(super) code: u32,
    /// What stands behind `AADSTSnnn: `.
    pub(super) text: String,
    /// Entra's finer distinction for libraries.
    pub(super) suberror: Option<&'static str>,
    /// The status, where it is not 400 (401 for `invalid_client`).
    pub(super) status: Option<StatusCode>,
    /// What to ask for at the next sign-in, as JSON (a claims challenge).
    pub(super) claims: Option<String>,
}

#[derive(Serialize)]
struct ErrorBody<'a> {
    error: &'a str,
    error_description: String,
    error_codes: [u32; 1],
    timestamp: String,
    trace_id: &'a str,
    correlation_id: &'a str,
    error_uri: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    suberror: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    claims: Option<&'a str>,
}

impl Refusal {
    pub(super) fn new(error: &'static str, code: u32, text: impl Into<String>) -> Self {
        Self {
            error,
            code,
            text: text.into(),
            suberror: None,
            status: None,
            claims: None,
        }
    }

    pub(super) fn with_suberror(self, suberror: &'static str) -> Self {
        Self {
            suberror: Some(suberror),
            ..self
        }
    }

    pub(super) fn with_claims(self, claims: String) -> Self {
        Self {
            claims: Some(claims),
            ..self
        }
    }

    pub(super) fn with_status(self, status: StatusCode) -> Self {
        Self {
            status: Some(status),
            ..self
        }
    }

    /// `AADSTSnnn: text`, as pages and redirects show it.
    pub(super) fn sentence(&self) -> String {
        format!("AADSTS{}: {}", self.code, self.text)
    }

    /// The whole `error_description`: the sentence with the numbers to find it by.
    pub(super) fn description(&self, call: &Call) -> String {
        format!(
            "{} Trace ID: {} Correlation ID: {} Timestamp: {}",
            self.sentence(),
            call.trace_id,
            call.correlation_id,
            timestamp(call.at),
        )
    }

    /// The answer to the caller.
    pub(super) fn into_response(self, call: &Call) -> Response<Body> {
        let status = self.status.unwrap_or(match self.error {
            "invalid_client" => StatusCode::UNAUTHORIZED,
            _ => StatusCode::BAD_REQUEST,
        });
        let body = ErrorBody {
            error: self.error,
            error_description: self.description(call),
            error_codes: [self.code],
            timestamp: timestamp(call.at),
            trace_id: &call.trace_id,
            correlation_id: &call.correlation_id,
            error_uri: format!("{}/error?code={}", call.base, self.code),
            suberror: self.suberror,
            claims: self.claims.as_deref(),
        };
        let text = serde_json::to_vec(&body).expect("strings and numbers are always JSON");
        let mut response = json_response(status, text, call);
        let telemetry = format!("1,{},0,,", self.code);
        if let Ok(value) = HeaderValue::from_str(&telemetry) {
            response.headers_mut().insert(TELEMETRY, value);
        }
        response
    }
}

impl From<&OnDemand> for Refusal {
    fn from(ordered: &OnDemand) -> Self {
        Self {
            suberror: ordered.suberror,
            ..Self::new(ordered.error, ordered.code, ordered.text)
        }
    }
}

/// A JSON answer with the headers of the token endpoint.
pub(super) fn json_response(status: StatusCode, body: Vec<u8>, call: &Call) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    for (name, value) in TOKEN_HEADERS {
        headers.insert(*name, HeaderValue::from_static(value));
    }
    for (name, value) in [
        (REQUEST_ID, &call.trace_id),
        (CLIENT_REQUEST_ID, &call.correlation_id),
    ] {
        let value = HeaderValue::from_str(value).expect("a UUID is a header value");
        headers.insert(name, value);
    }
    headers.insert(TELEMETRY, HeaderValue::from_static("1,0,0,,"));
    response
}

/// `YYYY-MM-DD HH:MM:SSZ`.
pub(super) fn timestamp(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}

const REQUEST_ID: HeaderName = HeaderName::from_static("x-ms-request-id");
const CLIENT_REQUEST_ID: HeaderName = HeaderName::from_static("client-request-id");
const TELEMETRY: HeaderName = HeaderName::from_static("x-ms-clitelem");

/// As recorded from the real endpoint.
const TOKEN_HEADERS: &[(&str, &str)] = &[
    ("cache-control", "no-store, no-cache"),
    ("pragma", "no-cache"),
    ("expires", "-1"),
    ("content-type", "application/json; charset=utf-8"),
    (
        "strict-transport-security",
        "max-age=31536000; includeSubDomains",
    ),
    ("x-content-type-options", "nosniff"),
    ("p3p", r#"CP="DSP CUR OTPi IND OTRi ONL FIN""#),
    ("x-ms-ests-server", "2.1.16042.2 - SANDBOX ProdSlices"),
];
