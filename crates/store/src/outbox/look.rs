//! What people see of the outbox, and what they decide.

use std::collections::BTreeSet;
use std::sync::Arc;

use gatepost_fault::Fault as _;
use gatepost_host::SealingKey;
use gatepost_mailroom::{
    Addressee, Decision, Fate, StorageError, Submission, SubmissionFilter, SubmissionId,
    SubmissionState, Traffic,
};
use jiff::{SignedDuration, Timestamp};
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Sqlite, SqliteConnection};

use super::accept::{Sealed, accept};
use super::row::{SubmissionSeal, columns, state, view};
use super::settle::drop_if_done;
use crate::batch::Batch;
use crate::deliveries::forget::GIVE_BACK;
use crate::events::{self, Numbers};
use crate::undone::Undone;
use crate::{DamagedSubmission, Store};

impl Store {
    pub(super) async fn listed_submissions(
        &self,
        filter: &SubmissionFilter,
    ) -> Result<(Vec<Submission>, Vec<DamagedSubmission>), Undone> {
        let mut sql = QueryBuilder::<Sqlite>::new("SELECT * FROM submissions WHERE TRUE");
        if let Some(state) = filter.state {
            sql.push(" AND state = ").push_bind(state.as_str());
        }
        if let Some(mailbox) = &filter.mailbox {
            sql.push(" AND mailbox = ").push_bind(mailbox.clone());
        }
        if let Some(at) = filter.due_after {
            sql.push(" AND due_at > ").push_bind(at.as_microsecond());
        }
        sql.push(" ORDER BY position DESC LIMIT ")
            .push_bind(i64::try_from(filter.limit).unwrap_or(i64::MAX));
        let rows = sql.build().fetch_all(self.readers()).await?;
        let (key, store) = (self.key(), self.clone());
        let opening = move || {
            let (mut whole, mut damaged) = (Vec::with_capacity(rows.len()), Vec::new());
            for row in &rows {
                match view(row, SubmissionSeal(&key)) {
                    Ok(seen) => whole.push(seen),
                    Err(undone) => damaged.push(store.damaged(row, undone)),
                }
            }
            (whole, damaged)
        };
        let opened = tokio::task::spawn_blocking(opening).await;
        opened.map_err(|_| Undone::Panicked)
    }

    /// Messages, newest first, and those among them that cannot be read.
    pub async fn page_of_submissions(
        &self,
        filter: &SubmissionFilter,
    ) -> Result<(Vec<Submission>, Vec<DamagedSubmission>), StorageError> {
        self.answer(self.listed_submissions(filter).await)
    }

    /// One message, if it is there and cannot be read.
    pub async fn damaged_submission(
        &self,
        id: &SubmissionId,
    ) -> Result<Option<DamagedSubmission>, StorageError> {
        let row = self.answer(self.submission_row(id).await)?;
        let key = self.key();
        Ok(row.and_then(|row| {
            let undone = view(&row, SubmissionSeal(&key)).err()?;
            Some(self.damaged(&row, undone))
        }))
    }

    fn damaged(&self, row: &SqliteRow, undone: Undone) -> DamagedSubmission {
        let (row, fault) = (columns(row), self.fault(undone));
        let clear = |column| row.get::<&str>(column).unwrap_or_default().to_owned();
        DamagedSubmission {
            id: clear("id"),
            mailbox: clear("mailbox"),
            state: clear("state"),
            code: fault.code(),
            reason: fault.to_string(),
        }
    }

    async fn submission_row(&self, id: &SubmissionId) -> Result<Option<SqliteRow>, Undone> {
        let row = sqlx::query("SELECT * FROM submissions WHERE id = $1")
            .bind(id.as_str())
            .fetch_optional(self.readers())
            .await?;
        Ok(row)
    }

    pub(super) async fn one_submission(
        &self,
        id: &SubmissionId,
    ) -> Result<Option<Submission>, Undone> {
        let row = self.submission_row(id).await?;
        let key = self.key();
        row.map(|row| view(&row, SubmissionSeal(&key))).transpose()
    }
}

/// Makes messages due at once that wait, are held, or gave up.
pub(super) async fn retry(
    db: &mut SqliteConnection,
    key: &SealingKey,
    ids: &[SubmissionId],
    now: Timestamp,
) -> Result<usize, Undone> {
    let seal = SubmissionSeal(key);
    let mut retried = 0;
    for id in ids.iter().collect::<BTreeSet<_>>() {
        let row = sqlx::query(RETRIABLE)
            .bind(id.as_str())
            .fetch_optional(&mut *db)
            .await?;
        let Some(row) = row else { continue };
        let row = columns(&row);
        let mut standing = seal.open_standing(&row)?;
        let reason = standing.reason.take();
        standing.begins_anew(&row, reason)?;
        if state(&row)?.is_settled() {
            standing.recipients.iter_mut().for_each(Addressee::reopen);
        }
        sqlx::query(
            "UPDATE submissions SET state = 'queued', due_at = $2, settled_at = NULL,
                 attempts = 0, first_attempt_at = NULL, standing = $3
             WHERE position = $1",
        )
        .bind(row.get::<i64>("position")?)
        .bind(now.as_microsecond())
        .bind(seal.standing(id, &standing)?)
        .execute(&mut *db)
        .await?;
        retried += 1;
    }
    Ok(retried)
}

