//! The token of a managed identity, from the address that only its machine reaches.

use jiff::Timestamp;
use serde::Deserialize;

use crate::answers::{self, Expecting, Reply};
use crate::flow::{Asking, Event, Flow, Step};
use crate::scopes::app_resource;
use crate::{ManagedIdentity, TokenError};

#[derive(Debug)]
pub(super) struct Machine {
    asking: Asking,
    identity: ManagedIdentity,
}

impl Machine {
    pub(super) fn new(asking: Asking, identity: ManagedIdentity) -> Self {
        Self { asking, identity }
    }

    fn answered(&self, now: Timestamp, reply: &Reply) -> Result<Step, TokenError> {
        let (who, host) = (self.asking.who(), self.identity.host_name());
        let said = || words(reply);
        match reply.status {
            200 => {
                let expecting = Expecting {
                    who,
                    host,
                    audience: self.asking.audience,
                    now,
                };
                let granted = answers::read(reply, &expecting)?;
                Ok(Step::Done(Box::new(granted.without_identity())))
            }
            // Microsoft's libraries try these again, 404 and 410 while the service is updated.
            404 | 408 | 410 | 429 | 500..=599 => Err(TokenError::IdentityBusy {
                who,
                host,
                status: reply.status,
                said: said(),
                retry_after: reply
                    .retry_after
                    .as_deref()
                    .and_then(|value| answers::retry_after(value, now)),
            }),
            status => Err(TokenError::IdentityRefused {
                who,
                host,
                status,
                said: said(),
            }),
        }
    }

    /// Nobody there: this is no machine of Azure's, or it has no identity.
    fn unanswered(&self, error: &TokenError) -> TokenError {
        match error {
            TokenError::Unreachable { reason, .. } => TokenError::IdentityAbsent {
                who: self.asking.who(),
                host: self.identity.host_name(),
                reason: reason.clone(),
            },
            TokenError::TimedOut { .. } => TokenError::IdentityAbsent {
                who: self.asking.who(),
                host: self.identity.host_name(),
                reason: "nobody answers there".to_owned(),
            },
            other => other.clone(),
        }
    }
}

impl Flow for Machine {
    fn resume(&mut self, now: Timestamp, event: Event<'_>) -> Result<Step, TokenError> {
        match event {
            Event::Start | Event::Redirected(_) | Event::Woken => {
                let resource = app_resource(&self.asking.registration, self.asking.audience);
                Ok(Step::Post(self.identity.form(resource)))
            }
            Event::Reply(reply) => self.answered(now, reply),
            Event::Unanswered(error) => Err(self.unanswered(error)),
        }
    }
}

/// What the service said, if it said something in its own form.
fn words(reply: &Reply) -> String {
    let Ok(body) = serde_json::from_slice::<Body>(&reply.body) else {
        return answers::excerpt(&reply.body);
    };
    let text = format!("{}: {}", body.error, body.error_description);
    answers::one_line(&text).chars().take(MOST_WORDS).collect()
}

#[derive(Deserialize)]
struct Body {
    error: String,
    #[serde(default)]
    error_description: String,
}

const MOST_WORDS: usize = 400;

#[cfg(test)]
mod tests;
