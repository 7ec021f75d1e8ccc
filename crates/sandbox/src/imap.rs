//! The IMAP server of the imaginary tenant: Exchange's manners over the sandbox's mailboxes.

mod admission;
mod answers;
mod connection;
pub(crate) mod exchange;
mod letter;
mod session;

use std::collections::BTreeMap;

use gatepost_host::{Clock, Stop, Tasks};

use crate::door;
use crate::faults::{FaultKind, Faults, Stamp, Target};
use crate::https::Listener;
use crate::mailboxes::Mailboxes;
use crate::places::Places;
use crate::tenant::Tenant;
use connection::Connection;

/// What the IMAP server works with. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Imap {
    /// Says who a token is and what they may open.
    pub(crate) tenant: Tenant,
    /// What is served.
    pub(crate) mailboxes: Mailboxes,
    /// What goes wrong on demand.
    pub(crate) faults: Faults,
    /// Tells the time.
    pub(crate) clock: Clock,
}

/// Serves IMAP with implicit TLS on `listener` until the tasks are told to end.
pub(crate) fn serve(listener: Listener, imap: Imap, tasks: &Tasks) {
    tasks.start(
        "sandbox uidvalidity",
        bump_on_order(imap.clone(), tasks.stop()),
    );
    let places = Places::default();
    let clock = imap.clock.clone();
    door::open(
        listener,
        ("sandbox imap", clock),
        tasks,
        move |stream, stop| Connection::new(stream, imap.clone(), places.clone()).converse(stop),
    );
}

/// Carries out [`FaultKind::BumpUidvalidity`]: once for each order and mailbox.
async fn bump_on_order(imap: Imap, stop: Stop) {
    let mut orders = imap.faults.watch();
    let mut carried_out: BTreeMap<String, Stamp> = BTreeMap::new();
    loop {
        for mailbox in imap.mailboxes.all() {
            let target = Target {
                app: None,
                mailbox: Some(mailbox.address()),
            };
            let Some(standing) = imap.faults.latest(FaultKind::BumpUidvalidity, target) else {
                continue;
            };
            let last = carried_out.insert(mailbox.address().to_owned(), standing.stamp);
            if last < Some(standing.stamp) {
                let bumped = mailbox.bump_uidvalidity("INBOX");
                debug_assert!(bumped.is_ok(), "every mailbox has an inbox");
            }
        }
        if !matches!(stop.or(orders.changed()).await, Some(Ok(()))) {
            return;
        }
    }
}

#[cfg(test)]
mod tests;
