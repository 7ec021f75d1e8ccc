//! Post-actions that wait for sinks which their watch has no longer.

use gatepost_mailroom::{Forgone, SinkName, WatchKey};
use sqlx::{QueryBuilder, Sqlite, SqliteConnection, SqliteExecutor};

use super::claim::push_sinks;
use crate::events::PostAction;
use crate::undone::{Columns, Undone};

/// Post-actions of `watch` that wait for others than `sinks`: how many may become due, and how many
/// go on waiting.
pub(super) async fn look(
    db: impl SqliteExecutor<'_>,
    watch: &WatchKey,
    sinks: &[SinkName],
) -> Result<Forgone, Undone> {
    let row = concerned(watch, sinks).build().fetch_one(db).await?;
    let row = Columns::new(&row, "events", "concerned");
    let (concerned, due) = (row.count("concerned")?, row.count("ripe")?);
    let waiting = concerned.saturating_sub(due);
    Ok(Forgone {
        due: usize::try_from(due).unwrap_or(usize::MAX),
        waiting: usize::try_from(waiting).unwrap_or(usize::MAX),
    })
}

/// Makes those due that may become it; answers what [`look`] said just before.
pub(super) async fn forgo_others(
    db: &mut SqliteConnection,
    watch: &WatchKey,
    sinks: &[SinkName],
) -> Result<Forgone, Undone> {
    let forgone = look(&mut *db, watch, sinks).await?;
    making_due(watch, sinks).build().execute(db).await?;
    Ok(forgone)
}

pub(super) fn concerned(watch: &WatchKey, sinks: &[SinkName]) -> QueryBuilder<Sqlite> {
    let mut sql = QueryBuilder::new("SELECT COUNT(*) AS concerned, COALESCE(SUM(");
    push_ripe(&mut sql, sinks);
    sql.push("), 0) AS ripe FROM events WHERE ");
    push_concerned(&mut sql, watch, sinks);
    sql
}

pub(super) fn making_due(watch: &WatchKey, sinks: &[SinkName]) -> QueryBuilder<Sqlite> {
    let mut sql = QueryBuilder::new("UPDATE events SET post_action = ");
    sql.push_bind(PostAction::Due as i64).push(" WHERE ");
    push_concerned(&mut sql, watch, sinks);
    sql.push(" AND ");
    push_ripe(&mut sql, sinks);
    sql
}

/// Whether an event waits for others than `sinks`.
fn push_concerned(sql: &mut QueryBuilder<Sqlite>, watch: &WatchKey, sinks: &[SinkName]) {
    // The number stands in the text: an index of those that wait is used for no other.
    sql.push("post_action = 1 AND mailbox = ")
        .push_bind(watch.mailbox.as_str())
        .push(" AND folder = ")
        .push_bind(watch.folder.as_str())
        .push(
            " AND EXISTS (SELECT 1 FROM deliveries d
                 WHERE d.event = events.position AND d.state <> 'done' AND d.sink NOT",
        );
    push_sinks(sql, sinks);
    sql.push(")");
}

/// Whether an event waits for none of `sinks`, and any sink ever had the message.
fn push_ripe(sql: &mut QueryBuilder<Sqlite>, sinks: &[SinkName]) {
    sql.push(
        "(EXISTS (SELECT 1 FROM deliveries d
             WHERE d.event = events.position AND d.state = 'done')
         AND NOT EXISTS (SELECT 1 FROM deliveries d
             WHERE d.event = events.position AND d.state <> 'done' AND d.sink",
    );
    push_sinks(sql, sinks);
    sql.push("))");
}
