//! How far this machine's clock is from the sign-in server's, as its answers show. Assertions and
//! certificates have times in them: a wrong clock may explain what is wrong with them.

use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use gatepost_host::Clock;
use jiff::{SignedDuration, Timestamp};

use crate::answers::{Reply, http_date, in_words};
use crate::{Endpoint, Form, OutOfTime, TokenError};

/// The difference that was measured last.
#[derive(Debug, Default)]
pub(super) struct ClockWatch(Mutex<Option<Measured>>);

#[derive(Debug, Clone, Copy)]
struct Measured {
    skew: SignedDuration,
    /// By the clock of this machine.
    at: Timestamp,
}

impl ClockWatch {
    pub(super) fn skew(&self) -> Option<SignedDuration> {
        self.measured().map(|measured| measured.skew)
    }

    /// The same if it was measured lately: a clock may have been set since.
    pub(super) fn skew_lately(&self, now: Timestamp) -> Option<SignedDuration> {
        let measured = self.measured();
        let measured = measured.filter(|measured| measured.is_fresh(now));
        measured.map(|measured| measured.skew)
    }

    fn measured(&self) -> Option<Measured> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it must be measured at `now` before it is known if the clock explains `error`. A
    /// clock may have been set wrong since it was measured.
    pub(super) fn must_look(&self, error: &TokenError, now: Timestamp) -> bool {
        // A server that cannot be trusted is not asked for the time either.
        !matches!(error, TokenError::UntrustedNow { .. })
            && OutOfTime::of(error).is_some()
            && self.skew_lately(now).is_none()
    }

    /// The error with its explanation, if the clock is one: at this `now` something is out of its
    /// time that is in it by the server's clock.
    pub(super) fn explained(&self, error: TokenError, now: Timestamp) -> TokenError {
        let explains = |skew: &SignedDuration| {
            let theirs = now.checked_sub(*skew).unwrap_or(now);
            OutOfTime::of(&error).is_some_and(|when| when.is_mended_at(theirs))
        };
        match self.skew().filter(explains).and_then(in_words) {
            Some(skew) => TokenError::ClockSkew {
                skew,
                because: Box::new(error),
            },
            None => error,
        }
    }

    fn note(&self, skew: SignedDuration, at: Timestamp, host: &str) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = known.replace(Measured { skew, at });
        drop(known);
        let was_told = before.and_then(|before| in_words(before.skew)).is_some();
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

impl Measured {
    fn is_fresh(&self, now: Timestamp) -> bool {
        now.duration_since(self.at).abs() < FRESH
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
            self.watch.note(ours.duration_since(theirs), ours, host);
        }
        Ok(reply)
    }
}

/// A clock that was right is believed for so long.
const FRESH: SignedDuration = SignedDuration::from_hours(1);

#[cfg(test)]
mod tests {
    use gatepost_fault::Fault as _;

    use super::*;
    use crate::{ProofError, ProofProblem};

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
        let untrusted = |minutes| TokenError::UntrustedNow {
            host: "login".to_owned(),
            when: OutOfTime::Ended(in_minutes(minutes)),
            now,
        };
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
            (10, untrusted(-5), true),
            (10, untrusted(-15), false),
            (10, proof(ProofProblem::Mismatch), false),
            (10, foreign(), false),
        ] {
            let watch = ClockWatch::default();
            watch.note(SignedDuration::from_mins(ahead), now, "login");
            let code = watch.explained(error.clone(), now).code();
            assert_eq!(code == "clock_skew", is_explained, "{ahead} {error}");
        }
    }
}
