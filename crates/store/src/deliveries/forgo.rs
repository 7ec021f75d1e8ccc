//! Post-actions that wait for sinks which their watch has no longer.

use gatepost_mailroom::{SinkName, WatchKey};
use sqlx::{QueryBuilder, Row as _, Sqlite, SqliteConnection, SqlitePool};

use super::claim::push_sinks;
use crate::events::PostAction;
use crate::undone::Undone;

/// How many post-actions of `watch` wait for others than `sinks`.
pub(super) async fn concerned(
    readers: &SqlitePool,
    watch: &WatchKey,
    sinks: &[SinkName],
) -> Result<usize, Undone> {
    let mut sql = QueryBuilder::new("SELECT COUNT(*) AS concerned FROM events WHERE ");
    push_concerned(&mut sql, watch, sinks);
    let count: i64 = sql.build().fetch_one(readers).await?.try_get("concerned")?;
    Ok(usize::try_from(count).unwrap_or_default())
}

/// Makes those of them due that wait for none of `sinks`, if any sink ever had the message; answers
/// how many.
pub(super) async fn forgo_others(
    db: &mut SqliteConnection,
    watch: &WatchKey,
    sinks: &[SinkName],
) -> Result<usize, Undone> {
    let mut sql = QueryBuilder::new("UPDATE events SET post_action = ");
    sql.push_bind(PostAction::Due as i64).push(" WHERE ");
    push_concerned(&mut sql, watch, sinks);
    sql.push(
        " AND EXISTS (SELECT 1 FROM deliveries d
             WHERE d.event = events.position AND d.state = 'done')
         AND NOT EXISTS (SELECT 1 FROM deliveries d
             WHERE d.event = events.position AND d.state <> 'done' AND d.sink",
    );
    push_sinks(&mut sql, sinks);
    sql.push(")");
    let due = sql.build().execute(db).await?.rows_affected();
    Ok(usize::try_from(due).unwrap_or(usize::MAX))
}

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
