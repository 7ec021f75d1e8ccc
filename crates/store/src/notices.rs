//! What was told of credentials.

use std::collections::BTreeMap;

use async_trait::async_trait;
use gatepost_mailroom::{EventId, EventType, NewEvent, Notices, StorageError};
use jiff::{SignedDuration, Timestamp};

use crate::Store;
use crate::events::{self, Numbers};
use crate::undone::{Columns, Undone};

#[async_trait]
impl Notices for Store {
    async fn tell(
        &self,
        credential: &str,
        event: NewEvent,
        at: Timestamp,
    ) -> Result<bool, StorageError> {
        let (id, kind) = (event.event.id.clone(), event.event.kind.as_str());
        let credential = credential.to_owned();
        let events = events::prepare(self.key(), vec![event])
            .await
            .map_err(|undone| self.fault(undone))?;
        let told = self.write(move |db| {
            Box::pin(async move {
                let oldest = at.checked_sub(KEPT).unwrap_or(Timestamp::MIN);
                sqlx::query(FORGET)
                    .bind(oldest.as_microsecond())
                    .execute(&mut *db)
                    .await?;
                let inserted = sqlx::query(
                    "INSERT INTO notices (event, credential, kind, told_at)
                     VALUES ($1, $2, $3, $4) ON CONFLICT (event) DO NOTHING",
                )
                .bind(id.as_str())
                .bind(credential)
                .bind(kind)
                .bind(at.as_microsecond())
                .execute(&mut *db)
                .await?;
                if inserted.rows_affected() == 0 {
                    return Ok(false);
                }
                events::insert(db, events, Numbers::None, at).await?;
                Ok(true)
            })
        });
        told.await.map_err(|undone| self.fault(undone).into())
    }

    async fn failures(&self) -> Result<BTreeMap<String, EventId>, StorageError> {
        let rows = sqlx::query(
            "SELECT position, credential, event FROM notices AS failed
             WHERE kind = $1 AND NOT EXISTS (
                 SELECT 1 FROM notices AS later
                 WHERE later.credential = failed.credential AND later.kind = $2
                   AND later.position > failed.position)
             ORDER BY position",
        )
        .bind(EventType::CredentialFailed.as_str())
        .bind(EventType::CredentialRecovered.as_str())
        .fetch_all(self.readers())
        .await
        .map_err(|error| self.fault(error.into()))?;
        let failures = rows.iter().map(|row| {
            let row = Columns::new(row, "notices", "position");
            let event: &str = row.get("event")?;
            let event = EventId::parse(event).ok_or_else(|| damaged(&row))?;
            Ok((row.get("credential")?, event))
        });
        let failures = self.undamaged(failures);
        let failures = failures.map_err(|undone| self.fault(undone))?;
        Ok(failures.into_iter().collect())
    }
}

fn damaged(row: &Columns<'_>) -> Undone {
    row.damaged("event", "it is no event id")
}

/// The newest of each kind is kept however old it seems: the clock may be far ahead, and what was
/// told would be told again.
const FORGET: &str = "
    DELETE FROM notices WHERE told_at < $1 AND EXISTS (
        SELECT 1 FROM notices AS newer
        WHERE newer.credential = notices.credential AND newer.kind = notices.kind
          AND newer.position > notices.position)";
/// Longer than anything of a credential is warned of.
const KEPT: SignedDuration = SignedDuration::from_hours(24 * 400);
