//! A mailbox on a server that cuts, throttles and forgets.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use gatepost_host::Clock;
use gatepost_mail::content::Content;
use gatepost_mail::{
    Arrival, Changes, Cursor, Flag, Folder, FolderName, Intake, MailError, Mailbox, MessageKey,
    Opener, Pull, Query, Resync, Summary, Woke, fingerprint,
};
use gatepost_oauth::TokenError;
use jiff::Timestamp;
use tokio::sync::watch;

use crate::fuse::Trouble;

/// The number of a message in its life, whatever the server calls it.
pub(crate) type Number = u32;

/// The folder on the server.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    folder: Arc<Mutex<Contents>>,
    bell: watch::Sender<u32>,
    trouble: Trouble,
    clock: Clock,
    /// The clock of the process that looks.
    theirs: Clock,
}

#[derive(Debug)]
struct Contents {
    uidvalidity: u32,
    next_uid: u32,
    messages: BTreeMap<u32, Message>,
    /// Whoever fetches this one is cut off.
    poison: Option<Number>,
    /// Whether the folder is there.
    missing: bool,
    /// How often everybody's connection was cut.
    cuts: u32,
}

#[derive(Debug, Clone)]
struct Message {
    number: Number,
    received_at: Timestamp,
    octets: Vec<u8>,
    flags: Vec<Flag>,
}

