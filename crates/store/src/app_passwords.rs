//! App passwords: what one is recognised by, and what it is good for, is sealed.

use async_trait::async_trait;
use gatepost_gateway::admission::{
    AppPassword, AppPasswords, Edition, LastUse, PasswordError, PasswordId, Use, Verifier,
};
use gatepost_gateway::{Protocol, Protocols};
use gatepost_host::{Network, SealingKey};
use jiff::Timestamp;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use sqlx::SqliteConnection;
use zeroize::Zeroizing;

use crate::Store;
use crate::legacies::forget;
use crate::sealed::place;
use crate::undone::{Columns, Undone};

#[async_trait]
impl AppPasswords for Store {
    async fn edition(&self) -> Result<Edition, PasswordError> {
        let number: i64 = sqlx::query_scalar(EDITION)
            .fetch_one(self.readers())
            .await
            .map_err(|error| self.fault(error.into()))?;
        Ok(Edition(number.unsigned_abs()))
    }

    async fn all(&self) -> Result<(Edition, Vec<AppPassword>), PasswordError> {
        // The edition first: what is changed in between is read again at the next look.
        let edition = self.edition().await?;
        let rows = sqlx::query(
            "SELECT id, mailbox, name, sealed, created_at, used_at, used_from, used_for
             FROM app_passwords ORDER BY mailbox, name",
        )
        .fetch_all(self.readers())
        .await
        .map_err(|error| self.fault(error.into()))?;
        let key = self.key();
        let all = rows.iter().map(|row| {
            let row = Columns::new(row, "app_passwords", "id");
            read(&key, &row)
        });
        let all = self.undamaged(all).map_err(|undone| self.fault(undone))?;
        Ok((edition, all))
    }

    async fn add(&self, password: &AppPassword) -> Result<(), PasswordError> {
        self.insert(password, Legacy::Stays).await
    }

    async fn take_over(&self, password: &AppPassword) -> Result<(), PasswordError> {
        self.insert(password, Legacy::IsForgotten).await
    }

    async fn revoke(&self, id: &PasswordId) -> Result<bool, PasswordError> {
        let id = id.clone();
        let revoked = self.write(move |db| {
            Box::pin(async move {
                let deleted = sqlx::query("DELETE FROM app_passwords WHERE id = $1")
                    .bind(id.as_str())
                    .execute(&mut *db)
                    .await?;
                if deleted.rows_affected() == 0 {
                    return Ok(false);
                }
                next_edition(db).await?;
                Ok(true)
            })
        });
        Ok(revoked.await.map_err(|undone| self.fault(undone))?)
    }

    async fn used(&self, uses: &[Use]) -> Result<(), PasswordError> {
        let uses = uses.to_vec();
        let recorded = self.write(move |db| {
            Box::pin(async move {
                for used in &uses {
                    sqlx::query(
                        "UPDATE app_passwords SET used_at = $2, used_from = $3, used_for = $4
                         WHERE id = $1 AND (used_at IS NULL OR used_at <= $2)",
                    )
                    .bind(used.id.as_str())
                    .bind(used.last.at.as_microsecond())
                    .bind(used.last.address.to_string())
                    .bind(used.last.protocol.name())
                    .execute(&mut *db)
                    .await?;
                }
                Ok(())
            })
        });
        Ok(recorded.await.map_err(|undone| self.fault(undone))?)
    }
}

/// What becomes of what waits for the mailbox of a new app password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Legacy {
    Stays,
    IsForgotten,
}

impl Store {
    async fn insert(&self, password: &AppPassword, legacy: Legacy) -> Result<(), PasswordError> {
        let sealed = seal(&self.key(), password).map_err(|undone| self.fault(undone))?;
        let new = password.clone();
        let added = self.write(move |db| {
            Box::pin(async move {
                let taken = sqlx::query("SELECT id, mailbox FROM app_passwords WHERE name = $1")
                    .bind(&new.name)
                    .fetch_optional(&mut *db)
                    .await?;
                if let Some(row) = taken {
                    let row = Columns::new(&row, "app_passwords", "id");
                    let id = PasswordId::new(row.get::<String>("id")?);
                    return Ok(Some((id, row.get("mailbox")?)));
                }
                sqlx::query(
                    "INSERT INTO app_passwords (id, mailbox, name, sealed, created_at)
                     VALUES ($1, $2, $3, $4, $5)",
                )
                .bind(new.id.as_str())
                .bind(&new.mailbox)
                .bind(&new.name)
                .bind(sealed)
                .bind(new.created.as_microsecond())
                .execute(&mut *db)
                .await?;
                if legacy == Legacy::IsForgotten {
                    forget(db, &new.mailbox).await?;
                }
                next_edition(db).await?;
                Ok(None)
            })
        });
        match added.await.map_err(|undone| self.fault(undone))? {
            None => Ok(()),
            Some((id, mailbox)) => Err(PasswordError::NameTaken {
                name: password.name.clone(),
                id,
                mailbox,
            }),
        }
    }
}

