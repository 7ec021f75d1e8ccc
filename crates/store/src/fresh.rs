//! What was stored last, still in memory: most messages are handed over at once, and need not be
//! read and opened again for that. What is not found here is in the database.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use gatepost_mailroom::{Event, Kept};

use crate::events::Stored;

/// Events by their position, up to a number of octets.
#[derive(Debug, Default)]
pub(crate) struct Fresh(Mutex<Shelf>);

#[derive(Default)]
struct Shelf {
    events: BTreeMap<i64, Stored>,
    octets: usize,
}

impl Fresh {
    /// Keeps events until each of their sinks has fetched them, or newer ones need the room. One
    /// that a sink took from the database meanwhile, or that nobody fetches, waits for the latter.
    pub(crate) fn put(&self, stored: Vec<Stored>) {
        let mut held = self.lock();
        for one in stored {
            if one.deliveries > 0 {
                held.octets += one.octets;
                held.events.insert(one.position, one);
            }
        }
        while held.octets > ROOM
            && let Some((_, oldest)) = held.events.pop_first()
        {
            held.octets -= oldest.octets;
        }
    }

    /// The event at `position` with its message, for one of its sinks.
    pub(crate) fn take(&self, position: i64) -> Option<(Event, Option<Kept>)> {
        let mut held = self.lock();
        let stored = held.events.get_mut(&position)?;
        stored.deliveries -= 1;
        if stored.deliveries > 0 {
            return Some((stored.event.clone(), stored.kept.clone()));
        }
        let stored = held.events.remove(&position)?;
        held.octets -= stored.octets;
        Some((stored.event, stored.kept))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Shelf> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Shelf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} events, {} octets", self.events.len(), self.octets)
    }
}

/// What is kept in all, in octets: two batches of a fetch.
const ROOM: usize = 8 << 20;

#[cfg(test)]
mod tests {
    use gatepost_mailroom::{EventData, EventId, EventType};
    use jiff::Timestamp;

    use super::*;

    fn stored(position: i64, octets: usize, deliveries: usize) -> Stored {
        let watch = gatepost_mailroom::WatchKey {
            mailbox: "ada@contoso.com".into(),
            folder: gatepost_mail::FolderName::new("INBOX"),
        };
        let kind = EventType::MailboxResynced;
        Stored {
            position,
            event: Event {
                id: EventId::of_watch(&watch, kind, &position.to_string()),
                schema: Event::SCHEMA,
                kind,
                timestamp: Timestamp::UNIX_EPOCH,
                mailbox: watch.mailbox.clone(),
                folder: Some(watch.folder),
                sequence: None,
                data: EventData::Resynced {
                    matched: 0,
                    new: 0,
                    ambiguous: 0,
                },
            },
            kept: None,
            octets,
            deliveries,
        }
    }

    #[test]
    fn each_sink_fetches_an_event_once() {
        let fresh = Fresh::default();
        fresh.put(vec![stored(1, 10, 2), stored(2, 10, 0)]);
        assert!(fresh.take(2).is_none(), "it goes nowhere");
        assert!(fresh.take(1).is_some());
        assert!(fresh.take(1).is_some(), "for the second sink");
        assert!(fresh.take(1).is_none());
        assert_eq!(fresh.lock().octets, 0);
    }

    #[test]
    fn the_oldest_make_room() {
        let fresh = Fresh::default();
        fresh.put((1..=3).map(|one| stored(one, ROOM / 2, 1)).collect());
        assert!(fresh.take(1).is_none());
        assert!(fresh.take(2).is_some() && fresh.take(3).is_some());
        assert_eq!(fresh.lock().octets, 0);
    }
}
