//! Claims deliveries that are due, and says when the next one is.

use gatepost_mailroom::{Due, Horizon, Lease, Settled, SinkName};
use jiff::Timestamp;
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row as _, Sqlite, SqliteConnection, SqlitePool};

use super::settle;
use crate::Store;
use crate::sealed::EventSeal;
use crate::undone::{Columns, Undone};

/// Whether a delivery waits for older ones of its folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Any,
    Strict,
}

/// How long a claim holds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Term {
    pub(super) now: Timestamp,
    pub(super) until: Timestamp,
}

impl Store {
    pub(super) async fn claim(
        &self,
        order: Order,
        sink: &SinkName,
        term: Term,
        limit: usize,
    ) -> Result<Vec<Due>, Undone> {
        let sink = sink.0.clone();
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        // Most claims find nothing; a look costs no transaction.
        if nothing_due(self.readers(), &sink, term.now).await? {
            return Ok(Vec::new());
        }
        let rows = self.write(move |db| {
            Box::pin(async move {
                let due = match order {
                    Order::Any => ANY_DUE,
                    Order::Strict => HEADS_DUE,
                };
                let rows = sqlx::query(due)
                    .bind(sink)
                    .bind(term.now.as_microsecond())
                    .bind(limit)
                    .fetch_all(&mut *db)
                    .await?;
                mark_claimed(db, &rows, term).await?;
                Ok(rows)
            })
        });
        let (rows, key) = (rows.await?, self.key());
        let opening = move || {
            let seal = EventSeal::new(&key);
            let claimed = rows.iter().map(|row| claimed(row, &seal, term.now));
            claimed.collect::<Result<Vec<_>, _>>()
        };
        let claimed = tokio::task::spawn_blocking(opening)
            .await
            .map_err(|_| Undone::Closed)??;
        let mut whole = Vec::with_capacity(claimed.len());
        let mut damaged = Vec::new();
        for claimed in claimed {
            match claimed {
                Claimed::Whole(due) => whole.push(*due),
                Claimed::Damaged(lease, undone) => damaged.push((lease, undone)),
            }
        }
        if !damaged.is_empty() {
            self.bury(damaged, term.now).await;
        }
        Ok(whole)
    }

    /// Makes dead letters of what cannot be opened: it must not hold up the rest for ever.
    async fn bury(&self, damaged: Vec<(Lease, Undone)>, now: Timestamp) {
        let reasons = damaged.into_iter().map(|(lease, undone)| {
            let reason = self.fault(undone).to_string();
            tracing::error!(delivery = lease.delivery, "not delivered: {reason}");
            (lease, Settled::Dead { reason })
        });
        let (dead, key) = (reasons.collect(), self.key());
        let buried = self.write(move |db| {
            Box::pin(async move { settle::settle(db, &key, dead, now).await.map(drop) })
        });
        if let Err(undone) = buried.await {
            let error = self.fault(undone);
            if !error.is_outage() {
                tracing::warn!("damaged deliveries are claimed again later: {error}");
            }
        }
    }
}

/// What became of a claimed row.
enum Claimed {
    Whole(Box<Due>),
    Damaged(Lease, Undone),
}

/// Makes due at `now` what lies beyond the horizon.
pub(super) async fn reclaim(
    db: &mut SqliteConnection,
    sink: String,
    (now, horizon): (Timestamp, Horizon),
) -> Result<usize, Undone> {
    let taken = sqlx::query(RECLAIM)
        .bind(sink)
        .bind(now.as_microsecond())
        .bind(horizon.claims.as_microsecond())
        .bind(horizon.retries.as_microsecond())
        .execute(db)
        .await?;
    Ok(usize::try_from(taken.rows_affected()).unwrap_or(usize::MAX))
}

/// When the next delivery is due, or its claim runs out.
pub(super) async fn next_due(
    readers: &SqlitePool,
    sink: &SinkName,
) -> Result<Option<Timestamp>, Undone> {
    let row = sqlx::query(NEXT_DUE)
        .bind(&sink.0)
        .fetch_one(readers)
        .await?;
    Columns::new(&row, "deliveries", "sink").time("due_at")
}

/// Open deliveries of a mailbox to these sinks, and the octets that their messages hold, which
/// count once, to however many sinks a message goes.
pub(super) async fn backlog(
    readers: &SqlitePool,
    mailbox: &str,
    sinks: &[SinkName],
) -> Result<(u64, u64), Undone> {
    let mut sql = QueryBuilder::<Sqlite>::new(
        "SELECT COALESCE(SUM(sinks), 0) AS open, COALESCE(SUM(octets), 0) AS octets FROM (
             SELECT COUNT(*) AS sinks, MAX(octets) AS octets FROM deliveries
             WHERE due_at IS NOT NULL AND mailbox = ",
    );
    // The plus keeps SQLite from walking sink by sink, which would sort the whole backlog.
    sql.push_bind(mailbox).push(" AND +sink");
    push_sinks(&mut sql, sinks);
    sql.push(" GROUP BY event) held");
    let row = sql.build().fetch_one(readers).await?;
    let row = Columns::new(&row, "deliveries", "open");
    Ok((row.count("open")?, row.count("octets")?))
}

