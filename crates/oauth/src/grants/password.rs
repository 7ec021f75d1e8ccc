//! A person's name and password are traded for tokens (RFC 6749 §4.3), where nothing better is
//! possible: RFC 9700 §2.4 forbids it to whoever has a choice. Later tokens come from the refresh
//! token.

mod realm;

use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};

use super::client_proof::Client;
use super::signed_in::{self, Tie};
use super::{Attendance, Grant, Means, Opening, refresh_token};
use crate::answers::Reply;
use crate::flow::{Asking, Event, Flow, Step};
use crate::scopes::Wanted;
use crate::{Form, TokenError};

/// The entry in the list of grants.
pub const GRANT: Grant = Grant {
    name: "password",
    doc: "a person's name and password are sent to Microsoft, which takes them only without a second factor",
    attendance: Attendance::Attended,
    begin: |opening| Box::new(Password::new(opening)),
    renew: Some(refresh_token::renew),
};

#[derive(Debug)]
struct Password {
    asking: Asking,
    secret: Option<SecretString>,
    /// What the token endpoint said, while it is asked whose password that was.
    refused: Option<TokenError>,
}

impl Password {
    fn new(opening: Opening) -> Self {
        Self {
            asking: opening.asking,
            secret: match opening.means {
                Means::Password(password) => Some(password),
                Means::Nothing | Means::Browser { .. } => None,
            },
            refused: None,
        }
    }

    fn form(&self, now: Timestamp) -> Result<Form, TokenError> {
        let registration = &self.asking.registration;
        let (Some(person), Some(password)) = (&self.asking.person, &self.secret) else {
            return Err(TokenError::SignInNeeded {
                who: self.asking.who(),
            });
        };
        if !registration.tenant.takes_passwords() {
            return Err(TokenError::PasswordNeedsTenant {
                who: self.asking.who(),
                tenant: registration.tenant.to_string(),
            });
        }
        if has_outer_blanks(password.expose_secret()) {
            return Err(TokenError::PasswordBlanks {
                who: self.asking.who(),
            });
        }
        let wanted = Wanted::for_person(registration, self.asking.audience);
        let form = Form::new(registration.token_endpoint())
            .plain("grant_type", "password")
            .plain(wanted.parameter(), wanted.value());
        let form = match wanted {
            Wanted::Scope(_) => form,
            // Without it version 1 says neither who it was nor how to go on.
            Wanted::Resource(_) => form.plain("scope", "openid"),
        };
        let form = form
            .plain("username", person.as_str())
            .secret("password", password.clone());
        Client::of(&self.asking).identify(form, now)
    }

    fn answered(&mut self, now: Timestamp, reply: &Reply) -> Result<Step, TokenError> {
        if let Some(refused) = self.refused.take() {
            return Err(match realm::federated(reply) {
                Some(domain) => TokenError::Federated {
                    who: self.asking.who(),
                    domain,
                },
                None => refused,
            });
        }
        match signed_in::read(&self.asking, now, reply, Tie::Connection) {
            Ok(granted) => Ok(Step::Done(Box::new(granted))),
            // Microsoft knows no password of people whom another server signs in, and says the
            // same of theirs as of a wrong one.
            Err(error) if is_no_such_password(&error) => {
                let Some(person) = &self.asking.person else {
                    return Err(error);
                };
                let question = realm::question(&self.asking.registration, person);
                self.refused = Some(error);
                Ok(Step::Post(question))
            }
            Err(error) => Err(error),
        }
    }
}

impl Flow for Password {
    fn resume(&mut self, now: Timestamp, event: Event<'_>) -> Result<Step, TokenError> {
        match event {
            Event::Reply(reply) => self.answered(now, reply),
            Event::Unanswered(error) => Err(self.refused.take().unwrap_or_else(|| error.clone())),
            Event::Start | Event::Redirected(_) | Event::Woken => self.form(now).map(Step::Post),
        }
    }
}

fn is_no_such_password(error: &TokenError) -> bool {
    match error {
        TokenError::Refused(refusal) => {
            matches!(
                refusal.verdict.code,
                "password_wrong" | "password_missing" | "user_unknown"
            )
        }
        _ => false,
    }
}

/// Microsoft does not take such a password with this grant.
fn has_outer_blanks(password: &str) -> bool {
    password.trim() != password
}

#[cfg(test)]
mod tests;
