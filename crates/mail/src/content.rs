//! What is in a message: who wrote it, its text for people, its attachments.
//!
//! Everything is read from the message itself, since a server's ENVELOPE and BODYSTRUCTURE
//! cannot be trusted. Any octets are taken: what is no mail has an empty envelope and no text.

pub(crate) mod decoder;
pub(crate) mod encoded_words;
mod file_name;
#[cfg(test)]
mod hostile;
mod readable;
pub(crate) mod walk;

use jiff::Timestamp;
use mail_parser::{HeaderValue, Message, MessageParser, MessagePart, MimeHeaders as _, PartType};

use crate::{Address, Envelope};

pub use encoded_words::phrase;
pub use file_name::{FileNames, safe_file_name};

/// A parsed message, or as much of it as was given.
#[derive(Debug)]
pub struct Content<'a> {
    octets: &'a [u8],
    /// `None` for what is no mail.
    message: Option<Message<'a>>,
}

/// An attachment with its decoded octets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment<'a> {
    /// Its file name as the sender wrote it. Not safe as a path: see [`safe_file_name`].
    pub name: Option<String>,
    /// Its media type in lower case, such as `application/pdf`.
    pub media_type: String,
    /// Whether it is shown within the text.
    pub inline: bool,
    /// Its decoded octets.
    pub octets: &'a [u8],
}

/// Reads the envelope from header octets; octets behind the header do no harm.
pub fn envelope(header: &[u8]) -> Envelope {
    let parsed = MessageParser::default().parse_headers(readable::header_of(header));
    parsed.as_ref().map(envelope_of).unwrap_or_default()
}

/// When the last server on the way received the message, by its line on top of the header
/// (RFC 5321 §4.4).
pub(crate) fn received_at(header: &[u8]) -> Option<Timestamp> {
    let parsed = MessageParser::default().parse_headers(readable::header_of(header))?;
    let date = parsed.received_all().next()?.date()?;
    Timestamp::from_second(date.to_timestamp()).ok()
}

impl<'a> Content<'a> {
    /// Parses a message; of one that was built to do harm, its beginning.
    pub fn parse(octets: &'a [u8]) -> Self {
        Self {
            octets,
            message: MessageParser::default().parse(readable::readable(octets)),
        }
    }

    /// Who, to whom, about what.
    pub fn envelope(&self) -> Envelope {
        envelope(self.octets)
    }

    /// The text for people: the plain text, else the HTML made readable.
    pub fn text(&self) -> Option<String> {
        let message = self.message.as_ref()?;
        let parts = (0..message.text_body_count()).filter_map(|at| message.body_text(at));
        let text = parts.collect::<Vec<_>>().join("\n");
        (!text.trim().is_empty()).then_some(text)
    }

    /// The first 500 characters of the text, on one line.
    pub fn preview(&self) -> Option<String> {
        let text = self.message.as_ref()?.body_text(0)?;
        let words: Vec<&str> = text.split_whitespace().take(PREVIEW).collect();
        let preview = shortened(&words.join(" "), PREVIEW);
        (!preview.is_empty()).then_some(preview)
    }

    /// The attachments in the order of the message, at most a hundred of them.
    pub fn attachments(&self) -> Vec<Attachment<'_>> {
        let parts = self.message.iter().flat_map(Message::attachments);
        parts.take(MOST_ATTACHMENTS).map(attachment).collect()
    }
}

fn envelope_of(message: &Message<'_>) -> Envelope {
    Envelope {
        from: addresses(message.from()),
        sender: addresses(message.sender()),
        reply_to: addresses(message.reply_to()),
        to: addresses(message.to()),
        cc: addresses(message.cc()),
        subject: message.subject().map(line),
        date: message
            .date()
            .and_then(|date| Timestamp::from_second(date.to_timestamp()).ok()),
        message_id: message.message_id().map(line),
        in_reply_to: texts(message.in_reply_to()).into_iter().next(),
        references: texts(message.references()),
    }
}

fn addresses(field: Option<&mail_parser::Address<'_>>) -> Vec<Address> {
    let addresses = field.into_iter().flat_map(mail_parser::Address::iter);
    let readable = addresses.filter_map(|found| {
        Some(Address {
            name: found.name().map(line),
            address: line(found.address()?),
        })
    });
    readable.take(MOST_ADDRESSES).collect()
}

fn texts(value: &HeaderValue<'_>) -> Vec<String> {
    let all: Vec<&str> = match value {
        HeaderValue::Text(text) => vec![text],
        HeaderValue::TextList(list) => list.iter().map(AsRef::as_ref).collect(),
        _ => Vec::new(),
    };
    // The newest ancestors are at the end, and the ones that matter.
    let first = all.len().saturating_sub(MOST_REFERENCES);
    all[first..].iter().map(|text| line(text)).collect()
}

