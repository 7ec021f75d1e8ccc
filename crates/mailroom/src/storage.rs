//! What the mailroom needs stored. `store` answers these traits; one method is one transaction.
//!
//! # When the clock is set
//!
//! Every time here is read from a clock that may have been wrong when it was written, or may be
//! wrong now. A time that cannot be right by the present clock is not believed:
//!
//! - A proof of life in the future counts as of now ([`Standing::proven_by`]), and the next proof
//!   replaces it, though it is earlier.
//! - A claim that lasts longer than any that is made now is void, and a retry that is due later
//!   than any that is scheduled now is due at once. Where it is known that the clock was ahead (it
//!   was set back while we ran, or a proof lies in the future), every retry is due at once: all of
//!   them were put off by the other clock ([`Deliveries::reclaim`]).
//! - Where two clocks disagree on the age of something, it is as young as the younger of them
//!   says: when the clock was set forward, nothing is forgotten until the retention has passed
//!   once more, and between two processes nothing ages ([`crate::Sweeper`]).
//! - No wait becomes longer because the clock was set back.
//!
//! Only the high-water mark never goes back: it is a time of the server.

#[doc(hidden)]
pub mod contract;
mod memory;
mod outbox;

use std::collections::BTreeMap;

use async_trait::async_trait;
use gatepost_fault::{Fault, Next, Owner};
use gatepost_mail::{Cursor, FolderName};
use jiff::Timestamp;

pub use memory::MemoryStorage;
pub use outbox::{
    Accepted, Addressee, DamagedDue, Decision, DsnRequest, DueNow, DueSubmission, Fate,
    FormerTries, Holder, LeftBy, Letter, NewSubmission, Notify, Occasion, Outbox, Priority,
    RecipientFate, Recovered, Resolution, Returned, SendLease, Settlement, Submission,
    SubmissionFilter, SubmissionId, SubmissionState, Term, Traffic,
};

use crate::{Event, EventId, SinkName};

/// Names a watch: a mailbox and a folder.
#[derive(
    Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
pub struct WatchKey {
    /// The mailbox's address, as configured, in lower case.
    pub mailbox: String,
    /// The folder.
    pub folder: FolderName,
}

impl std::fmt::Display for WatchKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.mailbox, self.folder)
    }
}

/// Where a watch stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// How far it has been seen.
    pub cursor: Cursor,
    /// The newest time of receipt when the watch began, for resynchronisation: a message that was
    /// received later and is unknown is new. `None` until the first walk is over.
    pub high_water: Option<Timestamp>,
    /// When the server last proved to be alive and was looked at.
    pub proven_at: Option<Timestamp>,
    /// Events of this watch so far.
    pub sequence: u64,
}

impl Standing {
    /// When the server was last proven alive, as far as `now` can tell: what lies ahead was
    /// written by a clock that was ahead.
    pub fn proven_by(&self, now: Timestamp) -> Option<Timestamp> {
        self.proven_at.map(|at| at.min(now))
    }
}

/// The SHA-256 over Message-ID, Date, From and Subject as they stand in the header.
pub type Fingerprint = [u8; 32];

/// One step of a watch: everything in it becomes durable together, or nothing does.
#[derive(Debug, Clone)]
pub struct Advance {
    /// The watch.
    pub watch: WatchKey,
    /// The cursor that is replaced; `None` at the first step. Another one there is an error
    /// ([`StorageError::Overtaken`]): somebody else watches the same folder.
    pub from: Option<Cursor>,
    /// The new cursor; `None` leaves it where it is, for events that were found on the way.
    pub to: Option<Cursor>,
    /// The new high-water mark; never goes back.
    pub high_water: Option<Timestamp>,
    /// What happened. An event whose id is known already is skipped with its deliveries,
    /// and takes no sequence number.
    pub events: Vec<NewEvent>,
    /// When this is said.
    pub at: Timestamp,
}

