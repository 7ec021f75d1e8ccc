//! The SMTP server of the imaginary tenant: Exchange's manners for those who submit mail.

mod connection;
mod exchange;
mod session;
mod submission;

use gatepost_host::{Clock, Stop, Tasks};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use crate::door;
use crate::faults::Faults;
use crate::https::Listener;
use crate::mailboxes::Mailboxes;
use crate::places::Places;
use crate::sending::Meter;
use crate::tenant::Tenant;
use connection::{Connection, Line};

/// What the SMTP server works with. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Smtp {
    /// Says who a token is and what they may open.
    pub(crate) tenant: Tenant,
    /// Where messages come from and go to.
    pub(crate) mailboxes: Mailboxes,
    /// What goes wrong on demand.
    pub(crate) faults: Faults,
    /// How much each mailbox has sent.
    pub(crate) meter: Meter,
    /// How many connections each mailbox has.
    pub(crate) places: Places,
    /// Tells the time.
    pub(crate) clock: Clock,
}

/// Serves SMTP with implicit TLS on `listener` until the tasks are told to end.
pub(crate) fn serve(listener: Listener, smtp: Smtp, tasks: &Tasks) {
    let clock = smtp.clock.clone();
    door::open(
        listener,
        ("sandbox smtp", clock),
        tasks,
        move |stream, stop| {
            Connection::new(Line::Tls(Box::new(stream)), smtp.clone()).converse(stop)
        },
    );
}

/// Serves SMTP that begins in clear and wants STARTTLS.
pub(crate) fn serve_starttls(listener: Listener, smtp: Smtp, tasks: &Tasks) {
    let Listener { socket, tls } = listener;
    let acceptor = TlsAcceptor::from(tls);
    let clock = smtp.clock.clone();
    let converse = move |stream: TcpStream, stop: Stop| {
        let line = Line::Clear(stream, acceptor.clone());
        Connection::new(line, smtp.clone()).converse(stop)
    };
    door::open_in_clear(socket, ("sandbox smtp starttls", clock), tasks, converse);
}

#[cfg(test)]
mod tests;
