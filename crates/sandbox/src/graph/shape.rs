//! Messages as JSON (<https://learn.microsoft.com/graph/api/resources/message>).

use aws_lc_rs::digest::{self, SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::attachments;
use super::call::{BodyKind, Call};
use super::folders;
use super::ids::{self, Kind};
use super::letter::{DELIVERY_RECEIPT, READ_RECEIPT};
use super::options::Options;
use super::refusal::Refusal;
use crate::mailboxes::{Contents, Correspondent, Flag, Mailbox, Message, Placed};

/// How messages are shown.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look<'a> {
    pub(super) mailbox: &'a Mailbox,
    pub(super) immutable_ids: bool,
    pub(super) body: BodyKind,
    /// Which properties; `None` is the usual ones.
    pub(super) select: Option<&'a [&'a str]>,
    /// Whether what hangs on messages is shown with them.
    pub(super) expands_attachments: bool,
}

impl<'a> Look<'a> {
    /// As a request wants them.
    pub(super) fn of(
        call: &Call,
        mailbox: &'a Mailbox,
        select: Option<&'a [&'a str]>,
    ) -> Result<Self, Refusal> {
        for name in select.unwrap_or_default() {
            if !PROPERTIES.contains(name) && !ON_REQUEST.contains(name) {
                return Err(unknown_property(name, "message"));
            }
        }
        Ok(Self {
            mailbox,
            immutable_ids: call.preferences.immutable_ids,
            // Plain text is shown as HTML unless somebody asks for it.
            body: call.preferences.body.unwrap_or(BodyKind::Html),
            select,
            expands_attachments: expands(call)?,
        })
    }

    /// The id of a message.
    pub(super) fn id(&self, message: &Message) -> String {
        if self.immutable_ids {
            ids::write(Kind::Message, self.mailbox, message.id.number())
        } else {
            ids::write(Kind::Stay, self.mailbox, message.stay.number())
        }
    }

    /// A message.
    pub(super) fn message(&self, placed: &Placed) -> Value {
        let mut shape = Map::new();
        let change = change_key(placed);
        shape.insert("@odata.etag".to_owned(), json!(format!("W/\"{change}\"")));
        shape.insert("id".to_owned(), json!(self.id(&placed.message)));
        for name in self.select.unwrap_or(PROPERTIES) {
            if *name != "id" {
                shape.insert((*name).to_owned(), self.property(name, placed));
            }
        }
        if self.expands_attachments {
            let attached = placed.message.contents().attached.iter();
            let all = attached.map(|one| attachments::shape(self.mailbox, placed, one, true));
            shape.insert("attachments".to_owned(), all.collect());
        }
        Value::Object(shape)
    }

    /// One property of a message.
    pub(super) fn property(&self, name: &str, placed: &Placed) -> Value {
        let message = &placed.message;
        let contents = message.contents();
        let sender = contents.sender.as_ref().or(contents.from.as_ref());
        match name {
            "createdDateTime" | "receivedDateTime" => time(message.received_at),
            "lastModifiedDateTime" => {
                time(message.marks.modified_at.unwrap_or(message.received_at))
            }
            "changeKey" => json!(change_key(placed)),
            "categories" => json!(message.marks.categories),
            "sentDateTime" => time(contents.sent_at.unwrap_or(message.received_at)),
            "hasAttachments" => json!(contents.attached.iter().any(|one| !one.is_inline)),
            "internetMessageId" => json!(contents.message_id),
            "subject" => json!(contents.subject),
            "bodyPreview" => json!(preview(contents)),
            "importance" => json!(importance(message)),
            "parentFolderId" => json!(folders::id(self.mailbox, placed.folder)),
            "conversationId" => json!(conversation(contents, self.mailbox)),
            "conversationIndex" => json!(conversation_index(contents)),
            "isDeliveryReceiptRequested" => {
                json!(contents.header(DELIVERY_RECEIPT).is_some())
            }
            "isReadReceiptRequested" => {
                json!(contents.header(READ_RECEIPT).is_some())
            }
            "isRead" => json!(message.flags.contains(Flag::Seen)),
            "isDraft" => json!(message.flags.contains(Flag::Draft)),
            "webLink" => json!(format!(
                "https://outlook.office365.com/owa/?ItemID={}&exvsurl=1&viewmodel=ReadMessageItem",
                self.id(message)
            )),
            "inferenceClassification" => json!("focused"),
            "body" | "uniqueBody" => self.body(contents),
            "sender" => sender.map_or(Value::Null, recipient),
            "from" => contents.from.as_ref().map_or(Value::Null, recipient),
            "toRecipients" => recipients(&contents.to),
            "ccRecipients" => recipients(&contents.cc),
            "bccRecipients" => recipients(&contents.bcc),
            "replyTo" => recipients(&contents.reply_to),
            "flag" => json!({"flagStatus": flag_status(message)}),
            "internetMessageHeaders" => {
                let headers = contents.headers.iter();
                headers
                    .map(|(name, value)| json!({"name": name, "value": value}))
                    .collect()
            }
            _ => Value::Null,
        }
    }

    fn body(&self, contents: &Contents) -> Value {
        match self.body {
            BodyKind::Text => json!({"contentType": "text", "content": contents.text}),
            BodyKind::Html => json!({"contentType": "html", "content": contents.html}),
        }
    }
}

