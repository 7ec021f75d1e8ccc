//! One folder: its messages, their UIDs and its journal.

use std::collections::BTreeMap;

use gatepost_wire::imap::server::{Flag, Flags};

use super::changes::Journal;
use super::{Changes, Delta, FlagEdit, FolderPath, Message, MessageId, NewMessage, Use};

/// Names a folder for good, across renaming.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FolderId(pub(super) u64);

/// A folder in figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FolderState {
    /// Changes when all UIDs are void (RFC 3501 §2.3.1.1).
    pub uidvalidity: u32,
    /// The UID the next message will get.
    pub uidnext: u32,
    /// How many messages there are.
    pub messages: u32,
    /// How many of them are unread.
    pub unseen: u32,
    /// Rises with every change.
    pub version: u64,
}

#[derive(Debug)]
pub(super) struct Folder {
    pub(super) path: FolderPath,
    pub(super) special: Option<Use>,
    pub(super) subscribed: bool,
    uidvalidity: u32,
    uidnext: u32,
    messages: BTreeMap<u32, Message>,
    journal: Journal,
}

impl Folder {
    pub(super) fn new(path: FolderPath, special: Option<Use>, uidvalidity: u32) -> Self {
        Self {
            path,
            special,
            subscribed: true,
            uidvalidity,
            uidnext: 1,
            messages: BTreeMap::new(),
            journal: Journal::default(),
        }
    }

    pub(super) fn state(&self) -> FolderState {
        let unseen = self
            .messages
            .values()
            .filter(|m| !m.flags.contains(Flag::Seen))
            .count();
        FolderState {
            uidvalidity: self.uidvalidity,
            uidnext: self.uidnext,
            messages: count(self.messages.len()),
            unseen: count(unseen),
            version: self.journal.version(),
        }
    }

    pub(super) fn uidvalidity(&self) -> u32 {
        self.uidvalidity
    }

    pub(super) fn message(&self, uid: u32) -> Option<&Message> {
        self.messages.get(&uid)
    }

    pub(super) fn messages(&self) -> impl Iterator<Item = &Message> {
        self.messages.values()
    }

    /// Adds a message under the next UID, which it answers.
    pub(super) fn add(&mut self, id: MessageId, new: NewMessage) -> u32 {
        let uid = self.uidnext;
        self.uidnext += 1;
        let NewMessage {
            raw,
            flags,
            received_at,
        } = new;
        self.messages.insert(
            uid,
            Message {
                id,
                uid,
                received_at,
                flags,
                raw,
            },
        );
        self.journal.note(uid);
        uid
    }

    /// Takes a message out.
    pub(super) fn remove(&mut self, uid: u32) -> Option<Message> {
        let message = self.messages.remove(&uid)?;
        self.journal.note(uid);
        Some(message)
    }

    /// Changes the flags of one message; answers them, or `None` if it is not here.
    pub(super) fn edit(&mut self, uid: u32, edit: FlagEdit) -> Option<Flags> {
        let message = self.messages.get_mut(&uid)?;
        let after = edit.apply(message.flags);
        if after != message.flags {
            message.flags = after;
            self.journal.note(uid);
        }
        Some(after)
    }

    pub(super) fn changes_since(&self, version: u64) -> Changes {
        if version == self.journal.version() {
            return Changes::Nothing;
        }
        let Some(touched) = self.journal.since(version) else {
            return Changes::Everything;
        };
        let mut delta = Delta {
            version: self.journal.version(),
            ..Delta::default()
        };
        for uid in touched {
            match self.messages.get(&uid) {
                Some(message) => delta.present.push((uid, message.flags)),
                None => delta.vanished.push(uid),
            }
        }
        Changes::Delta(delta)
    }

    /// Gives every message a new UID under a new UIDVALIDITY, in the same order from 1, as a
    /// server does that lost its index.
    pub(super) fn renumber(&mut self, uidvalidity: u32) {
        self.uidvalidity = uidvalidity;
        self.uidnext = 1;
        self.journal = Journal::default();
        for message in std::mem::take(&mut self.messages).into_values() {
            let Message {
                id,
                raw,
                flags,
                received_at,
                ..
            } = message;
            self.add(
                id,
                NewMessage {
                    raw,
                    flags,
                    received_at,
                },
            );
        }
    }
}

/// A folder never holds more messages than there are UIDs.
fn count(messages: usize) -> u32 {
    u32::try_from(messages).unwrap_or(u32::MAX)
}
