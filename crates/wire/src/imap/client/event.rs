//! What a server said, as values.

use bytes::Bytes;
use jiff::Timestamp;

use super::capabilities::Capabilities;
use super::uid_set::UidSet;
use super::wire_name::WireName;

/// Names one command that was sent; its [`Event::Completed`] carries the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ticket(pub(super) u32);

/// Something a server said. Nothing it says is dropped: what nobody asked for is routed too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The first line of the connection.
    Greeting(StatusLine),
    /// Something untagged.
    Untagged(Untagged),
    /// The octets of a message (`BODY[]`) begin.
    BodyBegins {
        /// The sequence number of the message.
        seq: u32,
        /// Its UID, if the server wrote that before the body.
        uid: Option<u32>,
        /// How many octets follow: exact, unlike `RFC822.SIZE` of Exchange.
        size: u64,
    },
    /// The next octets of it.
    BodyChunk(Bytes),
    /// All octets of it came. An [`Untagged::Fetched`] with its UID follows.
    BodyEnds,
    /// The server has begun to idle, or waits for the octets of an APPEND.
    Continues(Ticket),
    /// The server refused a token and says why; the refusal itself follows.
    Challenge(String),
    /// A command is complete.
    Completed(Ticket, Reply),
    /// A message that could not be read. It is counted and kept back from nobody.
    Unreadable(Bytes),
}

/// The answer to a command: OK, NO or BAD.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// How it went.
    pub outcome: Outcome,
    /// What the server means by it.
    pub code: Option<Code>,
    /// The server's words, without control characters.
    pub text: String,
}

/// How a command went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was done.
    Ok,
    /// The server understood it and refuses.
    No,
    /// The server did not accept the command. Exchange says BAD also for throttling and for
    /// "User is authenticated but not connected."
    Bad,
}

/// An untagged status response (RFC 9051 §7.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusLine {
    /// What it is.
    pub kind: StatusKind,
    /// What the server means by it.
    pub code: Option<Code>,
    /// The server's words, without control characters.
    pub text: String,
}

/// The kinds of untagged status responses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusKind {
    /// Something to know.
    Ok,
    /// A warning.
    No,
    /// A complaint that belongs to no command.
    Bad,
    /// The server closes the connection.
    Bye,
    /// A greeting that needs no login.
    PreAuth,
}

/// A response code (RFC 9051 §7.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Code {
    /// The capabilities, unasked.
    Capabilities(Capabilities),
    /// UIDs hold as long as this number is the same.
    UidValidity(u32),
    /// The next message will get this UID or a higher one.
    UidNext(u32),
    /// A message was appended under this UID (RFC 4315 §3).
    AppendUid {
        /// The UIDVALIDITY of the folder it is in.
        uidvalidity: u32,
        /// The UIDs.
        uids: UidSet,
    },
    /// Messages were copied (RFC 4315 §3).
    CopyUid {
        /// The UIDVALIDITY of the folder they are in now.
        uidvalidity: u32,
        /// Their UIDs where they were.
        from: UidSet,
        /// Their UIDs where they are now, in the same order.
        to: UidSet,
    },
    /// The folder can be read only.
    ReadOnly,
    /// The folder can be written.
    ReadWrite,
    /// The folder does not exist, and could be made.
    TryCreate,
    /// The folder does not exist (RFC 5530).
    NonExistent,
    /// Signing in failed (RFC 5530).
    AuthenticationFailed,
    /// A server is overloaded or being repaired (RFC 5530).
    Unavailable,
    /// A limit is reached (RFC 5530).
    Limit,
    /// The administrator must be shown this (RFC 9051 §7.1).
    Alert,
    /// Any other code, as it stands between the brackets.
    Other(String),
}

/// Untagged data and status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Untagged {
    /// What the server can do.
    Capabilities(Capabilities),
    /// One folder of a listing.
    Listed(Listed),
    /// The counts of one folder.
    Counted(Counted),
    /// The result of a search: sequence numbers or UIDs, as was asked.
    Found(Vec<u32>),
    /// Messages are in the selected folder.
    Exists(u32),
    /// Messages are new to this session.
    Recent(u32),
    /// The message with this sequence number is gone, and those above it move down.
    Expunged(u32),
    /// What is known of one message: asked for, or because its flags changed.
    Fetched(Fetched),
    /// Which flags the selected folder knows.
    Flags(Vec<Flag>),
    /// The prefix and the separator of the personal folders (RFC 2342).
    Namespace {
        /// What personal folder names begin with.
        prefix: String,
        /// What stands between their levels.
        delimiter: Option<char>,
    },
    /// What the server says it is (RFC 2971).
    Id(Vec<(String, Option<String>)>),
    /// A status response that belongs to no command.
    Status(StatusLine),
}

/// A folder in a listing (RFC 9051 §7.3.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its name, decoded.
    pub name: String,
    /// Its name as it stands, to be sent back.
    pub wire: WireName,
    /// What stands between the levels of the name.
    pub delimiter: Option<char>,
    /// Its attributes as the server wrote them, such as `\Noselect` or `\Sent`.
    pub attributes: Vec<String>,
}

/// The counts of a folder (RFC 9051 §7.3.4), as far as they were asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counted {
    /// The name of the folder, decoded.
    pub name: String,
    /// How many messages it holds.
    pub messages: Option<u32>,
    /// How many of them are unread.
    pub unseen: Option<u32>,
    /// Its UIDVALIDITY.
    pub uidvalidity: Option<u32>,
    /// Its next UID.
    pub uidnext: Option<u32>,
}

/// What a FETCH response says about one message (RFC 9051 §7.5.2).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fetched {
    /// Its sequence number.
    pub seq: u32,
    /// Its UID.
    pub uid: Option<u32>,
    /// Its flags.
    pub flags: Option<Vec<Flag>>,
    /// When the server received it.
    pub internal_date: Option<Timestamp>,
    /// Its size as the server estimates it.
    pub size: Option<u64>,
    /// Its header, if that was asked for and is not too large to be kept.
    pub header: Option<Bytes>,
}

/// A message flag (RFC 9051 §2.3.2).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Flag {
    /// `\Seen`
    Seen,
    /// `\Answered`
    Answered,
    /// `\Flagged`
    Flagged,
    /// `\Draft`
    Draft,
    /// `\Deleted`
    Deleted,
    /// A keyword or a flag of a server's own, as it stands.
    Other(String),
}

impl Flag {
    /// Reads a flag as it stands on the wire.
    pub fn parse(wire: &[u8]) -> Self {
        let text = String::from_utf8_lossy(wire);
        match text.to_ascii_lowercase().as_str() {
            "\\seen" => Self::Seen,
            "\\answered" => Self::Answered,
            "\\flagged" => Self::Flagged,
            "\\draft" => Self::Draft,
            "\\deleted" => Self::Deleted,
            _ => Self::Other(text.into_owned()),
        }
    }
}
