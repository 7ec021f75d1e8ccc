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

use super::{Gatepost, Kept};

/// What Graph told, by registration. Clones share it: a reload forgets nothing.
#[derive(Debug, Clone, Default)]
pub(super) struct SecretEnds(Arc<Mutex<Told>>);

#[derive(Debug, Default)]
struct Told {
    ends: BTreeMap<String, End>,
    /// When Graph is asked again; `None` is at once.
    next: Option<Timestamp>,
}

/// When this secret ends.
#[derive(Debug)]
struct End {
    secret: SecretString,
    at: Timestamp,
}

impl SecretEnds {
    /// When `secret` of a registration ends. Nothing is known of one that took its place since.
    pub(super) fn of(&self, registration: &str, secret: &SecretString) -> Option<Timestamp> {
        let told = self.lock();
        let end = told.ends.get(registration)?;
        (end.secret.expose_secret() == secret.expose_secret()).then_some(end.at)
    }

    /// What was told before, to be asked again soon.
    pub(super) fn to_be_asked(&self) -> Self {
        self.lock().next = None;
        self.clone()
    }

    fn is_due(&self, now: Timestamp) -> bool {
        let next = self.lock().next;
        // A clock that was ahead must not put it off for years.
        next.is_none_or(|next| next <= now || next > later(now, EVERY))
    }

    fn learned(&self, registration: &str, secret: &SecretString, end: Option<Timestamp>) {
        let ends = &mut self.lock().ends;
        match end {
            Some(at) => {
                let secret = secret.clone();
                ends.insert(registration.to_owned(), End { secret, at });
            }
            None => _ = ends.remove(registration),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Told> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What became of a question.
enum Answer {
    /// Graph showed the app.
    Shown(Application),
    /// The app may not know, or there is no Graph.
    MayNotKnow,
    /// Graph has trouble of its own.
    NotNow,
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
        let now = self.clock.now();
        if !self.secret_ends.is_due(now) {
            return;
        }
        let mut asked = BTreeSet::new();
        let mut next = EVERY;
        for kept in self.keepers.values() {
            let registration = Arc::clone(&kept.keeper.credential().registration);
            let settings = self.config.registrations.get(&registration.name);
            if settings.is_none_or(|settings| settings.secret_expires.is_some())
                || registration.tenant.is_shared()
                || !asked.insert(registration.name.clone())
            {
                continue;
            }
            let Some(Proof::Secret(secret)) = registration.proof.at_hand() else {
                continue;
            };
            let name = &registration.name;
            match self.ask_graph(kept, &registration, &secret).await {
                Ok(Answer::Shown(application)) => {
                    let end = end_of(&application, &secret, now);
                    self.secret_ends.learned(name, &secret, end);
                }
                Ok(Answer::MayNotKnow) => {
                    tracing::debug!(registration = name, "Microsoft Graph is not for this app");
                }
                Ok(Answer::NotNow) => next = SOON,
                Err(error) => {
                    // What a person must put right is not asked every quarter of an hour.
                    if error.next().is_retry() {
                        next = SOON;
                    }
                    tracing::debug!(
                        registration = name,
                        code = error.code(),
                        "Microsoft Graph does not tell when the client secret ends: {error}"
                    );
                }
            }
        }
        self.secret_ends.lock().next = Some(later(now, next));
    }

    async fn ask_graph(
        &self,
        kept: &Kept,
        registration: &Arc<Registration>,
        secret: &SecretString,
    ) -> Result<Answer, TokenError> {
        let Some(mut graph) = registration.cloud.graph.clone() else {
            return Ok(Answer::MayNotKnow);
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
        Ok(match reply.status {
            200 => serde_json::from_slice(&reply.body).map_or(Answer::NotNow, Answer::Shown),
            401 | 403 | 404 => Answer::MayNotKnow,
            _ => Answer::NotNow,
        })
    }
}

/// The end of the one of the app's secrets that is ours: the soonest, if several begin alike. One
/// that is over is not ours: ours works.
fn end_of(application: &Application, secret: &SecretString, now: Timestamp) -> Option<Timestamp> {
    let ours = application.passwords.iter().filter(|password| {
        let hint = password.hint.as_deref().unwrap_or_default();
        !hint.is_empty() && secret.expose_secret().starts_with(hint)
    });
    let ends = ours.filter_map(|password| password.end);
    ends.filter(|end| *end > now).min()
}

fn later(at: Timestamp, duration: SignedDuration) -> Timestamp {
    at.checked_add(duration).unwrap_or(Timestamp::MAX)
}

/// How often Graph is asked.
const EVERY: SignedDuration = SignedDuration::from_hours(24);
/// How soon it is asked again when it could not answer.
const SOON: SignedDuration = SignedDuration::from_mins(15);

#[cfg(test)]
mod tests {
    use super::*;

    fn end(text: &str) -> Option<String> {
        let application = serde_json::from_str(text).expect("an application");
        let now = "2026-11-26T12:00:00Z".parse().expect("a time");
        let end = end_of(&application, &"Q8x~secret".into(), now);
        end.map(|end| end.to_string())
    }

    #[test]
    fn the_secret_is_known_by_its_first_characters() {
        let text = r#"{"passwordCredentials": [
            {"hint": "abc", "endDateTime": "2027-01-01T00:00:00Z"},
            {"hint": "Q8x", "endDateTime": "2028-02-02T12:00:00.123Z"},
            {"hint": "Q8x", "endDateTime": "2029-01-01T00:00:00Z"},
            {"hint": "Q8x", "endDateTime": "2026-11-01T00:00:00Z"},
            {"hint": null, "endDateTime": "2026-12-01T00:00:00Z"}]}"#;
        assert_eq!(end(text).as_deref(), Some("2028-02-02T12:00:00.123Z"));
    }

    #[test]
    fn nothing_is_known_of_a_secret_that_took_the_place_of_another() {
        let (ends, end) = (SecretEnds::default(), Timestamp::MAX);
        ends.learned("contoso", &"old".into(), Some(end));
        assert_eq!(ends.of("contoso", &"old".into()), Some(end));
        assert_eq!(ends.of("contoso", &"new".into()), None);
        ends.lock().next = Some(Timestamp::MAX);
        assert!(ends.is_due(Timestamp::UNIX_EPOCH), "the clock was ahead");
        ends.lock().next = Some(later(Timestamp::UNIX_EPOCH, SOON));
        assert!(!ends.is_due(Timestamp::UNIX_EPOCH));
        assert!(ends.to_be_asked().is_due(Timestamp::UNIX_EPOCH));
    }

    #[test]
    fn another_secret_says_nothing_of_ours() {
        let text =
            r#"{"passwordCredentials": [{"hint": "abc", "endDateTime": "2027-01-01T00:00:00Z"}]}"#;
        assert_eq!(end(text), None);
        assert_eq!(end("{}"), None);
    }
}
