//! A session: what was seen of the mailbox, and a connection while one is needed.

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use gatepost_host::Countdown;
use gatepost_wire::pop3::client::Command;
use jiff::Timestamp;

use super::cursor::{Print, print_of};
use super::link::Link;
use super::maildrop::Maildrop;
use super::opener::{Removed, enter};
use super::settings::Pop3Settings;
use crate::{
    Changes, Cursor, Flag, Folder, FolderName, Intake, MailError, Mailbox, MessageKey, Pull, Query,
    Summary, Woke,
};

/// One session with one mailbox, over as many sign-ins as it takes.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) settings: Arc<Pop3Settings>,
    removed: Removed,
    open: Option<Open>,
    /// Whether nobody has looked at what is open.
    is_fresh: bool,
    /// The cursor behind the last page, if there is another in the same listing.
    pub(super) goes_on_at: Option<Cursor>,
    /// What was there at the last sign-in but one.
    known: BTreeSet<Print>,
    /// When the last sign-in was, and how long the server wants until the next.
    entered: (Timestamp, Option<Duration>),
}

/// A signed-in connection, and the mailbox as it shows it.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) link: Link,
    pub(super) maildrop: Maildrop,
    /// When it was opened.
    pub(super) at: Timestamp,
}

impl Session {
    pub(super) fn new(settings: Arc<Pop3Settings>, removed: Removed, open: Open) -> Self {
        Self {
            settings,
            removed,
            is_fresh: true,
            goes_on_at: None,
            known: BTreeSet::new(),
            entered: (open.at, open.link.login_delay),
            open: Some(open),
        }
    }

    /// The mailbox as it is now: signs in anew, unless the last sign-in was for this look, or the
    /// server wants it to have been longer ago.
    pub(super) async fn look(&mut self) -> Result<&mut Open, MailError> {
        if !self.is_fresh && self.delayed().is_zero() {
            self.leave().await;
        }
        self.is_fresh = false;
        self.opened().await
    }

    /// The mailbox as it was seen last; signs in if there is no connection that can be used.
    pub(super) async fn opened(&mut self) -> Result<&mut Open, MailError> {
        // A command that was dropped in the middle leaves a connection that nobody understands.
        let usable = self.open.take().filter(|open| open.link.is_ready());
        let open = if let Some(open) = usable {
            open
        } else {
            let open = enter(&self.settings).await?;
            self.entered = (open.at, open.link.login_delay);
            open
        };
        Ok(self.open.insert(open))
    }

    /// Says goodbye: whoever waits holds no mailbox that others may want.
    async fn leave(&mut self) {
        self.is_fresh = false;
        self.goes_on_at = None;
        let Some(mut open) = self.taken() else {
            return;
        };
        if open.link.is_ready() {
            let goodbye = open.link.run(&Command::Quit, |_| {});
            // The connection is dropped in any case, and nobody waits long for politeness.
            let _ = self.settings.clock.within(GOODBYE, goodbye).await;
        }
    }

    /// Ends what is open, and keeps in mind what it showed.
    fn taken(&mut self) -> Option<Open> {
        let open = self.open.take()?;
        let letters = open.maildrop.letters.iter();
        self.known = letters.map(|letter| print_of(&letter.uidl)).collect();
        Some(open)
    }

    /// For how long the server lets nobody in (LOGIN-DELAY, RFC 2449 §6.5).
    fn delayed(&self) -> Duration {
        let (entered, delay) = self.entered;
        let next = entered.checked_add(delay.unwrap_or_default());
        until_then(self.settings.clock.now(), next.unwrap_or(entered))
    }

