//! What can be wrong with a demonstration.

use std::path::PathBuf;

use gatepost_fault::{Fault, Next, Owner};

/// Why the tour ended early.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// Something was claimed and is not so.
    #[error("the tour claims that {claim}, and it is not so: {found}")]
    Claim {
        /// What was claimed.
        claim: String,
        /// What was found.
        found: String,
    },
    /// There is something in the folder.
    #[error("the folder {} is not empty; name another, or one that does not exist", path.display())]
    FolderInUse {
        /// The folder.
        path: PathBuf,
    },
}

impl DemoError {
    /// Every code this error answers.
    pub const CODES: &'static [&'static str] = &["demo_claim_failed", "demo_folder_unusable"];
}

impl Fault for DemoError {
    fn code(&self) -> &'static str {
        match self {
            Self::Claim { .. } => "demo_claim_failed",
            Self::FolderInUse { .. } => "demo_folder_unusable",
        }
    }

    fn owner(&self) -> Owner {
        match self {
            Self::Claim { .. } => Owner::Gatepost,
            Self::FolderInUse { .. } => Owner::Operator,
        }
    }

    fn next(&self) -> Next {
        Next::Discard
    }
}
