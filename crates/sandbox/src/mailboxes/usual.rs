//! The folders Exchange puts into every mailbox.

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

/// Name and use of each folder of a new mailbox.
pub(super) const USUAL: &[(&str, Option<Use>)] = &[
    ("INBOX", None),
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
