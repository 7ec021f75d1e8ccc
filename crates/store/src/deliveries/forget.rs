//! Forgets what was settled long ago.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use sqlx::{QueryBuilder, Row as _, Sqlite, SqliteConnection, SqliteExecutor, SqlitePool};

use crate::undone::Undone;

/// Forgets events settled before `before`, the oldest first, with their deliveries; answers the
/// spool files that nothing refers to any more. Events with a dead letter or with a post-action
/// that is due stay.
pub(super) async fn forget(
    db: &mut SqliteConnection,
    before: Timestamp,
    limit: usize,
) -> Result<Vec<String>, Undone> {
    forget_fingerprints(db, before, limit).await?;
    let forgotten = sqlx::query(FORGET)
        .bind(before.as_microsecond())
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(&mut *db)
        .await?;
    let mut names = BTreeSet::new();
    for row in forgotten {
        names.extend(row.try_get::<Option<String>, _>("spool_file")?);
    }
    // What became free is given back to the disk, a little at a time.
    sqlx::query(GIVE_BACK).execute(&mut *db).await?;
    without_reference(db, names).await
}

/// Those of `names` that nothing refers to.
pub(super) async fn unreferenced(
    readers: &SqlitePool,
    names: &[String],
) -> Result<Vec<String>, Undone> {
    let mut free = Vec::new();
    for chunk in names.chunks(CHUNK) {
        let names = chunk.iter().cloned().collect();
        free.append(&mut without_reference(readers, names).await?);
    }
    Ok(free)
}

async fn without_reference(
    db: impl SqliteExecutor<'_>,
    mut names: BTreeSet<String>,
) -> Result<Vec<String>, Undone> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    for row in files_among(&names).build().fetch_all(db).await? {
        names.remove(&row.try_get::<String, _>("spool_file")?);
    }
    Ok(names.into_iter().collect())
}

pub(super) fn files_among(names: &BTreeSet<String>) -> QueryBuilder<Sqlite> {
    let mut sql = QueryBuilder::new("SELECT spool_file FROM events WHERE spool_file IN (");
    push_names(&mut sql, names);
    sql.push(") UNION SELECT spool_file FROM submissions WHERE spool_file IN (");
    push_names(&mut sql, names);
    sql.push(")");
    sql
}

fn push_names(sql: &mut QueryBuilder<Sqlite>, names: &BTreeSet<String>) {
    let mut list = sql.separated(", ");
    for name in names {
        list.push_bind(name.clone());
    }
}

/// Fingerprints stay longer than events: they tell, after the server forgot us, what is known.
async fn forget_fingerprints(
    db: &mut SqliteConnection,
    before: Timestamp,
    limit: usize,
) -> Result<(), Undone> {
    let before = before
        .checked_sub(FINGERPRINTS_KEPT)
        .unwrap_or(Timestamp::MIN);
    sqlx::query(FORGET_FINGERPRINTS)
        .bind(before.as_microsecond())
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .execute(db)
        .await?;
    Ok(())
}

pub(super) const FORGET: &str = "
    DELETE FROM events WHERE position IN (
        SELECT position FROM events WHERE settled_at < $1 AND post_action <> 2
        ORDER BY settled_at LIMIT $2)
    RETURNING spool_file";

pub(super) const FORGET_FINGERPRINTS: &str = "
    DELETE FROM fingerprints WHERE (watch, fingerprint) IN (
        SELECT watch, fingerprint FROM fingerprints WHERE seen_at < $1
        ORDER BY seen_at LIMIT $2)";

/// 4 MiB of pages. PostgreSQL does this by itself.
pub(crate) const GIVE_BACK: &str = "PRAGMA incremental_vacuum(1024)";
/// How much longer fingerprints are kept than events.
const FINGERPRINTS_KEPT: Duration = Duration::from_hours(90 * 24);
/// Names asked for in one statement.
const CHUNK: usize = 256;