/// An event that is about to be stored, with its message and its destinations.
#[derive(Debug, Clone)]
pub struct NewEvent {
    /// What happened. Its `sequence` is assigned by the storage.
    pub event: Event,
    /// The message, as the spool kept it.
    pub message: Option<Kept>,
    /// The message's fingerprint, remembered for resynchronisation.
    pub fingerprint: Option<Fingerprint>,
    /// One delivery to each of these.
    pub sinks: Vec<SinkName>,
    /// Whether a post-action follows once every delivery is done.
    pub post_action: bool,
}

/// How the spool keeps the octets of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    /// Small ones are sealed into the row of their event: no file, no further fsync.
    Inline(Vec<u8>),
    /// Large ones are a sealed file of the spool, already durable, under this name.
    File {
        /// The name within the spool's folder: the SHA-256 of the clear octets, in hexadecimal.
        name: String,
        /// The number of clear octets.
        size: u64,
    },
}

/// Stores how far each watch has come, together with the events found on the way.
#[async_trait]
pub trait Cursors: Send + Sync + std::fmt::Debug {
    /// Where a watch stands, or `None` if it never started.
    async fn load(&self, watch: &WatchKey) -> Result<Option<Standing>, StorageError>;

    /// Stores one step; returns how many of its events were new.
    async fn advance(&self, advance: Advance) -> Result<usize, StorageError>;

    /// Records that the server proved to be alive and was looked at, at `at`. What was said last
    /// stands, also if it is earlier.
    async fn proven(&self, watch: &WatchKey, at: Timestamp) -> Result<(), StorageError>;

    /// Which of `fingerprints` are known in this watch.
    async fn known(
        &self,
        watch: &WatchKey,
        fingerprints: &[Fingerprint],
    ) -> Result<Vec<bool>, StorageError>;

    /// Remembers fingerprints of messages that were present without being events (the baseline
    /// of `from = "now"`).
    async fn remember(
        &self,
        watch: &WatchKey,
        fingerprints: &[Fingerprint],
        at: Timestamp,
    ) -> Result<(), StorageError>;

    /// Every watch with its standing, ordered by key.
    async fn standings(&self) -> Result<Vec<(WatchKey, Standing)>, StorageError>;

    /// Stores events that move no cursor (`mailbox.stalled` and the like), with one delivery
    /// to each of their sinks. Known ids are skipped. Returns how many were new.
    async fn record(&self, events: Vec<NewEvent>, at: Timestamp) -> Result<usize, StorageError>;
}

/// Stores what was told of credentials, for longer than events are kept.
#[async_trait]
pub trait Notices: Send + Sync + std::fmt::Debug {
    /// Stores an event about `credential` with its deliveries, unless one of its id was told
    /// before. It is remembered for 400 days at least, and the newest of each kind for ever. Says
    /// whether it is new.
    async fn tell(
        &self,
        credential: &str,
        event: NewEvent,
        at: Timestamp,
    ) -> Result<bool, StorageError>;

    /// The `credential.failed` events that were told and after which no `credential.recovered`
    /// was, by credential; the newest of each.
    async fn failures(&self) -> Result<BTreeMap<String, EventId>, StorageError>;
}

/// Names one claimed delivery until it is settled or its time is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Lease {
    /// The row.
    pub delivery: i64,
    /// Counts the claims of that row: a settle with an old claim is refused.
    pub claim: i64,
}

/// A delivery that was claimed and is to be attempted now.
#[derive(Debug, Clone)]
pub struct Due {
    /// The claim.
    pub lease: Lease,
    /// What happened.
    pub event: Event,
    /// The message, as the spool kept it.
    pub message: Option<Kept>,
    /// Attempts including this one.
    pub attempt: u32,
    /// When the first attempt began.
    pub first_attempt_at: Option<Timestamp>,
}

