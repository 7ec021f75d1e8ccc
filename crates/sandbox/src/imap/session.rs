//! Answers what the IMAP machine asks: who may sign in, what is in the mailbox, what goes wrong.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use gatepost_host::{Clock, Elapsed};
use gatepost_wire::imap::server::{
    Answer, Ask, Change, CopyuidForm, Credentials, FolderChange, Loaded, Quirks, Refusal,
    StructureFault, Upload,
};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::watch;

use super::Imap;
use super::answers::{copied, listed, missing, opened, refusal, status};
use super::exchange::{
    CLOSED, NOT_CONNECTED, SIGN_IN_REFUSED, THROTTLED, TOKEN_EXPIRED, TOO_LARGE, UNAVAILABLE,
};
use super::letter::Letter;
use super::places::{Place, Places};
use crate::faults::{FaultKind, Target};
use crate::mailboxes::{Changes, Flag, FolderId, Mailbox, Message, NewMessage, Subscription};
use crate::tenant::{MailProtocol, Principal};

/// What one signed-in client sees.
pub(super) struct Session {
    imap: Imap,
    places: Places,
    orders: watch::Receiver<u64>,
    client: Client,
    folder: Option<FolderId>,
    upload: Option<Upload>,
    uploaded: BytesMut,
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

/// Who is at the other end.
enum Client {
    Unknown,
    /// The token is good, the mailbox is not open to it.
    NotConnected,
    Connected(Connected),
}

struct Connected {
    app: String,
    token: SecretString,
    mailbox: Arc<Mailbox>,
    changes: watch::Receiver<u64>,
    _place: Place,
}

impl Session {
    pub(super) fn new(imap: Imap, places: Places) -> Self {
        Self {
            orders: imap.faults.watch(),
            imap,
            places,
            client: Client::Unknown,
            folder: None,
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

    /// With what the session ends because of an order: it is to be closed, or its token is void.
    pub(super) fn ended_by_order(&mut self) -> Option<&'static str> {
        if self
            .imap
            .faults
            .strikes(FaultKind::CloseSession, self.target())
        {
            return Some(CLOSED);
        }
        // A token is verified again only when an order may have made it void.
        let Client::Connected(connected) = &self.client else {
            return None;
        };
        let ordered = self.orders.has_changed().unwrap_or(false);
        self.orders.mark_unchanged();
        let token = connected.token.expose_secret();
        let void = ordered && self.imap.tenant.admit(token, MailProtocol::Imap).is_err();
        void.then_some(TOKEN_EXPIRED)
    }

    /// Whether a connection in IDLE is to be dropped.
    pub(super) fn drops_idle(&self) -> bool {
        self.imap.faults.strikes(FaultKind::DropIdle, self.target())
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

    fn sign_in(&mut self, credentials: &Credentials) -> Answer {
        let Credentials::Bearer { user, token } = credentials else {
            return Answer::Refused(Refusal::no(SIGN_IN_REFUSED));
        };
        let admitted = self
            .imap
            .tenant
            .admit(token.expose_secret(), MailProtocol::Imap);
        let (principal, mailbox) = match (admitted, self.imap.mailboxes.open(&named(user))) {
            (Ok(principal), Ok(mailbox)) => (principal, mailbox),
            (Err(reason), _) => {
                tracing::info!(%user, %reason, "the sandbox refused an access token");
                return Answer::Refused(Refusal::no(SIGN_IN_REFUSED));
            }
            (_, Err(reason)) => {
                tracing::info!(%user, %reason, "the sandbox refused a sign-in");
                return Answer::Refused(Refusal::no(SIGN_IN_REFUSED));
            }
        };
        self.client = self.connect(&principal, token, mailbox);
        Answer::Done
    }

    /// Exchange says OK to the token first and finds out about the mailbox afterwards.
    fn connect(
        &self,
        principal: &Principal,
        token: &SecretString,
        mailbox: Arc<Mailbox>,
    ) -> Client {
        let app = principal.client_id();
        let target = Target {
            app: Some(app),
            mailbox: Some(mailbox.address()),
        };
        let may = self.imap.tenant.may_open(principal, mailbox.address())
            && !self
                .imap
                .faults
                .strikes(FaultKind::AuthenticatedButNotConnected, target);
        let place = may.then(|| self.places.take(mailbox.address())).flatten();
        match place {
            Some(place) => Client::Connected(Connected {
                app: app.to_owned(),
                token: token.clone(),
                changes: mailbox.watch(),
                mailbox,
                _place: place,
            }),
            None => Client::NotConnected,
        }
    }

    fn admit(&mut self) -> Act {
        let refused = |refusal| Act::Answer(Answer::Refused(refusal));
        if !matches!(self.client, Client::Connected(_)) {
            return refused(Refusal::bad(NOT_CONNECTED).then_bye(CLOSED));
        }
        if let Some(bye) = self.ended_by_order() {
            return Act::SayBye(bye);
        }
        let strikes = |kind| self.imap.faults.strikes(kind, self.target());
        if strikes(FaultKind::Hang) {
            Act::FallSilent
        } else if strikes(FaultKind::ServerError) {
            refused(Refusal::bad(UNAVAILABLE).then_bye("Connection closed."))
        } else if strikes(FaultKind::Throttle) {
            refused(Refusal::bad(THROTTLED))
        } else {
            Act::Answer(Answer::Done)
        }
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
                let (from, to) = (self.folder()?, self.named(&to)?);
                copied(self.mailbox()?.copy(from, &uids, to))
            }
            Ask::Move(uids, to) => {
                let (from, to) = (self.folder()?, self.named(&to)?);
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
        self.folder = Some(id);
        Ok(Answer::Opened(opened))
    }

    fn changes(&mut self, uidvalidity: u32, version: u64) -> Result<Answer, Refusal> {
        let folder = self.folder()?;
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
        // RFC 3501 §6.3.11: the client may make the folder and try again.
        self.named(&upload.folder)
            .map_err(|no| Refusal::no(format!("[TRYCREATE] {}", no.text)))?;
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

    fn target(&self) -> Target<'_> {
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

    fn folder(&self) -> Result<FolderId, Refusal> {
        self.folder.ok_or_else(|| Refusal::bad(UNAVAILABLE))
    }

    fn named(&self, name: &str) -> Result<FolderId, Refusal> {
        self.mailbox()?.find(name).map_err(|_| missing(name))
    }
}

/// The mailbox that `user=` means. `delegate@contoso.com\shared` is another way to name
/// `shared@contoso.com`.
fn named(user: &str) -> String {
    match user.split_once('\\') {
        Some((delegate, alias)) if !alias.contains('@') => {
            let domain = delegate.rsplit_once('@').map_or("", |(_, domain)| domain);
            format!("{alias}@{domain}")
        }
        Some((_, address)) => address.to_owned(),
        None => user.to_owned(),
    }
}

/// What Exchange Online allows at most by policy: 150 MB.
const LARGEST_UPLOAD: u64 = 150 * 1024 * 1024;
