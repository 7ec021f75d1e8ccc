//! A door in front of a sandbox, and clients that knock.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use gatepost_gateway::admission::{Admission, Guest, Login, Presence, Turned};
use gatepost_gateway::door::{
    Behind, Certificate, CertificateFiles, Door, DoorSettings, LeadsTo, Socket, Tls,
};
use gatepost_gateway::upstream::{NoDestination, Upstream};
use gatepost_gateway::{Gateway, Protocol};
use gatepost_host::{Chance, Clock, Tasks, Trust};
use gatepost_mail::Addresses;
use gatepost_mail::imap::{ImapSettings, Quirks, Security, TimeLimits};
use gatepost_mail::passage::Destination;
use gatepost_mail::pop3::Pop3Settings;
use gatepost_mail::smtp::{SmtpSettings, SmtpTimeLimits};
use gatepost_oauth::{AccessToken, Audience, TokenError, TokenSource};
use gatepost_sandbox::tenant::{self, Bearer, CLIENT_ID, ClientStrength, Resource, USER};
use gatepost_sandbox::{Sandbox, SandboxConfig};
use gatepost_wire::InClear;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName};
use secrecy::ExposeSecret as _;
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_util::sync::CancellationToken;

/// The password that is good.
pub(crate) const PASSWORD: &str = "pass wörd";

/// A mailbox that has no sign-in of its own: [`USER`] opens it with a token of hers.
pub(crate) const SHARED: &str = "support@contoso.com";

/// A sandbox with a gateway in front of it.
pub(crate) struct Stand {
    pub(crate) sandbox: Sandbox,
    pub(crate) gateway: Gateway,
    /// What the gateway is made of.
    pub(crate) admission: Arc<dyn Admission>,
    pub(crate) upstream: Arc<dyn Upstream>,
    pub(crate) sessions: Tasks,
    /// What the sessions of the door are a part of.
    pub(crate) program: Tasks,
    pub(crate) accepting: Tasks,
    pub(crate) revoked: CancellationToken,
    pub(crate) tokens: Arc<Minted>,
    /// The gateway's: it goes as tokio's clock goes, and can be held with it.
    pub(crate) clock: Clock,
    folder: TempDir,
    tasks: Tasks,
}

impl Stand {
    pub(crate) async fn new() -> Self {
        Self::before(None, TimeLimits::default(), Vec::new()).await
    }

    /// With servers that are asked what they offer when a door is opened.
    pub(crate) async fn asking() -> Self {
        Self::before(None, TimeLimits::default(), vec![USER.to_owned()]).await
    }

    /// In front of the server at this port, whom these trust, and who is given up after this.
    pub(crate) async fn in_front_of(place: (u16, Arc<ClientConfig>), limits: TimeLimits) -> Self {
        Self::before(Some(place), limits, Vec::new()).await
    }

    async fn before(
        place: Option<(u16, Arc<ClientConfig>)>,
        limits: TimeLimits,
        asked: Vec<String>,
    ) -> Self {
        let tasks = Tasks::new();
        let config = SandboxConfig::default();
        let sandbox = Sandbox::start(config, Clock::system(), Chance::system(), &tasks).await;
        let sandbox = sandbox.expect("the sandbox starts");
        let minted = |person| {
            Arc::new(Minted {
                tenant: sandbox.tenant().clone(),
                person,
                refused: AtomicUsize::new(0),
                stale: AtomicUsize::new(0),
            })
        };
        let (tokens, of_person) = (minted(None), minted(Some(USER)));
        let trust = Trust::with_authority(&sandbox.ca_file()).expect("the authority is readable");
        let addresses = sandbox.addresses();
        let ports = [addresses.imap, addresses.pop3, addresses.smtp].map(|address| address.port());
        let (ports, tls) = match place {
            Some((port, tls)) => ([port; 3], tls),
            None => (ports, trust.client_config().expect("TLS can be set up")),
        };
        let upstream: Arc<dyn Upstream> = Arc::new(Sandboxed {
            ports,
            tls,
            addresses: Addresses::new(),
            tokens: Arc::clone(&tokens),
            of_person,
            limits,
            asked,
        });
        let (revoked, program) = (CancellationToken::new(), tasks.child());
        let admission: Arc<dyn Admission> = Arc::new(OnePassword {
            revoked: revoked.clone(),
        });
        let made_of = (Arc::clone(&admission), Arc::clone(&upstream));
        let clock = Clock::starting_at(Clock::system().now());
        Self {
            gateway: Gateway::new(made_of.0, made_of.1, clock.clone()),
            clock,
            admission,
            upstream,
            sessions: program.child(),
            program,
            accepting: tasks.child(),
            folder: tempfile::tempdir().expect("a temporary folder"),
            sandbox,
            revoked,
            tokens,
            tasks,
        }
    }

