//! How far each watch has come, together with the events found on the way.

use std::collections::BTreeSet;

use async_trait::async_trait;
use gatepost_mail::{Cursor, FolderName};
use gatepost_mailroom::{
    Advance, Cursors, Fingerprint, NewEvent, Standing, StorageError, WatchKey,
};
use jiff::Timestamp;
use sqlx::{QueryBuilder, Row as _, Sqlite, SqliteConnection};

use crate::Store;
use crate::events::{self, Numbers, enter_lane};
use crate::undone::{Columns, Undone};

#[async_trait]
impl Cursors for Store {
    async fn load(&self, watch: &WatchKey) -> Result<Option<Standing>, StorageError> {
        let row = sqlx::query(
            "SELECT * FROM watches
             WHERE mailbox = $1 AND folder = $2 AND cursor_state IS NOT NULL",
        )
        .bind(&watch.mailbox)
        .bind(watch.folder.as_str())
        .fetch_optional(self.readers())
        .await
        .map_err(|error| self.fault(error.into()))?;
        let standing = row
            .map(|row| standing(&Columns::new(&row, "watches", "id")))
            .transpose();
        Ok(standing.map_err(|undone| self.fault(undone))?)
    }

    async fn advance(&self, advance: Advance) -> Result<usize, StorageError> {
        let Advance {
            watch,
            from,
            to,
            high_water,
            events,
            at,
        } = advance;
        let events = events::prepare(self.key(), events)
            .await
            .map_err(|undone| self.fault(undone))?;
        let name = watch.clone();
        let advanced = self.write(move |db| {
            Box::pin(async move {
                let lane = (watch.mailbox, watch.folder.as_str().to_owned());
                let (id, _) = enter_lane(db, &lane, 0).await?;
                move_cursor(db, id, from, to).await?;
                prove(db, id, high_water, at).await?;
                events::insert(db, events, Numbers::Counted, at).await
            })
        });
        let stored = advanced.await.map_err(|undone| match undone {
            Undone::Beaten => StorageError::Overtaken { watch: name },
            other => self.fault(other).into(),
        })?;
        let new = stored.len();
        self.fresh().put(stored);
        Ok(new)
    }

    async fn proven(&self, watch: &WatchKey, at: Timestamp) -> Result<(), StorageError> {
        let lane = (watch.mailbox.clone(), watch.folder.as_str().to_owned());
        let proven = self.write(move |db| {
            Box::pin(async move {
                let (id, _) = enter_lane(db, &lane, 0).await?;
                prove(db, id, None, at).await
            })
        });
        proven.await.map_err(|undone| self.fault(undone).into())
    }

    async fn known(
        &self,
        watch: &WatchKey,
        fingerprints: &[Fingerprint],
    ) -> Result<Vec<bool>, StorageError> {
        let known = self.known_fingerprints(watch, fingerprints).await;
        let known = known.map_err(|undone| self.fault(undone))?;
        Ok(fingerprints
            .iter()
            .map(|fingerprint| known.contains(fingerprint.as_slice()))
            .collect())
    }

    async fn remember(
        &self,
        watch: &WatchKey,
        fingerprints: &[Fingerprint],
        at: Timestamp,
    ) -> Result<(), StorageError> {
        let lane = (watch.mailbox.clone(), watch.folder.as_str().to_owned());
        let fingerprints = fingerprints.to_vec();
        let remembered = self.write(move |db| {
            Box::pin(async move {
                let (id, _) = enter_lane(db, &lane, 0).await?;
                events::remember(db, id, &fingerprints, at).await
            })
        });
        remembered.await.map_err(|undone| self.fault(undone).into())
    }

    async fn standings(&self) -> Result<Vec<(WatchKey, Standing)>, StorageError> {
        let rows = sqlx::query(
            "SELECT * FROM watches WHERE cursor_state IS NOT NULL ORDER BY mailbox, folder",
        )
        .fetch_all(self.readers())
        .await
        .map_err(|error| self.fault(error.into()))?;
        let standings = rows.iter().map(|row| {
            let row = Columns::new(row, "watches", "id");
            let key = WatchKey {
                mailbox: row.get("mailbox")?,
                folder: FolderName::new(row.get::<String>("folder")?),
            };
            Ok((key, standing(&row)?))
        });
        let standings = self.undamaged(standings);
        Ok(standings.map_err(|undone| self.fault(undone))?)
    }

