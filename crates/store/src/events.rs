//! Events on their way into the database, with their deliveries.

use std::collections::{BTreeMap, BTreeSet};

use gatepost_host::SealingKey;
use gatepost_mailroom::{Event, EventId, Fingerprint, Kept, NewEvent, SinkName};
use jiff::Timestamp;
use sqlx::{QueryBuilder, Row as _, Sqlite, SqliteConnection};

use crate::sealed::EventSeal;
use crate::undone::{Columns, Undone};

/// An event that is sealed and ready to be stored.
pub(crate) struct Prepared {
    event: Event,
    lane: Lane,
    octets: i64,
    sealed: Vec<u8>,
    message: Option<Vec<u8>>,
    kept: Option<Kept>,
    fingerprint: Option<Fingerprint>,
    sinks: Vec<SinkName>,
    post_action: PostAction,
}

/// An event that is in the database now, as it was before it was sealed.
pub(crate) struct Stored {
    /// Its place among all events.
    pub(crate) position: i64,
    /// With the number that it was given.
    pub(crate) event: Event,
    /// The message, if it has one.
    pub(crate) kept: Option<Kept>,
    /// What both take in memory, about.
    pub(crate) octets: usize,
    /// To how many sinks it goes.
    pub(crate) deliveries: usize,
}

/// What the events of one folder (or, with an empty folder, of one mailbox) are ordered in.
type Lane = (String, String);

/// What follows once every delivery of an event is done, as column `events.post_action`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i64)]
pub(crate) enum PostAction {
    None = 0,
    Waits = 1,
    Due = 2,
    Done = 3,
}

impl Prepared {
    /// Seals an event. This takes time for large messages: not for the reactor.
    pub(crate) fn seal(key: &SealingKey, new: NewEvent) -> Result<Self, Undone> {
        let seal = EventSeal::new(key);
        let event = new.event;
        let sealed = seal.event(&event)?;
        let (message, octets) = match &new.message {
            None => (None, 0),
            Some(Kept::Inline(octets)) => {
                (Some(seal.message(&event.id, octets)), octets.len() as u64)
            }
            Some(Kept::File { size, .. }) => (None, *size),
        };
        let folder = event
            .folder
            .as_ref()
            .map_or(String::new(), |folder| folder.as_str().to_owned());
        let sinks: BTreeSet<SinkName> = new.sinks.into_iter().collect();
        let post_action = match (new.post_action, sinks.is_empty()) {
            (false, _) => PostAction::None,
            (true, true) => PostAction::Due,
            (true, false) => PostAction::Waits,
        };
        Ok(Self {
            lane: (event.mailbox.clone(), folder),
            event,
            octets: i64::try_from(octets).unwrap_or(i64::MAX),
            sealed,
            message,
            kept: new.message,
            fingerprint: new.fingerprint,
            sinks: sinks.into_iter().collect(),
            post_action,
        })
    }

    fn spool_file(&self) -> Option<&str> {
        match &self.kept {
            Some(Kept::File { name, .. }) => Some(name),
            Some(Kept::Inline(_)) | None => None,
        }
    }
}

/// Seals events away from the reactor.
pub(crate) async fn prepare(
    key: std::sync::Arc<SealingKey>,
    events: Vec<NewEvent>,
) -> Result<Vec<Prepared>, Undone> {
    if events.is_empty() {
        return Ok(Vec::new());
    }
    let sealing = move || {
        let sealed = events.into_iter().map(|event| Prepared::seal(&key, event));
        sealed.collect()
    };
    tokio::task::spawn_blocking(sealing)
        .await
        .map_err(|_| Undone::Panicked)?
}

/// Whether events take sequence numbers: those that a watch found do, those that are about a
/// watch or a delivery do not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Numbers {
    Counted,
    None,
}

