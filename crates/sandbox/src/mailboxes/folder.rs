//! One folder: its messages, their UIDs and its journal.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

use gatepost_wire::imap::server::{Flag, Flags};
use jiff::Timestamp;

use super::changes::{Journal, Touched};
use super::message::Marks;
use super::{Changes, Delta, FlagEdit, FolderPath, Message, Use};

/// Names a folder for good, across renaming.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FolderId(pub(super) u64);

impl FolderId {
    /// The number in it; never zero.
    pub(crate) fn number(self) -> u64 {
        self.0
    }

    /// The folder with this number, if there ever was one.
    pub(crate) fn of(number: u64) -> Self {
        Self(number)
    }
}

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
    by_date: BTreeSet<(Timestamp, u32)>,
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
            by_date: BTreeSet::new(),
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

    /// How many messages there are.
    pub(super) fn held(&self) -> usize {
        self.messages.len()
    }

    /// The UIDs of the messages received from `from` on and before `until`, oldest first.
    pub(super) fn dated(
        &self,
        from: Bound<Timestamp>,
        until: Bound<Timestamp>,
    ) -> impl DoubleEndedIterator<Item = u32> {
        let from = match from {
            Bound::Included(at) => Bound::Included((at, 0)),
            Bound::Excluded(at) => Bound::Excluded((at, u32::MAX)),
            Bound::Unbounded => Bound::Unbounded,
        };
        let until = match until {
            Bound::Included(at) => Bound::Included((at, u32::MAX)),
            Bound::Excluded(at) => Bound::Excluded((at, 0)),
            Bound::Unbounded => Bound::Unbounded,
        };
        self.by_date.range((from, until)).map(|&(_, uid)| uid)
    }

    /// The messages above a UID, by rising UID.
    pub(super) fn above(&self, uid: u32) -> impl Iterator<Item = &Message> {
        let above = (Bound::Excluded(uid), Bound::Unbounded);
        self.messages.range(above).map(|(_, message)| message)
    }

    /// The messages received before one, from the newest to the oldest.
    pub(super) fn before(
        &self,
        before: Option<(Timestamp, u32)>,
    ) -> impl Iterator<Item = &Message> {
        let until = before.map_or(Bound::Unbounded, Bound::Excluded);
        let dated = self.by_date.range((Bound::Unbounded, until)).rev();
        dated.filter_map(|(_, uid)| self.messages.get(uid))
    }

    /// Adds a message under the next UID, which it answers.
    pub(super) fn add(&mut self, message: Message) -> u32 {
        let uid = self.uidnext;
        self.uidnext += 1;
        self.journal.note(uid, message.id, message.stay);
        self.by_date.insert((message.received_at, uid));
        let revision = self.journal.version();
        self.messages.insert(
            uid,
            Message {
                uid,
                revision,
                ..message
            },
        );
        uid
    }

    /// Takes a message out.
    pub(super) fn remove(&mut self, uid: u32) -> Option<Message> {
        let message = self.messages.remove(&uid)?;
        self.by_date.remove(&(message.received_at, uid));
        self.journal.note(uid, message.id, message.stay);
        Some(message)
    }

    /// Changes the flags of one message; answers them, or `None` if it is not here.
    pub(super) fn edit(&mut self, uid: u32, edit: FlagEdit) -> Option<Flags> {
        let message = self.messages.get_mut(&uid)?;
        let after = edit.apply(message.flags);
        if after != message.flags {
            message.flags = after;
            self.note_change(uid);
        }
        Some(after)
    }

    /// Changes what is kept of a message beside its flags.
    pub(super) fn mark(&mut self, uid: u32, marks: Marks) -> Option<()> {
        let message = self.messages.get_mut(&uid)?;
        if *message.marks != marks {
            message.marks = Arc::new(marks);
            self.note_change(uid);
        }
        Some(())
    }

    fn note_change(&mut self, uid: u32) {
        if let Some(message) = self.messages.get_mut(&uid) {
            self.journal.note(uid, message.id, message.stay);
            message.revision = self.journal.version();
        }
    }

    /// What happened since `version`, by lasting names; `None` if that is forgotten.
    pub(super) fn touched_since(&self, version: u64) -> Option<Touched> {
        let mut touched = Touched {
            version: self.journal.version(),
            ..Touched::default()
        };
        for (uid, (id, stay)) in self.journal.since(version)? {
            match self.messages.get(&uid) {
                Some(message) => touched.present.push(message.clone()),
                None => touched.gone.push((uid, id, stay)),
            }
        }
        Some(touched)
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
        for uid in touched.into_keys() {
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
        self.by_date = BTreeSet::new();
        for message in std::mem::take(&mut self.messages).into_values() {
            self.add(message);
        }
    }
}

/// A folder never holds more messages than there are UIDs.
fn count(messages: usize) -> u32 {
    u32::try_from(messages).unwrap_or(u32::MAX)
}
