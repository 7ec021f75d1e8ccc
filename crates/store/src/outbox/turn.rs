//! Whose turn it is: claims, departures, and what a process that is gone left behind.

use std::sync::Arc;

use gatepost_host::SealingKey;
use gatepost_mail::Trace;
use gatepost_mailroom::{
    Addressee, DueNow, DueSubmission, Holder, LeftBy, RecipientFate, Recovered, SendLease,
    SubmissionId, Term, Traffic,
};
use jiff::Timestamp;
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row as _, Sqlite, SqliteConnection, SqlitePool};

use super::row::{Standing, SubmissionSeal, WITH_MESSAGE, columns, damaged, due};
use crate::Store;
use crate::batch::Batch;
use crate::sealed;
use crate::undone::{Columns, Undone};
use crate::writer::Haste;

/// Which messages a claim is about.
pub(super) enum Whose {
    /// At most so many of this mailbox.
    Mailbox(String, usize),
    /// This one.
    One(SubmissionId),
}

impl Store {
    /// Claims, and reads what belongs to the claims. What cannot be opened must not hold up the
    /// rest: it is handed on as damaged, or, where not even its name can be read, taken out of the
    /// schedule. One that was not sent yet is seen, and told of, again when the program starts
    /// anew.
    pub(super) async fn claim_submissions(
        &self,
        whose: Whose,
        term: Term,
    ) -> Result<DueNow, Undone> {
        // Most claims find nothing; a look costs no transaction.
        if let Whose::Mailbox(mailbox, limit) = &whose
            && (*limit == 0
                || next_due(self.readers(), mailbox)
                    .await?
                    .is_none_or(|at| at > term.now))
        {
            return Ok(DueNow::default());
        }
        let due = whose.due(term.now);
        let rows = self.write_behind(Haste::AtOnce, due, move |db, rows| {
            Box::pin(async move { claim(db, &rows, term).await })
        });
        self.opened(rows.await?, term.now).await
    }

    pub(super) async fn unknown_submissions(
        &self,
        mailbox: &str,
        now: Timestamp,
        limit: usize,
    ) -> Result<DueNow, Undone> {
        let rows = sqlx::query(UNKNOWN)
            .bind(mailbox)
            .bind(now.as_microsecond())
            .bind(i64::try_from(limit).unwrap_or(i64::MAX))
            .fetch_all(self.readers())
            .await?;
        self.opened(rows, now).await
    }

    async fn opened(&self, rows: Vec<SqliteRow>, now: Timestamp) -> Result<DueNow, Undone> {
        if rows.is_empty() {
            return Ok(DueNow::default());
        }
        let store = self.clone();
        let octets = rows.iter().map(sealed_octets).sum();
        let opening = move || {
            let key = store.key();
            let (seal, mut opened) = (SubmissionSeal(&key), DueNow::default());
            let mut without_name = Vec::new();
            for row in &rows {
                match due(row, seal, now) {
                    Ok(due) => opened.whole.push(due),
                    Err(undone) => {
                        let fault = store.fault(undone);
                        match damaged(row, seal, &fault) {
                            Ok(damaged) => opened.damaged.push(damaged),
                            Err(nameless @ Undone::DamagedRow { .. }) => {
                                tracing::error!(
                                    "a message in the outbox is damaged and is left out: {}",
                                    store.fault(nameless)
                                );
                                without_name.push(columns(row).get::<i64>("position")?);
                            }
                            Err(other) => return Err(other),
                        }
                    }
                }
            }
            Ok((opened, without_name))
        };
        let (opened, without_name): (DueNow, Vec<i64>) = sealed::away(octets, opening).await??;
        if !without_name.is_empty() {
            let setting_aside =
                self.write(move |db| Box::pin(async move { set_aside(db, &without_name).await }));
            // Whatever keeps that from being written, the others are claimed.
            if let Err(undone) = setting_aside.await {
                tracing::warn!(
                    "a damaged message stays in the schedule: {}",
                    self.fault(undone)
                );
            }
        }
        Ok(opened)
    }
}

