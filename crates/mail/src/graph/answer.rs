//! What Graph says when it refuses
//! (<https://learn.microsoft.com/graph/errors>), read with patience.

use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, RETRY_AFTER};
use serde::Deserialize;

/// An answer that is no success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// `error.code`; empty where the body is not Graph's.
    pub(super) code: String,
    /// `error.message`, shortened.
    pub(super) message: String,
    /// Microsoft's name of the request.
    pub(super) request_id: Option<String>,
    pub(super) retry_after: Option<Duration>,
}

impl Answer {
    /// Reads status, headers and the beginning of the body.
    pub(super) fn read(status: u16, headers: &HeaderMap, body: &[u8]) -> Self {
        let error = serde_json::from_slice::<Body>(body)
            .unwrap_or_default()
            .error;
        let inner = error.inner.unwrap_or_default();
        let header = |name: HeaderName| {
            let value = headers.get(name)?.to_str().ok()?;
            Some(shortened(value, MOST_OF_AN_ID))
        };
        let message = match error.message {
            Some(message) => message,
            None => {
                String::from_utf8_lossy(&body[..body.len().min(MOST_OF_A_MESSAGE)]).into_owned()
            }
        };
        Self {
            status,
            code: shortened(&error.code.unwrap_or_default(), MOST_OF_AN_ID),
            message: shortened(&message, MOST_OF_A_MESSAGE),
            request_id: header(REQUEST_ID).or(inner.request_id),
            retry_after: headers
                .get(RETRY_AFTER)
                .and_then(|value| seconds(value.to_str().ok()?)),
        }
    }

    /// The same of one answer within a batch.
    pub(super) fn of_part(
        status: u16,
        retry_after: Option<&str>,
        body: &serde_json::Value,
    ) -> Self {
        let body = serde_json::to_vec(body).unwrap_or_default();
        let mut answer = Self::read(status, &HeaderMap::new(), &body);
        answer.retry_after = retry_after.and_then(seconds);
        answer
    }
}

/// `Retry-After` in seconds, which Graph also writes as a fraction. Dates are not written by it.
fn seconds(text: &str) -> Option<Duration> {
    let seconds: f64 = text.trim().parse().ok()?;
    let bounded = Duration::try_from_secs_f64(seconds).ok()?;
    Some(bounded.min(LONGEST_WAIT))
}

/// One line, of so many characters at most, without anything that a terminal obeys.
fn shortened(text: &str, most: usize) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let line = words.join(" ");
    line.chars()
        .filter(|c| !c.is_control())
        .take(most)
        .collect()
}

#[derive(Debug, Default, Deserialize)]
struct Body {
    #[serde(default)]
    error: ErrorBody,
}

#[derive(Debug, Default, Deserialize)]
struct ErrorBody {
    code: Option<String>,
    message: Option<String>,
    #[serde(rename = "innerError", alias = "innererror")]
    inner: Option<Inner>,
}

#[derive(Debug, Default, Deserialize)]
struct Inner {
    #[serde(rename = "request-id")]
    request_id: Option<String>,
}

const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");
const MOST_OF_A_MESSAGE: usize = 500;
const MOST_OF_AN_ID: usize = 100;
/// A server that wants more is not believed.
const LONGEST_WAIT: Duration = Duration::from_hours(24);

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(all: &[(&'static str, &'static str)]) -> HeaderMap {
        let all = all.iter().map(|(name, value)| {
            let value = reqwest::header::HeaderValue::from_static(value);
            (HeaderName::from_static(name), value)
        });
        all.collect()
    }

    #[test]
    fn an_error_is_read_with_its_names() {
        let body = br#"{"error":{"code":"ErrorItemNotFound","message":"The specified object was not found in the store.","innerError":{"date":"2022-10-23T22:59:31","request-id":"aa-1","client-request-id":"cc-1"},"unknown":1}}"#;
        let answer = Answer::read(404, &headers(&[("retry-after", "2.128")]), body);
        assert_eq!(answer.code, "ErrorItemNotFound");
        assert_eq!(answer.request_id.as_deref(), Some("aa-1"));
        assert_eq!(answer.retry_after, Some(Duration::from_millis(2128)));
        let answer = Answer::read(404, &headers(&[("request-id", "bb-2")]), body);
        assert_eq!(answer.request_id.as_deref(), Some("bb-2"));
    }

    #[test]
    fn what_is_no_error_of_graphs_is_shown_by_its_beginning() {
        let page = format!("<html>\n\x1b[31mBad   Gateway{}</html>", "x".repeat(5000));
        let answer = Answer::read(502, &HeaderMap::new(), page.as_bytes());
        assert_eq!(answer.code, "");
        assert!(answer.message.starts_with("<html> [31mBad Gateway"));
        assert!(answer.message.len() <= 500);
        for odd in [
            "",
            "null",
            "[]",
            r#"{"error":7}"#,
            r#"{"error":{"code":7}}"#,
        ] {
            assert_eq!(
                Answer::read(500, &HeaderMap::new(), odd.as_bytes()).code,
                ""
            );
        }
    }

    #[test]
    fn a_wait_is_bounded_and_never_negative() {
        assert_eq!(seconds("0"), Some(Duration::ZERO));
        assert_eq!(seconds("1e9"), Some(LONGEST_WAIT));
        for odd in ["-1", "soon", "", "NaN", "inf"] {
            assert_eq!(seconds(odd), None, "{odd}");
        }
    }
}
