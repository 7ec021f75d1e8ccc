//! Asks about messages, as many at a time as fit into a command.

use std::collections::BTreeSet;

use gatepost_wire::imap::client::{Command, FetchItems, Fetched, Outcome, Untagged};

use super::alter::UIDS_IN_COMMAND;
use super::session::{Mode, Session};
use super::verdict::Asked;
use crate::beginning::Beginning;
use crate::{FolderName, MailError, MessageKey};

impl Session {
    /// The header of one message.
    pub(super) async fn header_of(
        &mut self,
        folder: &FolderName,
        key: &MessageKey,
    ) -> Result<Option<Vec<u8>>, MailError> {
        let keys = std::slice::from_ref(key);
        let selected = self.open(folder, Mode::Read).await?;
        let uids = Self::uids(&selected, keys);
        let mut header = None;
        self.ask_about(&uids, FetchItems::Headers, |_, fetched| {
            header = header.take().or(fetched.header);
        })
        .await?;
        if let Some(header) = header {
            return Ok(Some(header.to_vec()));
        }
        // It is gone, or too large to be kept, or not handed out: the message itself tells which.
        let mut beginning = Beginning::default();
        self.fetch_bodies(folder, keys, &mut beginning).await?;
        Ok(beginning.header())
    }

    /// Hands on what the server tells of these messages, whose UIDs ascend.
    ///
    /// Exchange refuses a whole command because of one damaged message: those left out are asked
    /// for again, each alone, and one that is refused alone is one of which nothing is told.
    pub(super) async fn ask_about(
        &mut self,
        uids: &[u32],
        items: FetchItems,
        mut each: impl FnMut(u32, Fetched),
    ) -> Result<(), MailError> {
        for some in uids.chunks(UIDS_IN_COMMAND) {
            let mut told: BTreeSet<u32> = BTreeSet::new();
            let answered = self
                .ask_at_once(some, items, |uid, fetched| {
                    // News of a flag, which nobody asked for, has neither.
                    if fetched.size.is_some() || fetched.header.is_some() {
                        told.insert(uid);
                    }
                    each(uid, fetched);
                })
                .await?;
            if answered == Answered::InPart && some.len() > 1 {
                for uid in some.iter().filter(|uid| !told.contains(uid)) {
                    self.ask_at_once(&[*uid], items, &mut each).await?;
                }
            }
        }
        Ok(())
    }

    async fn ask_at_once(
        &mut self,
        uids: &[u32],
        items: FetchItems,
        mut each: impl FnMut(u32, Fetched),
    ) -> Result<Answered, MailError> {
        let fetch = Command::UidFetch {
            uids: uids.iter().copied().collect(),
            items,
        };
        let reply = self
            .link
            .run(&fetch, |untagged| {
                if let Untagged::Fetched(fetched) = untagged
                    && let Some(uid) = fetched.uid.filter(|uid| uids.binary_search(uid).is_ok())
                {
                    each(uid, fetched);
                }
            })
            .await?;
        if reply.outcome == Outcome::No {
            self.link.check_unless_refused(&reply)?;
            return Ok(Answered::InPart);
        }
        self.link.check(&reply, Asked::Other("list messages"))?;
        Ok(Answered::InFull)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answered {
    InFull,
    InPart,
}
