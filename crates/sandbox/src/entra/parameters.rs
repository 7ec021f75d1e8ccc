//! The parameters of a request, from a form or a query.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use gatepost_host::{Clock, Elapsed};

use super::refusal::Refusal;
use super::refusals;
use crate::tenant::AskedClaims;

/// Parameters by name. Unknown ones are ignored; clients send many.
#[derive(Clone, Default)]
pub(super) struct Parameters(BTreeMap<String, String>);

impl Parameters {
    /// Reads `application/x-www-form-urlencoded` octets; a parameter may stand there only once
    /// (RFC 6749 §3.2).
    pub(super) fn parse(octets: &[u8]) -> Result<Self, Refusal> {
        let mut parameters = BTreeMap::new();
        for (name, value) in url::form_urlencoded::parse(octets) {
            if parameters
                .insert(name.to_string(), value.into_owned())
                .is_some()
            {
                return Err(refusals::parameter_twice(&name));
            }
        }
        Ok(Self(parameters))
    }

    /// Reads the form of a request, which has a bound and a time limit.
    pub(super) async fn of_body(body: Body, clock: &Clock) -> Result<Self, Refusal> {
        match clock.within(FORM_LIMIT, to_bytes(body, MOST_FORM)).await {
            Ok(Ok(octets)) => Self::parse(&octets),
            Ok(Err(_)) | Err(Elapsed) => Err(refusals::malformed()),
        }
    }

    /// A parameter; an empty one counts as absent (RFC 6749 §3.2).
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    /// A parameter that must be there.
    pub(super) fn require(&self, name: &'static str) -> Result<&str, Refusal> {
        self.get(name)
            .ok_or_else(|| refusals::parameter_missing(name))
    }
}

/// What the parameter `claims` wants a token to carry; one that cannot be read is refused.
pub(super) fn asked_claims(parameters: &Parameters) -> Result<AskedClaims, Refusal> {
    let Some(text) = parameters.get("claims") else {
        return Ok(AskedClaims::default());
    };
    AskedClaims::read(text).ok_or_else(refusals::malformed)
}

/// Shows names only: among the values are passwords.
impl fmt::Debug for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// How long a client may take to send its form.
const FORM_LIMIT: Duration = Duration::from_secs(30);

/// Larger than any form of a client, assertions with certificate chains included.
const MOST_FORM: usize = 256 * 1024;
