//! A person signs in on another device, where this machine has no browser (RFC 8628). Later
//! tokens come from the refresh token.

use std::time::Duration;

use gatepost_fault::{After, Fault as _, Next};
use jiff::Timestamp;

use super::client_proof::Client;
use super::signed_in::{self, Tie};
use super::{Attendance, Grant, Opening, refresh_token};
use crate::answers::{self, Expecting, Issued, Reply};
use crate::flow::{Asking, Event, Flow, Prompt, Step};
use crate::scopes::{Wanted, consented_scope};
use crate::{Audience, EndpointVersion, Form, TokenError};

/// The entry in the list of grants.
pub const GRANT: Grant = Grant {
    name: "device_code",
    doc: "a person signs in once on whatever device has a browser, and enters a code there",
    attendance: Attendance::Attended,
    begin: |opening| Box::new(DeviceCode::new(opening)),
    renew: Some(refresh_token::renew),
};

#[derive(Debug)]
struct DeviceCode {
    asking: Asking,
    /// Audiences to consent to beside the one the token is for.
    also: Vec<Audience>,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    /// No code was issued yet.
    Begun,
    /// The person is shown the code.
    Shown(Issued),
    /// The server is asked again and again whether the person is through.
    Polling(Issued),
}

impl DeviceCode {
    fn new(opening: Opening) -> Self {
        Self {
            asking: opening.asking,
            also: opening.also,
            stage: Stage::Begun,
        }
    }

    /// The request for a code (RFC 8628 §3.1).
    fn request(&self, now: Timestamp) -> Result<Form, TokenError> {
        let registration = &self.asking.registration;
        let form = Form::new(registration.device_code_endpoint());
        let form = match Wanted::for_person(registration, self.asking.audience) {
            // Without it version 1 does not say who signed in.
            Wanted::Resource(resource) => form.plain("resource", resource).plain("scope", "openid"),
            Wanted::Scope(_) => {
                let audiences = std::iter::once(&self.asking.audience).chain(&self.also);
                form.plain("scope", consented_scope(registration, audiences))
            }
        };
        Client::of(&self.asking).identify(form, now)
    }

    /// The question whether the person is through (RFC 8628 §3.4).
    fn poll(&self, now: Timestamp, issued: &Issued) -> Result<Form, TokenError> {
        let registration = &self.asking.registration;
        let form = Form::new(registration.token_endpoint())
            .plain("grant_type", GRANT_TYPE)
            .secret("device_code", issued.device_code.clone());
        let wanted = Wanted::for_person(registration, self.asking.audience);
        let form = match registration.endpoints {
            // Version 1 came before the RFC and has another name for it.
            EndpointVersion::V1 => form
                .secret("code", issued.device_code.clone())
                .plain(wanted.parameter(), wanted.value()),
            // The scopes are those of the first request; of several resources one is named.
            EndpointVersion::V2 if self.also.is_empty() => form,
            EndpointVersion::V2 => form.plain(wanted.parameter(), wanted.value()),
        };
        Client::of(&self.asking).identify(form, now)
    }

    fn answered(&mut self, now: Timestamp, reply: &Reply) -> Result<Step, TokenError> {
        match std::mem::replace(&mut self.stage, Stage::Begun) {
            Stage::Begun => {
                let issued = answers::read_device_code(reply, &Expecting::of(&self.asking, now))?;
                let prompt = Prompt::Enter(issued.shown.clone());
                self.stage = Stage::Shown(issued);
                Ok(Step::Show(prompt))
            }
            Stage::Shown(issued) | Stage::Polling(issued) => {
                match signed_in::read(&self.asking, now, reply, Tie::Connection) {
                    Ok(granted) => Ok(Step::Done(Box::new(granted))),
                    Err(error) => self.not_yet(now, issued, &error),
                }
            }
        }
    }

    fn unanswered(&mut self, now: Timestamp, error: &TokenError) -> Result<Step, TokenError> {
        match std::mem::replace(&mut self.stage, Stage::Begun) {
            Stage::Begun => Err(error.clone()),
            Stage::Shown(issued) | Stage::Polling(issued) => self.not_yet(now, issued, error),
        }
    }

    /// Goes on asking, if that may still lead to a token, and more slowly where the server or
    /// the network wants that.
    fn not_yet(
        &mut self,
        now: Timestamp,
        mut issued: Issued,
        error: &TokenError,
    ) -> Result<Step, TokenError> {
        let interval = issued.interval;
        let mut pause = interval;
        match (error, error.next()) {
            // RFC 8628 §3.5: for this and all that follow, by five seconds.
            (TokenError::Refused(refusal), _) if refusal.error == SLOW_DOWN => {
                issued.interval = slower(interval, interval.saturating_add(SLOWER));
                pause = issued.interval;
            }
            (TokenError::Refused(refusal), _) if refusal.error == PENDING => {}
            (_, Next::Retry(After::AtLeast(wait))) => pause = wait.max(interval),
            // RFC 8628 §3.5: after a timeout the next question waits longer, for instance twice
            // as long.
            (_, Next::Retry(After::Backoff)) => {
                issued.interval = slower(interval, interval.saturating_mul(2));
                pause = issued.interval;
            }
            (_, Next::SignIn | Next::Reconfigure | Next::Discard) => return Err(error.clone()),
        }
        self.wait(now, pause, issued)
    }

    fn wait(
        &mut self,
        now: Timestamp,
        pause: Duration,
        issued: Issued,
    ) -> Result<Step, TokenError> {
        let left = Duration::try_from(issued.shown.until.duration_since(now)).unwrap_or_default();
        if left.is_zero() {
            return Err(TokenError::SignInUnfinished {
                who: self.asking.who(),
                reason: format!("nobody entered the code {} in time", issued.shown.code),
            });
        }
        self.stage = Stage::Polling(issued);
        Ok(Step::Wait(pause.min(left)))
    }
}

impl Flow for DeviceCode {
    fn resume(&mut self, now: Timestamp, event: Event<'_>) -> Result<Step, TokenError> {
        match event {
            Event::Start | Event::Redirected(_) => self.request(now).map(Step::Post),
            Event::Reply(reply) => self.answered(now, reply),
            Event::Unanswered(error) => self.unanswered(now, error),
            Event::Woken => match std::mem::replace(&mut self.stage, Stage::Begun) {
                Stage::Begun => self.request(now).map(Step::Post),
                Stage::Shown(issued) => {
                    let interval = issued.interval;
                    self.wait(now, interval, issued)
                }
                Stage::Polling(issued) => {
                    let form = self.poll(now, &issued)?;
                    self.stage = Stage::Polling(issued);
                    Ok(Step::Post(form))
                }
            },
        }
    }
}

fn slower(than: Duration, wanted: Duration) -> Duration {
    wanted.min(SLOWEST).max(than)
}

const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:device_code";
const PENDING: &str = "authorization_pending";
const SLOW_DOWN: &str = "slow_down";
const SLOWER: Duration = Duration::from_secs(5);
/// A person who is through waits for no longer than this.
const SLOWEST: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests;
