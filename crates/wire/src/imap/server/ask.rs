//! What the server asks its owner, and what the owner answers.

use std::fmt;

use bytes::Bytes;
use jiff::Timestamp;

use super::{Credentials, Criteria, Flags};

/// A question to the owner of the server. Until it is answered the client waits.
#[derive(Debug)]
pub enum Ask {
    /// May these credentials sign in? [`Answer::Done`], [`Answer::HandOver`] or
    /// [`Answer::Refused`].
    SignIn(Credentials),
    /// May the signed-in client use this command now? [`Answer::Done`] or [`Answer::Refused`].
    Admit(&'static str),
    /// Which folders are there? [`Answer::Folders`].
    Folders,
    /// How does this folder stand? [`Answer::Status`].
    Status(String),
    /// Open this folder; it is *the open folder* from now on. [`Answer::Opened`].
    Open(String, Access),
    /// What changed in the open folder since this version? [`Answer::Changed`].
    Changes {
        /// The UIDVALIDITY under which it was opened.
        uidvalidity: u32,
        /// [`Opened::version`], or that of the last changes.
        version: u64,
    },
    /// The message with this UID in the open folder. [`Answer::Loaded`].
    Load(u32),
    /// Which messages of the open folder match? [`Answer::Found`].
    Search(Criteria),
    /// Change the flags of these messages of the open folder. [`Answer::Flags`].
    Store(Vec<u32>, FlagEdit),
    /// Copy these messages of the open folder to that one. [`Answer::Copied`].
    Copy(Vec<u32>, String),
    /// Move these messages of the open folder to that one. [`Answer::Copied`].
    Move(Vec<u32>, String),
    /// Remove the messages of the open folder that are marked `\Deleted`, all of them or those
    /// among the given. [`Answer::Done`].
    Expunge(Option<Vec<u32>>),
    /// Make, delete, rename or subscribe a folder. [`Answer::Done`].
    Folder(FolderChange),
    /// A message is to be uploaded. [`Answer::Done`] before its octets are asked for.
    Upload(Upload),
    /// The next octets of the message that is uploaded. [`Answer::Done`].
    UploadChunk(Bytes),
    /// The uploaded message is complete: file it. [`Answer::Uploaded`].
    UploadEnd,
    /// The upload ended in an error: forget it. [`Answer::Done`].
    UploadAbort,
}

/// The owner's answer to an [`Ask`]. Every question may be answered with
/// [`Answer::Refused`]; an answer of any other wrong kind ends the connection.
#[derive(Debug)]
pub enum Answer {
    /// It is done.
    Done,
    /// The credentials are good, and another server goes on with this client: see
    /// [`Want::HandOver`](super::Want::HandOver). The client is told what that one can do, as
    /// CAPABILITY would list it, if that is known.
    HandOver(Option<String>),
    /// It is not, and the client is told so.
    Refused(Refusal),
    /// Every folder, in the order in which they are listed.
    Folders(Vec<Listed>),
    /// How the folder stands.
    Status(Status),
    /// The folder is open.
    Opened(Opened),
    /// What changed in the open folder.
    Changed(Change),
    /// The message, or `None` if it is gone.
    Loaded(Option<Loaded>),
    /// The UIDs of the messages found, rising.
    Found(Vec<u32>),
    /// The messages of the question that are there, with their flags now.
    Flags(Vec<(u32, Flags)>),
    /// Where the messages went.
    Copied(Copied),
    /// The UIDVALIDITY of the folder and the UID of the message that was uploaded.
    Uploaded(u32, u32),
}

/// No, in the words the client is to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// `NO` or `BAD`.
    pub reply: Reply,
    /// What follows; may begin with a response code in brackets.
    pub text: String,
    /// With what the connection is closed afterwards, if it is: the text after `* BYE `.
    pub bye: Option<String>,
}

impl Refusal {
    /// `NO`, and the session goes on.
    pub fn no(text: impl Into<String>) -> Self {
        Self {
            reply: Reply::No,
            text: text.into(),
            bye: None,
        }
    }

    /// `BAD`, and the session goes on.
    pub fn bad(text: impl Into<String>) -> Self {
        Self {
            reply: Reply::Bad,
            text: text.into(),
            bye: None,
        }
    }

