//! A signed-in session: one connection, with at most one folder open.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use gatepost_host::Countdown;
use gatepost_wire::imap::client::{Code, Command, StatusLine, Ticket, Untagged, WireName};
use jiff::Timestamp;

use super::changes::Upcoming;
use super::idles::Idles;
use super::link::Link;
use super::names::Delimiter;
use super::verdict::Asked;
use crate::{
    Changes, Cursor, Flag, Folder, FolderName, Intake, MailError, Mailbox, MessageKey, Pull, Query,
    Summary, Woke,
};

/// One session with one mailbox.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) link: Link,
    pub(super) delimiter: Delimiter,
    pub(super) largest_message: u64,
    pub(super) selected: Option<Selected>,
    /// What is known of the messages behind the last answer of `changes`.
    pub(super) upcoming: Option<Upcoming>,
    /// Whether this server writes the UID behind the body, so that bodies have to be asked for
    /// one by one.
    pub(super) uid_trails: bool,
    pub(super) idling: Option<Ticket>,
    /// What became of idling in this and earlier sessions.
    pub(super) idles: Arc<Idles>,
    /// At its end a doubt ends a wait again; at once if there is none.
    pub(super) doubts_from: Option<Countdown>,
    /// How the server writes those names that cannot be told from how people write them.
    pub(super) odd_names: BTreeMap<FolderName, WireName>,
}

/// The open folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Selected {
    pub(super) folder: FolderName,
    pub(super) mode: Mode,
    pub(super) uidvalidity: u32,
    /// The next UID, if the server said it when the folder was opened.
    pub(super) uidnext: Option<u32>,
}

/// What the folder is open for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// EXAMINE: nothing changes, not even `\Recent`.
    Read,
    /// SELECT.
    Write,
}

impl Session {
    pub(super) fn new(link: Link, delimiter: Delimiter, largest_message: u64) -> Self {
        Self {
            link,
            delimiter,
            largest_message,
            selected: None,
            upcoming: None,
            uid_trails: false,
            idling: None,
            idles: Arc::default(),
            doubts_from: None,
            odd_names: BTreeMap::new(),
        }
    }

    /// Opens `folder` in this mode, unless it is open in it and nothing speaks against it.
    pub(super) async fn open(
        &mut self,
        folder: &FolderName,
        mode: Mode,
    ) -> Result<Selected, MailError> {
        self.leave_idle();
        match &self.selected {
            Some(selected) if self.is_open(folder, mode) && !self.link.doubted => {
                Ok(selected.clone())
            }
            _ => self.reopen(folder, mode).await,
        }
    }

    pub(super) fn is_open(&self, folder: &FolderName, mode: Mode) -> bool {
        let open = self.selected.as_ref();
        open.is_some_and(|selected| selected.folder == *folder && selected.mode == mode)
    }

    /// Opens `folder` in this mode, afresh.
    pub(super) async fn reopen(
        &mut self,
        folder: &FolderName,
        mode: Mode,
    ) -> Result<Selected, MailError> {
        match self.select(folder, mode).await {
            Err(missing @ MailError::FolderMissing { .. }) => {
                self.look_around(folder, missing).await?;
                self.select(folder, mode).await
            }
            selected => selected,
        }
    }

    async fn select(&mut self, folder: &FolderName, mode: Mode) -> Result<Selected, MailError> {
        self.leave_idle();
        self.selected = None;
        self.upcoming = None;
        self.link.exists = 0;
        let name = self.wire_name(folder);
        let command = match mode {
            Mode::Read => Command::Examine { folder: name },
            Mode::Write => Command::Select { folder: name },
        };
        let (mut uidvalidity, mut uidnext) = (None, None);
        self.link
            .must(
                &command,
                Asked::Folder(folder.as_str()),
                |untagged| match untagged {
                    Untagged::Status(StatusLine {
                        code: Some(Code::UidValidity(number)),
                        ..
                    }) => {
                        uidvalidity = Some(number);
                    }
                    Untagged::Status(StatusLine {
                        code: Some(Code::UidNext(number)),
                        ..
                    }) => {
                        // Nothing has the UID 0 (RFC 9051 §9, `uniqueid`).
                        uidnext = Some(number).filter(|number| *number > 0);
                    }
                    _ => {}
                },
            )
            .await?;
        self.link.news = false;
        self.link.doubted = false;
        self.link.came = 0;
        // Without UIDVALIDITY the UIDs are worth nothing (RFC 9051 §6.3.2 requires it).
        let uidvalidity = uidvalidity
            .ok_or_else(|| self.link.garbled("it opened a folder without UIDVALIDITY"))?;
        if uidnext == Some(u32::MAX) {
            return Err(self.link.garbled(NO_UIDS_LEFT));
        }
        let selected = Selected {
            folder: folder.clone(),
            mode,
            uidvalidity,
            uidnext,
        };
        self.selected = Some(selected.clone());
        Ok(selected)
    }