/// Stores the events whose ids are not known yet, with their deliveries, and all fingerprints.
/// Returns those that were new.
pub(crate) async fn insert(
    db: &mut SqliteConnection,
    events: Vec<Prepared>,
    numbers: Numbers,
    at: Timestamp,
) -> Result<Vec<Stored>, Undone> {
    if events.is_empty() {
        return Ok(Vec::new());
    }
    let mut known = known_ids(db, &events).await?;
    let mut marks: BTreeMap<Lane, Vec<Fingerprint>> = BTreeMap::new();
    let mut lanes: BTreeMap<Lane, i64> = BTreeMap::new();
    let mut fresh = Vec::with_capacity(events.len());
    for event in events {
        let is_new = known.insert(event.event.id.clone());
        let in_lane = lanes.entry(event.lane.clone()).or_default();
        *in_lane += i64::from(is_new);
        if let Some(fingerprint) = event.fingerprint {
            marks
                .entry(event.lane.clone())
                .or_default()
                .push(fingerprint);
        }
        if is_new {
            fresh.push(event);
        }
    }
    let lanes = enter_lanes(db, lanes, numbers).await?;
    for (lane, marks) in marks {
        remember(db, lanes[&lane].id, &marks, at).await?;
    }
    let mut places = BTreeMap::new();
    let mut insertion = Insertion { db, lanes, at };
    for chunk in fresh.chunks(CHUNK) {
        let chunk_places = insertion.events(chunk).await?;
        insertion.contents(chunk, &chunk_places).await?;
        insertion.deliveries(chunk, &chunk_places).await?;
        places.extend(chunk_places);
    }
    let stored = fresh.into_iter().filter_map(|prepared| {
        let place = places.get(&prepared.event.id)?;
        let mut event = prepared.event;
        event.sequence = place.sequence;
        // The event is at most as large as its text, the message as what was sealed of it.
        let octets = prepared.sealed.len() + prepared.message.as_ref().map_or(0, Vec::len);
        Some(Stored {
            position: place.position,
            event,
            kept: prepared.kept,
            octets,
            deliveries: prepared.sinks.len(),
        })
    });
    Ok(stored.collect())
}

/// Remembers fingerprints of one watch; known ones keep their time.
pub(crate) async fn remember(
    db: &mut SqliteConnection,
    watch: i64,
    fingerprints: &[Fingerprint],
    at: Timestamp,
) -> Result<(), Undone> {
    for chunk in fingerprints.chunks(CHUNK) {
        let mut sql =
            QueryBuilder::<Sqlite>::new("INSERT INTO fingerprints (watch, fingerprint, seen_at) ");
        sql.push_values(chunk, |mut row, fingerprint| {
            row.push_bind(watch)
                .push_bind(fingerprint.to_vec())
                .push_bind(at.as_microsecond());
        });
        sql.push(" ON CONFLICT (watch, fingerprint) DO NOTHING");
        sql.build().execute(&mut *db).await?;
    }
    Ok(())
}

/// The row of a watch; made if there is none.
pub(crate) async fn enter_lane(
    db: &mut SqliteConnection,
    lane: &Lane,
    events: i64,
) -> Result<(i64, i64), Undone> {
    let row = sqlx::query(
        "INSERT INTO watches (mailbox, folder, sequence) VALUES ($1, $2, $3)
         ON CONFLICT (mailbox, folder) DO UPDATE SET
             sequence = watches.sequence + excluded.sequence
         RETURNING id, sequence",
    )
    .bind(&lane.0)
    .bind(&lane.1)
    .bind(events)
    .fetch_one(db)
    .await?;
    Ok((row.try_get("id")?, row.try_get("sequence")?))
}

/// A lane's row, and the number of its next event, if its events are counted.
struct Entered {
    id: i64,
    next: Option<i64>,
}

async fn enter_lanes(
    db: &mut SqliteConnection,
    lanes: BTreeMap<Lane, i64>,
    numbers: Numbers,
) -> Result<BTreeMap<Lane, Entered>, Undone> {
    let mut entered = BTreeMap::new();
    for (lane, events) in lanes {
        let is_counted = numbers == Numbers::Counted && !lane.1.is_empty();
        let counted = if is_counted { events } else { 0 };
        let (id, last) = enter_lane(db, &lane, counted).await?;
        let next = is_counted.then_some(last - counted + 1);
        entered.insert(lane, Entered { id, next });
    }
    Ok(entered)
}