    /// Opens a door; says where it is.
    pub(crate) fn open(&self, settings: DoorSettings) -> SocketAddr {
        self.open_on((Ipv4Addr::LOCALHOST, 0).into(), settings)
    }

    pub(crate) fn open_on(&self, address: SocketAddr, settings: DoorSettings) -> SocketAddr {
        self.open_in_place_of(Behind::default(), (address, settings))
    }

    /// Opens a door with these behind it.
    pub(crate) fn open_in_place_of(
        &self,
        behind: Behind,
        (address, settings): (SocketAddr, DoorSettings),
    ) -> SocketAddr {
        let socket = Socket::bind(address).expect("a free port");
        let address = socket.address().expect("it listens");
        let names = ["localhost".to_owned()];
        let certificate = Certificate::self_signed(&names, self.files(), Clock::system());
        let certificate = certificate.expect("a certificate is made");
        let door = Door::new(settings, vec![socket], Some(certificate)).in_place_of(behind);
        let (gateway, sessions) = (self.gateway.clone(), self.sessions.clone());
        let stop = self.accepting.stop();
        self.accepting.start("door", async move {
            door.open(&gateway, &sessions, stop).await;
        });
        address
    }

    fn files(&self) -> CertificateFiles {
        CertificateFiles {
            door: "test".to_owned(),
            chain: self.file("cert.pem"),
            key: self.file("key.pem"),
        }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Connects in clear.
    pub(crate) async fn knock(&self, address: SocketAddr) -> Client<TcpStream> {
        let stream = TcpStream::connect(address).await.expect("the door is open");
        Client::new(stream)
    }

    /// Connects with TLS.
    pub(crate) async fn knock_tls(&self, address: SocketAddr) -> Client<impl Octets + use<>> {
        let stream = TcpStream::connect(address).await.expect("the door is open");
        Client::new(self.protect(stream).await)
    }

    /// Shakes hands, trusting nobody but the door.
    pub(crate) async fn protect(&self, stream: TcpStream) -> impl Octets + use<> {
        let mut roots = RootCertStore::empty();
        let pem = CertificateDer::from_pem_file(self.file("cert.pem")).expect("a certificate");
        roots.add(pem).expect("a certificate");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the provider knows TLS")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from("localhost").expect("a name");
        let connecting = TlsConnector::from(Arc::new(config)).connect(name, stream);
        connecting.await.expect("the handshake succeeds")
    }

    pub(crate) async fn end(self) {
        self.tasks.end().await;
    }
}

/// A door like most.
pub(crate) fn door(protocol: Protocol, tls: Tls) -> DoorSettings {
    DoorSettings {
        name: protocol.to_string(),
        protocol,
        tls,
        in_clear: InClear::Refused,
        proxies: Vec::new(),
        connections: 2000,
        connections_per_address: 500,
        idle: Duration::from_mins(30),
        leads_to: LeadsTo::Server,
        without_login: Vec::new(),
    }
}

/// A door of each kind that greets by itself, with room for one client.
pub(crate) fn doors_for_one(tls: Tls) -> [DoorSettings; 4] {
    let for_one = |protocol| DoorSettings {
        connections: 1,
        ..door(protocol, tls)
    };
    let spool = DoorSettings {
        name: "spool".to_owned(),
        leads_to: LeadsTo::Spool {
            rewrite_from: false,
        },
        ..for_one(Protocol::Smtp)
    };
    let [imap, pop3, smtp] = Protocol::ALL.map(for_one);
    [imap, pop3, smtp, spool]
}

/// How the gateway itself ends a connection with these words before the login.
pub(crate) fn farewell(protocol: Protocol, words: &str) -> String {
    match protocol {
        Protocol::Imap => format!("* BYE {words}\r\n"),
        Protocol::Pop3 => format!("-ERR [SYS/TEMP] {words}\r\n"),
        Protocol::Smtp => format!("421 4.3.2 {words}\r\n"),
    }
}

pub(crate) trait Octets: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Octets for T {}

/// A client that speaks in lines.
pub(crate) struct Client<S> {
    pub(crate) stream: S,
    heard: Vec<u8>,
}

impl<S: Octets> Client<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self {
            stream,
            heard: Vec::new(),
        }
    }

    /// Sends this as it stands.
    pub(crate) async fn send(&mut self, octets: impl AsRef<[u8]>) {
        let octets = octets.as_ref();
        self.stream.write_all(octets).await.expect("it is taken");
        self.stream.flush().await.expect("it is taken");
    }

    /// The next line, with its end; what there is if the connection ends.
    pub(crate) async fn line(&mut self) -> String {
        loop {
            if let Some(end) = self.heard.iter().position(|octet| *octet == b'\n') {
                let rest = self.heard.split_off(end + 1);
                let line = std::mem::replace(&mut self.heard, rest);
                return String::from_utf8_lossy(&line).into_owned();
            }
            if self.read().await == 0 {
                let rest = std::mem::take(&mut self.heard);
                return String::from_utf8_lossy(&rest).into_owned();
            }
        }
    }

    /// Lines up to one that begins like this, which is the last.
    pub(crate) async fn until(&mut self, beginning: &str) -> String {
        let mut lines = String::new();
        loop {
            let line = self.line().await;
            lines.push_str(&line);
            if line.starts_with(beginning) {
                return lines;
            }
            assert!(
                line.ends_with('\n'),
                "no line begins with {beginning}: {lines}"
            );
        }
    }

    /// Sends a line, and hears a line.
    pub(crate) async fn say(&mut self, line: &str) -> String {
        self.send(format!("{line}\r\n")).await;
        self.line().await
    }

    /// Everything up to the end of the connection.
    pub(crate) async fn rest(&mut self) -> String {
        while self.read().await > 0 {}
        let rest = std::mem::take(&mut self.heard);
        String::from_utf8_lossy(&rest).into_owned()
    }

    async fn read(&mut self) -> usize {
        let reading = self.stream.read_buf(&mut self.heard);
        let read = tokio::time::timeout(Duration::from_mins(1), reading).await;
        // A reset is an end as well.
        read.expect("somebody says something").unwrap_or(0)
    }
}

