//! The time before the start in which nobody proved to be alive.

use std::time::Duration;

use gatepost_fault::Fault as _;
use gatepost_host::Clock;
use jiff::Timestamp;

use crate::{Cursors, StorageError};

/// How long nobody had proved to be alive when this process started. It is to be read before any
/// watch proves more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unproven {
    /// For this long.
    For {
        /// From the last proof of life to the start; nothing, if there was none ever.
        time: Duration,
        /// The start.
        until: Timestamp,
    },
    /// What was proved could not be read.
    Unknown,
}

impl Unproven {
    /// What `cursors` say of the time before now. A storage that does not answer is no obstacle.
    pub(crate) async fn until_now(cursors: &dyn Cursors, clock: &Clock) -> Self {
        match Self::read(cursors, clock.now()).await {
            Ok(unproven) => {
                unproven.tell();
                unproven
            }
            Err(error) => {
                tracing::warn!(
                    code = error.code(),
                    "when a mailbox was last looked at is not known, so no event is forgotten until it is old by the time that passes from now on: {error}"
                );
                Self::Unknown
            }
        }
    }

    /// What it is once the clock was set back `by` this much: the start was that much earlier than
    /// the clock said, and so much of the time had not passed. If the clock was right at the start
    /// and is behind now, nothing is forgotten earlier by it.
    pub(super) fn set_back(self, by: Duration) -> Self {
        match self {
            Self::For { time, until } => Self::For {
                time: time.saturating_sub(by),
                until: until.checked_sub(by).unwrap_or(Timestamp::MIN),
            },
            Self::Unknown => Self::Unknown,
        }
    }

    async fn read(cursors: &dyn Cursors, now: Timestamp) -> Result<Self, StorageError> {
        let standings = cursors.standings().await?;
        let proofs = standings.iter();
        let newest = proofs.filter_map(|(_, standing)| standing.proven_at).max();
        let time = newest.map_or(Duration::ZERO, |newest| {
            Duration::try_from(now.duration_since(newest)).unwrap_or_default()
        });
        Ok(Self::For { time, until: now })
    }

    fn tell(self) {
        if let Self::For { time, .. } = self
            && time > WORTH_TELLING
        {
            tracing::info!(
                hours = time.as_secs() / 3600,
                "no mailbox was looked at for long, or the clock is ahead; events from before are kept longer by that time"
            );
        }
    }
}

const WORTH_TELLING: Duration = Duration::from_hours(24);
