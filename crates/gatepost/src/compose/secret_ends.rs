//! When client secrets end, as Microsoft Graph tells an app that may read its registration
//! (`Application.Read.All`). Most apps need not and may not: for these, the configuration says it
//! with `secret_expires`, which counts more in any case.
//!
//! Graph shows the first three characters of each secret (`hint` of a `passwordCredential`,
//! <https://learn.microsoft.com/graph/api/resources/passwordcredential>), which tells ours from
//! the others.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gatepost_fault::Fault as _;
use gatepost_oauth::grants::client_credentials;
use gatepost_oauth::{
    Asking, Audience, By, Endpoint as _, Form, Means, Opening, Proof, Registration, TokenError,
    converse,
};
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use super::{Gatepost, Kept, credentials};

/// What Graph told of the secrets of one composition.
#[derive(Debug, Default)]
pub(super) struct SecretEnds(Mutex<Told>);

#[derive(Debug, Default)]
struct Told {
    ends: BTreeMap<String, Timestamp>,
    at: Option<Timestamp>,
}

impl SecretEnds {
    /// When the present secret of `app` ends.
    pub(super) fn of(&self, app: &str) -> Option<Timestamp> {
        self.lock().ends.get(app).copied()
    }

    /// Whether it is time to ask, from now on no more for a day.
    fn is_due(&self, now: Timestamp) -> bool {
        let mut told = self.lock();
        let is_due = told
            .at
            .is_none_or(|at| now.duration_since(at).abs() >= EVERY);
        if is_due {
            told.at = Some(now);
        }
        is_due
    }

    fn learned(&self, app: String, end: Option<Timestamp>) {
        let ends = &mut self.lock().ends;
        match end {
            Some(end) => _ = ends.insert(app, end),
            None => _ = ends.remove(&app),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Told> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The part of an `application` that is asked for.
#[derive(Debug, Deserialize)]
struct Application {
    #[serde(rename = "passwordCredentials", default)]
    passwords: Vec<PasswordCredential>,
}

#[derive(Debug, Deserialize)]
struct PasswordCredential {
    hint: Option<String>,
    #[serde(rename = "endDateTime")]
    end: Option<Timestamp>,
}

impl Gatepost {
    /// Asks Graph once a day when the client secrets end of which the configuration does not say
    /// it. Whoever may not know is told nothing, and nothing depends on it.
    pub async fn learn_secret_ends(&self) {
        if !self.secret_ends.is_due(self.clock.now()) {
            return;
        }
        let mut asked = BTreeSet::new();
        for kept in self.keepers.values() {
            let registration = Arc::clone(&kept.keeper.credential().registration);
            let settings = self.config.registrations.get(&registration.name);
            if settings.is_none_or(|settings| settings.secret_expires.is_some()) {
                continue;
            }
            let Some(Proof::Secret(secret)) = registration.proof.at_hand() else {
                continue;
            };
            let (cloud, tenant) = (&registration.cloud, &registration.tenant);
            let app = credentials::app(cloud, tenant, &registration.client_id);
            if !asked.insert(app.clone()) {
                continue;
            }
            match self.ask_graph(kept, &registration, &secret).await {
                Ok(end) => self.secret_ends.learned(app, end),
                Err(error) => tracing::debug!(
                    registration = registration.name,
                    code = error.code(),
                    "Microsoft Graph does not tell when the client secret ends: {error}"
                ),
            }
        }
    }

    async fn ask_graph(
        &self,
        kept: &Kept,
        registration: &Arc<Registration>,
        secret: &SecretString,
    ) -> Result<Option<Timestamp>, TokenError> {
        let Some(mut graph) = registration.cloud.graph.clone() else {
            return Ok(None);
        };
        let opening = Opening {
            asking: Asking {
                registration: Arc::clone(registration),
                proof: Proof::Secret(secret.clone()),
                person: None,
                audience: Audience::Graph,
                challenge: None,
                chance: self.chance.clone(),
            },
            also: Vec::new(),
            means: Means::Nothing,
        };
        let mut flow = (client_credentials::GRANT.begin)(opening);
        // Not by the keeper, which would keep a token alive that is needed once a day.
        let granted = converse(&mut *flow, &*kept.reach, &self.clock, &registration.name).await?;
        let bearer = format!("Bearer {}", granted.access.expose());
        graph.set_path(&format!(
            "/v1.0/applications(appId='{}')",
            registration.client_id
        ));
        let question = Form::going(graph, By::Get)
            .header("authorization", bearer.into())
            .plain("$select", "passwordCredentials");
        let reply = kept.reach.post(&question).await?;
        if reply.status != 200 {
            tracing::debug!(
                registration = registration.name,
                status = reply.status,
                "the app may not read in Microsoft Graph when its client secret ends"
            );
            return Ok(None);
        }
        let application = serde_json::from_slice(&reply.body).ok();
        Ok(application.and_then(|application| end_of(&application, secret)))
    }
}

/// The end of the one of the app's secrets that is ours: the soonest, if several begin alike.
fn end_of(application: &Application, secret: &SecretString) -> Option<Timestamp> {
    let ours = application.passwords.iter().filter(|password| {
        let hint = password.hint.as_deref().unwrap_or_default();
        !hint.is_empty() && secret.expose_secret().starts_with(hint)
    });
    ours.filter_map(|password| password.end).min()
}

/// How often Graph is asked.
const EVERY: SignedDuration = SignedDuration::from_hours(24);

#[cfg(test)]
mod tests {
    use super::*;

    fn end(text: &str) -> Option<String> {
        let application = serde_json::from_str(text).expect("an application");
        let end = end_of(&application, &"Q8x~secret".into());
        end.map(|end| end.to_string())
    }

    #[test]
    fn the_secret_is_known_by_its_first_characters() {
        let text = r#"{"passwordCredentials": [
            {"hint": "abc", "endDateTime": "2027-01-01T00:00:00Z"},
            {"hint": "Q8x", "endDateTime": "2028-02-02T12:00:00.123Z"},
            {"hint": "Q8x", "endDateTime": "2029-01-01T00:00:00Z"},
            {"hint": null, "endDateTime": "2026-12-01T00:00:00Z"}]}"#;
        assert_eq!(end(text).as_deref(), Some("2028-02-02T12:00:00.123Z"));
    }

    #[test]
    fn another_secret_says_nothing_of_ours() {
        let text =
            r#"{"passwordCredentials": [{"hint": "abc", "endDateTime": "2027-01-01T00:00:00Z"}]}"#;
        assert_eq!(end(text), None);
        assert_eq!(end("{}"), None);
    }
}