/// One password opens one mailbox.
#[derive(Debug)]
struct OnePassword {
    revoked: CancellationToken,
}

#[async_trait]
impl Admission for OnePassword {
    async fn admit(&self, login: &Login) -> Result<Guest, Turned> {
        if login.name == "busy" {
            return Err(Turned::Busy);
        }
        if login.password.expose_secret() != PASSWORD {
            return Err(Turned::WrongPassword);
        }
        let mailbox = match login.name.as_str() {
            "nowhere" => "nowhere@contoso.com",
            SHARED => SHARED,
            _ => USER,
        };
        Ok(Guest {
            password: None,
            login: login.name.to_lowercase(),
            mailbox: mailbox.to_owned(),
            senders: vec![USER.to_owned()],
            revoked: self.revoked.clone(),
            presence: Presence::default(),
        })
    }

    fn expected(&self, _: Protocol, name: &str, _: IpAddr) -> Option<String> {
        (name == USER).then(|| USER.to_owned())
    }
}

/// The servers of a sandbox.
#[derive(Debug)]
struct Sandboxed {
    ports: [u16; 3],
    tls: Arc<ClientConfig>,
    addresses: Addresses,
    tokens: Arc<Minted>,
    /// Those that open what is shared.
    of_person: Arc<Minted>,
    limits: TimeLimits,
    /// Mailboxes whose servers are asked what they offer.
    asked: Vec<String>,
}