    async fn record(&self, events: Vec<NewEvent>, at: Timestamp) -> Result<usize, StorageError> {
        let events = events::prepare(self.key(), events)
            .await
            .map_err(|undone| self.fault(undone))?;
        let recorded = self.write(move |db| {
            Box::pin(async move { events::insert(db, events, Numbers::None, at).await })
        });
        let recorded = recorded.await.map_err(|undone| self.fault(undone))?;
        Ok(recorded.len())
    }
}

impl Store {
    async fn known_fingerprints(
        &self,
        watch: &WatchKey,
        fingerprints: &[Fingerprint],
    ) -> Result<BTreeSet<Vec<u8>>, Undone> {
        let mut known = BTreeSet::new();
        for chunk in fingerprints.chunks(CHUNK) {
            let mut sql = fingerprints_among(watch, chunk);
            for row in sql.build().fetch_all(self.readers()).await? {
                known.insert(row.try_get("fingerprint")?);
            }
        }
        Ok(known)
    }
}

/// Which of these fingerprints are stored.
pub(crate) fn fingerprints_among(
    watch: &WatchKey,
    fingerprints: &[Fingerprint],
) -> QueryBuilder<Sqlite> {
    let mut sql = QueryBuilder::new(
        "SELECT fingerprint FROM fingerprints
         WHERE watch = (SELECT id FROM watches WHERE mailbox = ",
    );
    sql.push_bind(&watch.mailbox)
        .push(" AND folder = ")
        .push_bind(watch.folder.as_str())
        .push(") AND fingerprint IN (");
    let mut wanted = sql.separated(", ");
    for fingerprint in fingerprints {
        wanted.push_bind(fingerprint.as_slice());
    }
    sql.push(")");
    sql
}

/// Replaces the cursor, if there is another, provided that it is the one that was seen.
async fn move_cursor(
    db: &mut SqliteConnection,
    watch: i64,
    from: Option<Cursor>,
    to: Option<Cursor>,
) -> Result<(), Undone> {
    let row = sqlx::query("SELECT * FROM watches WHERE id = $1")
        .bind(watch)
        .fetch_one(&mut *db)
        .await?;
    if cursor(&Columns::new(&row, "watches", "id"))? != from {
        return Err(Undone::Beaten);
    }
    let Some(to) = to else {
        return Ok(());
    };
    sqlx::query(
        "UPDATE watches SET cursor_transport = $2, cursor_version = $3, cursor_state = $4
         WHERE id = $1",
    )
    .bind(watch)
    .bind(to.transport)
    .bind(i64::from(to.version))
    .bind(to.state)
    .execute(db)
    .await?;
    Ok(())
}

/// Records that the server was alive. The high-water mark never goes back.
async fn prove(
    db: &mut SqliteConnection,
    watch: i64,
    high_water: Option<Timestamp>,
    at: Timestamp,
) -> Result<(), Undone> {
    sqlx::query(
        "UPDATE watches SET
             high_water = CASE WHEN high_water >= $2 THEN high_water
                               ELSE COALESCE($2, high_water) END,
             proven_at = $3
         WHERE id = $1",
    )
    .bind(watch)
    .bind(high_water.map(Timestamp::as_microsecond))
    .bind(at.as_microsecond())
    .execute(db)
    .await?;
    Ok(())
}

fn standing(row: &Columns<'_>) -> Result<Standing, Undone> {
    Ok(Standing {
        cursor: cursor(row)?.ok_or_else(|| row.damaged("cursor_state", "it is missing"))?,
        high_water: row.time("high_water")?,
        proven_at: row.time("proven_at")?,
        sequence: row.count("sequence")?,
    })
}

fn cursor(row: &Columns<'_>) -> Result<Option<Cursor>, Undone> {
    let parts = (
        row.get::<Option<String>>("cursor_transport")?,
        row.get::<Option<i64>>("cursor_version")?,
        row.get::<Option<String>>("cursor_state")?,
    );
    match parts {
        (None, None, None) => Ok(None),
        (Some(transport), Some(version), Some(state)) => Ok(Some(Cursor {
            transport,
            version: u32::try_from(version)
                .map_err(|error| row.damaged("cursor_version", error.to_string()))?,
            state,
        })),
        _ => Err(row.damaged("cursor_state", "a part of the cursor is missing")),
    }
}

/// Fingerprints asked for in one statement.
const CHUNK: usize = 256;
