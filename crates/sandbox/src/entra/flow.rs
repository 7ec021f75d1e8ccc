//! A sign-in under way. It travels through the browser as a signed hidden field, so that the
//! platform keeps nothing for people who never come back.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::call::Version;
use super::refusal::Refusal;
use super::refusals;
use crate::tenant::{Device, ScopeError, Scopes, SignInScope};

/// What an app asked for, and how far the person has come.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Flow {
    pub(super) client_id: String,
    pub(super) version: Version,
    pub(super) scope: String,
    pub(super) resource: Option<String>,
    pub(super) end: End,
    pub(super) consent: ConsentPrompt,
    /// The authentication contexts that the app wants, which this sign-in brings.
    pub(super) contexts: BTreeSet<String>,
    /// Who has given the password, once somebody has.
    pub(super) person: Option<String>,
    pub(super) began: Timestamp,
}

/// Where the sign-in leads.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum End {
    /// The browser goes back to the app.
    Redirect(Redirect),
    /// The app on the other device is told, which has shown this code.
    Device { user_code: String },
    /// An administrator permits the app for everybody, and goes back to it.
    AdminConsent {
        redirect: Redirect,
        generation: ConsentEndpoint,
    },
}

/// The two generations of admin consent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum ConsentEndpoint {
    /// `/adminconsent`, which asks for all that is registered.
    Legacy,
    /// `/v2.0/adminconsent`, which takes `scope`.
    V2,
}

/// How the browser goes back to the app.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Redirect {
    pub(super) uri: String,
    pub(super) mode: ResponseMode,
    pub(super) state: Option<String>,
    pub(super) nonce: Option<String>,
    pub(super) challenge: Option<(ChallengeMethod, String)>,
}

/// How the answer goes back to the app.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum ResponseMode {
    Query,
    Fragment,
    FormPost,
}

/// How a code challenge was made (RFC 7636 §4.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum ChallengeMethod {
    Plain,
    S256,
}

/// Whether the consent page is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum ConsentPrompt {
    IfNeeded,
    /// `prompt=consent`.
    Always,
}

/// The key that signs hidden fields; new in every run.
pub(crate) struct FlowKey(hmac::Key);

impl FlowKey {
    pub(crate) fn new(chance: &gatepost_host::Chance) -> Self {
        let mut key = [0; 32];
        chance.fill(&mut key);
        Self(hmac::Key::new(hmac::HMAC_SHA256, &key))
    }

    pub(super) fn seal(&self, flow: &Flow) -> String {
        let json = serde_json::to_vec(flow).expect("strings and enums are always JSON");
        let tag = hmac::sign(&self.0, &json);
        format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(json),
            URL_SAFE_NO_PAD.encode(tag)
        )
    }

    pub(super) fn open(&self, sealed: &str, now: Timestamp) -> Result<Flow, Refusal> {
        let flow = self.verified(sealed).ok_or_else(refusals::malformed)?;
        let over = flow.began.checked_add(LIFETIME).is_ok_and(|end| end <= now);
        if over {
            Err(refusals::flow_expired())
        } else {
            Ok(flow)
        }
    }

    fn verified(&self, sealed: &str) -> Option<Flow> {
        let (json, tag) = sealed.split_once('.')?;
        let (json, tag) = (
            URL_SAFE_NO_PAD.decode(json).ok()?,
            URL_SAFE_NO_PAD.decode(tag).ok()?,
        );
        hmac::verify(&self.0, &json, &tag).ok()?;
        serde_json::from_slice(&json).ok()
    }
}

impl fmt::Debug for FlowKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FlowKey(..)")
    }
}

impl Flow {
    /// What the app asked for; `own` is the address of the platform.
    pub(super) fn scopes(&self, own: &str) -> Result<Scopes, ScopeError> {
        match (&self.resource, self.version) {
            (Some(resource), Version::V1) => of_resource(resource, own),
            _ => Scopes::parse(&self.scope, own),
        }
    }

    /// What the app on another device asked for.
    pub(super) fn scopes_of(device: &Device, own: &str) -> Result<Scopes, ScopeError> {
        match &device.resource {
            Some(resource) => of_resource(resource, own),
            None => Scopes::parse(&device.scope, own),
        }
    }
}

/// Version 1 gives the identity and a refresh token without being asked.
fn of_resource(resource: &str, own: &str) -> Result<Scopes, ScopeError> {
    let mut scopes = Scopes::of_resource(resource, own)?;
    scopes
        .sign_in
        .extend([SignInScope::OpenId, SignInScope::OfflineAccess]);
    Ok(scopes)
}

/// Long enough to find the password.
const LIFETIME: Duration = Duration::from_mins(15);

#[cfg(test)]
mod tests {
    use gatepost_host::{Chance, Clock};

    use super::*;

    fn flow(began: Timestamp) -> Flow {
        Flow {
            client_id: "app".to_owned(),
            version: Version::V2,
            scope: "openid".to_owned(),
            resource: None,
            end: End::Device {
                user_code: "CODE".to_owned(),
            },
            consent: ConsentPrompt::IfNeeded,
            contexts: BTreeSet::new(),
            person: None,
            began,
        }
    }

    #[test]
    fn a_changed_field_is_refused() {
        let (key, now) = (FlowKey::new(&Chance::seeded(1)), Clock::system().now());
        let sealed = key.seal(&flow(now));
        assert!(key.open(&sealed, now).is_ok());
        let (json, tag) = sealed.split_once('.').expect("two parts");
        let mut changed = URL_SAFE_NO_PAD.decode(json).expect("base64url");
        changed[5] ^= 1;
        let changed = format!("{}.{tag}", URL_SAFE_NO_PAD.encode(changed));
        assert_eq!(
            key.open(&changed, now).expect_err("changed").code,
            9_002_313
        );
        let other = FlowKey::new(&Chance::seeded(2));
        assert!(other.open(&sealed, now).is_err());
    }

    #[test]
    fn a_page_left_open_expires() {
        let (key, now) = (FlowKey::new(&Chance::seeded(1)), Clock::system().now());
        let sealed = key.seal(&flow(now));
        let later = now.checked_add(LIFETIME).expect("the clock has room");
        assert_eq!(key.open(&sealed, later).expect_err("too late").code, 50089);
    }
}
