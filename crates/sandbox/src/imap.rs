//! The IMAP server of the imaginary tenant: Exchange's manners over the sandbox's mailboxes.

mod admission;
mod answers;
mod connection;
mod exchange;
mod letter;
mod places;
mod session;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use gatepost_host::{Clock, Stop, Tasks};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;

use crate::faults::{FaultKind, Faults, Stamp, Target};
use crate::https::Listener;
use crate::mailboxes::Mailboxes;
use crate::tenant::Tenant;
use connection::Connection;
use places::Places;

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
    let (owner, stop) = (tasks.clone(), tasks.stop());
    let Listener { socket, tls } = listener;
    let acceptor = TlsAcceptor::from(tls);
    let room = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    let places = Places::default();
    tasks.start("sandbox imap", async move {
        while let Some(Ok(permit)) = stop.or(Arc::clone(&room).acquire_owned()).await {
            let stream = match stop.or(socket.accept()).await {
                None => return,
                Some(Ok((stream, _))) => stream,
                Some(Err(error)) => {
                    // Out of file handles, mostly; a pause keeps this from spinning.
                    tracing::warn!(%error, "the sandbox could not accept a connection");
                    imap.clock.sleep(PAUSE_AFTER_ERROR).await;
                    continue;
                }
            };
            let arrival = Arrival {
                stream,
                acceptor: acceptor.clone(),
                imap: imap.clone(),
                places: places.clone(),
                stop: owner.stop(),
                _permit: permit,
            };
            owner.start("sandbox imap connection", arrival.serve());
        }
    });
}

/// A connection that was just accepted.
struct Arrival {
    stream: TcpStream,
    acceptor: TlsAcceptor,
    imap: Imap,
    places: Places,
    stop: Stop,
    _permit: OwnedSemaphorePermit,
}

impl Arrival {
    async fn serve(self) {
        // New mail is a short line that must not wait for more (RFC 9293 §3.7.4).
        let _ = self.stream.set_nodelay(true);
        let clock = self.imap.clock.clone();
        let handshake = clock.within(HANDSHAKE_LIMIT, self.acceptor.accept(self.stream));
        let Some(Ok(Ok(stream))) = self.stop.or(handshake).await else {
            return;
        };
        Connection::new(stream, self.imap, self.places)
            .converse(self.stop)
            .await;
    }
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

const MOST_CONNECTIONS: usize = 2_000;
const PAUSE_AFTER_ERROR: Duration = Duration::from_millis(100);
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests;
