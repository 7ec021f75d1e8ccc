//! How an app says who it is, and proves it.

use axum::http::{HeaderMap, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::assertion;
use super::call::Call;
use super::parameters::Parameters;
use super::refusal::Refusal;
use super::refusals;
use crate::faults::{FaultKind, Target};
use crate::tenant::{App, ClientKind, ClientStrength};

/// An app that asks for a token.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) app: App,
    pub(super) strength: ClientStrength,
}

/// Finds the app and checks its proof, if it brings one.
pub(super) fn check(
    call: &Call,
    headers: &HeaderMap,
    form: &Parameters,
) -> Result<Client, Refusal> {
    let basic = Basic::read(headers);
    let client_id = match (form.get("client_id"), &basic) {
        (Some(client_id), _) => client_id,
        (None, Some(basic)) => &basic.client_id,
        (None, None) => form.require("client_id")?,
    };
    let app = call.entra.tenant.directory().app(client_id).cloned();
    let app = app.ok_or_else(|| refusals::app_not_found(client_id))?;
    let secret = form
        .get("client_secret")
        .or(basic.as_ref().map(|basic| basic.secret.as_str()));
    let strength = match (form.get("client_assertion"), secret) {
        (None, None) => ClientStrength::Public,
        _ if app.kind == ClientKind::Public => return Err(refusals::proof_from_public_client()),
        (Some(text), _) => {
            assertion::check(call, form, &app, text)?;
            ClientStrength::Certificate
        }
        (None, Some(secret)) => {
            check_secret(call, &app, secret)?;
            ClientStrength::Secret
        }
    };
    Ok(Client { app, strength })
}

/// The client id that a request names, proven or not.
pub(super) fn named(headers: &HeaderMap, form: &Parameters) -> Option<String> {
    let in_form = form.get("client_id").map(str::to_owned);
    in_form.or_else(|| Basic::read(headers).map(|basic| basic.client_id))
}

impl Client {
    /// Refuses an app that must prove who it is and did not.
    pub(super) fn proven_if_confidential(&self) -> Result<(), Refusal> {
        match (self.app.kind, self.strength) {
            (ClientKind::Confidential, ClientStrength::Public) => Err(refusals::proof_missing()),
            _ => Ok(()),
        }
    }
}

fn check_secret(call: &Call, app: &App, offered: &str) -> Result<(), Refusal> {
    let target = Target {
        app: Some(&app.client_id),
        mailbox: None,
    };
    let known = app.secrets.iter().find(|secret| secret.is(offered));
    let known = known.ok_or_else(|| refusals::secret_wrong(&app.client_id))?;
    if known.is_expired(call.at) || call.entra.faults.strikes(FaultKind::SecretExpired, target) {
        return Err(refusals::secret_expired(&app.client_id));
    }
    Ok(())
}

/// HTTP Basic authentication, both halves percent-encoded (RFC 6749 §2.3.1).
struct Basic {
    client_id: String,
    secret: String,
}

impl Basic {
    fn read(headers: &HeaderMap) -> Option<Self> {
        let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
        let (scheme, encoded) = value.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let pair = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
        let (client_id, secret) = pair.split_once(':')?;
        Some(Self {
            client_id: decoded(client_id),
            secret: decoded(secret),
        })
    }
}

fn decoded(text: &str) -> String {
    // One pair without a `=` is a name without a value.
    let pair = url::form_urlencoded::parse(text.as_bytes()).next();
    pair.map(|(name, _)| name.into_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn basic_authentication_is_percent_decoded() {
        let mut headers = HeaderMap::new();
        let value = format!("basic {}", STANDARD.encode("app:a%2Bb%20c~.d"));
        let value = HeaderValue::from_str(&value).expect("printable");
        headers.insert(header::AUTHORIZATION, value);
        let basic = Basic::read(&headers).expect("well-formed");
        assert_eq!(
            (basic.client_id.as_str(), basic.secret.as_str()),
            ("app", "a+b c~.d")
        );
    }
}
