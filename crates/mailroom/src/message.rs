//! What an event says of a message, read from the message itself.

use gatepost_mail::{Address, Arrival, Envelope};
use jiff::Timestamp;
use mail_parser::{HeaderValue, Message, MessageParser, MessagePart, MimeHeaders as _};

use crate::{Attachment, MessageData, MessageIds};

/// Describes the message that arrived, from `octets`: the whole message or its beginning.
pub(crate) fn describe(
    arrival: &Arrival,
    octets: &[u8],
    (size, sha256): (u64, String),
) -> MessageData {
    let parsed = MessageParser::default().parse(octets);
    let envelope = parsed.as_ref().map(envelope).unwrap_or_default();
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
        preview: parsed.as_ref().and_then(preview),
        attachments: parsed.as_ref().map(attachments).unwrap_or_default(),
    }
}

/// Describes a message that the server announced and does not hand over.
pub(crate) fn describe_unfetched(arrival: &Arrival) -> MessageData {
    let size = arrival.size_hint.unwrap_or_default();
    describe(arrival, &[], (size, String::new()))
}

fn envelope(message: &Message<'_>) -> Envelope {
    Envelope {
        from: addresses(message.from()),
        sender: addresses(message.sender()),
        reply_to: addresses(message.reply_to()),
        to: addresses(message.to()),
        cc: addresses(message.cc()),
        subject: message.subject().map(|text| shortened(text, LONGEST_LINE)),
        date: message
            .date()
            .and_then(|date| Timestamp::from_second(date.to_timestamp()).ok()),
        message_id: message
            .message_id()
            .map(|text| shortened(text, LONGEST_LINE)),
        in_reply_to: texts(message.in_reply_to()).into_iter().next(),
        references: texts(message.references()),
    }
}

fn addresses(field: Option<&mail_parser::Address<'_>>) -> Vec<Address> {
    let addresses = field.into_iter().flat_map(mail_parser::Address::iter);
    addresses
        .filter_map(|found| {
            Some(Address {
                name: found.name().map(|name| shortened(name, LONGEST_LINE)),
                address: shortened(found.address()?, LONGEST_LINE),
            })
        })
        .take(MOST_ADDRESSES)
        .collect()
}

fn texts(value: &HeaderValue<'_>) -> Vec<String> {
    let all: Vec<&str> = match value {
        HeaderValue::Text(text) => vec![text],
        HeaderValue::TextList(list) => list.iter().map(AsRef::as_ref).collect(),
        _ => Vec::new(),
    };
    // The newest ancestors are at the end, and the ones that matter.
    let first = all.len().saturating_sub(MOST_REFERENCES);
    all[first..]
        .iter()
        .map(|text| shortened(text, LONGEST_LINE))
        .collect()
}

fn preview(message: &Message<'_>) -> Option<String> {
    let text = message.body_text(0)?;
    let words: Vec<&str> = text.split_whitespace().take(PREVIEW).collect();
    let preview = shortened(&words.join(" "), PREVIEW);
    (!preview.is_empty()).then_some(preview)
}

fn attachments(message: &Message<'_>) -> Vec<Attachment> {
    message
        .attachments()
        .take(MOST_ATTACHMENTS)
        .map(attachment)
        .collect()
}

fn attachment(part: &MessagePart<'_>) -> Attachment {
    let media_type = part.content_type().map_or_else(
        || "application/octet-stream".to_owned(),
        |kind| match kind.subtype() {
            Some(subtype) => format!("{}/{subtype}", kind.ctype()).to_ascii_lowercase(),
            None => kind.ctype().to_ascii_lowercase(),
        },
    );
    Attachment {
        name: part
            .attachment_name()
            .map(|name| shortened(name, LONGEST_LINE)),
        media_type: shortened(&media_type, LONGEST_LINE),
        size: part.len() as u64,
        inline: part
            .content_disposition()
            .is_some_and(mail_parser::ContentType::is_inline),
    }
}

fn shortened(text: &str, most: usize) -> String {
    text.chars().take(most).collect()
}

/// In characters.
const PREVIEW: usize = 500;
/// In characters: the longest line of a message (RFC 5322 §2.1.1).
const LONGEST_LINE: usize = 998;
const MOST_ADDRESSES: usize = 100;
const MOST_REFERENCES: usize = 50;
const MOST_ATTACHMENTS: usize = 100;
