//! A storage that forgets everything when it is dropped: for tests and simulations.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use jiff::Timestamp;

use super::{
    Advance, Cursors, Deliveries, Delivery, DeliveryFilter, DeliveryState, Due, Fingerprint, Kept,
    Lease, NewEvent, Settled, Standing, StorageError, WatchKey,
};
use crate::{Event, EventId, SinkName};

/// A storage in memory that obeys the same contract as those on disk.
#[derive(Debug, Default)]
pub struct MemoryStorage(Mutex<Rows>);

#[derive(Debug, Default)]
struct Rows {
    standings: BTreeMap<WatchKey, Standing>,
    ledger: BTreeSet<(WatchKey, Fingerprint)>,
    events: BTreeMap<i64, EventRow>,
    event_ids: BTreeMap<EventId, i64>,
    deliveries: BTreeMap<i64, DeliveryRow>,
    last_row: i64,
}

#[derive(Debug)]
struct EventRow {
    event: Event,
    message: Option<Kept>,
    post_action: PostActionState,
    /// When nothing was left to do for it.
    settled_at: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PostActionState {
    None,
    Waiting,
    Done,
}

#[derive(Debug)]
struct DeliveryRow {
    event: i64,
    sink: SinkName,
    state: DeliveryState,
    attempts: u32,
    claims: i64,
    /// When it is due, or its claim runs out.
    at: Timestamp,
    first_attempt_at: Option<Timestamp>,
    settled_at: Option<Timestamp>,
    reason: Option<String>,
}

impl MemoryStorage {
    /// A storage without anything in it.
    pub fn new() -> Self {
        Self::default()
    }

    fn rows(&self) -> MutexGuard<'_, Rows> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Rows {
    fn next_row(&mut self) -> i64 {
        self.last_row += 1;
        self.last_row
    }

    /// Stores an event with its deliveries unless its id is known. Says whether it was new.
    fn insert(&mut self, new: NewEvent, at: Timestamp) -> bool {
        if self.event_ids.contains_key(&new.event.id) {
            return false;
        }
        let row = self.next_row();
        self.event_ids.insert(new.event.id.clone(), row);
        for sink in &new.sinks {
            let id = self.next_row();
            let delivery = DeliveryRow {
                event: row,
                sink: sink.clone(),
                state: DeliveryState::Pending,
                attempts: 0,
                claims: 0,
                at,
                first_attempt_at: None,
                settled_at: None,
                reason: None,
            };
            self.deliveries.insert(id, delivery);
        }
        let event = EventRow {
            event: new.event,
            message: new.message,
            post_action: if new.post_action {
                PostActionState::Waiting
            } else {
                PostActionState::None
            },
            settled_at: new.sinks.is_empty().then_some(at),
        };
        self.events.insert(row, event);
        true
    }

    fn of_event(&self, event: i64) -> impl Iterator<Item = &DeliveryRow> {
        self.deliveries
            .values()
            .filter(move |delivery| delivery.event == event)
    }

    fn post_action_due(&self, row: i64) -> bool {
        self.events[&row].post_action == PostActionState::Waiting
            && self
                .of_event(row)
                .all(|one| one.state == DeliveryState::Done)
    }

    /// Whether an older delivery of the same folder to the same sink is open.
    fn is_behind(&self, row: &DeliveryRow) -> bool {
        let place = |event: i64| {
            let event = &self.events[&event].event;
            (&event.mailbox, &event.folder)
        };
        self.deliveries.values().any(|other| {
            other.sink == row.sink
                && other.event < row.event
                && other.is_open()
                && place(other.event) == place(row.event)
        })
    }

    fn claim(&mut self, ids: Vec<i64>, now: Timestamp, until: Timestamp) -> Vec<Due> {
        let mut claimed = Vec::with_capacity(ids.len());
        for id in ids {
            let Some(row) = self.deliveries.get_mut(&id) else {
                continue;
            };
            row.state = DeliveryState::Claimed;
            row.claims += 1;
            row.attempts += 1;
            row.at = until;
            row.first_attempt_at.get_or_insert(now);
            let event = &self.events[&row.event];
            claimed.push(Due {
                lease: Lease {
                    delivery: id,
                    claim: row.claims,
                },
                event: event.event.clone(),
                message: event.message.clone(),
                attempt: row.attempts,
                first_attempt_at: row.first_attempt_at,
            });
        }
        claimed
    }

    fn due(&self, sink: &SinkName, now: Timestamp) -> impl Iterator<Item = (&i64, &DeliveryRow)> {
        self.deliveries
            .iter()
            .filter(move |(_, row)| row.sink == *sink && row.is_open() && row.at <= now)
    }

    fn settle_one(&mut self, lease: Lease, settled: Settled, now: Timestamp) -> Option<i64> {
        let row = self.deliveries.get_mut(&lease.delivery)?;
        if row.state != DeliveryState::Claimed || row.claims != lease.claim {
            return None;
        }
        match settled {
            Settled::Done => {
                row.state = DeliveryState::Done;
                row.reason = None;
                row.settled_at = Some(now);
            }
            Settled::RetryAt { at, reason } => {
                row.state = DeliveryState::Pending;
                row.at = at;
                row.reason = Some(reason);
            }
            Settled::Dead { reason } => {
                row.state = DeliveryState::Dead;
                row.reason = Some(reason);
                row.settled_at = Some(now);
            }
            Settled::Released => {
                row.state = DeliveryState::Pending;
                row.at = now;
                row.attempts -= 1;
            }
        }
        Some(row.event)
    }

