//! What a client asks, and how it is written.

use std::fmt::Write as _;

use jiff::civil::Date;

use super::capabilities::{Capabilities, Capability};
use super::event::Flag;
use super::uid_set::UidSet;
use super::wire_name::WireName;
use crate::imap::mailbox_name;

/// A command whose answer needs no further word from us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// What can the server do?
    Capability,
    /// Anything new? Also proves that the connection lives.
    Noop,
    /// Goodbye.
    Logout,
    /// Who we are (RFC 2971); Exchange answers with its version.
    Id {
        /// The name of the program.
        name: String,
        /// Its version.
        version: String,
    },
    /// Where the personal folders begin (RFC 2342).
    Namespace,
    /// Which folders there are: `*` for all.
    List {
        /// The pattern.
        pattern: String,
    },
    /// How many messages a folder holds, without opening it.
    Status {
        /// The folder.
        folder: WireName,
    },
    /// Opens a folder to change it.
    Select {
        /// The folder.
        folder: WireName,
    },
    /// Opens a folder to read it only: no flag changes, not even `\Recent`.
    Examine {
        /// The folder.
        folder: WireName,
    },
    /// Makes a folder.
    Create {
        /// The folder.
        folder: WireName,
    },
    /// Which UIDs meet all these criteria?
    UidSearch(Vec<Criterion>),
    /// What is known of the messages with these sequence numbers?
    Fetch {
        /// The first of them, from 1.
        first: u32,
        /// The last of them.
        last: u32,
        /// What is wanted of them.
        items: FetchItems,
    },
    /// What is known of these messages?
    UidFetch {
        /// The messages; not empty.
        uids: UidSet,
        /// What is wanted of them.
        items: FetchItems,
    },
    /// Changes flags, silently.
    UidStore {
        /// The messages; not empty.
        uids: UidSet,
        /// Whether the flags are put or taken.
        change: FlagChange,
        /// The flags.
        flags: Vec<Flag>,
    },
    /// Copies messages to another folder.
    UidCopy {
        /// The messages; not empty.
        uids: UidSet,
        /// The other folder.
        to: WireName,
    },
    /// Moves messages to another folder (RFC 6851).
    UidMove {
        /// The messages; not empty.
        uids: UidSet,
        /// The other folder.
        to: WireName,
    },
    /// Removes all messages that are marked `\Deleted`.
    Expunge,
    /// Removes those of these messages that are marked `\Deleted` (RFC 4315 §2.1).
    UidExpunge(UidSet),
}

/// What is wanted of a message. ENVELOPE and BODYSTRUCTURE are never asked for: Exchange writes
/// both in ways that no grammar allows, and the header has all there is to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FetchItems {
    /// The UID, which comes with all the others too.
    Uids,
    /// Flags, date and size.
    Overview,
    /// Those and the header.
    Headers,
    /// The whole message; the `\Seen` flag stays as it is.
    Body,
}

/// How flags change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlagChange {
    /// They are put on.
    Add,
    /// They are taken off.
    Remove,
}

/// One condition of a search (RFC 9051 §6.4.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Criterion {
    /// Not marked `\Seen`.
    Unseen,
    /// Received on this day or later, by the clock of the server.
    Since(Date),
    /// Marked `\Deleted`.
    Deleted,
    /// Not among these UIDs.
    NotUid(UidSet),
    /// With this text in `From`.
    From(String),
    /// With this text in `Subject`.
    Subject(String),
    /// With this text anywhere.
    Text(String),
    /// With this text in `Message-ID`.
    MessageId(String),
}

/// A piece of a command that is sent in one go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Written {
    Octets(Vec<u8>),
    /// What follows is sent when the server says `+`.
    AwaitContinuation,
}

impl Command {
    /// Whether it may be asked before the sign-in (RFC 9051 §6.1, RFC 2971 §3).
    pub(super) fn is_for_strangers(&self) -> bool {
        matches!(
            self,
            Self::Capability | Self::Noop | Self::Logout | Self::Id { .. }
        )
    }

