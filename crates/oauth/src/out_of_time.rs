//! What is out of its time by the clock of this machine: either it is, or that clock is wrong.

use jiff::{SignedDuration, Timestamp};
use rustls::CertificateError;
use rustls::pki_types::UnixTime;

use crate::answers::{amount, in_words};
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

    /// The same of the certificate of `host`, as a sentence, where no other clock is known.
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

/// A server's certificate that is not valid at the time that this machine has, and what the
/// sign-in server's clock says of that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UntimelyCertificate {
    /// When it is valid.
    pub when: OutOfTime,
    /// What the clock of this machine said.
    pub now: Timestamp,
    /// How far that clock was ahead of the sign-in server's, as measured lately; negative if behind.
    pub skew: Option<SignedDuration>,
}

impl UntimelyCertificate {
    /// What TLS said, if it was that. The skew is for who knows it to add.
    pub fn of(error: &CertificateError) -> Option<Self> {
        let at = |time: &UnixTime| Timestamp::from_second(i64::try_from(time.as_secs()).ok()?).ok();
        let (when, time) = match error {
            CertificateError::ExpiredContext { time, not_after } => {
                (OutOfTime::Ended(at(not_after)?), time)
            }
            CertificateError::NotValidYetContext { time, not_before } => {
                (OutOfTime::NotBegun(at(not_before)?), time)
            }
            _ => return None,
        };
        Some(Self {
            when,
            now: at(time)?,
            skew: None,
        })
    }

    /// Whether the clock of this machine must be set: the certificate is in its time by the sign-in
    /// server's. Where that is not known, nobody has a certificate whose time has not begun.
    pub fn is_of_clock(&self) -> bool {
        match self.skew {
            Some(skew) => self.is_explained_by(skew),
            None => matches!(self.when, OutOfTime::NotBegun(_)),
        }
    }

    /// The whole of it as a sentence that says what to do about the certificate of `host`.
    pub fn sentence(&self, host: &str) -> String {
        let (now, when) = (self.now, self.when);
        let valid = match when {
            OutOfTime::Ended(at) => format!("the certificate of {host} was valid until {at}"),
            OutOfTime::NotBegun(at) => format!("the certificate of {host} is valid from {at}"),
        };
        match self.skew {
            None => when.of_host(host, now),
            Some(skew) if self.is_explained_by(skew) => format!(
                "the clock of this machine is {} that of the sign-in server and says {now}, which \
                 explains the rest; set it (timedatectl set-ntp true). {valid}",
                in_words(skew).unwrap_or_default()
            ),
            Some(_) => format!(
                "{valid}, and it is {now} by the clock of this machine, which is not wrong by the \
                 sign-in server's: that server or a proxy on the way needs another certificate"
            ),
        }
    }

    fn is_explained_by(&self, skew: SignedDuration) -> bool {
        let theirs = self.now.checked_sub(skew).unwrap_or(self.now);
        in_words(skew).is_some() && self.when.is_mended_at(theirs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_accuses_the_clock_only_where_that_was_not_found_right() {
        let minutes = SignedDuration::from_mins;
        let now = Timestamp::UNIX_EPOCH;
        for (when, skew, is_of_clock, said) in [
            (
                OutOfTime::Ended(now),
                None,
                false,
                "set the clock if it is wrong",
            ),
            (
                OutOfTime::NotBegun(now + minutes(9)),
                None,
                true,
                "behind by 9 minutes or more",
            ),
            (OutOfTime::Ended(now), Some(20), true, "20 minutes ahead of"),
            (
                OutOfTime::Ended(now - minutes(30)),
                Some(20),
                false,
                "another certificate",
            ),
            (OutOfTime::Ended(now), Some(0), false, "another certificate"),
            (
                OutOfTime::NotBegun(now + minutes(9)),
                Some(-10),
                true,
                "10 minutes behind",
            ),
            (
                OutOfTime::NotBegun(now + minutes(9)),
                Some(0),
                false,
                "another certificate",
            ),
        ] {
            let skew = skew.map(minutes);
            let untimely = UntimelyCertificate { when, now, skew };
            let sentence = untimely.sentence("imap.example");
            assert_eq!(untimely.is_of_clock(), is_of_clock, "{sentence}");
            for said in [said, "imap.example", "1970-01-01T00:00:00Z"] {
                assert!(sentence.contains(said), "{said}: {sentence}");
            }
        }
    }
}
