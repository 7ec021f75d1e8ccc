//! Ends claims, and changes deliveries as people ask for it.

use std::collections::BTreeMap;

use gatepost_host::SealingKey;
use gatepost_mailroom::{EventId, Lease, Settled};
use jiff::Timestamp;
use sqlx::{QueryBuilder, Row as _, Sqlite, SqliteConnection};

use crate::events::PostAction;
use crate::sealed::ReasonSeal;
use crate::undone::{Columns, Undone};

/// Settles those claims that still stand; answers the events whose post-action became due.
pub(super) async fn settle(
    db: &mut SqliteConnection,
    key: &SealingKey,
    settled: Vec<(Lease, Settled)>,
    now: Timestamp,
) -> Result<Vec<EventId>, Undone> {
    let standing = standing_claims(db, &settled).await?;
    let mut events = Vec::new();
    let mut done = Vec::new();
    for (lease, settled) in settled {
        let Some(event) = standing.get(&lease) else {
            continue;
        };
        let id = lease.delivery;
        let sealed = |reason: String| ReasonSeal(key).seal(id, &reason);
        match settled {
            Settled::Done => done.push(id),
            Settled::RetryAt { at, reason } => wait(db, id, at, sealed(reason)).await?,
            Settled::Dead { reason } => give_up(db, id, now, sealed(reason)).await?,
            Settled::Released => release(db, id, now).await?,
        }
        events.push(*event);
    }
    mark_done(db, &done, now).await?;
    close_events(db, &events, now).await
}

/// The claims that were not lost meanwhile, each with the position of its event.
async fn standing_claims(
    db: &mut SqliteConnection,
    settled: &[(Lease, Settled)],
) -> Result<BTreeMap<Lease, i64>, Undone> {
    let mut standing = BTreeMap::new();
    for chunk in settled.chunks(CHUNK) {
        let ids = chunk.iter().map(|(lease, _)| lease.delivery);
        for row in claims_among(ids).build().fetch_all(&mut *db).await? {
            let lease = Lease {
                delivery: row.try_get("id")?,
                claim: row.try_get("claim")?,
            };
            standing.insert(lease, row.try_get("event")?);
        }
    }
    Ok(standing)
}

pub(super) fn claims_among(ids: impl IntoIterator<Item = i64>) -> QueryBuilder<Sqlite> {
    among(
        "SELECT id, claim, event FROM deliveries WHERE state = 'claimed' AND id",
        ids,
    )
}

async fn mark_done(db: &mut SqliteConnection, ids: &[i64], now: Timestamp) -> Result<(), Undone> {
    for chunk in ids.chunks(CHUNK) {
        marking_done(chunk, now).build().execute(&mut *db).await?;
    }
    Ok(())
}

pub(super) fn marking_done(ids: &[i64], now: Timestamp) -> QueryBuilder<Sqlite> {
    let mut sql = QueryBuilder::new(
        "UPDATE deliveries SET state = 'done', due_at = NULL, reason = NULL, settled_at = ",
    );
    sql.push_bind(now.as_microsecond()).push(" WHERE id");
    push_among(&mut sql, ids.iter().copied());
    sql
}

async fn wait(
    db: &mut SqliteConnection,
    id: i64,
    at: Timestamp,
    reason: Vec<u8>,
) -> Result<(), Undone> {
    sqlx::query("UPDATE deliveries SET state = 'pending', due_at = $2, reason = $3 WHERE id = $1")
        .bind(id)
        .bind(at.as_microsecond())
        .bind(reason)
        .execute(db)
        .await?;
    Ok(())
}

async fn give_up(
    db: &mut SqliteConnection,
    id: i64,
    now: Timestamp,
    reason: Vec<u8>,
) -> Result<(), Undone> {
    sqlx::query(
        "UPDATE deliveries SET state = 'dead', due_at = NULL, settled_at = $2, reason = $3
         WHERE id = $1",
    )
    .bind(id)
    .bind(now.as_microsecond())
    .bind(reason)
    .execute(db)
    .await?;
    Ok(())
}

async fn release(db: &mut SqliteConnection, id: i64, now: Timestamp) -> Result<(), Undone> {
    sqlx::query(
        "UPDATE deliveries SET state = 'pending', due_at = $2, attempts = attempts - 1,
             first_attempt_at = CASE WHEN attempts > 1 THEN first_attempt_at END
         WHERE id = $1",
    )
    .bind(id)
    .bind(now.as_microsecond())
    .execute(db)
    .await?;
    Ok(())
}

/// Marks events that have nothing open any more, and answers those whose post-action is due
/// from now on. A dead letter keeps its event for ever: it waits for a person.
async fn close_events(
    db: &mut SqliteConnection,
    positions: &[i64],
    now: Timestamp,
) -> Result<Vec<EventId>, Undone> {
    let mut due = Vec::new();
    for chunk in positions.chunks(CHUNK) {
        closing(chunk, now).build().execute(&mut *db).await?;
        for row in making_due(chunk).build().fetch_all(&mut *db).await? {
            let row = Columns::new(&row, "events", "position");
            let id = EventId::parse(row.get("id")?);
            due.push(id.ok_or_else(|| row.damaged("id", "it is no event id"))?);
        }
    }
    Ok(due)
}

