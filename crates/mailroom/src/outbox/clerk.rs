//! Keeps the outbox in order.

use std::time::Duration;

use gatepost_fault::Fault as _;
use gatepost_host::Stop;
use jiff::{SignedDuration, Timestamp};

use super::PostOffice;
use super::attempt::CLAIM;
use crate::{Call, LeftBy, StorageError};

/// Puts right what processes that are gone left behind, and forgets what was sent long ago.
#[derive(Debug)]
pub struct Clerk {
    office: PostOffice,
    retention: Duration,
}

impl Clerk {
    /// A clerk who forgets messages `retention` after they were sent, and with them their
    /// idempotency keys.
    pub fn new(office: PostOffice, retention: Duration) -> Self {
        Self { office, retention }
    }

    /// Takes over from a former `serve`, before anybody sends: what it had claimed is queued
    /// again, and of what it was transmitting nobody knows whether it was sent.
    pub async fn take_over(&self) -> Result<(), StorageError> {
        let now = self.office.clock.now();
        let recovered = self.office.outbox.recover(LeftBy::FormerServe, now).await?;
        if recovered.unknown > 0 {
            tracing::warn!(
                messages = recovered.unknown,
                "messages were being transmitted when the process before ended; they are looked for"
            );
        }
        Ok(())
    }

    /// Holds what is queued in the name of mailboxes other than `open`, which cannot send, and
    /// lets go what was held of these.
    pub async fn hold_others(&self, open: &[String]) -> Result<(), StorageError> {
        let now = self.office.clock.now();
        let held = self.office.outbox.hold_others(open, now).await?;
        if held > 0 {
            tracing::warn!(
                messages = held,
                "messages are held: their mailboxes are not configured, or have no `send`"
            );
        }
        self.office.ring_all(Call::Look);
        Ok(())
    }

    /// Works until it is stopped.
    pub async fn run(self, stop: Stop) {
        let work = async {
            loop {
                for _ in 0..LOOKS_BETWEEN {
                    self.office.clock.sleep(PAUSE).await;
                    log(self.recover().await);
                }
                log(self.forget().await);
            }
        };
        stop.or(work).await;
    }

    async fn recover(&self) -> Result<(), StorageError> {
        let (outbox, now) = (&self.office.outbox, self.office.clock.now());
        let latest = later(now, CLAIM + CLAIM / 10);
        let recovered = outbox.recover(LeftBy::Anybody { latest }, now).await?;
        if recovered.queued + recovered.unknown > 0 {
            tracing::warn!(
                queued = recovered.queued,
                unknown = recovered.unknown,
                "messages were left behind by a process that is gone"
            );
            self.office.ring_all(Call::Look);
        }
        Ok(())
    }

    async fn forget(&self) -> Result<(), StorageError> {
        let (outbox, now) = (&self.office.outbox, self.office.clock.now());
        let before = now.checked_sub(self.retention).unwrap_or(Timestamp::MIN);
        outbox.forget_sent(before, AT_ONCE).await?;
        Ok(())
    }
}

fn log(done: Result<(), StorageError>) {
    if let Err(error) = done
        && !error.is_told()
    {
        tracing::warn!(
            code = error.code(),
            "the outbox was not put in order: {error}"
        );
    }
}

fn later(at: Timestamp, time: Duration) -> Timestamp {
    let time = SignedDuration::try_from(time).unwrap_or(SignedDuration::MAX);
    at.checked_add(time).unwrap_or(Timestamp::MAX)
}

const PAUSE: Duration = Duration::from_mins(1);
/// What is old is forgotten every ten minutes.
const LOOKS_BETWEEN: u32 = 10;
/// More in ten minutes than fifty mailboxes may send.
const AT_ONCE: usize = 2_000;
