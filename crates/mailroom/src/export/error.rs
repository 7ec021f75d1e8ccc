//! What can go wrong with an export.

use std::io;
use std::path::{Path, PathBuf};

use gatepost_fault::{After, Fault, Next, Owner};
use gatepost_host::FileError;
use gatepost_mail::MailError;

/// Why an export ended early. What was exported until then stays.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The mailbox cannot be read.
    #[error(transparent)]
    Mail(#[from] MailError),
    /// The mailbox has no such folder.
    #[error("{mailbox} has no folder {folder}; `gatepost folders {mailbox}` lists those it has")]
    NoFolder {
        /// The mailbox.
        mailbox: String,
        /// The folder.
        folder: String,
    },
    /// The folder for the files cannot be made.
    #[error(transparent)]
    Folder(#[from] FileError),
    /// The operating system refused.
    #[error(
        "the export cannot {action} {}: {source}; what is exported stays, and the same command goes on from there",
        path.display()
    )]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// Another export writes there.
    #[error("another export writes into {} now; wait for it, or choose another folder", path.display())]
    Busy {
        /// The folder.
        path: PathBuf,
    },
    /// Something else was exported there.
    #[error(
        "{} holds an export of {found}, and {wanted} is to be exported: choose another folder",
        path.display()
    )]
    Another {
        /// The folder.
        path: PathBuf,
        /// What it holds.
        found: String,
        /// What was asked for.
        wanted: String,
    },
    /// There are files already, and no manifest that knows them.
    #[error(
        "{} holds other files than an export's, such as {found}: choose a folder of its own",
        path.display()
    )]
    NotEmpty {
        /// The folder.
        path: PathBuf,
        /// One of the files.
        found: String,
    },
    /// The manifest is not what was written.
    #[error(
        "line {line} of {} cannot be read: {reason}; put the file back as it was, or export into another folder",
        path.display()
    )]
    Manifest {
        /// The manifest.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// The thread that writes files is gone.
    #[error(
        "the export stopped writing files, which is a fault of Gatepost's; the same command goes on from what was written"
    )]
    Stopped,
}

impl ExportError {
    /// Every code this error answers besides those of [`MailError`] and [`FileError`].
    pub const CODES: &'static [&'static str] = &[
        "disk_full",
        "export_busy",
        "export_file_unusable",
        "export_manifest_damaged",
        "export_folder_not_empty",
        "export_of_another",
        "export_stopped",
        "folder_missing",
    ];

    pub(super) fn io<'a>(
        action: &'static str,
        path: &'a Path,
    ) -> impl FnOnce(io::Error) -> Self + use<'a> {
        move |source| Self::Io {
            action,
            path: path.to_owned(),
            source,
        }
    }
}

impl Fault for ExportError {
    fn code(&self) -> &'static str {
        match self {
            Self::Mail(error) => error.code(),
            Self::Folder(error) => error.code(),
            Self::NoFolder { .. } => "folder_missing",
            Self::Io { source, .. } if source.kind() == io::ErrorKind::StorageFull => "disk_full",
            Self::Io { .. } => "export_file_unusable",
            Self::Busy { .. } => "export_busy",
            Self::Another { .. } => "export_of_another",
            Self::NotEmpty { .. } => "export_folder_not_empty",
            Self::Manifest { .. } => "export_manifest_damaged",
            Self::Stopped => "export_stopped",
        }
    }

    fn owner(&self) -> Owner {
        match self {
            Self::Mail(error) => error.owner(),
            Self::Folder(error) => error.owner(),
            Self::NoFolder { .. }
            | Self::Io { .. }
            | Self::Busy { .. }
            | Self::Another { .. }
            | Self::NotEmpty { .. }
            | Self::Manifest { .. } => Owner::Operator,
            Self::Stopped => Owner::Gatepost,
        }
    }

    fn next(&self) -> Next {
        match self {
            Self::Mail(error) => error.next(),
            Self::Folder(error) => error.next(),
            Self::Io { .. } | Self::Busy { .. } | Self::Stopped => Next::Retry(After::Backoff),
            Self::NoFolder { .. } => Next::Reconfigure,
            Self::Another { .. } | Self::NotEmpty { .. } | Self::Manifest { .. } => Next::Discard,
        }
    }
}
