//! Another sealing key for everything in a state folder.
//!
//! The database goes over in one transaction. What is beside it, the key file and the spool, is
//! prepared under other names first and put into place afterwards; whoever opens the store after a
//! crash in between finishes that, since the database says which key is in force.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gatepost_host::{FileError, SealingKey, SecretSource, files};
use gatepost_mailroom::Spool;
use zeroize::Zeroizing;

use crate::{Access, KeySource, Opening, Store, StoreError, key};

/// What was sealed anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotated {
    /// Rows of the database.
    pub rows: usize,
    /// Files of the spool.
    pub files: usize,
    /// What was damaged before, and stays as it is.
    pub damaged: usize,
    /// Where the new key is found.
    pub place: KeyPlace,
}

/// Where the new key is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyPlace {
    /// It took the place of the old one, in this file.
    File(PathBuf),
    /// It is where the caller has it, and must be put where the configuration looks for it.
    ToBePut(String),
}

/// Seals everything anew: with the key in the file `new`, or without one with a new key. The
/// folder must not be in use by a `serve`.
pub async fn rotate_key(opening: Opening<'_>, new: Option<&Path>) -> Result<Rotated, StoreError> {
    let (folder, source, chance) = (
        opening.folder.clone(),
        opening.key.clone(),
        opening.chance.clone(),
    );
    let place = match &source {
        KeySource::StateFolder => Some(folder.key()),
        KeySource::Elsewhere(SecretSource::File(path)) => Some(path.clone()),
        KeySource::Elsewhere(_) => None,
    };
    let octets = match new {
        Some(file) => key::in_file(file)?,
        None if place.is_some() => SealingKey::generate(&chance),
        None => {
            return Err(StoreError::KeyNeeded {
                origin: source.origin(&folder),
            });
        }
    };
    let store = Store::open(Opening {
        access: Access::Serve,
        ..opening
    })
    .await?;
    let rotation = Rotation {
        key: Arc::new(SealingKey::new(&octets)),
        next: place.as_deref().map(key::next_to),
        place,
        spool: folder.spool(),
        store,
    };
    let rotated = rotation.run(&octets, &source.origin(&folder)).await;
    rotation.store.close().await;
    rotated
}

struct Rotation {
    store: Store,
    key: Arc<SealingKey>,
    spool: PathBuf,
    /// Where the key file is, if it is one of ours to replace.
    place: Option<PathBuf>,
    /// Where the new key waits until it is in force.
    next: Option<PathBuf>,
}

impl Rotation {
    async fn run(
        &self,
        octets: &[u8; SealingKey::LENGTH],
        origin: &str,
    ) -> Result<Rotated, StoreError> {
        if self.store.key().has_sealed(&self.key.seal("", b"")) {
            return Err(StoreError::KeyUnchanged);
        }
        let chance = self.store.chance();
        if let Some(next) = &self.next {
            let mut text = Zeroizing::new(STANDARD.encode(octets));
            text.push('\n');
            files::write_private(next, text.as_bytes())?;
        }
        let spool = Spool::open(&self.spool, self.store.key(), chance.clone())?;
        let key = Arc::clone(&self.key);
        let files = tokio::task::spawn_blocking(move || spool.reseal(&key));
        let files = files.await.map_err(|_| StoreError::Closed)??;
        let rows = self.store.reseal(&self.key).await?;
        // From here on the new key is in force; the rest is done by whoever opens the store next
        // if this is cut off.
        let place = match (&self.place, &self.next) {
            (Some(place), Some(next)) => {
                put_into_place(next, place)?;
                KeyPlace::File(place.clone())
            }
            _ => KeyPlace::ToBePut(origin.to_owned()),
        };
        Spool::open(&self.spool, Arc::clone(&self.key), chance)?;
        Ok(Rotated {
            rows: rows.sealed,
            files: files.files,
            damaged: rows.damaged + files.damaged,
            place,
        })
    }
}

/// Gives the new key the place of the old one.
pub(crate) fn put_into_place(next: &Path, place: &Path) -> Result<(), StoreError> {
    let done = match std::fs::rename(next, place) {
        // Another process that opens the store was faster.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        done => done.and_then(|()| files::sync_folder_of(place)),
    };
    done.map_err(|source| {
        StoreError::File(FileError::Io {
            action: "put the new key into",
            path: place.to_owned(),
            source,
        })
    })
}
