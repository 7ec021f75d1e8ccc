//! Messages on their way into the outbox.

use std::mem;
use std::sync::Arc;

use gatepost_host::SealingKey;
use gatepost_mailroom::{
    Accepted, Addressee, Kept, NewSubmission, Priority, SubmissionId, SubmissionState,
};
use jiff::Timestamp;
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;

use super::row::{Standing, SubmissionSeal, columns, id};
use crate::batch::Batch;
use crate::events::{self, Numbers};
use crate::sealed;
use crate::undone::Undone;

/// A message that is sealed and ready to be stored.
pub(super) struct Sealed {
    id: SubmissionId,
    mailbox: String,
    priority: Priority,
    accepted_at: Timestamp,
    not_before: Option<Timestamp>,
    idempotency_key: Option<[u8; 32]>,
    digest: [u8; 32],
    octets: i64,
    spool_file: Option<String>,
    message: Option<Vec<u8>>,
    letter: Vec<u8>,
    standing: Vec<u8>,
    reports: Vec<events::Prepared>,
}

impl Sealed {
    /// Seals a message.
    pub(super) async fn seal(key: Arc<SealingKey>, new: NewSubmission) -> Result<Self, Undone> {
        let message = match &new.message {
            Kept::Inline(octets) => octets.len(),
            Kept::File { .. } => 0,
        };
        let octets = message + new.recipients.iter().map(String::len).sum::<usize>();
        sealed::away(octets, move || Self::seal_now(&key, new)).await?
    }

    fn seal_now(key: &SealingKey, new: NewSubmission) -> Result<Self, Undone> {
        let seal = SubmissionSeal(key);
        let (message, spool_file) = match new.message {
            Kept::Inline(octets) => (Some(seal.message(&new.id, &octets)), None),
            Kept::File { name, .. } => (None, Some(name)),
        };
        let standing = Standing {
            recipients: new.recipients.into_iter().map(Addressee::new).collect(),
            ..Standing::default()
        };
        let reports = new.reports.into_iter();
        let reports = reports.map(|report| events::Prepared::seal(key, report));
        Ok(Self {
            letter: seal.letter(&new.id, &new.letter)?,
            standing: seal.standing(&new.id, &standing)?,
            reports: reports.collect::<Result<_, _>>()?,
            id: new.id,
            priority: new.letter.priority,
            accepted_at: new.letter.accepted_at,
            not_before: new.letter.not_before,
            octets: i64::try_from(new.letter.size).unwrap_or(i64::MAX),
            mailbox: new.letter.mailbox,
            idempotency_key: new.idempotency_key,
            digest: new.digest,
            spool_file,
            message,
        })
    }

    /// What is asked of the database first, or done there where nothing is to be asked.
    pub(super) fn first(&mut self) -> Batch {
        let Some(key) = &self.idempotency_key else {
            return self.insertion();
        };
        let mut batch = Batch::default();
        batch.push(BY_KEY).bind(&self.mailbox).bind(&key[..]);
        batch
    }

    /// Takes what is sealed with it: there is one insertion at most.
    fn insertion(&mut self) -> Batch {
        let due_at = self.not_before.unwrap_or(self.accepted_at);
        let state = if due_at > self.accepted_at {
            SubmissionState::Scheduled
        } else {
            SubmissionState::Queued
        };
        let mut batch = Batch::default();
        batch
            .push(INSERT)
            .bind(self.id.as_str())
            .bind(&self.mailbox)
            .bind(state.as_str())
            .bind(rank(self.priority))
            .bind(due_at.max(self.accepted_at).as_microsecond())
            .bind(self.not_before.map(Timestamp::as_microsecond))
            .bind(self.idempotency_key.as_ref().map(|key| &key[..]))
            .bind(&self.digest[..])
            .bind(self.octets)
            .bind(&self.spool_file)
            .bind(mem::take(&mut self.letter))
            .bind(mem::take(&mut self.standing));
        if let Some(message) = self.message.take() {
            batch.push(INSERT_OCTETS).bind(message);
        }
        batch
    }
}

/// Stores a message with its reports, unless its idempotency key is known.
pub(super) async fn accept(db: &mut SqliteConnection, mut new: Sealed) -> Result<Accepted, Undone> {
    let rows = new.first().run(&mut *db).await?;
    accept_behind(db, rows, new).await
}

/// The same behind [`Sealed::first`], which answered these rows.
pub(super) async fn accept_behind(
    db: &mut SqliteConnection,
    rows: Vec<SqliteRow>,
    mut new: Sealed,
) -> Result<Accepted, Undone> {
    if new.idempotency_key.is_some() {
        if let Some(row) = rows.first() {
            let row = columns(row);
            let same = row.get::<&[u8]>("digest")? == new.digest;
            let id = id(&row)?;
            return Ok(if same {
                Accepted::Before(id)
            } else {
                Accepted::Other(id)
            });
        }
        new.insertion().run(&mut *db).await?;
    }
    events::insert(db, new.reports, Numbers::None, new.accepted_at).await?;
    Ok(Accepted::New)
}

fn rank(priority: Priority) -> i64 {
    match priority {
        Priority::High => 0,
        Priority::Normal => 1,
        Priority::Low => 2,
    }
}

pub(super) const BY_KEY: &str =
    "SELECT id, digest FROM submissions WHERE mailbox = ? AND idempotency_key = ?";

const INSERT: &str = "
    INSERT INTO submissions (id, mailbox, state, priority, due_at, not_before, idempotency_key,
        digest, octets, spool_file, letter, standing)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

/// Runs right behind [`INSERT`].
const INSERT_OCTETS: &str =
    "INSERT INTO submission_messages (submission, message) VALUES (last_insert_rowid(), ?)";
