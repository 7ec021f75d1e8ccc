//! No statement that the program runs by itself reads a whole table of events or deliveries,
//! however long they have grown.

use sqlx::{AssertSqlSafe, Connection as _, Executor as _, Row as _, SqliteConnection};

use super::{claim, forget, look};
use crate::schema::MIGRATIONS;

/// What statements with lists look like once these are built.
const BUILT: &[&str] = &[
    "SELECT id, claim, event FROM deliveries WHERE state = 'claimed' AND id IN (1, 2)",
    "UPDATE deliveries SET state = 'done', due_at = NULL, reason = NULL, settled_at = 1
     WHERE id IN (1, 2)",
    "UPDATE events SET settled_at = 1
     WHERE NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.event = events.position
         AND d.state NOT IN ('done', 'discarded')) AND position IN (1, 2)",
    "UPDATE events SET post_action = 2 WHERE post_action = 1
     AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.event = events.position
         AND d.state <> 'done') AND position IN (1, 2) RETURNING id, position",
    "UPDATE events SET post_action = 3 WHERE post_action = 2 AND id IN ('a', 'b')",
    "SELECT id FROM events WHERE id IN ('a', 'b')",
    BACKLOG,
    "SELECT COUNT(*) AS concerned FROM events
     WHERE post_action = 1 AND mailbox = 'a' AND folder = 'b'
     AND EXISTS (SELECT 1 FROM deliveries d
         WHERE d.event = events.position AND d.state <> 'done' AND d.sink NOT IN ('c', 'd'))",
    "UPDATE events SET post_action = 2 WHERE post_action = 1 AND mailbox = 'a' AND folder = 'b'
     AND EXISTS (SELECT 1 FROM deliveries d
         WHERE d.event = events.position AND d.state <> 'done' AND d.sink NOT IN ('c', 'd'))
     AND EXISTS (SELECT 1 FROM deliveries d
         WHERE d.event = events.position AND d.state = 'done')
     AND NOT EXISTS (SELECT 1 FROM deliveries d
         WHERE d.event = events.position AND d.state <> 'done' AND d.sink IN ('c', 'd'))",
    "SELECT e.position, e.id AS event_id, e.sequence, e.octets, e.spool_file, c.sealed, c.message
     FROM events e JOIN contents c ON c.event = e.position WHERE e.position IN (1, 2)",
    "SELECT DISTINCT spool_file FROM events WHERE spool_file IN ('a', 'b')",
    "SELECT fingerprint FROM fingerprints
     WHERE watch = (SELECT id FROM watches WHERE mailbox = 'a' AND folder = 'b')
     AND fingerprint IN (x'00', x'01')",
];

const BACKLOG: &str = "
    SELECT COALESCE(SUM(sinks), 0) AS open, COALESCE(SUM(octets), 0) AS octets FROM (
        SELECT COUNT(*) AS sinks, MAX(octets) AS octets FROM deliveries
        WHERE due_at IS NOT NULL AND mailbox = 'a' AND +sink IN ('c', 'd') GROUP BY event) held";

const WRITTEN: &[&str] = &[
    claim::ANY_DUE,
    claim::HEADS_DUE,
    claim::RECLAIM,
    claim::NEXT_DUE,
    forget::FORGET,
    forget::FORGET_FINGERPRINTS,
    look::ONE,
    look::OF_EVENT,
    look::GIVEN_UP,
    look::OPEN_OF_MAILBOX,
    look::POST_ACTIONS_DUE,
];

#[tokio::test]
async fn every_statement_finds_its_rows_by_an_index() {
    let mut db = database().await;
    for statement in WRITTEN.iter().chain(BUILT) {
        for step in plan(&mut db, statement).await {
            assert!(!is_full_scan(&step), "{step}, in: {statement}");
        }
    }
}

/// There are few watches; a partial index of dead letters is as short as their list.
fn is_full_scan(step: &str) -> bool {
    let harmless = [
        "SCAN w ",
        "SCAN held",
        "SCAN d USING INDEX deliveries_given_up",
    ];
    step.starts_with("SCAN ") && !harmless.iter().any(|start| step.starts_with(start))
}

#[tokio::test]
async fn claims_are_found_in_the_order_of_events_without_sorting_the_backlog() {
    let mut db = database().await;
    for statement in [
        claim::ANY_DUE,
        BACKLOG,
        look::POST_ACTIONS_DUE,
        look::NEWEST,
    ] {
        let steps = plan(&mut db, statement).await;
        let sorts = steps.iter().any(|step| step.contains("TEMP B-TREE"));
        assert!(!sorts, "{steps:?}");
    }
}

async fn database() -> SqliteConnection {
    let mut db = SqliteConnection::connect("sqlite::memory:")
        .await
        .expect("a database in memory");
    for (_, statements) in MIGRATIONS {
        db.execute(*statements).await.expect("the schema");
    }
    db
}

async fn plan(db: &mut SqliteConnection, statement: &str) -> Vec<String> {
    let explain = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}"));
    let plan = sqlx::query(explain).fetch_all(db).await;
    let plan = plan.expect("a statement that SQLite understands");
    plan.iter().map(|step| step.get("detail")).collect()
}
