//! What happened, as every sink is told it. Additive evolution only; `schema` counts breaks.

use std::fmt;

use gatepost_mail::{Envelope, Flag, FolderName, MessageKey};
use jiff::Timestamp;

use crate::{Addressee, ExpiringPart, SinkName, SubmissionId, WatchKey};

/// The deterministic name of an event: the same happening has the same id after any crash.
/// `evt_` and the first 40 hexadecimal digits of a SHA-256.
#[derive(
    Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(transparent)]
pub struct EventId(String);

impl EventId {
    /// The id of something that happened to one message:
    /// a hash over mailbox, folder, type and message key.
    pub fn of_message(
        mailbox: &str,
        folder: &FolderName,
        kind: EventType,
        key: &MessageKey,
    ) -> Self {
        Self::hashed(&[mailbox, folder.as_str(), kind.as_str(), &key.to_string()])
    }

    /// The id of something that happened to a watch; `what` tells it from others of its kind.
    pub fn of_watch(watch: &WatchKey, kind: EventType, what: &str) -> Self {
        Self::hashed(&[&watch.mailbox, watch.folder.as_str(), kind.as_str(), what])
    }

    /// The id of something that happened at an attempt to deliver `event` to `sink`.
    pub fn of_delivery(
        event: &EventId,
        (sink, attempt): (&SinkName, u32),
        kind: EventType,
    ) -> Self {
        Self::hashed(&[event.as_str(), &sink.0, kind.as_str(), &attempt.to_string()])
    }

    /// The id of something that happened to a sink at a time.
    pub fn of_sink(sink: &SinkName, kind: EventType, at: Timestamp) -> Self {
        Self::hashed(&[&sink.0, kind.as_str(), &at.to_string()])
    }

    /// The id of something that happened to a message on its way out; `what` tells it from others
    /// of its kind.
    pub fn of_submission(id: &SubmissionId, kind: EventType, what: &str) -> Self {
        Self::hashed(&[id.as_str(), kind.as_str(), what])
    }

    /// The id of something that happened to a credential; `what` tells it from others of its kind.
    pub fn of_credential(credential: &str, kind: EventType, what: &str) -> Self {
        Self::hashed(&[credential, kind.as_str(), what])
    }

    /// Reads an id as it was written.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix("evt_")?;
        let hexadecimal = |octet: u8| octet.is_ascii_digit() || (b'a'..=b'f').contains(&octet);
        (digits.len() == DIGITS && digits.bytes().all(hexadecimal)).then(|| Self(text.to_owned()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Each part is preceded by its length, so that no two lists of parts hash alike.
    fn hashed(parts: &[&str]) -> Self {
        use fmt::Write as _;
        let mut context = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
        for part in parts {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part.as_bytes());
        }
        let mut text = String::from("evt_");
        for octet in &context.finish().as_ref()[..DIGITS / 2] {
            let _ = write!(text, "{octet:02x}");
        }
        Self(text)
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What kind of thing happened.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
pub enum EventType {
    /// A message became visible in a watched folder.
    #[serde(rename = "mail.received")]
    MailReceived,
    /// A watch proved nothing for longer than its limit.
    #[serde(rename = "mailbox.stalled")]
    MailboxStalled,
    /// A stalled or refused watch works again.
    #[serde(rename = "mailbox.recovered")]
    MailboxRecovered,
    /// The server forgot our cursor, and the folder was compared with what we knew.
    #[serde(rename = "mailbox.resynced")]
    MailboxResynced,
    /// The mailbox refuses our sign-in.
    #[serde(rename = "mailbox.auth_failed")]
    MailboxAuthFailed,
    /// A delivery gave up.
    #[serde(rename = "delivery.dead_lettered")]
    DeliveryDeadLettered,
    /// A sink wants nothing any more and was switched off.
    #[serde(rename = "sink.switched_off")]
    SinkSwitchedOff,
    /// A part of a credential ends soon.
    #[serde(rename = "credential.expiring")]
    CredentialExpiring,
    /// A credential is refused.
    #[serde(rename = "credential.failed")]
    CredentialFailed,
    /// A credential that was refused gives tokens again.
    #[serde(rename = "credential.recovered")]
    CredentialRecovered,
    /// A message to be sent is in the outbox, and stays there until its fate is known.
    #[serde(rename = "send.accepted")]
    SendAccepted,
    /// The server has taken a message.
    #[serde(rename = "send.sent")]
    SendSent,
    /// Nobody knows whether a message was sent, or one of which nobody knows is sent again.
    #[serde(rename = "send.unknown")]
    SendUnknown,
    /// A message was not sent, and is not tried any more.
    #[serde(rename = "send.failed")]
    SendFailed,
    /// Recipients were refused for good.
    #[serde(rename = "send.bounced")]
    SendBounced,
}

impl EventType {
    /// The mailroom's own events: what it says of itself, and not of a message.
    pub const OWN: [Self; 14] = [
        Self::MailboxStalled,
        Self::MailboxRecovered,
        Self::MailboxResynced,
        Self::MailboxAuthFailed,
        Self::DeliveryDeadLettered,
        Self::SinkSwitchedOff,
        Self::CredentialExpiring,
        Self::CredentialFailed,
        Self::CredentialRecovered,
        Self::SendAccepted,
        Self::SendSent,
        Self::SendUnknown,
        Self::SendFailed,
        Self::SendBounced,
    ];

    /// The name as sinks read it, such as `mail.received`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MailReceived => "mail.received",
            Self::MailboxStalled => "mailbox.stalled",
            Self::MailboxRecovered => "mailbox.recovered",
            Self::MailboxResynced => "mailbox.resynced",
            Self::MailboxAuthFailed => "mailbox.auth_failed",
            Self::DeliveryDeadLettered => "delivery.dead_lettered",
            Self::SinkSwitchedOff => "sink.switched_off",
            Self::CredentialExpiring => "credential.expiring",
            Self::CredentialFailed => "credential.failed",
            Self::CredentialRecovered => "credential.recovered",
            Self::SendAccepted => "send.accepted",
            Self::SendSent => "send.sent",
            Self::SendUnknown => "send.unknown",
            Self::SendFailed => "send.failed",
            Self::SendBounced => "send.bounced",
        }
    }
}

/// What happened, with everything a sink is told but the delivery's own attempt number.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Event {
    /// Its name.
    pub id: EventId,
    /// The version of this shape.
    pub schema: u32,
    /// What kind it is.
    #[serde(rename = "type")]
    pub kind: EventType,
    /// When it was detected.
    pub timestamp: Timestamp,
    /// The mailbox concerned.
    pub mailbox: String,
    /// The folder concerned, for events of a folder.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub folder: Option<FolderName>,
    /// Counts the events of one folder without a gap, from 1. Assigned by the storage.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub sequence: Option<u64>,
    /// The rest, by kind.
    pub data: EventData,
}

