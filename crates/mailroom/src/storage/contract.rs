//! The sentences that every storage obeys. [`obeys`] runs them against an implementation.

mod cursors;
mod deliveries;
mod notices;
mod outbox;

use std::future::Future;
use std::sync::Arc;

use gatepost_mail::{Cursor, FolderName, MessageKey};
use jiff::Timestamp;

use super::{Advance, Cursors, Deliveries, Kept, NewEvent, Notices, Outbox, WatchKey};
use crate::{Event, EventData, EventId, EventType, SinkName};

/// A storage without anything in it.
#[derive(Debug, Clone)]
pub struct Fresh {
    /// Its cursors.
    pub cursors: Arc<dyn Cursors>,
    /// Its deliveries.
    pub deliveries: Arc<dyn Deliveries>,
    /// Its notices.
    pub notices: Arc<dyn Notices>,
    /// Its outbox.
    pub outbox: Arc<dyn Outbox>,
}

/// Runs every sentence against a fresh storage each, which `make` gives.
pub async fn obeys<F, M>(mut make: M)
where
    M: FnMut() -> F,
    F: Future<Output = Fresh>,
{
    for number in 0..cursors::SENTENCES {
        cursors::sentence(number, make().await).await;
    }
    for number in 0..deliveries::SENTENCES {
        deliveries::sentence(number, make().await).await;
    }
    for number in 0..notices::SENTENCES {
        notices::sentence(number, make().await).await;
    }
    for number in 0..outbox::SENTENCES {
        outbox::sentence(number, make().await).await;
    }
}

fn watch() -> WatchKey {
    WatchKey {
        mailbox: "support@contoso.com".to_owned(),
        folder: FolderName::inbox(),
    }
}

fn sink() -> SinkName {
    SinkName("tickets".to_owned())
}

fn cursor(number: u32) -> Cursor {
    Cursor {
        transport: "test".to_owned(),
        version: 1,
        state: number.to_string(),
    }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + seconds).expect("a time in this century")
}

/// A message of the inbox that goes to the one sink.
fn message(uid: u32) -> NewEvent {
    let key = MessageKey::Imap {
        uidvalidity: 1,
        uid,
    };
    let watch = watch();
    NewEvent {
        event: Event {
            id: EventId::of_message(&watch.mailbox, &watch.folder, EventType::MailReceived, &key),
            schema: Event::SCHEMA,
            kind: EventType::MailReceived,
            timestamp: at(0),
            mailbox: watch.mailbox,
            folder: Some(watch.folder),
            sequence: None,
            data: EventData::Trouble {
                code: None,
                reason: format!("stands for message {uid}"),
                event: None,
                sink: None,
            },
        },
        message: Some(Kept::Inline(format!("message {uid}").into_bytes())),
        fingerprint: Some([u8::try_from(uid).unwrap_or(u8::MAX); 32]),
        sinks: vec![sink()],
        post_action: false,
    }
}

fn step(from: Option<u32>, to: u32, events: Vec<NewEvent>) -> Advance {
    Advance {
        watch: watch(),
        from: from.map(cursor),
        to: Some(cursor(to)),
        high_water: None,
        events,
        at: at(0),
    }
}

impl Fresh {
    async fn advance(&self, step: Advance) -> usize {
        let advanced = self.cursors.advance(step).await;
        advanced.expect("nobody else moved the cursor")
    }

    /// Stores these messages as the first step.
    async fn filled(self, events: Vec<NewEvent>) -> Self {
        self.advance(step(None, 1, events)).await;
        self
    }
}