fn attachment<'a>(part: &'a MessagePart<'_>) -> Attachment<'a> {
    let media_type = part.content_type().map_or_else(
        || match part.body {
            PartType::Message(_) => "message/rfc822".to_owned(),
            _ => "application/octet-stream".to_owned(),
        },
        |kind| match kind.subtype() {
            Some(subtype) => format!("{}/{subtype}", kind.ctype()),
            None => kind.ctype().to_owned(),
        },
    );
    Attachment {
        name: part.attachment_name().map(line),
        media_type: line(&media_type.to_ascii_lowercase()),
        inline: part
            .content_disposition()
            .is_some_and(mail_parser::ContentType::is_inline),
        octets: part.contents(),
    }
}

/// One line of text for a listing: a control character could play tricks on a terminal.
fn line(text: &str) -> String {
    shortened(&text.replace(char::is_control, " "), LONGEST_LINE)
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MIXED: &str = "From: =?utf-8?q?J=C3=BCrgen?= <j@contoso.com>\r\nTo: a@b.example, \"B, C\" <c@d.example>\r\nSubject: =?utf-8?b?R3LDvMOfZQ==?=\r\nDate: Sun, 22 Nov 2026 05:54:10 +0100\r\nMessage-ID: <1@contoso.com>\r\nReferences: <a@x> <b@x>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<html><body><p>Guten&nbsp;Tag</p><script>bad()</script></body></html>\r\n--x\r\nContent-Type: application/pdf; name=\"../../etc/passwd\"\r\nContent-Disposition: attachment\r\nContent-Transfer-Encoding: base64\r\n\r\nAAEC\r\n--x--\r\n";

    #[test]
    fn an_envelope_is_read_from_the_header() {
        let header = MIXED.split("\r\n\r\n").next().expect("a header").as_bytes();
        for envelope in [
            envelope(header),
            Content::parse(MIXED.as_bytes()).envelope(),
        ] {
            assert_eq!(envelope.subject.as_deref(), Some("Grüße"));
            assert_eq!(envelope.from[0].name.as_deref(), Some("Jürgen"));
            assert_eq!(envelope.to.len(), 2);
            assert_eq!(envelope.message_id.as_deref(), Some("1@contoso.com"));
            assert_eq!(envelope.references, ["a@x", "b@x"]);
            assert_eq!(
                envelope.date.map(|at| at.to_string()).as_deref(),
                Some("2026-11-22T04:54:10Z")
            );
        }
    }

    #[test]
    fn html_is_made_readable() {
        let content = Content::parse(MIXED.as_bytes());
        let text = content.text().expect("a text");
        assert!(
            text.contains("Guten\u{a0}Tag") || text.contains("Guten Tag"),
            "{text:?}"
        );
        assert!(!text.contains('<') && !text.contains("bad()"), "{text:?}");
    }

    #[test]
    fn attachments_come_decoded() {
        let content = Content::parse(MIXED.as_bytes());
        let attachments = content.attachments();
        assert_eq!(attachments.len(), 1);
        assert_eq!(attachments[0].octets, [0, 1, 2]);
        assert_eq!(attachments[0].media_type, "application/pdf");
        assert_eq!(attachments[0].name.as_deref(), Some("../../etc/passwd"));
    }

    #[test]
    fn control_characters_do_not_reach_a_listing() {
        let header = b"Subject: =?utf-8?q?a=1b[2Jb?=\r\nFrom: =?utf-8?q?x=0d=0ay?= <a@b>\r\n\r\n";
        let envelope = envelope(header);
        let all = format!("{:?}{:?}", envelope.subject, envelope.from[0].name);
        assert!(!all.contains("\\u{1b}") && !all.contains("\\r"), "{all}");
    }

    #[test]
    fn a_preview_is_one_short_line() {
        let long = format!("Subject: x\r\n\r\n{}\r\n", "wörter \r\n".repeat(1000));
        let preview = Content::parse(long.as_bytes()).preview().expect("a text");
        assert_eq!(preview.chars().count(), 500);
        assert!(!preview.contains('\n'));
    }

    proptest! {
        #[test]
        fn any_octets_are_taken(octets in prop::collection::vec(any::<u8>(), 0..2048)) {
            let content = Content::parse(&octets);
            let _ = (content.text(), content.preview(), content.attachments().len());
            let _ = (content.envelope(), envelope(&octets));
        }

        #[test]
        fn any_damage_to_a_real_message_is_taken(at in 0..MIXED.len(), octet: u8, cut in 0..MIXED.len()) {
            let mut octets = MIXED.as_bytes().to_vec();
            octets[at] = octet;
            let content = Content::parse(&octets[..cut]);
            let _ = (content.text(), content.preview(), content.attachments().len());
        }
    }
}
