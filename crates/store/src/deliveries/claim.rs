//! Claims deliveries that are due, and says when the next one is.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use gatepost_mailroom::{Due, Event, Horizon, Kept, Lease, Settled, SinkName};
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
        let claimed = self.write(move |db| {
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
                let claimed = rows.iter().map(|row| Claimed::read(row, term.now));
                let claimed = claimed.collect::<Result<Vec<_>, _>>()?;
                mark_claimed(db, &claimed, term).await?;
                Ok(claimed)
            })
        });
        let claimed = claimed.await?;
        let leases: Vec<Lease> = claimed.iter().map(|claimed| claimed.lease).collect();
        let due = self.fetch(claimed, term.now).await;
        if due.is_err() {
            self.release(leases, term.now).await;
        }
        due
    }

    /// Gives claims back that lead to no attempt. If that fails, too, they run out.
    async fn release(&self, leases: Vec<Lease>, now: Timestamp) {
        let released = leases.into_iter().map(|lease| (lease, Settled::Released));
        let (released, key) = (released.collect(), self.key());
        let settled = self.write(move |db| {
            Box::pin(async move { settle::settle(db, &key, released, now).await.map(drop) })
        });
        if let Err(undone) = settled.await {
            let error = self.fault(undone);
            tracing::debug!("deliveries stay claimed until their time is over: {error}");
        }
    }

    /// Brings what belongs to the claims: from memory, or from the database. Nothing is written
    /// for that, so nobody who writes waits meanwhile.
    async fn fetch(&self, claimed: Vec<Claimed>, now: Timestamp) -> Result<Vec<Due>, Undone> {
        let mut found = Vec::with_capacity(claimed.len());
        let mut stored = BTreeMap::new();
        for (place, claimed) in claimed.into_iter().enumerate() {
            match self.fresh().take(claimed.event) {
                Some((event, message)) => found.push((place, claimed.due(event, message))),
                None => _ = stored.insert(claimed.event, (place, claimed)),
            }
        }
        if !stored.is_empty() {
            found.extend(self.read_back(stored, now).await?);
            found.sort_unstable_by_key(|(place, _)| *place);
        }
        Ok(found.into_iter().map(|(_, due)| due).collect())
    }

    /// Reads and opens events. What cannot be had becomes a dead letter.
    async fn read_back(
        &self,
        mut claimed: BTreeMap<i64, (usize, Claimed)>,
        now: Timestamp,
    ) -> Result<Vec<(usize, Due)>, Undone> {
        let positions: Vec<i64> = claimed.keys().copied().collect();
        let (mut whole, mut damaged) = (Vec::with_capacity(positions.len()), Vec::new());
        for chunk in positions.chunks(CHUNK) {
            let rows = contents(chunk).build().fetch_all(self.readers()).await?;
            let key = self.key();
            let opening = move || {
                let seal = EventSeal::new(&key);
                let opened = rows.iter().map(|row| opened(row, &seal));
                opened.collect::<Result<Vec<_>, _>>()
            };
            let opened = tokio::task::spawn_blocking(opening).await;
            for (position, content) in opened.map_err(|_| Undone::Panicked)?? {
                let Some((place, claimed)) = claimed.remove(&position) else {
                    continue;
                };
                match content {
                    Ok((event, message)) => whole.push((place, claimed.due(event, message))),
                    Err(undone) => damaged.push((claimed.lease, undone)),
                }
            }
        }
        damaged.extend(claimed.into_iter().map(|(position, (_, claimed))| {
            let gone = Undone::DamagedRow {
                table: "contents",
                column: "event",
                row: position.to_string(),
                reason: "it is missing".to_owned(),
            };
            (claimed.lease, gone)
        }));
        if !damaged.is_empty() {
            self.bury(damaged, now).await;
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

/// A delivery that was claimed, without what is to be delivered.
struct Claimed {
    lease: Lease,
    /// The position of the event.
    event: i64,
    attempt: u32,
    first_attempt_at: Timestamp,
}

impl Claimed {
    /// Reads a row as it was before it was claimed.
    fn read(row: &SqliteRow, now: Timestamp) -> Result<Self, Undone> {
        let row = Columns::new(row, "deliveries", "id");
        let attempts = row.count("attempts")?;
        Ok(Self {
            lease: Lease {
                delivery: row.get("id")?,
                claim: row.get::<i64>("claim")? + 1,
            },
            event: row.get("event")?,
            attempt: u32::try_from(attempts + 1).unwrap_or(u32::MAX),
            first_attempt_at: row.time("first_attempt_at")?.unwrap_or(now),
        })
    }

    fn due(self, event: Event, message: Option<Kept>) -> Due {
        Due {
            lease: self.lease,
            event,
            message,
            attempt: self.attempt,
            first_attempt_at: Some(self.first_attempt_at),
        }
    }
}

/// What is delivered.
type Content = (Event, Option<Kept>);

/// The content of an event, by its position.
fn opened(row: &SqliteRow, seal: &EventSeal<'_>) -> Result<(i64, Result<Content, Undone>), Undone> {
    let row = Columns::new(row, "contents", "event_id");
    // One that makes the code stumble must not hold up the rest either.
    let opening = AssertUnwindSafe(|| Ok((seal.open_event(&row)?, seal.open_message(&row)?)));
    let content = catch_unwind(opening).unwrap_or(Err(Undone::Panicked));
    Ok((row.get("position")?, content))
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

/// Asks for what belongs to claims.
pub(super) fn contents(positions: &[i64]) -> QueryBuilder<Sqlite> {
    let mut sql = QueryBuilder::new(
        "SELECT e.position, e.id AS event_id, e.sequence, e.octets, e.spool_file, c.sealed,
             c.message
         FROM events e JOIN contents c ON c.event = e.position WHERE e.position IN (",
    );
    let mut wanted = sql.separated(", ");
    for position in positions {
        wanted.push_bind(*position);
    }
    sql.push(")");
    sql
}

/// Open deliveries of a mailbox to these sinks, and the octets that their messages hold, which
/// count once, to however many sinks a message goes.
pub(super) async fn backlog(
    readers: &SqlitePool,
    mailbox: &str,
    sinks: &[SinkName],
) -> Result<(u64, u64), Undone> {
    let row = backlog_of(mailbox, sinks)
        .build()
        .fetch_one(readers)
        .await?;
    let row = Columns::new(&row, "deliveries", "open");
    Ok((row.count("open")?, row.count("octets")?))
}

pub(super) fn backlog_of(mailbox: &str, sinks: &[SinkName]) -> QueryBuilder<Sqlite> {
    let mut sql = QueryBuilder::new(
        "SELECT COALESCE(SUM(sinks), 0) AS open, COALESCE(SUM(octets), 0) AS octets FROM (
             SELECT COUNT(*) AS sinks, MAX(octets) AS octets FROM deliveries
             WHERE due_at IS NOT NULL AND mailbox = ",
    );
    // The plus keeps SQLite from walking sink by sink, which would sort the whole backlog.
    sql.push_bind(mailbox.to_owned()).push(" AND +sink");
    push_sinks(&mut sql, sinks);
    sql.push(" GROUP BY event) held");
    sql
}

/// ` IN (…)` with these sinks.
pub(super) fn push_sinks(sql: &mut QueryBuilder<Sqlite>, sinks: &[SinkName]) {
    sql.push(" IN (");
    let mut list = sql.separated(", ");
    for sink in sinks {
        list.push_bind(sink.0.clone());
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
    claimed: &[Claimed],
    term: Term,
) -> Result<(), Undone> {
    if claimed.is_empty() {
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
    for claimed in claimed {
        ids.push_bind(claimed.lease.delivery);
    }
    sql.push(")");
    sql.build().execute(db).await?;
    Ok(())
}

/// Due deliveries to a sink, oldest event first. The plus keeps SQLite from walking by time, which
/// would sort the whole backlog at every claim.
pub(super) const ANY_DUE: &str = "
    SELECT d.id, d.event, d.claim, d.attempts, d.first_attempt_at FROM deliveries d
    WHERE d.sink = $1 AND d.due_at IS NOT NULL AND +d.due_at <= $2
    ORDER BY d.event LIMIT $3";

/// The oldest open delivery to a sink of each folder, if it is due.
pub(super) const HEADS_DUE: &str = "
    SELECT d.id, d.event, d.claim, d.attempts, d.first_attempt_at
    FROM watches w
    JOIN deliveries d ON d.id = (
        SELECT o.id FROM deliveries o
        WHERE o.sink = $1 AND o.lane = w.id AND o.due_at IS NOT NULL
        ORDER BY o.event LIMIT 1)
    WHERE d.due_at <= $2
    ORDER BY d.event LIMIT $3";

pub(super) const RECLAIM: &str = "
    UPDATE deliveries SET state = 'pending', due_at = $2
    WHERE sink = $1 AND due_at IS NOT NULL
      AND due_at > CASE state WHEN 'claimed' THEN $3 ELSE $4 END";

pub(super) const NEXT_DUE: &str =
    "SELECT MIN(due_at) AS due_at FROM deliveries WHERE sink = $1 AND due_at IS NOT NULL";

/// Events read in one statement.
const CHUNK: usize = 256;
