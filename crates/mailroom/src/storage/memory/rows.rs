//! The rows of the storage in memory, and what one transaction does to them.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::outbox::OutboxRows;
use crate::{
    Delivery, DeliveryState, Due, Event, EventId, EventType, Fingerprint, Forgone, Kept, Lease,
    NewEvent, Settled, SinkName, Standing, WatchKey,
};

#[derive(Debug, Default)]
pub(super) struct Rows {
    pub(super) standings: BTreeMap<WatchKey, Standing>,
    /// The number of the newest event of each folder, whether or not its watch has a cursor.
    pub(super) sequences: BTreeMap<WatchKey, u64>,
    pub(super) ledger: BTreeSet<(WatchKey, Fingerprint)>,
    pub(super) events: BTreeMap<i64, EventRow>,
    pub(super) event_ids: BTreeMap<EventId, i64>,
    pub(super) deliveries: BTreeMap<i64, DeliveryRow>,
    /// Credential, event and kind, in the order in which they were told.
    pub(super) notices: Vec<(String, EventId, EventType)>,
    pub(super) last_row: i64,
    pub(super) outbox: OutboxRows,
}

#[derive(Debug)]
pub(super) struct EventRow {
    pub(super) event: Event,
    pub(super) message: Option<Kept>,
    pub(super) post_action: PostActionState,
    /// When nothing was left to do for it.
    pub(super) settled_at: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PostActionState {
    None,
    /// For its deliveries.
    Waiting,
    /// Whatever becomes of its other deliveries.
    Due,
    Done,
}

/// Whether a delivery was one that can be changed like this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    None,
    Made,
}

#[derive(Debug)]
pub(super) struct DeliveryRow {
    pub(super) event: i64,
    pub(super) sink: SinkName,
    pub(super) state: DeliveryState,
    pub(super) attempts: u32,
    pub(super) claims: i64,
    /// When it is due, or its claim runs out.
    pub(super) at: Timestamp,
    pub(super) first_attempt_at: Option<Timestamp>,
    pub(super) settled_at: Option<Timestamp>,
    pub(super) reason: Option<String>,
}

impl Rows {
    pub(super) fn next_row(&mut self) -> i64 {
        self.last_row += 1;
        self.last_row
    }

    /// Stores an event with its deliveries unless its id is known. Says whether it was new.
    pub(super) fn insert(&mut self, new: NewEvent, at: Timestamp) -> bool {
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

    pub(super) fn of_event(&self, event: i64) -> impl Iterator<Item = &DeliveryRow> {
        self.deliveries
            .values()
            .filter(move |delivery| delivery.event == event)
    }

    pub(super) fn post_action_due(&self, row: i64) -> bool {
        match self.events[&row].post_action {
            PostActionState::Due => true,
            PostActionState::Waiting => self.of_event(row).all(DeliveryRow::is_done),
            PostActionState::None | PostActionState::Done => false,
        }
    }

    /// Lets post-actions of `watch` wait for `sinks` alone.
    pub(super) fn forgo_others(&mut self, watch: &WatchKey, sinks: &[SinkName]) -> Forgone {
        let mut forgone = Forgone::default();
        let mine = self
            .events
            .iter()
            .filter(|(_, row)| row.is_of(watch) && row.post_action == PostActionState::Waiting);
        let mine: Vec<i64> = mine.map(|(id, _)| *id).collect();
        for id in mine {
            let is_other = |one: &&DeliveryRow| !sinks.contains(&one.sink);
            if self.of_event(id).filter(is_other).all(DeliveryRow::is_done) {
                continue;
            }
            let open = self.of_event(id).filter(|one| !one.is_done());
            let waits = open.filter(|one| !is_other(one)).count() > 0;
            if waits || !self.of_event(id).any(DeliveryRow::is_done) {
                forgone.waiting += 1;
            } else if let Some(row) = self.events.get_mut(&id) {
                row.post_action = PostActionState::Due;
                forgone.due += 1;
            }
        }
        forgone
    }

    /// Whether an older delivery of the same folder to the same sink is open.
    pub(super) fn is_behind(&self, row: &DeliveryRow) -> bool {
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

    pub(super) fn claim(&mut self, ids: Vec<i64>, now: Timestamp, until: Timestamp) -> Vec<Due> {
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

    pub(super) fn due(
        &self,
        sink: &SinkName,
        now: Timestamp,
    ) -> impl Iterator<Item = (&i64, &DeliveryRow)> {
        self.deliveries
            .iter()
            .filter(move |(_, row)| row.sink == *sink && row.is_open() && row.at <= now)
    }

    pub(super) fn settle_one(
        &mut self,
        lease: Lease,
        settled: Settled,
        now: Timestamp,
    ) -> Option<i64> {
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
    pub(super) fn note_settled(&mut self, event: i64, now: Timestamp) {
        let open = self.of_event(event).any(DeliveryRow::is_open);
        if let Some(row) = self.events.get_mut(&event) {
            row.settled_at = (!open).then_some(now);
        }
    }

    /// Changes deliveries as a person asks for it; answers how many.
    pub(super) fn change(
        &mut self,
        ids: &[i64],
        now: Timestamp,
        change: impl Fn(&mut DeliveryRow) -> Change,
    ) -> usize {
        let mut changed = 0;
        for id in ids {
            let Some(row) = self.deliveries.get_mut(id) else {
                continue;
            };
            if change(row) == Change::Made {
                let event = row.event;
                self.note_settled(event, now);
                changed += 1;
            }
        }
        changed
    }

    pub(super) fn view(&self, id: i64, row: &DeliveryRow) -> Delivery {
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

    pub(super) fn refers_to(&self, name: &str) -> bool {
        let is_it = |kept: &Kept| matches!(kept, Kept::File { name: kept, .. } if kept == name);
        self.events
            .values()
            .any(|row| row.message.as_ref().is_some_and(is_it))
            || self.outbox.messages().any(is_it)
    }
}

impl EventRow {
    pub(super) fn is_of(&self, watch: &WatchKey) -> bool {
        self.event.mailbox == watch.mailbox && self.event.folder.as_ref() == Some(&watch.folder)
    }
}

impl DeliveryRow {
    pub(super) fn is_done(&self) -> bool {
        self.state == DeliveryState::Done
    }

    pub(super) fn is_open(&self) -> bool {
        matches!(self.state, DeliveryState::Pending | DeliveryState::Claimed)
    }
}
