//! Messages as mailboxes hold them.

use bytes::Bytes;
use gatepost_wire::imap::server::Flags;
use jiff::Timestamp;

/// Names a message for good, across moves between folders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MessageId(pub(super) u64);

/// A message in a folder. Cloning it copies no body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Its name for good.
    pub id: MessageId,
    /// Its name in this folder (RFC 3501 §2.3.1.1).
    pub uid: u32,
    /// When the server received it (INTERNALDATE).
    pub received_at: Timestamp,
    /// Its flags.
    pub flags: Flags,
    /// The message itself.
    pub raw: Bytes,
}

/// A message on its way into a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMessage {
    /// The message itself.
    pub raw: Bytes,
    /// The flags it starts with.
    pub flags: Flags,
    /// When the server received it.
    pub received_at: Timestamp,
}

impl NewMessage {
    /// A message that arrived at `at` and has not been read.
    pub fn received(raw: Bytes, at: Timestamp) -> Self {
        Self {
            raw,
            flags: Flags::NONE,
            received_at: at,
        }
    }
}

/// Where a message was put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Filed {
    /// The UIDVALIDITY of the folder.
    pub uidvalidity: u32,
    /// The UID the message got.
    pub uid: u32,
}