/// ` IN (…)` with these sinks.
pub(super) fn push_sinks(sql: &mut QueryBuilder<Sqlite>, sinks: &[SinkName]) {
    sql.push(" IN (");
    let mut list = sql.separated(", ");
    for sink in sinks {
        list.push_bind(sink.0.as_str());
    }
    sql.push(")");
}

async fn nothing_due(readers: &SqlitePool, sink: &str, now: Timestamp) -> Result<bool, Undone> {
    let earliest: Option<i64> = sqlx::query(NEXT_DUE)
        .bind(sink)
        .fetch_one(readers)
        .await?
        .try_get("due_at")?;
    Ok(earliest.is_none_or(|due_at| due_at > now.as_microsecond()))
}

async fn mark_claimed(
    db: &mut SqliteConnection,
    rows: &[SqliteRow],
    term: Term,
) -> Result<(), Undone> {
    if rows.is_empty() {
        return Ok(());
    }
    let mut sql = QueryBuilder::<Sqlite>::new(
        "UPDATE deliveries SET state = 'claimed', claim = claim + 1, attempts = attempts + 1,
             due_at = ",
    );
    sql.push_bind(term.until.as_microsecond())
        .push(", first_attempt_at = COALESCE(first_attempt_at, ")
        .push_bind(term.now.as_microsecond())
        .push(") WHERE id IN (");
    let mut ids = sql.separated(", ");
    for row in rows {
        ids.push_bind(row.try_get::<i64, _>("id")?);
    }
    sql.push(")");
    sql.build().execute(db).await?;
    Ok(())
}

/// Reads a row as it was before it was claimed.
fn claimed(row: &SqliteRow, seal: &EventSeal<'_>, now: Timestamp) -> Result<Claimed, Undone> {
    let delivery = Columns::new(row, "deliveries", "id");
    let lease = Lease {
        delivery: delivery.get("id")?,
        claim: delivery.get::<i64>("claim")? + 1,
    };
    Ok(match due(row, lease, seal, now) {
        Ok(due) => Claimed::Whole(Box::new(due)),
        Err(undone) => Claimed::Damaged(lease, undone),
    })
}

fn due(row: &SqliteRow, lease: Lease, seal: &EventSeal<'_>, now: Timestamp) -> Result<Due, Undone> {
    let delivery = Columns::new(row, "deliveries", "id");
    let event = Columns::new(row, "contents", "event_id");
    let attempts = delivery.count("attempts")?;
    Ok(Due {
        lease,
        event: seal.open_event(&event)?,
        message: seal.open_message(&event)?,
        attempt: u32::try_from(attempts + 1).unwrap_or(u32::MAX),
        first_attempt_at: delivery.time("first_attempt_at")?.or(Some(now)),
    })
}

/// Due deliveries to a sink, oldest event first. The plus keeps SQLite from walking by time, which
/// would sort the whole backlog at every claim.
pub(super) const ANY_DUE: &str = "
    SELECT d.id, d.claim, d.attempts, d.first_attempt_at,
           e.id AS event_id, e.sequence, e.octets, e.spool_file, c.sealed, c.message
    FROM deliveries d JOIN events e ON e.position = d.event
    JOIN contents c ON c.event = d.event
    WHERE d.sink = $1 AND d.due_at IS NOT NULL AND +d.due_at <= $2
    ORDER BY d.event LIMIT $3";

/// The oldest open delivery to a sink of each folder, if it is due.
pub(super) const HEADS_DUE: &str = "
    SELECT d.id, d.claim, d.attempts, d.first_attempt_at,
           e.id AS event_id, e.sequence, e.octets, e.spool_file, c.sealed, c.message
    FROM watches w
    JOIN deliveries d ON d.id = (
        SELECT o.id FROM deliveries o
        WHERE o.sink = $1 AND o.lane = w.id AND o.due_at IS NOT NULL
        ORDER BY o.event LIMIT 1)
    JOIN events e ON e.position = d.event
    JOIN contents c ON c.event = d.event
    WHERE d.due_at <= $2
    ORDER BY d.event LIMIT $3";

pub(super) const RECLAIM: &str = "
    UPDATE deliveries SET state = 'pending', due_at = $2
    WHERE sink = $1 AND due_at IS NOT NULL
      AND due_at > CASE state WHEN 'claimed' THEN $3 ELSE $4 END";

pub(super) const NEXT_DUE: &str =
    "SELECT MIN(due_at) AS due_at FROM deliveries WHERE sink = $1 AND due_at IS NOT NULL";
