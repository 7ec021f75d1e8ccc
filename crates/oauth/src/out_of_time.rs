//! What is out of its time by the clock of this machine: either it is, or that clock is wrong.

use jiff::Timestamp;

use crate::answers::amount;
use crate::{ProofProblem, TokenError};

/// On which side of its time something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutOfTime {
    /// It ended then.
    Ended(Timestamp),
    /// It does not begin before.
    NotBegun(Timestamp),
}

impl OutOfTime {
    /// What `error` says is out of its time, if it says that.
    pub(crate) fn of(error: &TokenError) -> Option<Self> {
        match error {
            TokenError::Proof(proof) => match proof.reason {
                ProofProblem::Expired(at) => Some(Self::Ended(at)),
                ProofProblem::NotYetValid(at) => Some(Self::NotBegun(at)),
                _ => None,
            },
            TokenError::AssertionUnusable { expired, .. } => expired.map(Self::Ended),
            TokenError::UntrustedNow { when, .. } => Some(*when),
            _ => None,
        }
    }

    /// Whether that would not be so on a clock that says `now`.
    pub(crate) fn is_mended_at(self, now: Timestamp) -> bool {
        match self {
            Self::Ended(at) => now < at,
            Self::NotBegun(at) => now >= at,
        }
    }

    /// The same of the certificate of `host`, as a sentence.
    pub(crate) fn of_host(self, host: &str, now: Timestamp) -> String {
        match self {
            Self::NotBegun(at) => format!(
                "the clock of this machine says {now}, and the certificate of {host} is valid from \
                 {at}: the clock is behind by {} or more; set it (timedatectl set-ntp true)",
                amount(at.duration_since(now))
            ),
            Self::Ended(at) => format!(
                "the certificate of {host} was valid until {at}, and the clock of this machine says \
                 {now}, {} later; set the clock if it is wrong (timedatectl set-ntp true), else \
                 that server or a proxy on the way needs a new certificate",
                amount(now.duration_since(at))
            ),
        }
    }
}
