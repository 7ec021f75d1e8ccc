//! How far a folder has been seen: opaque to all but the transport that wrote it.

/// How far a folder has been seen. Only the transport that wrote it can read it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Cursor {
    /// The transport that wrote it, such as `imap`.
    pub transport: String,
    /// The version of that transport's format.
    pub version: u32,
    /// The transport's own text (JSON in all transports of today).
    pub state: String,
}

/// A stored cursor cannot be used with the transport that is now configured.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CursorError {
    /// Another transport wrote it.
    #[error("the stored cursor was written by {found}, and the mailbox is now read by {wanted}")]
    OtherTransport {
        /// Who wrote it.
        found: String,
        /// Who reads now.
        wanted: &'static str,
    },
    /// It is damaged, or from a newer version of Gatepost.
    #[error("the stored cursor cannot be read: {reason}")]
    Unreadable {
        /// What is wrong with it.
        reason: String,
    },
}
