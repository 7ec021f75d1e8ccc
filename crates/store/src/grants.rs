//! The state of grants, sealed, with compare-and-set on its generation.

use async_trait::async_trait;
use gatepost_host::SealingKey;
use gatepost_oauth::{CredentialId, Generation, GrantState, GrantStoreError, Grants};
use secrecy::{ExposeSecret as _, SecretSlice};

use crate::Store;
use crate::sealed::place;
use crate::undone::{Columns, Undone};

#[async_trait]
impl Grants for Store {
    async fn load(
        &self,
        id: &CredentialId,
    ) -> Result<Option<(GrantState, Generation)>, GrantStoreError> {
        let row = sqlx::query(
            "SELECT credential, generation, kind, version, sealed FROM grants
             WHERE credential = $1 AND sealed IS NOT NULL",
        )
        .bind(id.as_str())
        .fetch_optional(self.readers())
        .await
        .map_err(|error| self.fault(error.into()))?;
        let Some(row) = row else { return Ok(None) };
        let row = Columns::new(&row, "grants", "credential");
        let stored = Stored::read(&row).map_err(|undone| self.fault(undone))?;
        stored.open(&self.key(), id).map(Some)
    }

    async fn replace(
        &self,
        id: &CredentialId,
        seen: Option<Generation>,
        state: &GrantState,
    ) -> Result<Generation, GrantStoreError> {
        let (key, id, state) = (self.key(), id.clone(), state.clone());
        let name = id.clone();
        let replaced = self
            .write(move |db| {
                Box::pin(async move {
                    let (stored, signed_in) = standing(db, &id).await?;
                    if seen.map(|generation| generation.0) != signed_in.then_some(stored) {
                        return Err(Undone::Beaten);
                    }
                    let stored = Stored::seal(&key, &id, Generation(stored + 1), &state);
                    stored.write(db, &id).await
                })
            })
            .await;
        replaced.map_err(|undone| match undone {
            Undone::Beaten => GrantStoreError::Stale { id: name },
            other => self.fault(other).into(),
        })
    }

    async fn remove(&self, id: &CredentialId) -> Result<(), GrantStoreError> {
        let id = id.clone();
        let removed = self.write(move |db| {
            Box::pin(async move {
                sqlx::query(
                    "UPDATE grants SET sealed = NULL, generation = generation + 1
                     WHERE credential = $1 AND sealed IS NOT NULL",
                )
                .bind(id.as_str())
                .execute(db)
                .await?;
                Ok(())
            })
        });
        removed.await.map_err(|undone| self.fault(undone).into())
    }

    async fn list(&self) -> Result<Vec<CredentialId>, GrantStoreError> {
        let names: Vec<String> = sqlx::query_scalar(
            "SELECT credential FROM grants WHERE sealed IS NOT NULL ORDER BY credential",
        )
        .fetch_all(self.readers())
        .await
        .map_err(|error| self.fault(error.into()))?;
        Ok(names.into_iter().map(CredentialId::new).collect())
    }
}

/// A row of `grants` that has a state.
struct Stored {
    generation: Generation,
    kind: String,
    version: u32,
    sealed: Vec<u8>,
}

impl Stored {
    fn seal(
        key: &SealingKey,
        id: &CredentialId,
        generation: Generation,
        state: &GrantState,
    ) -> Self {
        let mut stored = Self {
            generation,
            kind: state.kind.clone(),
            version: state.version,
            sealed: Vec::new(),
        };
        stored.sealed = key.seal(&stored.place(id), state.secret.expose_secret());
        stored
    }

    fn open(
        self,
        key: &SealingKey,
        id: &CredentialId,
    ) -> Result<(GrantState, Generation), GrantStoreError> {
        let opened = key.open(&self.place(id), &self.sealed).map_err(|error| {
            GrantStoreError::Unsealable {
                id: id.clone(),
                reason: error.to_string(),
            }
        })?;
        let state = GrantState {
            kind: self.kind,
            version: self.version,
            secret: SecretSlice::from(opened.to_vec()),
        };
        Ok((state, self.generation))
    }

    /// The generation is part of the place: an older box, put back, does not open.
    fn place(&self, id: &CredentialId) -> String {
        let (kind, version) = (&self.kind, self.version);
        let row = format!("{id}/{kind}/{version}/{}", self.generation.0);
        place("grants", "sealed", &row)
    }

    fn read(row: &Columns<'_>) -> Result<Self, Undone> {
        let version = row.count("version")?;
        Ok(Self {
            generation: Generation(row.count("generation")?),
            kind: row.get("kind")?,
            version: u32::try_from(version)
                .map_err(|error| row.damaged("version", error.to_string()))?,
            sealed: row.get("sealed")?,
        })
    }

    async fn write(
        self,
        db: &mut sqlx::SqliteConnection,
        id: &CredentialId,
    ) -> Result<Generation, Undone> {
        sqlx::query(
            "INSERT INTO grants (credential, generation, kind, version, sealed)
             VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (credential) DO UPDATE SET
                 generation = excluded.generation, kind = excluded.kind,
                 version = excluded.version, sealed = excluded.sealed",
        )
        .bind(id.as_str())
        .bind(i64::try_from(self.generation.0).map_err(|_| Undone::Beaten)?)
        .bind(self.kind)
        .bind(i64::from(self.version))
        .bind(self.sealed)
        .execute(db)
        .await?;
        Ok(self.generation)
    }
}

/// The place that the state in a row is bound to.
pub(crate) fn place_of(row: &Columns<'_>) -> Result<String, Undone> {
    let id = CredentialId::new(row.get::<String>("credential")?);
    Ok(Stored::read(row)?.place(&id))
}

/// The last generation that was given out, and whether a state stands there now.
async fn standing(
    db: &mut sqlx::SqliteConnection,
    id: &CredentialId,
) -> Result<(u64, bool), Undone> {
    let row = sqlx::query(
        "SELECT credential, generation, sealed IS NOT NULL AS signed_in FROM grants
         WHERE credential = $1",
    )
    .bind(id.as_str())
    .fetch_optional(db)
    .await?;
    let Some(row) = row else {
        return Ok((0, false));
    };
    let row = Columns::new(&row, "grants", "credential");
    Ok((row.count("generation")?, row.get("signed_in")?))
}
