//! Folders by their paths: Graph knows them by ids, people by names with `/` between levels.

use std::collections::VecDeque;

use super::batch::Part;
use super::call::Call;
use super::client::Graph;
use super::refusal::GraphMeaning;
use super::resources::MailFolder;
use crate::near;
use crate::{Folder, FolderName, MailError, SpecialUse};

/// A folder as it was found.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) id: String,
    pub(super) name: FolderName,
    special_use: Option<SpecialUse>,
    messages: Option<u32>,
    unread: Option<u32>,
}

impl Found {
    /// The folder in the words of every transport.
    pub(super) fn folder(&self) -> Folder {
        Folder {
            name: self.name.clone(),
            special_use: self.special_use,
            selectable: true,
            messages: self.messages,
            unread: self.unread,
        }
    }
}

impl Graph {
    /// The id of the folder of that name, by which messages are copied
    /// ([`copy_messages`](Self::copy_messages)).
    pub async fn folder_id(&self, folder: &FolderName) -> Result<String, MailError> {
        if *folder == FolderName::inbox() {
            return Ok(self.inbox().await?.id);
        }
        let tree = self.tree().await?;
        let found = tree.iter().find(|found| found.name == *folder);
        let found = found.map(|found| found.id.clone());
        found.ok_or_else(|| missing(self, folder, &tree))
    }

    /// Every folder below the top of the mailbox, the inbox first, the others by their names.
    pub(super) async fn tree(&self) -> Result<Vec<Found>, MailError> {
        let known = self.well_known().await?;
        let address = self.at(&["mailFolders"]);
        let top = address
            .with("$top", PAGE)
            .with("$select", MailFolder::FIELDS);
        let top: Vec<MailFolder> = self.pages(Call::get(top.url(), LIST), MOST).await?;
        let mut found = Vec::new();
        let mut unseen: VecDeque<(Option<String>, MailFolder)> =
            top.into_iter().map(|folder| (None, folder)).collect();
        while let Some((above, folder)) = unseen.pop_front() {
            let known = known.iter().find(|(id, _)| *id == folder.id);
            let name = match known {
                // It may be called anything in the language of its owner.
                Some((_, WELL_KNOWN_INBOX)) => FolderName::inbox().as_str().to_owned(),
                // The inbox alone has that name, in any case of its letters.
                _ if above.is_none() && is_inbox(&folder.display_name) => {
                    format!("{} (folder)", folder.display_name)
                }
                _ => level(&folder.display_name),
            };
            let path = match &above {
                Some(above) => format!("{above}/{name}"),
                None => name,
            };
            let has_children = folder.child_folder_count.unwrap_or(0) > 0;
            if has_children && found.len() + unseen.len() < MOST {
                let below = self.children(&folder.id).await?;
                let below = below.into_iter().map(|child| (Some(path.clone()), child));
                unseen.extend(below);
            }
            found.push(Found {
                id: folder.id,
                name: FolderName::new(path),
                special_use: known.and_then(|(_, name)| special_use(name)),
                messages: folder.total_item_count,
                unread: folder.unread_item_count,
            });
        }
        let inbox = FolderName::inbox();
        found.sort_by(|one, other| {
            let key = |found: &Found| (found.name != inbox, found.name.clone());
            key(one).cmp(&key(other))
        });
        Ok(found)
    }

    /// The folder of that name as it is now.
    pub(super) async fn inbox(&self) -> Result<MailFolder, MailError> {
        self.folder_with(WELL_KNOWN_INBOX).await
    }

    /// The folder with that id, or with that well-known name.
    pub(super) async fn folder_with(&self, id: &str) -> Result<MailFolder, MailError> {
        let address = self.at(&["mailFolders", id]);
        let address = address.with("$select", MailFolder::FIELDS);
        self.object(Call::get(address.url(), "open a folder")).await
    }

    async fn children(&self, id: &str) -> Result<Vec<MailFolder>, MailError> {
        let address = self.at(&["mailFolders", id, "childFolders"]);
        let address = address
            .with("$top", PAGE)
            .with("$select", MailFolder::FIELDS);
        self.pages(Call::get(address.url(), LIST), MOST).await
    }

    /// The ids of the folders that every mailbox has, with their well-known names. Not every
    /// mailbox has all of them.
    async fn well_known(&self) -> Result<Vec<(String, &'static str)>, MailError> {
        let parts = WELL_KNOWN.iter().map(|(name, _)| {
            let address = self.at(&["mailFolders", name]);
            Part::get(address.with("$select", MailFolder::FIELDS))
        });
        let replies = self.batch(LIST, parts.collect()).await?;
        let mut known = Vec::new();
        for ((name, _), reply) in WELL_KNOWN.iter().zip(replies) {
            match reply {
                Ok(folder) => {
                    if let Some(id) = folder.get("id").and_then(|id| id.as_str()) {
                        known.push((id.to_owned(), *name));
                    }
                }
                Err(refusal) if refusal.meaning == GraphMeaning::ItemMissing => {}
                Err(refusal) => return Err(refusal.into()),
            }
        }
        Ok(known)
    }
}

/// That there is no such folder, with those that may be meant.
pub(super) fn missing(graph: &Graph, folder: &FolderName, tree: &[Found]) -> MailError {
    let names = tree.iter().map(|found| found.name.clone()).collect();
    MailError::FolderMissing {
        mailbox: graph.mailbox().to_owned(),
        folder: folder.to_string(),
        near: near::names(folder, names),
        said: "none has that name".to_owned(),
    }
}

/// One level of a path: a name may hold what separates levels.
fn level(display_name: &str) -> String {
    display_name.replace('/', "\\/")
}

fn is_inbox(name: &str) -> bool {
    FolderName::new(name) == FolderName::inbox()
}

fn special_use(well_known: &str) -> Option<SpecialUse> {
    let known = WELL_KNOWN.iter().find(|(name, _)| *name == well_known)?;
    known.1
}

const LIST: &str = "list folders";
const PAGE: &str = "100";
/// More folders than a mailbox may have by recommendation; beyond, they are left out.
const MOST: usize = 10_000;
const WELL_KNOWN_INBOX: &str = "inbox";
/// <https://learn.microsoft.com/graph/api/resources/mailfolder#well-known-folder-names>
const WELL_KNOWN: &[(&str, Option<SpecialUse>)] = &[
    (WELL_KNOWN_INBOX, None),
    ("archive", Some(SpecialUse::Archive)),
    ("deleteditems", Some(SpecialUse::Trash)),
    ("drafts", Some(SpecialUse::Drafts)),
    ("junkemail", Some(SpecialUse::Junk)),
    ("sentitems", Some(SpecialUse::Sent)),
];
