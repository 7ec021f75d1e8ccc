//! What can go wrong in a mailbox of the sandbox.

use gatepost_fault::{Fault, Next, Owner};

/// The sandbox cannot do that to its mailboxes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MailboxError {
    /// No mailbox has this address.
    #[error("the sandbox has no mailbox {address}; add one, or use an address it was started with")]
    MailboxUnknown {
        /// The address that was asked for.
        address: String,
    },
    /// Two mailboxes cannot share an address.
    #[error("the sandbox already has a mailbox {address}; choose another address")]
    MailboxExists {
        /// The address that is taken.
        address: String,
    },
    /// The mailbox has no such folder.
    #[error("mailbox {address} has no folder `{folder}`; list its folders to see their names")]
    FolderUnknown {
        /// The mailbox.
        address: String,
        /// The folder that was asked for.
        folder: String,
    },
    /// The name is taken, in some spelling.
    #[error("mailbox {address} already has a folder `{folder}` (case does not count)")]
    FolderExists {
        /// The mailbox.
        address: String,
        /// The name that is taken.
        folder: String,
    },
    /// Exchange keeps this name for itself.
    #[error("folder `{folder}` of mailbox {address} belongs to Exchange; choose another folder")]
    FolderReserved {
        /// The mailbox.
        address: String,
        /// The reserved folder.
        folder: String,
    },
    /// A folder with folders below it cannot be deleted (RFC 3501 §6.3.4).
    #[error("folder `{folder}` of mailbox {address} has folders below it; delete those first")]
    FolderNotEmpty {
        /// The mailbox.
        address: String,
        /// The folder with children.
        folder: String,
    },
    /// No folder can have this name.
    #[error("`{folder}` cannot be the name of a folder: {why}")]
    FolderName {
        /// What was given.
        folder: String,
        /// The rule it breaks.
        why: &'static str,
    },
}

impl MailboxError {
    /// Every code this type can answer.
    pub const CODES: &'static [&'static str] = &[
        "sandbox_mailbox_unknown",
        "sandbox_mailbox_exists",
        "sandbox_folder_unknown",
        "sandbox_folder_exists",
        "sandbox_folder_reserved",
        "sandbox_folder_not_empty",
        "sandbox_folder_name",
    ];
}

impl Fault for MailboxError {
    fn code(&self) -> &'static str {
        match self {
            Self::MailboxUnknown { .. } => "sandbox_mailbox_unknown",
            Self::MailboxExists { .. } => "sandbox_mailbox_exists",
            Self::FolderUnknown { .. } => "sandbox_folder_unknown",
            Self::FolderExists { .. } => "sandbox_folder_exists",
            Self::FolderReserved { .. } => "sandbox_folder_reserved",
            Self::FolderNotEmpty { .. } => "sandbox_folder_not_empty",
            Self::FolderName { .. } => "sandbox_folder_name",
        }
    }

    fn owner(&self) -> Owner {
        Owner::Operator
    }

    fn next(&self) -> Next {
        Next::Discard
    }
}