    /// What was deleted through the same opener.
    pub(super) fn removed(&self) -> BTreeSet<Print> {
        let removed = self.removed.lock();
        removed.unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn expect_inbox(&self, folder: &FolderName) -> Result<(), MailError> {
        if *folder == FolderName::inbox() {
            return Ok(());
        }
        Err(MailError::OnlyInbox {
            mailbox: self.settings.mailbox.clone(),
            folder: folder.to_string(),
        })
    }

    pub(super) fn not_in_pop3(&self, what: &'static str) -> MailError {
        MailError::NotInPop3 {
            mailbox: self.settings.mailbox.clone(),
            what,
        }
    }

    /// Marks are carried out by QUIT, all or none (RFC 1939 §6).
    async fn delete_messages(&mut self, keys: &[MessageKey]) -> Result<(), MailError> {
        let Open { link, maildrop, .. } = self.opened().await?;
        let letters = keys.iter().filter_map(|key| maildrop.letter(key));
        let letters: Vec<(u32, Print)> = letters
            .map(|letter| (letter.number, print_of(&letter.uidl)))
            .collect();
        if letters.is_empty() {
            return Ok(());
        }
        let mut deleted = Ok(());
        for (number, _) in &letters {
            let command = Command::Delete(*number);
            deleted = link.must(&command, DELETE, |_| {}).await;
            if deleted.is_err() {
                break;
            }
        }
        if deleted.is_ok() {
            deleted = link.must(&Command::Quit, DELETE, |_| {}).await;
        }
        // Without its QUIT a session deletes nothing.
        self.taken();
        deleted?;
        let mut removed = self.removed.lock().unwrap_or_else(PoisonError::into_inner);
        removed.extend(letters.into_iter().map(|(_, print)| print));
        while removed.len() > MOST_REMOVED {
            removed.pop_first();
        }
        Ok(())
    }

    async fn wait_until(&mut self, until: Timestamp) -> Result<Woke, MailError> {
        let clock = self.settings.clock.clone();
        let until = Countdown::until(&clock, until);
        loop {
            self.leave().await;
            let left = until.left();
            let pause = left.min(self.settings.poll_every);
            let delayed = self.delayed().min(left + PATIENCE);
            clock.sleep(pause.max(delayed)).await;
            let known = std::mem::take(&mut self.known);
            let open = self.opened().await?;
            let letters = &open.maildrop.letters;
            let is_news = |uidl: &str| !known.contains(&print_of(uidl));
            let news = letters.iter().any(|letter| is_news(&letter.uidl));
            self.is_fresh = true;
            if news {
                return Ok(Woke::Changed);
            }
            if until.left().is_zero() {
                return Ok(Woke::TimeOver);
            }
        }
    }
}

#[async_trait]
impl Mailbox for Session {
    async fn folders(&mut self) -> Result<Vec<Folder>, MailError> {
        let open = self.look().await?;
        Ok(vec![Folder {
            name: FolderName::inbox(),
            special_use: None,
            selectable: true,
            messages: u32::try_from(open.maildrop.letters.len()).ok(),
            unread: None,
        }])
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
        self.all_seen(folder).await
    }

    fn is_pushed(&self) -> bool {
        false
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
        let fetched = self.fetch_messages(folder, keys, intake).await;
        if fetched.as_ref().is_err_and(MailError::is_disconnected) {
            self.open = None;
        }
        fetched
    }

    async fn header(
        &mut self,
        folder: &FolderName,
        key: &MessageKey,
    ) -> Result<Option<Vec<u8>>, MailError> {
        let header = self.header_of(folder, key).await;
        if header.as_ref().is_err_and(MailError::is_disconnected) {
            self.open = None;
        }
        header
    }

    async fn mark(
        &mut self,
        _: &FolderName,
        _: &[MessageKey],
        _: &[Flag],
        _: &[Flag],
    ) -> Result<(), MailError> {
        Err(self.not_in_pop3("marks on messages"))
    }

    async fn move_to(
        &mut self,
        _: &FolderName,
        _: &[MessageKey],
        _: &FolderName,
    ) -> Result<(), MailError> {
        Err(self.not_in_pop3("folder to move messages to"))
    }

    async fn delete(&mut self, folder: &FolderName, keys: &[MessageKey]) -> Result<(), MailError> {
        self.expect_inbox(folder)?;
        self.delete_messages(keys).await
    }

    async fn close(&mut self) {
        self.leave().await;
    }
}

fn until_then(now: Timestamp, then: Timestamp) -> Duration {
    Duration::try_from(then.duration_since(now)).unwrap_or(Duration::ZERO)
}

const DELETE: &str = "delete messages";
const GOODBYE: Duration = Duration::from_secs(5);
/// How much longer than asked a wait lasts at most, where the server lets nobody in sooner.
const PATIENCE: Duration = Duration::from_mins(1);
/// What is forgotten beyond costs a comparison of headers, and nothing else.
const MOST_REMOVED: usize = 100_000;
