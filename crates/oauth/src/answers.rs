//! Every answer a token endpoint can give, as a token or a typed refusal. Nothing here does I/O.

pub mod aadsts;
mod device;
mod refusal;
mod seconds;
mod success;
mod times;

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use zeroize::Zeroizing;

use crate::flow::{Asking, Granted};
use crate::{AccessToken, Audience, TokenError};
use aadsts::{NOT_IN_TIME, Verdict};
pub(crate) use device::{Issued, read as read_device_code};
pub use refusal::Refusal;
use secrecy::SecretString;
pub use times::{http_date, retry_after};

/// An answer as it came: nothing in it is trusted yet.
#[derive(Clone, Default)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// `Retry-After`, seconds (whole or not) or an HTTP date.
    pub retry_after: Option<String>,
    /// `Date`, the server's clock.
    pub date: Option<String>,
    /// `x-ms-request-id`, which Microsoft calls trace id in its texts.
    pub request_id: Option<String>,
    /// The body, which may hold tokens.
    pub body: Zeroizing<Vec<u8>>,
    /// Whether there was more than [`MOST_OCTETS`], and nothing was kept.
    pub is_oversized: bool,
}

/// What an answer is read against.
#[derive(Debug, Clone)]
pub struct Expecting {
    /// Names the credential in errors.
    pub who: String,
    /// Names the server in errors.
    pub host: String,
    /// Our clock when the answer came.
    pub now: Timestamp,
}

/// A token answer before its id token, if any, was checked. What the token is for, only who asked
/// knows.
#[derive(Debug, Clone)]
pub struct TokenAnswer {
    /// The access token.
    pub secret: SecretString,
    /// When the issuer stops honouring it.
    pub expires_at: Timestamp,
    /// The scopes that the issuer said it granted, if it said so.
    pub scope: Option<String>,
    /// The refresh token.
    pub refresh: Option<SecretString>,
    /// The id token, unread.
    pub id_token: Option<SecretString>,
}

/// Reads an answer of the token endpoint.
pub fn read(reply: &Reply, expecting: &Expecting) -> Result<TokenAnswer, TokenError> {
    granted(reply, expecting)?;
    success::read(reply, expecting)
}

/// Refuses every answer that is not a yes.
fn granted(reply: &Reply, expecting: &Expecting) -> Result<(), TokenError> {
    if reply.is_oversized {
        let reason = format!("its answer is longer than {} KiB", MOST_OCTETS / 1024);
        return Err(unusable(reply, expecting, reason));
    }
    if reply.status == 200 {
        return Ok(());
    }
    let retry_after = reply
        .retry_after
        .as_deref()
        .and_then(|value| retry_after(value, expecting.now));
    // An error in words says more than its status; where there are none, or none that anybody
    // knows, a status that means "later" decides.
    let is_temporary = matches!(reply.status, 429 | 500..=599);
    let refusal =
        Refusal::read(reply, expecting).filter(|refusal| !(is_temporary && refusal.is_unknown()));
    match (reply.status, refusal) {
        (429, None) => Err(TokenError::Throttled {
            who: expecting.who.clone(),
            host: expecting.host.clone(),
            retry_after,
        }),
        (500..=599, None) => Err(TokenError::Failing {
            who: expecting.who.clone(),
            host: expecting.host.clone(),
            status: reply.status,
            retry_after,
        }),
        (_, Some(refusal)) => Err(refused(refusal, reply, expecting.now)),
        (_, None) => {
            let reason = Shape::of(&reply.body).told("its answer is JSON without the field error");
            Err(unusable(reply, expecting, reason))
        }
    }
}

impl Expecting {
    /// What an answer to `asking` is read against.
    pub fn of(asking: &Asking, now: Timestamp) -> Self {
        Self {
            who: asking.who(),
            host: asking
                .registration
                .cloud
                .login
                .host_str()
                .unwrap_or_default()
                .to_owned(),
            now,
        }
    }
}