async fn next_edition(db: &mut SqliteConnection) -> Result<(), Undone> {
    sqlx::query("UPDATE editions SET number = number + 1 WHERE name = 'app_passwords'")
        .execute(db)
        .await?;
    Ok(())
}

/// What is sealed of an app password.
#[derive(Serialize, Deserialize)]
struct Content {
    verifier: String,
    login: Option<String>,
    protocols: Vec<String>,
    networks: Vec<String>,
    senders: Vec<String>,
    expires: Option<Timestamp>,
}

impl Drop for Content {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.verifier);
    }
}

fn seal(key: &SealingKey, password: &AppPassword) -> Result<Vec<u8>, Undone> {
    let content = Content {
        verifier: password.verifier.expose().to_owned(),
        login: password.login.clone(),
        protocols: password
            .protocols
            .iter()
            .map(|one| one.name().to_owned())
            .collect(),
        networks: password.networks.iter().map(Network::to_string).collect(),
        senders: password.senders.clone(),
        expires: password.expires,
    };
    let text = serde_json::to_vec(&content).map(Zeroizing::new);
    let text = text.map_err(|error| Undone::DamagedRow {
        table: "app_passwords",
        column: "sealed",
        row: password.id.to_string(),
        reason: error.to_string(),
    })?;
    let place = place_of(password.id.as_str(), &password.mailbox);
    Ok(key.seal(&place, &text))
}

fn read(key: &SealingKey, row: &Columns<'_>) -> Result<AppPassword, Undone> {
    let (id, mailbox): (String, String) = (row.get("id")?, row.get("mailbox")?);
    let opened = key
        .open(&place_of(&id, &mailbox), row.get("sealed")?)
        .map_err(|error| row.damaged("sealed", error.to_string()))?;
    // The text around a fault may be a secret: only its kind is told.
    let damaged = || row.damaged("sealed", "it is no app password");
    let content: Content = serde_json::from_slice(&opened).map_err(|_| damaged())?;
    let protocols = content
        .protocols
        .iter()
        .map(|name| name.parse::<Protocol>());
    let networks = content.networks.iter().map(|text| text.parse::<Network>());
    Ok(AppPassword {
        id: PasswordId::new(id),
        name: row.get("name")?,
        mailbox,
        login: content.login.clone(),
        verifier: Verifier::new(SecretString::from(content.verifier.as_str())),
        protocols: protocols
            .collect::<Result<Protocols, _>>()
            .map_err(|_| damaged())?,
        networks: networks.collect::<Result<_, _>>().map_err(|_| damaged())?,
        senders: content.senders.clone(),
        created: row
            .time("created_at")?
            .ok_or_else(|| row.damaged("created_at", "it is not there"))?,
        expires: content.expires,
        last_use: last_use(row)?,
    })
}

fn last_use(row: &Columns<'_>) -> Result<Option<LastUse>, Undone> {
    let Some(at) = row.time("used_at")? else {
        return Ok(None);
    };
    let (from, protocol): (&str, &str) = (row.get("used_from")?, row.get("used_for")?);
    Ok(Some(LastUse {
        at,
        address: from
            .parse()
            .map_err(|_| row.damaged("used_from", "it is no address"))?,
        protocol: protocol
            .parse()
            .map_err(|_| row.damaged("used_for", "it is no protocol"))?,
    }))
}

/// The place that what is sealed is bound to.
pub(crate) fn place_of(id: &str, mailbox: &str) -> String {
    place("app_passwords", "sealed", &format!("{id}/{mailbox}"))
}

const EDITION: &str = "SELECT number FROM editions WHERE name = 'app_passwords'";
