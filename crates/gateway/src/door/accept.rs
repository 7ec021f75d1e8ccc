//! Lets clients in, each into a task of its own.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use gatepost_host::{Stop, Tasks};
use jiff::Timestamp;
use tokio::net::TcpStream;

use super::arrival;
use super::crowd::Counted;
use super::{Behind, Certificate, DoorSettings, Socket, Tls};
use crate::session::{self, Bye, ClientStream};
use crate::{Gateway, Protocol};

/// A door that can be opened.
#[derive(Debug, Clone)]
pub struct Door {
    settings: Arc<DoorSettings>,
    sockets: Vec<Socket>,
    certificate: Option<Certificate>,
    behind: Behind,
}

impl Door {
    /// A door on these sockets. Without a certificate there is no TLS, whatever the settings say.
    pub fn new(
        settings: DoorSettings,
        sockets: Vec<Socket>,
        certificate: Option<Certificate>,
    ) -> Self {
        let door = Self {
            settings: Arc::new(settings),
            sockets,
            certificate,
            behind: Behind::default(),
        };
        door.in_place_of(Behind::default())
    }

    /// Where it listens.
    pub fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        self.sockets.iter().filter_map(Socket::address)
    }

    /// The same door in the place of one with these behind it: they are counted as if they had come
    /// through this one. Devices that this one would not let in have to leave at once.
    #[must_use]
    pub fn in_place_of(mut self, behind: Behind) -> Self {
        behind.devices.become_those_of(&self.settings);
        self.behind = behind;
        self
    }

    /// Lets clients in until it is to stop. Their sessions belong to `sessions`, and go on.
    pub async fn open(&self, gateway: &Gateway, sessions: &Tasks, stop: Stop) {
        let accepting = self.sockets.iter();
        let accepting = accepting.map(|socket| self.accept(socket, gateway, sessions, &stop));
        tokio::join!(
            futures_util::future::join_all(accepting),
            stop.or(gateway.learn_offers(&self.settings)),
        );
    }

    async fn accept(&self, socket: &Socket, gateway: &Gateway, sessions: &Tasks, stop: &Stop) {
        while let Some(accepted) = stop.or(socket.listener().accept()).await {
            match accepted {
                Ok((stream, peer)) => self.welcome(stream, peer, gateway, sessions),
                Err(error) => {
                    // Out of file handles, mostly; a pause keeps this from spinning.
                    let now = gateway.clock.now();
                    let nobody = Ipv4Addr::UNSPECIFIED.into();
                    if let Some(more) = self.behind.quiet.may_say("not accepted", nobody, now) {
                        tracing::warn!(
                            door = self.settings.name,
                            "a connection could not be accepted: {error}{more}"
                        );
                    }
                    gateway.clock.sleep(PAUSE_AFTER_ERROR).await;
                }
            }
        }
    }

    fn welcome(&self, stream: TcpStream, peer: SocketAddr, gateway: &Gateway, sessions: &Tasks) {
        let settings = &self.settings;
        let peer = peer.ip().to_canonical();
        let Some(counted) = self.behind.crowd.enter(settings.connections) else {
            let why = (Bye::Crowded, "too many connections in all");
            return self.turn_away(&stream, (peer, gateway.clock.now()), why);
        };
        let (door, gateway, stop) = (self.clone(), gateway.clone(), sessions.stop());
        sessions.start(SESSION, async move {
            if let Err(error) = door.serve(stream, peer, (counted, &gateway, &stop)).await {
                tracing::debug!(
                    door = door.settings.name,
                    client = %peer,
                    "nothing came of a connection: {error}"
                );
            }
        });
    }

    async fn serve(
        &self,
        stream: TcpStream,
        peer: IpAddr,
        (counted, gateway, stop): (Counted, &Gateway, &Stop),
    ) -> io::Result<()> {
        let receiving = Box::pin(self.receive(stream, peer, (counted, gateway)));
        let Some(received) = stop.or(receiving).await else {
            return Ok(());
        };
        if let Some((arrival, counted)) = received? {
            let entrance = (&*self.settings, &self.behind.devices);
            session::serve(gateway, entrance, arrival, stop).await;
            drop(counted);
        }
        Ok(())
    }

    async fn receive(
        &self,
        mut stream: TcpStream,
        peer: IpAddr,
        (mut counted, gateway): (Counted, &Gateway),
    ) -> io::Result<Option<(session::Arrival, Counted)>> {
        gatepost_host::attend(&stream)?;
        let settings = &*self.settings;
        let clock = &gateway.clock;
        let identified = arrival::identify(&mut stream, peer, settings, clock).await;
        let from = identified.inspect_err(|error| self.complain_of(peer, clock.now(), error))?;
        if !counted.is_from(from.client.counted(), settings.connections_per_address) {
            let why = (Bye::Crowded, "too many connections from there");
            self.turn_away(&stream, (from.client.counted(), clock.now()), why);
            return Ok(None);
        }
        let tls = self.certificate.as_ref().map(Certificate::config);
        let tls = tls.filter(|_| settings.tls != Tls::Off);
        let arrived = arrival::receive(stream, from, settings, (tls, clock)).await?;
        if let ClientStream::Clear(stream) = &arrived.stream
            && arrival::gives_away(&arrived, from.peer)
        {
            let why = (Bye::Unprotected, "its password would come unprotected");
            self.turn_away(stream, (from.client.counted(), clock.now()), why);
            return Ok(None);
        }
        Ok(Some((arrived, counted)))
    }

    /// A proxy that does not say for whom it connects is a mistake of its configuration, or of ours.
    fn complain_of(&self, peer: IpAddr, now: Timestamp, error: &io::Error) {
        if matches!(
            error.kind(),
            io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset
        ) {
            return;
        }
        if let Some(more) = self.behind.quiet.may_say("no PROXY header", peer, now) {
            tracing::warn!(
                door = self.settings.name,
                client = %peer,
                "it is in proxy_protocol_from, and did not say for whom it connects, so it was \
                 turned away: {error}{more}"
            );
        }
    }

    /// Says so, if it can be said in clear and at once.
    fn turn_away(
        &self,
        stream: &TcpStream,
        (client, now): (IpAddr, Timestamp),
        (bye, why): (Bye, &'static str),
    ) {
        if let Some(more) = self.behind.quiet.may_say(why, client, now) {
            tracing::warn!(
                door = self.settings.name,
                client = %client,
                "a connection was turned away: {why}{more}"
            );
        } else {
            tracing::debug!(
                door = self.settings.name,
                client = %client,
                "a connection was turned away: {why}"
            );
        }
        if matches!(self.settings.tls, Tls::Off | Tls::StartTls) {
            let words = bye.words();
            let line = match self.settings.protocol {
                Protocol::Imap => format!("* BYE {words}\r\n"),
                Protocol::Pop3 => format!("-ERR [SYS/TEMP] {words}\r\n"),
                Protocol::Smtp => format!("421 4.3.2 {words}\r\n"),
            };
            let _ = stream.try_write(line.as_bytes());
        }
    }
}

