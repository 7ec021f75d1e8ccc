//! What an event says of a message, read from the message itself.

mod outline;

use gatepost_mail::Arrival;
use gatepost_mail::content::Content;

pub(crate) use outline::Outline;

use crate::{Attachment, MessageData, MessageIds};

/// What was found out about a message while it was taken in.
#[derive(Debug, Default)]
pub(crate) struct Measured {
    /// Its true size in octets.
    pub(crate) size: u64,
    /// The SHA-256 of its octets, in hexadecimal.
    pub(crate) sha256: String,
    /// Its attachments, if only its beginning is held.
    pub(crate) attachments: Option<Vec<Attachment>>,
}

/// Describes the message that arrived, from `octets`: the whole message or its beginning.
pub(crate) fn describe(arrival: &Arrival, octets: &[u8], measured: Measured) -> MessageData {
    let content = Content::parse(octets);
    let envelope = content.envelope();
    MessageData {
        ids: MessageIds {
            key: arrival.key.clone(),
            internet_message_id: envelope.message_id.clone(),
        },
        envelope,
        received_at: arrival.received_at,
        size: measured.size,
        sha256: measured.sha256,
        flags: arrival.flags.clone(),
        preview: content.preview(),
        attachments: measured
            .attachments
            .unwrap_or_else(|| attachments(&content)),
    }
}

/// Describes a message that the server announced and does not hand over.
pub(crate) fn describe_unfetched(arrival: &Arrival) -> MessageData {
    let measured = Measured {
        size: arrival.size_hint.unwrap_or_default(),
        ..Measured::default()
    };
    describe(arrival, &[], measured)
}

fn attachments(content: &Content<'_>) -> Vec<Attachment> {
    let found = content.attachments().into_iter();
    found
        .map(|one| Attachment {
            name: one.name,
            media_type: one.media_type,
            size: one.octets.len() as u64,
            inline: one.inline,
        })
        .collect()
}
