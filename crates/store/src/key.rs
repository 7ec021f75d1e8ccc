//! The key that seals what rests in the database.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use gatepost_host::{Chance, FileError, SealingKey, SecretSource, files};
use secrecy::ExposeSecret as _;
use zeroize::Zeroizing;

use crate::{Opening, StateFolder, StoreError};

/// Where the key is found: 32 octets, or base64 of 32 octets.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum KeySource {
    /// In a file of the state folder, which is made on first use.
    #[default]
    StateFolder,
    /// Elsewhere.
    Elsewhere(SecretSource),
}

/// What is known before the key is: a sealed database must never get a new key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sealed {
    Already,
    NotYet,
}

/// The octets of a key in a file.
pub(crate) fn in_file(path: &Path) -> Result<Zeroizing<[u8; SealingKey::LENGTH]>, StoreError> {
    let content = files::read_private(path, MOST)?;
    octets(&content).ok_or_else(|| StoreError::KeyMalformed {
        origin: path.display().to_string(),
    })
}

/// Where a new key waits that is not in force yet, or was not put into its place.
pub(crate) fn next_to(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".next");
    path.with_file_name(name)
}

/// The key that waits beside the one in a file, if one does and is a key.
pub(crate) fn waiting(opening: &Opening<'_>) -> Option<(SealingKey, PathBuf, PathBuf)> {
    let place = match &opening.key {
        KeySource::StateFolder => opening.folder.key(),
        KeySource::Elsewhere(SecretSource::File(path)) => path.clone(),
        KeySource::Elsewhere(_) => return None,
    };
    let next = next_to(&place);
    let key = in_file(&next).ok()?;
    Some((SealingKey::new(&key), next, place))
}

pub(crate) async fn fetch(opening: &Opening<'_>, sealed: Sealed) -> Result<SealingKey, StoreError> {
    let octets = match &opening.key {
        KeySource::StateFolder => in_state_folder(&opening.folder.key(), sealed, opening.chance)?,
        KeySource::Elsewhere(SecretSource::File(path)) => files::read_private(path, MOST)?,
        KeySource::Elsewhere(source) => {
            let secret = source
                .fetch(opening.clock, "the key of the state folder")
                .await?;
            Zeroizing::new(secret.expose_secret().as_bytes().to_vec())
        }
    };
    parse(&octets).ok_or_else(|| StoreError::KeyMalformed {
        origin: opening.key.origin(&opening.folder),
    })
}

impl KeySource {
    /// Where the key came from, for a sentence.
    pub(crate) fn origin(&self, folder: &StateFolder) -> String {
        match self {
            Self::StateFolder => folder.key().display().to_string(),
            Self::Elsewhere(source) => source.to_string(),
        }
    }
}

fn in_state_folder(
    path: &Path,
    sealed: Sealed,
    chance: &Chance,
) -> Result<Zeroizing<Vec<u8>>, StoreError> {
    if !path.exists() {
        if sealed == Sealed::Already {
            return Err(StoreError::KeyMissing {
                path: path.to_owned(),
            });
        }
        make(path, chance)?;
    }
    Ok(files::read_private(path, MOST)?)
}

/// Makes the key file whole or not at all, and never replaces one: it is written beside, and
/// then linked to its name, which fails if another process was faster.
fn make(path: &Path, chance: &Chance) -> Result<(), StoreError> {
    let beside = path.with_extension(format!("key.{}.new", chance.token(9)));
    let mut text = Zeroizing::new(STANDARD.encode(*SealingKey::generate(chance)));
    text.push('\n');
    files::create_private(&beside, text.as_bytes())?;
    let linked = std::fs::hard_link(&beside, path);
    let removed = std::fs::remove_file(&beside);
    match linked {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        other => other,
    }
    .and(removed)
    .and_then(|()| files::sync_folder_of(path))
    .map_err(|source| {
        StoreError::File(FileError::Io {
            action: "make",
            path: path.to_owned(),
            source,
        })
    })
}

fn parse(content: &[u8]) -> Option<SealingKey> {
    Some(SealingKey::new(&*octets(content)?))
}

fn octets(content: &[u8]) -> Option<Zeroizing<[u8; SealingKey::LENGTH]>> {
    if let Ok(key) = <[u8; SealingKey::LENGTH]>::try_from(content) {
        return Some(Zeroizing::new(key));
    }
    let text = content.trim_ascii();
    let decoded = [STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD]
        .iter()
        .find_map(|alphabet| alphabet.decode(text).ok())
        .map(Zeroizing::new)?;
    <[u8; SealingKey::LENGTH]>::try_from(decoded.as_slice())
        .ok()
        .map(Zeroizing::new)
}

/// No key is longer, in any form.
const MOST: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_taken_raw_and_in_every_base64() {
        let octets = [0xfb; 32];
        let same = format!("{:?}", SealingKey::new(&octets));
        let texts = [
            STANDARD.encode(octets),
            STANDARD_NO_PAD.encode(octets),
            URL_SAFE.encode(octets) + "\n",
            URL_SAFE_NO_PAD.encode(octets) + "\r\n",
        ];
        for text in &texts {
            let key = parse(text.as_bytes()).expect("base64 of 32 octets");
            assert_eq!(format!("{key:?}"), same);
        }
        let raw = parse(&octets).expect("32 octets");
        assert_eq!(format!("{raw:?}"), same);
    }

    #[test]
    fn anything_else_is_no_key() {
        let texts = [
            "",
            "short",
            "c2hvcnQ=",
            &STANDARD.encode([1; 33]),
            &"x".repeat(31),
        ];
        for text in texts {
            assert!(parse(text.as_bytes()).is_none(), "{text}");
        }
    }
}
