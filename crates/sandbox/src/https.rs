//! The HTTPS listener: a bounded number of connections, each with an owner.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use gatepost_host::{Clock, Stop, Tasks};
use hyper::server::conn::http1::Builder;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;

/// Serves `router` on `listener` until the tasks are told to end.
pub(crate) fn serve(listener: Listener, router: Router, clock: Clock, tasks: &Tasks) {
    let owner = tasks.clone();
    let stop = tasks.stop();
    let Listener { socket, tls } = listener;
    let acceptor = TlsAcceptor::from(tls);
    let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    tasks.start("sandbox https", async move {
        while let Some(Ok(place)) = stop.or(Arc::clone(&places).acquire_owned()).await {
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
            let connection = Connection {
                stream,
                acceptor: acceptor.clone(),
                clock: clock.clone(),
                stop: owner.stop(),
                _place: place,
            };
            owner.start("sandbox https connection", connection.serve(router.clone()));
        }
    });
}

/// A bound socket and how it speaks TLS.
pub(crate) struct Listener {
    pub(crate) socket: TcpListener,
    pub(crate) tls: Arc<ServerConfig>,
}

impl Listener {
    pub(crate) fn new(socket: TcpListener, tls: Arc<ServerConfig>) -> Self {
        Self { socket, tls }
    }
}

struct Connection {
    stream: TcpStream,
    acceptor: TlsAcceptor,
    clock: Clock,
    stop: Stop,
    _place: OwnedSemaphorePermit,
}

impl Connection {
    async fn serve(self, router: Router) {
        let _ = self.stream.set_nodelay(true);
        let handshake = self
            .clock
            .within(HANDSHAKE_LIMIT, self.acceptor.accept(self.stream));
        let Some(Ok(Ok(stream))) = self.stop.or(handshake).await else {
            return;
        };
        // HTTP/1.1 alone: its limit on headers covers silent connections too, while a choice
        // of versions waits for the first octets for ever.
        let mut builder = Builder::new();
        builder
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_LIMIT);
        let service = TowerToHyperService::new(router);
        let connection = builder.serve_connection(TokioIo::new(stream), service);
        // A client that goes away in mid-answer is its own affair.
        let _ = self.stop.or(connection).await;
    }
}

const MOST_CONNECTIONS: usize = 2_000;
const PAUSE_AFTER_ERROR: Duration = Duration::from_millis(100);
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);
const HEADER_LIMIT: Duration = Duration::from_secs(30);
