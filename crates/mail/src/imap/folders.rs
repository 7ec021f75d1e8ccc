//! Lists the folders with their counts.

use std::collections::{BTreeMap, VecDeque};

use gatepost_wire::imap::client::{Command, Counted, Event, Listed, Ticket, Untagged, WireName};

use super::names;
use super::session::Session;
use super::verdict::Asked;
use crate::near;
use crate::{Folder, FolderName, MailError};

impl Session {
    /// Every folder, INBOX first and the others by name.
    pub(super) async fn all_folders(&mut self) -> Result<Vec<Folder>, MailError> {
        self.leave_idle();
        let mut folders: BTreeMap<FolderName, Folder> = BTreeMap::new();
        let delimiter = self.delimiter;
        let mut found = self.listed().await?;
        // Of two names that read alike, the one that is written as it should be counts.
        found.sort_by_key(|one| delimiter.for_server(&delimiter.for_people(&one.name)) != one.wire);
        for listed in found {
            let name = delimiter.for_people(&listed.name);
            if folders.contains_key(&name) {
                continue;
            }
            self.note_name(&name, &listed);
            let folder = Folder {
                name: name.clone(),
                special_use: names::special_use(&listed),
                selectable: names::is_selectable(&listed),
                messages: None,
                unread: None,
            };
            folders.insert(name, folder);
        }
        self.count(&mut folders).await?;
        let inbox = folders.remove(&FolderName::inbox());
        Ok(inbox.into_iter().chain(folders.into_values()).collect())
    }

    async fn listed(&mut self) -> Result<Vec<Listed>, MailError> {
        let mut found: Vec<Listed> = Vec::new();
        let list = Command::List {
            pattern: "*".to_owned(),
        };
        self.link
            .must(&list, Asked::Other("list the folders"), |untagged| {
                if let Untagged::Listed(listed) = untagged {
                    found.push(listed);
                }
            })
            .await?;
        Ok(found)
    }

    /// The name of a folder for the server.
    pub(super) fn wire_name(&self, folder: &FolderName) -> WireName {
        let odd = self.odd_names.get(folder).cloned();
        odd.unwrap_or_else(|| self.delimiter.for_server(folder))
    }

    /// Looks through the folders for one that is called so and written otherwise than was
    /// thought, as when a server lists what is no modified UTF-7. If there is none, `missing` is
    /// the error, with the names that are near.
    pub(super) async fn look_around(
        &mut self,
        folder: &FolderName,
        missing: MailError,
    ) -> Result<(), MailError> {
        let tried = self.wire_name(folder);
        let listed = match self.listed().await {
            Err(MailError::Refused { .. }) => Vec::new(),
            listed => listed?,
        };
        let mut others = Vec::new();
        for one in listed {
            let name = self.delimiter.for_people(&one.name);
            if name == *folder {
                self.note_name(folder, &one);
            } else if names::is_selectable(&one) {
                others.push(name);
            }
        }
        if self.wire_name(folder) == tried {
            Err(missing.with_near(near::names(folder, others)))
        } else {
            Ok(())
        }
    }

    fn note_name(&mut self, name: &FolderName, listed: &Listed) {
        if self.delimiter.for_server(name) != listed.wire {
            self.odd_names.insert(name.clone(), listed.wire.clone());
        }
    }

    /// Asks for the counts, several at a time. A folder that cannot be counted has none.
    async fn count(&mut self, folders: &mut BTreeMap<FolderName, Folder>) -> Result<(), MailError> {
        let mut todo: VecDeque<WireName> = folders
            .values()
            .filter(|folder| folder.selectable)
            .map(|folder| self.wire_name(&folder.name))
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
