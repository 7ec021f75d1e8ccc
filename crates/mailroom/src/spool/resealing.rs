//! Seals the files of the spool with another key.
//!
//! A file cannot be sealed anew together with the database. So a copy is made beside it, durable
//! before the database goes over to the new key, and takes its place afterwards. Whoever opens the
//! spool first after a crash sees from the key that is in force which of the two counts.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use gatepost_host::{SealingKey, files};

use super::seal::{CHUNK, END, FileId, HEAD, SEALED_CHUNK, size_of_file};
use super::{Spool, SpoolError, is_name};

/// How many files of the spool were sealed with another key.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Resealed {
    /// Those that were.
    pub files: usize,
    /// Those that were damaged before, and stay as they are.
    pub damaged: usize,
}

impl Spool {
    /// Makes a copy of every file that is sealed with `key`. They are durable when this returns,
    /// and take effect when the spool is opened with that key. Nobody else may use the spool.
    pub fn reseal(&self, key: &SealingKey) -> Result<Resealed, SpoolError> {
        let mut resealed = Resealed::default();
        for name in self.names()? {
            match self.copy(&name, key) {
                Ok(()) => resealed.files += 1,
                Err(SpoolError::Sealed { name, source }) => {
                    tracing::warn!("the spooled message {name} stays as it is: {source}");
                    resealed.damaged += 1;
                }
                Err(other) => return Err(other),
            }
        }
        let synced = files::sync_folder_of(&self.path(RESEALED));
        synced.map_err(|error| SpoolError::io("write", &self.folder, error))?;
        Ok(resealed)
    }

    /// Puts the copies into place that are sealed with the key of this spool, and removes others.
    pub(super) fn settle_resealed(&self) -> Result<(), SpoolError> {
        let mut settled = false;
        for copy in self.entries()? {
            let Some(name) = copy.strip_suffix(RESEALED).filter(|name| is_name(name)) else {
                continue;
            };
            let (copy, place) = (self.path(&copy), self.path(name));
            let done = if self.has_sealed(&copy) && place.exists() {
                std::fs::rename(&copy, &place)
            } else {
                std::fs::remove_file(&copy)
            };
            done.map_err(|error| SpoolError::io("put into place", &copy, error))?;
            settled = true;
        }
        if settled {
            let synced = files::sync_folder_of(&self.path(RESEALED));
            synced.map_err(|error| SpoolError::io("write", &self.folder, error))?;
        }
        Ok(())
    }

    fn copy(&self, name: &str, key: &SealingKey) -> Result<(), SpoolError> {
        let (from, to) = (self.path(name), self.path(&format!("{name}{RESEALED}")));
        let copied = self.copied((&from, &to), name, key);
        if copied.is_err() {
            let _ = std::fs::remove_file(&to);
        }
        copied
    }

    fn copied(
        &self,
        (from, to): (&Path, &Path),
        name: &str,
        key: &SealingKey,
    ) -> Result<(), SpoolError> {
        let unread = |error| SpoolError::io("read", from, error);
        let unwritten = |error| SpoolError::io("write", to, error);
        let damaged = |source| SpoolError::Sealed {
            name: name.to_owned(),
            source,
        };
        let mut old = File::open(from).map_err(unread)?;
        let length = old.metadata().map_err(unread)?.len();
        let size = size_of_file(length).map_err(damaged)?;
        let mut new = create(to).map_err(unwritten)?;
        let mut head = [0; HEAD];
        old.read_exact(&mut head).map_err(unread)?;
        let (old_id, new_id) = (
            FileId::of_head(&head).map_err(damaged)?,
            FileId::new(&self.chance),
        );
        new.write_all(&new_id.head()).map_err(unwritten)?;
        let mut left = size;
        for number in 0..size.div_ceil(CHUNK as u64) {
            let clear = usize::try_from(left).unwrap_or(CHUNK).min(CHUNK);
            let mut sealed = vec![0; clear + (SEALED_CHUNK - CHUNK)];
            old.read_exact(&mut sealed).map_err(unread)?;
            let opened = old_id.open_chunk(&self.key, number, &sealed);
            let opened = opened.map_err(damaged)?;
            let sealed = new_id.seal_chunk(key, number, &opened);
            new.write_all(&sealed).map_err(unwritten)?;
            left -= clear as u64;
        }
        let mut end = [0; END];
        old.read_exact(&mut end).map_err(unread)?;
        let sound = old_id.check_end(&self.key, (name, size), &end);
        sound.map_err(damaged)?;
        let end = new_id.seal_end(key, name, size);
        new.write_all(&end).map_err(unwritten)?;
        new.sync_all().map_err(unwritten)
    }

    /// Whether the first box of this file was sealed with the key of this spool.
    fn has_sealed(&self, path: &Path) -> bool {
        let mut beginning = [0; HEAD + SealingKey::OVERHEAD];
        let read = File::open(path).and_then(|mut file| file.read_exact(&mut beginning));
        read.is_ok() && self.key.has_sealed(&beginning[HEAD..])
    }
}

fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    options.open(path)
}

/// How the name of a copy ends that waits for its key to be in force.
const RESEALED: &str = ".resealed";