/// How a claimed delivery is settled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settled {
    /// It arrived.
    Done,
    /// It is tried again at `at`.
    RetryAt {
        /// When.
        at: Timestamp,
        /// Why the last attempt failed.
        reason: String,
    },
    /// It gave up: a dead letter.
    Dead {
        /// Why.
        reason: String,
    },
    /// It was claimed and not attempted (shutdown, sink switched off): as if never claimed.
    Released,
}

/// The state of a delivery, as people see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// It waits for its next attempt.
    Pending,
    /// It is being attempted.
    Claimed,
    /// It arrived.
    Done,
    /// It gave up.
    Dead,
    /// A person discarded it.
    Discarded,
}

/// One event on its way to one sink, as people see it.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Delivery {
    /// Its number, for `gatepost deliveries show`.
    pub id: i64,
    /// Where it goes.
    pub sink: SinkName,
    /// What goes there.
    pub event: Event,
    /// Its state.
    pub state: DeliveryState,
    /// Attempts so far.
    pub attempts: u32,
    /// When it is tried next.
    pub next_attempt_at: Option<Timestamp>,
    /// When it was first tried.
    pub first_attempt_at: Option<Timestamp>,
    /// When it was settled for good.
    pub settled_at: Option<Timestamp>,
    /// Why the last attempt failed.
    pub reason: Option<String>,
}

/// Which deliveries are wanted. Every criterion that is set must hold.
#[derive(Debug, Clone, Default)]
pub struct DeliveryFilter {
    /// Only those in this state.
    pub state: Option<DeliveryState>,
    /// Only those to this sink.
    pub sink: Option<SinkName>,
    /// Only those of this mailbox.
    pub mailbox: Option<String>,
    /// Only those of this event.
    pub event: Option<EventId>,
    /// At most this many, the newest first.
    pub limit: usize,
}

/// The latest times that are believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Horizon {
    /// A claim that runs out later is void. [`Timestamp::MIN`] ends all of them: a process that
    /// starts knows that its predecessor is gone.
    pub claims: Timestamp,
    /// A retry that is due later is due at once.
    pub retries: Timestamp,
}

/// Post-actions of a watch that waited for sinks which it has no longer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Forgone {
    /// They are due now.
    pub due: usize,
    /// They still wait for a sink that it has, or for the first sink of all.
    pub waiting: usize,
}

/// Stores what is on its way to the sinks.
#[async_trait]
pub trait Deliveries: Send + Sync + std::fmt::Debug {
    /// Claims at most `limit` deliveries to `sink` that are due at `now`, oldest event first,
    /// until `until`; after that time another claim may take them.
    async fn claim_due(
        &self,
        sink: &SinkName,
        now: Timestamp,
        until: Timestamp,
        limit: usize,
    ) -> Result<Vec<Due>, StorageError>;

    /// The same in strict order: only a delivery before which no older one of the same mailbox and
    /// folder to this sink is open (pending or claimed), so at most
    /// one of each folder.
    async fn claim_heads(
        &self,
        sink: &SinkName,
        now: Timestamp,
        until: Timestamp,
        limit: usize,
    ) -> Result<Vec<Due>, StorageError>;

    /// Makes those deliveries to `sink` due at `now` whose time lies beyond the horizon. Claims
    /// end by it; attempts stay counted. Returns how many.
    async fn reclaim(
        &self,
        sink: &SinkName,
        now: Timestamp,
        horizon: Horizon,
    ) -> Result<usize, StorageError>;

    /// When the next delivery to `sink` is due, or its claim runs out.
    async fn next_due(&self, sink: &SinkName) -> Result<Option<Timestamp>, StorageError>;

    /// Settles claims together, and stores `reports` (`delivery.dead_lettered` and the like, known
    /// ids skipped) in the same transaction. A claim that was lost in the meantime is skipped.
    /// Returns the events whose post-action is due by it: all of their deliveries are now done.
    async fn settle(
        &self,
        settled: Vec<(Lease, Settled)>,
        reports: Vec<NewEvent>,
        now: Timestamp,
    ) -> Result<Vec<EventId>, StorageError>;

