//! What can go wrong with the spool.

use std::io;
use std::path::{Path, PathBuf};

use gatepost_fault::{After, Fault, Next, Owner};
use gatepost_host::{FileError, SealError};

/// Why a raw message could not be kept or read. Nothing is lost by it: what was not kept is
/// fetched again, what cannot be read stays where it is.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// The folder cannot be made.
    #[error("the spool: {0}")]
    Folder(#[from] FileError),
    /// The operating system refused.
    #[error("the spool cannot {action} {}: {source}; free space or give back access, it is tried again", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// A file is not what was written.
    #[error("the spooled message {name}: {source}")]
    Sealed {
        /// The name of the file.
        name: String,
        /// What is wrong with it.
        source: SealError,
    },
}

impl SpoolError {
    /// Every code this error answers; those of [`FileError`] and [`SealError`] come on top.
    pub const CODES: &'static [&'static str] = &["disk_full", "spool_unusable"];

    pub(super) fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io {
            action,
            path: path.to_owned(),
            source,
        }
    }
}

impl Fault for SpoolError {
    fn code(&self) -> &'static str {
        match self {
            Self::Folder(file) => file.code(),
            Self::Io { source, .. } if source.kind() == io::ErrorKind::StorageFull => "disk_full",
            Self::Io { .. } => "spool_unusable",
            Self::Sealed { source, .. } => source.code(),
        }
    }

    fn owner(&self) -> Owner {
        Owner::Operator
    }

    fn next(&self) -> Next {
        match self {
            // A disk is emptied and a permission given back while we run.
            Self::Folder(_) | Self::Io { .. } => Next::Retry(After::Backoff),
            Self::Sealed { source, .. } => source.next(),
        }
    }
}