/// Takes messages out of the schedule: each is due for ever, and nobody can settle it.
async fn set_aside(db: &mut SqliteConnection, positions: &[i64]) -> Result<(), Undone> {
    let mut sql = QueryBuilder::<Sqlite>::new("UPDATE submissions SET due_at = NULL");
    push_positions(&mut sql, "position", positions);
    sql.build().execute(db).await?;
    Ok(())
}

impl Whose {
    /// Asks where those stand that are due.
    fn due(&self, now: Timestamp) -> Batch {
        let mut batch = Batch::default();
        let now = now.as_microsecond();
        match self {
            Self::Mailbox(mailbox, limit) => {
                let limit = i64::try_from(*limit).unwrap_or(i64::MAX);
                batch.push(IN_TURN).bind(mailbox).bind(now).bind(limit);
            }
            Self::One(id) => {
                batch.push(ONE_DUE).bind(id.as_str()).bind(now);
            }
        }
        batch
    }
}

/// Claims what is due.
async fn claim(
    db: &mut SqliteConnection,
    due: &[SqliteRow],
    term: Term,
) -> Result<Vec<SqliteRow>, Undone> {
    let now = term.now.as_microsecond();
    let positions = due.iter().map(|row| columns(row).get("position"));
    let positions = positions.collect::<Result<Vec<i64>, _>>()?;
    if positions.is_empty() {
        return Ok(Vec::new());
    }
    let mut sql = QueryBuilder::<Sqlite>::new(
        "UPDATE submissions SET state = 'claimed', claim = claim + 1, attempts = attempts + 1,
             due_at = ",
    );
    sql.push_bind(term.until.as_microsecond())
        .push(", beside = ")
        .push_bind(i64::from(term.holder == Holder::Beside))
        .push(", overdue = CASE WHEN first_attempt_at IS NULL THEN 0 ELSE overdue + MAX(0, ")
        .push_bind(now)
        .push(" - due_at) END, first_attempt_at = COALESCE(first_attempt_at, ")
        .push_bind(now)
        .push(")");
    push_positions(&mut sql, "position", &positions);
    // In one go with what is read then.
    sql.push("; ").push(WITH_MESSAGE);
    push_positions(&mut sql, "s.position", &positions);
    sql.push(" ORDER BY s.priority, s.position");
    Ok(sql.build().fetch_all(&mut *db).await?)
}

fn push_positions(sql: &mut QueryBuilder<Sqlite>, column: &str, positions: &[i64]) {
    sql.push(" WHERE ").push(column).push(" IN (");
    let mut list = sql.separated(", ");
    for position in positions {
        list.push_bind(*position);
    }
    sql.push(")");
}

/// Writes that a message in hand has a draft, or none.
pub(super) async fn note_draft(
    db: &mut SqliteConnection,
    key: &SealingKey,
    lease: &SendLease,
    draft: Option<String>,
) -> Result<bool, Undone> {
    let row = sqlx::query(DRAFTED)
        .bind(lease.id.as_str())
        .bind(lease.claim)
        .fetch_optional(&mut *db)
        .await?;
    let Some(row) = row else {
        return Ok(false);
    };
    let (seal, row) = (SubmissionSeal(key), columns(&row));
    let mut standing = seal.open_standing(&row)?;
    standing.draft = draft;
    sqlx::query("UPDATE submissions SET standing = $2 WHERE position = $1")
        .bind(row.get::<i64>("position")?)
        .bind(seal.standing(&lease.id, &standing)?)
        .execute(db)
        .await?;
    Ok(true)
}

