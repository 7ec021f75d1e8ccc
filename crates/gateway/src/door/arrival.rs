//! From an accepted connection to a client: who it really is, and whether it speaks TLS.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use gatepost_host::{Clock, Elapsed};
use gatepost_wire::InClear;
use rustls::ServerConfig;
use tokio::net::TcpStream;

use super::proxy;
use super::settings::{DoorSettings, Tls};
use crate::session::{Arrival, ClientStream, protect};

/// Who a connection is really from.
pub(super) async fn identify(
    stream: &mut TcpStream,
    peer: IpAddr,
    door: &DoorSettings,
    clock: &Clock,
) -> io::Result<IpAddr> {
    if !door.proxies.iter().any(|proxy| proxy.holds(peer)) {
        return Ok(peer);
    }
    let told = clock.within(HEADER, proxy::read(stream)).await;
    let told = told.unwrap_or_else(|Elapsed| Err(io::ErrorKind::TimedOut.into()))?;
    Ok(told.unwrap_or(peer))
}

/// Protects the connection if that is to be done before anything is said.
pub(super) async fn receive(
    stream: TcpStream,
    address: IpAddr,
    door: &DoorSettings,
    (tls, clock): (Option<Arc<ServerConfig>>, &Clock),
) -> io::Result<Arrival> {
    let begins_with_tls = match door.tls {
        Tls::Off | Tls::StartTls => false,
        Tls::Implicit => true,
        Tls::Auto => speaks_tls(&stream, clock).await?,
    };
    let in_clear = if address.is_loopback() {
        InClear::Accepted
    } else {
        door.in_clear
    };
    let (stream, tls) = match (begins_with_tls, tls) {
        (true, Some(tls)) => (protect(stream, &tls, clock).await?, None),
        (true, None) => return Err(io::ErrorKind::NotConnected.into()),
        (false, tls) => (ClientStream::Clear(stream), tls),
    };
    Ok(Arrival {
        stream,
        address,
        tls,
        in_clear,
    })
}

/// A client of TLS speaks first, and one of these protocols waits for the greeting.
async fn speaks_tls(stream: &TcpStream, clock: &Clock) -> io::Result<bool> {
    let mut first = [0];
    match clock.within(FIRST_OCTET, stream.peek(&mut first)).await {
        Ok(Ok(0)) => Err(io::ErrorKind::UnexpectedEof.into()),
        Ok(Ok(_)) => Ok(first[0] == HANDSHAKE),
        Ok(Err(error)) => Err(error),
        Err(Elapsed) => Ok(false),
    }
}

/// A proxy that says anything says it at once.
const HEADER: Duration = Duration::from_secs(5);
/// A `ClientHello` comes right behind the connection itself.
const FIRST_OCTET: Duration = Duration::from_millis(500);
/// The type of the first record of TLS (RFC 8446 §5.1).
const HANDSHAKE: u8 = 22;