    /// A single wrong UID must not move a position behind all messages that are still to come.
    pub(super) fn expect_believable(&mut self, highest: Option<u32>) -> Result<(), MailError> {
        let Some(highest) = highest else {
            return Ok(());
        };
        if highest == u32::MAX {
            return Err(self.link.garbled(NO_UIDS_LEFT));
        }
        let came = self.link.came;
        let Some(next) = self
            .selected
            .as_mut()
            .and_then(|open| open.uidnext.as_mut())
        else {
            return Ok(());
        };
        if highest >= next.saturating_add(came).saturating_add(CAME_AND_WENT) {
            let reason = "it told of a message with a UID far beyond the next one (UIDNEXT)";
            return Err(self.link.garbled(reason));
        }
        if highest >= *next {
            *next = highest + 1;
            self.link.came = 0;
        }
        Ok(())
    }

    /// The UIDs of those keys that are still good, with the others left out.
    pub(super) fn uids(selected: &Selected, keys: &[MessageKey]) -> Vec<u32> {
        keys.iter()
            .filter_map(|key| match key {
                MessageKey::Imap { uidvalidity, uid } => {
                    (*uidvalidity == selected.uidvalidity).then_some(*uid)
                }
                MessageKey::Pop3 { .. } | MessageKey::Graph { .. } => None,
            })
            .collect()
    }
}

#[async_trait]
impl Mailbox for Session {
    async fn folders(&mut self) -> Result<Vec<Folder>, MailError> {
        self.all_folders().await
    }

    async fn list(
        &mut self,
        folder: &FolderName,
        query: &Query,
    ) -> Result<Vec<Summary>, MailError> {
        self.newest(folder, query).await
    }

    async fn changes(&mut self, folder: &FolderName, pull: Pull<'_>) -> Result<Changes, MailError> {
        self.changes_since(folder, pull).await
    }

    async fn present(&mut self, folder: &FolderName) -> Result<Cursor, MailError> {
        self.position_of_all(folder).await
    }

    fn is_pushed(&self) -> bool {
        self.can_be_pushed()
    }

    async fn wait(&mut self, until: Timestamp) -> Result<Woke, MailError> {
        self.wait_until(until).await
    }

    async fn fetch(
        &mut self,
        folder: &FolderName,
        keys: &[MessageKey],
        intake: &mut dyn Intake,
    ) -> Result<(), MailError> {
        self.fetch_bodies(folder, keys, intake).await
    }

    async fn header(
        &mut self,
        folder: &FolderName,
        key: &MessageKey,
    ) -> Result<Option<Vec<u8>>, MailError> {
        self.header_of(folder, key).await
    }

    async fn mark(
        &mut self,
        folder: &FolderName,
        keys: &[MessageKey],
        add: &[Flag],
        remove: &[Flag],
    ) -> Result<(), MailError> {
        self.change_flags(folder, keys, (add, remove)).await
    }

    async fn move_to(
        &mut self,
        folder: &FolderName,
        keys: &[MessageKey],
        to: &FolderName,
    ) -> Result<(), MailError> {
        self.move_messages(folder, keys, to).await
    }

    async fn delete(&mut self, folder: &FolderName, keys: &[MessageKey]) -> Result<(), MailError> {
        self.delete_messages(folder, keys).await
    }

    async fn close(&mut self) {
        self.leave_idle();
        let clock = self.link.clock.clone();
        let goodbye = self.link.run(&Command::Logout, |_| {});
        // The connection is dropped in any case, and nobody waits long for politeness.
        let _ = clock.within(GOODBYE, goodbye).await;
    }
}

/// Messages that came and were moved away between two looks have taken UIDs with them.
const CAME_AND_WENT: u32 = 10_000;
const NO_UIDS_LEFT: &str = "it uses the last UID there is, behind which no message could come";
const GOODBYE: Duration = Duration::from_secs(5);
