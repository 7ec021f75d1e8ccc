//! What can be wrong with the store.

use std::path::PathBuf;

use gatepost_fault::{After, Fault, Next, Owner};
use gatepost_gateway::admission::PasswordError;
use gatepost_host::{FileError, SecretError};
use gatepost_mailroom::{SpoolError, StorageError};
use gatepost_oauth::GrantStoreError;

/// Why the store cannot be opened, read or written. Nothing is destroyed by any of these.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another `gatepost serve` works on the same state folder.
    #[error(
        "{} is in use by another gatepost serve ({owner}); stop that one, or give this one its own state folder",
        folder.display()
    )]
    InUse {
        /// The state folder.
        folder: PathBuf,
        /// Who uses it, such as `pid 4711`.
        owner: String,
    },
    /// The folder is one that everybody uses.
    #[error(
        "{} is a folder that everybody may write to, as /tmp is; name one of Gatepost's own as state, such as {}/gatepost",
        folder.display(), folder.display()
    )]
    Shared {
        /// The folder.
        folder: PathBuf,
    },
    /// Another process holds the database for longer than we wait.
    #[error(
        "the database {} is locked by another process for too long; find out which one with: fuser {}",
        path.display(), path.display()
    )]
    Locked {
        /// The database.
        path: PathBuf,
    },
    /// There is no room left.
    #[error("no room is left on the disk of {}; free some, nothing is lost", path.display())]
    DiskFull {
        /// The database.
        path: PathBuf,
    },
    /// A newer version of Gatepost wrote it.
    #[error(
        "the database {} is from a newer version of Gatepost (schema {found}, this one knows {known}); it was left untouched, run the newer version",
        path.display()
    )]
    Newer {
        /// The database.
        path: PathBuf,
        /// The newest migration in it.
        found: i64,
        /// The newest migration known here.
        known: i64,
    },
    /// It is from an older version, and a running `serve` keeps us from bringing it up to date.
    #[error(
        "the database {} is from an older version of Gatepost and in use ({owner}); restart that gatepost serve with this version first",
        path.display()
    )]
    Older {
        /// The database.
        path: PathBuf,
        /// Who uses it.
        owner: String,
    },
    /// The file is no database, or damaged.
    #[error("the database {} is damaged; restore it from a backup: {reason}", path.display())]
    Damaged {
        /// The database.
        path: PathBuf,
        /// What SQLite said.
        reason: String,
    },
    /// The operating system refuses access.
    #[error("the database {} cannot be used; check its owner and permissions: {reason}", path.display())]
    Unusable {
        /// The database.
        path: PathBuf,
        /// What SQLite said.
        reason: String,
    },
    /// No thread can be started that writes.
    #[error(
        "nothing can be written to the database {}: no thread can be started for it ({source}); raise the limit of tasks (TasksMax= of the service, or ulimit -u)",
        path.display()
    )]
    NoThread {
        /// The database.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The database was sealed with another key.
    #[error(
        "the key from {origin} is not the one that sealed the database {}; put the right key back, nothing was changed. If it is lost: gatepost explain sealed_with_other_key",
        path.display()
    )]
    OtherKey {
        /// The database.
        path: PathBuf,
        /// Where the key came from.
        origin: String,
    },
    /// There is a sealed database and no key.
    #[error(
        "the key file {} is missing, and the database beside it is sealed with it; restore it from a backup, or, if it is lost, move the state folder away and sign in again: gatepost explain sealing_key_missing",
        path.display()
    )]
    KeyMissing {
        /// Where the key should be.
        path: PathBuf,
    },
    /// The key was changed by `gatepost key rotate` since the store was opened.
    #[error(
        "the key of the database {} was changed while this was under way; nothing was stored, try again",
        path.display()
    )]
    KeyChanged {
        /// The database.
        path: PathBuf,
    },
    /// A key that comes from elsewhere is not made here.
    #[error(
        "the sealing key is found in {origin}, where Gatepost cannot put a new one; make one with \
         openssl rand -base64 32, put it into a file of mode 600, and name that with --new-key"
    )]
    KeyNeeded {
        /// Where the key is found.
        origin: String,
    },
    /// The new key is the old one.
    #[error("the new key is the one that is in force already; nothing was changed")]
    KeyUnchanged,
    /// The spool cannot be used.
    #[error(transparent)]
    Spool(#[from] SpoolError),
    /// The key is not 32 octets.
    #[error(
        "the key from {origin} is neither 32 octets nor base64 of 32 octets; make one with: openssl rand -base64 32"
    )]
    KeyMalformed {
        /// Where the key came from.
        origin: String,
    },
    /// One row holds what nobody wrote there.
    #[error(
        "the database has a damaged row (table {table}, column {column}, row {row}); restore it from a backup: {reason}"
    )]
    DamagedRow {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// The row's name.
        row: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A file of the state folder cannot be used.
    #[error(transparent)]
    File(#[from] FileError),
    /// The key cannot be fetched.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The store was closed while somebody still used it.
    #[error("the store was closed while it was still in use")]
    Closed,
    /// What was to be written made the program panic.
    #[error(
        "a change of the database {} made Gatepost panic and was undone; this is a bug in Gatepost, please report it with the log lines before this one: gatepost explain store_panicked",
        path.display()
    )]
    Panicked {
        /// The database.
        path: PathBuf,
    },
    /// A statement failed in a way that no state of the disk explains.
    #[error("the database {} refused a statement; this is a bug in Gatepost: {reason}", path.display())]
    Refused {
        /// The database.
        path: PathBuf,
        /// What SQLite said.
        reason: String,
    },
}

