//! What an event says of a message, read from the message itself.

use gatepost_mail::Arrival;
use gatepost_mail::content::Content;

use crate::{Attachment, MessageData, MessageIds};

/// Describes the message that arrived, from `octets`: the whole message or its beginning.
pub(crate) fn describe(
    arrival: &Arrival,
    octets: &[u8],
    (size, sha256): (u64, String),
) -> MessageData {
    let content = Content::parse(octets);
    let envelope = content.envelope();
    MessageData {
        ids: MessageIds {
            key: arrival.key.clone(),
            internet_message_id: envelope.message_id.clone(),
        },
        envelope,
        received_at: arrival.received_at,
        size,
        sha256,
        flags: arrival.flags.clone(),
        preview: content.preview(),
        attachments: attachments(&content),
    }
}

/// Describes a message that the server announced and does not hand over.
pub(crate) fn describe_unfetched(arrival: &Arrival) -> MessageData {
    let size = arrival.size_hint.unwrap_or_default();
    describe(arrival, &[], (size, String::new()))
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
