//! A store in a temporary folder, and things to put into it.

use std::path::Path;

use gatepost_gateway::Protocols;
use gatepost_gateway::admission::{AppPassword, PasswordId, Verifier};
use gatepost_host::{Chance, Clock};
use gatepost_mail::{Cursor, Envelope, FolderName, MessageKey};
use gatepost_mailroom::{
    Advance, DsnRequest, Event, EventData, EventId, EventType, Horizon, Kept, Letter, MessageData,
    MessageIds, NewEvent, NewSubmission, Priority, SinkName, SubmissionId, WatchKey,
};
use gatepost_oauth::{CredentialId, GrantState, Grants as _};
use gatepost_store::{Access, KeySource, Opening, StateFolder, Store, StoreError};
use jiff::Timestamp;
use secrecy::SecretSlice;
use tempfile::TempDir;

pub(crate) struct Fixture {
    pub(crate) store: Store,
    pub(crate) folder: TempDir,
}

/// A new store.
pub(crate) async fn fixture() -> Fixture {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = reopen(&folder).await.expect("a new store opens");
    Fixture { store, folder }
}

/// Opens the store of a folder beside whoever has it.
pub(crate) async fn reopen(folder: &TempDir) -> Result<Store, StoreError> {
    open(folder, KeySource::StateFolder, Access::Beside).await
}

pub(crate) async fn open(
    folder: &TempDir,
    key: KeySource,
    access: Access,
) -> Result<Store, StoreError> {
    open_at(folder.path(), key, access).await
}

pub(crate) async fn open_at(
    folder: &Path,
    key: KeySource,
    access: Access,
) -> Result<Store, StoreError> {
    let opening = Opening {
        folder: StateFolder::new(folder.join("state")),
        key,
        access,
        clock: &Clock::system(),
        chance: &Chance::system(),
    };
    Store::open(opening).await
}

/// An app password that is recognised by `verifier`.
pub(crate) fn app_password(verifier: &str) -> AppPassword {
    AppPassword {
        id: PasswordId::new("qwertz23"),
        name: "printer-3".to_owned(),
        mailbox: "ada@contoso.com".to_owned(),
        login: Some(verifier.to_owned()),
        verifier: Verifier::new(verifier.into()),
        protocols: Protocols::ALL,
        networks: Vec::new(),
        senders: vec![verifier.to_owned()],
        created: at(0),
        expires: None,
        last_use: None,
    }
}

pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).expect("a time in this century")
}

pub(crate) fn watch(folder: &str) -> WatchKey {
    WatchKey {
        mailbox: "ada@contoso.com".to_owned(),
        folder: FolderName::new(folder),
    }
}

pub(crate) fn cursor(state: u32) -> Cursor {
    Cursor {
        transport: "imap".to_owned(),
        version: 1,
        state: state.to_string(),
    }
}

pub(crate) fn sink(name: &str) -> SinkName {
    SinkName(name.to_owned())
}

/// A message on its way out.
pub(crate) fn submission(id: SubmissionId, accepted_at: Timestamp) -> NewSubmission {
    NewSubmission {
        letter: Letter {
            mailbox: "ada@contoso.com".to_owned(),
            sender: Some("ada@contoso.com".to_owned()),
            message_id: format!("{id}@contoso.com"),
            subject: Some("Offer".to_owned()),
            size: 5,
            eight_bit: false,
            priority: Priority::Normal,
            accepted_at,
            not_before: None,
            dsn: DsnRequest::default(),
        },
        id,
        recipients: vec!["a@example.com".to_owned(), "b@example.com".to_owned()],
        message: Kept::Inline(b"hello".to_vec()),
        idempotency_key: None,
        digest: [0; 32],
        reports: Vec::new(),
    }
}

/// The arrival of message `uid` in a folder, going to `sinks`.
pub(crate) fn arrival(watch: &WatchKey, uid: u32, sinks: &[&str]) -> NewEvent {
    let key = MessageKey::Imap {
        uidvalidity: 1,
        uid,
    };
    let event = Event {
        id: EventId::of_message(&watch.mailbox, &watch.folder, EventType::MailReceived, &key),
        schema: 1,
        kind: EventType::MailReceived,
        timestamp: at(0),
        mailbox: watch.mailbox.clone(),
        folder: Some(watch.folder.clone()),
        sequence: None,
        data: EventData::Message(Box::new(MessageData {
            ids: MessageIds {
                key,
                internet_message_id: Some(format!("{uid}@contoso.com")),
            },
            envelope: Envelope {
                subject: Some(format!("message {uid}")),
                ..Envelope::default()
            },
            received_at: Some(at(i64::from(uid))),
            size: 5,
            sha256: "00".to_owned(),
            flags: Vec::new(),
            preview: None,
            attachments: Vec::new(),
        })),
    };
    NewEvent {
        event,
        message: Some(Kept::Inline(b"hello".to_vec())),
        fingerprint: Some(fingerprint(uid)),
        sinks: sinks.iter().map(|name| sink(name)).collect(),
        post_action: false,
    }
}

pub(crate) fn fingerprint(uid: u32) -> [u8; 32] {
    let mut fingerprint = [7; 32];
    fingerprint[..4].copy_from_slice(&uid.to_be_bytes());
    fingerprint
}

/// One step of a watch.
pub(crate) fn advance(
    watch: &WatchKey,
    steps: (Option<u32>, u32),
    events: Vec<NewEvent>,
) -> Advance {
    Advance {
        watch: watch.clone(),
        from: steps.0.map(cursor),
        to: Some(cursor(steps.1)),
        high_water: None,
        events,
        at: at(0),
    }
}

pub(crate) fn credential(name: &str) -> CredentialId {
    CredentialId::new(name)
}

pub(crate) fn grant_state(secret: &str) -> GrantState {
    GrantState {
        kind: "authorization_code".to_owned(),
        version: 1,
        secret: SecretSlice::from(secret.as_bytes().to_vec()),
    }
}

/// Stores the first state of a credential.
pub(crate) async fn sign_in(store: &Store, name: &str, secret: &str) {
    let (id, state) = (credential(name), grant_state(secret));
    let stored = store.replace(&id, None, &state).await;
    stored.expect("nobody signed in before");
}

/// What a process says that starts: no claim but its own holds.
pub(crate) const START: Horizon = Horizon {
    claims: Timestamp::MIN,
    retries: Timestamp::MAX,
};
