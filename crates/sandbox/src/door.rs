//! The door of a mail server: a bounded number of connections, each with an owner.

use std::sync::Arc;
use std::time::Duration;

use gatepost_host::{Clock, Stop, Tasks};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::https::Listener;

/// Lets clients in, with TLS from the first octet, until the tasks are told to end. `converse`
/// serves one connection.
pub(crate) fn open<F: Future<Output = ()> + Send + 'static>(
    listener: Listener,
    (name, clock): (&'static str, Clock),
    tasks: &Tasks,
    converse: impl Fn(TlsStream<TcpStream>, Stop) -> F + Clone + Send + Sync + 'static,
) {
    let Listener { socket, tls } = listener;
    let acceptor = TlsAcceptor::from(tls);
    let patience = clock.clone();
    let protect = move |stream, stop: Stop| {
        let (acceptor, clock) = (acceptor.clone(), patience.clone());
        let converse = converse.clone();
        async move {
            let handshake = handshake(&acceptor, stream, &clock);
            if let Some(Some(stream)) = stop.or(handshake).await {
                converse(stream, stop).await;
            }
        }
    };
    open_in_clear(socket, (name, clock), tasks, protect);
}

/// The same for a protocol that asks for TLS by itself.
pub(crate) fn open_in_clear<F: Future<Output = ()> + Send + 'static>(
    socket: TcpListener,
    (name, clock): (&'static str, Clock),
    tasks: &Tasks,
    converse: impl Fn(TcpStream, Stop) -> F + Clone + Send + Sync + 'static,
) {
    let (owner, stop) = (tasks.clone(), tasks.stop());
    let room = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    tasks.start(name, async move {
        while let Some(Ok(permit)) = stop.or(Arc::clone(&room).acquire_owned()).await {
            let stream = match stop.or(socket.accept()).await {
                None => return,
                Some(Ok((stream, _))) => stream,
                Some(Err(error)) => {
                    // Out of file handles, mostly; a pause keeps this from spinning.
                    tracing::warn!(%error, "the sandbox could not accept a connection");
                    clock.sleep(PAUSE_AFTER_ERROR).await;
                    continue;
                }
            };
            let (converse, stop) = (converse.clone(), owner.stop());
            owner.start("sandbox mail connection", async move {
                let _permit = permit;
                // New mail is a short line that must not wait for more (RFC 9293 §3.7.4).
                let _ = stream.set_nodelay(true);
                converse(stream, stop).await;
            });
        }
    });
}

/// Shakes hands over TLS; `None` if nothing comes of it.
pub(crate) async fn handshake(
    acceptor: &TlsAcceptor,
    stream: TcpStream,
    clock: &Clock,
) -> Option<TlsStream<TcpStream>> {
    let shaken = clock.within(HANDSHAKE_LIMIT, acceptor.accept(stream));
    shaken.await.ok()?.ok()
}

const MOST_CONNECTIONS: usize = 2_000;
const PAUSE_AFTER_ERROR: Duration = Duration::from_millis(100);
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);
