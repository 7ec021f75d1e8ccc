//! The storage of one process: sometimes busy, and the moment at which the process dies. What
//! was committed is in the storage behind it, and outlives the process.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use gatepost_fault::{After, Next, Owner};
use gatepost_mail::Cursor;
use gatepost_mailroom::{
    Advance, Cursors, Deliveries, Delivery, DeliveryFilter, Due, Event, EventData, EventId,
    Fingerprint, Forgone, Horizon, Lease, MemoryStorage, NewEvent, Settled, SinkName, Standing,
    StorageError, WatchKey,
};
use jiff::Timestamp;

use crate::fuse::Fuse;
use crate::server::{Number, Server};

/// What is durable: it outlives every process.
#[derive(Debug, Clone)]
pub(crate) struct Disk {
    pub(crate) memory: Arc<MemoryStorage>,
    pub(crate) server: Server,
    /// The messages that have an event.
    pub(crate) recorded: Arc<Mutex<BTreeSet<Number>>>,
    /// The messages that need one.
    pub(crate) wanted: Arc<Mutex<BTreeSet<Number>>>,
}

/// The storage as one process sees it.
#[derive(Debug)]
pub(crate) struct Mortal {
    pub(crate) disk: Disk,
    pub(crate) fuse: Fuse,
}

type Answer<T> = Result<T, StorageError>;

impl Mortal {
    /// One transaction: the process may die before it or after it, and the storage may be busy
    /// before it, or give no answer after it.
    async fn transaction<T>(&self, work: impl Future<Output = Answer<T>>) -> Answer<T> {
        self.fuse.moment().await;
        let trouble = self.fuse.trouble();
        if trouble.is_locked() || trouble.strikes(10) {
            return Err(busy());
        }
        if trouble.is_contended() {
            self.disk.server.clock().sleep(CONTENTION).await;
        }
        let answer = work.await;
        self.fuse.moment().await;
        if self.fuse.trouble().strikes(5) {
            return Err(busy());
        }
        answer
    }
}

/// How long a contended storage lets everybody wait.
pub(crate) const CONTENTION: Duration = Duration::from_secs(9);

impl Disk {
    /// The promise at every moment: no cursor is ahead of its record.
    fn check(&self, cursor: &Cursor) {
        let behind = self.server.behind(cursor);
        let recorded = self.recorded.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        let missing = behind
            .iter()
            .find(|number| wanted.contains(number) && !recorded.contains(number));
        assert_eq!(
            missing, None,
            "the cursor {cursor:?} is ahead of its record"
        );
    }

    fn note(&self, advance: &Advance) {
        let mut recorded = self.recorded.lock().unwrap_or_else(PoisonError::into_inner);
        for new in &advance.events {
            if let EventData::Message(data) = &new.event.data {
                let subject = data.envelope.subject.as_deref().unwrap_or_default();
                recorded.insert(subject.parse().expect("the subject is the number"));
            }
        }
    }
}

fn busy() -> StorageError {
    StorageError::Storage {
        code: "database_busy",
        message: "the database is busy".to_owned(),
        owner: Owner::Operator,
        next: Next::Retry(After::Backoff),
    }
}

#[async_trait]
impl Cursors for Mortal {
    async fn load(&self, watch: &WatchKey) -> Answer<Option<Standing>> {
        self.transaction(self.disk.memory.load(watch)).await
    }

    async fn advance(&self, advance: Advance) -> Answer<usize> {
        let disk = &self.disk;
        self.transaction(async {
            let told = advance.clone();
            let answer = disk.memory.advance(advance).await;
            if answer.is_ok() {
                disk.note(&told);
                // A step that leaves the cursor where it is records a part of what is behind it.
                if let Some(to) = told.to.as_ref().filter(|to| told.from.as_ref() != Some(to)) {
                    disk.check(to);
                }
            }
            answer
        })
        .await
    }

