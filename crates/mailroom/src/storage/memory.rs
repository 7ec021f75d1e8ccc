//! A storage that forgets everything when it is dropped: for tests and simulations.

mod outbox;
mod rows;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use jiff::Timestamp;

use super::{
    Advance, Cursors, Deliveries, Delivery, DeliveryFilter, DeliveryState, Due, Fingerprint,
    Forgone, Horizon, Kept, Lease, NewEvent, Notices, Settled, Standing, StorageError, WatchKey,
};
use crate::{Event, EventId, EventType, SinkName};
use rows::{Change, DeliveryRow, PostActionState, Rows};

/// A storage in memory that obeys the same contract as those on disk.
#[derive(Debug, Default)]
pub struct MemoryStorage(Mutex<Rows>);

impl MemoryStorage {
    /// A storage without anything in it.
    pub fn new() -> Self {
        Self::default()
    }

    fn rows(&self) -> MutexGuard<'_, Rows> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Cursors for MemoryStorage {
    async fn load(&self, watch: &WatchKey) -> Result<Option<Standing>, StorageError> {
        Ok(self.rows().standings.get(watch).cloned())
    }

    async fn advance(&self, advance: Advance) -> Result<usize, StorageError> {
        let mut rows = self.rows();
        let old = rows.standings.get(&advance.watch).cloned();
        if old.as_ref().map(|standing| &standing.cursor) != advance.from.as_ref() {
            return Err(StorageError::Overtaken {
                watch: advance.watch,
            });
        }
        let mut sequence = rows.sequences.get(&advance.watch).copied().unwrap_or(0);
        let mut new_events = 0;
        for mut new in advance.events {
            if let Some(fingerprint) = new.fingerprint {
                rows.ledger.insert((advance.watch.clone(), fingerprint));
            }
            if new.event.folder.is_some() {
                new.event.sequence = Some(sequence + 1);
            }
            let counts = new.event.sequence.is_some();
            if rows.insert(new, advance.at) {
                new_events += 1;
                sequence += u64::from(counts);
            }
        }
        rows.sequences.insert(advance.watch.clone(), sequence);
        if let Some(cursor) = advance.to.or(advance.from) {
            let standing = Standing {
                cursor,
                high_water: old
                    .as_ref()
                    .and_then(|old| old.high_water)
                    .max(advance.high_water),
                proven_at: Some(advance.at),
                sequence,
            };
            rows.standings.insert(advance.watch, standing);
        }
        Ok(new_events)
    }

    async fn proven(&self, watch: &WatchKey, at: Timestamp) -> Result<(), StorageError> {
        if let Some(standing) = self.rows().standings.get_mut(watch) {
            standing.proven_at = Some(at);
        }
        Ok(())
    }

    async fn known(
        &self,
        watch: &WatchKey,
        fingerprints: &[Fingerprint],
    ) -> Result<Vec<bool>, StorageError> {
        let rows = self.rows();
        let known =
            |fingerprint: &Fingerprint| rows.ledger.contains(&(watch.clone(), *fingerprint));
        Ok(fingerprints.iter().map(known).collect())
    }

    async fn remember(
        &self,
        watch: &WatchKey,
        fingerprints: &[Fingerprint],
        _at: Timestamp,
    ) -> Result<(), StorageError> {
        let entries = fingerprints.iter().map(|print| (watch.clone(), *print));
        self.rows().ledger.extend(entries);
        Ok(())
    }

    async fn standings(&self) -> Result<Vec<(WatchKey, Standing)>, StorageError> {
        let rows = self.rows();
        let standings = rows.standings.iter();
        Ok(standings
            .map(|(key, standing)| (key.clone(), standing.clone()))
            .collect())
    }

    async fn record(&self, events: Vec<NewEvent>, at: Timestamp) -> Result<usize, StorageError> {
        let mut rows = self.rows();
        let mut new_events = 0;
        for new in events {
            new_events += usize::from(rows.insert(new, at));
        }
        Ok(new_events)
    }
}

