//! Lists the folders with their counts.

use std::collections::{BTreeMap, VecDeque};

use gatepost_wire::imap::client::{Command, Counted, Event, Listed, Ticket, Untagged};

use super::names;
use super::session::Session;
use super::verdict::Asked;
use crate::{Folder, FolderName, MailError};

impl Session {
    /// Every folder, INBOX first and the others by name.
    pub(super) async fn all_folders(&mut self) -> Result<Vec<Folder>, MailError> {
        self.leave_idle();
        let mut found: Vec<Listed> = Vec::new();
        let list = Command::List {
            pattern: "*".to_owned(),
        };
        self.link
            .must(&list, Asked::Other("list the folders"), |untagged| {
                if let Untagged::Listed(listed) = untagged
                    && found.len() < MOST_FOLDERS
                {
                    found.push(listed);
                }
            })
            .await?;
        let mut folders: BTreeMap<FolderName, Folder> = BTreeMap::new();
        for listed in found {
            let name = self.delimiter.for_people(&listed.name);
            let folder = Folder {
                name: name.clone(),
                special_use: names::special_use(&listed),
                selectable: names::is_selectable(&listed),
                messages: None,
                unread: None,
            };
            folders.entry(name).or_insert(folder);
        }
        self.count(&mut folders).await?;
        let inbox = folders.remove(&FolderName::inbox());
        Ok(inbox.into_iter().chain(folders.into_values()).collect())
    }

    /// Asks for the counts, several at a time. A folder that cannot be counted has none.
    async fn count(&mut self, folders: &mut BTreeMap<FolderName, Folder>) -> Result<(), MailError> {
        let mut todo: VecDeque<String> = folders
            .values()
            .filter(|folder| folder.selectable)
            .map(|folder| self.delimiter.for_server(&folder.name))
            .collect();
        let mut in_flight: Vec<Ticket> = Vec::new();
        loop {
            while in_flight.len() < COUNTS_IN_FLIGHT
                && let Some(folder) = todo.pop_front()
            {
                in_flight.push(self.link.send(&Command::Status { folder }));
            }
            if in_flight.is_empty() {
                return Ok(());
            }
            match self.link.event("the counts of a folder").await? {
                Event::Untagged(Untagged::Counted(counted)) => self.note_counts(folders, &counted),
                Event::Completed(ticket, reply) => {
                    in_flight.retain(|of| *of != ticket);
                    self.link.check_unless_refused(&reply)?;
                }
                _ => {}
            }
        }
    }

    fn note_counts(&self, folders: &mut BTreeMap<FolderName, Folder>, counted: &Counted) {
        if let Some(folder) = folders.get_mut(&self.delimiter.for_people(&counted.name)) {
            folder.messages = counted.messages;
            folder.unread = counted.unseen;
        }
    }
}

const COUNTS_IN_FLIGHT: usize = 8;
/// Exchange Online allows 10,000 folders in a mailbox's visible tree.
const MOST_FOLDERS: usize = 50_000;
