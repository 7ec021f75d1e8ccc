//! Fetches and spools the messages of a step, and stores them as events together with the cursor.
//! What has come is stored while the rest is still on its way.

use std::collections::HashMap;
use std::time::Duration;

use gatepost_fault::{Fault as _, Next};
use gatepost_mail::{Arrival, Cursor, Mailbox, MessageKey};
use jiff::Timestamp;
use tokio::sync::mpsc;

use super::ListenError;
use super::words::{Fetch, Resynced, Step};
use crate::message::Description;
use crate::spool::{Fetched, Keeper, Taken};
use crate::{
    Advance, Event, EventData, EventId, EventType, Mailroom, NewEvent, StorageError, Watch,
};

/// Stores one step; returns how many events were new. The messages are durable in the spool
/// before the transaction, and stay there at least until it is over. The cursor moves with the
/// last of them.
pub(super) async fn commit(
    room: &Mailroom,
    watch: &Watch,
    step: Step,
    mailbox: &mut dyn Mailbox,
) -> Result<usize, ListenError> {
    let keys: Vec<MessageKey> = step.arrivals.iter().map(|one| one.key.clone()).collect();
    let found = Found {
        room,
        watch,
        from: step.from,
        arrivals: keys.iter().cloned().zip(step.arrivals).collect(),
    };
    let (next, batches) = mpsc::channel(1);
    // Without a cursor nobody would notice that the server forgot the keys of what is stored.
    let next = found.from.is_some().then_some(next);
    let mut keeper = Keeper::new(&room.spool, keys, next);
    let fetching = async {
        let fetched = match step.fetching {
            Fetch::Tried => fetch(room, watch, (mailbox, &mut keeper)).await,
            Fetch::GivenUp => {
                give_up(watch, &mut keeper);
                Ok(())
            }
        };
        // Whatever became of it, nothing more is passed on.
        let last = keeper.finish().await;
        fetched.and_then(|()| last.map_err(ListenError::from))
    };
    let (last, stored) = tokio::join!(fetching, found.store(batches));
    let (last, new) = match (last, stored) {
        (Ok(last), Ok(new)) => (last, new),
        (Ok(_), Err(error)) => return Err(error.into()),
        // What the server still sends is not waited for.
        (Err(_), Err(error)) => return Err(ListenError::Midway(error)),
        (Err(error), Ok(_)) => return Err(error),
    };
    let at = room.clock.now();
    let mut events = found.events(last, at);
    if let Some(resynced) = step.resynced {
        let ambiguous = resynced.ambiguous.as_slice();
        if !ambiguous.is_empty() {
            room.cursors.remember(&watch.key, ambiguous, at).await?;
        }
        if resynced.is_over {
            events.push(resynced_event(watch, &resynced, &step.to.state, at));
        }
    }
    let advance = Advance {
        watch: watch.key.clone(),
        from: found.from,
        to: Some(step.to),
        high_water: step.high_water,
        events,
        at,
    };
    let last = room.cursors.advance(advance).await?;
    drop(keeper);
    Ok(new + last)
}

/// What was found in the folder, on its way into the storage.
struct Found<'a> {
    room: &'a Mailroom,
    watch: &'a Watch,
    /// The cursor from which it was found.
    from: Option<Cursor>,
    arrivals: HashMap<MessageKey, Arrival>,
}

impl Found<'_> {
    /// Stores full batches as they come. The cursor stays: after a crash all of them are found
    /// again, and are known.
    async fn store(&self, mut batches: mpsc::Receiver<Vec<Taken>>) -> Result<usize, StorageError> {
        let mut new = 0;
        while let Some(batch) = batches.recv().await {
            let at = self.room.clock.now();
            let advance = Advance {
                watch: self.watch.key.clone(),
                from: self.from.clone(),
                to: None,
                high_water: None,
                events: self.events(batch, at),
                at,
            };
            new += self.room.cursors.advance(advance).await?;
            self.room.bell.ring();
        }
        Ok(new)
    }

    /// The events of a batch, in its order. Messages that are gone again make none.
    fn events(&self, taken: Vec<Taken>, at: Timestamp) -> Vec<NewEvent> {
        let events = taken.into_iter().filter_map(|taken| {
            let arrival = self.arrivals.get(&taken.key)?;
            received(self.watch, arrival, taken.fetched, at)
        });
        events.collect()
    }
}

