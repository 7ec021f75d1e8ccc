//! An app signs in as itself, with nobody at the keyboard (RFC 6749 §4.4).

mod machine;

use jiff::Timestamp;

use super::client_proof::Client;
use super::{Attendance, Grant, Opening};
use crate::answers::{self, Expecting};
use crate::flow::{Asking, Event, Flow, Step};
use crate::scopes::Wanted;
use crate::{Form, Proof, TokenError};
use machine::Machine;

/// The entry in the list of grants.
pub const GRANT: Grant = Grant {
    name: "client_credentials",
    doc: "the app signs in as itself, with a secret, a certificate or its machine's word, and opens every mailbox it was given",
    attendance: Attendance::Unattended,
    begin: |opening| match &opening.asking.proof {
        Proof::Machine(identity) => {
            let identity = identity.clone();
            Box::new(Machine::new(opening.asking, identity))
        }
        _ => Box::new(ClientCredentials::new(opening)),
    },
    renew: None,
};

#[derive(Debug)]
struct ClientCredentials {
    asking: Asking,
}

impl ClientCredentials {
    fn new(opening: Opening) -> Self {
        Self {
            asking: opening.asking,
        }
    }

    fn form(&self, now: Timestamp) -> Result<Form, TokenError> {
        let registration = &self.asking.registration;
        let client = Client::of(&self.asking);
        if registration.tenant.is_shared() {
            return Err(TokenError::TenantNeeded {
                who: self.asking.who(),
                tenant: registration.tenant.to_string(),
            });
        }
        client.must_prove_itself()?;
        let wanted = Wanted::for_app(registration, self.asking.audience);
        let form = Form::new(registration.token_endpoint())
            .plain("grant_type", "client_credentials")
            .plain(wanted.parameter(), wanted.value());
        client.identify(form, now)
    }
}

impl Flow for ClientCredentials {
    fn resume(&mut self, now: Timestamp, event: Event<'_>) -> Result<Step, TokenError> {
        match event {
            Event::Reply(reply) => {
                let granted = answers::read(reply, &Expecting::of(&self.asking, now))?;
                Ok(Step::Done(Box::new(
                    granted.without_identity(self.asking.audience),
                )))
            }
            Event::Unanswered(error) => Err(error.clone()),
            Event::Start | Event::Redirected(_) | Event::Woken => self.form(now).map(Step::Post),
        }
    }
}