    /// Events whose post-action is due, oldest first, at most `limit`.
    async fn post_actions_due(
        &self,
        watch: &WatchKey,
        limit: usize,
    ) -> Result<Vec<Event>, StorageError>;

    /// Records that the post-actions of these events are done.
    async fn post_actions_done(&self, events: &[EventId]) -> Result<(), StorageError>;

    /// Deliveries, newest first.
    async fn list(&self, filter: &DeliveryFilter) -> Result<Vec<Delivery>, StorageError>;

    /// One delivery.
    async fn show(&self, id: i64) -> Result<Option<Delivery>, StorageError>;

    /// Makes dead, discarded or waiting deliveries due at once. Returns how many.
    async fn retry(&self, ids: &[i64], now: Timestamp) -> Result<usize, StorageError>;

    /// Discards deliveries that are not done. Returns how many.
    async fn discard(&self, ids: &[i64], now: Timestamp) -> Result<usize, StorageError>;

    /// Lets the post-actions of `watch` wait for `sinks` alone, which are all that it has at
    /// present: one becomes due that waited for others, if every one of these has the message and
    /// at least one sink ever had it. Deliveries to the others stay as they are.
    async fn forgo_others(
        &self,
        watch: &WatchKey,
        sinks: &[SinkName],
    ) -> Result<Forgone, StorageError>;

    /// How many deliveries of a mailbox to `sinks` are neither done, dead nor discarded, and how
    /// many octets of spool they hold: for back-pressure. What waits for others does not count:
    /// nobody may take it any more.
    async fn backlog(&self, mailbox: &str, sinks: &[SinkName]) -> Result<(u64, u64), StorageError>;

    /// Which of these spool files neither an event nor a message in the outbox refers to.
    async fn unreferenced(&self, names: &[String]) -> Result<Vec<String>, StorageError>;

    /// Forgets events settled before `before`, at most `limit`; returns the names of spool files
    /// that nothing refers to any more. One with a dead letter stays until that is retried or
    /// discarded, and one whose post-action is due until that is done. One whose post-action still
    /// waits goes: a delivery was discarded, so it comes to nothing. Fingerprints are kept 90 days longer: a watch relies on
    /// knowing what it saw in the last 80.
    async fn forget(&self, before: Timestamp, limit: usize) -> Result<Vec<String>, StorageError>;
}

/// Why something could not be stored or read.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// Another process moved the cursor.
    #[error("the cursor of {watch} was moved by somebody else; the watch starts over from there")]
    Overtaken {
        /// The watch.
        watch: WatchKey,
    },
    /// The database is busy, full, broken or from a newer version; the text is a whole sentence.
    #[error("{message}")]
    Storage {
        /// The stable code of the store's own fault.
        code: &'static str,
        /// The store's own sentence.
        message: String,
        /// Whose move the store says it is.
        owner: Owner,
        /// What the store says is next.
        next: Next,
    },
}

impl StorageError {
    /// Every code this error answers by itself; those of the store come on top.
    pub const CODES: &'static [&'static str] = &["cursor_overtaken"];

    /// Whether the store has logged it: it is the same for all who use it until somebody acts or
    /// time passes, and is not told again by each of them.
    pub fn is_told(&self) -> bool {
        match self {
            Self::Storage { owner, next, .. } => {
                *owner == Owner::Operator && *next != Next::Discard
            }
            Self::Overtaken { .. } => false,
        }
    }
}

impl Fault for StorageError {
    fn code(&self) -> &'static str {
        match self {
            Self::Overtaken { .. } => "cursor_overtaken",
            Self::Storage { code, .. } => code,
        }
    }

    fn owner(&self) -> Owner {
        match self {
            Self::Overtaken { .. } => Owner::Operator,
            Self::Storage { owner, .. } => *owner,
        }
    }

    fn next(&self) -> Next {
        match self {
            Self::Overtaken { .. } => Next::Retry(gatepost_fault::After::Backoff),
            Self::Storage { next, .. } => *next,
        }
    }
}
