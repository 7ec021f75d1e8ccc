//! Messages that are being written: from JSON to MIME, and back for another change.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use gatepost_host::Chance;
use jiff::Timestamp;
use mail_builder::MessageBuilder;
use mail_builder::headers::address::Address;
use mail_builder::headers::content_type::ContentType;
use mail_builder::headers::raw::Raw;
use mail_builder::mime::{BodyPart, MimePart};
use serde_json::{Map, Value};

use super::call::BodyKind;
use super::refusal::Refusal;
use crate::mailboxes::{Contents, Correspondent, Message};

/// A message that is being written.
#[derive(Debug, Clone)]
pub(super) struct Letter {
    pub(super) from: Correspondent,
    pub(super) sender: Option<Correspondent>,
    pub(super) to: Vec<Correspondent>,
    pub(super) cc: Vec<Correspondent>,
    pub(super) bcc: Vec<Correspondent>,
    pub(super) reply_to: Vec<Correspondent>,
    pub(super) subject: String,
    pub(super) importance: Option<String>,
    pub(super) body: (BodyKind, String),
    /// With angle brackets.
    pub(super) message_id: String,
    pub(super) date: Timestamp,
    /// The message that it answers, without angle brackets, if that is not the last of those
    /// before it.
    pub(super) in_reply_to: Option<String>,
    /// The messages before it, oldest first, without angle brackets.
    pub(super) references: Vec<String>,
    /// Whether whoever reads it is asked to say so.
    pub(super) wants_read_receipt: bool,
    /// Whether servers are asked to say that they delivered it.
    pub(super) wants_delivery_receipt: bool,
    /// Fields of the sender's own.
    pub(super) headers: Vec<(String, String)>,
    pub(super) pieces: Vec<Piece>,
}

/// Something that hangs on a message.
#[derive(Debug, Clone)]
pub(super) enum Piece {
    /// A part of MIME with its header, kept octet for octet.
    Part(Bytes),
    /// A file.
    File(File),
}

/// A file on its way into a message.
#[derive(Debug, Clone)]
pub(super) struct File {
    pub(super) name: String,
    pub(super) content_type: String,
    pub(super) is_inline: bool,
    pub(super) content_id: Option<String>,
    pub(super) octets: Bytes,
}

impl Letter {
    /// An empty one.
    pub(super) fn new(from: Correspondent, chance: &Chance, at: Timestamp) -> Self {
        let domain = from
            .address
            .rsplit_once('@')
            .map_or("localhost", |(_, domain)| domain);
        Self {
            message_id: format!("<{}@{domain}>", chance.uuid()),
            from,
            sender: None,
            to: Vec::new(),
            cc: Vec::new(),
            bcc: Vec::new(),
            reply_to: Vec::new(),
            subject: String::new(),
            importance: None,
            body: (BodyKind::Text, String::new()),
            date: at,
            in_reply_to: None,
            references: Vec::new(),
            wants_read_receipt: false,
            wants_delivery_receipt: false,
            headers: Vec::new(),
            pieces: Vec::new(),
        }
    }

    /// The one that a draft holds.
    pub(super) fn of(message: &Message, fallback: Self) -> Self {
        let contents: &Contents = message.contents();
        let own = |(name, _): &&(String, String)| is_own(name);
        let importance = contents.header("Importance").map(str::to_owned);
        Self {
            from: contents.from.clone().unwrap_or(fallback.from),
            sender: contents.sender.clone(),
            to: contents.to.clone(),
            cc: contents.cc.clone(),
            bcc: contents.bcc.clone(),
            reply_to: contents.reply_to.clone(),
            subject: contents.subject.clone(),
            importance,
            body: if contents.is_html {
                (BodyKind::Html, contents.html.clone())
            } else {
                (BodyKind::Text, contents.text.clone())
            },
            message_id: contents.message_id.clone().unwrap_or(fallback.message_id),
            date: contents.sent_at.unwrap_or(fallback.date),
            in_reply_to: contents
                .header("In-Reply-To")
                .and_then(|ids| in_angles(ids).pop()),
            references: contents.references.clone(),
            wants_read_receipt: contents.header(READ_RECEIPT).is_some(),
            wants_delivery_receipt: contents.header(DELIVERY_RECEIPT).is_some(),
            headers: contents.headers.iter().filter(own).cloned().collect(),
            pieces: pieces(message),
        }
    }

