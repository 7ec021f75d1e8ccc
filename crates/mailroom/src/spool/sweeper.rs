//! Removes what is no longer needed: settled events after their retention, and files of the
//! spool that no event refers to.

use std::sync::Arc;
use std::time::Duration;

use gatepost_fault::Fault as _;
use gatepost_host::{Clock, Metronome, Stop};
use jiff::SignedDuration;

use super::{Spool, SweepError};
use crate::Deliveries;

/// Sweeps the spool at its start and then every ten minutes.
#[derive(Debug)]
pub struct Sweeper {
    spool: Arc<Spool>,
    deliveries: Arc<dyn Deliveries>,
    clock: Clock,
    retention: Duration,
}

impl Sweeper {
    /// A sweeper that forgets events `retention` after their last delivery was settled.
    pub fn new(
        spool: Arc<Spool>,
        deliveries: Arc<dyn Deliveries>,
        clock: Clock,
        retention: Duration,
    ) -> Self {
        Self {
            spool,
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
                    Holds::Younger => self.sweep().await,
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

    async fn sweep(&self) -> Result<(), SweepError> {
        let now = self.clock.now();
        let before = now.checked_sub(self.retention).unwrap_or(now);
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
const PAUSE: Duration = Duration::from_mins(10);
const AT_ONCE: usize = 500;
/// Ten thousand events in ten minutes: more than ever arrive for long.
const ROUNDS: usize = 20;
