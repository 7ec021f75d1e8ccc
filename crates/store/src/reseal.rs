//! Everything that is sealed in the database, with another key, in one transaction.

use gatepost_host::{SealError, SealingKey};
use sqlx::{Executor as _, SqliteConnection};

use crate::StoreError;
use crate::grants::place_of;
use crate::legacies;
use crate::sealed::place;
use crate::store::{PROOF_PLACE, Store};
use crate::undone::{Columns, Undone};

/// How many boxes were sealed anew.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Boxes {
    pub(crate) sealed: usize,
    /// Those that do not open, and stay as they are.
    pub(crate) damaged: usize,
}

impl Store {
    /// Seals every box anew with `key`, or none. The old key opens nothing afterwards.
    pub(crate) async fn reseal(
        &self,
        key: &std::sync::Arc<SealingKey>,
    ) -> Result<Boxes, StoreError> {
        let (old, new) = (self.key(), std::sync::Arc::clone(key));
        let resealed = self.write(move |db| {
            Box::pin(async move {
                // What the old key sealed must not stay readable in pages that are free now.
                db.execute("PRAGMA secure_delete = ON").await?;
                let mut change = Change {
                    db,
                    keys: (&old, &new),
                    boxes: Boxes::default(),
                };
                change.grants().await?;
                change.legacies().await?;
                change.contents().await?;
                change.reasons().await?;
                change.submissions().await?;
                change.app_passwords().await?;
                let proof = new.seal(PROOF_PLACE, b"");
                sqlx::query("UPDATE proofs SET sealed = $1 WHERE name = 'key'")
                    .bind(proof)
                    .execute(&mut *change.db)
                    .await?;
                Ok(change.boxes)
            })
        });
        let boxes = resealed.await.map_err(|undone| self.fault(undone))?;
        // The log of what was written before holds it too, until it is cut back.
        if let Err(error) = self.cut_log_back().await {
            tracing::warn!("the write-ahead log was not cut back: {error}");
        }
        Ok(boxes)
    }
}

struct Change<'c> {
    db: &'c mut SqliteConnection,
    keys: (&'c SealingKey, &'c SealingKey),
    boxes: Boxes,
}