    /// Changes what JSON names; other properties are left to whoever knows them.
    pub(super) fn apply(&mut self, given: &Map<String, Value>) -> Result<(), Refusal> {
        for (name, value) in given {
            match name.as_str() {
                "subject" => self.subject = line(name, value)?,
                "importance" => self.importance = Some(line(name, value)?.to_lowercase()),
                "body" => self.body = body(value)?,
                "isReadReceiptRequested" => self.wants_read_receipt = truth(name, value)?,
                "isDeliveryReceiptRequested" => {
                    self.wants_delivery_receipt = truth(name, value)?;
                }
                "from" => self.from = person(name, value)?,
                "sender" => self.sender = Some(person(name, value)?),
                "toRecipients" => self.to = people(name, value)?,
                "ccRecipients" => self.cc = people(name, value)?,
                "bccRecipients" => self.bcc = people(name, value)?,
                "replyTo" => self.reply_to = people(name, value)?,
                "internetMessageId" => {
                    let id = line(name, value)?;
                    self.message_id = format!("<{}>", id.trim_matches(['<', '>']));
                }
                "internetMessageHeaders" => self.headers = headers(value)?,
                "singleValueExtendedProperties" => self.extend(name, value)?,
                "attachments" => {
                    let all = value.as_array().ok_or_else(|| wrong(name))?;
                    let files = all.iter().map(|one| File::read(one).map(Piece::File));
                    self.pieces.extend(files.collect::<Result<Vec<_>, _>>()?);
                }
                name if name.starts_with('@') || LEFT_TO_OTHERS.contains(&name) => {}
                _ => {
                    return Err(Refusal::bad(
                        "RequestBodyRead",
                        format!(
                            "The property '{name}' does not exist on type 'microsoft.graph.message'. Make sure to only use property names that are defined by the type."
                        ),
                    ));
                }
            }
        }
        Ok(())
    }

    /// Takes over those properties of the store that are fields of the header (MS-OXPROPS).
    fn extend(&mut self, name: &str, value: &Value) -> Result<(), Refusal> {
        let all = value.as_array().ok_or_else(|| wrong(name))?;
        for one in all {
            let text = |part: &str| one.get(part).and_then(Value::as_str);
            let (Some(id), Some(value)) = (text("id"), text("value")) else {
                return Err(wrong(name));
            };
            match id.to_ascii_lowercase().as_str() {
                IN_REPLY_TO => self.in_reply_to = in_angles(value).pop(),
                REFERENCES => self.references = in_angles(value),
                _ => {}
            }
        }
        Ok(())
    }

    /// As MIME (RFC 5322, RFC 2045).
    pub(super) fn write(&self, chance: &Chance) -> Bytes {
        let (kind, text) = &self.body;
        let kind = match kind {
            BodyKind::Text => "text/plain",
            BodyKind::Html => "text/html",
        };
        let kind = ContentType::new(kind).attribute("charset", "utf-8");
        let mut body = MimePart::new(kind, text.as_str());
        if !self.pieces.is_empty() {
            let boundary = format!("=_{}", chance.token(18));
            let kind = ContentType::new("multipart/mixed").attribute("boundary", boundary);
            let mut parts = vec![body];
            parts.extend(self.pieces.iter().map(Piece::part));
            body = MimePart::new(kind, BodyPart::Multipart(parts));
        }
        let mut builder = MessageBuilder::new()
            .header("Date", Raw::new(rfc_5322(self.date)))
            .from(address(&self.from));
        if let Some(sender) = &self.sender {
            builder = builder.sender(address(sender));
        }
        for (name, people) in [
            ("To", &self.to),
            ("Cc", &self.cc),
            ("Bcc", &self.bcc),
            ("Reply-To", &self.reply_to),
        ] {
            if !people.is_empty() {
                let list = people.iter().map(address).collect();
                builder = builder.header(name, Address::new_list(list));
            }
        }
        builder = builder
            .subject(self.subject.as_str())
            .message_id(self.message_id.trim_matches(['<', '>']));
        if let Some(answered) = self.in_reply_to.as_ref().or(self.references.last()) {
            builder = builder.in_reply_to(answered.as_str());
        }
        if !self.references.is_empty() {
            builder = builder.references(self.references.clone());
        }
        if let Some(importance) = &self.importance {
            builder = builder.header("Importance", Raw::new(importance.as_str()));
        }
        for (name, is_wanted) in [
            (READ_RECEIPT, self.wants_read_receipt),
            (DELIVERY_RECEIPT, self.wants_delivery_receipt),
        ] {
            if is_wanted {
                builder = builder.header(name, address(&self.from));
            }
        }
        for (name, value) in &self.headers {
            builder = builder.header(name.as_str(), Raw::new(value.as_str()));
        }
        let written = builder.body(body).write_to_vec();
        Bytes::from(written.expect("writing to memory does not fail"))
    }
}

