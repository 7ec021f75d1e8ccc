//! How far this machine's clock is from the sign-in server's, as its answers show. Assertions and
//! certificates have times in them: a wrong clock may explain what is wrong with them.

use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use gatepost_host::Clock;
use jiff::{SignedDuration, Timestamp};

use crate::answers::{Reply, http_date, in_words};
use crate::{Endpoint, Form, ProofProblem, TokenError};

/// The difference that was measured last.
#[derive(Debug, Default)]
pub(super) struct ClockWatch(Mutex<Option<SignedDuration>>);

impl ClockWatch {
    pub(super) fn skew(&self) -> Option<SignedDuration> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The error with its explanation, if the clock is one: at this `now` something is out of its
    /// time that is in it by the server's clock.
    pub(super) fn explained(&self, error: TokenError, now: Timestamp) -> TokenError {
        let explains = |skew: SignedDuration| {
            let theirs = now.checked_sub(skew).unwrap_or(now);
            match &error {
                TokenError::Proof(proof) => match proof.reason {
                    ProofProblem::Expired(at) => theirs < at,
                    ProofProblem::NotYetValid(at) => theirs >= at,
                    _ => false,
                },
                TokenError::AssertionUnusable {
                    expired: Some(at), ..
                } => theirs < *at,
                _ => false,
            }
        };
        match self
            .skew()
            .filter(|skew| explains(*skew))
            .and_then(in_words)
        {
            Some(skew) => TokenError::ClockSkew {
                skew,
                because: Box::new(error),
            },
            None => error,
        }
    }

    fn note(&self, skew: SignedDuration, host: &str) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let was_told = known.and_then(in_words).is_some();
        *known = Some(skew);
        drop(known);
        if let Some(skew) = in_words(skew)
            && !was_told
        {
            tracing::warn!(
                "the clock of this machine is {skew} that of {host}; set it (timedatectl set-ntp \
                 true)"
            );
        }
    }
}

/// An endpoint whose answers are looked at for the time.
#[derive(Debug)]
pub(super) struct Watched<'a> {
    pub(super) endpoint: &'a dyn Endpoint,
    pub(super) clock: &'a Clock,
    pub(super) watch: &'a ClockWatch,
}

#[async_trait]
impl Endpoint for Watched<'_> {
    async fn post(&self, form: &Form) -> Result<Reply, TokenError> {
        let reply = self.endpoint.post(form).await?;
        if let Some(theirs) = reply.date.as_deref().and_then(http_date) {
            let ours = self.clock.now();
            let host = form.to.host_str().unwrap_or_default();
            self.watch.note(ours.duration_since(theirs), host);
        }
        Ok(reply)
    }
}

#[cfg(test)]
mod tests {
    use gatepost_fault::Fault as _;

    use super::*;
    use crate::ProofError;

    #[test]
    fn the_clock_explains_only_what_the_servers_would_not_have() {
        let now = Timestamp::UNIX_EPOCH;
        let in_minutes = |minutes| now + SignedDuration::from_mins(minutes);
        let proof = |reason| {
            TokenError::Proof(ProofError {
                name: "app.pem".to_owned(),
                reason,
            })
        };
        let assertion = |expired| TokenError::AssertionUnusable {
            who: "registration aks".to_owned(),
            place: "/token".to_owned(),
            reason: "it cannot be shown".to_owned(),
            expired,
        };
        let expired = |minutes| proof(ProofProblem::Expired(in_minutes(minutes)));
        let early = |minutes| proof(ProofProblem::NotYetValid(in_minutes(minutes)));
        let foreign = || TokenError::IdTokenUnusable {
            who: "ada".to_owned(),
            reason: "its nonce is another one".to_owned(),
        };
        for (ahead, error, is_explained) in [
            (10, expired(-5), true),
            (10, expired(-15), false),
            (-10, expired(-5), false),
            (-10, early(5), true),
            (-10, early(15), false),
            (10, early(5), false),
            (10, assertion(Some(in_minutes(-5))), true),
            (10, assertion(Some(in_minutes(-15))), false),
            (10, assertion(None), false),
            (10, proof(ProofProblem::Mismatch), false),
            (10, foreign(), false),
        ] {
            let watch = ClockWatch::default();
            watch.note(SignedDuration::from_mins(ahead), "login");
            let code = watch.explained(error.clone(), now).code();
            assert_eq!(code == "clock_skew", is_explained, "{ahead} {error}");
        }
    }
}
