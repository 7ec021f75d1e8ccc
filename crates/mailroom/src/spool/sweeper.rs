//! Removes what is no longer needed: settled events after their retention, and files of the
//! spool that no event refers to.
//!
//! An event ages only while somebody can say so. What lies between the last proof of life and the
//! start of the sweeper counts for nothing: either Gatepost did not run, or the clock is ahead now
//! and was not then, and the two cannot be told apart. So what was stored by a clock that was right
//! is not forgotten early by one that is ahead, and after a pause everything stays longer by it.

use std::sync::Arc;
use std::time::Duration;

use gatepost_fault::Fault as _;
use gatepost_host::{Clock, Metronome, Stop};
use jiff::{SignedDuration, Timestamp};

use super::{Spool, SweepError};
use crate::{Cursors, Deliveries};

/// Sweeps the spool at its start and then every ten minutes.
#[derive(Debug)]
pub struct Sweeper {
    spool: Arc<Spool>,
    cursors: Arc<dyn Cursors>,
    deliveries: Arc<dyn Deliveries>,
    clock: Clock,
    retention: Duration,
}

impl Sweeper {
    /// A sweeper that forgets events `retention` after their last delivery was settled. What the
    /// watches prove is known from `cursors`: he is to start before they do.
    pub fn new(
        spool: Arc<Spool>,
        (cursors, deliveries): (Arc<dyn Cursors>, Arc<dyn Deliveries>),
        clock: Clock,
        retention: Duration,
    ) -> Self {
        Self {
            spool,
            cursors,
            deliveries,
            clock,
            retention,
        }
    }

    /// Sweeps until it is stopped.
    pub async fn run(self, stop: Stop) {
        let mut memory = Memory::new(&self.clock, self.retention);
        let work = async {
            loop {
                let swept = match memory.holds() {
                    Holds::All => Ok(()),
                    Holds::Younger => self.sweep(&mut memory).await,
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

    async fn sweep(&self, memory: &mut Memory) -> Result<(), SweepError> {
        let unproven = match memory.unproven {
            Some(unproven) => unproven,
            None => *memory.unproven.insert(self.unproven().await?),
        };
        let age = self.retention.saturating_add(unproven);
        let before = self.clock.now().checked_sub(age);
        let before = before.unwrap_or(Timestamp::MIN);
        for _ in 0..ROUNDS {
            let names = self.deliveries.forget(before, AT_ONCE).await?;
            self.remove(names).await?;
        }
        Ok(())
    }

    /// How long nobody has proved to be alive.
    async fn unproven(&self) -> Result<Duration, SweepError> {
        let standings = self.cursors.standings().await?;
        let proofs = standings.iter();
        let newest = proofs.filter_map(|(_, standing)| standing.proven_at).max();
        let Some(newest) = newest else {
            return Ok(Duration::ZERO);
        };
        let unproven = self.clock.now().duration_since(newest);
        let unproven = Duration::try_from(unproven).unwrap_or_default();
        if unproven > PAUSE_WORTH_TELLING {
            tracing::info!(
                hours = unproven.as_secs() / 3600,
                "no mailbox was looked at for long, or the clock is ahead; events are kept longer by that time"
            );
        }
        Ok(unproven)
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
    /// How long nobody had proved to be alive at the start, once that is known.
    unproven: Option<Duration>,
    /// How long the metronome must have gone before anything is forgotten.
    until: Duration,
}

#[derive(Debug, PartialEq, Eq)]
enum Holds {
    All,
    Younger,
}

impl Memory {
    fn new(clock: &Clock, retention: Duration) -> Self {
        Self {
            metronome: Metronome::beside(clock),
            retention,
            unproven: None,
            until: Duration::ZERO,
        }
    }

    /// After the clock was set forward, what was stored before seems older than it is. Once the
    /// retention has passed again, it is old by both clocks.
    fn holds(&mut self) -> Holds {
        let set = self.metronome.set_by();
        if set > STEP {
            tracing::warn!(
                seconds = set.as_secs(),
                "the clock was set forward; no event is forgotten for the next {} hours",
                self.retention.as_secs() / 3600
            );
            self.until = self.metronome.elapsed() + self.retention;
        }
        if self.metronome.elapsed() < self.until {
            Holds::All
        } else {
            Holds::Younger
        }
    }
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

/// A clock that is set forward by less makes nothing old.
const STEP: SignedDuration = SignedDuration::from_mins(1);
const PAUSE_WORTH_TELLING: Duration = Duration::from_hours(24);
const PAUSE: Duration = Duration::from_mins(10);
const AT_ONCE: usize = 500;
/// Ten thousand events in ten minutes: more than ever arrive for long.
const ROUNDS: usize = 20;