    /// The same, and then the connection is closed.
    #[must_use]
    pub fn then_bye(self, text: impl Into<String>) -> Self {
        Self {
            bye: Some(text.into()),
            ..self
        }
    }
}

/// The two ways to say no (RFC 3501 §7.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// The command failed.
    No,
    /// The command is wrong, or Exchange calls it so.
    Bad,
}

/// How a folder is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// SELECT.
    ReadWrite,
    /// EXAMINE: nothing changes by looking.
    ReadOnly,
}

/// A folder in a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its name, in Unicode.
    pub name: String,
    /// What is said of it, in this order.
    pub attributes: Vec<Attribute>,
    /// Whether LSUB lists it.
    pub subscribed: bool,
}

/// What is said of a folder (RFC 3501 §7.2.2, RFC 3348 §3, RFC 6154 §2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attribute {
    /// There are folders below it.
    HasChildren,
    /// There are none.
    HasNoChildren,
    /// It cannot be opened.
    NoSelect,
    /// For messages being written.
    Drafts,
    /// For messages that were sent.
    Sent,
    /// For deleted messages.
    Trash,
    /// For spam.
    Junk,
    /// For archived messages.
    Archive,
}

/// A folder in figures (RFC 3501 §7.2.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status {
    /// How many messages there are.
    pub messages: u32,
    /// How many of them are unread.
    pub unseen: u32,
    /// The UID the next message will get.
    pub uidnext: u32,
    /// Changes when all UIDs are void.
    pub uidvalidity: u32,
}

/// The open folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// Changes when all UIDs are void.
    pub uidvalidity: u32,
    /// The UID the next message will get.
    pub uidnext: u32,
    /// The version of the folder these are true of.
    pub version: u64,
    /// UID and flags of every message, by rising UID.
    pub messages: Vec<(u32, Flags)>,
}

/// What changed in the open folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Nothing did.
    Nothing,
    /// These messages came, changed or went, each named once, by rising UID.
    Delta {
        /// The version after these changes.
        version: u64,
        /// Messages that are new or whose flags changed.
        present: Vec<(u32, Flags)>,
        /// Messages that are gone.
        vanished: Vec<u32>,
    },
    /// Too much to tell apart: this is the folder now.
    Everything(Opened),
    /// The folder was deleted, or its UIDs are void: the connection ends with this text
    /// after `* BYE `.
    Gone(String),
}

/// A message. Its `Debug` form keeps the message to itself.
#[derive(Clone, PartialEq, Eq)]
pub struct Loaded {
    /// The message itself.
    pub raw: Bytes,
    /// What RFC822.SIZE says of it, in octets. Exchange estimates it.
    pub size: u64,
    /// When it was received (INTERNALDATE).
    pub received_at: Timestamp,
}

impl fmt::Debug for Loaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loaded")
            .field("octets", &self.raw.len())
            .field("received_at", &self.received_at)
            .finish_non_exhaustive()
    }
}

/// How flags change (RFC 3501 §6.4.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlagEdit {
    /// These and no others.
    Replace(Flags),
    /// These as well.
    Add(Flags),
    /// Not these.
    Remove(Flags),
}

impl FlagEdit {
    /// The flags after the change.
    #[must_use]
    pub fn apply(self, before: Flags) -> Flags {
        match self {
            Self::Replace(flags) => flags,
            Self::Add(flags) => before.with(flags),
            Self::Remove(flags) => before.without(flags),
        }
    }
}

/// Where messages were copied or moved (RFC 4315 §3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    /// The UIDVALIDITY of the folder they went to.
    pub uidvalidity: u32,
    /// The UID each had, and the UID its copy has.
    pub uids: Vec<(u32, u32)>,
}

/// A change of the tree of folders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FolderChange {
    /// Make it.
    Create(String),
    /// Delete it.
    Delete(String),
    /// Give the first the name of the second.
    Rename(String, String),
    /// LSUB lists it.
    Subscribe(String),
    /// LSUB does not list it.
    Unsubscribe(String),
}

/// A message that a client is about to upload (RFC 3501 §6.3.11).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// Where it is to be filed.
    pub folder: String,
    /// The flags it starts with.
    pub flags: Flags,
    /// When it was received; `None` is now.
    pub received_at: Option<Timestamp>,
    /// How many octets will follow.
    pub length: u64,
}