    /// Notes when the last delivery of an event was settled.
    fn note_settled(&mut self, event: i64, now: Timestamp) {
        let open = self.of_event(event).any(DeliveryRow::is_open);
        if let Some(row) = self.events.get_mut(&event) {
            row.settled_at = (!open).then_some(now);
        }
    }

    fn view(&self, id: i64, row: &DeliveryRow) -> Delivery {
        let pending = row.state == DeliveryState::Pending;
        Delivery {
            id,
            sink: row.sink.clone(),
            event: self.events[&row.event].event.clone(),
            state: row.state,
            attempts: row.attempts,
            next_attempt_at: pending.then_some(row.at),
            first_attempt_at: row.first_attempt_at,
            settled_at: row.settled_at,
            reason: row.reason.clone(),
        }
    }

    fn refers_to(&self, name: &str) -> bool {
        self.events
            .values()
            .any(|row| matches!(&row.message, Some(Kept::File { name: kept, .. }) if kept == name))
    }
}

impl DeliveryRow {
    fn is_open(&self) -> bool {
        matches!(self.state, DeliveryState::Pending | DeliveryState::Claimed)
    }
}

#[async_trait]
impl Cursors for MemoryStorage {
    async fn load(&self, watch: &WatchKey) -> Result<Option<Standing>, StorageError> {
        Ok(self.rows().standings.get(watch).cloned())
    }

    async fn advance(&self, advance: Advance) -> Result<usize, StorageError> {
        let mut rows = self.rows();
        let old = rows.standings.get(&advance.watch);
        if old.map(|standing| &standing.cursor) != advance.from.as_ref() {
            return Err(StorageError::Overtaken {
                watch: advance.watch,
            });
        }
        let mut standing = old.cloned().unwrap_or_else(|| Standing {
            cursor: advance.to.clone(),
            high_water: None,
            proven_at: None,
            sequence: 0,
        });
        let mut new_events = 0;
        for mut new in advance.events {
            if let Some(fingerprint) = new.fingerprint {
                rows.ledger.insert((advance.watch.clone(), fingerprint));
            }
            if new.event.folder.is_some() {
                new.event.sequence = Some(standing.sequence + 1);
            }
            let counts = new.event.sequence.is_some();
            if rows.insert(new, advance.at) {
                new_events += 1;
                standing.sequence += u64::from(counts);
            }
        }
        standing.cursor = advance.to;
        standing.high_water = standing.high_water.max(advance.high_water);
        standing.proven_at = standing.proven_at.max(Some(advance.at));
        rows.standings.insert(advance.watch, standing);
        Ok(new_events)
    }

    async fn proven(&self, watch: &WatchKey, at: Timestamp) -> Result<(), StorageError> {
        if let Some(standing) = self.rows().standings.get_mut(watch) {
            standing.proven_at = standing.proven_at.max(Some(at));
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

    async fn reclaim(&self, sink: &SinkName, now: Timestamp) -> Result<usize, StorageError> {
        let mut taken = 0;
        for row in self.rows().deliveries.values_mut() {
            if row.sink == *sink && row.state == DeliveryState::Claimed {
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
            if rows.post_action_due(event) {
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
        let mine = rows.events.iter().filter(|(_, row)| {
            row.event.mailbox == watch.mailbox && row.event.folder.as_ref() == Some(&watch.folder)
        });
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
        let mut rows = self.rows();
        let mut changed = 0;
        for id in ids {
            let Some(row) = rows.deliveries.get_mut(id) else {
                continue;
            };
            if matches!(row.state, DeliveryState::Done | DeliveryState::Claimed) {
                continue;
            }
            row.state = DeliveryState::Pending;
            row.at = now;
            row.settled_at = None;
            let event = row.event;
            rows.note_settled(event, now);
            changed += 1;
        }
        Ok(changed)
    }

    async fn discard(&self, ids: &[i64], now: Timestamp) -> Result<usize, StorageError> {
        let mut rows = self.rows();
        let mut changed = 0;
        for id in ids {
            let Some(row) = rows.deliveries.get_mut(id) else {
                continue;
            };
            if matches!(row.state, DeliveryState::Done | DeliveryState::Discarded) {
                continue;
            }
            row.state = DeliveryState::Discarded;
            row.settled_at = Some(now);
            let event = row.event;
            rows.note_settled(event, now);
            changed += 1;
        }
        Ok(changed)
    }

    async fn backlog(&self, mailbox: &str) -> Result<(u64, u64), StorageError> {
        let rows = self.rows();
        let open = rows.deliveries.values().filter(|row| row.is_open());
        let mine = open.filter(|row| rows.events[&row.event].event.mailbox == mailbox);
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
            .filter(|(_, row)| row.post_action != PostActionState::Waiting)
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
