//! The folders of one mailbox, by name and for good.

use std::collections::BTreeMap;

use super::folder::Folder;
use super::usual::USUAL;
use super::{FolderId, FolderPath, MessageId, Use};

#[derive(Debug, Default)]
pub(super) struct Folders {
    pub(super) by_id: BTreeMap<FolderId, Folder>,
    pub(super) by_path: BTreeMap<FolderPath, FolderId>,
    last_folder: u64,
    last_message: u64,
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
