//! Brings the database to the schema of this version, or refuses it.

use std::time::Duration;

use gatepost_host::Clock;
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool};
use sqlx::{ConnectOptions as _, Connection as _};

use crate::state_folder::ServeLock;
use crate::undone::Undone;
use crate::{StateFolder, StoreError};

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
    folder: &StateFolder,
    readers: &SqlitePool,
    lock: Option<&ServeLock>,
    hands: (&SqliteConnectOptions, &Clock),
) -> Result<(), StoreError> {
    let path = folder.database();
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
            return migrate(hands.0).await.map_err(|undone| undone.at(&path));
        }
        match folder.try_lock()? {
            Ok(_held) => return migrate(hands.0).await.map_err(|undone| undone.at(&path)),
            // Whoever has the lock may be about to do it.
            Err(_) if waited < LONGEST_WAIT => {
                hands.1.sleep(STEP).await;
                waited += STEP;
            }
            Err(owner) => return Err(StoreError::Older { path, owner }),
        }
    }
}

async fn age(readers: &SqlitePool) -> Result<Age, Undone> {
    let migrated: bool = sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = '_sqlx_migrations')",
    )
    .fetch_one(readers)
    .await?;
    if !migrated {
        return Ok(Age::Older);
    }
    let found: Option<i64> =
        sqlx::query_scalar("SELECT MAX(version) FROM _sqlx_migrations WHERE success")
            .fetch_one(readers)
            .await?;
    Ok(match found.unwrap_or(0) {
        found if found > known() => Age::Newer(found),
        found if found < known() => Age::Older,
        _ => Age::Current,
    })
}

/// Applies what is missing, each migration in a transaction of its own.
async fn migrate(options: &SqliteConnectOptions) -> Result<(), Undone> {
    let options = options.clone().journal_mode(SqliteJournalMode::Wal);
    let mut db: SqliteConnection = options.connect().await?;
    let migrated = MIGRATIONS.run(&mut db).await;
    SqliteConnection::close(db).await?;
    migrated.map_err(|error| match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => error.into(),
        other => sqlx::Error::from(other).into(),
    })
}

/// The newest migration of this version.
fn known() -> i64 {
    MIGRATIONS.iter().map(|one| one.version).max().unwrap_or(0)
}

static MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");
const STEP: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_secs(10);
