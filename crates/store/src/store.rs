//! The store: one database, one key, one writer and a few readers.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use gatepost_host::{Chance, Clock, SealingKey, Tasks};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqlitePool, SqlitePoolOptions, SqliteRow,
    SqliteSynchronous,
};
use sqlx::{ConnectOptions as _, Connection as _};

use crate::batch::Batch;
use crate::fresh::Fresh;
use crate::key::Sealed;
use crate::outage::Outage;
use crate::rotation::put_into_place;
use crate::state_folder::ServeLock;
use crate::undone::Undone;
use crate::writer::{Haste, Work, Writer};
use crate::{KeySource, StateFolder, StoreError, key, schema};

/// Answers the storage traits of `oauth` and `mailroom` from one SQLite database.
/// Cheap to clone; clones share everything.
#[derive(Debug, Clone)]
pub struct Store(Arc<Shared>);

/// What the store is opened with.
#[derive(Debug)]
pub struct Opening<'a> {
    /// Where everything is kept.
    pub folder: StateFolder,
    /// Where the key is found.
    pub key: KeySource,
    /// For whom.
    pub access: Access,
    /// What tells the time.
    pub clock: &'a Clock,
    /// What a new key is made from.
    pub chance: &'a Chance,
}

/// Who opens the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// The one `gatepost serve` (or `watch`) of a state folder: a second one is refused.
    Serve,
    /// A command that does its work beside it and ends, such as `gatepost token`.
    Beside,
}

#[derive(Debug)]
struct Shared {
    folder: StateFolder,
    key: Arc<SealingKey>,
    readers: SqlitePool,
    writer: Writer,
    chance: Chance,
    tasks: Tasks,
    outage: Outage,
    fresh: Fresh,
    lock: Option<ServeLock>,
}

impl Store {
    /// Opens the store of a state folder, and makes both on first use. Nothing is changed in
    /// a database that cannot be used: one of a newer version, or one sealed with another key.
    pub async fn open(opening: Opening<'_>) -> Result<Self, StoreError> {
        let folder = opening.folder.clone();
        folder.prepare()?;
        let lock = match opening.access {
            Access::Serve => {
                let lock = folder.lock_soon(opening.clock).await?;
                Some(lock.map_err(|owner| StoreError::InUse {
                    folder: folder.path().to_owned(),
                    owner,
                })?)
            }
            Access::Beside => None,
        };
        folder.prepare_database()?;
        let options = options(&folder.database());
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .test_before_acquire(false)
            .connect_lazy_with(options.clone().pragma("query_only", "ON"));
        schema::settle(&opening, lock.as_ref(), &readers, &options).await?;
        let tasks = Tasks::new();
        let writer = Writer::start(options, &tasks).map_err(|source| StoreError::NoThread {
            path: folder.database(),
            source,
        })?;
        let key = fetch_key(&opening, &readers, &writer).await?;
        Ok(Self(Arc::new(Shared {
            folder,
            key: Arc::new(key),
            readers,
            writer,
            chance: opening.chance.clone(),
            tasks,
            outage: Outage::default(),
            fresh: Fresh::default(),
            lock,
        })))
    }

    /// The folder it works in.
    pub fn folder(&self) -> &StateFolder {
        &self.0.folder
    }

    /// The key that seals it; the spool beside it is sealed with the same.
    pub fn key(&self) -> Arc<SealingKey> {
        Arc::clone(&self.0.key)
    }

    /// What new keys and file names are made from.
    pub(crate) fn chance(&self) -> Chance {
        self.0.chance.clone()
    }

    /// Ends what is being written and closes the database.
    pub async fn close(&self) {
        self.0.tasks.end().await;
        self.0.readers.close().await;
    }

