//! Messages as mailboxes hold them.

use std::sync::Arc;

use bytes::Bytes;
use gatepost_wire::imap::server::Flags;
use jiff::Timestamp;

use super::contents::{Contents, Understood};

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
    /// Its name for as long as it stays in this folder; another one after a move, also back.
    pub stay: Stay,
    /// Whether it was in another folder before.
    pub came_by_move: bool,
    /// Rises with each of its changes in this folder.
    pub revision: u64,
    /// What is kept of it beside the flags.
    pub marks: Arc<Marks>,
    pub(super) understood: Understood,
}

impl Message {
    pub(super) fn new(id: MessageId, new: NewMessage) -> Self {
        let NewMessage {
            raw,
            flags,
            received_at,
        } = new;
        Self {
            id,
            uid: 0,
            received_at,
            flags,
            raw,
            stay: Stay::NONE,
            came_by_move: false,
            revision: 0,
            marks: Arc::default(),
            understood: Understood::default(),
        }
    }

    /// What it says, read from its MIME when somebody first asks.
    pub fn contents(&self) -> &Contents {
        self.understood.of(&self.raw)
    }
}

/// Names the stay of a message in one folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Stay(pub(super) u64);

impl Stay {
    /// No stay has begun.
    pub(super) const NONE: Self = Self(0);

    /// The number in it.
    pub(crate) fn number(self) -> u64 {
        self.0
    }

    /// The stay with this number, if there ever was one.
    pub(crate) fn of(number: u64) -> Self {
        Self(number)
    }
}

impl MessageId {
    /// The number in it.
    pub(crate) fn number(self) -> u64 {
        self.0
    }

    /// The message with this number, if there ever was one.
    pub(crate) fn of(number: u64) -> Self {
        Self(number)
    }
}

/// What Outlook keeps of a message and IMAP does not show.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Marks {
    /// The names of its categories.
    pub categories: Vec<String>,
    /// A flagged message whose matter is done.
    pub completed: bool,
    /// What somebody said of its importance, whatever its header says.
    pub importance: Option<String>,
    /// When it was last changed otherwise than by its flags.
    pub modified_at: Option<Timestamp>,
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
