//! Why nothing is taken over.

use std::path::PathBuf;

use gatepost_fault::{Fault, Next, Owner};
use gatepost_import::ImportError;

use crate::config::ConfigError;

/// Why another program's place is not taken.
#[derive(Debug, thiserror::Error)]
pub enum TakeoverError {
    /// The file of the other program cannot be read.
    #[error("{} cannot be taken over: {source}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Why.
        source: ImportError,
    },
    /// A configuration is there already.
    #[error(
        "{} is there already, and a configuration is never overwritten; name another file with \
         --write, and put together by hand what belongs together",
        file.display()
    )]
    Exists {
        /// The file.
        file: PathBuf,
    },
    /// Another secret is where one would be written.
    #[error(
        "{} is there already and holds another secret, which is never overwritten; name another \
         file with --write, or remove this one if nothing uses it",
        file.display()
    )]
    OtherSecret {
        /// The file.
        file: PathBuf,
    },
    /// What would be written is no configuration that works.
    #[error(
        "what {} would become does not pass the check of a configuration, so nothing of it is \
         written; correct what it comes from, or write the text that is shown into a file and \
         correct it there: {source}",
        file.display()
    )]
    Unfit {
        /// The file.
        file: PathBuf,
        /// What is wrong with the text, by its lines.
        source: ConfigError,
    },
    /// The folder of the configuration is not there.
    #[error(
        "the folder {} is not there, and none is made to put secrets into, since the path may be \
         mistyped; make it (mkdir -m 700), or correct --write",
        folder.display()
    )]
    NoFolder {
        /// The folder.
        folder: PathBuf,
    },
    /// Sections of the file cannot go on together.
    #[error(
        "not all of {} can go on together: {}; correct it there, and import again",
        file.display(),
        conflicts.join("; ")
    )]
    Conflict {
        /// The file of the other program.
        file: PathBuf,
        /// Each with both sections and their lines.
        conflicts: Vec<String>,
    },
    /// There is nothing in the file that can be taken over.
    #[error(
        "nothing of {} can be taken over: no account in it is one of Microsoft 365 that Gatepost \
         can open; the report says why of each",
        file.display()
    )]
    Nothing {
        /// The file.
        file: PathBuf,
    },
}

impl TakeoverError {
    /// Every code this error answers by itself; those of the file come on top.
    pub const CODES: &'static [&'static str] = &[
        "import_target_exists",
        "import_nothing_usable",
        "import_folder_missing",
        "import_contradiction",
    ];
}

impl Fault for TakeoverError {
    fn code(&self) -> &'static str {
        match self {
            Self::Unreadable { source, .. } => source.code(),
            Self::Unfit { source, .. } => source.code(),
            Self::Exists { .. } | Self::OtherSecret { .. } => "import_target_exists",
            Self::NoFolder { .. } => "import_folder_missing",
            Self::Conflict { .. } => "import_contradiction",
            Self::Nothing { .. } => "import_nothing_usable",
        }
    }

    fn owner(&self) -> Owner {
        Owner::Operator
    }

    fn next(&self) -> Next {
        Next::Discard
    }
}