/// Attachments are the only thing that can be expanded.
fn expands(call: &Call) -> Result<bool, Refusal> {
    match call.options.get("$expand") {
        None => Ok(false),
        Some(text) if text.split('(').next() == Some("attachments") => Ok(true),
        Some(other) => Err(Refusal::query(format!(
            "Could not find a property named '{other}' on type 'microsoft.graph.message'."
        ))),
    }
}

/// The properties that `$select` leaves of a shape.
pub(super) fn picked(shape: Value, options: &Options, of: &str) -> Result<Value, Refusal> {
    let (Some(names), Value::Object(mut whole)) = (options.select(), shape.clone()) else {
        return Ok(shape);
    };
    let mut left = Map::new();
    for name in ["@odata.etag", "id"].into_iter().chain(names) {
        if left.contains_key(name) {
            continue;
        }
        match whole.remove(name) {
            Some(value) => left.insert(name.to_owned(), value),
            None if name == "@odata.etag" => continue,
            None => return Err(unknown_property(name, of)),
        };
    }
    Ok(Value::Object(left))
}

pub(super) fn unknown_property(name: &str, of: &str) -> Refusal {
    Refusal::query(format!(
        "Could not find a property named '{name}' on type 'microsoft.graph.{of}'."
    ))
}

/// What changes with every change of a message.
pub(super) fn change_key(placed: &Placed) -> String {
    let message = &placed.message;
    let mut octets = vec![0x09, 0, 0, 0, 0x16, 0];
    octets.extend(message.stay.number().to_be_bytes());
    octets.extend(message.revision.to_be_bytes());
    STANDARD.encode(octets)
}

/// A time in UTC, to the second, as Graph writes those of messages.
pub(super) fn time(at: Timestamp) -> Value {
    json!(at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}

pub(super) fn recipient(who: &Correspondent) -> Value {
    json!({"emailAddress": {"name": who.name, "address": who.address}})
}

pub(super) fn recipients(all: &[Correspondent]) -> Value {
    all.iter().map(recipient).collect()
}

/// `low`, `normal` or `high`.
pub(super) fn importance(message: &Message) -> &str {
    if let Some(marked) = &message.marks.importance {
        return marked;
    }
    let contents = message.contents();
    let said = contents
        .header("Importance")
        .or_else(|| contents.header("X-Priority"));
    match said.unwrap_or_default().to_ascii_lowercase().chars().next() {
        Some('h' | '1' | '2') => "high",
        Some('l' | '4' | '5') => "low",
        _ => "normal",
    }
}

pub(super) fn flag_status(message: &Message) -> &'static str {
    if message.marks.completed {
        "complete"
    } else if message.flags.contains(Flag::Flagged) {
        "flagged"
    } else {
        "notFlagged"
    }
}

/// The first 255 characters.
fn preview(contents: &Contents) -> String {
    contents.text.trim().chars().take(255).collect()
}

/// Messages of one thread have this in common: the first of it, or its subject.
fn conversation(contents: &Contents, mailbox: &Mailbox) -> String {
    let thread = thread(contents);
    let digest = digest::digest(
        &SHA256,
        format!("{}/{thread}", mailbox.address()).as_bytes(),
    );
    let mut octets = vec![0x01, 0x02, 0x24];
    octets.extend(&digest.as_ref()[..17]);
    URL_SAFE.encode(octets)
}

/// One octet, a time and the GUID of the thread, then five octets for each answer.
fn conversation_index(contents: &Contents) -> String {
    let digest = digest::digest(&SHA256, thread(contents).as_bytes());
    let mut octets = vec![0x01];
    octets.extend(&digest.as_ref()[..21]);
    for answer in contents.references.iter().take(16) {
        octets.extend(&digest::digest(&SHA256, answer.as_bytes()).as_ref()[..5]);
    }
    STANDARD.encode(octets)
}

fn thread(contents: &Contents) -> &str {
    let first = contents.references.first().map(String::as_str);
    let own = contents.message_id.as_deref();
    let own = own.map(|id| id.trim_matches(['<', '>']));
    first.or(own).unwrap_or(&contents.subject)
}

/// The properties that a message is shown with when nobody chooses.
const PROPERTIES: &[&str] = &[
    "id",
    "createdDateTime",
    "lastModifiedDateTime",
    "changeKey",
    "categories",
    "receivedDateTime",
    "sentDateTime",
    "hasAttachments",
    "internetMessageId",
    "subject",
    "bodyPreview",
    "importance",
    "parentFolderId",
    "conversationId",
    "conversationIndex",
    "isDeliveryReceiptRequested",
    "isReadReceiptRequested",
    "isRead",
    "isDraft",
    "webLink",
    "inferenceClassification",
    "body",
    "sender",
    "from",
    "toRecipients",
    "ccRecipients",
    "bccRecipients",
    "replyTo",
    "flag",
];

/// The properties that have to be asked for.
const ON_REQUEST: &[&str] = &["internetMessageHeaders", "uniqueBody"];
