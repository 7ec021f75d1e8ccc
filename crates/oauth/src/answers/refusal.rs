//! The answer that says no (RFC 6749 §5.2, with Entra's additions).

use std::fmt;
use std::time::Duration;

use gatepost_fault::{After, Next};
use serde_json::{Map, Value};

use super::{Expecting, Reply, Verdict, aadsts, one_line, retry_after};
use crate::Challenge;

/// The issuer's no, with everything it said.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// The credential it was said to.
    pub who: String,
    /// The server that said it.
    pub host: String,
    /// The HTTP status.
    pub status: u16,
    /// The OAuth word, such as `invalid_client`.
    pub error: String,
    /// Entra's refinement of it, such as `consent_required`.
    pub suberror: Option<String>,
    /// The number behind `AADSTS`, if there is one.
    pub aadsts: Option<u32>,
    /// Microsoft's own words, on one line, without the ids.
    pub description: String,
    /// Microsoft's id of the request.
    pub trace_id: Option<String>,
    /// Our id of the request, as Microsoft echoed it.
    pub correlation_id: Option<String>,
    /// What a claims challenge asks for, to be fed back as the `claims` parameter.
    pub claims: Option<Challenge>,
    /// How long to wait, if it said.
    pub retry_after: Option<Duration>,
    /// What it means and what to do.
    pub verdict: &'static Verdict,
}

impl Refusal {
    /// Every code a refusal answers.
    pub const CODES: &'static [&'static str] = &[
        "access_denied",
        "account_disabled",
        "account_elsewhere",
        "account_locked",
        "admin_consent_needed",
        "assertion_invalid",
        "assertion_not_in_time",
        "certificate_unknown",
        "client_disabled",
        "client_refused",
        "client_unknown",
        "cloud_unknown",
        "consent_declined",
        "consent_missing",
        "device_code_over",
        "device_code_pending",
        "endpoint_too_old",
        "federation_mismatch",
        "mfa_required",
        "password_expired",
        "password_missing",
        "password_wrong",
        "permission_not_listed",
        "policy_blocked",
        "proof_not_sent",
        "public_client_proof",
        "redirect_unknown",
        "resource_unknown",
        "scope_invalid",
        "secret_expired",
        "secret_wrong",
        "sign_in_expired",
        "sign_in_frequency",
        "sign_in_incomplete",
        "sign_in_invalid",
        "sign_in_revoked",
        "sign_in_server_busy",
        "subscription_missing",
        "tenant_throttled",
        "tenant_too_wide",
        "tenant_unknown",
        "token_refused",
        "token_request_malformed",
        "user_not_assigned",
        "user_unknown",
    ];

    /// Whether nobody knows its words and number.
    pub(super) fn is_unknown(&self) -> bool {
        std::ptr::eq(self.verdict, aadsts::unknown())
    }

    /// What the program does next.
    pub fn next(&self) -> Next {
        match (self.verdict.next, self.retry_after) {
            (Next::Retry(_), Some(wait)) => Next::Retry(After::AtLeast(wait)),
            (next, _) => next,
        }
    }

    /// Reads a refusal; `None` if the body holds none.
    pub(super) fn read(reply: &Reply, expecting: &Expecting) -> Option<Self> {
        let body: Map<String, Value> = serde_json::from_slice(&reply.body).ok()?;
        // A field of the wrong type counts as absent: it must not hide what the others say.
        let word = |name: &str| body.get(name).and_then(Value::as_str);
        let error = shortened(word("error")?);
        let text = one_line(word("error_description").unwrap_or_default());
        let aadsts = number_in(&text).or_else(|| first_number(body.get("error_codes")?));
        let suberror = word("suberror").map(shortened);
        let (description, ids) = split_ids(&text);
        Some(Self {
            who: expecting.who.clone(),
            host: expecting.host.clone(),
            status: reply.status,
            verdict: aadsts::verdict(&error, suberror.as_deref(), aadsts),
            description: cut(description, MOST_WORDS),
            trace_id: word("trace_id")
                .map(shortened)
                .or_else(|| id_after(ids, "Trace ID:"))
                .or_else(|| reply.request_id.as_deref().map(shortened)),
            correlation_id: word("correlation_id")
                .map(shortened)
                .or_else(|| id_after(ids, "Correlation ID:")),
            claims: word("claims").and_then(Challenge::of_json),
            retry_after: reply
                .retry_after
                .as_deref()
                .and_then(|value| retry_after(value, expecting.now)),
            error,
            suberror,
            aadsts,
        })
    }

    /// A refusal that came with the browser instead of the token endpoint (RFC 6749 §4.1.2.1).
    pub(crate) fn of_redirect(error: &str, description: &str, expecting: &Expecting) -> Self {
        let text = one_line(description);
        let aadsts = number_in(&text);
        let error = shortened(error);
        let (description, ids) = split_ids(&text);
        Self {
            who: expecting.who.clone(),
            host: expecting.host.clone(),
            status: 302,
            suberror: None,
            aadsts,
            description: cut(description, MOST_WORDS),
            trace_id: id_after(ids, "Trace ID:"),
            correlation_id: id_after(ids, "Correlation ID:"),
            claims: None,
            retry_after: None,
            verdict: aadsts::verdict(&error, None, aadsts),
            error,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Verdict { title, advice, .. } = self.verdict;
        write!(f, "{} refused {}: {title}; {advice}. ", self.host, self.who)?;
        write!(f, "It said {}", self.error)?;
        if let Some(suberror) = &self.suberror {
            write!(f, "/{suberror}")?;
        }
        if !self.description.is_empty() {
            write!(f, ": {}", self.description)?;
        } else if let Some(number) = self.aadsts {
            write!(f, ": AADSTS{number}")?;
        }
        match (&self.trace_id, &self.correlation_id) {
            (Some(trace), Some(correlation)) => {
                write!(f, " (trace id {trace}, correlation id {correlation})")
            }
            (Some(trace), None) => write!(f, " (trace id {trace})"),
            (None, Some(correlation)) => write!(f, " (correlation id {correlation})"),
            (None, None) => Ok(()),
        }
    }
}

/// The first of `error_codes`, as a number or in digits.
fn first_number(codes: &Value) -> Option<u32> {
    let first = codes.get(0)?;
    match first.as_u64() {
        Some(number) => u32::try_from(number).ok(),
        None => first.as_str()?.parse().ok(),
    }
}

/// The number that leads Microsoft's text: `AADSTS7000215: …`.
fn number_in(text: &str) -> Option<u32> {
    let (_, after) = text.split_once("AADSTS")?;
    let digits = after
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(after.len());
    after[..digits].parse().ok()
}

/// Microsoft ends its text with ids and a time, on lines of their own or not.
fn split_ids(text: &str) -> (&str, &str) {
    let at = text.find("Trace ID:").unwrap_or(text.len());
    (text[..at].trim_end(), &text[at..])
}

fn id_after(ids: &str, label: &str) -> Option<String> {
    let (_, after) = ids.split_once(label)?;
    after.split_whitespace().next().map(shortened)
}

fn shortened(word: &str) -> String {
    cut(&one_line(word), MOST_WORD)
}

fn cut(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let mut end = most;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…", &text[..end])
}

const MOST_WORD: usize = 80;
const MOST_WORDS: usize = 1000;