impl Server {
    pub(crate) fn new(trouble: Trouble, clock: Clock) -> Self {
        let contents = Contents {
            uidvalidity: 1,
            next_uid: 1,
            messages: BTreeMap::new(),
            poison: None,
            missing: false,
            cuts: 0,
        };
        Self {
            folder: Arc::new(Mutex::new(contents)),
            bell: watch::Sender::new(0),
            trouble,
            theirs: clock.clone(),
            clock,
        }
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The same server, for a process whose clock may show another time.
    pub(crate) fn seen_by(&self, theirs: &Clock) -> Self {
        Self {
            theirs: theirs.clone(),
            ..self.clone()
        }
    }

    /// A message arrives; `padding` octets make it larger.
    pub(crate) fn receive(&self, number: Number, padding: usize) {
        self.put((number, self.clock.now()), padding);
    }

    /// A message that was received elsewhere at that time is moved here.
    pub(crate) fn put(&self, (number, received_at): (Number, Timestamp), padding: usize) {
        let mut folder = self.folder();
        let octets = format!(
            "Message-ID: <{number}@sim.example>\r\nFrom: a@sim.example\r\nSubject: {number}\r\n\r\n{}",
            "x".repeat(padding)
        );
        let message = Message {
            number,
            received_at,
            octets: octets.into_bytes(),
            flags: Vec::new(),
        };
        let uid = folder.next_uid;
        folder.next_uid += 1;
        folder.messages.insert(uid, message);
        drop(folder);
        // A notification that is lost costs time and no message.
        if !self.trouble.strikes(200) {
            self.bell.send_modify(|rings| *rings += 1);
        }
    }

    /// From now on, whoever fetches this message is cut off.
    pub(crate) fn poison(&self, number: Number) {
        self.folder().poison = Some(number);
    }

    /// Cuts every connection.
    pub(crate) fn cut_all(&self) {
        self.folder().cuts += 1;
        self.bell.send_modify(|rings| *rings += 1);
    }

    /// Somebody deletes or renames the folder.
    pub(crate) fn hide_folder(&self) {
        self.folder().missing = true;
    }

    /// The folder is there again.
    pub(crate) fn show_folder(&self) {
        self.folder().missing = false;
    }

    /// Somebody deletes a message.
    pub(crate) fn lose(&self, number: Number) {
        self.folder().messages.retain(|_, one| one.number != number);
    }

    /// The server forgets every key that it gave out.
    pub(crate) fn forget_keys(&self) {
        let mut folder = self.folder();
        folder.uidvalidity += 1;
        let messages = std::mem::take(&mut folder.messages);
        folder.messages = (1..).zip(messages.into_values()).collect();
        folder.next_uid = u32::try_from(folder.messages.len()).expect("few") + 1;
    }

    /// The messages that this cursor has left behind.
    pub(crate) fn behind(&self, cursor: &Cursor) -> Vec<Number> {
        let folder = self.folder();
        match position(cursor) {
            (uidvalidity, last) if uidvalidity == folder.uidvalidity => folder
                .messages
                .range(..=last)
                .map(|(_, one)| one.number)
                .collect(),
            _ => Vec::new(),
        }
    }

    /// Every message that is there, with its flags.
    pub(crate) fn present(&self) -> Vec<(Number, Vec<Flag>)> {
        let folder = self.folder();
        let messages = folder.messages.values();
        messages
            .map(|one| (one.number, one.flags.clone()))
            .collect()
    }

    fn folder(&self) -> MutexGuard<'_, Contents> {
        self.folder.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Contents {
    fn cursor(&self, last: u32) -> Cursor {
        Cursor {
            transport: "sim".to_owned(),
            version: 1,
            state: format!("{}:{last}", self.uidvalidity),
        }
    }

    fn arrival(&self, uid: u32, message: &Message) -> Arrival {
        Arrival {
            key: MessageKey::Imap {
                uidvalidity: self.uidvalidity,
                uid,
            },
            received_at: Some(message.received_at),
            size_hint: Some(message.octets.len() as u64),
            flags: message.flags.clone(),
            written_at: None,
        }
    }

    fn summary(&self, uid: u32, message: &Message) -> Summary {
        let arrival = self.arrival(uid, message);
        Summary {
            key: arrival.key,
            received_at: arrival.received_at,
            size_hint: arrival.size_hint,
            flags: arrival.flags,
            envelope: Content::parse(&message.octets).envelope(),
        }
    }

    fn find(&mut self, key: &MessageKey) -> Option<&mut Message> {
        let MessageKey::Imap { uidvalidity, uid } = key else {
            return None;
        };
        let mine = *uidvalidity == self.uidvalidity;
        mine.then(|| self.messages.get_mut(uid)).flatten()
    }
}

fn position(cursor: &Cursor) -> (u32, u32) {
    let (uidvalidity, last) = cursor.state.split_once(':').expect("we wrote it");
    let number = |text: &str| text.parse().expect("we wrote it");
    (number(uidvalidity), number(last))
}

#[async_trait]
impl Opener for Server {
    async fn open(&self) -> Result<Box<dyn Mailbox>, MailError> {
        let session = Session {
            server: self.clone(),
            rings: self.bell.subscribe(),
            cuts: self.folder().cuts,
        };
        match session.answer().await {
            // It shows when the folder is opened.
            Ok(()) | Err(MailError::FolderMissing { .. }) => Ok(Box::new(session)),
            Err(error) => Err(error),
        }
    }
}

/// A session that may end at any moment.
struct Session {
    server: Server,
    rings: watch::Receiver<u32>,
    /// How often connections had been cut when this one was made.
    cuts: u32,
}

impl Session {
    /// An answer takes some milliseconds and may be a refusal.
    async fn answer(&self) -> Result<(), MailError> {
        let trouble = &self.server.trouble;
        let pause = Duration::from_millis(trouble.chance().below(40));
        self.server.clock.sleep(pause).await;
        if trouble.strikes(40) {
            return Err(cut());
        }
        if trouble.strikes(20) {
            let seconds = trouble.chance().below(120);
            return Err(MailError::Token(TokenError::Throttled {
                who: "sim".to_owned(),
                host: "sim".to_owned(),
                retry_after: Some(Duration::from_secs(seconds)),
            }));
        }
        if self.server.folder().cuts != self.cuts {
            return Err(cut());
        }
        if self.server.folder().missing {
            return Err(missing());
        }
        if trouble.strikes(2) {
            // Silence, until the listener gives up.
            self.server.clock.sleep(Duration::from_hours(2)).await;
        }
        Ok(())
    }
}

fn missing() -> MailError {
    MailError::FolderMissing {
        mailbox: "sim".to_owned(),
        folder: "INBOX".to_owned(),
        near: Vec::new(),
        said: "no such folder".to_owned(),
    }
}

fn cut() -> MailError {
    MailError::Disconnected {
        host: "sim".to_owned(),
        mailbox: "sim".to_owned(),
        reason: "the cable was cut".to_owned(),
    }
}

#[async_trait]
impl Mailbox for Session {
    async fn folders(&mut self) -> Result<Vec<Folder>, MailError> {
        Ok(Vec::new())
    }

    async fn list(&mut self, _: &FolderName, query: &Query) -> Result<Vec<Summary>, MailError> {
        self.answer().await?;
        let folder = self.server.folder();
        let newest = folder.messages.iter().rev().take(query.top);
        Ok(newest.map(|(uid, one)| folder.summary(*uid, one)).collect())
    }

    async fn changes(&mut self, _: &FolderName, pull: Pull<'_>) -> Result<Changes, MailError> {
        self.answer().await?;
        self.rings.mark_unchanged();
        let folder = self.server.folder();
        let since = match pull.since.map(position) {
            None => 0,
            Some((uidvalidity, last)) if uidvalidity == folder.uidvalidity => last,
            Some(_) => {
                let present = folder.messages.iter();
                return Ok(Changes::Lost(Resync {
                    present: present
                        .map(|(uid, one)| (folder.arrival(*uid, one), fingerprint(&one.octets)))
                        .collect(),
                    restart: folder.cursor(folder.next_uid - 1),
                    more: false,
                }));
            }
        };
        let mut new = folder.messages.range(since + 1..);
        let arrivals: Vec<(u32, Arrival)> = new
            .by_ref()
            .take(pull.limit)
            .map(|(uid, one)| (*uid, folder.arrival(*uid, one)))
            .collect();
        let more = new.next().is_some();
        let last = match arrivals.last() {
            Some((uid, _)) if more => *uid,
            _ => folder.next_uid - 1,
        };
        Ok(Changes::Since {
            arrivals: arrivals.into_iter().map(|(_, arrival)| arrival).collect(),
            next: folder.cursor(last),
            more,
        })
    }

    async fn present(&mut self, _: &FolderName) -> Result<Cursor, MailError> {
        self.answer().await?;
        let folder = self.server.folder();
        Ok(folder.cursor(folder.next_uid - 1))
    }

    async fn wait(&mut self, until: Timestamp) -> Result<Woke, MailError> {
        self.answer().await?;
        tokio::select! {
            biased;
            _ = self.rings.changed() => Ok(Woke::Changed),
            () = self.server.theirs.sleep_until(until) => Ok(Woke::TimeOver),
        }
    }

    async fn fetch(
        &mut self,
        _: &FolderName,
        keys: &[MessageKey],
        intake: &mut dyn Intake,
    ) -> Result<(), MailError> {
        for key in keys {
            self.answer().await?;
            let (message, poison) = {
                let mut folder = self.server.folder();
                (folder.find(key).cloned(), folder.poison)
            };
            let Some(message) = message else {
                intake.gone(key).await.map_err(|_| cut())?;
                continue;
            };
            if poison == Some(message.number) {
                return Err(cut());
            }
            let size = Some(message.octets.len() as u64);
            intake.begin(key, size).await.map_err(|_| cut())?;
            for octets in message.octets.chunks(100) {
                if self.server.trouble.strikes(5) {
                    return Err(cut());
                }
                intake.chunk(octets).await.map_err(|_| cut())?;
            }
            intake.end().await.map_err(|_| cut())?;
        }
        Ok(())
    }

    async fn mark(
        &mut self,
        _: &FolderName,
        keys: &[MessageKey],
        add: &[Flag],
        _: &[Flag],
    ) -> Result<(), MailError> {
        self.answer().await?;
        let mut folder = self.server.folder();
        for key in keys {
            if let Some(message) = folder.find(key) {
                message.flags = add.to_vec();
            }
        }
        Ok(())
    }

    async fn move_to(
        &mut self,
        folder: &FolderName,
        keys: &[MessageKey],
        _: &FolderName,
    ) -> Result<(), MailError> {
        self.delete(folder, keys).await
    }

    async fn delete(&mut self, _: &FolderName, keys: &[MessageKey]) -> Result<(), MailError> {
        self.answer().await?;
        let mut folder = self.server.folder();
        for key in keys {
            if let MessageKey::Imap { uid, .. } = key
                && folder.find(key).is_some()
            {
                folder.messages.remove(uid);
            }
        }
        Ok(())
    }

    async fn close(&mut self) {}
}
