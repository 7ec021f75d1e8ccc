//! Fetches and spools a batch, and stores it as events together with the cursor.

use std::collections::HashMap;
use std::time::Duration;

use gatepost_fault::{Fault as _, Next};
use gatepost_mail::{Arrival, Mailbox, MessageKey};
use jiff::Timestamp;

use super::ListenError;
use super::words::{Fetch, Resynced, Step};
use crate::message::Description;
use crate::spool::{Fetched, Keeper, Taken};
use crate::{Advance, Event, EventData, EventId, EventType, Mailroom, NewEvent, Watch};

/// Stores one step; returns how many events were new. The messages are durable in the spool
/// before the transaction, and stay there at least until it is over.
pub(super) async fn commit(
    room: &Mailroom,
    watch: &Watch,
    step: Step,
    mailbox: &mut dyn Mailbox,
) -> Result<usize, ListenError> {
    let mut keeper = Keeper::new(&room.spool);
    let taken = match step.fetching {
        Fetch::Tried => fetch(room, watch, &step.arrivals, (mailbox, &mut keeper)).await?,
        Fetch::GivenUp => give_up(watch, &step.arrivals),
    };
    let at = room.clock.now();
    let mut events = events(watch, step.arrivals, taken, at);
    if let Some(resynced) = step.resynced {
        let ambiguous = resynced.ambiguous.as_slice();
        if !ambiguous.is_empty() {
            room.cursors.remember(&watch.key, ambiguous, at).await?;
        }
        events.push(resynced_event(watch, &resynced, &step.to.state, at));
    }
    let advance = Advance {
        watch: watch.key.clone(),
        from: step.from,
        to: step.to,
        high_water: step.high_water,
        events,
        at,
    };
    let new = room.cursors.advance(advance).await?;
    drop(keeper);
    Ok(new)
}

/// Fetches all arrivals. One that the server will never hand over is left out and does not hold
/// back the others.
async fn fetch(
    room: &Mailroom,
    watch: &Watch,
    arrivals: &[Arrival],
    (mailbox, keeper): (&mut dyn Mailbox, &mut Keeper),
) -> Result<Vec<Taken>, ListenError> {
    let mut left: Vec<MessageKey> = arrivals.iter().map(|one| one.key.clone()).collect();
    let mut all = Vec::with_capacity(left.len());
    while !left.is_empty() {
        let fetched = mailbox.fetch(&watch.key.folder, &left, keeper);
        let fetched = room.clock.within(FETCH, fetched).await;
        if let Some(failure) = keeper.failure() {
            return Err(failure.into());
        }
        let Ok(fetched) = fetched else {
            let watch = watch.key.clone();
            return Err(ListenError::Silent {
                watch,
                limit: FETCH,
            });
        };
        let taken = keeper.taken().await?;
        left.retain(|key| !taken.iter().any(|one| one.key == *key));
        all.extend(taken);
        match fetched {
            Ok(()) if left.is_empty() => {}
            Ok(()) => {
                let (watch, missing) = (watch.key.clone(), left.len());
                return Err(ListenError::Incomplete { watch, missing });
            }
            Err(error) if error.next() == Next::Discard && !error.is_disconnected() => {
                let key = left.remove(0);
                tracing::error!(
                    mailbox = %watch.key.mailbox, folder = %watch.key.folder, message = %key,
                    code = error.code(), "the server does not hand over a message: {error}"
                );
                all.push(Taken {
                    key,
                    fetched: Fetched::Refused,
                });
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(all)
}

/// The server cut the connection, fell silent or left something out each time these were asked
/// for. They become events without a message, so that nothing behind them is held back.
fn give_up(watch: &Watch, arrivals: &[Arrival]) -> Vec<Taken> {
    let given_up = arrivals.iter().map(|one| {
        tracing::error!(
            mailbox = %watch.key.mailbox, folder = %watch.key.folder, message = %one.key,
            "a message could not be fetched again and again; the watch goes on without its content"
        );
        Taken {
            key: one.key.clone(),
            fetched: Fetched::Refused,
        }
    });
    given_up.collect()
}

/// The events of a batch, in the order of arrival. Messages that are gone again make none.
fn events(
    watch: &Watch,
    arrivals: Vec<Arrival>,
    taken: Vec<Taken>,
    at: Timestamp,
) -> Vec<NewEvent> {
    let mut taken: HashMap<MessageKey, Fetched> = taken
        .into_iter()
        .map(|one| (one.key, one.fetched))
        .collect();
    arrivals
        .into_iter()
        .filter_map(|arrival| {
            let fetched = taken.remove(&arrival.key)?;
            received(watch, &arrival, fetched, at)
        })
        .collect()
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
                ambiguous: resynced.ambiguous.len() as u64,
            },
        },
        message: None,
        fingerprint: None,
        sinks: watch.report_to.clone(),
        post_action: false,
    }
}

/// How long one batch may take: a message of 150 MB over a slow line has room in it.
const FETCH: Duration = Duration::from_hours(1);