/// Makes the statements that write that a claimed message is about to be transmitted. They answer a
/// row; or none, and change nothing, if the claim was lost. Since it was claimed nothing but its
/// draft can have changed, so its row need not be read.
pub(super) async fn departure(
    key: Arc<SealingKey>,
    due: &DueSubmission,
    (trace, recipients): (&Trace, &[Addressee]),
    (now, until): (Timestamp, Timestamp),
) -> Result<Batch, Undone> {
    let standing = Standing {
        recipients: recipients.to_vec(),
        trace: Some(trace.clone()),
        draft: None,
        looks_in_vain: 0,
        untold: Addressee::newly_refused(&due.recipients, recipients),
        reason: None,
        code: None,
        mailbox_waits_until: None,
        former: due.former.clone(),
    };
    let octets = recipients
        .iter()
        .map(|one| one.address.len() + OF_A_TIME * one.departures.len())
        .sum();
    let (lease, id) = (&due.lease, due.lease.id.clone());
    let sealing = move || SubmissionSeal(&key).standing(&id, &standing);
    let standing = sealed::away(octets, sealing).await??;
    let open = recipients
        .iter()
        .filter(|one| one.fate == RecipientFate::Open);
    let open = i64::try_from(open.count()).unwrap_or(i64::MAX);
    let mut batch = Batch::default();
    batch
        .push(DEPART)
        .bind(now.as_microsecond())
        .bind(standing)
        .bind(until.as_microsecond())
        .bind(lease.id.as_str())
        .bind(lease.claim);
    batch
        .push(COUNT_DEPARTURE)
        .bind(&due.letter.mailbox)
        .bind(Traffic::minute(now))
        .bind(now.as_microsecond())
        .bind(open);
    Ok(batch)
}

/// Whether anything is claimed or being transmitted.
pub(super) async fn anything_in_hand(readers: &SqlitePool) -> Result<bool, Undone> {
    Ok(sqlx::query_scalar(IN_HAND).fetch_one(readers).await?)
}

pub(super) async fn recover(
    db: &mut SqliteConnection,
    left_by: LeftBy,
    now: Timestamp,
) -> Result<Recovered, Undone> {
    let mut recovered = Recovered::default();
    for (from, to, count) in [
        ("claimed", "queued", &mut recovered.queued),
        ("transmitting", "unknown", &mut recovered.unknown),
    ] {
        let (of_serve, latest) = match left_by {
            LeftBy::FormerServe => (true, Timestamp::MAX),
            LeftBy::Anybody { latest } => (false, latest),
        };
        let changed = sqlx::query(RECOVER)
            .bind(from)
            .bind(to)
            .bind(now.as_microsecond())
            .bind(latest.as_microsecond())
            .bind(of_serve)
            .execute(&mut *db)
            .await?;
        *count = usize::try_from(changed.rows_affected()).unwrap_or(usize::MAX);
    }
    Ok(recovered)
}

