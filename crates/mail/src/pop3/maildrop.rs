//! The mailbox as one session sees it: it does not change before the next sign-in
//! (RFC 1939 §5).

use std::collections::{BTreeMap, BTreeSet};

use gatepost_wire::pop3::client::{Command, Event};

use super::link::Link;
use crate::{MailError, MessageKey};

/// The messages in the order of their numbers, which is that of their arrival.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Maildrop {
    pub(super) letters: Vec<Letter>,
}

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Letter {
    /// Its number in this session.
    pub(super) number: u32,
    /// Its name in every session (RFC 1939 §7).
    pub(super) uidl: String,
    /// Its size as the server estimates it.
    pub(super) octets: Option<u64>,
}

impl Maildrop {
    /// Asks for the names and the sizes of all messages.
    pub(super) async fn read(link: &mut Link) -> Result<Self, MailError> {
        let unreadable = link.client.unreadable();
        let mut messages: BTreeMap<u32, String> = BTreeMap::new();
        link.must(&Command::Uidl, "name the messages (UIDL)", |event| {
            if let Event::Named { number, unique } = event {
                messages.insert(number, unique);
            }
        })
        .await?;
        if link.client.unreadable() > unreadable {
            // A message without a name would be passed over for ever.
            return Err(link.garbled("it told of a message without a name (UIDL)"));
        }
        let mut sizes: BTreeMap<u32, u64> = BTreeMap::new();
        link.must(&Command::List, "list the messages", |event| {
            if let Event::Sized { number, octets } = event {
                sizes.insert(number, octets);
            }
        })
        .await?;
        // Copies of one message may have one name (RFC 1939 §7): one of them is enough.
        let mut names = BTreeSet::new();
        messages.retain(|_, uidl| names.insert(uidl.clone()));
        let letters = messages.into_iter().map(|(number, uidl)| Letter {
            number,
            uidl,
            octets: sizes.get(&number).copied(),
        });
        Ok(Self {
            letters: letters.collect(),
        })
    }

    /// The message of this key.
    pub(super) fn letter(&self, key: &MessageKey) -> Option<&Letter> {
        match key {
            MessageKey::Pop3 { uidl } => self.letters.iter().find(|letter| letter.uidl == *uidl),
            MessageKey::Imap { .. } | MessageKey::Graph { .. } => None,
        }
    }
}

impl Letter {
    pub(super) fn key(&self) -> MessageKey {
        MessageKey::Pop3 {
            uidl: self.uidl.clone(),
        }
    }
}
