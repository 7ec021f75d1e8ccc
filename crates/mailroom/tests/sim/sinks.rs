//! Sinks that fail, and remember what they were given.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use gatepost_host::Clock;
use gatepost_mailroom::{EventData, EventId, EventType, Handover, Outcome, Sink};
use tokio::io::AsyncReadExt as _;

use crate::fuse::Fuse;
use crate::server::Number;

/// What one sink was given in a whole life.
#[derive(Debug, Clone, Default)]
pub(crate) struct Received(Arc<Mutex<Notes>>);

#[derive(Debug, Default)]
pub(crate) struct Notes {
    /// The event ids under which each message came.
    pub(crate) ids: BTreeMap<Number, BTreeSet<EventId>>,
    /// The sequence numbers of events in the order of their first delivery.
    pub(crate) order: Vec<u64>,
    /// What came besides messages.
    pub(crate) other: BTreeSet<EventType>,
}

impl Received {
    pub(crate) fn notes(&self) -> MutexGuard<'_, Notes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A sink within one process.
#[derive(Debug)]
pub(crate) struct Moody {
    pub(crate) received: Received,
    pub(crate) fuse: Fuse,
    pub(crate) clock: Clock,
}

#[async_trait]
impl Sink for Moody {
    async fn deliver(&self, handover: Handover<'_>) -> Outcome {
        let trouble = self.fuse.trouble();
        let pause = Duration::from_millis(trouble.chance().below(500));
        self.clock.sleep(pause).await;
        self.fuse.moment().await;
        if trouble.strikes(150) {
            return Outcome::Retry {
                reason: "the sink is in a bad mood".to_owned(),
                after: trouble.strikes(300).then_some(Duration::from_secs(20)),
            };
        }
        if trouble.strikes(5) {
            // Without the hook, which would fill the output of the test.
            std::panic::resume_unwind(Box::new("the sink panics on purpose"));
        }
        self.note(&handover).await;
        self.fuse.moment().await;
        Outcome::Done
    }

    async fn probe(&self) -> Outcome {
        Outcome::Done
    }
}

impl Moody {
    async fn note(&self, handover: &Handover<'_>) {
        let event = handover.event;
        let EventData::Message(data) = &event.data else {
            self.received.notes().other.insert(event.kind);
            return;
        };
        let message = handover.message.expect("a message comes with its octets");
        let mut octets = Vec::new();
        let mut stream = message.open().await.expect("the spool has it");
        stream
            .read_to_end(&mut octets)
            .await
            .expect("the spool has all of it");
        assert_eq!(octets.len() as u64, data.size, "no octet is missing");
        let number = data
            .envelope
            .subject
            .as_deref()
            .and_then(|subject| subject.parse().ok());
        let number = number.expect("the subject is the number");
        let mut notes = self.received.notes();
        let sequence = event.sequence.expect("messages are numbered");
        if !notes.order.contains(&sequence) {
            notes.order.push(sequence);
        }
        notes
            .ids
            .entry(number)
            .or_default()
            .insert(event.id.clone());
    }
}