#[async_trait]
impl Notices for MemoryStorage {
    async fn tell(
        &self,
        credential: &str,
        new: NewEvent,
        at: Timestamp,
    ) -> Result<bool, StorageError> {
        let mut rows = self.rows();
        let (id, kind) = (new.event.id.clone(), new.event.kind);
        if rows.notices.iter().any(|(_, known, _)| *known == id) {
            return Ok(false);
        }
        rows.notices.push((credential.to_owned(), id, kind));
        rows.insert(new, at);
        Ok(true)
    }

    async fn failures(&self) -> Result<BTreeMap<String, EventId>, StorageError> {
        let mut failures = BTreeMap::new();
        for (credential, id, kind) in &self.rows().notices {
            match kind {
                EventType::CredentialFailed => {
                    failures.insert(credential.clone(), id.clone());
                }
                EventType::CredentialRecovered => {
                    failures.remove(credential);
                }
                _ => {}
            }
        }
        Ok(failures)
    }
}

#[async_trait]
impl Deliveries for MemoryStorage {
    async fn claim_due(
        &self,
        sink: &SinkName,
        now: Timestamp,
        until: Timestamp,
        limit: usize,
    ) -> Result<Vec<Due>, StorageError> {
        let mut rows = self.rows();
        let ids = rows.due(sink, now).map(|(id, _)| *id).take(limit).collect();
        Ok(rows.claim(ids, now, until))
    }

    async fn claim_heads(
        &self,
        sink: &SinkName,
        now: Timestamp,
        until: Timestamp,
        limit: usize,
    ) -> Result<Vec<Due>, StorageError> {
        let mut rows = self.rows();
        let heads = rows.due(sink, now).filter(|(_, row)| !rows.is_behind(row));
        let ids = heads.map(|(id, _)| *id).take(limit).collect();
        Ok(rows.claim(ids, now, until))
    }

    async fn reclaim(
        &self,
        sink: &SinkName,
        now: Timestamp,
        horizon: Horizon,
    ) -> Result<usize, StorageError> {
        let mut taken = 0;
        for row in self.rows().deliveries.values_mut() {
            let latest = match row.state {
                DeliveryState::Claimed => horizon.claims,
                DeliveryState::Pending => horizon.retries,
                DeliveryState::Done | DeliveryState::Dead | DeliveryState::Discarded => continue,
            };
            if row.sink == *sink && row.at > latest {
                row.state = DeliveryState::Pending;
                row.at = now;
                taken += 1;
            }
        }
        Ok(taken)
    }

    async fn next_due(&self, sink: &SinkName) -> Result<Option<Timestamp>, StorageError> {
        let rows = self.rows();
        let open = rows
            .deliveries
            .values()
            .filter(|row| row.sink == *sink && row.is_open());
        Ok(open.map(|row| row.at).min())
    }

    async fn settle(
        &self,
        settled: Vec<(Lease, Settled)>,
        reports: Vec<NewEvent>,
        now: Timestamp,
    ) -> Result<Vec<EventId>, StorageError> {
        let mut rows = self.rows();
        let mut touched = BTreeSet::new();
        for (lease, settled) in settled {
            touched.extend(rows.settle_one(lease, settled, now));
        }
        for report in reports {
            rows.insert(report, now);
        }
        let mut due = Vec::new();
        for event in touched {
            rows.note_settled(event, now);
            let waited = rows.events[&event].post_action == PostActionState::Waiting;
            if waited && rows.post_action_due(event) {
                due.push(rows.events[&event].event.id.clone());
            }
        }
        Ok(due)
    }

    async fn post_actions_due(
        &self,
        watch: &WatchKey,
        limit: usize,
    ) -> Result<Vec<Event>, StorageError> {
        let rows = self.rows();
        let mine = rows.events.iter().filter(|(_, row)| row.is_of(watch));
        let due = mine.filter(|(id, _)| rows.post_action_due(**id));
        Ok(due.map(|(_, row)| row.event.clone()).take(limit).collect())
    }

    async fn post_actions_done(&self, events: &[EventId]) -> Result<(), StorageError> {
        let mut rows = self.rows();
        for id in events {
            let Some(row) = rows.event_ids.get(id).copied() else {
                continue;
            };
            if let Some(event) = rows.events.get_mut(&row) {
                event.post_action = PostActionState::Done;
            }
        }
        Ok(())
    }

