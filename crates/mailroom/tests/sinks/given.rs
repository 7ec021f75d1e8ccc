//! Events and messages to hand over.

use std::sync::Arc;

use gatepost_host::{Chance, SealingKey};
use gatepost_mail::{Envelope, FolderName, MessageKey};
use gatepost_mailroom::{
    Event, EventData, EventId, EventType, Handover, Kept, MessageData, MessageIds, Outcome, Sink,
    Spool, Spooled, SpooledMessage,
};
use jiff::Timestamp;

/// An event and its message.
pub(crate) struct Given {
    pub(crate) event: Event,
    pub(crate) message: SpooledMessage,
    pub(crate) folder: tempfile::TempDir,
}

impl Given {
    /// The message with this UID and these octets.
    pub(crate) fn message(uid: u32, octets: &[u8]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let key = Arc::new(SealingKey::new(&[1; SealingKey::LENGTH]));
        let spool = Spool::open(&folder.path().join("spool"), key, Chance::seeded(1));
        let spool = spool.expect("the folder is ours");
        Self {
            event: event(uid, octets.len()),
            message: spool.message(Kept::Inline(octets.to_vec())),
            folder,
        }
    }

    pub(crate) fn handover(&self, attempt: u32) -> Handover<'_> {
        Handover {
            event: &self.event,
            message: Some(&self.message as &dyn Spooled),
            attempt,
            first_attempt_at: at(),
        }
    }

    pub(crate) async fn to(&self, sink: &dyn Sink) -> Outcome {
        sink.deliver(self.handover(1)).await
    }
}

/// Why an outcome asks for another attempt.
pub(crate) fn reason(outcome: Outcome) -> String {
    match outcome {
        Outcome::Retry { reason, .. } => reason,
        other => panic!("it is not tried again: {other:?}"),
    }
}

fn event(uid: u32, size: usize) -> Event {
    let folder = FolderName::inbox();
    let key = MessageKey::Imap {
        uidvalidity: 1,
        uid,
    };
    let kind = EventType::MailReceived;
    Event {
        id: EventId::of_message("support@contoso.com", &folder, kind, &key),
        schema: Event::SCHEMA,
        kind,
        timestamp: at(),
        mailbox: "support@contoso.com".to_owned(),
        folder: Some(folder),
        sequence: Some(u64::from(uid)),
        data: EventData::Message(Box::new(MessageData {
            ids: MessageIds {
                key,
                internet_message_id: None,
            },
            envelope: Envelope::default(),
            received_at: None,
            size: size as u64,
            sha256: String::new(),
            flags: Vec::new(),
            preview: None,
            attachments: Vec::new(),
        })),
    }
}

fn at() -> Timestamp {
    "2026-11-22T10:00:00Z".parse().expect("a literal timestamp")
}