/// What hangs on a message, as it is.
pub(super) fn pieces(message: &Message) -> Vec<Piece> {
    let attached = message.contents().attached.iter();
    attached
        .map(|one| Piece::Part(message.raw.slice(one.part.clone())))
        .collect()
}

impl Piece {
    fn part(&self) -> MimePart<'_> {
        match self {
            Self::Part(octets) => MimePart::raw(&octets[..]),
            Self::File(file) => file.part(),
        }
    }
}

impl File {
    /// A `fileAttachment`.
    pub(super) fn read(given: &Value) -> Result<Self, Refusal> {
        let kind = given
            .get("@odata.type")
            .and_then(Value::as_str)
            .unwrap_or(FILE);
        if kind.trim_start_matches('#') != FILE {
            return Err(Refusal::body_unreadable(format!(
                "The sandbox takes attachments of the type '#{FILE}' only, not '{kind}'."
            )));
        }
        let text = |name: &str| given.get(name).and_then(Value::as_str);
        let octets = STANDARD.decode(text("contentBytes").unwrap_or_default());
        Ok(Self {
            name: text("name").map(sound).ok_or_else(|| wrong("name"))?,
            content_type: text("contentType").map_or_else(unknown_type, sound),
            is_inline: given
                .get("isInline")
                .and_then(Value::as_bool)
                .unwrap_or(false),
            content_id: text("contentId").map(sound),
            octets: octets.map_err(|_| wrong("contentBytes"))?.into(),
        })
    }

    /// In base64 whatever it is, so that no line ending is touched.
    fn part(&self) -> MimePart<'_> {
        let disposition = if self.is_inline {
            "inline"
        } else {
            "attachment"
        };
        let disposition = ContentType::new(disposition).attribute("filename", self.name.as_str());
        let kind = ContentType::new(self.content_type.as_str());
        let mut part = MimePart::new(
            kind.attribute("name", self.name.as_str()),
            BodyPart::from(in_lines(&self.octets)),
        );
        part = part.header("Content-Disposition", disposition);
        if let Some(id) = &self.content_id {
            part = part.cid(id.trim_matches(['<', '>']));
        }
        part.transfer_encoding("base64")
    }
}

/// Base64 in lines of 76 letters (RFC 2045 §6.8).
fn in_lines(octets: &[u8]) -> Vec<u8> {
    let mut lines = Vec::with_capacity(octets.len() / 57 * 78 + 80);
    let mut line = [0; 76];
    for chunk in octets.chunks(57) {
        // A line of 57 octets has 76 letters, and none is longer.
        let written = STANDARD.encode_slice(chunk, &mut line).unwrap_or_default();
        lines.extend_from_slice(&line[..written]);
        lines.extend_from_slice(b"\r\n");
    }
    lines
}

/// A name without what would break the line it stands in.
fn sound(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control()).collect()
}

pub(super) fn unknown_type() -> String {
    "application/octet-stream".to_owned()
}

/// A date as headers have it (RFC 5322 §3.3).
pub(super) fn rfc_5322(at: Timestamp) -> String {
    at.strftime("%a, %d %b %Y %H:%M:%S +0000").to_string()
}

fn address(who: &Correspondent) -> Address<'_> {
    let name = (who.name != who.address).then_some(who.name.as_str());
    Address::new_address(name, who.address.as_str())
}

fn body(value: &Value) -> Result<(BodyKind, String), Refusal> {
    let content = value
        .get("content")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let kind = value
        .get("contentType")
        .and_then(Value::as_str)
        .unwrap_or("text");
    let kind = match kind.to_ascii_lowercase().as_str() {
        "text" => BodyKind::Text,
        "html" => BodyKind::Html,
        _ => return Err(wrong("contentType")),
    };
    Ok((kind, content.to_owned()))
}

