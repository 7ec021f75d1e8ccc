//! A person signs in with a browser, once (RFC 6749 §4.1 with PKCE, RFC 7636, and OpenID
//! Connect for the nonce). Later tokens come from the refresh token.

mod redirect;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use super::client_proof::Client;
use super::signed_in::{self, Tie};
use super::{Attendance, Grant, Means, Opening, refresh_token};
use crate::answers::{Expecting, Refusal, Reply};
use crate::flow::{Asking, Event, Flow, Prompt, Step};
use crate::scopes::{Wanted, consented_scope};
use crate::{Audience, EndpointVersion, Form, TokenError};
use redirect::Redirect;

/// The entry in the list of grants.
pub const GRANT: Grant = Grant {
    name: "authorization_code",
    doc: "a person signs in with a browser once, and Gatepost opens what that person may open",
    attendance: Attendance::Attended,
    begin: |opening| Box::new(AuthorizationCode::new(opening)),
    renew: Some(refresh_token::renew),
};

#[derive(Debug)]
struct AuthorizationCode {
    asking: Asking,
    /// Audiences to consent to beside the one the token is for.
    also: Vec<Audience>,
    redirect: String,
    /// Ties the redirect to this sign-in (RFC 6749 §10.12).
    state: SecretString,
    /// Ties the id token to this sign-in (OpenID Connect Core §15.5.2).
    nonce: SecretString,
    /// Ties the code to this sign-in (RFC 7636 §4.1).
    verifier: SecretString,
}

impl AuthorizationCode {
    fn new(opening: Opening) -> Self {
        let chance = &opening.asking.chance;
        Self {
            state: chance.secret(ENTROPY),
            nonce: chance.secret(ENTROPY),
            verifier: chance.secret(ENTROPY),
            redirect: match opening.means {
                Means::Browser { redirect } => redirect,
                Means::Nothing | Means::Password(_) => "http://localhost".to_owned(),
            },
            also: opening.also,
            asking: opening.asking,
        }
    }

    fn authorize_url(&self) -> Url {
        let registration = &self.asking.registration;
        let mut url = registration.authorize_endpoint();
        let challenge = digest(&SHA256, self.verifier.expose_secret().as_bytes());
        let mut query = url.query_pairs_mut();
        query
            .append_pair("client_id", &registration.client_id)
            .append_pair("response_type", "code")
            .append_pair("response_mode", "query")
            .append_pair("redirect_uri", &self.redirect)
            .append_pair("scope", &self.scope())
            .append_pair("state", self.state.expose_secret())
            .append_pair("nonce", self.nonce.expose_secret())
            .append_pair(
                "code_challenge",
                &URL_SAFE_NO_PAD.encode(challenge.as_ref()),
            )
            .append_pair("code_challenge_method", "S256");
        if let Wanted::Resource(resource) = Wanted::for_person(registration, self.asking.audience) {
            query.append_pair("resource", &resource);
        }
        if let Some(challenge) = &self.asking.challenge {
            query.append_pair("claims", &challenge.parameter());
        }
        if let Some(person) = &self.asking.person {
            query.append_pair("login_hint", person);
        }
        drop(query);
        url
    }

    /// The authorize request may name several resources, the token request only one.
    fn scope(&self) -> String {
        let registration = &self.asking.registration;
        if registration.endpoints == EndpointVersion::V1 {
            return "openid".to_owned();
        }
        consented_scope(
            registration,
            std::iter::once(&self.asking.audience).chain(&self.also),
        )
    }

    /// Judges what the browser brought. The state is looked at before anything else, so that
    /// nobody else's redirect can end this sign-in, not even with an error.
    fn redirected(&self, now: Timestamp, url: &Url) -> Result<Step, TokenError> {
        let redirect = Redirect::read(url);
        let ours = redirect.state.as_deref().is_some_and(|state| {
            verify_slices_are_equal(state.as_bytes(), self.state.expose_secret().as_bytes()).is_ok()
        });
        if !ours {
            return Err(TokenError::StateMismatch {
                who: self.asking.who(),
            });
        }
        match (redirect.error, redirect.code) {
            (Some(error), _) => {
                let expecting = Expecting::of(&self.asking, now);
                let refusal = Refusal::of_redirect(&error, &redirect.description, &expecting);
                Err(TokenError::Refused(Box::new(refusal)))
            }
            (None, Some(code)) => self.form(now, code).map(Step::Post),
            (None, None) => Err(TokenError::SignInUnfinished {
                who: self.asking.who(),
                reason: "the browser came back without a code".to_owned(),
            }),
        }
    }

    fn form(&self, now: Timestamp, code: SecretString) -> Result<Form, TokenError> {
        let registration = &self.asking.registration;
        let wanted = Wanted::for_person(registration, self.asking.audience);
        let form = Form::new(registration.token_endpoint())
            .plain("grant_type", "authorization_code")
            .plain(wanted.parameter(), wanted.value())
            .plain("redirect_uri", self.redirect.as_str())
            .secret("code", code)
            .secret("code_verifier", self.verifier.clone());
        Client::of(&self.asking).identify(form, now)
    }

    fn answered(&self, now: Timestamp, reply: &Reply) -> Result<Step, TokenError> {
        let tie = Tie::Nonce(&self.nonce);
        let granted = signed_in::read(&self.asking, now, reply, tie)?;
        Ok(Step::Done(Box::new(granted)))
    }
}

impl Flow for AuthorizationCode {
    fn resume(&mut self, now: Timestamp, event: Event<'_>) -> Result<Step, TokenError> {
        match event {
            Event::Start | Event::Woken => Ok(Step::Show(Prompt::Open(self.authorize_url()))),
            Event::Redirected(url) => self.redirected(now, url),
            Event::Reply(reply) => self.answered(now, reply),
            Event::Unanswered(error) => Err(error.clone()),
        }
    }
}

/// 256 bits, which is also what RFC 7636 §4.1 recommends for the verifier.
const ENTROPY: usize = 32;

#[cfg(test)]
mod tests;
