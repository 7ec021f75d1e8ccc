//! A message as SEARCH looks at it: decoded, without regard to case.

use std::cell::OnceCell;

use gatepost_wire::imap::server::{Candidate, Flags};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use mail_parser::{Address, HeaderValue, MessageParser, PartType};

use crate::mailboxes::Message;

/// A message that may match.
pub(super) struct Letter<'a> {
    message: &'a Message,
    size: u64,
    parsed: OnceCell<Option<mail_parser::Message<'a>>>,
}

impl<'a> Letter<'a> {
    /// `size` is what RFC822.SIZE says of it.
    pub(super) fn new(message: &'a Message, size: u64) -> Self {
        Self {
            message,
            size,
            parsed: OnceCell::new(),
        }
    }

    /// Parsed when a text is looked for, and not before.
    fn parsed(&self) -> Option<&mail_parser::Message<'a>> {
        self.parsed
            .get_or_init(|| MessageParser::default().parse(&self.message.raw[..]))
            .as_ref()
    }
}

impl Candidate for Letter<'_> {
    fn uid(&self) -> u32 {
        self.message.uid
    }

    fn flags(&self) -> Flags {
        self.message.flags
    }

    fn received_on(&self) -> Date {
        self.message.received_at.to_zoned(TimeZone::UTC).date()
    }

    fn sent_on(&self) -> Option<Date> {
        let sent = self.parsed()?.date()?;
        let year = i16::try_from(sent.year).ok()?;
        Date::new(
            year,
            i8::try_from(sent.month).ok()?,
            i8::try_from(sent.day).ok()?,
        )
        .ok()
    }

    fn size(&self) -> u64 {
        self.size
    }

    fn header_holds(&self, name: &str, text: &str) -> bool {
        let Some(parsed) = self.parsed() else {
            return false;
        };
        let text = text.to_lowercase();
        let mut values = parsed
            .headers()
            .iter()
            .filter(|h| h.name().eq_ignore_ascii_case(name));
        values.any(|header| {
            let start = usize::try_from(header.offset_start()).unwrap_or(usize::MAX);
            let end = usize::try_from(header.offset_end()).unwrap_or(usize::MAX);
            let raw = self.message.raw.get(start..end).unwrap_or_default();
            holds(&words(header.value()), &text) || holds(&String::from_utf8_lossy(raw), &text)
        })
    }

    fn body_holds(&self, text: &str) -> bool {
        let text = text.to_lowercase();
        let Some(parsed) = self.parsed() else {
            return false;
        };
        parsed.parts.iter().any(|part| match &part.body {
            PartType::Text(body) | PartType::Html(body) => holds(body, &text),
            _ => false,
        })
    }

    fn holds(&self, text: &str) -> bool {
        let Some(parsed) = self.parsed() else {
            return false;
        };
        let lower = text.to_lowercase();
        let root = parsed.root_part();
        let end = usize::try_from(root.offset_body).unwrap_or(usize::MAX);
        let header = self.message.raw.get(..end).unwrap_or_default();
        holds(&String::from_utf8_lossy(header), &lower)
            || parsed
                .headers()
                .iter()
                .any(|header| holds(&words(header.value()), &lower))
            || self.body_holds(text)
    }
}

fn holds(text: &str, lower: &str) -> bool {
    lower.is_empty() || text.to_lowercase().contains(lower)
}

/// The decoded words of a header field.
fn words(value: &HeaderValue<'_>) -> String {
    match value {
        HeaderValue::Text(text) => text.to_string(),
        HeaderValue::TextList(texts) => texts.join(" "),
        HeaderValue::Address(addresses) => names(addresses),
        _ => String::new(),
    }
}

fn names(addresses: &Address<'_>) -> String {
    let each = addresses
        .iter()
        .flat_map(|a| [a.name.as_deref(), a.address.as_deref()]);
    each.flatten().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use jiff::Timestamp;

    use super::*;
    use crate::mailboxes::{MailboxKind, Mailboxes};

    fn message(raw: &'static str) -> Message {
        let mailboxes = Mailboxes::new();
        let mailbox = mailboxes
            .add("a@b.test", MailboxKind::User)
            .expect("a new address");
        let raw = Bytes::from_static(raw.as_bytes());
        let filed = mailboxes
            .deliver("a@b.test", raw, Timestamp::UNIX_EPOCH)
            .expect("it is there");
        mailbox
            .message(mailbox.inbox(), filed.uid)
            .expect("it was filed")
    }

    #[test]
    fn encoded_words_and_bodies_are_found_decoded() {
        let message = message(
            "From: =?utf-8?q?J=C3=BCrgen?= <j@x.test>\r\nSubject: Hello\r\n\
             Date: Sat, 22 Nov 2025 23:30:00 -0800\r\n\
             Content-Transfer-Encoding: base64\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n\
             R3LDvMOfZQ==\r\n",
        );
        let letter = Letter::new(&message, 10);
        assert!(letter.header_holds("FROM", "JÜRGEN"));
        assert!(letter.header_holds("From", "j@x.test"));
        assert!(letter.header_holds("Subject", ""));
        assert!(!letter.header_holds("Cc", ""));
        assert!(letter.body_holds("grüße"));
        assert!(letter.holds("hello") && letter.holds("Grüße") && !letter.body_holds("hello"));
        assert_eq!(letter.sent_on(), Date::new(2025, 11, 22).ok());
    }
}
