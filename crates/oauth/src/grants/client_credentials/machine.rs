//! The token of a managed identity, from the address that only its machine reaches.

use jiff::Timestamp;

use crate::answers::{Expecting, Reply};
use crate::flow::{Asking, Event, Flow, Step};
use crate::scopes::app_resource;
use crate::{ManagedIdentity, TokenError, managed_identity};

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
        let expecting = Expecting {
            who: self.asking.who(),
            host: self.identity.host_name(),
            now,
        };
        let granted = managed_identity::answered(reply, &expecting)?;
        Ok(Step::Done(Box::new(
            granted.without_identity(self.asking.audience),
        )))
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
            Event::Unanswered(error) => Err(self.identity.unanswered(self.asking.who(), error)),
        }
    }
}

#[cfg(test)]
mod tests;