impl Event {
    /// The version of the shape that is written.
    pub const SCHEMA: u32 = 1;
}

/// The part of an event that depends on its kind.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(untagged)]
pub enum EventData {
    /// A message.
    Message(Box<MessageData>),
    /// The counts of a comparison after the server forgot us.
    Resynced {
        /// Messages that were known already.
        matched: u64,
        /// Messages that were unknown, and became events.
        new: u64,
        /// Messages older than the high-water mark and unknown: not handed out.
        ambiguous: u64,
    },
    /// What becomes of a credential. It stands before the next, which is read from less.
    Credential(Box<CredentialData>),
    /// What becomes of a message on its way out. It stands before the next, too.
    Send(Box<SendData>),
    /// Why a mailbox or a delivery is in trouble, or since when it works again.
    Trouble {
        /// The fault's code, with its page in `docs/codes/`.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        code: Option<String>,
        /// The sentence for the operator.
        reason: String,
        /// The event whose delivery gave up, for `delivery.dead_lettered`.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        event: Option<EventId>,
        /// The sink that gave up, for `delivery.dead_lettered`.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        sink: Option<String>,
    },
}

/// What is known of a message.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct MessageData {
    /// Its names.
    pub ids: MessageIds,
    /// Who, to whom, about what.
    pub envelope: Envelope,
    /// When the server received it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub received_at: Option<Timestamp>,
    /// Its true size in octets, as it was spooled.
    pub size: u64,
    /// The SHA-256 of its octets, in hexadecimal.
    pub sha256: String,
    /// Its flags when it was detected.
    pub flags: Vec<Flag>,
    /// The first 500 characters of its text.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub preview: Option<String>,
    /// Its attachments.
    pub attachments: Vec<Attachment>,
}

/// What becomes of a credential.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct CredentialData {
    /// What the configuration calls the app.
    pub registration: String,
    /// How its tokens are obtained.
    pub grant: String,
    /// Who signed in.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub person: Option<String>,
    /// The sentence for the operator.
    pub reason: String,
    /// The fault's code, with its page in `docs/codes/`, for `credential.failed`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub code: Option<String>,
    /// What ends, for `credential.expiring`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub part: Option<ExpiringPart>,
    /// When it ends.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub expires_at: Option<Timestamp>,
    /// How many whole days are left.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub days_left: Option<i64>,
    /// The mailboxes it opens, the first 50 of them.
    pub mailboxes: Vec<String>,
    /// How many it opens.
    pub mailbox_count: usize,
}

/// What becomes of a message on its way out.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct SendData {
    /// Its name in the outbox.
    pub submission: SubmissionId,
    /// Its `Message-ID` without its angle brackets; `None` if it is damaged.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub internet_message_id: Option<String>,
    /// Its subject.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub subject: Option<String>,
    /// To whom, and what became of it for each.
    pub recipients: Vec<Addressee>,
    /// How often it was tried.
    pub attempts: u32,
    /// The fault's code, with its page in `docs/codes/`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub code: Option<String>,
    /// The server's words when it took it, or the sentence for the operator.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
    /// What follows, for `send.unknown`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub then: Option<UnknownThen>,
}

/// What follows when nobody knows whether a message was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnknownThen {
    /// It waits for `gatepost outbox resolve`.
    Hold,
    /// It is sent again, and may arrive twice.
    Resend,
    /// It is not sent again.
    Drop,
}

/// The names of a message.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct MessageIds {
    /// The key by which the transport fetches it.
    pub key: MessageKey,
    /// The `Message-ID` without its angle brackets.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub internet_message_id: Option<String>,
}

/// An attachment as it is announced, without its octets.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Attachment {
    /// Its file name as the sender wrote it. Not safe as a path.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub name: Option<String>,
    /// Its media type, such as `application/pdf`.
    pub media_type: String,
    /// Its decoded size in octets.
    pub size: u64,
    /// Whether it is shown within the text.
    pub inline: bool,
}

const DIGITS: usize = 40;
