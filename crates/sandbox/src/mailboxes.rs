//! The mailboxes of the imaginary tenant, in memory: the one truth behind every protocol
//! the sandbox speaks.
//!
//! A [`Mailboxes`] is cheap to clone; all clones are the same tenant. Message bodies are
//! [`Bytes`], so that handing one out copies nothing. Nothing here waits: every call locks one
//! mailbox, does its work and returns.

mod changes;
mod contents;
mod departed;
mod entry;
mod error;
mod folder;
mod leaving;
mod listing;
mod mailbox;
mod message;
mod path;
mod tree;
mod usual;

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use bytes::Bytes;
use jiff::Timestamp;

pub use changes::{Changes, Delta, Touched};
pub use contents::{Attached, Contents, Correspondent};
pub use departed::{Departed, DepartedUnknown};
pub use entry::{FolderEntry, Subscription};
pub use error::MailboxError;
pub use folder::{FolderId, FolderState};
pub use gatepost_wire::imap::server::{Flag, FlagEdit, Flags};
pub use leaving::{Kept, Leaving, Left};
pub use listing::{Order, Placed, Scope, Slice};
pub use mailbox::{Mailbox, MailboxKind};
pub use message::{Filed, Marks, Message, MessageId, NewMessage, Stay};
pub use path::FolderPath;
pub use usual::Use;

use departed::Departures;

/// Every mailbox of the tenant, by address.
#[derive(Debug, Clone, Default)]
pub struct Mailboxes {
    by_address: Arc<RwLock<BTreeMap<String, Arc<Mailbox>>>>,
    /// Mailboxes by further addresses, at which they receive and which open nothing.
    by_alias: Arc<RwLock<BTreeMap<String, Arc<Mailbox>>>>,
    departures: Departures,
}

impl Mailboxes {
    /// A tenant without mailboxes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes an empty mailbox with Exchange's usual folders.
    pub fn add(&self, address: &str, kind: MailboxKind) -> Result<Arc<Mailbox>, MailboxError> {
        let mut mailboxes = self
            .by_address
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let key = key(address);
        if mailboxes.contains_key(&key) {
            return Err(MailboxError::MailboxExists {
                address: address.to_owned(),
            });
        }
        let mailbox = Arc::new(Mailbox::new(address, kind));
        mailboxes.insert(key, Arc::clone(&mailbox));
        Ok(mailbox)
    }

    /// The mailbox with this address, in any case.
    pub fn open(&self, address: &str) -> Result<Arc<Mailbox>, MailboxError> {
        self.read()
            .get(&key(address))
            .cloned()
            .ok_or_else(|| MailboxError::MailboxUnknown {
                address: address.to_owned(),
            })
    }

    /// Gives a mailbox a further address, at which it receives.
    pub fn add_alias(&self, alias: &str, address: &str) -> Result<(), MailboxError> {
        let mailbox = self.open(address)?;
        let mut aliases = self
            .by_alias
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        aliases.insert(key(alias), mailbox);
        Ok(())
    }

    /// The mailbox that receives what is sent to this address.
    pub(crate) fn receiving(&self, address: &str) -> Result<Arc<Mailbox>, MailboxError> {
        let aliases = self.by_alias.read().unwrap_or_else(PoisonError::into_inner);
        match aliases.get(&key(address)) {
            Some(mailbox) => Ok(Arc::clone(mailbox)),
            None => self.open(address),
        }
    }

    /// The mailbox that `user=` of a sign-in means. `delegate@contoso.com\shared` is another way
    /// to name `shared@contoso.com`.
    pub(crate) fn named(&self, user: &str) -> Result<Arc<Mailbox>, MailboxError> {
        let address = match user.split_once('\\') {
            Some((delegate, alias)) if !alias.contains('@') => {
                let domain = delegate.rsplit_once('@').map_or("", |(_, domain)| domain);
                format!("{alias}@{domain}")
            }
            Some((_, address)) => address.to_owned(),
            None => user.to_owned(),
        };
        self.open(&address)
    }

    /// Every mailbox, in the order of the addresses.
    pub fn all(&self) -> Vec<Arc<Mailbox>> {
        self.read().values().cloned().collect()
    }

    /// Puts a raw message into the inbox of `address`, unread, received at `at`.
    pub fn deliver(
        &self,
        address: &str,
        raw: impl Into<Bytes>,
        at: Timestamp,
    ) -> Result<Filed, MailboxError> {
        let mailbox = self.receiving(address)?;
        mailbox.file(mailbox.inbox(), NewMessage::received(raw.into(), at))
    }

    /// Every message that left the tenant, the first one first. When a great many did, the
    /// oldest are forgotten.
    pub fn departed(&self) -> Vec<Departed> {
        self.departures.all()
    }

    fn read(&self) -> RwLockReadGuard<'_, BTreeMap<String, Arc<Mailbox>>> {
        self.by_address
            .read()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Exchange compares addresses without regard to case, local part included.
fn key(address: &str) -> String {
    address.to_lowercase()
}

#[cfg(test)]
mod tests;
