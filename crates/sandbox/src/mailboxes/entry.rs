//! Folders in a listing.

use super::{FolderId, FolderPath, Use};

/// A folder in a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FolderEntry {
    /// Its name for good.
    pub id: FolderId,
    /// Its name now.
    pub path: FolderPath,
    /// What it is for.
    pub special: Option<Use>,
    /// Whether somebody subscribed to it (RFC 3501 §6.3.6).
    pub subscribed: bool,
    /// Whether there are folders below it.
    pub has_children: bool,
}

/// Whether somebody wants a folder in LSUB (RFC 3501 §6.3.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subscription {
    /// It is wanted.
    Subscribed,
    /// It is not.
    Unsubscribed,
}
