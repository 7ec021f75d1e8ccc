//! The folders of one mailbox, by name and for good.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::folder::Folder;
use super::message::Stay;
use super::usual::USUAL;
use super::{Filed, FolderId, FolderPath, Message, MessageId, Use};

#[derive(Debug, Default)]
pub(super) struct Folders {
    pub(super) by_id: BTreeMap<FolderId, Folder>,
    pub(super) by_path: BTreeMap<FolderPath, FolderId>,
    /// Where each message is.
    pub(super) places: BTreeMap<MessageId, (FolderId, u32)>,
    /// Where each message is, by its stay there.
    pub(super) stays: BTreeMap<Stay, (FolderId, u32)>,
    /// All messages of the mailbox by the time they came.
    pub(super) by_date: BTreeMap<(Timestamp, MessageId), (FolderId, u32)>,
    last_folder: u64,
    last_message: u64,
    last_stay: u64,
    last_uidvalidity: u32,
}

impl Folders {
    /// Exchange's usual folders, and which of them is the inbox.
    pub(super) fn usual() -> (Self, FolderId) {
        let mut folders = Self::default();
        let inbox = folders.insert(FolderPath::inbox(), None);
        for (name, special) in USUAL {
            let path = FolderPath::parse(name).expect("the usual names are good names");
            folders.insert(path, *special);
        }
        (folders, inbox)
    }

    fn insert(&mut self, path: FolderPath, special: Option<Use>) -> FolderId {
        self.last_folder += 1;
        let id = FolderId(self.last_folder);
        let uidvalidity = self.next_uidvalidity();
        self.by_path.insert(path.clone(), id);
        self.by_id
            .insert(id, Folder::new(path, special, uidvalidity));
        id
    }

    /// `None` if the name is taken.
    pub(super) fn create(&mut self, path: &FolderPath) -> Option<FolderId> {
        if self.by_path.contains_key(path) {
            return None;
        }
        let above = std::iter::successors(path.parent(), FolderPath::parent);
        let missing: Vec<_> = above
            .filter(|path| !self.by_path.contains_key(path))
            .collect();
        for parent in missing {
            self.insert(parent, None);
        }
        Some(self.insert(path.clone(), None))
    }

    pub(super) fn rename(&mut self, from: &FolderPath, to: &FolderPath) {
        if let Some(parent) = to.parent() {
            self.create(&parent);
        }
        let moved: Vec<(FolderPath, FolderPath)> = self
            .by_path
            .keys()
            .filter_map(|path| Some((path.clone(), path.rebased(from, to)?)))
            .collect();
        for (old, new) in moved {
            let Some(id) = self.by_path.remove(&old) else {
                continue;
            };
            if let Some(folder) = self.by_id.get_mut(&id) {
                folder.path = new.clone();
            }
            self.by_path.insert(new, id);
        }
    }

    pub(super) fn has_children(&self, path: &FolderPath) -> bool {
        let from = path.first_below();
        self.by_path
            .range(from..)
            .next()
            .is_some_and(|(other, _)| other.is_below(path))
    }

    /// Puts a message into a folder, where a new stay begins; `None` if there is no such folder.
    pub(super) fn put(&mut self, folder: FolderId, message: Message) -> Option<Filed> {
        self.last_stay += 1;
        self.keep(
            folder,
            Message {
                stay: Stay(self.last_stay),
                came_by_move: message.stay != Stay::NONE,
                ..message
            },
        )
    }

    /// The same, where a stay goes on.
    pub(super) fn keep(&mut self, folder: FolderId, message: Message) -> Option<Filed> {
        let target = self.by_id.get_mut(&folder)?;
        let (id, stay, received_at) = (message.id, message.stay, message.received_at);
        let uid = target.add(message);
        self.places.insert(id, (folder, uid));
        self.stays.insert(stay, (folder, uid));
        self.by_date.insert((received_at, id), (folder, uid));
        Some(Filed {
            uidvalidity: target.uidvalidity(),
            uid,
        })
    }

    /// Takes a message out of a folder.
    pub(super) fn take(&mut self, folder: FolderId, uid: u32) -> Option<Message> {
        let message = self.by_id.get_mut(&folder)?.remove(uid)?;
        self.forget(&message);
        Some(message)
    }

    /// Takes a folder away with all that is in it.
    pub(super) fn drop_folder(&mut self, id: FolderId) {
        if let Some(folder) = self.by_id.remove(&id) {
            for message in folder.messages() {
                self.forget(message);
            }
        }
    }

    /// Gives every message of a folder a new UID; `None` if there is no such folder.
    pub(super) fn renumber(&mut self, id: FolderId) -> Option<&Folder> {
        let uidvalidity = self.next_uidvalidity();
        let folder = self.by_id.get_mut(&id)?;
        folder.renumber(uidvalidity);
        for message in folder.messages() {
            let place = (id, message.uid);
            self.places.insert(message.id, place);
            self.stays.insert(message.stay, place);
            self.by_date
                .insert((message.received_at, message.id), place);
        }
        self.by_id.get(&id)
    }

    fn forget(&mut self, message: &Message) {
        self.places.remove(&message.id);
        self.stays.remove(&message.stay);
        self.by_date.remove(&(message.received_at, message.id));
    }

    /// Never the same twice in one mailbox, so that a folder made again under an old name has
    /// other UIDs than the one before (RFC 3501 §2.3.1.1).
    pub(super) fn next_uidvalidity(&mut self) -> u32 {
        self.last_uidvalidity += 1;
        FIRST_UIDVALIDITY + self.last_uidvalidity
    }

    pub(super) fn next_message(&mut self) -> MessageId {
        self.last_message += 1;
        MessageId(self.last_message)
    }
}

/// Exchange's are small numbers; its own documents show 4352.
const FIRST_UIDVALIDITY: u32 = 4351;