fn people(name: &str, value: &Value) -> Result<Vec<Correspondent>, Refusal> {
    let all = value.as_array().ok_or_else(|| wrong(name))?;
    all.iter().map(|one| person(name, one)).collect()
}

fn person(name: &str, value: &Value) -> Result<Correspondent, Refusal> {
    let text = |part: &str| {
        value
            .pointer(&format!("/emailAddress/{part}"))
            .and_then(Value::as_str)
    };
    let address = text("address")
        .ok_or_else(|| wrong(name))?
        .trim()
        .to_owned();
    if !is_address(&address) {
        return Err(Refusal::recipient(&address));
    }
    let name = text("name").map(sound).filter(|name| !name.is_empty());
    Ok(Correspondent {
        name: name.unwrap_or_else(|| address.clone()),
        address,
    })
}

/// Whether it could be an address.
pub(super) fn is_address(text: &str) -> bool {
    let parts = text.rsplit_once('@');
    let whole = |(local, domain): (&str, &str)| !local.is_empty() && !domain.is_empty();
    let odd =
        |letter: char| letter.is_control() || letter.is_whitespace() || "<>,;".contains(letter);
    parts.is_some_and(whole) && !text.contains(odd)
}

fn headers(value: &Value) -> Result<Vec<(String, String)>, Refusal> {
    let all = value
        .as_array()
        .ok_or_else(|| wrong("internetMessageHeaders"))?;
    let mut headers = Vec::with_capacity(all.len());
    for one in all {
        let text = |part: &str| one.get(part).and_then(Value::as_str).unwrap_or_default();
        let (name, value) = (text("name"), text("value"));
        let is_name = |letter: char| letter.is_ascii_graphic() && letter != ':';
        if !is_own(name) || !name.chars().all(is_name) {
            return Err(Refusal::bad(
                "InvalidInternetMessageHeader",
                format!(
                    "The internet message header name '{name}' should start with 'x-' or 'X-'."
                ),
            ));
        }
        if value.chars().any(char::is_control) {
            return Err(wrong("internetMessageHeaders"));
        }
        headers.push((name.to_owned(), value.to_owned()));
    }
    Ok(headers)
}

/// The ids of messages in a text, without their angle brackets.
fn in_angles(text: &str) -> Vec<String> {
    let ids = text
        .split('<')
        .skip(1)
        .filter_map(|one| one.split_once('>'));
    let ids = ids.map(|(id, _)| sound(id).replace(' ', ""));
    ids.filter(|id| !id.is_empty()).collect()
}

fn is_own(name: &str) -> bool {
    name.len() > 2 && name[..2].eq_ignore_ascii_case("x-")
}

/// A text that stays in its line, whatever was put into it.
fn line(name: &str, value: &Value) -> Result<String, Refusal> {
    let text = value.as_str().ok_or_else(|| wrong(name))?;
    Ok(text.replace(['\r', '\n'], " "))
}

fn truth(name: &str, value: &Value) -> Result<bool, Refusal> {
    value.as_bool().ok_or_else(|| wrong(name))
}

pub(super) fn wrong(name: &str) -> Refusal {
    Refusal::body_unreadable(format!(
        "Property {name} in payload has a value that does not match schema."
    ))
}

/// Properties of a message that its MIME does not hold, or that are only read.
const LEFT_TO_OTHERS: &[&str] = &[
    "id",
    "isRead",
    "isDraft",
    "flag",
    "categories",
    "inferenceClassification",
    "receivedDateTime",
    "sentDateTime",
    "conversationId",
    "parentFolderId",
    "hasAttachments",
    "bodyPreview",
    "changeKey",
    "createdDateTime",
    "lastModifiedDateTime",
    "webLink",
];

/// `PidTagInReplyToId` and `PidTagInternetReferences`, in lower case.
const IN_REPLY_TO: &str = "string 0x1042";
const REFERENCES: &str = "string 0x1039";
/// Where receipts go: to whoever the message is from.
pub(super) const READ_RECEIPT: &str = "Disposition-Notification-To";
pub(super) const DELIVERY_RECEIPT: &str = "Return-Receipt-To";
const FILE: &str = "microsoft.graph.fileAttachment";
