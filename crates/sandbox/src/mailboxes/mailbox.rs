//! One mailbox: its folders, and what can be done to them.

use std::sync::{Mutex, MutexGuard, PoisonError};

use gatepost_wire::imap::server::Flags;
use tokio::sync::watch;

use super::folder::Folder;
use super::message::Stay;
use super::tree::Folders;
use super::usual::{RESERVED, is_usual};
use super::{
    Changes, Filed, FlagEdit, FolderEntry, FolderId, FolderPath, FolderState, MailboxError,
    Message, NewMessage, Subscription,
};

/// A mailbox of a person or of a group.
#[derive(Debug)]
pub struct Mailbox {
    address: String,
    kind: MailboxKind,
    folders: Mutex<Folders>,
    inbox: FolderId,
    changed: watch::Sender<u64>,
}

/// Whose mailbox it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailboxKind {
    /// A person signs in to it.
    User,
    /// Nobody can sign in to it; delegates open it.
    Shared,
}

impl Mailbox {
    pub(super) fn new(address: &str, kind: MailboxKind) -> Self {
        let (folders, inbox) = Folders::usual();
        Self {
            address: address.to_owned(),
            kind,
            inbox,
            folders: Mutex::new(folders),
            changed: watch::Sender::new(0),
        }
    }

    /// Its address, as it was spelt.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Whose it is.
    pub fn kind(&self) -> MailboxKind {
        self.kind
    }

    /// Its inbox.
    pub fn inbox(&self) -> FolderId {
        self.inbox
    }

    /// Wakes up after every change in any folder; the number counts them.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// Every folder, in the order of the names.
    pub fn folders(&self) -> Vec<FolderEntry> {
        let folders = self.lock();
        let mut entries: Vec<FolderEntry> = Vec::with_capacity(folders.by_path.len());
        for (path, id) in &folders.by_path {
            let Some(folder) = folders.by_id.get(id) else {
                continue;
            };
            entries.push(FolderEntry {
                id: *id,
                path: folder.path.clone(),
                special: folder.special,
                subscribed: folder.subscribed,
                has_children: folders.has_children(path),
            });
        }
        entries
    }

    /// The folder of this name.
    pub fn find(&self, name: &str) -> Result<FolderId, MailboxError> {
        let unknown = || self.unknown(name);
        let path = FolderPath::parse(name).map_err(|_| unknown())?;
        self.lock().by_path.get(&path).copied().ok_or_else(unknown)
    }

    /// A folder in figures; `None` once it is deleted.
    pub fn state(&self, folder: FolderId) -> Option<FolderState> {
        self.lock().by_id.get(&folder).map(Folder::state)
    }

    /// Under which UIDVALIDITY a folder has its UIDs; `None` once it is deleted.
    pub fn uidvalidity(&self, folder: FolderId) -> Option<u32> {
        self.lock().by_id.get(&folder).map(Folder::uidvalidity)
    }

    /// Makes a folder, and the levels above it that are missing.
    pub fn create(&self, name: &str) -> Result<FolderId, MailboxError> {
        let path = FolderPath::parse(name)?;
        if RESERVED
            .iter()
            .any(|reserved| reserved.eq_ignore_ascii_case(path.as_str()))
        {
            return Err(self.reserved(&path));
        }
        let made = self
            .lock()
            .create(&path)
            .ok_or_else(|| self.exists(&path))?;
        self.tell();
        Ok(made)
    }

    /// Deletes a folder with its messages.
    pub fn delete(&self, name: &str) -> Result<(), MailboxError> {
        let path = FolderPath::parse(name)?;
        if is_usual(&path) {
            return Err(self.reserved(&path));
        }
        {
            let mut folders = self.lock();
            if folders.has_children(&path) {
                let (address, folder) = (self.address.clone(), path.to_string());
                return Err(MailboxError::FolderNotEmpty { address, folder });
            }
            let id = folders
                .by_path
                .remove(&path)
                .ok_or_else(|| self.unknown(name))?;
            folders.drop_folder(id);
        }
        self.tell();
        Ok(())
    }

    /// Renames a folder and all folders below it.
    pub fn rename(&self, from: &str, to: &str) -> Result<(), MailboxError> {
        let (from, to) = (FolderPath::parse(from)?, FolderPath::parse(to)?);
        if is_usual(&from) || to.is_below(&from) {
            return Err(self.reserved(&from));
        }
        {
            let mut folders = self.lock();
            if !folders.by_path.contains_key(&from) {
                return Err(self.unknown(from.as_str()));
            }
            if to != from && folders.by_path.contains_key(&to) {
                return Err(self.exists(&to));
            }
            folders.rename(&from, &to);
        }
        self.tell();
        Ok(())
    }

    /// Notes whether somebody is subscribed to a folder.
    pub fn set_subscribed(
        &self,
        name: &str,
        subscription: Subscription,
    ) -> Result<(), MailboxError> {
        let id = self.find(name)?;
        if let Some(folder) = self.lock().by_id.get_mut(&id) {
            folder.subscribed = subscription == Subscription::Subscribed;
        }
        Ok(())
    }

    /// Puts a message into a folder.
    pub fn file(&self, folder: FolderId, new: NewMessage) -> Result<Filed, MailboxError> {
        let filed = {
            let mut folders = self.lock();
            let id = folders.next_message();
            let put = folders.put(folder, Message::new(id, new));
            put.ok_or_else(|| self.gone())?
        };
        self.tell();
        Ok(filed)
    }

