//! What is said of messages and folders by every transport.

use std::fmt;

use jiff::Timestamp;

use crate::MailError;

/// The name of a folder as a person writes it, in Unicode, with `/` between levels.
/// `INBOX` is the same in any case (RFC 9051 §5.1).
#[derive(
    Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
pub struct FolderName(String);

impl FolderName {
    /// Names a folder; every spelling of `inbox` becomes `INBOX`.
    pub fn new(name: impl Into<String>) -> Self {
        let name = name.into();
        if name.eq_ignore_ascii_case("inbox") {
            Self::inbox()
        } else {
            Self(name)
        }
    }

    /// The folder that every mailbox has.
    pub fn inbox() -> Self {
        Self("INBOX".to_owned())
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for FolderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A folder in a listing.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Folder {
    /// Its name.
    pub name: FolderName,
    /// What the server says it is for.
    pub special_use: Option<SpecialUse>,
    /// Whether it can hold messages.
    pub selectable: bool,
    /// How many messages it holds, where that was asked.
    pub messages: Option<u32>,
    /// How many of them are unread, where that was asked.
    pub unread: Option<u32>,
}

/// What a folder is for (RFC 6154 §2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SpecialUse {
    /// All messages.
    All,
    /// Archived messages.
    Archive,
    /// Messages being written.
    Drafts,
    /// Flagged messages.
    Flagged,
    /// Spam.
    Junk,
    /// Messages that were sent.
    Sent,
    /// Deleted messages.
    Trash,
}

/// Names one message in one folder, for as long as the server keeps its promise.
/// It is stable text: event ids are computed from it.
#[derive(
    Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum MessageKey {
    /// IMAP: UIDVALIDITY and UID (RFC 9051 §2.3.1.1).
    Imap {
        /// The UIDVALIDITY of the folder.
        uidvalidity: u32,
        /// The UID of the message.
        uid: u32,
    },
    /// POP3: the unique name of the message (UIDL, RFC 1939 §7).
    Pop3 {
        /// The name.
        uidl: String,
    },
    /// Microsoft Graph: the immutable id
    /// (<https://learn.microsoft.com/graph/outlook-immutable-id>).
    Graph {
        /// The id.
        id: String,
    },
}

impl MessageKey {
    /// That `transport` knows no message by this name, which another one gave.
    pub(crate) fn foreign_to(&self, transport: &'static str, mailbox: &str) -> MailError {
        MailError::ForeignKey {
            mailbox: mailbox.to_owned(),
            message: self.to_string(),
            transport,
        }
    }
}

impl fmt::Display for MessageKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Imap { uidvalidity, uid } => write!(f, "imap:{uidvalidity}:{uid}"),
            Self::Pop3 { uidl } => write!(f, "pop3:{uidl}"),
            Self::Graph { id } => write!(f, "graph:{id}"),
        }
    }
}

/// A message that is new to the cursor, before its bytes have been fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    /// Its name.
    pub key: MessageKey,
    /// When the server received it (INTERNALDATE), if it says so.
    pub received_at: Option<Timestamp>,
    /// Its size in octets as the server estimates it. Exchange estimates badly: a hint only.
    pub size_hint: Option<u64>,
    /// Its flags at the time of looking.
    pub flags: Vec<Flag>,
    /// When its sender wrote it (`Date`), where no server noted when it came.
    pub written_at: Option<Timestamp>,
}

impl Arrival {
    /// Whether it is known to have come before `time`. Where no server noted when it came, the
    /// sender's date has to do; what has none may always be newer.
    pub fn is_before(&self, time: Timestamp) -> bool {
        came_before((self.received_at, self.written_at), time)
    }
}

/// The same of when a server noted that a message came, and its sender that he wrote it.
pub(crate) fn came_before(
    (received_at, written_at): (Option<Timestamp>, Option<Timestamp>),
    time: Timestamp,
) -> bool {
    received_at.or(written_at).is_some_and(|at| at < time)
}

/// A message flag (RFC 9051 §2.3.2).
#[derive(
    Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Flag {
    /// It has been read.
    Seen,
    /// It has been answered.
    Answered,
    /// It is marked as important.
    Flagged,
    /// It is a draft.
    Draft,
    /// It is to be removed.
    Deleted,
    /// A keyword of the server's or a client's own.
    Keyword(String),
}

/// Which messages of a folder are wanted. Every criterion that is set must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// At most this many, the newest.
    pub top: usize,
    /// Only those without `\\Seen`.
    pub unread: bool,
    /// Only those received at or after this time.
    pub since: Option<Timestamp>,
    /// Only those with this text in `From`.
    pub from: Option<String>,
    /// Only those with this text in `Subject`.
    pub subject: Option<String>,
    /// Only those with this text anywhere.
    pub text: Option<String>,
    /// Only those with this `Message-ID`, without angle brackets.
    pub message_id: Option<String>,
}

impl Query {
    /// The newest `top` messages, whatever they are.
    pub const fn newest(top: usize) -> Self {
        Self {
            top,
            unread: false,
            since: None,
            from: None,
            subject: None,
            text: None,
            message_id: None,
        }
    }
}

/// A message in a listing.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Summary {
    /// Its name.
    pub key: MessageKey,
    /// When the server received it.
    pub received_at: Option<Timestamp>,
    /// Its size in octets as the server estimates it.
    pub size_hint: Option<u64>,
    /// Its flags.
    pub flags: Vec<Flag>,
    /// Who, to whom, about what.
    pub envelope: Envelope,
}

/// Who wrote to whom about what: parsed from the header, never from the server's ENVELOPE,
/// since Exchange's is broken.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Envelope {
    /// The `From` addresses.
    pub from: Vec<Address>,
    /// The `Sender` addresses.
    pub sender: Vec<Address>,
    /// The `Reply-To` addresses.
    pub reply_to: Vec<Address>,
    /// The `To` addresses.
    pub to: Vec<Address>,
    /// The `Cc` addresses.
    pub cc: Vec<Address>,
    /// The decoded subject.
    pub subject: Option<String>,
    /// The `Date`.
    pub date: Option<Timestamp>,
    /// The `Message-ID` without its angle brackets.
    pub message_id: Option<String>,
    /// The first `In-Reply-To`.
    pub in_reply_to: Option<String>,
    /// The `References`, oldest first.
    pub references: Vec<String>,
}

/// A mail address with its display name.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Address {
    /// The decoded display name.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub name: Option<String>,
    /// The address itself.
    pub address: String,
}