impl Change<'_> {
    fn anew(&mut self, place: &str, sealed: &[u8]) -> Option<Vec<u8>> {
        let (old, new) = self.keys;
        match old.open(place, sealed) {
            Ok(clear) => {
                self.boxes.sealed += 1;
                Some(new.seal(place, &clear))
            }
            Err(SealError::Damaged | SealError::OtherKey) => {
                tracing::warn!(place, "it is damaged and stays as it is");
                self.boxes.damaged += 1;
                None
            }
        }
    }

    async fn grants(&mut self) -> Result<(), Undone> {
        let rows = sqlx::query("SELECT * FROM grants WHERE sealed IS NOT NULL ORDER BY credential")
            .fetch_all(&mut *self.db)
            .await?;
        for row in &rows {
            let row = Columns::new(row, "grants", "credential");
            let credential: &str = row.get("credential")?;
            let Some(sealed) = self.anew(&place_of(&row)?, row.get("sealed")?) else {
                continue;
            };
            sqlx::query("UPDATE grants SET sealed = $2 WHERE credential = $1")
                .bind(credential)
                .bind(sealed)
                .execute(&mut *self.db)
                .await?;
        }
        Ok(())
    }

    async fn app_passwords(&mut self) -> Result<(), Undone> {
        let rows = sqlx::query("SELECT id, mailbox, sealed FROM app_passwords ORDER BY id")
            .fetch_all(&mut *self.db)
            .await?;
        for row in &rows {
            let row = Columns::new(row, "app_passwords", "id");
            let (id, mailbox): (&str, &str) = (row.get("id")?, row.get("mailbox")?);
            let place = crate::app_passwords::place_of(id, mailbox);
            let Some(sealed) = self.anew(&place, row.get("sealed")?) else {
                continue;
            };
            sqlx::query("UPDATE app_passwords SET sealed = $2 WHERE id = $1")
                .bind(id)
                .bind(sealed)
                .execute(&mut *self.db)
                .await?;
        }
        Ok(())
    }

    async fn legacies(&mut self) -> Result<(), Undone> {
        let rows = sqlx::query("SELECT mailbox, form, sealed FROM legacies ORDER BY mailbox")
            .fetch_all(&mut *self.db)
            .await?;
        for row in &rows {
            let row = Columns::new(row, "legacies", "mailbox");
            let mailbox: &str = row.get("mailbox")?;
            let place = legacies::place_of(&row)?;
            let Some(sealed) = self.anew(&place, row.get("sealed")?) else {
                continue;
            };
            sqlx::query("UPDATE legacies SET sealed = $2 WHERE mailbox = $1")
                .bind(mailbox)
                .bind(sealed)
                .execute(&mut *self.db)
                .await?;
        }
        Ok(())
    }

    async fn contents(&mut self) -> Result<(), Undone> {
        let mut last = i64::MIN;
        loop {
            let rows = sqlx::query(
                "SELECT event, id, sealed, message FROM contents
                 JOIN events ON events.position = contents.event
                 WHERE event > $1 ORDER BY event LIMIT $2",
            )
            .bind(last)
            .bind(MESSAGES_AT_ONCE)
            .fetch_all(&mut *self.db)
            .await?;
            if rows.is_empty() {
                return Ok(());
            }
            for row in &rows {
                let row = Columns::new(row, "contents", "event");
                last = row.get("event")?;
                let id: &str = row.get("id")?;
                let sealed = self.anew(&place("contents", "sealed", &id), row.get("sealed")?);
                let message: Option<&[u8]> = row.get("message")?;
                let message = message
                    .and_then(|message| self.anew(&place("contents", "message", &id), message));
                sqlx::query(
                    "UPDATE contents SET sealed = COALESCE($2, sealed),
                         message = COALESCE($3, message)
                     WHERE event = $1",
                )
                .bind(last)
                .bind(sealed)
                .bind(message)
                .execute(&mut *self.db)
                .await?;
            }
        }
    }

    async fn reasons(&mut self) -> Result<(), Undone> {
        let mut last = i64::MIN;
        loop {
            let rows = sqlx::query(
                "SELECT id, reason FROM deliveries
                 WHERE id > $1 AND reason IS NOT NULL ORDER BY id LIMIT $2",
            )
            .bind(last)
            .bind(REASONS_AT_ONCE)
            .fetch_all(&mut *self.db)
            .await?;
            if rows.is_empty() {
                return Ok(());
            }
            for row in &rows {
                let row = Columns::new(row, "deliveries", "id");
                last = row.get("id")?;
                let place = place("deliveries", "reason", &last);
                if let Some(reason) = self.anew(&place, row.get("reason")?) {
                    sqlx::query("UPDATE deliveries SET reason = $2 WHERE id = $1")
                        .bind(last)
                        .bind(reason)
                        .execute(&mut *self.db)
                        .await?;
                }
            }
        }
    }

    async fn submissions(&mut self) -> Result<(), Undone> {
        let mut last = i64::MIN;
        loop {
            let rows = sqlx::query(
                "SELECT position, id, letter, standing, message FROM submissions
                 LEFT JOIN submission_messages ON submission = position
                 WHERE position > $1 ORDER BY position LIMIT $2",
            )
            .bind(last)
            .bind(MESSAGES_AT_ONCE)
            .fetch_all(&mut *self.db)
            .await?;
            if rows.is_empty() {
                return Ok(());
            }
            for row in &rows {
                let row = Columns::new(row, "submissions", "position");
                last = row.get("position")?;
                let id: &str = row.get("id")?;
                let letter = self.anew(&place("submissions", "letter", &id), row.get("letter")?);
                let standing = place("submissions", "standing", &id);
                let standing = self.anew(&standing, row.get("standing")?);
                sqlx::query(
                    "UPDATE submissions SET letter = COALESCE($2, letter),
                         standing = COALESCE($3, standing)
                     WHERE position = $1",
                )
                .bind(last)
                .bind(letter)
                .bind(standing)
                .execute(&mut *self.db)
                .await?;
                let message: Option<&[u8]> = row.get("message")?;
                let at = place("submission_messages", "message", &id);
                let Some(message) = message.and_then(|message| self.anew(&at, message)) else {
                    continue;
                };
                sqlx::query("UPDATE submission_messages SET message = $2 WHERE submission = $1")
                    .bind(last)
                    .bind(message)
                    .execute(&mut *self.db)
                    .await?;
            }
        }
    }
}

/// Rows with messages of up to 128 KiB.
const MESSAGES_AT_ONCE: i64 = 64;
/// Rows with a sentence or two.
const REASONS_AT_ONCE: i64 = 512;
