//! Messages by the time they came, in slices, and by their lasting names.

use std::ops::Bound;

use bytes::Bytes;
use gatepost_wire::imap::server::{Flag, FlagEdit, Flags};
use jiff::Timestamp;

use super::changes::Touched;
use super::message::{Marks, Stay};
use super::{Filed, FolderId, Mailbox, MailboxError, Message, MessageId, NewMessage};

/// A message and the folder it is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// The folder.
    pub folder: FolderId,
    /// The message.
    pub message: Message,
}

/// Where to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// In one folder.
    Folder(FolderId),
    /// In all of them.
    Whole,
}

/// In which order messages are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// The latest first.
    Newest,
    /// The first first.
    Oldest,
}

/// Which part of a listing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slice {
    /// In this order.
    pub order: Order,
    /// Received from here on.
    pub from: Bound<Timestamp>,
    /// And up to here.
    pub until: Bound<Timestamp>,
    /// Leaving out so many.
    pub skip: usize,
    /// And showing so many.
    pub most: usize,
}

impl Slice {
    /// Everything, newest first.
    pub const ALL: Self = Self {
        order: Order::Newest,
        from: Bound::Unbounded,
        until: Bound::Unbounded,
        skip: 0,
        most: usize::MAX,
    };
}

impl Mailbox {
    /// The messages of a slice. It takes a time that grows with the slice, not with the mailbox.
    pub fn slice(&self, scope: Scope, slice: Slice) -> Vec<Placed> {
        if is_empty(slice.from, slice.until) {
            return Vec::new();
        }
        let folders = self.lock();
        let placed = |(folder, uid): (FolderId, u32)| {
            let message = folders.by_id.get(&folder)?.message(uid)?.clone();
            Some(Placed { folder, message })
        };
        match scope {
            Scope::Folder(id) => {
                let Some(folder) = folders.by_id.get(&id) else {
                    return Vec::new();
                };
                let dated = folder.dated(slice.from, slice.until);
                cut(dated.map(|uid| (id, uid)), slice)
                    .into_iter()
                    .filter_map(placed)
                    .collect()
            }
            Scope::Whole => {
                let bounds = (
                    bound(slice.from, MessageId(0), MessageId(u64::MAX)),
                    bound(slice.until, MessageId(u64::MAX), MessageId(0)),
                );
                let dated = folders.by_date.range(bounds).map(|(_, place)| *place);
                cut(dated, slice).into_iter().filter_map(placed).collect()
            }
        }
    }

    /// How many messages there are.
    pub fn held(&self, scope: Scope) -> usize {
        let folders = self.lock();
        match scope {
            Scope::Folder(id) => folders
                .by_id
                .get(&id)
                .map_or(0, super::folder::Folder::held),
            Scope::Whole => folders.places.len(),
        }
    }

    /// How many octets the messages of a folder have together.
    pub fn octets(&self, folder: FolderId) -> u64 {
        let folders = self.lock();
        let folder = folders.by_id.get(&folder);
        let sizes = folder.map(|folder| folder.messages().map(|m| m.raw.len() as u64).sum());
        sizes.unwrap_or_default()
    }

    /// The messages of a folder above a UID, by rising UID, at most so many; `None` once the
    /// folder is deleted or renumbered.
    pub fn walk(
        &self,
        (folder, uidvalidity): (FolderId, u32),
        above: u32,
        most: usize,
    ) -> Option<Vec<Message>> {
        let folders = self.lock();
        let folder = folders.by_id.get(&folder)?;
        (folder.uidvalidity() == uidvalidity)
            .then(|| folder.above(above).take(most).cloned().collect())
    }

    /// The messages of a folder from the newest to the oldest, after the one received then under
    /// this UID, at most so many; `None` once the folder is deleted or renumbered.
    pub fn walk_back(
        &self,
        (folder, uidvalidity): (FolderId, u32),
        before: Option<(Timestamp, u32)>,
        most: usize,
    ) -> Option<Vec<Message>> {
        let folders = self.lock();
        let folder = folders.by_id.get(&folder)?;
        (folder.uidvalidity() == uidvalidity)
            .then(|| folder.before(before).take(most).cloned().collect())
    }

    /// What happened in a folder since `version`; `None` if that is forgotten, or if the folder
    /// was deleted or renumbered.
    pub fn touched(&self, (folder, uidvalidity): (FolderId, u32), version: u64) -> Option<Touched> {
        let folders = self.lock();
        let folder = folders.by_id.get(&folder)?;
        if folder.uidvalidity() != uidvalidity {
            return None;
        }
        folder.touched_since(version)
    }