const SESSION: &str = "gateway session";
const PAUSE_AFTER_ERROR: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use gatepost_host::Clock;
    use gatepost_mail::passage::Destination;
    use gatepost_wire::InClear;
    use tokio::net::TcpListener;

    use super::super::LeadsTo;
    use super::*;
    use crate::admission::{Admission, Guest, Login, Turned};
    use crate::upstream::{NoDestination, Upstream};

    /// Nobody comes in, and nowhere.
    #[derive(Debug)]
    struct Nobody;

    #[async_trait]
    impl Admission for Nobody {
        async fn admit(&self, _: &Login) -> Result<Guest, Turned> {
            Err(Turned::UnknownLogin)
        }

        fn expected(&self, _: Protocol, _: &str, _: IpAddr) -> Option<String> {
            None
        }
    }

    impl Upstream for Nobody {
        fn servers(&self, _: Protocol) -> Vec<Destination> {
            Vec::new()
        }

        fn destination(&self, protocol: Protocol, _: &str) -> Result<Destination, NoDestination> {
            Err(NoDestination {
                mailbox: String::new(),
                protocol,
                reason: "there is none".to_owned(),
            })
        }
    }

    #[tokio::test]
    async fn a_client_is_answered_at_once_and_watched() {
        let settings = DoorSettings {
            name: "imap".to_owned(),
            protocol: Protocol::Imap,
            tls: Tls::Off,
            in_clear: InClear::Refused,
            proxies: Vec::new(),
            connections: 1,
            connections_per_address: 1,
            idle: Duration::from_mins(30),
            leads_to: LeadsTo::Server,
            without_login: Vec::new(),
        };
        let door = Door::new(settings, Vec::new(), None);
        let gateway = Gateway::new(Arc::new(Nobody), Arc::new(Nobody), Clock::system());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it listens");
        let _client = TcpStream::connect(address).await.expect("it listens");
        let (stream, peer) = listener.accept().await.expect("somebody is there");
        let counted = door.behind.crowd.enter(1).expect("there is room");
        let received = door.receive(stream, peer.ip(), (counted, &gateway)).await;
        let (arrival, _counted) = received.expect("it is open").expect("it may come in");
        let ClientStream::Clear(stream) = arrival.stream else {
            panic!("nobody began TLS");
        };
        assert!(stream.nodelay().expect("it is open"));
        let asked_after = rustix::net::sockopt::tcp_keepidle(&stream).expect("it is open");
        assert_eq!(asked_after.as_secs(), 120);
    }
}
