//! What an event says of a message, read from the message itself.

mod outline;

use gatepost_mail::content::{Content, envelope};
use gatepost_mail::{Arrival, Envelope};

pub(crate) use outline::{Outline, Outlined};

use crate::{Attachment, MessageData, MessageIds};

/// What was found out about a message while it was taken in.
#[derive(Debug, Default)]
pub(crate) struct Measured {
    /// Its true size in octets.
    pub(crate) size: u64,
    /// The SHA-256 of its octets, in hexadecimal.
    pub(crate) sha256: String,
    /// What it consists of.
    pub(crate) outlined: Outlined,
}

/// What an event says of a message, but for what the server told when it announced it.
pub(crate) struct Description {
    envelope: Envelope,
    preview: Option<String>,
    attachments: Vec<Attachment>,
    /// In octets.
    pub(crate) size: u64,
    sha256: String,
}

impl Description {
    /// Describes the message that begins with `head`; all of its header should be in it.
    pub(crate) fn new(head: &[u8], measured: Measured) -> Self {
        Self {
            envelope: envelope(head),
            preview: Content::parse(&measured.outlined.excerpt).preview(),
            size: measured.size,
            sha256: measured.sha256,
            attachments: measured.outlined.attachments,
        }
    }

    /// Describes a message that the server announced and does not hand over.
    pub(crate) fn unfetched(arrival: &Arrival) -> Self {
        let measured = Measured {
            size: arrival.size_hint.unwrap_or_default(),
            ..Measured::default()
        };
        Self::new(&[], measured)
    }

    /// The description of the message that arrived so.
    pub(crate) fn of(self, arrival: &Arrival) -> MessageData {
        MessageData {
            ids: MessageIds {
                key: arrival.key.clone(),
                internet_message_id: self.envelope.message_id.clone(),
            },
            envelope: self.envelope,
            received_at: arrival.received_at,
            size: self.size,
            sha256: self.sha256,
            flags: arrival.flags.clone(),
            preview: self.preview,
            attachments: self.attachments,
        }
    }
}