impl TokenAnswer {
    /// The grant of a token for `audience`, where nobody's identity is part of it.
    pub fn without_identity(self, audience: Audience) -> Granted {
        let mut access = AccessToken::new(self.secret, audience, self.expires_at);
        access.scope = self.scope;
        Granted {
            access,
            refresh: self.refresh,
            person: None,
        }
    }
}

impl std::fmt::Debug for Reply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reply")
            .field("status", &self.status)
            .field("request_id", &self.request_id)
            .field("octets", &self.body.len())
            .finish_non_exhaustive()
    }
}

fn refused(refusal: Refusal, reply: &Reply, now: Timestamp) -> TokenError {
    let refusal = Box::new(refusal);
    let clocks = reply.date.as_deref().and_then(http_date);
    match clocks {
        Some(theirs) if refusal.verdict.code == NOT_IN_TIME => match skew(now, theirs) {
            Some(skew) => TokenError::ClockSkew {
                skew,
                because: Box::new(TokenError::Refused(refusal)),
            },
            None => TokenError::Refused(refusal),
        },
        _ => TokenError::Refused(refusal),
    }
}

/// How far our clock is from theirs, in words, if that is enough to explain a refusal.
pub(crate) fn skew(ours: Timestamp, theirs: Timestamp) -> Option<String> {
    in_words(ours.duration_since(theirs))
}

/// A difference between two clocks in words, if it is enough to explain anything.
pub(crate) fn in_words(difference: SignedDuration) -> Option<String> {
    if difference.abs() < LEAST_SKEW {
        return None;
    }
    let direction = if difference.is_positive() {
        "ahead of"
    } else {
        "behind"
    };
    Some(format!("{} {direction}", amount(difference)))
}

/// How long it is, roughly, whichever way it goes: `7 minutes`.
pub(crate) fn amount(difference: SignedDuration) -> String {
    let seconds = difference.abs().as_secs();
    match seconds {
        0..120 => format!("{seconds} seconds"),
        120..7200 => format!("{} minutes", seconds / 60),
        7200..172_800 => format!("{} hours", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

fn unusable(reply: &Reply, expecting: &Expecting, reason: String) -> TokenError {
    TokenError::AnswerUnusable {
        who: expecting.who.clone(),
        host: expecting.host.clone(),
        status: reply.status,
        reason,
        // A successful answer may hold a token in a place we did not understand.
        excerpt: if reply.status == 200 {
            String::new()
        } else {
            excerpt(&reply.body)
        },
    }
}

/// What a body is that is not what was expected.
enum Shape {
    Empty,
    WebPage,
    OtherJson,
    NotJson,
}

impl Shape {
    fn of(body: &[u8]) -> Self {
        let start = body.trim_ascii_start();
        if start.is_empty() {
            Self::Empty
        } else if start.starts_with(b"<") {
            Self::WebPage
        } else if serde_json::from_slice::<serde::de::IgnoredAny>(body).is_ok() {
            Self::OtherJson
        } else {
            Self::NotJson
        }
    }

    /// The shape in words; `other` says what is wrong with JSON.
    fn told(self, other: &str) -> String {
        match self {
            Self::Empty => "its answer is empty",
            Self::WebPage => "its answer is a web page",
            Self::NotJson => "its answer is not JSON",
            Self::OtherJson => other,
        }
        .to_owned()
    }
}

/// The beginning of a text, on one line, without what could disturb a terminal.
pub(crate) fn excerpt(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(EXCERPT)]);
    one_line(&text)
}

/// A peer's text on one line, without what could disturb a terminal.
pub(crate) fn one_line(text: &str) -> String {
    let printable: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    printable.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The longest answer that is read: Entra's are under 8 KiB.
pub const MOST_OCTETS: usize = 64 * 1024;

/// No server is believed that wants us silent for longer.
pub(crate) const LONGEST_WAIT: Duration = Duration::from_hours(1);

const EXCERPT: usize = 120;
const LEAST_SKEW: SignedDuration = SignedDuration::from_secs(60);

#[cfg(test)]
mod tests;
