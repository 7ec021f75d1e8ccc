//! Brings the database to the schema of this version, or refuses it.

use std::time::Duration;

use sqlx::sqlite::{
    SqliteAutoVacuum, SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool,
};
use sqlx::{ConnectOptions as _, Connection as _, Executor as _};

use crate::state_folder::ServeLock;
use crate::undone::Undone;
use crate::{Opening, StoreError};

/// How the schema of the database stands to that of this version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Age {
    Current,
    Older,
    Newer(i64),
}

/// Sees to it that the database has the schema of this version. With `lock` held, an older one
/// is brought up to date at once; without, only when no `gatepost serve` is running.
pub(crate) async fn settle(
    opening: &Opening<'_>,
    lock: Option<&ServeLock>,
    readers: &SqlitePool,
    options: &SqliteConnectOptions,
) -> Result<(), StoreError> {
    let path = opening.folder.database();
    let mut waited = Duration::ZERO;
    loop {
        match age(readers).await.map_err(|undone| undone.at(&path))? {
            Age::Current => return Ok(()),
            Age::Newer(found) => {
                return Err(StoreError::Newer {
                    path,
                    found,
                    known: known(),
                });
            }
            Age::Older => {}
        }
        if lock.is_some() {
            return migrate(options).await.map_err(|undone| undone.at(&path));
        }
        match opening.folder.try_lock()? {
            Ok(_held) => return migrate(options).await.map_err(|undone| undone.at(&path)),
            // Whoever has the lock may be about to do it.
            Err(_) if waited < LONGEST_WAIT => {
                opening.clock.sleep(STEP).await;
                waited += STEP;
            }
            Err(owner) => return Err(StoreError::Older { path, owner }),
        }
    }
}

async fn age(readers: &SqlitePool) -> Result<Age, Undone> {
    let migrated: bool = sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'migrations')",
    )
    .fetch_one(readers)
    .await?;
    if !migrated {
        return Ok(Age::Older);
    }
    let found: Option<i64> = sqlx::query_scalar("SELECT MAX(version) FROM migrations")
        .fetch_one(readers)
        .await?;
    Ok(match found.unwrap_or(0) {
        found if found > known() => Age::Newer(found),
        found if found < known() => Age::Older,
        _ => Age::Current,
    })
}

/// Applies what is missing, all of it or nothing. The migrator of sqlx would do, but its future
/// cannot be sent between threads (<https://github.com/rust-lang/rust/issues/100013>).
async fn migrate(options: &SqliteConnectOptions) -> Result<(), Undone> {
    let options = options
        .clone()
        .auto_vacuum(SqliteAutoVacuum::Incremental)
        .journal_mode(SqliteJournalMode::Wal);
    let mut db: SqliteConnection = options.connect().await?;
    db.execute("BEGIN IMMEDIATE").await?;
    db.execute("CREATE TABLE IF NOT EXISTS migrations (version BIGINT NOT NULL PRIMARY KEY)")
        .await?;
    let found: Option<i64> = sqlx::query_scalar("SELECT MAX(version) FROM migrations")
        .fetch_one(&mut db)
        .await?;
    for (version, statements) in MIGRATIONS {
        if *version > found.unwrap_or(0) {
            db.execute(*statements).await?;
            sqlx::query("INSERT INTO migrations (version) VALUES ($1)")
                .bind(version)
                .execute(&mut db)
                .await?;
        }
    }
    db.execute("COMMIT").await?;
    SqliteConnection::close(db).await?;
    Ok(())
}

/// The newest migration of this version.
fn known() -> i64 {
    MIGRATIONS
        .iter()
        .map(|(version, _)| *version)
        .max()
        .unwrap_or(0)
}

/// Every migration there ever was, in order. A released one is never changed.
pub(crate) const MIGRATIONS: &[(i64, &str)] = &[
    (
        1,
        include_str!("../migrations/sqlite/0001_first_schema.sql"),
    ),
    (2, include_str!("../migrations/sqlite/0002_notices.sql")),
    (
        3,
        include_str!("../migrations/sqlite/0003_present_sinks.sql"),
    ),
    (4, include_str!("../migrations/sqlite/0004_outbox.sql")),
    (5, include_str!("../migrations/sqlite/0005_overdue.sql")),
    (
        6,
        include_str!("../migrations/sqlite/0006_app_passwords.sql"),
    ),
    (7, include_str!("../migrations/sqlite/0007_legacies.sql")),
    (8, include_str!("../migrations/sqlite/0008_traffic.sql")),
];
const STEP: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use sqlx::{AssertSqlSafe, Row as _};

    use super::*;

    /// A database as it was when `version` was the newest.
    async fn of_version(version: i64) -> SqliteConnection {
        let mut db = SqliteConnection::connect("sqlite::memory:")
            .await
            .expect("a database in memory");
        for (_, statements) in MIGRATIONS.iter().filter(|(of, _)| *of <= version) {
            db.execute(*statements).await.expect("the schema");
        }
        db
    }

    #[tokio::test]
    async fn what_was_transmitted_is_counted_on_by_the_minute() {
        let mut db = of_version(7).await;
        let departures = [
            ("a", 59_999_999, 1),
            ("a", 60_000_000, 2),
            ("b", 60_000_001, 4),
            ("a", 119_000_000, 8),
        ];
        for (mailbox, at, recipients) in departures {
            let departure = format!(
                "INSERT INTO departures (mailbox, at, recipients) \
                 VALUES ('{mailbox}', {at}, {recipients})"
            );
            let written = db.execute(AssertSqlSafe(departure)).await;
            written.expect("the table is there");
        }
        let (_, eighth) = MIGRATIONS[7];
        db.execute(eighth).await.expect("it applies");
        let minutes = db
            .fetch_all("SELECT * FROM traffic ORDER BY mailbox, minute")
            .await;
        let minutes = minutes.expect("the table is there");
        let minutes: Vec<(&str, i64, i64, i64, i64)> = minutes
            .iter()
            .map(|row| (row.get(0), row.get(1), row.get(2), row.get(3), row.get(4)))
            .collect();
        let expected = [
            ("a", 0, 59_999_999, 1, 1),
            ("a", 1, 119_000_000, 2, 10),
            ("b", 1, 60_000_001, 1, 4),
        ];
        assert_eq!(minutes, expected);
    }
}
