//! HTTP over TLS on a listening socket.

use std::net::Ipv4Addr;
use std::sync::Arc;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// A listening socket on a free port; a runtime can take it over.
pub(super) fn bind() -> std::io::Result<std::net::TcpListener> {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Serves until the runtime is shut down; connections end with it.
pub(super) async fn serve(listener: std::net::TcpListener, tls: Arc<ServerConfig>, router: Router) {
    let listener = TcpListener::from_std(listener).expect("the socket listens and is non-blocking");
    let acceptor = TlsAcceptor::from(tls);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => if let Ok((stream, _)) = accepted {
                connections.spawn(converse(acceptor.clone(), stream, router.clone()));
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn converse(acceptor: TlsAcceptor, stream: TcpStream, router: Router) {
    let Ok(stream) = acceptor.accept(stream).await else {
        return;
    };
    // A client that leaves is no concern of the endpoint.
    let _ = auto::Builder::new(TokioExecutor::new())
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router))
        .await;
}