impl Upstream for Sandboxed {
    fn servers(&self, protocol: Protocol) -> Vec<Destination> {
        let asked = self.asked.iter();
        let destinations = asked.map(|mailbox| self.destination(protocol, mailbox));
        destinations.filter_map(Result::ok).collect()
    }

    fn destination(&self, protocol: Protocol, mailbox: &str) -> Result<Destination, NoDestination> {
        let (host, security) = ("localhost".to_owned(), Security::ImplicitTls);
        let tokens = if mailbox == SHARED {
            Arc::<Minted>::clone(&self.of_person)
        } else {
            Arc::<Minted>::clone(&self.tokens)
        };
        let (tls, clock) = (Arc::clone(&self.tls), Clock::system());
        let addresses = self.addresses.clone();
        if ![USER, SHARED].contains(&mailbox) {
            return Err(NoDestination {
                mailbox: mailbox.to_owned(),
                protocol,
                reason: "nobody knows it".to_owned(),
            });
        }
        let mailbox = mailbox.to_owned();
        Ok(match protocol {
            Protocol::Imap => Destination::Imap(ImapSettings {
                port: self.ports[0],
                quirks: Quirks::exchange_online(),
                limits: self.limits,
                largest_message: ImapSettings::LARGEST_MESSAGE,
                host,
                security,
                tls,
                addresses,
                mailbox,
                tokens,
                clock,
            }),
            Protocol::Pop3 => Destination::Pop3(Pop3Settings {
                port: self.ports[1],
                poll_every: Pop3Settings::POLL_EVERY,
                limits: self.limits,
                largest_message: Pop3Settings::LARGEST_MESSAGE,
                host,
                security,
                tls,
                addresses,
                mailbox,
                tokens,
                clock,
            }),
            Protocol::Smtp => Destination::Smtp(SmtpSettings {
                port: self.ports[2],
                sign_in_as: USER.to_owned(),
                limits: SmtpTimeLimits {
                    command: self.limits.reply,
                    ..SmtpTimeLimits::default()
                },
                host,
                security,
                tls,
                addresses,
                mailbox,
                tokens,
                clock,
            }),
        })
    }
}

/// Tokens as the sandbox's own app gets them.
#[derive(Debug)]
pub(crate) struct Minted {
    tenant: tenant::Tenant,
    /// Whose they are, if not the app's own.
    person: Option<&'static str>,
    /// How many were refused.
    pub(crate) refused: AtomicUsize,
    /// How many of the next are good for nothing.
    pub(crate) stale: AtomicUsize,
}

#[async_trait]
impl TokenSource for Minted {
    async fn token(&self, audience: Audience) -> Result<AccessToken, TokenError> {
        let expires_at = Clock::system().now() + LIFETIME;
        if self.stale.load(Ordering::Relaxed) > self.refused.load(Ordering::Relaxed) {
            return Ok(AccessToken::new("stale".into(), audience, expires_at));
        }
        let (app, person) = {
            let directory = self.tenant.directory();
            let person = self.person.and_then(|upn| directory.person(upn));
            (directory.app(CLIENT_ID).cloned(), person.cloned())
        };
        let granted = ["IMAP.AccessAsUser.All", "POP.AccessAsUser.All", "SMTP.Send"];
        let (granted, contexts) = (BTreeSet::from(granted), BTreeSet::new());
        let token = tenant::AccessToken {
            audience: "https://outlook.office365.com",
            resource: Resource::Exchange,
            app: &app.expect("it is in the directory"),
            strength: ClientStrength::Secret,
            bearer: person.as_ref().map_or(Bearer::App, |person| {
                Bearer::Person(person, &granted, &contexts)
            }),
            asked: &tenant::AskedClaims::default(),
        };
        let minted = self.tenant.mint(&token, LIFETIME);
        Ok(AccessToken::new(minted.into(), audience, expires_at))
    }

    fn refused(&self, _: &AccessToken) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }
}

const LIFETIME: Duration = Duration::from_hours(1);
