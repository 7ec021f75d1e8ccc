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

impl Cursor {
    /// Whether another transport wrote it: the mailbox was read by other means before. Then
    /// nothing in it can be used, and what is there is told by its fingerprints.
    pub(crate) fn is_foreign_to(&self, transport: &'static str) -> bool {
        self.transport != transport
    }

    /// The text of `transport` in this version of its format.
    pub(crate) fn state_of(
        &self,
        transport: &'static str,
        version: u32,
    ) -> Result<&str, CursorError> {
        if self.transport != transport {
            return Err(CursorError::OtherTransport {
                found: self.transport.clone(),
                wanted: transport,
            });
        }
        if self.version != version {
            let reason = format!("it has version {} and {version} is known", self.version);
            return Err(CursorError::Unreadable { reason });
        }
        Ok(&self.state)
    }
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
    /// It is of another mailbox.
    #[error("the stored cursor is of the mailbox {found}")]
    OtherMailbox {
        /// Whose it is.
        found: String,
    },
    /// It is damaged, or from a newer version of Gatepost.
    #[error("the stored cursor cannot be read: {reason}")]
    Unreadable {
        /// What is wrong with it.
        reason: String,
    },
}