pub(super) async fn hold_others(
    db: &mut SqliteConnection,
    open: &[String],
    now: Timestamp,
) -> Result<usize, Undone> {
    let mut sql = QueryBuilder::<Sqlite>::new(
        "UPDATE submissions SET state = 'queued', attempts = 0, first_attempt_at = NULL,
             due_at = MAX(COALESCE(not_before, 0), ",
    );
    sql.push_bind(now.as_microsecond())
        .push(") WHERE state = 'held' AND mailbox");
    push_mailboxes(&mut sql, "IN", open);
    sql.build().execute(&mut *db).await?;
    let mut sql = QueryBuilder::<Sqlite>::new(
        "UPDATE submissions SET state = 'held', due_at = NULL
         WHERE state IN ('queued', 'scheduled') AND mailbox",
    );
    push_mailboxes(&mut sql, "NOT IN", open);
    sql.build().execute(&mut *db).await?;
    let held: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM submissions WHERE state = 'held'")
        .fetch_one(db)
        .await?;
    Ok(usize::try_from(held).unwrap_or_default())
}

fn push_mailboxes(sql: &mut QueryBuilder<Sqlite>, is: &str, mailboxes: &[String]) {
    sql.push(" ").push(is).push(" (");
    let mut list = sql.separated(", ");
    for mailbox in mailboxes {
        list.push_bind(mailbox.clone());
    }
    sql.push(")");
}

/// When something of a mailbox is due next.
pub(super) async fn next_due(
    readers: &SqlitePool,
    mailbox: &str,
) -> Result<Option<Timestamp>, Undone> {
    let row = sqlx::query(NEXT_DUE)
        .bind(mailbox)
        .fetch_one(readers)
        .await?;
    Columns::new(&row, "submissions", "due_at").time("due_at")
}

/// How many messages of a mailbox are queued or scheduled.
pub(super) async fn waiting(readers: &SqlitePool, mailbox: &str) -> Result<usize, Undone> {
    let count: i64 = sqlx::query_scalar(WAITING)
        .bind(mailbox)
        .fetch_one(readers)
        .await?;
    Ok(usize::try_from(count).unwrap_or(usize::MAX))
}

/// What was transmitted, minute by minute, from the minute of `since` on.
pub(super) async fn traffic(
    readers: &SqlitePool,
    mailbox: &str,
    since: Timestamp,
) -> Result<Vec<Traffic>, Undone> {
    let rows = sqlx::query(TRAFFIC)
        .bind(mailbox)
        .bind(Traffic::minute(since))
        .fetch_all(readers)
        .await?;
    let minutes = rows.iter().map(|row| {
        let row = Columns::new(row, "traffic", "at");
        let at = row.time("at")?;
        Ok(Traffic {
            at: at.ok_or_else(|| row.damaged("at", "it is missing"))?,
            messages: row.count("messages")?,
            recipients: row.count("recipients")?,
        })
    });
    minutes.collect()
}

/// About how many octets a time takes in what is sealed.
const OF_A_TIME: usize = 32;

/// How many octets are sealed in a row.
fn sealed_octets(row: &SqliteRow) -> usize {
    ["message", "letter", "standing"]
        .into_iter()
        .filter_map(|column| row.try_get::<Option<&[u8]>, _>(column).ok().flatten())
        .map(<[u8]>::len)
        .sum()
}

/// What is due of a mailbox, by priority and then the oldest first. The plus keeps SQLite from
/// walking by time, which would sort the whole backlog at every claim.
pub(super) const IN_TURN: &str = "
    SELECT position FROM submissions
    WHERE mailbox = ? AND state IN ('queued', 'scheduled') AND +due_at <= ?
    ORDER BY priority, position LIMIT ?";

/// What is unknown of a mailbox and to be looked for, the oldest first. The plus is there for the
/// same reason: every round of a dispatcher asks this, however long the backlog is.
pub(super) const UNKNOWN: &str = "
    SELECT s.*, m.message FROM submissions s
    LEFT JOIN submission_messages m ON m.submission = s.position
    WHERE s.state = 'unknown' AND s.mailbox = $1 AND +s.due_at <= $2
    ORDER BY s.position LIMIT $3";

pub(super) const ONE_DUE: &str = "
    SELECT position FROM submissions
    WHERE id = ? AND state IN ('queued', 'scheduled') AND due_at <= ?";

pub(super) const DEPART: &str = "
    UPDATE submissions SET state = 'transmitting', departed_at = ?, standing = ?, due_at = ?
    WHERE id = ? AND claim = ? AND state = 'claimed' RETURNING position";

/// Runs right behind [`DEPART`].
pub(super) const COUNT_DEPARTURE: &str = "
    INSERT INTO traffic (mailbox, minute, at, messages, recipients)
    SELECT ?, ?, ?, 1, ? WHERE changes() > 0
    ON CONFLICT (mailbox, minute) DO UPDATE SET at = MAX(at, excluded.at),
        messages = messages + 1, recipients = recipients + excluded.recipients";

pub(super) const DRAFTED: &str = "
    SELECT position, id, standing FROM submissions
    WHERE id = $1 AND claim = $2 AND state IN ('claimed', 'transmitting')";

pub(super) const IN_HAND: &str = "SELECT EXISTS (SELECT 1 FROM submissions
        WHERE state IN ('claimed', 'transmitting') AND due_at IS NOT NULL)";

pub(super) const RECOVER: &str = "
    UPDATE submissions SET state = $2, due_at = $3,
        overdue = overdue + MAX(0, $3 - COALESCE(due_at, $3))
    WHERE state IN ('claimed', 'transmitting') AND state = $1
      AND (due_at <= $3 OR due_at > $4 OR ($5 AND beside = 0))";

pub(super) const WAITING: &str = "SELECT count(*) FROM submissions
     WHERE mailbox = $1 AND state IN ('queued', 'scheduled')";

pub(super) const NEXT_DUE: &str =
    "SELECT MIN(due_at) AS due_at FROM submissions WHERE mailbox = $1 AND due_at IS NOT NULL";

pub(super) const TRAFFIC: &str = "
    SELECT at, messages, recipients FROM traffic WHERE mailbox = $1 AND minute >= $2
    ORDER BY minute";
