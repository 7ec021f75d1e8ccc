//! Writing a message down, the same octets every time.

use bytes::Bytes;
use jiff::Timestamp;
use mail_builder::MessageBuilder;
use mail_builder::headers::address::Address;
use mail_builder::headers::content_type::ContentType;
use mail_builder::mime::{BodyPart, MimePart};

use super::Letter;

/// A message before it is written down.
pub(super) struct Draft {
    /// The mailbox it reaches.
    pub(super) to: &'static str,
    /// Name and address of the author.
    pub(super) from: (&'static str, &'static str),
    pub(super) subject: String,
    /// Its `Message-ID`, without the angle brackets.
    pub(super) id: String,
    pub(super) at: Timestamp,
    /// The ids of the messages before it in the thread, oldest first.
    pub(super) thread: Vec<String>,
    pub(super) body: MimePart<'static>,
}

impl Draft {
    pub(super) fn into_letter(self) -> Letter {
        let mut message = MessageBuilder::new()
            .from(Address::from(self.from))
            .to(Address::from(self.to))
            .subject(self.subject)
            .message_id(self.id)
            .date(self.at.as_second())
            .body(self.body);
        if let Some(answered) = self.thread.last() {
            message = message
                .in_reply_to(answered.clone())
                .references(self.thread);
        }
        let raw = message
            .write_to_vec()
            .expect("writing to memory does not fail");
        Letter {
            to: self.to,
            at: self.at,
            raw: Bytes::from(raw),
        }
    }
}

/// Plain text.
pub(super) fn text(content: impl Into<String>) -> MimePart<'static> {
    MimePart::new(
        ContentType::new("text/plain").attribute("charset", "utf-8"),
        content.into(),
    )
}

/// HTML.
pub(super) fn html(content: impl Into<String>) -> MimePart<'static> {
    MimePart::new(
        ContentType::new("text/html").attribute("charset", "utf-8"),
        content.into(),
    )
}

/// Several parts; `boundary` is chosen by the author, or it would differ from run to run.
pub(super) fn several(
    kind: &'static str,
    boundary: &'static str,
    parts: Vec<MimePart<'static>>,
) -> MimePart<'static> {
    let kind = ContentType::new(kind).attribute("boundary", boundary);
    MimePart::new(kind, BodyPart::Multipart(parts))
}