    async fn list(&self, filter: &DeliveryFilter) -> Result<Vec<Delivery>, StorageError> {
        let rows = self.rows();
        let wanted = |row: &DeliveryRow| {
            let event = &rows.events[&row.event].event;
            filter.state.is_none_or(|state| row.state == state)
                && filter.sink.as_ref().is_none_or(|sink| row.sink == *sink)
                && filter.event.as_ref().is_none_or(|id| event.id == *id)
                && filter
                    .mailbox
                    .as_ref()
                    .is_none_or(|mailbox| event.mailbox == *mailbox)
        };
        let newest_first = rows.deliveries.iter().rev();
        Ok(newest_first
            .filter(|(_, row)| wanted(row))
            .map(|(id, row)| rows.view(*id, row))
            .take(filter.limit)
            .collect())
    }

    async fn show(&self, id: i64) -> Result<Option<Delivery>, StorageError> {
        let rows = self.rows();
        let row = rows.deliveries.get(&id);
        Ok(row.map(|row| rows.view(id, row)))
    }

    async fn retry(&self, ids: &[i64], now: Timestamp) -> Result<usize, StorageError> {
        let changed = self.rows().change(ids, now, |row| match row.state {
            DeliveryState::Done | DeliveryState::Claimed => Change::None,
            DeliveryState::Pending | DeliveryState::Dead | DeliveryState::Discarded => {
                row.state = DeliveryState::Pending;
                row.at = now;
                row.settled_at = None;
                Change::Made
            }
        });
        Ok(changed)
    }

    async fn discard(&self, ids: &[i64], now: Timestamp) -> Result<usize, StorageError> {
        let changed = self.rows().change(ids, now, |row| match row.state {
            DeliveryState::Done | DeliveryState::Discarded => Change::None,
            DeliveryState::Pending | DeliveryState::Claimed | DeliveryState::Dead => {
                row.state = DeliveryState::Discarded;
                row.settled_at = Some(now);
                Change::Made
            }
        });
        Ok(changed)
    }

    async fn forgo_others(
        &self,
        watch: &WatchKey,
        sinks: &[SinkName],
    ) -> Result<Forgone, StorageError> {
        Ok(self.rows().forgo_others(watch, sinks))
    }

    async fn backlog(&self, mailbox: &str, sinks: &[SinkName]) -> Result<(u64, u64), StorageError> {
        let rows = self.rows();
        let open = rows.deliveries.values().filter(|row| row.is_open());
        let mine = open.filter(|row| {
            sinks.contains(&row.sink) && rows.events[&row.event].event.mailbox == mailbox
        });
        let events: Vec<i64> = mine.map(|row| row.event).collect();
        let held: BTreeSet<i64> = events.iter().copied().collect();
        let octets = held.iter().map(|event| match &rows.events[event].message {
            None => 0,
            Some(Kept::Inline(octets)) => octets.len() as u64,
            Some(Kept::File { size, .. }) => *size,
        });
        Ok((events.len() as u64, octets.sum()))
    }

    async fn unreferenced(&self, names: &[String]) -> Result<Vec<String>, StorageError> {
        let rows = self.rows();
        let free = names.iter().filter(|name| !rows.refers_to(name));
        Ok(free.cloned().collect())
    }

    async fn forget(&self, before: Timestamp, limit: usize) -> Result<Vec<String>, StorageError> {
        let mut rows = self.rows();
        let old: Vec<i64> = rows
            .events
            .iter()
            .filter(|(_, row)| row.settled_at.is_some_and(|at| at < before))
            .filter(|(id, _)| !rows.post_action_due(**id))
            .filter(|(id, _)| {
                rows.of_event(**id)
                    .all(|one| one.state != DeliveryState::Dead)
            })
            .map(|(id, _)| *id)
            .take(limit)
            .collect();
        let mut names = BTreeSet::new();
        for id in old {
            rows.deliveries.retain(|_, delivery| delivery.event != id);
            if let Some(Kept::File { name, .. }) =
                rows.events.remove(&id).and_then(|row| row.message)
            {
                names.insert(name);
            }
        }
        Ok(names
            .into_iter()
            .filter(|name| !rows.refers_to(name))
            .collect())
    }
}