    /// One message.
    pub fn message(&self, folder: FolderId, uid: u32) -> Option<Message> {
        self.lock().by_id.get(&folder)?.message(uid).cloned()
    }

    /// Every message of a folder, by rising UID, without copying bodies.
    pub fn messages(&self, folder: FolderId) -> Vec<Message> {
        let folders = self.lock();
        folders
            .by_id
            .get(&folder)
            .map(|f| f.messages().cloned().collect())
            .unwrap_or_default()
    }

    /// UID and flags of every message, by rising UID, with the folder in figures.
    pub fn overview(&self, folder: FolderId) -> Option<(FolderState, Vec<(u32, Flags)>)> {
        let folders = self.lock();
        let folder = folders.by_id.get(&folder)?;
        Some((
            folder.state(),
            folder.messages().map(|m| (m.uid, m.flags)).collect(),
        ))
    }

    /// What changed in a folder since `version` under this UIDVALIDITY; `None` if the folder
    /// was deleted or renumbered.
    pub fn changes(&self, folder: FolderId, uidvalidity: u32, version: u64) -> Option<Changes> {
        let folders = self.lock();
        let folder = folders.by_id.get(&folder)?;
        (folder.uidvalidity() == uidvalidity).then(|| folder.changes_since(version))
    }

    /// Changes the flags of messages; answers those that are there, with their flags now.
    pub fn edit_flags(&self, folder: FolderId, uids: &[u32], edit: FlagEdit) -> Vec<(u32, Flags)> {
        let edited = {
            let mut folders = self.lock();
            let Some(folder) = folders.by_id.get_mut(&folder) else {
                return Vec::new();
            };
            uids.iter()
                .filter_map(|uid| Some((*uid, folder.edit(*uid, edit)?)))
                .collect()
        };
        self.tell();
        edited
    }

    /// Copies messages; answers each old UID with where its copy went.
    pub fn copy(
        &self,
        folder: FolderId,
        uids: &[u32],
        to: FolderId,
    ) -> Result<Vec<(u32, Filed)>, MailboxError> {
        self.transfer(folder, uids, to, |folders, uid| {
            let message = folders.by_id.get(&folder)?.message(uid)?.clone();
            let id = folders.next_message();
            // The copy was nowhere before.
            Some(Message {
                id,
                stay: Stay::NONE,
                ..message
            })
        })
    }

    /// Moves messages; answers each old UID with where the message went.
    pub fn relocate(
        &self,
        folder: FolderId,
        uids: &[u32],
        to: FolderId,
    ) -> Result<Vec<(u32, Filed)>, MailboxError> {
        self.transfer(folder, uids, to, |folders, uid| folders.take(folder, uid))
    }

    /// Removes messages for good; answers those that were there.
    pub fn remove(&self, folder: FolderId, uids: &[u32]) -> Vec<u32> {
        let removed = {
            let mut folders = self.lock();
            uids.iter()
                .copied()
                .filter(|uid| folders.take(folder, *uid).is_some())
                .collect()
        };
        self.tell();
        removed
    }

    /// Fault: the folder loses its UIDs and starts anew under another UIDVALIDITY.
    pub fn bump_uidvalidity(&self, name: &str) -> Result<FolderState, MailboxError> {
        let id = self.find(name)?;
        let state = {
            let mut folders = self.lock();
            let renumbered = folders.renumber(id);
            renumbered.ok_or_else(|| self.unknown(name))?.state()
        };
        self.tell();
        Ok(state)
    }

    fn transfer(
        &self,
        from: FolderId,
        uids: &[u32],
        to: FolderId,
        mut take: impl FnMut(&mut Folders, u32) -> Option<Message>,
    ) -> Result<Vec<(u32, Filed)>, MailboxError> {
        let filed = {
            let mut folders = self.lock();
            if !folders.by_id.contains_key(&from) || !folders.by_id.contains_key(&to) {
                return Err(self.gone());
            }
            let mut filed = Vec::with_capacity(uids.len());
            for uid in uids {
                let Some(message) = take(&mut folders, *uid) else {
                    continue;
                };
                if let Some(there) = folders.put(to, message) {
                    filed.push((*uid, there));
                }
            }
            filed
        };
        self.tell();
        Ok(filed)
    }

    pub(super) fn tell(&self) {
        self.changed
            .send_modify(|count| *count = count.wrapping_add(1));
    }

    /// A panic while the lock was held leaves whole messages behind: carry on.
    pub(super) fn lock(&self) -> MutexGuard<'_, Folders> {
        self.folders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn unknown(&self, folder: &str) -> MailboxError {
        MailboxError::FolderUnknown {
            address: self.address.clone(),
            folder: folder.to_owned(),
        }
    }

    pub(super) fn gone(&self) -> MailboxError {
        self.unknown("(deleted)")
    }

    fn exists(&self, path: &FolderPath) -> MailboxError {
        MailboxError::FolderExists {
            address: self.address.clone(),
            folder: path.to_string(),
        }
    }

    fn reserved(&self, path: &FolderPath) -> MailboxError {
        MailboxError::FolderReserved {
            address: self.address.clone(),
            folder: path.to_string(),
        }
    }
}
