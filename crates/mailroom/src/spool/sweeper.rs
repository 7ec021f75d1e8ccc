//! Removes what is no longer needed: settled events after their retention, and files of the
//! spool that no event refers to.
//!
//! An event ages only while somebody can say so. What lies between the last proof of life and the
//! start counts for nothing: either Gatepost did not run, or the clock is ahead now and was not
//! then, and the two cannot be told apart. So what was stored by a clock that was right is not
//! forgotten early by one that is ahead, and after a pause all that was settled before it stays
//! longer by it. What is settled after the start has lived through no pause.

use std::sync::Arc;
use std::time::Duration;

use gatepost_fault::Fault as _;
use gatepost_host::{Clock, Metronome, Stop};
use jiff::{SignedDuration, Timestamp};

use super::{Spool, SweepError, Unproven};
use crate::Deliveries;

/// Sweeps the spool at its start and then every ten minutes.
#[derive(Debug)]
pub struct Sweeper {
    spool: Arc<Spool>,
    deliveries: Arc<dyn Deliveries>,
    clock: Clock,
    retention: Duration,
    unproven: Unproven,
}

impl Sweeper {
    /// A sweeper that forgets events `retention` after their last delivery was settled, in which
    /// the time that was `unproven` before the start does not count.
    pub fn new(
        (spool, deliveries): (Arc<Spool>, Arc<dyn Deliveries>),
        clock: Clock,
        retention: Duration,
        unproven: Unproven,
    ) -> Self {
        Self {
            spool,
            deliveries,
            clock,
            retention,
            unproven,
        }
    }

    /// Sweeps until it is stopped.
    pub async fn run(self, stop: Stop) {
        let mut memory = Memory::new(&self.clock, (self.retention, self.unproven));
        let work = async {
            loop {
                let swept = match memory.holds() {
                    Holds::All => Ok(()),
                    Holds::Younger => self.sweep(memory.before(self.clock.now())).await,
                };
                for swept in [swept, self.sweep_orphans().await] {
                    if let Err(error) = swept {
                        log(&error);
                    }
                }
                self.clock.sleep(PAUSE).await;
            }
        };
        stop.or(work).await;
    }

    /// Removes the files that no event refers to: a fetch was interrupted between the file and
    /// its event.
    async fn sweep_orphans(&self) -> Result<(), SweepError> {
        let names = self.spool.names()?;
        for names in names.chunks(AT_ONCE) {
            self.remove(names.to_vec()).await?;
        }
        Ok(())
    }

    async fn sweep(&self, before: Timestamp) -> Result<(), SweepError> {
        for _ in 0..ROUNDS {
            let names = self.deliveries.forget(before, AT_ONCE).await?;
            self.remove(names).await?;
        }
        Ok(())
    }

    async fn remove(&self, names: Vec<String>) -> Result<(), SweepError> {
        let deliveries = self.deliveries.as_ref();
        let now = self.clock.now();
        let removed = self
            .spool
            .remove_unreferenced(names, (deliveries, now))
            .await?;
        if removed > 0 {
            tracing::debug!(removed, "spooled messages were removed");
        }
        Ok(())
    }
}

/// Whether events are old enough by both clocks.
struct Memory {
    metronome: Metronome,
    retention: Duration,
    unproven: Unproven,
    /// How long the metronome must have gone before anything is forgotten.
    until: Duration,
}

#[derive(Debug, PartialEq, Eq)]
enum Holds {
    All,
    Younger,
}

impl Memory {
    fn new(clock: &Clock, (retention, unproven): (Duration, Unproven)) -> Self {
        Self {
            metronome: Metronome::beside(clock),
            retention,
            unproven,
            until: match unproven {
                Unproven::For { .. } => Duration::ZERO,
                Unproven::Unknown => retention,
            },
        }
    }

    /// Before when an event must have been settled to be old at `now`.
    fn before(&self, now: Timestamp) -> Timestamp {
        let old = earlier(now, self.retention);
        match self.unproven {
            Unproven::For { time, until } if old < until => earlier(old, time),
            // The retention has passed since the start: what was settled before it is old.
            Unproven::For { .. } | Unproven::Unknown => old,
        }
    }

    /// After the clock was set forward, what was stored before seems older than it is. Once the
    /// retention has passed again, it is old by both clocks. One that is set back was ahead at the
    /// start, or is behind now: what was unproven then is less by it.
    fn holds(&mut self) -> Holds {
        let set = self.metronome.set_by();
        if set > STEP {
            tracing::warn!(
                seconds = set.as_secs(),
                "the clock was set forward; no event is forgotten for the next {} hours",
                self.retention.as_secs() / 3600
            );
            self.until = self.metronome.elapsed() + self.retention;
        } else if set < -STEP {
            self.unproven = self.unproven.set_back(set.unsigned_abs());
        }
        if self.metronome.elapsed() < self.until {
            Holds::All
        } else {
            Holds::Younger
        }
    }
}

fn earlier(at: Timestamp, time: Duration) -> Timestamp {
    at.checked_sub(time).unwrap_or(Timestamp::MIN)
}

fn log(error: &SweepError) {
    let code = match error {
        SweepError::Storage(error) if error.is_told() => {
            return tracing::debug!(code = error.code(), "the spool is not swept yet");
        }
        SweepError::Spool(error) => error.code(),
        SweepError::Storage(error) => error.code(),
    };
    tracing::warn!(code, "the spool was not swept, it is tried again: {error}");
}

/// A clock that is set forward by less makes nothing old, and one that is set back by less was not
/// ahead.
const STEP: SignedDuration = SignedDuration::from_mins(1);
const PAUSE: Duration = Duration::from_mins(10);
const AT_ONCE: usize = 500;
/// Ten thousand events in ten minutes: more than ever arrive for long.
const ROUNDS: usize = 20;
