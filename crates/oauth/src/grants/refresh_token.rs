//! The next token from a refresh token (RFC 6749 §6): a part of every delegated grant.

use gatepost_fault::Next;
use jiff::Timestamp;
use secrecy::SecretString;

use super::client_proof::Client;
use crate::answers::{self, Expecting};
use crate::flow::{Asking, Event, Flow, Step};
use crate::scopes::Wanted;
use crate::{Form, TokenError};

/// Begins the conversation.
pub(super) fn renew(asking: Asking, refresh: SecretString) -> Box<dyn Flow> {
    Box::new(RefreshToken { asking, refresh })
}

#[derive(Debug)]
struct RefreshToken {
    asking: Asking,
    refresh: SecretString,
}

impl RefreshToken {
    fn form(&self, now: Timestamp) -> Result<Form, TokenError> {
        let registration = &self.asking.registration;
        // Entra binds a refresh token to person and client, not to a resource: the scope may
        // change from one renewal to the next.
        let wanted = Wanted::for_person(registration, self.asking.audience);
        let form = Form::new(registration.token_endpoint())
            .plain("grant_type", "refresh_token")
            .plain(wanted.parameter(), wanted.value())
            .secret("refresh_token", self.refresh.clone());
        Client::of(&self.asking).identify(form, now)
    }
}

/// What a policy blocks for want of a claim, a person who signs in with it may do.
fn for_the_person(error: TokenError) -> TokenError {
    match error {
        TokenError::Refused(refusal)
            if refusal.claims.is_some() && refusal.next() == Next::Reconfigure =>
        {
            TokenError::SignInWithClaims { refusal }
        }
        other => other,
    }
}

impl Flow for RefreshToken {
    fn resume(&mut self, now: Timestamp, event: Event<'_>) -> Result<Step, TokenError> {
        match event {
            Event::Reply(reply) => {
                let answer = answers::read(reply, &Expecting::of(&self.asking, now));
                let answer = answer.map_err(for_the_person)?;
                let mut granted = answer.without_identity(self.asking.audience);
                // A server that does not rotate sends none, and the old one stays good.
                granted.refresh.get_or_insert_with(|| self.refresh.clone());
                Ok(Step::Done(Box::new(granted)))
            }
            Event::Unanswered(error) => Err(error.clone()),
            Event::Start | Event::Redirected(_) | Event::Woken => self.form(now).map(Step::Post),
        }
    }
}
