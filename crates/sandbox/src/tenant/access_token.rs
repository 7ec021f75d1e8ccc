//! Access tokens in the v1.0 form that Exchange and Graph ask for, and their reading.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{App, AskedClaims, Person, Principal, Resource, TokenRefused};
use crate::faults::Stamp;

/// What makes one access token differ from another.
#[derive(Debug, Clone, Copy)]
pub struct AccessToken<'a> {
    /// The API, as the request named it.
    pub audience: &'a str,
    /// The API.
    pub resource: Resource,
    /// The app that asked.
    pub app: &'a App,
    /// How the app proved who it is.
    pub strength: ClientStrength,
    /// In whose name the app acts.
    pub bearer: Bearer<'a>,
    /// What the request wants it to carry.
    pub asked: &'a AskedClaims,
}

/// In whose name an app acts.
#[derive(Debug, Clone, Copy)]
pub enum Bearer<'a> {
    /// In its own, with its roles.
    App,
    /// In a person's, with these permissions, and the authentication contexts of the sign-in.
    Person(&'a Person, &'a BTreeSet<&'static str>, &'a BTreeSet<String>),
}

/// How the app proved who it is (`appidacr`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientStrength {
    /// Not at all.
    Public,
    /// With a secret.
    Secret,
    /// With a certificate.
    Certificate,
}

/// When a token was made and how long it lives.
#[derive(Debug, Clone)]
pub(super) struct Making {
    pub(super) tenant_id: String,
    pub(super) now: Timestamp,
    pub(super) lifetime: Duration,
    /// Becomes part of `uti`, so that a later order can tell what was handed out before it.
    pub(super) stamp: Stamp,
    pub(super) chance: String,
}

/// The claims of a token.
pub(super) fn claims(token: &AccessToken<'_>, making: &Making) -> Value {
    let now = making.now.as_second();
    let lifetime = i64::try_from(making.lifetime.as_secs()).unwrap_or(i64::MAX);
    let tenant_id = &making.tenant_id;
    let issuer = format!("https://sts.windows.net/{tenant_id}/");
    let mut claims = json!({
        "aud": token.audience,
        "iss": issuer,
        "iat": now,
        // Entra dates tokens back by five minutes against clocks that are slow.
        "nbf": now.saturating_sub(300),
        "exp": now.saturating_add(lifetime),
        "aio": making.chance,
        "app_displayname": token.app.name,
        "appid": token.app.client_id,
        "appidacr": token.strength.digit(),
        "idp": issuer,
        "rh": "1.AAAA.",
        "tid": tenant_id,
        "uti": format!("{:016x}{}", making.stamp.0, making.chance),
        "ver": "1.0",
    });
    if let Some(not_before) = token.asked.not_before {
        // No token is younger than now, whatever is asked.
        let oldest = now.saturating_sub(300);
        claims["nbf"] = json!(not_before.clamp(oldest, now));
    }
    if token.asked.bears_challenges {
        claims["xms_cc"] = json!(["cp1"]);
    }
    match token.bearer {
        Bearer::App => {
            claims["idtyp"] = json!("app");
            claims["oid"] = json!(token.app.object_id);
            claims["sub"] = json!(token.app.object_id);
            // Without any role the claim is absent, not empty.
            if let Some(roles) = token.app.roles.get(&token.resource) {
                claims["roles"] = json!(roles);
            }
        }
        Bearer::Person(person, permissions, contexts) => {
            if !contexts.is_empty() {
                claims["acrs"] = json!(contexts);
            }
            let permissions: Vec<&str> = permissions.iter().copied().collect();
            claims["idtyp"] = json!("user");
            // Everybody here signs in with a password; tokens of version 1 say so
            // (https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference).
            claims["amr"] = json!(["pwd"]);
            claims["oid"] = json!(person.oid);
            claims["sub"] = json!(super::pairwise(&person.oid, token.resource.app_id()));
            claims["name"] = json!(person.name);
            claims["upn"] = json!(person.upn);
            claims["unique_name"] = json!(person.upn);
            claims["scp"] = json!(permissions.join(" "));
        }
    }
    claims
}

/// What a checked token says, before the tenant asks whether it was revoked.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) principal: Principal,
    pub(super) stamp: Stamp,
    /// The authentication contexts in it.
    pub(super) contexts: BTreeSet<String>,
}

/// Reads the claims of a token of ours for `resource`.
pub(super) fn read(
    claims: &Value,
    now: Timestamp,
    (resource, permits): (Resource, &dyn Fn(&Principal) -> bool),
) -> Result<Read, TokenRefused> {
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    let number = |name: &str| claims.get(name).and_then(Value::as_i64);
    let audience = text("aud").ok_or(TokenRefused::Foreign)?;
    // An id_token is signed with the same key; its audience is an app, not an API.
    if Resource::from_identifier(audience, "") != Some(resource) {
        return Err(TokenRefused::Audience);
    }
    let (start, end) = number("nbf")
        .zip(number("exp"))
        .ok_or(TokenRefused::Foreign)?;
    if now.as_second() < start || now.as_second() >= end {
        return Err(TokenRefused::Expired);
    }
    let stamp = text("uti").and_then(|uti| u64::from_str_radix(uti.get(..16)?, 16).ok());
    let principal = principal(claims).ok_or(TokenRefused::Foreign)?;
    if !permits(&principal) {
        return Err(TokenRefused::Permission);
    }
    Ok(Read {
        principal,
        stamp: Stamp(stamp.ok_or(TokenRefused::Foreign)?),
        contexts: texts(claims, "acrs"),
    })
}

fn principal(claims: &Value) -> Option<Principal> {
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    let client_id = text("appid")?.to_owned();
    Some(if let Some(upn) = text("upn") {
        let scopes = text("scp")?.split(' ').map(str::to_owned).collect();
        Principal::Person {
            client_id,
            upn: upn.to_owned(),
            scopes,
        }
    } else {
        Principal::App {
            client_id,
            roles: texts(claims, "roles"),
        }
    })
}

/// A claim that is a list of texts; empty if there is none.
fn texts(claims: &Value, name: &str) -> BTreeSet<String> {
    let list = claims.get(name).and_then(Value::as_array);
    let texts = list.into_iter().flatten().filter_map(Value::as_str);
    texts.map(str::to_owned).collect()
}

impl ClientStrength {
    fn digit(self) -> &'static str {
        match self {
            Self::Public => "0",
            Self::Secret => "1",
            Self::Certificate => "2",
        }
    }
}
