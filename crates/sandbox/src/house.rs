//! A sandbox for a test, and a client that reads and writes lines.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gatepost_host::{Chance, Clock, Tasks};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::faults::{FaultKind, FaultOrder};
use crate::tenant::{AccessToken, AskedClaims, Bearer, CLIENT_ID, ClientStrength, Resource, USER};
use crate::{Sandbox, SandboxConfig};

/// A running sandbox.
pub(crate) struct House {
    pub(crate) sandbox: Sandbox,
    tasks: Tasks,
}

impl House {
    pub(crate) async fn open() -> Self {
        Self::furnished(SandboxConfig::default()).await
    }

    pub(crate) async fn furnished(config: SandboxConfig) -> Self {
        let tasks = Tasks::new();
        let start = Sandbox::start(config, Clock::system(), Chance::system(), &tasks);
        let sandbox = start.await.expect("the sandbox starts on free ports");
        Self { sandbox, tasks }
    }

    pub(crate) async fn close(self) {
        self.sandbox.end().await;
        self.tasks.end().await;
    }

    /// A token for Exchange, of the app itself or in the name of a person.
    pub(crate) fn token(&self, person: Option<&str>) -> String {
        self.token_for(person, "IMAP.AccessAsUser.All")
    }

    /// The same where the person granted this.
    pub(crate) fn token_for(&self, person: Option<&str>, granted: &'static str) -> String {
        let tenant = self.sandbox.tenant();
        let (app, person) = {
            let directory = tenant.directory();
            let app = directory
                .app(CLIENT_ID)
                .expect("it is in the directory")
                .clone();
            let person = person.map(|upn| directory.person(upn).expect("they are").clone());
            (app, person)
        };
        let scopes = BTreeSet::from([granted]);
        let contexts = BTreeSet::new();
        let token = AccessToken {
            audience: "https://outlook.office365.com",
            resource: Resource::Exchange,
            app: &app,
            strength: ClientStrength::Secret,
            bearer: person
                .as_ref()
                .map_or(Bearer::App, |p| Bearer::Person(p, &scopes, &contexts)),
            asked: &AskedClaims::default(),
        };
        tenant.mint(&token, Duration::from_hours(1))
    }

    pub(crate) fn order(&self, kind: FaultKind) {
        self.sandbox.faults().order(FaultOrder::everywhere(kind));
    }

    pub(crate) fn deliver(&self, raw: impl Into<bytes::Bytes>) {
        let at = "2026-01-02T03:04:05Z".parse().expect("a literal timestamp");
        self.sandbox
            .mailboxes()
            .deliver(USER, raw, at)
            .expect("the mailbox is there");
    }

    pub(crate) async fn connect(&self) -> Client {
        let mut client = self.connect_to(self.sandbox.addresses().imap).await;
        let greeting = client.line().await;
        assert!(greeting.starts_with("* OK The Microsoft Exchange IMAP4 service"));
        client
    }

    /// A connection over which nothing has been said.
    pub(crate) async fn connect_to(&self, address: SocketAddr) -> Client {
        let stream = TcpStream::connect(address).await.expect("it listens");
        self.protect(stream).await
    }

    /// TLS over a connection that is there.
    pub(crate) async fn protect(&self, stream: TcpStream) -> Client {
        let mut roots = RootCertStore::empty();
        let ca = CertificateDer::from_pem_slice(self.sandbox.ca_pem().as_bytes());
        roots
            .add(ca.expect("a PEM certificate"))
            .expect("a certificate authority");
        let config = ClientConfig::builder_with_provider(Arc::new(
            rustls::crypto::aws_lc_rs::default_provider(),
        ))
        .with_safe_default_protocol_versions()
        .expect("the provider has them")
        .with_root_certificates(roots)
        .with_no_client_auth();
        let name = ServerName::try_from("localhost").expect("a name");
        let connector = TlsConnector::from(Arc::new(config));
        let stream = connector.connect(name, stream).await.expect("TLS starts");
        Client {
            stream: BufReader::new(stream),
        }
    }

    pub(crate) async fn sign_in(&self) -> Client {
        let mut client = self.connect().await;
        let answer = client.authenticate(USER, &self.token(None)).await;
        assert_eq!(answer, "a OK AUTHENTICATE completed.");
        client
    }
}

/// A client that says what the test says.
pub(crate) struct Client {
    stream: BufReader<TlsStream<TcpStream>>,
}

impl Client {
    pub(crate) async fn line(&mut self) -> String {
        let mut line = String::new();
        match self.stream.read_line(&mut line).await {
            Ok(_) => {}
            // The end without a goodbye of TLS is one, too.
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => {}
            Err(error) => panic!("neither a line nor the end: {error}"),
        }
        line.trim_end_matches("\r\n").to_owned()
    }

    pub(crate) async fn send(&mut self, line: &str) {
        let line = format!("{line}\r\n");
        self.stream
            .get_mut()
            .write_all(line.as_bytes())
            .await
            .expect("it is there");
    }

    /// Sends a command with the tag `a` and gathers the answer up to its tagged line.
    pub(crate) async fn command(&mut self, command: &str) -> Vec<String> {
        self.send(&format!("a {command}")).await;
        let mut lines = Vec::new();
        loop {
            let line = self.line().await;
            let last = line.starts_with("a ") || line.is_empty();
            lines.push(line);
            if last {
                return lines;
            }
        }
    }

    pub(crate) async fn authenticate(&mut self, user: &str, token: &str) -> String {
        let message = STANDARD.encode(format!("user={user}\x01auth=Bearer {token}\x01\x01"));
        self.command(&format!("AUTHENTICATE XOAUTH2 {message}"))
            .await
            .remove(0)
    }

    /// Reads so many octets, if they come.
    pub(crate) async fn takes(&mut self, octets: usize) -> bool {
        let mut taken = vec![0; octets];
        self.stream.read_exact(&mut taken).await.is_ok()
    }

    pub(crate) async fn is_closed(&mut self) -> bool {
        matches!(self.stream.read(&mut [0; 1]).await, Ok(0) | Err(_))
    }
}
