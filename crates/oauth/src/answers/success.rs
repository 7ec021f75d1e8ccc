//! The answer with a token in it (RFC 6749 §5.1).

use std::time::Duration;

use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use super::seconds::Seconds;
use super::{Expecting, Reply, Shape, TokenAnswer, unusable};
use crate::TokenError;

pub(super) fn read(reply: &Reply, expecting: &Expecting) -> Result<TokenAnswer, TokenError> {
    let wrong = |reason: &str| unusable(reply, expecting, reason.to_owned());
    let Ok(body) = serde_json::from_slice::<Body>(&reply.body) else {
        let shape = Shape::of(&reply.body).told("a field of its answer has the wrong type");
        return Err(wrong(&shape));
    };
    let secret = body
        .access_token
        .ok_or_else(|| wrong("access_token is missing"))?;
    if !is_token(secret.expose_secret()) {
        return Err(wrong(
            "access_token is empty or holds characters no token has",
        ));
    }
    match body.token_type.as_deref() {
        Some(kind) if kind.eq_ignore_ascii_case("bearer") => {}
        Some(_) => return Err(wrong("token_type is not Bearer")),
        None => return Err(wrong("token_type is missing")),
    }
    let life = body
        .expires_in
        .map(|seconds| Duration::from_secs(seconds.0))
        .or_else(|| until(body.expires_on?, expecting.now))
        .ok_or_else(|| wrong("expires_in is missing"))?
        .min(LONGEST_LIFE);
    if life.is_zero() {
        return Err(wrong("the token it sent has expired already"));
    }
    let expires_at = expecting.now.checked_add(life).unwrap_or(Timestamp::MAX);
    Ok(TokenAnswer {
        secret,
        expires_at,
        scope: body.scope,
        refresh: body.refresh_token.filter(is_some_text),
        id_token: body.id_token.filter(is_some_text),
    })
}

#[derive(Deserialize)]
struct Body {
    access_token: Option<SecretString>,
    token_type: Option<String>,
    expires_in: Option<Seconds>,
    expires_on: Option<Seconds>,
    refresh_token: Option<SecretString>,
    id_token: Option<SecretString>,
    scope: Option<String>,
}

fn until(at: Seconds, now: Timestamp) -> Option<Duration> {
    let at = Timestamp::from_second(i64::try_from(at.0).ok()?).ok()?;
    Some(Duration::try_from(at.duration_since(now)).unwrap_or(Duration::ZERO))
}

/// A token goes into headers and SASL lines: visible ASCII only.
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_graphic())
}

fn is_some_text(secret: &SecretString) -> bool {
    !secret.expose_secret().is_empty()
}

/// Entra's longest tokens live 28 hours.
const LONGEST_LIFE: Duration = Duration::from_hours(7 * 24);