    async fn proven(&self, watch: &WatchKey, at: Timestamp) -> Answer<()> {
        self.transaction(self.disk.memory.proven(watch, at)).await
    }

    async fn known(&self, watch: &WatchKey, prints: &[Fingerprint]) -> Answer<Vec<bool>> {
        self.transaction(self.disk.memory.known(watch, prints))
            .await
    }

    async fn remember(
        &self,
        watch: &WatchKey,
        prints: &[Fingerprint],
        at: Timestamp,
    ) -> Answer<()> {
        self.transaction(self.disk.memory.remember(watch, prints, at))
            .await
    }

    async fn standings(&self) -> Answer<Vec<(WatchKey, Standing)>> {
        self.transaction(self.disk.memory.standings()).await
    }

    async fn record(&self, events: Vec<NewEvent>, at: Timestamp) -> Answer<usize> {
        self.transaction(self.disk.memory.record(events, at)).await
    }
}

#[async_trait]
impl Deliveries for Mortal {
    async fn claim_due(
        &self,
        sink: &SinkName,
        now: Timestamp,
        until: Timestamp,
        limit: usize,
    ) -> Answer<Vec<Due>> {
        self.transaction(self.disk.memory.claim_due(sink, now, until, limit))
            .await
    }

    async fn claim_heads(
        &self,
        sink: &SinkName,
        now: Timestamp,
        until: Timestamp,
        limit: usize,
    ) -> Answer<Vec<Due>> {
        self.transaction(self.disk.memory.claim_heads(sink, now, until, limit))
            .await
    }

    async fn reclaim(&self, sink: &SinkName, now: Timestamp, horizon: Horizon) -> Answer<usize> {
        self.transaction(self.disk.memory.reclaim(sink, now, horizon))
            .await
    }

    async fn next_due(&self, sink: &SinkName) -> Answer<Option<Timestamp>> {
        self.transaction(self.disk.memory.next_due(sink)).await
    }

    async fn settle(
        &self,
        settled: Vec<(Lease, Settled)>,
        reports: Vec<NewEvent>,
        now: Timestamp,
    ) -> Answer<Vec<EventId>> {
        self.transaction(self.disk.memory.settle(settled, reports, now))
            .await
    }

    async fn post_actions_due(&self, watch: &WatchKey, limit: usize) -> Answer<Vec<Event>> {
        self.transaction(self.disk.memory.post_actions_due(watch, limit))
            .await
    }

    async fn post_actions_done(&self, events: &[EventId]) -> Answer<()> {
        self.transaction(self.disk.memory.post_actions_done(events))
            .await
    }

    async fn list(&self, filter: &DeliveryFilter) -> Answer<Vec<Delivery>> {
        self.transaction(self.disk.memory.list(filter)).await
    }

    async fn show(&self, id: i64) -> Answer<Option<Delivery>> {
        self.transaction(self.disk.memory.show(id)).await
    }

    async fn retry(&self, ids: &[i64], now: Timestamp) -> Answer<usize> {
        self.transaction(self.disk.memory.retry(ids, now)).await
    }

    async fn discard(&self, ids: &[i64], now: Timestamp) -> Answer<usize> {
        self.transaction(self.disk.memory.discard(ids, now)).await
    }

    async fn forgo_others(&self, watch: &WatchKey, sinks: &[SinkName]) -> Answer<Forgone> {
        self.transaction(self.disk.memory.forgo_others(watch, sinks))
            .await
    }

    async fn backlog(&self, mailbox: &str, sinks: &[SinkName]) -> Answer<(u64, u64)> {
        self.transaction(self.disk.memory.backlog(mailbox, sinks))
            .await
    }

    async fn unreferenced(&self, names: &[String]) -> Answer<Vec<String>> {
        self.transaction(self.disk.memory.unreferenced(names)).await
    }

    async fn forget(&self, before: Timestamp, limit: usize) -> Answer<Vec<String>> {
        self.transaction(self.disk.memory.forget(before, limit))
            .await
    }
}