    /// Runs one transaction. It is durable when this returns `Ok`.
    pub(crate) async fn write<T, F>(&self, work: F) -> Result<T, Undone>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut SqliteConnection) -> Work<'c, T> + Send + 'static,
    {
        self.write_behind(Haste::AtOnce, Batch::default(), |db, _| work(db))
            .await
    }

    /// Runs one transaction, for which others wait or nobody does, whose first statements are known
    /// beforehand.
    pub(crate) async fn write_behind<T, F>(
        &self,
        haste: Haste,
        first: Batch,
        work: F,
    ) -> Result<T, Undone>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut SqliteConnection, Vec<SqliteRow>) -> Work<'c, T> + Send + 'static,
    {
        let written = if self.0.lock.is_some() {
            self.0.writer.run_behind(haste, first, work).await
        } else {
            // Beside nobody who holds the lock, the key may be changed between two transactions.
            let key = self.key();
            let guarded = self.0.writer.run(haste, move |db| {
                Box::pin(async move {
                    is_in_force(&key, db).await?;
                    let rows = first.run(&mut *db).await?;
                    work(db, rows).await
                })
            });
            guarded.await
        };
        if written.is_ok() {
            self.0.outage.over(&self.0.folder.database());
        }
        written
    }

    /// Copies the write-ahead log into the database and leaves nothing in it.
    pub(crate) async fn cut_log_back(&self) -> Result<(), StoreError> {
        let options = options(&self.0.folder.database());
        let cut_back = async {
            let mut db = options.connect().await?;
            let busy: i64 = sqlx::query_scalar("PRAGMA wal_checkpoint(TRUNCATE)")
                .fetch_one(&mut db)
                .await?;
            db.close().await?;
            Ok(busy != 0)
        };
        let busy = cut_back
            .await
            .map_err(|error: sqlx::Error| self.fault(error.into()))?;
        if busy {
            // Somebody reads, and the rest of the log is of use to him.
            let path = self.0.folder.database();
            return Err(StoreError::Locked { path });
        }
        Ok(())
    }

    /// What was stored last.
    pub(crate) fn fresh(&self) -> &Fresh {
        &self.0.fresh
    }

    /// The connections that only read.
    pub(crate) fn readers(&self) -> &SqlitePool {
        &self.0.readers
    }

    /// Those rows that are whole. A damaged one is logged and left out: it must not hide the rest.
    pub(crate) fn undamaged<T>(
        &self,
        rows: impl IntoIterator<Item = Result<T, Undone>>,
    ) -> Result<Vec<T>, Undone> {
        let mut whole = Vec::new();
        for row in rows {
            match row {
                Ok(row) => whole.push(row),
                Err(damaged @ Undone::DamagedRow { .. }) => {
                    tracing::error!("{}", self.fault(damaged));
                }
                Err(other) => return Err(other),
            }
        }
        Ok(whole)
    }

    /// Says what went wrong, with the database's place. What goes wrong for everybody is also
    /// logged, once: those who are told of it need not do that.
    pub(crate) fn fault(&self, undone: Undone) -> StoreError {
        let error = undone.at(&self.0.folder.database());
        self.0.outage.met(&error);
        error
    }
}

/// Fetches the key and makes sure that it is the one which sealed the database.
async fn fetch_key(
    opening: &Opening<'_>,
    readers: &SqlitePool,
    writer: &Writer,
) -> Result<SealingKey, StoreError> {
    let path = opening.folder.database();
    let stored = proof(readers).await.map_err(|undone| undone.at(&path))?;
    let sealed = if stored.is_some() {
        Sealed::Already
    } else {
        Sealed::NotYet
    };
    let key = key::fetch(opening, sealed).await?;
    let stored = match stored {
        Some(stored) => stored,
        None => prove(&key, readers, writer)
            .await
            .map_err(|undone| undone.at(&path))?,
    };
    if key.open(PROOF_PLACE, &stored).is_ok() {
        return Ok(key);
    }
    match key::waiting(opening) {
        // A rotation was cut off before the new key came to its place.
        Some((next, waiting, place)) if next.open(PROOF_PLACE, &stored).is_ok() => {
            // Only who holds the lock: another rotation may be preparing the next key.
            if opening.access == Access::Serve {
                put_into_place(&waiting, &place)?;
            }
            Ok(next)
        }
        _ => Err(StoreError::OtherKey {
            path,
            origin: opening.key.origin(&opening.folder),
        }),
    }
}

/// Whether this is still the key that seals the database.
async fn is_in_force(key: &SealingKey, db: &mut SqliteConnection) -> Result<(), Undone> {
    let sealed: Vec<u8> = sqlx::query_scalar("SELECT sealed FROM proofs WHERE name = 'key'")
        .fetch_one(db)
        .await?;
    if key.has_sealed(&sealed) {
        Ok(())
    } else {
        Err(Undone::KeyChanged)
    }
}

async fn proof(readers: &SqlitePool) -> Result<Option<Vec<u8>>, Undone> {
    Ok(
        sqlx::query_scalar("SELECT sealed FROM proofs WHERE name = 'key'")
            .fetch_optional(readers)
            .await?,
    )
}

/// Leaves something sealed that the right key opens; answers what stands there, which another
/// process may have written first.
async fn prove(key: &SealingKey, readers: &SqlitePool, writer: &Writer) -> Result<Vec<u8>, Undone> {
    let sealed = key.seal(PROOF_PLACE, b"");
    writer
        .run(Haste::AtOnce, move |db| {
            Box::pin(async move {
                sqlx::query("INSERT INTO proofs (name, sealed) VALUES ('key', $1) ON CONFLICT (name) DO NOTHING")
                    .bind(sealed)
                    .execute(db)
                    .await?;
                Ok(())
            })
        })
        .await?;
    proof(readers).await?.ok_or(Undone::Beaten)
}

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(false)
        .foreign_keys(true)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(BUSY)
        .pragma("journal_size_limit", LARGEST_JOURNAL)
        .pragma("wal_autocheckpoint", CHECKPOINT)
        .disable_statement_logging()
}

/// The place that the proof of the key is bound to.
pub(crate) const PROOF_PLACE: &str = "proofs/sealed/key";
/// How long a statement waits for another process.
const BUSY: Duration = Duration::from_secs(10);
/// What the write-ahead log is cut back to after a burst, in octets.
const LARGEST_JOURNAL: &str = "16777216";
/// How many pages of the write-ahead log are copied back together, about as many as are in it when
/// it is cut back. A page that was written often is copied once.
const CHECKPOINT: &str = "4000";
/// Reading connections at most; each is a thread.
const READERS: u32 = 4;
