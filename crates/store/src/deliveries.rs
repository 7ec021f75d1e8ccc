//! What is on its way to the sinks.

mod claim;
pub(crate) mod forget;
mod forgo;
mod look;
#[cfg(test)]
mod plans;
mod settle;

use async_trait::async_trait;
use gatepost_mailroom::{
    Deliveries, Delivery, DeliveryFilter, Due, Event, EventId, Forgone, Horizon, Lease, NewEvent,
    Settled, SinkName, StorageError, WatchKey,
};
use jiff::Timestamp;

use crate::Store;
use crate::events::{self, Numbers};
use crate::undone::Undone;

use claim::{Order, Term};

#[async_trait]
impl Deliveries for Store {
    async fn claim_due(
        &self,
        sink: &SinkName,
        now: Timestamp,
        until: Timestamp,
        limit: usize,
    ) -> Result<Vec<Due>, StorageError> {
        let term = Term { now, until };
        let claimed = self.claim(Order::Any, sink, term, limit).await;
        self.answer(claimed)
    }

    async fn claim_heads(
        &self,
        sink: &SinkName,
        now: Timestamp,
        until: Timestamp,
        limit: usize,
    ) -> Result<Vec<Due>, StorageError> {
        let term = Term { now, until };
        let claimed = self.claim(Order::Strict, sink, term, limit).await;
        self.answer(claimed)
    }

    async fn reclaim(
        &self,
        sink: &SinkName,
        now: Timestamp,
        horizon: Horizon,
    ) -> Result<usize, StorageError> {
        let sink = sink.0.clone();
        let taken = self.write(move |db| Box::pin(claim::reclaim(db, sink, (now, horizon))));
        self.answer(taken.await)
    }

    async fn next_due(&self, sink: &SinkName) -> Result<Option<Timestamp>, StorageError> {
        self.answer(claim::next_due(self.readers(), sink).await)
    }

    async fn settle(
        &self,
        settled: Vec<(Lease, Settled)>,
        reports: Vec<NewEvent>,
        now: Timestamp,
    ) -> Result<Vec<EventId>, StorageError> {
        if settled.is_empty() && reports.is_empty() {
            return Ok(Vec::new());
        }
        let reports = self.answer(events::prepare(self.key(), reports).await)?;
        let key = self.key();
        let due = self.write(move |db| {
            Box::pin(async move {
                let due = settle::settle(db, &key, settled, now).await?;
                events::insert(db, reports, Numbers::None, now).await?;
                Ok(due)
            })
        });
        self.answer(due.await)
    }

    async fn post_actions_due(
        &self,
        watch: &WatchKey,
        limit: usize,
    ) -> Result<Vec<Event>, StorageError> {
        self.answer(self.events_with_post_action(watch, limit).await)
    }

    async fn post_actions_done(&self, events: &[EventId]) -> Result<(), StorageError> {
        let events = events.to_vec();
        let done = self.write(move |db| Box::pin(settle::post_actions_done(db, events)));
        self.answer(done.await)
    }

    async fn list(&self, filter: &DeliveryFilter) -> Result<Vec<Delivery>, StorageError> {
        self.answer(self.deliveries_like(filter).await)
    }

    async fn show(&self, id: i64) -> Result<Option<Delivery>, StorageError> {
        self.answer(self.delivery(id).await)
    }

    async fn retry(&self, ids: &[i64], now: Timestamp) -> Result<usize, StorageError> {
        let ids = ids.to_vec();
        let retried = self.write(move |db| Box::pin(settle::retry(db, ids, now)));
        self.answer(retried.await)
    }

    async fn discard(&self, ids: &[i64], now: Timestamp) -> Result<usize, StorageError> {
        let ids = ids.to_vec();
        let discarded = self.write(move |db| Box::pin(settle::discard(db, ids, now)));
        self.answer(discarded.await)
    }

    async fn forgo_others(
        &self,
        watch: &WatchKey,
        sinks: &[SinkName],
    ) -> Result<Forgone, StorageError> {
        // Most looks find nothing that may become due, and cost no transaction.
        let forgone = self.answer(forgo::look(self.readers(), watch, sinks).await)?;
        if forgone.due == 0 {
            return Ok(forgone);
        }
        let (watch, sinks) = (watch.clone(), sinks.to_vec());
        let forgone = self.write(move |db| {
            Box::pin(async move { forgo::forgo_others(db, &watch, &sinks).await })
        });
        self.answer(forgone.await)
    }

    async fn backlog(&self, mailbox: &str, sinks: &[SinkName]) -> Result<(u64, u64), StorageError> {
        self.answer(claim::backlog(self.readers(), mailbox, sinks).await)
    }

    async fn forget(&self, before: Timestamp, limit: usize) -> Result<Vec<String>, StorageError> {
        let forgotten = self.write(move |db| Box::pin(forget::forget(db, before, limit)));
        self.answer(forgotten.await)
    }

    async fn unreferenced(&self, names: &[String]) -> Result<Vec<String>, StorageError> {
        self.answer(forget::unreferenced(self.readers(), names).await)
    }
}

impl Store {
    pub(crate) fn answer<T>(&self, outcome: Result<T, Undone>) -> Result<T, StorageError> {
        outcome.map_err(|undone| self.fault(undone).into())
    }
}
