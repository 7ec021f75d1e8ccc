//! Answers what the IMAP machine asks: who may sign in, what is in the mailbox, what goes wrong.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use gatepost_host::{Clock, Elapsed};
use gatepost_wire::imap::server::{
    Answer, Ask, Change, CopyuidForm, FolderChange, Loaded, Quirks, Refusal, StructureFault, Upload,
};
use tokio::sync::watch;

use super::Imap;
use super::admission::Client;
use super::answers::{copied, listed, missing, opened, refusal, status};
use super::exchange::{CLOSED, NOT_CONNECTED, TOO_LARGE, UNAVAILABLE};
use super::letter::Letter;
use crate::faults::{FaultKind, Target};
use crate::mailboxes::{Changes, Flag, FolderId, Mailbox, Message, NewMessage, Subscription};
use crate::places::Places;

/// What one signed-in client sees.
pub(super) struct Session {
    pub(super) imap: Imap,
    pub(super) places: Places,
    pub(super) orders: watch::Receiver<u64>,
    pub(super) client: Client,
    open: Option<OpenFolder>,
    upload: Option<Upload>,
    uploaded: BytesMut,
}

/// The open folder, and the UIDVALIDITY under which the client knows its messages.
#[derive(Debug, Clone, Copy)]
struct OpenFolder {
    id: FolderId,
    uidvalidity: u32,
}

/// What is done about a question.
pub(super) enum Act {
    /// This is the answer.
    Answer(Answer),
    /// The connection ends with `* BYE` and this text.
    SayBye(&'static str),
    /// Nothing is said any more.
    FallSilent,
}

impl Session {
    pub(super) fn new(imap: Imap, places: Places) -> Self {
        Self {
            orders: imap.faults.watch(),
            imap,
            places,
            client: Client::Unknown,
            open: None,
            upload: None,
            uploaded: BytesMut::new(),
        }
    }

    /// Answers a question.
    pub(super) fn answer(&mut self, ask: Ask) -> Act {
        match ask {
            Ask::SignIn(credentials) => Act::Answer(self.sign_in(&credentials)),
            Ask::Admit(_) => self.admit(),
            ask => Act::Answer(self.look_up(ask).unwrap_or_else(Answer::Refused)),
        }
    }

    /// What the server shall do against the RFC now.
    pub(super) fn quirks(&self) -> Quirks {
        let stands = |kind| self.imap.faults.stands(kind, self.target());
        Quirks {
            copyuid: if stands(FaultKind::BareCopyuid) {
                CopyuidForm::Bare
            } else {
                CopyuidForm::Untagged
            },
            structure: stands(FaultKind::MalformedStructure)
                .then_some(StructureFault::DispositionAsString),
        }
    }

    /// Waits until something changes in the mailbox.
    pub(super) async fn changed(&mut self) {
        match &mut self.client {
            // The mailbox keeps its sender as long as this session keeps the mailbox.
            Client::Connected(connected) => {
                let _ = connected.changes.changed().await;
            }
            _ => std::future::pending().await,
        }
    }

    pub(super) fn clock(&self) -> Clock {
        self.imap.clock.clone()
    }

    pub(super) async fn within<F: Future>(
        &self,
        limit: Duration,
        future: F,
    ) -> Result<F::Output, Elapsed> {
        self.imap.clock.within(limit, future).await
    }

