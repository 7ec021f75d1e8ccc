//! The folders Exchange puts into every mailbox.

use super::FolderPath;

/// What a folder is for, where Exchange says so in a listing (RFC 6154 §2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Use {
    /// Messages being written.
    Drafts,
    /// Messages that were sent.
    Sent,
    /// Deleted messages.
    Trash,
    /// Spam.
    Junk,
}

/// Name and use of each folder of a new mailbox, beside the inbox.
pub(super) const USUAL: &[(&str, Option<Use>)] = &[
    ("Archive", None),
    ("Calendar", None),
    ("Contacts", None),
    ("Conversation History", None),
    ("Conversation History/Team Chat", None),
    ("Deleted Items", Some(Use::Trash)),
    ("Drafts", Some(Use::Drafts)),
    ("Journal", None),
    ("Junk Email", Some(Use::Junk)),
    ("Notes", None),
    ("Outbox", None),
    ("Sent Items", Some(Use::Sent)),
    ("Tasks", None),
];

/// Names that no folder at the top level may be given: `NO Folder name is reserved`.
pub(super) const RESERVED: &[&str] = &["Files"];

/// Whether the folder belongs to Exchange: it can be neither deleted nor renamed.
pub(super) fn is_usual(path: &FolderPath) -> bool {
    *path == FolderPath::inbox()
        || USUAL
            .iter()
            .any(|(name, _)| name.eq_ignore_ascii_case(path.as_str()))
}
