//! How far this machine's clock is from the sign-in server's, as its answers show. Assertions,
//! certificates and id tokens have times in them: a wrong clock explains what is wrong with them.

use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use gatepost_host::Clock;
use jiff::SignedDuration;

use crate::answers::{Reply, http_date, in_words};
use crate::{Endpoint, Form, ProofProblem, TokenError};

/// The difference that was measured last.
#[derive(Debug, Default)]
pub(super) struct ClockWatch(Mutex<Option<SignedDuration>>);

impl ClockWatch {
    pub(super) fn skew(&self) -> Option<SignedDuration> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The error with its explanation, if the clock is one.
    pub(super) fn explained(&self, error: TokenError) -> TokenError {
        let is_of_time = match &error {
            TokenError::Proof(proof) => matches!(
                proof.reason,
                ProofProblem::NotYetValid(_) | ProofProblem::Expired(_)
            ),
            TokenError::AssertionUnusable { .. } | TokenError::IdTokenUnusable { .. } => true,
            _ => false,
        };
        match self.skew().and_then(in_words) {
            Some(skew) if is_of_time => TokenError::ClockSkew {
                skew,
                because: Box::new(error),
            },
            _ => error,
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