    fn look_up(&mut self, ask: Ask) -> Result<Answer, Refusal> {
        match ask {
            Ask::Folders => Ok(Answer::Folders(
                self.mailbox()?.folders().iter().map(listed).collect(),
            )),
            Ask::Status(name) => {
                let mailbox = self.mailbox()?;
                let state = mailbox.find(&name).ok().and_then(|id| mailbox.state(id));
                state
                    .map(|state| Answer::Status(status(&state)))
                    .ok_or_else(|| missing(&name))
            }
            Ask::Open(name, _) => self.open(&name),
            Ask::Changes {
                uidvalidity,
                version,
            } => self.changes(uidvalidity, version),
            Ask::Load(uid) => {
                let loaded = self.mailbox()?.message(self.folder()?, uid);
                Ok(Answer::Loaded(loaded.map(|message| self.loaded(message))))
            }
            Ask::Search(criteria) => {
                let messages = self.mailbox()?.messages(self.folder()?);
                let matching = messages
                    .iter()
                    .filter(|message| criteria.matches(&Letter::new(message, self.size(message))));
                Ok(Answer::Found(matching.map(|message| message.uid).collect()))
            }
            Ask::Store(uids, edit) => Ok(Answer::Flags(self.mailbox()?.edit_flags(
                self.folder()?,
                &uids,
                edit,
            ))),
            Ask::Copy(uids, to) => {
                let (from, to) = (self.folder()?, self.target_folder(&to)?);
                copied(self.mailbox()?.copy(from, &uids, to))
            }
            Ask::Move(uids, to) => {
                let (from, to) = (self.folder()?, self.target_folder(&to)?);
                copied(self.mailbox()?.relocate(from, &uids, to))
            }
            Ask::Expunge(among) => self.expunge(among.as_deref()),
            Ask::Folder(change) => self.change_folder(&change),
            Ask::Upload(upload) => self.begin_upload(upload),
            Ask::UploadChunk(chunk) => {
                self.uploaded.extend_from_slice(&chunk);
                Ok(Answer::Done)
            }
            Ask::UploadEnd => self.file_upload(),
            Ask::UploadAbort => {
                self.uploaded = BytesMut::new();
                Ok(Answer::Done)
            }
            Ask::SignIn(_) | Ask::Admit(_) => Err(Refusal::bad(UNAVAILABLE)),
        }
    }

    fn open(&mut self, name: &str) -> Result<Answer, Refusal> {
        let mailbox = self.mailbox()?;
        let id = mailbox.find(name).map_err(|_| missing(name))?;
        let opened = opened(&mailbox, id).ok_or_else(|| missing(name))?;
        let uidvalidity = opened.uidvalidity;
        self.open = Some(OpenFolder { id, uidvalidity });
        Ok(Answer::Opened(opened))
    }

    fn changes(&mut self, uidvalidity: u32, version: u64) -> Result<Answer, Refusal> {
        let folder = self.open.ok_or_else(|| Refusal::bad(UNAVAILABLE))?.id;
        if let Client::Connected(connected) = &mut self.client {
            // Whatever happened until now is about to be told.
            connected.changes.mark_unchanged();
        }
        let mailbox = self.mailbox()?;
        let gone = || Change::Gone(CLOSED.to_owned());
        Ok(Answer::Changed(
            match mailbox.changes(folder, uidvalidity, version) {
                None => gone(),
                Some(Changes::Nothing) => Change::Nothing,
                Some(Changes::Delta(delta)) => Change::Delta {
                    version: delta.version,
                    present: delta.present,
                    vanished: delta.vanished,
                },
                Some(Changes::Everything) => {
                    opened(&mailbox, folder).map_or_else(gone, Change::Everything)
                }
            },
        ))
    }

    fn expunge(&self, among: Option<&[u32]>) -> Result<Answer, Refusal> {
        let (mailbox, folder) = (self.mailbox()?, self.folder()?);
        let deleted = mailbox
            .overview(folder)
            .map(|(_, messages)| messages)
            .unwrap_or_default();
        let deleted = deleted
            .into_iter()
            .filter(|(_, flags)| flags.contains(Flag::Deleted));
        let chosen = |uid: &u32| among.is_none_or(|uids| uids.binary_search(uid).is_ok());
        let uids: Vec<u32> = deleted.map(|(uid, _)| uid).filter(chosen).collect();
        mailbox.remove(folder, &uids);
        Ok(Answer::Done)
    }

