//! What copies among the sent messages tell of a message that goes out in several envelopes.
//!
//! Each envelope leaves a copy, and all have one `Message-ID`. So copies are counted: if there are
//! more than the other envelopes can have left, one is of the last. An envelope of which nobody
//! knows the end either, and which everybody of the last was in, is as good as that one.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::{LookError, Sighting};
use crate::{Addressee, DueSubmission, RecipientFate};

/// Which copies among the sent messages tell that the last envelope of a message was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copies {
    since: Option<Timestamp>,
    /// Envelopes before it that were sent, and so left a copy.
    certain: usize,
    /// Envelopes before it that may have left a copy, these included, by which not all have it whom
    /// the last one was for.
    others: usize,
    /// Whether more is known than how often it departed.
    is_countable: bool,
}

/// An envelope before the last.
#[derive(Debug, Default)]
struct Former {
    is_certain: bool,
    /// How many of the last were in it.
    shared: usize,
}

impl Copies {
    /// Those of the last envelope of `due`.
    pub fn of(due: &DueSubmission) -> Self {
        let Some(last) = due.departed_at else {
            return Self {
                since: None,
                certain: 0,
                others: 0,
                is_countable: true,
            };
        };
        let in_last = |one: &&Addressee| one.fate == RecipientFate::Open;
        let all = due.recipients.iter().filter(in_last).count();
        let former = former(&due.recipients, last);
        let (mut oldest, mut certain, mut others) = (last, 0, 0);
        for (at, former) in former.iter().rev() {
            // A copy of one that is older by so much is not among those that count.
            if oldest.duration_since(*at) > LATEST {
                break;
            }
            oldest = *at;
            certain += usize::from(former.is_certain);
            others += usize::from(former.is_certain || former.shared < all);
        }
        let is_known = |one: &Addressee| {
            let has_it = one.fate == RecipientFate::Taken;
            !(one.may_have_departed_before() || has_it && one.departures.is_empty())
        };
        Self {
            since: Some(oldest.checked_sub(CLOCKS).unwrap_or(Timestamp::MIN)),
            certain,
            others,
            is_countable: due.recipients.iter().all(is_known),
        }
    }

    /// From when on copies count: an older one is of another message with the same `Message-ID`, or
    /// of an envelope long ago. The server's clock may be a little behind ours.
    pub fn since(&self) -> Option<Timestamp> {
        self.since
    }

    /// How many copies are enough to tell.
    pub fn enough(&self) -> usize {
        self.others.saturating_add(1)
    }

    /// What it means that so many were found.
    pub fn tell(&self, found: usize) -> Result<Sighting, LookError> {
        if !self.is_countable {
            return Err(LookError::Never(
                "how many copies of it are to be among the sent messages is not known, since it \
                 departed too often, or by an earlier version"
                    .to_owned(),
            ));
        }
        if found > self.others {
            Ok(Sighting::Sent)
        } else if found <= self.certain {
            Ok(Sighting::Nothing)
        } else {
            Err(LookError::Unclear(format!(
                "{found} copies of it are among the sent messages, of which {} are of envelopes \
                 that were sent, and the rest may be of others whose answer was lost",
                self.certain
            )))
        }
    }
}

/// The envelopes before the last, by their time.
fn former(recipients: &[Addressee], last: Timestamp) -> BTreeMap<Timestamp, Former> {
    let mut former = BTreeMap::<Timestamp, Former>::new();
    for one in recipients {
        let has_it = one.fate == RecipientFate::Taken;
        for at in one.departures.iter().filter(|at| **at != last) {
            let envelope = former.entry(*at).or_default();
            envelope.is_certain |= has_it && one.departures.last() == Some(at);
            envelope.shared += usize::from(one.fate == RecipientFate::Open);
        }
    }
    former
}

/// How far clocks may be apart.
const CLOCKS: Duration = Duration::from_mins(10);
/// How long behind its departure a copy appears at the latest, with all that clocks may be apart.
const LATEST: SignedDuration = SignedDuration::from_hours(1);