async fn known_ids(
    db: &mut SqliteConnection,
    events: &[Prepared],
) -> Result<BTreeSet<EventId>, Undone> {
    let mut known = BTreeSet::new();
    for chunk in events.chunks(CHUNK) {
        let mut sql = QueryBuilder::<Sqlite>::new("SELECT id FROM events WHERE id IN (");
        let mut ids = sql.separated(", ");
        for event in chunk {
            ids.push_bind(event.event.id.as_str().to_owned());
        }
        sql.push(")");
        for row in sql.build().fetch_all(&mut *db).await? {
            let id: String = row.try_get("id")?;
            known.extend(EventId::parse(&id));
        }
    }
    Ok(known)
}

/// Where an event came to stand.
struct Place {
    position: i64,
    sequence: Option<u64>,
}

/// Events and deliveries on their way into their tables.
struct Insertion<'c> {
    db: &'c mut SqliteConnection,
    lanes: BTreeMap<Lane, Entered>,
    at: Timestamp,
}

impl Insertion<'_> {
    /// Answers where the events came to stand.
    async fn events(&mut self, events: &[Prepared]) -> Result<BTreeMap<EventId, Place>, Undone> {
        let Self { db, lanes, at } = self;
        let mut sql = QueryBuilder::<Sqlite>::new(
            "INSERT INTO events (id, mailbox, folder, sequence, octets, post_action, settled_at,
             spool_file) ",
        );
        sql.push_values(events, |mut row, event| {
            let lane = lanes
                .get_mut(&event.lane)
                .and_then(|lane| lane.next.as_mut());
            let sequence = lane.map(|next| {
                *next += 1;
                *next - 1
            });
            let settled_at = event.sinks.is_empty().then(|| at.as_microsecond());
            row.push_bind(event.event.id.as_str())
                .push_bind(&event.lane.0)
                .push_bind(&event.lane.1)
                .push_bind(sequence)
                .push_bind(event.octets)
                .push_bind(event.post_action as i64)
                .push_bind(settled_at)
                .push_bind(event.spool_file());
        });
        sql.push(" RETURNING position, id, sequence");
        let mut places = BTreeMap::new();
        for row in sql.build().fetch_all(&mut **db).await? {
            let row = Columns::new(&row, "events", "position");
            let id = EventId::parse(row.get("id")?);
            let id = id.ok_or_else(|| row.damaged("id", "it is no event id"))?;
            let place = Place {
                position: row.get("position")?,
                sequence: row.optional_count("sequence")?,
            };
            places.insert(id, place);
        }
        Ok(places)
    }

    async fn contents(
        &mut self,
        events: &[Prepared],
        places: &BTreeMap<EventId, Place>,
    ) -> Result<(), Undone> {
        let mut sql = QueryBuilder::<Sqlite>::new("INSERT INTO contents (event, sealed, message) ");
        sql.push_values(events, |mut row, event| {
            row.push_bind(places[&event.event.id].position)
                .push_bind(&event.sealed)
                .push_bind(&event.message);
        });
        sql.build().execute(&mut *self.db).await?;
        Ok(())
    }

    async fn deliveries(
        &mut self,
        events: &[Prepared],
        places: &BTreeMap<EventId, Place>,
    ) -> Result<(), Undone> {
        let Self { db, lanes, at } = self;
        let mut rows = Vec::new();
        for event in events {
            rows.extend(event.sinks.iter().map(|sink| (event, sink)));
        }
        for chunk in rows.chunks(CHUNK) {
            let mut sql = QueryBuilder::<Sqlite>::new(
                "INSERT INTO deliveries (event, sink, lane, mailbox, octets, state, due_at) ",
            );
            sql.push_values(chunk, |mut row, (event, sink)| {
                row.push_bind(places[&event.event.id].position)
                    .push_bind(&sink.0)
                    .push_bind(lanes[&event.lane].id)
                    .push_bind(&event.lane.0)
                    .push_bind(event.octets)
                    .push("'pending'")
                    .push_bind(at.as_microsecond());
            });
            sql.build().execute(&mut **db).await?;
        }
        Ok(())
    }
}

/// Rows of one statement; the widest has eight parameters, and SQLite takes 32,766.
const CHUNK: usize = 256;
