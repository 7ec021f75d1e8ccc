//! The connection to the mailbox's server is made while it is decided who may come in.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gatepost_gateway::admission::{Admission, Guest, Login, Turned};
use gatepost_gateway::door::Tls;
use gatepost_gateway::upstream::{NoDestination, Upstream};
use gatepost_gateway::{Gateway, Protocol};
use gatepost_host::{Clock, Tasks};
use gatepost_mail::passage::Destination;
use gatepost_sandbox::tenant::USER;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use crate::stand::{PASSWORD, Stand, door};

#[tokio::test]
async fn the_way_to_the_server_is_made_while_the_password_is_looked_at() {
    let plain = STANDARD.encode(format!("\0{USER}\0{PASSWORD}"));
    for (protocol, said) in [
        (
            Protocol::Imap,
            [
                ("a NOOP".to_owned(), "a OK"),
                (format!("b LOGIN {USER} \"{PASSWORD}\""), "b OK"),
            ],
        ),
        (
            Protocol::Pop3,
            [
                (format!("USER {USER}"), "+OK"),
                (format!("PASS {PASSWORD}"), "+OK"),
            ],
        ),
        (
            Protocol::Smtp,
            [
                ("EHLO scanner".to_owned(), "250 "),
                (format!("AUTH PLAIN {plain}"), "235 "),
            ],
        ),
    ] {
        let mut stand = Stand::new().await;
        let watched = Watched::before(&stand, protocol).await;
        let (came, connections) = (watched.came.clone(), Arc::clone(&watched.connections));
        let waiting = Waiting {
            admission: Arc::clone(&stand.admission),
            came,
        };
        stand.gateway = Gateway::new(Arc::new(waiting), Arc::new(watched), Clock::system());
        let address = stand.open(door(protocol, Tls::Off));
        let mut client = stand.knock(address).await;
        client.line().await;
        let [(command, answer), (login, welcome)] = said;
        client.send(format!("{command}\r\n")).await;
        client.until(answer).await;
        let said = client.say(&login).await;
        assert!(said.starts_with(welcome), "{protocol}: {said}");
        // It is that connection on which the session goes on.
        assert_eq!(connections.load(Ordering::Relaxed), 1, "{protocol}");
        stand.end().await;
    }
}

/// Lets nobody in before the server has seen somebody come.
#[derive(Debug)]
struct Waiting {
    admission: Arc<dyn Admission>,
    came: CancellationToken,
}

#[async_trait]
impl Admission for Waiting {
    async fn admit(&self, login: &Login) -> Result<Guest, Turned> {
        let came = tokio::time::timeout(Duration::from_secs(10), self.came.cancelled()).await;
        match came {
            Ok(()) => self.admission.admit(login).await,
            Err(_) => Err(Turned::Busy),
        }
    }

    fn expected(&self, protocol: Protocol, name: &str, address: IpAddr) -> Option<String> {
        self.admission.expected(protocol, name, address)
    }
}

/// Servers to which every connection is seen.
#[derive(Debug)]
struct Watched {
    upstream: Arc<dyn Upstream>,
    port: u16,
    came: CancellationToken,
    connections: Arc<AtomicUsize>,
}

impl Watched {
    /// In front of the server to which this stand's door would lead.
    async fn before(stand: &Stand, protocol: Protocol) -> Self {
        let upstream = Arc::clone(&stand.upstream);
        let destination = upstream.destination(protocol, USER);
        let behind = *port(&mut destination.expect("it is in the sandbox"));
        let listening = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listening.expect("a free port");
        let watched = Self {
            upstream,
            port: listener.local_addr().expect("it listens").port(),
            came: CancellationToken::new(),
            connections: Arc::default(),
        };
        let (came, connections) = (watched.came.clone(), Arc::clone(&watched.connections));
        Tasks::new().start("watched server", async move {
            while let Ok((mut near, _)) = listener.accept().await {
                connections.fetch_add(1, Ordering::Relaxed);
                came.cancel();
                Tasks::new().start("watched connection", async move {
                    let connecting = TcpStream::connect((Ipv4Addr::LOCALHOST, behind)).await;
                    let mut far = connecting.expect("the sandbox listens");
                    // However it ends, both hear of it.
                    let _ = copy_bidirectional(&mut near, &mut far).await;
                });
            }
        });
        watched
    }
}

impl Upstream for Watched {
    fn destination(&self, protocol: Protocol, mailbox: &str) -> Result<Destination, NoDestination> {
        let mut destination = self.upstream.destination(protocol, mailbox)?;
        *port(&mut destination) = self.port;
        Ok(destination)
    }
}

fn port(destination: &mut Destination) -> &mut u16 {
    match destination {
        Destination::Imap(settings) => &mut settings.port,
        Destination::Pop3(settings) => &mut settings.port,
        Destination::Smtp(settings) => &mut settings.port,
    }
}
