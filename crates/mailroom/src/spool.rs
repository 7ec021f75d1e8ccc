//! Raw messages on disk, sealed, until every sink has them.
//!
//! Small messages are kept in the row of their event, which the store seals: no file and no
//! further fsync. A larger one is streamed into a sealed file that is named by the SHA-256 of its
//! clear octets, and is durable before the event is stored. Whatever its size, a few chunks of
//! it are in memory.

mod deposit;
mod error;
mod keeper;
mod reader;
mod resealing;
mod seal;
mod sweeper;
mod unproven;
mod writer;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use gatepost_host::{Chance, SealingKey, files};
use jiff::{SignedDuration, Timestamp};

pub(crate) use deposit::Deposit;
pub use deposit::Pinned;
pub use error::SpoolError;
pub(crate) use keeper::{Fetched, Keeper, Taken};
pub use reader::SpooledMessage;
pub use resealing::Resealed;
pub use sweeper::Sweeper;
pub use unproven::Unproven;

use crate::{Deliveries, Kept};

/// The folder of raw messages.
#[derive(Debug)]
pub struct Spool {
    folder: PathBuf,
    key: Arc<SealingKey>,
    chance: Chance,
    inline_limit: usize,
    batch: usize,
    names: Mutex<Names>,
}

/// What must not be removed, and what is about to be.
#[derive(Debug, Default)]
struct Names {
    /// Files of events that are about to be stored, and how many wait for each.
    pinned: BTreeMap<String, usize>,
    /// Files that nothing referred to when the storage was last asked.
    suspects: BTreeSet<String>,
}

impl Spool {
    /// The largest message that is kept in the row of its event, in octets.
    pub const INLINE_LIMIT: usize = 128 * 1024;
    /// How many messages are stored in one transaction.
    pub const BATCH: usize = 256;

    /// Opens the spool in `folder`, which is made if it is missing, and removes what an
    /// interrupted fetch left behind. What was sealed anew with this key takes effect.
    pub fn open(folder: &Path, key: Arc<SealingKey>, chance: Chance) -> Result<Self, SpoolError> {
        let spool = Self::beside(folder, key, chance)?;
        spool.remove_unfinished()?;
        spool.settle_resealed()?;
        Ok(spool)
    }

    /// The same beside another process that may be using it: what that left unfinished stays.
    pub fn beside(folder: &Path, key: Arc<SealingKey>, chance: Chance) -> Result<Self, SpoolError> {
        files::make_private_folder(folder)?;
        Ok(Self {
            folder: folder.to_owned(),
            key,
            chance,
            inline_limit: Self::INLINE_LIMIT,
            batch: Self::BATCH,
            names: Mutex::default(),
        })
    }

    /// The same, with messages of more than `octets` octets in files.
    #[must_use]
    pub fn with_inline_limit(mut self, octets: usize) -> Self {
        self.inline_limit = octets;
        self
    }

    /// The same, with at most so many messages stored in one transaction.
    #[must_use]
    pub fn with_batches_of(mut self, messages: usize) -> Self {
        self.batch = messages;
        self
    }

    /// A message as it was kept, ready to be read.
    pub fn message(&self, kept: Kept) -> SpooledMessage {
        match kept {
            Kept::Inline(octets) => SpooledMessage::inline(octets),
            Kept::File { name, size } => {
                SpooledMessage::file(self.path(&name), name, size, Arc::clone(&self.key))
            }
        }
    }

    /// The names of all finished files.
    fn names(&self) -> Result<Vec<String>, SpoolError> {
        let names = self.entries()?.filter(|name| is_name(name)).collect();
        Ok(names)
    }

    /// Removes those of `names` that no event refers to. A file that an event is about to refer
    /// to stays: in this process it is pinned from before it is looked for until after its event
    /// is stored; one that another process may have just written is too young at `now`.
    async fn remove_unreferenced(
        &self,
        names: Vec<String>,
        (deliveries, now): (&dyn Deliveries, Timestamp),
    ) -> Result<usize, SweepError> {
        let suspects: Vec<String> = {
            let mut known = self.lock();
            let free = names
                .into_iter()
                .filter(|name| is_name(name) && !known.pinned.contains_key(name))
                .filter(|name| self.is_old(name, now));
            let free: Vec<String> = free.collect();
            known.suspects.extend(free.iter().cloned());
            free
        };
        let asked = deliveries.unreferenced(&suspects).await;
        let mut known = self.lock();
        let mut removed = 0;
        let mut failure = None;
        for name in asked.as_deref().unwrap_or_default() {
            // A name that was pinned since is a suspect no more.
            if known.suspects.contains(name) {
                match std::fs::remove_file(self.path(name)) {
                    Ok(()) => removed += 1,
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                    Err(error) => failure = Some(SpoolError::io("remove", &self.path(name), error)),
                }
            }
        }
        for name in &suspects {
            known.suspects.remove(name);
        }
        drop(known);
        asked?;
        failure.map_or(Ok(removed), |error| Err(error.into()))
    }

    fn is_old(&self, name: &str, now: Timestamp) -> bool {
        let written = std::fs::metadata(self.path(name)).and_then(|file| file.modified());
        let written = written.ok().and_then(|at| Timestamp::try_from(at).ok());
        written.is_some_and(|at| now.duration_since(at) > YOUNG)
    }

    /// Keeps `name` from being removed until it is let go.
    fn pin(&self, name: &str) {
        let mut known = self.lock();
        known.suspects.remove(name);
        *known.pinned.entry(name.to_owned()).or_default() += 1;
    }

    fn let_go(&self, name: &str) {
        let mut known = self.lock();
        if let Some(count) = known.pinned.get_mut(name) {
            *count -= 1;
            if *count == 0 {
                known.pinned.remove(name);
            }
        }
    }

    fn remove_unfinished(&self) -> Result<(), SpoolError> {
        for name in self.entries()?.filter(|name| name.ends_with(UNFINISHED)) {
            let path = self.path(&name);
            std::fs::remove_file(&path).map_err(|error| SpoolError::io("remove", &path, error))?;
        }
        Ok(())
    }

    fn entries(&self) -> Result<impl Iterator<Item = String> + use<>, SpoolError> {
        let entries = std::fs::read_dir(&self.folder)
            .map_err(|error| SpoolError::io("list", &self.folder, error))?;
        Ok(entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Names> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why the spool could not be swept.
#[derive(Debug, thiserror::Error)]
enum SweepError {
    #[error(transparent)]
    Spool(#[from] SpoolError),
    #[error(transparent)]
    Storage(#[from] crate::StorageError),
}

/// Whether this is the name of a finished file: a SHA-256 in hexadecimal.
fn is_name(name: &str) -> bool {
    name.len() == 64 && name.bytes().all(|octet| octet.is_ascii_hexdigit())
}

pub(crate) fn hexadecimal(octets: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(octets.len() * 2);
    for octet in octets {
        let _ = write!(text, "{octet:02x}");
    }
    text
}

/// How long a file may wait for its event: longer than the longest fetch.
const YOUNG: SignedDuration = SignedDuration::from_hours(2);
/// How the name of a file ends that is still being written.
const UNFINISHED: &str = ".unfinished";

#[cfg(test)]
mod tests;
