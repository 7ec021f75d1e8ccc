//! What other gateways left behind, until somebody shows its password.

use async_trait::async_trait;
use gatepost_gateway::admission::{Legacies, Legacy, PasswordError};
use secrecy::{ExposeSecret as _, SecretString};
use sqlx::SqliteConnection;

use crate::Store;
use crate::sealed::place;
use crate::undone::{Columns, Undone};

#[async_trait]
impl Legacies for Store {
    async fn keep(&self, legacy: &Legacy) -> Result<(), PasswordError> {
        let place = place_of_parts(&legacy.mailbox, &legacy.form);
        let sealed = self
            .key()
            .seal(&place, legacy.sealed.expose_secret().as_bytes());
        let (mailbox, form) = (legacy.mailbox.clone(), legacy.form.clone());
        let kept = self.write(move |db| {
            Box::pin(async move {
                sqlx::query(
                    "INSERT INTO legacies (mailbox, form, sealed) VALUES ($1, $2, $3)
                     ON CONFLICT (mailbox) DO UPDATE SET
                         form = excluded.form, sealed = excluded.sealed",
                )
                .bind(mailbox)
                .bind(form)
                .bind(sealed)
                .execute(db)
                .await?;
                Ok(())
            })
        });
        kept.await.map_err(|undone| self.fault(undone).into())
    }

    async fn waiting(&self) -> Result<Vec<String>, PasswordError> {
        let names = sqlx::query_scalar("SELECT mailbox FROM legacies ORDER BY mailbox")
            .fetch_all(self.readers())
            .await
            .map_err(|error| self.fault(error.into()))?;
        Ok(names)
    }

    async fn legacy(&self, mailbox: &str) -> Result<Option<Legacy>, PasswordError> {
        let row = sqlx::query("SELECT mailbox, form, sealed FROM legacies WHERE mailbox = $1")
            .bind(mailbox)
            .fetch_optional(self.readers())
            .await
            .map_err(|error| self.fault(error.into()))?;
        let Some(row) = row else { return Ok(None) };
        let row = Columns::new(&row, "legacies", "mailbox");
        let read = self.read_legacy(&row);
        read.map(Some).map_err(|undone| self.fault(undone).into())
    }

    async fn forget(&self, mailbox: &str) -> Result<bool, PasswordError> {
        let mailbox = mailbox.to_owned();
        let forgotten = self.write(move |db| Box::pin(async move { forget(db, &mailbox).await }));
        forgotten.await.map_err(|undone| self.fault(undone).into())
    }
}

/// Forgets what waits for this mailbox; answers whether there was anything.
pub(crate) async fn forget(db: &mut SqliteConnection, mailbox: &str) -> Result<bool, Undone> {
    let removed = sqlx::query("DELETE FROM legacies WHERE mailbox = $1")
        .bind(mailbox)
        .execute(db)
        .await?;
    Ok(removed.rows_affected() > 0)
}

impl Store {
    fn read_legacy(&self, row: &Columns<'_>) -> Result<Legacy, Undone> {
        let sealed: &[u8] = row.get("sealed")?;
        let clear = self
            .key()
            .open(&place_of(row)?, sealed)
            .map_err(|error| row.damaged("sealed", error.to_string()))?;
        let text = std::str::from_utf8(&clear)
            .map_err(|error| row.damaged("sealed", error.to_string()))?;
        Ok(Legacy {
            mailbox: row.get("mailbox")?,
            form: row.get("form")?,
            sealed: SecretString::from(text),
        })
    }
}

/// The place that what is in a row is bound to.
pub(crate) fn place_of(row: &Columns<'_>) -> Result<String, Undone> {
    let (mailbox, form): (&str, &str) = (row.get("mailbox")?, row.get("form")?);
    Ok(place_of_parts(mailbox, form))
}

fn place_of_parts(mailbox: &str, form: &str) -> String {
    place("legacies", "sealed", &format!("{form}/{mailbox}"))
}
