//! A command as the server understands it: the border at which the codec's types end.

use jiff::Timestamp;

use crate::imap::codec::types::command::CommandBody;
use crate::imap::codec::types::core::{Charset, Vec1};
use crate::imap::codec::types::flag::{Flag as CodecFlag, StoreResponse, StoreType};
use crate::imap::codec::types::mailbox::{ListMailbox, Mailbox};
use crate::imap::codec::types::search::SearchKey;
use crate::imap::codec::types::status::StatusDataItemName;
use crate::imap::codec::types::{IntoStatic, ToStatic};
use crate::imap::mailbox_name;

use super::item::Item;
use super::listing::{Listing, Which};
use super::numbers::{By, Numbers};
use super::{Access, Flag, FlagEdit, Flags, FolderChange};

/// What a client orders. Its name is the one that the tagged answer repeats.
#[derive(Debug)]
pub(super) enum Order {
    Capability,
    Noop,
    Check,
    Id,
    Namespace,
    Logout,
    StartTls,
    Open {
        folder: String,
        access: Access,
    },
    Leave(Leaving),
    Folder(FolderChange),
    List(Listing),
    Status {
        folder: String,
        items: Vec<StatusItem>,
    },
    Append {
        folder: String,
        flags: Flags,
        received_at: Option<Timestamp>,
    },
    Idle,
    Selected(SelectedOrder),
    /// The RFC knows it, this server does not.
    Unknown,
}

/// Orders that need an open folder.
#[derive(Debug)]
pub(super) enum SelectedOrder {
    Expunge(Option<Numbers>),
    Search {
        charset: Option<String>,
        key: SearchKey<'static>,
        by: By,
    },
    Fetch {
        numbers: Numbers,
        items: Vec<Item>,
        by: By,
    },
    Store {
        numbers: Numbers,
        edit: FlagEdit,
        echo: Echo,
        by: By,
    },
    Copy {
        numbers: Numbers,
        folder: String,
        by: By,
    },
    Move {
        numbers: Numbers,
        folder: String,
        by: By,
    },
}

/// How the open folder is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leaving {
    /// CLOSE: what is marked `\Deleted` is removed.
    Close,
    /// UNSELECT (RFC 3691).
    Unselect,
}

/// Whether STORE is answered with the flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Echo {
    Flags,
    Silence,
}

/// What STATUS tells (RFC 3501 §6.3.10).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StatusItem {
    Messages,
    Recent,
    UidNext,
    UidValidity,
    Unseen,
}

impl Order {
    /// Understands a decoded command; `None` if its arguments make no sense.
    pub(super) fn read(body: CommandBody<'_>) -> Option<Self> {
        Some(match body {
            CommandBody::Capability => Self::Capability,
            CommandBody::Noop => Self::Noop,
            CommandBody::Check => Self::Check,
            CommandBody::Id { .. } => Self::Id,
            CommandBody::Namespace => Self::Namespace,
            CommandBody::Logout => Self::Logout,
            CommandBody::StartTLS => Self::StartTls,
            CommandBody::Select { mailbox, .. } => Self::Open {
                folder: folder(&mailbox),
                access: Access::ReadWrite,
            },
            CommandBody::Examine { mailbox, .. } => Self::Open {
                folder: folder(&mailbox),
                access: Access::ReadOnly,
            },
            CommandBody::Close => Self::Leave(Leaving::Close),
            CommandBody::Unselect => Self::Leave(Leaving::Unselect),
            CommandBody::List {
                reference,
                mailbox_wildcard,
            } => Self::list(Which::All, &reference, &mailbox_wildcard),
            CommandBody::Lsub {
                reference,
                mailbox_wildcard,
            } => Self::list(Which::Subscribed, &reference, &mailbox_wildcard),
            CommandBody::Status {
                mailbox,
                item_names,
            } => Self::Status {
                folder: folder(&mailbox),
                items: item_names
                    .iter()
                    .map(StatusItem::read)
                    .collect::<Option<_>>()?,
            },
            CommandBody::Append {
                mailbox,
                flags,
                date,
                ..
            } => Self::Append {
                folder: folder(&mailbox),
                flags: kept(&flags),
                received_at: match date {
                    Some(date) => Some(Timestamp::from_second(date.as_ref().timestamp()).ok()?),
                    None => None,
                },
            },
            CommandBody::Idle => Self::Idle,
            other => return Self::read_folder_change(other),
        })
    }

    fn read_folder_change(body: CommandBody<'_>) -> Option<Self> {
        Some(Self::Folder(match body {
            CommandBody::Create { mailbox } => FolderChange::Create(folder(&mailbox)),
            CommandBody::Delete { mailbox } => FolderChange::Delete(folder(&mailbox)),
            CommandBody::Rename { from, to } => FolderChange::Rename(folder(&from), folder(&to)),
            CommandBody::Subscribe { mailbox } => FolderChange::Subscribe(folder(&mailbox)),
            CommandBody::Unsubscribe { mailbox } => FolderChange::Unsubscribe(folder(&mailbox)),
            other => return SelectedOrder::read(other),
        }))
    }

    fn list(which: Which, reference: &Mailbox<'_>, pattern: &ListMailbox<'_>) -> Self {
        let pattern = match pattern {
            ListMailbox::Token(token) => mailbox_name::decode(token.as_ref()),
            ListMailbox::String(string) => mailbox_name::decode(string.as_ref()),
        };
        let reference = folder(reference);
        let pattern = if pattern.is_empty() {
            pattern
        } else {
            reference + &pattern
        };
        Self::List(Listing { which, pattern })
    }

