//! No statement that the program runs by itself reads a whole table of events or deliveries,
//! however long they have grown.

use gatepost_mail::FolderName;
use gatepost_mailroom::{EventId, EventType, SinkName, WatchKey};
use jiff::Timestamp;
use sqlx::{
    AssertSqlSafe, Connection as _, Executor as _, QueryBuilder, Row as _, SqliteConnection,
};

use super::{claim, forget, forgo, look, settle};
use crate::schema::MIGRATIONS;
use crate::{cursors, outbox};

/// Statements that are written for the number of things they are about.
fn built() -> Vec<String> {
    let watch = WatchKey {
        mailbox: "a".to_owned(),
        folder: FolderName::new("b"),
    };
    let sinks = sinks();
    let names = ["e", "f"].map(str::to_owned).into();
    let ids = ["g", "h"].map(|what| EventId::of_watch(&watch, EventType::MailReceived, what));
    let now = Timestamp::UNIX_EPOCH;
    let built = [
        settle::claims_among(ROWS),
        settle::marking_done(&ROWS, now),
        settle::closing(&ROWS, now),
        settle::making_due(&ROWS),
        settle::marking_acted(&ids),
        settle::retrying(&ROWS, now),
        settle::reopening(ROWS),
        settle::discarding(&ROWS, now),
        claim::contents(&ROWS),
        claim::backlog_of("a", &sinks),
        forgo::concerned(&watch, &sinks),
        forgo::making_due(&watch, &sinks),
        forget::files_among(&names),
        cursors::fingerprints_among(&watch, &[[0; 32], [1; 32]]),
    ];
    let built = built.into_iter().map(QueryBuilder::into_string);
    built.collect()
}

const ROWS: [i64; 2] = [1, 2];

fn sinks() -> [SinkName; 2] {
    ["c", "d"].map(|name| SinkName(name.to_owned()))
}

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
    // What events::insert looks for.
    "SELECT id FROM events WHERE id IN ('a', 'b')",
];

#[tokio::test]
async fn every_statement_finds_its_rows_by_an_index() {
    let mut db = database().await;
    let built = built();
    let written = WRITTEN.iter().chain(outbox::STATEMENTS).copied();
    for statement in written.chain(built.iter().map(String::as_str)) {
        for step in plan(&mut db, statement).await {
            assert!(!is_full_scan(&step), "{step}, in: {statement}");
        }
    }
}

/// There are few watches; a partial index of dead letters is as short as their list,
/// that of what is being sent as short as what is; a bound list is as long as what is asked for.
fn is_full_scan(step: &str) -> bool {
    let harmless = [
        "SCAN w ",
        "SCAN held",
        "SCAN d USING INDEX deliveries_given_up",
        "SCAN submissions USING COVERING INDEX submissions_in_hand",
        "SCAN CONSTANT ROW",
        "SCAN json_each VIRTUAL TABLE",
    ];
    step.starts_with("SCAN ") && !harmless.iter().any(|start| step.starts_with(start))
}

#[tokio::test]
async fn claims_are_found_in_the_order_of_events_without_sorting_the_backlog() {
    let mut db = database().await;
    let backlog = claim::backlog_of("a", &sinks()).into_string();
    let of_deliveries = [
        claim::ANY_DUE,
        &backlog,
        look::POST_ACTIONS_DUE,
        look::NEWEST,
    ];
    for statement in of_deliveries.into_iter().chain(outbox::OF_EACH_ROUND) {
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