/// Fetches all that is missing. A message that the server will never hand over is left out and
/// does not hold back the others.
async fn fetch(
    room: &Mailroom,
    watch: &Watch,
    (mailbox, keeper): (&mut dyn Mailbox, &mut Keeper),
) -> Result<(), ListenError> {
    loop {
        let missing = keeper.missing();
        let Some(first) = missing.first() else {
            return Ok(());
        };
        let fetched = mailbox.fetch(&watch.key.folder, &missing, keeper);
        let fetched = room.clock.within(FETCH, fetched).await;
        if let Some(failure) = keeper.failure() {
            return Err(failure.into());
        }
        let fetched = fetched.map_err(|_| ListenError::Silent {
            watch: watch.key.clone(),
            limit: FETCH,
        })?;
        let left = keeper.missing();
        match fetched {
            Ok(()) if left.is_empty() => return Ok(()),
            Ok(()) => {
                let (watch, missing) = (watch.key.clone(), left.len());
                return Err(ListenError::Incomplete { watch, missing });
            }
            Err(error) if error.next() == Next::Discard && !error.is_disconnected() => {
                let key = left.first().unwrap_or(first).clone();
                tracing::error!(
                    mailbox = %watch.key.mailbox, folder = %watch.key.folder, message = %key,
                    code = error.code(), "the server does not hand over a message: {error}"
                );
                keeper.refused(key);
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// The server cut the connection, fell silent or left something out each time these were asked
/// for. They become events without a message, so that nothing behind them is held back.
fn give_up(watch: &Watch, keeper: &mut Keeper) {
    for key in keeper.missing() {
        tracing::error!(
            mailbox = %watch.key.mailbox, folder = %watch.key.folder, message = %key,
            "a message could not be fetched again and again; the watch goes on without its content"
        );
        keeper.refused(key);
    }
}

fn received(watch: &Watch, arrival: &Arrival, fetched: Fetched, at: Timestamp) -> Option<NewEvent> {
    let (description, message, fingerprint) = match fetched {
        Fetched::Gone => return None,
        Fetched::Refused => (Description::unfetched(arrival), None, None),
        Fetched::Kept {
            kept,
            description,
            fingerprint,
        } => (*description, Some(kept), Some(fingerprint)),
    };
    let key = &watch.key;
    let kind = EventType::MailReceived;
    Some(NewEvent {
        event: Event {
            id: EventId::of_message(&key.mailbox, &key.folder, kind, &arrival.key),
            schema: Event::SCHEMA,
            kind,
            timestamp: at,
            mailbox: key.mailbox.clone(),
            folder: Some(key.folder.clone()),
            sequence: None,
            data: EventData::Message(Box::new(description.of(arrival))),
        },
        message,
        fingerprint,
        sinks: watch.sinks.clone(),
        post_action: watch.post_action.is_some(),
    })
}

/// The new cursor names the resynchronisation: told again after a crash, it is the same event.
fn resynced_event(watch: &Watch, resynced: &Resynced, restart: &str, at: Timestamp) -> NewEvent {
    let kind = EventType::MailboxResynced;
    NewEvent {
        event: Event {
            id: EventId::of_watch(&watch.key, kind, restart),
            schema: Event::SCHEMA,
            kind,
            timestamp: at,
            mailbox: watch.key.mailbox.clone(),
            folder: Some(watch.key.folder.clone()),
            sequence: None,
            data: EventData::Resynced {
                matched: resynced.matched,
                new: resynced.new,
                ambiguous: resynced.ambiguous_in_all(),
            },
        },
        message: None,
        fingerprint: None,
        sinks: watch.report_to.sinks(kind).to_vec(),
        post_action: false,
    }
}

/// How long one batch may take: a message of 150 MB over a slow line has room in it.
const FETCH: Duration = Duration::from_hours(1);