    /// The name that the tagged answer repeats.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Capability => "CAPABILITY",
            Self::Noop => "NOOP",
            Self::Check => "CHECK",
            Self::Id => "ID",
            Self::Namespace => "NAMESPACE",
            Self::Logout => "LOGOUT",
            Self::StartTls => "STARTTLS",
            Self::Open {
                access: Access::ReadWrite,
                ..
            } => "SELECT",
            Self::Open {
                access: Access::ReadOnly,
                ..
            } => "EXAMINE",
            Self::Leave(Leaving::Close) => "CLOSE",
            Self::Leave(Leaving::Unselect) => "UNSELECT",
            Self::Folder(FolderChange::Create(_)) => "CREATE",
            Self::Folder(FolderChange::Delete(_)) => "DELETE",
            Self::Folder(FolderChange::Rename(..)) => "RENAME",
            Self::Folder(FolderChange::Subscribe(_)) => "SUBSCRIBE",
            Self::Folder(FolderChange::Unsubscribe(_)) => "UNSUBSCRIBE",
            Self::List(listing) => listing.name(),
            Self::Status { .. } => "STATUS",
            Self::Append { .. } => "APPEND",
            Self::Idle => "IDLE",
            Self::Selected(order) => order.name(),
            Self::Unknown => "",
        }
    }
}

impl SelectedOrder {
    /// Whether it changes the open folder.
    pub(super) fn writes(&self) -> bool {
        matches!(
            self,
            Self::Store { .. } | Self::Move { .. } | Self::Expunge(_)
        )
    }

    /// The charset in which it gives texts, if it says so.
    pub(super) fn charset(&self) -> Option<&str> {
        match self {
            Self::Search { charset, .. } => charset.as_deref(),
            _ => None,
        }
    }

    fn read(body: CommandBody<'_>) -> Option<Order> {
        let by = |uid: bool| if uid { By::Uid } else { By::Sequence };
        Some(Order::Selected(match body {
            CommandBody::Expunge => Self::Expunge(None),
            CommandBody::ExpungeUid { sequence_set } => {
                Self::Expunge(Some(Numbers::new(&sequence_set)))
            }
            CommandBody::Search {
                charset,
                criteria,
                uid,
            } => Self::Search {
                charset: charset.as_ref().map(charset_name),
                key: one_key(criteria),
                by: by(uid),
            },
            CommandBody::Fetch {
                sequence_set,
                macro_or_item_names,
                uid,
                ..
            } => Self::Fetch {
                numbers: Numbers::new(&sequence_set),
                items: Item::read(&macro_or_item_names)?,
                by: by(uid),
            },
            CommandBody::Store {
                sequence_set,
                kind,
                response,
                flags,
                uid,
                ..
            } => Self::Store {
                numbers: Numbers::new(&sequence_set),
                edit: edit(kind, &flags),
                echo: echo(response),
                by: by(uid),
            },
            CommandBody::Copy {
                sequence_set,
                mailbox,
                uid,
            } => Self::Copy {
                numbers: Numbers::new(&sequence_set),
                folder: folder(&mailbox),
                by: by(uid),
            },
            CommandBody::Move {
                sequence_set,
                mailbox,
                uid,
            } => Self::Move {
                numbers: Numbers::new(&sequence_set),
                folder: folder(&mailbox),
                by: by(uid),
            },
            _ => return Some(Order::Unknown),
        }))
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Expunge(_) => "EXPUNGE",
            Self::Search { .. } => "SEARCH",
            Self::Fetch { .. } => "FETCH",
            Self::Store { .. } => "STORE",
            Self::Copy { .. } => "COPY",
            Self::Move { .. } => "MOVE",
        }
    }
}

impl StatusItem {
    fn read(name: &StatusDataItemName) -> Option<Self> {
        Some(match name {
            StatusDataItemName::Messages => Self::Messages,
            StatusDataItemName::Recent => Self::Recent,
            StatusDataItemName::UidNext => Self::UidNext,
            StatusDataItemName::UidValidity => Self::UidValidity,
            StatusDataItemName::Unseen => Self::Unseen,
            _ => return None,
        })
    }
}

fn edit(kind: StoreType, flags: &[CodecFlag<'_>]) -> FlagEdit {
    match kind {
        StoreType::Replace => FlagEdit::Replace(kept(flags)),
        StoreType::Add => FlagEdit::Add(kept(flags)),
        StoreType::Remove => FlagEdit::Remove(kept(flags)),
    }
}

fn echo(response: StoreResponse) -> Echo {
    match response {
        StoreResponse::Answer => Echo::Flags,
        StoreResponse::Silent => Echo::Silence,
    }
}

fn charset_name(charset: &Charset<'_>) -> String {
    match charset {
        Charset::Atom(atom) => atom.as_ref().to_owned(),
        Charset::Quoted(quoted) => quoted.as_ref().to_owned(),
    }
}

fn one_key(keys: Vec1<SearchKey<'_>>) -> SearchKey<'static> {
    match keys.as_ref() {
        [key] => key.to_static(),
        _ => SearchKey::And(keys.into_static()),
    }
}

fn folder(mailbox: &Mailbox<'_>) -> String {
    match mailbox {
        Mailbox::Inbox => "INBOX".to_owned(),
        Mailbox::Other(other) => mailbox_name::decode(other.as_ref()),
    }
}

/// Flags this server does not keep are ignored, as Exchange does.
fn kept(flags: &[CodecFlag<'_>]) -> Flags {
    flags
        .iter()
        .filter_map(|flag| Flag::parse(&flag.to_string()))
        .collect()
}
