//! The POP3 server of the imaginary tenant: Exchange's manners over the sandbox's mailboxes.

mod connection;
mod exchange;
mod session;

use gatepost_host::{Clock, Tasks};

use crate::door;
use crate::faults::Faults;
use crate::https::Listener;
use crate::mailboxes::Mailboxes;
use crate::places::Places;
use crate::tenant::Tenant;
use connection::Connection;

/// What the POP3 server works with. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Pop3 {
    /// Says who a token is and what they may open.
    pub(crate) tenant: Tenant,
    /// What is served.
    pub(crate) mailboxes: Mailboxes,
    /// What goes wrong on demand.
    pub(crate) faults: Faults,
    /// Tells the time.
    pub(crate) clock: Clock,
}

/// Serves POP3 with implicit TLS on `listener` until the tasks are told to end.
pub(crate) fn serve(listener: Listener, pop3: Pop3, tasks: &Tasks) {
    let places = Places::default();
    let clock = pop3.clock.clone();
    door::open(
        listener,
        ("sandbox pop3", clock),
        tasks,
        move |stream, stop| Connection::new(stream, pop3.clone(), places.clone()).converse(stop),
    );
}

#[cfg(test)]
mod tests;