    /// Writes the command behind its tag, with as few waits as the server allows.
    pub(super) fn write(&self, tag: &str, server: &Capabilities) -> Vec<Written> {
        let mut writer = Writer::new(server);
        writer.text(tag);
        writer.text(" ");
        self.write_body(&mut writer);
        writer.text("\r\n");
        writer.end()
    }

    fn write_body(&self, writer: &mut Writer<'_>) {
        match self {
            Self::Capability => writer.text("CAPABILITY"),
            Self::Noop => writer.text("NOOP"),
            Self::Logout => writer.text("LOGOUT"),
            Self::Id { name, version } => {
                writer.text("ID (\"name\" ");
                writer.string(name);
                writer.text(" \"version\" ");
                writer.string(version);
                writer.text(")");
            }
            Self::Namespace => writer.text("NAMESPACE"),
            Self::List { pattern } => {
                writer.text("LIST \"\" ");
                writer.folder(&pattern.as_str().into());
            }
            Self::Status { folder } => {
                writer.text("STATUS ");
                writer.folder(folder);
                writer.text(" (MESSAGES UNSEEN UIDNEXT UIDVALIDITY)");
            }
            Self::Select { folder } => writer.verb_and_folder("SELECT", folder),
            Self::Examine { folder } => writer.verb_and_folder("EXAMINE", folder),
            Self::Create { folder } => writer.verb_and_folder("CREATE", folder),
            Self::UidSearch(criteria) => write_search(criteria, writer),
            Self::Fetch { first, last, items } => {
                writer.text(&format!("FETCH {first}:{last} ({})", items.names()));
            }
            Self::UidFetch { uids, items } => {
                writer.text(&format!("UID FETCH {uids} ({})", items.names()));
            }
            Self::UidStore {
                uids,
                change,
                flags,
            } => {
                let sign = match change {
                    FlagChange::Add => '+',
                    FlagChange::Remove => '-',
                };
                let flags: Vec<String> = flags.iter().map(flag_atom).collect();
                writer.text(&format!(
                    "UID STORE {uids} {sign}FLAGS.SILENT ({})",
                    flags.join(" ")
                ));
            }
            Self::UidCopy { uids, to } => writer.verb_and_folder(&format!("UID COPY {uids}"), to),
            Self::UidMove { uids, to } => writer.verb_and_folder(&format!("UID MOVE {uids}"), to),
            Self::Expunge => writer.text("EXPUNGE"),
            Self::UidExpunge(uids) => writer.text(&format!("UID EXPUNGE {uids}")),
        }
    }
}

impl FetchItems {
    fn names(self) -> &'static str {
        match self {
            Self::Uids => "UID",
            Self::Overview => "UID FLAGS INTERNALDATE RFC822.SIZE",
            Self::Headers => "UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[HEADER]",
            Self::Body => "UID BODY.PEEK[]",
        }
    }
}

/// A flag as it stands on the wire. A keyword is an atom: what cannot stand in one is left out.
pub(super) fn flag_atom(flag: &Flag) -> String {
    match flag {
        Flag::Seen => "\\Seen".to_owned(),
        Flag::Answered => "\\Answered".to_owned(),
        Flag::Flagged => "\\Flagged".to_owned(),
        Flag::Draft => "\\Draft".to_owned(),
        Flag::Deleted => "\\Deleted".to_owned(),
        Flag::Other(keyword) => {
            let (slash, name) = match keyword.strip_prefix('\\') {
                Some(name) => ("\\", name),
                None => ("", keyword.as_str()),
            };
            let atom = name
                .chars()
                .filter(|c| c.is_ascii_graphic() && !"(){%*\"\\]".contains(*c));
            slash.chars().chain(atom).collect()
        }
    }
}

/// A folder name in quotes. Modified UTF-7 leaves nothing that could not stand there.
pub(super) fn quoted_folder(folder: &str) -> String {
    String::from_utf8_lossy(&quoted(mailbox_name::encode_utf7(folder).as_bytes())).into_owned()
}