    /// The message with this lasting name, wherever it is.
    pub fn locate(&self, id: MessageId) -> Option<Placed> {
        let folders = self.lock();
        let &(folder, uid) = folders.places.get(&id)?;
        let message = folders.by_id.get(&folder)?.message(uid)?.clone();
        Some(Placed { folder, message })
    }

    /// The message that stays there; `None` once it is moved.
    pub fn staying(&self, stay: Stay) -> Option<Placed> {
        let folders = self.lock();
        let &(folder, uid) = folders.stays.get(&stay)?;
        let message = folders.by_id.get(&folder)?.message(uid)?.clone();
        Some(Placed { folder, message })
    }

    /// Puts a message into a folder, and says which it is.
    pub fn put(&self, folder: FolderId, new: NewMessage) -> Result<MessageId, MailboxError> {
        let id = {
            let mut folders = self.lock();
            let id = folders.next_message();
            let put = folders.put(folder, Message::new(id, new));
            put.ok_or_else(|| self.gone())?;
            id
        };
        self.tell();
        Ok(id)
    }

    /// Changes flags and marks of a message; `None` if it is gone.
    pub fn mark(&self, id: MessageId, flags: Flags, marks: Marks) -> Option<Placed> {
        {
            let mut folders = self.lock();
            let &(folder, uid) = folders.places.get(&id)?;
            let folder = folders.by_id.get_mut(&folder)?;
            folder.edit(uid, FlagEdit::Replace(flags));
            folder.mark(uid, marks)?;
        }
        self.tell();
        self.locate(id)
    }

    /// Puts another text in the place of a draft: the message stays the same, under a new UID
    /// (RFC 3501 §2.3.1.1); `None` if it is gone.
    pub fn rewrite(&self, id: MessageId, raw: Bytes) -> Option<Filed> {
        let filed = {
            let mut folders = self.lock();
            let &(folder, uid) = folders.places.get(&id)?;
            let message = folders.take(folder, uid)?;
            let (flags, received_at) = (message.flags, message.received_at);
            let fresh = Message::new(
                id,
                NewMessage {
                    raw,
                    flags,
                    received_at,
                },
            );
            folders.keep(
                folder,
                Message {
                    stay: message.stay,
                    came_by_move: message.came_by_move,
                    marks: message.marks,
                    ..fresh
                },
            )?
        };
        self.tell();
        Some(filed)
    }

    /// A draft leaves as a message sent at `at`: it moves to another folder with these flags and
    /// keeps its lasting name; `None` if it is gone.
    pub fn dispatch(
        &self,
        id: MessageId,
        raw: Bytes,
        at: Timestamp,
        to: FolderId,
    ) -> Option<Filed> {
        let filed = {
            let mut folders = self.lock();
            let &(folder, uid) = folders.places.get(&id)?;
            let message = folders.take(folder, uid)?;
            let sent = Message::new(
                id,
                NewMessage {
                    raw,
                    flags: Flags::from(Flag::Seen),
                    received_at: at,
                },
            );
            folders.put(
                to,
                Message {
                    marks: message.marks,
                    ..sent
                },
            )?
        };
        self.tell();
        Some(filed)
    }
}

fn cut<T>(all: impl DoubleEndedIterator<Item = T>, slice: Slice) -> Vec<T> {
    match slice.order {
        Order::Oldest => all.skip(slice.skip).take(slice.most).collect(),
        Order::Newest => all.rev().skip(slice.skip).take(slice.most).collect(),
    }
}

fn bound(
    at: Bound<Timestamp>,
    with: MessageId,
    without: MessageId,
) -> Bound<(Timestamp, MessageId)> {
    match at {
        Bound::Included(at) => Bound::Included((at, with)),
        Bound::Excluded(at) => Bound::Excluded((at, without)),
        Bound::Unbounded => Bound::Unbounded,
    }
}

/// Whether no time lies between the bounds; a range over such is a panic.
fn is_empty(from: Bound<Timestamp>, until: Bound<Timestamp>) -> bool {
    match (from, until) {
        (Bound::Unbounded, _) | (_, Bound::Unbounded) => false,
        (Bound::Included(from), Bound::Included(until)) => from > until,
        (
            Bound::Included(from) | Bound::Excluded(from),
            Bound::Included(until) | Bound::Excluded(until),
        ) => from >= until,
    }
}
