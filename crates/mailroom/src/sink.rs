//! Where events go.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;
use tokio::io::AsyncRead;

use crate::Event;

/// The name of a sink in the configuration.
#[derive(
    Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(transparent)]
pub struct SinkName(pub String);

impl std::fmt::Display for SinkName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// A destination of events. One folder under `sinks` and one line in `SINKS` each.
#[async_trait]
pub trait Sink: Send + Sync + std::fmt::Debug {
    /// Hands over one event. A redelivery carries the same event id and must be harmless where
    /// the destination allows it.
    async fn deliver(&self, handover: Handover<'_>) -> Outcome;

    /// Whether the destination can be reached at all, without handing anything over.
    async fn probe(&self) -> Outcome;

    /// The longest that one attempt takes by the sink's own limits. An attempt that takes longer
    /// is given up and tried again.
    fn longest_attempt(&self) -> Duration {
        Duration::from_mins(2)
    }
}

/// One attempt to hand over an event.
#[derive(Clone, Copy)]
pub struct Handover<'a> {
    /// What happened.
    pub event: &'a Event,
    /// The message that the event is about, if it is about one.
    pub message: Option<&'a dyn Spooled>,
    /// Counts the attempts, from 1.
    pub attempt: u32,
    /// When the first attempt began.
    pub first_attempt_at: Timestamp,
}

/// The raw octets of the message that an event is about.
#[async_trait]
pub trait Spooled: Send + Sync {
    /// How many octets there are.
    fn size(&self) -> u64;

    /// The octets themselves where they are at hand, which spares small messages a copy.
    fn at_hand(&self) -> Option<Bytes> {
        None
    }

    /// Reads them from the start. Bounded memory, whatever the size.
    async fn open(&self) -> std::io::Result<Box<dyn AsyncRead + Send + Unpin>>;
}

/// How one attempt to deliver ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The destination has it, durably where it can promise that.
    Done,
    /// Not now: try again, not before `after` if the destination said so.
    Retry {
        /// Why, as a sentence for the operator. May hold the end of a program's stderr, bounded.
        reason: String,
        /// Not before this much time has passed.
        after: Option<Duration>,
    },
    /// Never: this event goes to the dead letters.
    Refused {
        /// Why, as a sentence for the operator.
        reason: String,
    },
    /// The destination wants nothing any more (410): it is switched off, and asked again now and
    /// then with a single delivery.
    SinkGone {
        /// Why, as a sentence for the operator.
        reason: String,
    },
}