impl StoreError {
    /// Every code this error answers; those of [`FileError`] and [`SecretError`] come on top.
    pub const CODES: &'static [&'static str] = &[
        "state_folder_in_use",
        "state_folder_shared",
        "store_locked",
        "disk_full",
        "store_newer",
        "store_older",
        "store_damaged",
        "store_unusable",
        "sealed_with_other_key",
        "sealing_key_missing",
        "sealing_key_malformed",
        "sealing_key_changed",
        "sealing_key_needed",
        "sealing_key_unchanged",
        "store_row_damaged",
        "store_closed",
        "store_panicked",
        "store_refused",
    ];
}

impl StoreError {
    /// Whether it is the same for everybody until somebody acts or the time passes.
    pub(crate) fn is_outage(&self) -> bool {
        self.owner() == Owner::Operator && self.next() != Next::Discard
    }
}

impl Fault for StoreError {
    fn code(&self) -> &'static str {
        match self {
            Self::InUse { .. } => "state_folder_in_use",
            Self::Shared { .. } => "state_folder_shared",
            Self::Locked { .. } => "store_locked",
            Self::DiskFull { .. } => "disk_full",
            Self::Newer { .. } => "store_newer",
            Self::Older { .. } => "store_older",
            Self::Damaged { .. } => "store_damaged",
            Self::Unusable { .. } | Self::NoThread { .. } => "store_unusable",
            Self::OtherKey { .. } => "sealed_with_other_key",
            Self::KeyMissing { .. } => "sealing_key_missing",
            Self::KeyMalformed { .. } => "sealing_key_malformed",
            Self::KeyChanged { .. } => "sealing_key_changed",
            Self::KeyNeeded { .. } => "sealing_key_needed",
            Self::KeyUnchanged => "sealing_key_unchanged",
            Self::Spool(error) => error.code(),
            Self::DamagedRow { .. } => "store_row_damaged",
            Self::File(error) => error.code(),
            Self::Secret(error) => error.code(),
            Self::Closed => "store_closed",
            Self::Panicked { .. } => "store_panicked",
            Self::Refused { .. } => "store_refused",
        }
    }

    fn owner(&self) -> Owner {
        match self {
            Self::Closed | Self::Panicked { .. } | Self::Refused { .. } => Owner::Gatepost,
            _ => Owner::Operator,
        }
    }

    fn next(&self) -> Next {
        match self {
            Self::Locked { .. }
            | Self::DiskFull { .. }
            | Self::KeyChanged { .. }
            | Self::Panicked { .. }
            | Self::Closed => Next::Retry(After::Backoff),
            Self::Spool(error) => error.next(),
            Self::File(error) => error.next(),
            Self::DamagedRow { .. } => Next::Discard,
            _ => Next::Reconfigure,
        }
    }
}

impl From<StoreError> for GrantStoreError {
    fn from(error: StoreError) -> Self {
        Self::Storage {
            code: error.code(),
            message: error.to_string(),
            owner: error.owner(),
            next: error.next(),
        }
    }
}

impl From<StoreError> for PasswordError {
    fn from(error: StoreError) -> Self {
        Self::Storage {
            code: error.code(),
            message: error.to_string(),
            owner: error.owner(),
            next: error.next(),
        }
    }
}

impl From<StoreError> for StorageError {
    fn from(error: StoreError) -> Self {
        Self::Storage {
            code: error.code(),
            message: error.to_string(),
            owner: error.owner(),
            next: error.next(),
        }
    }
}