    fn change_folder(&self, change: &FolderChange) -> Result<Answer, Refusal> {
        let mailbox = self.mailbox()?;
        let changed = match change {
            FolderChange::Create(name) => mailbox.create(name).map(|_| ()),
            FolderChange::Delete(name) => mailbox.delete(name),
            FolderChange::Rename(from, to) => mailbox.rename(from, to),
            FolderChange::Subscribe(name) => mailbox.set_subscribed(name, Subscription::Subscribed),
            FolderChange::Unsubscribe(name) => {
                mailbox.set_subscribed(name, Subscription::Unsubscribed)
            }
        };
        changed
            .map(|()| Answer::Done)
            .map_err(|error| refusal(&error))
    }

    fn begin_upload(&mut self, upload: Upload) -> Result<Answer, Refusal> {
        if upload.length > LARGEST_UPLOAD {
            return Err(Refusal::no(TOO_LARGE));
        }
        self.target_folder(&upload.folder)?;
        self.uploaded = BytesMut::new();
        self.upload = Some(upload);
        Ok(Answer::Done)
    }

    fn file_upload(&mut self) -> Result<Answer, Refusal> {
        let raw = std::mem::take(&mut self.uploaded).freeze();
        let upload = self
            .upload
            .take()
            .ok_or_else(|| Refusal::bad(UNAVAILABLE))?;
        let folder = self.named(&upload.folder)?;
        let received_at = upload.received_at.unwrap_or_else(|| self.imap.clock.now());
        let new = NewMessage {
            raw,
            flags: upload.flags,
            received_at,
        };
        let filed = self
            .mailbox()?
            .file(folder, new)
            .map_err(|error| refusal(&error))?;
        Ok(Answer::Uploaded(filed.uidvalidity, filed.uid))
    }

    fn loaded(&self, message: Message) -> Loaded {
        let size = self.size(&message);
        Loaded {
            raw: message.raw,
            size,
            received_at: message.received_at,
        }
    }

    /// Exchange computes the size before it converts the message to MIME, and is wrong.
    fn size(&self, message: &Message) -> u64 {
        let exact = u64::try_from(message.raw.len()).unwrap_or(u64::MAX);
        if self
            .imap
            .faults
            .stands(FaultKind::WrongSizes, self.target())
        {
            exact.saturating_mul(9) / 10 + 37
        } else {
            exact
        }
    }

    pub(super) fn target(&self) -> Target<'_> {
        match &self.client {
            Client::Connected(connected) => Target {
                app: Some(&connected.app),
                mailbox: Some(connected.mailbox.address()),
            },
            _ => Target::default(),
        }
    }

    fn mailbox(&self) -> Result<Arc<Mailbox>, Refusal> {
        match &self.client {
            Client::Connected(connected) => Ok(Arc::clone(&connected.mailbox)),
            _ => Err(Refusal::bad(NOT_CONNECTED)),
        }
    }

    /// The open folder, if it still is the one that the client opened: under another
    /// UIDVALIDITY the client's UIDs mean other messages (RFC 3501 §2.3.1.1).
    fn folder(&self) -> Result<FolderId, Refusal> {
        let open = self.open.ok_or_else(|| Refusal::bad(UNAVAILABLE))?;
        if self.mailbox()?.uidvalidity(open.id) == Some(open.uidvalidity) {
            Ok(open.id)
        } else {
            Err(Refusal::bad(UNAVAILABLE).then_bye(CLOSED))
        }
    }

    /// Where messages are to go. A client that is told so may make the folder and try again
    /// (RFC 3501 §6.3.11, §6.4.7).
    fn target_folder(&self, name: &str) -> Result<FolderId, Refusal> {
        self.named(name)
            .map_err(|no| Refusal::no(format!("[TRYCREATE] {}", no.text)))
    }

    fn named(&self, name: &str) -> Result<FolderId, Refusal> {
        self.mailbox()?.find(name).map_err(|_| missing(name))
    }
}

/// What Exchange Online allows at most by policy: 150 MB.
const LARGEST_UPLOAD: u64 = 150 * 1024 * 1024;
