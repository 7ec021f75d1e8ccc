//! Where events can go: one module per kind of sink, and one line in [`SINKS`].

pub mod command;
pub mod maildir;
mod payload;
pub mod stream;
pub mod webhook;

pub use payload::payload;

use crate::{Event, EventType, Handover, Outcome, Spooled};

/// A kind of sink.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SinkKind {
    /// Its name in the configuration (`kind = "…"`).
    pub name: &'static str,
    /// What it does, in one sentence.
    pub doc: &'static str,
}

/// Every kind of sink.
pub const SINKS: &[SinkKind] = &[command::KIND, maildir::KIND, stream::KIND, webhook::KIND];

/// The message of a handover, for a sink that takes nothing else. Events that are about no
/// message are done at once; a message that the server never handed over can never be delivered.
fn message_of<'a>(handover: &Handover<'a>) -> Result<&'a dyn Spooled, Outcome> {
    match handover.message {
        Some(message) => Ok(message),
        None if is_mail(handover.event) => Err(Outcome::Refused {
            reason: "the server announced this message and never handed it over".to_owned(),
        }),
        None => Err(Outcome::Done),
    }
}

fn is_mail(event: &Event) -> bool {
    event.kind == EventType::MailReceived
}

fn retry(reason: String) -> Outcome {
    Outcome::Retry {
        reason,
        after: None,
    }
}
