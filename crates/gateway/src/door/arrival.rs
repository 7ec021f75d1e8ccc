//! From an accepted connection to a client: who it really is, and whether it speaks TLS.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use gatepost_host::{Clock, Elapsed};
use gatepost_wire::InClear;
use rustls::ServerConfig;
use tokio::net::TcpStream;

use super::proxy::{self, Told};
use super::settings::{DoorSettings, Tls};
use crate::ClientAddress;
use crate::session::{Arrival, ClientStream, protect};

/// Who a connection is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Origin {
    /// Whoever connected: the client, or a proxy.
    pub(super) peer: IpAddr,
    /// The client.
    pub(super) client: ClientAddress,
}

/// Who a connection is really from. Whoever connects to a door of proxies and goes without a word
/// is an `UnexpectedEof`: it looked whether the door is there.
pub(super) async fn identify(
    stream: &mut TcpStream,
    peer: IpAddr,
    door: &DoorSettings,
    clock: &Clock,
) -> io::Result<Origin> {
    if !door.proxies.iter().any(|proxy| proxy.holds(peer)) {
        return Ok(Origin {
            peer,
            client: ClientAddress::Known(peer),
        });
    }
    let told = clock.within(HEADER, proxy::read(stream)).await;
    let told = told.unwrap_or_else(|Elapsed| Err(late()))?;
    let client = match told {
        Told::Proxy => ClientAddress::Known(peer),
        Told::Client(address) => ClientAddress::Known(address),
        Told::Somebody => ClientAddress::Behind(peer),
    };
    Ok(Origin { peer, client })
}

fn late() -> io::Error {
    let reason = format!("no header came within {} seconds", HEADER.as_secs());
    io::Error::new(io::ErrorKind::TimedOut, reason)
}

/// Protects the connection if that is to be done before anything is said.
pub(super) async fn receive(
    stream: TcpStream,
    from: Origin,
    door: &DoorSettings,
    (tls, clock): (Option<Arc<ServerConfig>>, &Clock),
) -> io::Result<Arrival> {
    let begins_with_tls = match door.tls {
        Tls::Off | Tls::StartTls => false,
        Tls::Implicit => true,
        Tls::Auto => speaks_tls(&stream, clock).await?,
    };
    // What a proxy on another machine calls loopback is that machine's own, and the network lies
    // between it and us.
    let in_clear = if from.peer.is_loopback() && from.client.trusted().is_loopback() {
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
        from: from.client,
        tls,
        in_clear,
    })
}

/// Whether a password would come from another machine unprotected, and nobody has said that it
/// may. No door is configured so; this is for one that has lost its certificate or its address.
pub(super) fn gives_away(arrival: &Arrival, peer: IpAddr) -> bool {
    let is_clear = matches!(arrival.stream, ClientStream::Clear(_)) && arrival.tls.is_none();
    is_clear && arrival.in_clear == InClear::Refused && !peer.is_loopback()
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

#[cfg(test)]
mod tests {
    use gatepost_host::Network;
    use tokio::io::AsyncWriteExt as _;
    use tokio::net::TcpListener;

    use super::*;
    use crate::Protocol;
    use crate::door::LeadsTo;

    const PROXY: [u8; 4] = [10, 0, 0, 5];

    fn door(in_clear: InClear) -> DoorSettings {
        DoorSettings {
            name: "imap".to_owned(),
            protocol: Protocol::Imap,
            tls: Tls::Off,
            in_clear,
            proxies: vec![Network::one(PROXY.into())],
            connections: 10,
            connections_per_address: 10,
            idle: Duration::from_mins(30),
            leads_to: LeadsTo::Server,
            without_login: Vec::new(),
        }
    }

    /// Who is there, as `peer`, and says this first.
    async fn arrived(
        peer: impl Into<IpAddr>,
        said: &str,
        door: &DoorSettings,
    ) -> (Origin, Arrival) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it listens");
        let mut client = TcpStream::connect(address).await.expect("it listens");
        client.write_all(said.as_bytes()).await.expect("it is read");
        let (mut stream, _) = listener.accept().await.expect("somebody is there");
        let clock = Clock::system();
        let from = identify(&mut stream, peer.into(), door, &clock).await;
        let from = from.expect("it can be told");
        let arrival = receive(stream, from, door, (None, &clock)).await;
        (from, arrival.expect("it is clear"))
    }

    #[tokio::test]
    async fn what_a_proxy_elsewhere_calls_loopback_is_not_this_machine() {
        for (peer, said, in_clear) in [
            ([127, 0, 0, 1], "", InClear::Accepted),
            ([10, 0, 0, 9], "", InClear::Refused),
            (
                PROXY,
                "PROXY TCP4 127.0.0.1 127.0.0.1 1 2\r\n",
                InClear::Refused,
            ),
            (PROXY, "PROXY UNKNOWN\r\n", InClear::Refused),
        ] {
            let (_, arrival) = arrived(peer, said, &door(InClear::Refused)).await;
            assert_eq!(arrival.in_clear, in_clear, "{peer:?} {said}");
        }
        let mut behind_loopback = door(InClear::Refused);
        behind_loopback.proxies = vec![Network::one([127, 0, 0, 1].into())];
        let unknown = arrived([127, 0, 0, 1], "PROXY UNKNOWN\r\n", &behind_loopback);
        let (from, arrival) = unknown.await;
        assert_eq!(arrival.in_clear, InClear::Refused);
        let proxy = IpAddr::from([127, 0, 0, 1]);
        assert_eq!(from.client, ClientAddress::Behind(proxy));
        assert_ne!(from.client.trusted(), proxy, "it is not the proxy's own");
        assert_eq!(from.client.counted(), proxy, "and counts there");
    }

    #[tokio::test]
    async fn an_unprotected_password_from_elsewhere_is_not_asked_for() {
        for (peer, in_clear, expected) in [
            ([127, 0, 0, 1], InClear::Refused, false),
            ([192, 0, 2, 7], InClear::Refused, true),
            ([192, 0, 2, 7], InClear::Accepted, false),
        ] {
            let (from, arrival) = arrived(peer, "", &door(in_clear)).await;
            assert_eq!(gives_away(&arrival, from.peer), expected, "{peer:?}");
        }
    }
}