pub(super) fn closing(positions: &[i64], now: Timestamp) -> QueryBuilder<Sqlite> {
    let mut sql = QueryBuilder::new("UPDATE events SET settled_at = ");
    sql.push_bind(now.as_microsecond()).push(
        " WHERE NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.event = events.position
             AND d.state NOT IN ('done', 'discarded')) AND position",
    );
    push_among(&mut sql, positions.iter().copied());
    sql
}

pub(super) fn making_due(positions: &[i64]) -> QueryBuilder<Sqlite> {
    let mut sql = QueryBuilder::new("UPDATE events SET post_action = ");
    sql.push_bind(PostAction::Due as i64)
        .push(" WHERE post_action = ")
        .push_bind(PostAction::Waits as i64)
        .push(
            " AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.event = events.position
                 AND d.state <> 'done') AND position",
        );
    push_among(&mut sql, positions.iter().copied());
    sql.push(" RETURNING id, position");
    sql
}

/// Records that post-actions are done.
pub(super) async fn post_actions_done(
    db: &mut SqliteConnection,
    events: Vec<EventId>,
) -> Result<(), Undone> {
    for chunk in events.chunks(CHUNK) {
        marking_acted(chunk).build().execute(&mut *db).await?;
    }
    Ok(())
}

pub(super) fn marking_acted(events: &[EventId]) -> QueryBuilder<Sqlite> {
    let mut sql = QueryBuilder::new("UPDATE events SET post_action = ");
    sql.push_bind(PostAction::Done as i64)
        .push(" WHERE post_action = ")
        .push_bind(PostAction::Due as i64)
        .push(" AND id IN (");
    let mut ids = sql.separated(", ");
    for id in events {
        ids.push_bind(id.as_str());
    }
    sql.push(")");
    sql
}

/// Makes deliveries due that are neither done nor being attempted.
pub(super) async fn retry(
    db: &mut SqliteConnection,
    ids: Vec<i64>,
    now: Timestamp,
) -> Result<usize, Undone> {
    let mut retried = 0;
    for chunk in ids.chunks(CHUNK) {
        let mut events = Vec::new();
        for row in retrying(chunk, now).build().fetch_all(&mut *db).await? {
            events.push(row.try_get::<i64, _>("event")?);
        }
        retried += events.len();
        reopening(events).build().execute(&mut *db).await?;
    }
    Ok(retried)
}

pub(super) fn retrying(ids: &[i64], now: Timestamp) -> QueryBuilder<Sqlite> {
    let mut sql =
        QueryBuilder::new("UPDATE deliveries SET state = 'pending', settled_at = NULL, due_at = ");
    sql.push_bind(now.as_microsecond())
        .push(" WHERE state IN ('pending', 'dead', 'discarded') AND id");
    push_among(&mut sql, ids.iter().copied());
    sql.push(" RETURNING event");
    sql
}

pub(super) fn reopening(positions: impl IntoIterator<Item = i64>) -> QueryBuilder<Sqlite> {
    among(
        "UPDATE events SET settled_at = NULL WHERE position",
        positions,
    )
}

/// Discards deliveries that are not done. One that is being attempted loses its claim.
pub(super) async fn discard(
    db: &mut SqliteConnection,
    ids: Vec<i64>,
    now: Timestamp,
) -> Result<usize, Undone> {
    let mut discarded = 0;
    for chunk in ids.chunks(CHUNK) {
        let mut events = Vec::new();
        for row in discarding(chunk, now).build().fetch_all(&mut *db).await? {
            events.push(row.try_get::<i64, _>("event")?);
        }
        discarded += events.len();
        close_events(db, &events, now).await?;
    }
    Ok(discarded)
}

pub(super) fn discarding(ids: &[i64], now: Timestamp) -> QueryBuilder<Sqlite> {
    let mut sql = QueryBuilder::new(
        "UPDATE deliveries SET state = 'discarded', due_at = NULL, settled_at = ",
    );
    sql.push_bind(now.as_microsecond())
        .push(" WHERE state IN ('pending', 'claimed', 'dead') AND id");
    push_among(&mut sql, ids.iter().copied());
    sql.push(" RETURNING event");
    sql
}

/// `start` followed by `IN (…)` with these numbers.
fn among(start: &'static str, ids: impl IntoIterator<Item = i64>) -> QueryBuilder<Sqlite> {
    let mut sql = QueryBuilder::new(start);
    push_among(&mut sql, ids);
    sql
}

fn push_among(sql: &mut QueryBuilder<Sqlite>, ids: impl IntoIterator<Item = i64>) {
    sql.push(" IN (");
    let mut list = sql.separated(", ");
    for id in ids {
        list.push_bind(id);
    }
    sql.push(")");
}

/// Rows of one statement.
const CHUNK: usize = 256;
