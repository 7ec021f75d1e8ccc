//! The answer of the device code endpoint (RFC 8628 §3.2; version 1 writes other names).

use std::time::Duration;

use jiff::Timestamp;
use secrecy::SecretString;
use serde::Deserialize;
use url::Url;

use super::seconds::Seconds;
use super::{Expecting, Reply, Shape, granted, one_line, unusable};
use crate::TokenError;
use crate::flow::DeviceCode;

/// What the server issued: one part for the person, one for us.
#[derive(Debug)]
pub(crate) struct Issued {
    pub(crate) shown: DeviceCode,
    pub(crate) device_code: SecretString,
    pub(crate) interval: Duration,
}

/// Reads the answer.
pub(crate) fn read(reply: &Reply, expecting: &Expecting) -> Result<Issued, TokenError> {
    granted(reply, expecting)?;
    let wrong = |reason: &str| unusable(reply, expecting, reason.to_owned());
    let Ok(body) = serde_json::from_slice::<Body>(&reply.body) else {
        let shape = Shape::of(&reply.body).told("it holds no device code");
        return Err(wrong(&shape));
    };
    let code = one_line(&body.user_code);
    if code.is_empty() || code.len() > LONGEST_CODE {
        return Err(wrong("user_code is empty or too long to be typed"));
    }
    let address = page(&body.verification_uri)
        .ok_or_else(|| wrong("verification_uri is not the address of a web page"))?;
    let life = Duration::from_secs(body.expires_in.0).min(LONGEST_LIFE);
    Ok(Issued {
        shown: DeviceCode {
            code,
            address,
            complete: body.verification_uri_complete.as_deref().and_then(page),
            until: expecting.now.checked_add(life).unwrap_or(Timestamp::MAX),
        },
        device_code: body.device_code,
        // RFC 8628 §3.2: without a number, 5 seconds. Entra has been seen to say 0.
        interval: body.interval.map_or(USUAL_INTERVAL, |seconds| {
            Duration::from_secs(seconds.0).clamp(SHORTEST_INTERVAL, LONGEST_INTERVAL)
        }),
    })
}

#[derive(Deserialize)]
struct Body {
    device_code: SecretString,
    user_code: String,
    #[serde(alias = "verification_url")]
    verification_uri: String,
    verification_uri_complete: Option<String>,
    expires_in: Seconds,
    interval: Option<Seconds>,
}

/// Nothing else is shown to a person as an address to open.
fn page(text: &str) -> Option<Url> {
    Url::parse(text)
        .ok()
        .filter(|url| matches!(url.scheme(), "https" | "http") && url.has_host())
}

/// Entra's have nine characters.
const LONGEST_CODE: usize = 64;
const LONGEST_LIFE: Duration = Duration::from_hours(1);
const USUAL_INTERVAL: Duration = Duration::from_secs(5);
const SHORTEST_INTERVAL: Duration = Duration::from_secs(1);
/// No server is believed that wants to be asked less often than once in its code's minute.
const LONGEST_INTERVAL: Duration = Duration::from_mins(1);