/// Cancels messages of which not an octet was sent.
pub(super) async fn cancel(
    db: &mut SqliteConnection,
    ids: &[SubmissionId],
    now: Timestamp,
) -> Result<usize, Undone> {
    let mut cancelled = 0;
    for id in ids {
        let position: Option<i64> = sqlx::query_scalar(CANCEL)
            .bind(id.as_str())
            .bind(now.as_microsecond())
            .fetch_optional(&mut *db)
            .await?;
        let Some(position) = position else { continue };
        let mut batch = Batch::default();
        drop_if_done(&mut batch, position);
        batch.run(&mut *db).await?;
        cancelled += 1;
    }
    Ok(cancelled)
}

/// A decision whose reports are sealed.
pub(super) struct Decided {
    departed_at: Option<Timestamp>,
    recipients: Vec<Addressee>,
    fate: Fate,
    reports: Vec<events::Prepared>,
    bounce: Option<Sealed>,
}

impl Decided {
    pub(super) async fn seal(key: Arc<SealingKey>, decision: Decision) -> Result<Self, Undone> {
        Ok(Self {
            departed_at: decision.departed_at,
            recipients: decision.recipients,
            fate: decision.fate,
            reports: events::prepare(Arc::clone(&key), decision.reports).await?,
            bounce: match decision.bounce {
                Some(bounce) => Some(Sealed::seal(key, *bounce).await?),
                None => None,
            },
        })
    }
}

/// Writes what a person decided of a message that is unknown.
pub(super) async fn resolve(
    db: &mut SqliteConnection,
    key: &SealingKey,
    (id, decided): (&SubmissionId, Decided),
    now: Timestamp,
) -> Result<bool, Undone> {
    let row = sqlx::query(RESOLVABLE)
        .bind(id.as_str())
        .bind(decided.departed_at.map(Timestamp::as_microsecond))
        .fetch_optional(&mut *db)
        .await?;
    let Some(row) = row else { return Ok(false) };
    let row = columns(&row);
    let seal = SubmissionSeal(key);
    let mut standing = seal.open_standing(&row)?;
    standing.recipients = decided.recipients;
    let lost = standing.reason.take();
    standing.reason = decided.fate.words().map(ToOwned::to_owned);
    standing.code = None;
    standing.mailbox_waits_until = None;
    if decided.fate.state() == SubmissionState::Queued {
        standing.begins_anew(&row, lost)?;
    }
    standing.looks_in_vain = decided.fate.looks_in_vain();
    standing.untold = 0;
    let (position, state) = (row.get::<i64>("position")?, decided.fate.state());
    sqlx::query(RESOLVE)
        .bind(position)
        .bind(state.as_str())
        .bind(decided.fate.due_at(now).map(Timestamp::as_microsecond))
        .bind(state.is_settled().then_some(now.as_microsecond()))
        .bind(seal.standing(id, &standing)?)
        .bind(now.as_microsecond())
        .execute(&mut *db)
        .await?;
    let mut batch = Batch::default();
    drop_if_done(&mut batch, position);
    batch.run(&mut *db).await?;
    events::insert(db, decided.reports, Numbers::None, now).await?;
    if let Some(bounce) = decided.bounce {
        accept(db, bounce).await?;
    }
    Ok(true)
}

/// Forgets messages settled before `before`, the oldest first, and what was transmitted a day
/// before: the limits of a mailbox look a day back, however soon messages are forgotten.
pub(super) async fn forget(
    db: &mut SqliteConnection,
    before: Timestamp,
    limit: usize,
) -> Result<usize, Undone> {
    let counted = before.checked_sub(DAY).unwrap_or(Timestamp::MIN);
    sqlx::query(FORGET_TRAFFIC)
        .bind(Traffic::minute(counted))
        .execute(&mut *db)
        .await?;
    let forgotten = sqlx::query(FORGET)
        .bind(before.as_microsecond())
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .execute(&mut *db)
        .await?;
    sqlx::query(GIVE_BACK).execute(&mut *db).await?;
    Ok(usize::try_from(forgotten.rows_affected()).unwrap_or(usize::MAX))
}

const DAY: SignedDuration = SignedDuration::from_hours(24);

pub(super) const RETRIABLE: &str = "
    SELECT * FROM submissions
    WHERE id = $1 AND state IN ('queued', 'scheduled', 'held', 'failed', 'dead')";

pub(super) const CANCEL: &str = "
    UPDATE submissions SET state = 'cancelled', due_at = NULL, settled_at = $2
    WHERE id = $1 AND state IN ('queued', 'scheduled', 'held', 'claimed', 'failed', 'dead')
    RETURNING position";

pub(super) const RESOLVABLE: &str = "
    SELECT * FROM submissions WHERE id = $1 AND state = 'unknown' AND departed_at IS $2";

const RESOLVE: &str = "
    UPDATE submissions SET state = $2, due_at = $3, settled_at = $4, standing = $5,
        attempts = CASE $2 WHEN 'queued' THEN 0 ELSE attempts END,
        first_attempt_at = CASE $2 WHEN 'queued' THEN NULL ELSE first_attempt_at END,
        overdue = overdue + MAX(0, $6 - COALESCE(due_at, $6))
    WHERE position = $1";

pub(super) const FORGET: &str = "
    DELETE FROM submissions WHERE position IN (
        SELECT position FROM submissions
        WHERE settled_at < $1 AND state IN ('sent', 'cancelled')
        ORDER BY settled_at, position LIMIT $2)";

pub(super) const FORGET_TRAFFIC: &str = "DELETE FROM traffic WHERE minute < $1";
