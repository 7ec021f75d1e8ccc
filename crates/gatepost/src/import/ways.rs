//! How a mailbox is read, whether it sends, and what its person permitted for that.

use std::collections::BTreeSet;

use gatepost_import::emailproxy::{Account, Flow, Protocol};

use super::plan::Around;
use crate::config::AskFor;

/// The ways into a mailbox.
#[derive(Debug)]
pub(super) struct Ways {
    /// How it is read, as the configuration calls it.
    pub(super) read: &'static str,
    /// Whether it sends by SMTP.
    pub(super) sends: bool,
    /// What its person permitted, where reading, sending and the doors need more than that.
    pub(super) ask_for: Option<BTreeSet<AskFor>>,
}

/// What its scope permits, and where that names nothing, what clients find a door for.
pub(super) fn of(account: &Account, around: &Around<'_>) -> Ways {
    let permitted = permitted(account);
    let served: BTreeSet<AskFor> = served(around).collect();
    let known = if permitted.is_empty() {
        &served
    } else {
        &permitted
    };
    let reads_by_pop3 = known.contains(&AskFor::Pop3) && !known.contains(&AskFor::Imap);
    let reads = if reads_by_pop3 {
        AskFor::Pop3
    } else {
        AskFor::Imap
    };
    let sends = known.contains(&AskFor::Smtp);
    // Doors stand open to every mailbox, and a person is asked for what they need.
    let mut needed = served;
    needed.insert(reads);
    let is_person = account.flow != Flow::ClientCredentials;
    let is_less = is_person && !permitted.is_empty() && !needed.is_subset(&permitted);
    Ways {
        read: reads.name(),
        sends,
        ask_for: is_less.then_some(permitted),
    }
}

/// What its scope names.
fn permitted(account: &Account) -> BTreeSet<AskFor> {
    let names = account.scopes.iter().map(|scope| scope.rsplit('/').next());
    let ways = names.filter_map(|name| match name? {
        "IMAP.AccessAsUser.All" => Some(AskFor::Imap),
        "POP.AccessAsUser.All" => Some(AskFor::Pop3),
        "SMTP.Send" => Some(AskFor::Smtp),
        _ => None,
    });
    ways.collect()
}

/// What clients find a door for.
fn served(around: &Around<'_>) -> impl Iterator<Item = AskFor> {
    [
        (Protocol::Imap, AskFor::Imap),
        (Protocol::Pop, AskFor::Pop3),
        (Protocol::Smtp, AskFor::Smtp),
    ]
    .into_iter()
    .filter_map(|(protocol, way)| around.serves(protocol).then_some(way))
}