fn write_search(criteria: &[Criterion], writer: &mut Writer<'_>) {
    writer.text("UID SEARCH");
    let texts = criteria.iter().filter_map(Criterion::text);
    if texts.into_iter().any(|text| !text.is_ascii()) {
        writer.text(" CHARSET UTF-8");
    }
    if criteria.is_empty() {
        writer.text(" ALL");
    }
    for criterion in criteria {
        match criterion {
            Criterion::Unseen => writer.text(" UNSEEN"),
            Criterion::Since(day) => writer.text(&day.strftime(" SINCE %-d-%b-%Y").to_string()),
            Criterion::Deleted => writer.text(" DELETED"),
            Criterion::NotUid(uids) => writer.text(&format!(" NOT UID {uids}")),
            Criterion::From(text) => writer.verb_and_string(" FROM ", text),
            Criterion::Subject(text) => writer.verb_and_string(" SUBJECT ", text),
            Criterion::Text(text) => writer.verb_and_string(" TEXT ", text),
            Criterion::MessageId(text) => writer.verb_and_string(" HEADER MESSAGE-ID ", text),
        }
    }
}

impl Criterion {
    fn text(&self) -> Option<&str> {
        match self {
            Self::From(text) | Self::Subject(text) | Self::Text(text) | Self::MessageId(text) => {
                Some(text)
            }
            Self::Unseen | Self::Since(_) | Self::Deleted | Self::NotUid(_) => None,
        }
    }
}

struct Writer<'a> {
    server: &'a Capabilities,
    written: Vec<Written>,
    octets: Vec<u8>,
}

impl<'a> Writer<'a> {
    fn new(server: &'a Capabilities) -> Self {
        Self {
            server,
            written: Vec::new(),
            octets: Vec::new(),
        }
    }

    fn text(&mut self, text: &str) {
        self.octets.extend_from_slice(text.as_bytes());
    }

    /// A server that lists a name with octets beyond ASCII in quotes takes it so, too.
    fn folder(&mut self, folder: &WireName) {
        let octets = folder.octets();
        if octets.iter().any(|octet| b"\0\r\n".contains(octet)) {
            self.literal(octets);
        } else {
            self.octets.extend(quoted(octets));
        }
    }

    fn verb_and_folder(&mut self, verb: &str, folder: &WireName) {
        self.text(verb);
        self.text(" ");
        self.folder(folder);
    }

    fn verb_and_string(&mut self, verb: &str, string: &str) {
        self.text(verb);
        self.string(string);
    }

    /// A quoted string if it can be one, else a literal (RFC 9051 §4.3). NUL can stand in
    /// neither and is left out.
    fn string(&mut self, string: &str) {
        let string = string.replace('\0', "");
        if string.chars().all(|c| matches!(c, ' '..='~')) {
            self.octets.extend(quoted(string.as_bytes()));
        } else {
            self.literal(string.as_bytes());
        }
    }

    fn literal(&mut self, octets: &[u8]) {
        let mode = if non_synchronizing(octets.len() as u64, self.server) {
            "+"
        } else {
            ""
        };
        let mut announcement = String::new();
        let _ = write!(announcement, "{{{}{mode}}}\r\n", octets.len());
        self.text(&announcement);
        if mode.is_empty() {
            self.written
                .push(Written::Octets(std::mem::take(&mut self.octets)));
            self.written.push(Written::AwaitContinuation);
        }
        self.octets.extend_from_slice(octets);
    }

    fn end(mut self) -> Vec<Written> {
        self.written.push(Written::Octets(self.octets));
        self.written
    }
}

/// Whether a literal of this length need not wait for the server (RFC 7888 §4 and §5).
pub(super) fn non_synchronizing(length: u64, server: &Capabilities) -> bool {
    server.has(Capability::LiteralPlus)
        || (server.has(Capability::LiteralMinus) && length <= LITERAL_MINUS_MOST)
}

fn quoted(octets: &[u8]) -> Vec<u8> {
    let mut quoted = Vec::with_capacity(octets.len() + 2);
    quoted.push(b'"');
    for octet in octets {
        if matches!(octet, b'"' | b'\\') {
            quoted.push(b'\\');
        }
        quoted.push(*octet);
    }
    quoted.push(b'"');
    quoted
}

const LITERAL_MINUS_MOST: u64 = 4096;
