use std::collections::BTreeSet;
use std::process::Stdio;
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
use crate::tenant::{
    ADMIN_ONLY_MAILBOX, AccessToken, Bearer, CLIENT_ID, ClientStrength, Resource, USER,
};
use crate::{Sandbox, SandboxConfig};

struct House {
    sandbox: Sandbox,
    tasks: Tasks,
}

impl House {
    async fn open() -> Self {
        let tasks = Tasks::new();
        let start = Sandbox::start(
            SandboxConfig::default(),
            Clock::system(),
            Chance::system(),
            &tasks,
        );
        let sandbox = start.await.expect("the sandbox starts on free ports");
        Self { sandbox, tasks }
    }

    async fn close(self) {
        self.sandbox.end().await;
        self.tasks.end().await;
    }

    /// A token for Exchange, of the app itself or in the name of a person.
    fn token(&self, person: Option<&str>) -> String {
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
        let scopes = BTreeSet::from(["IMAP.AccessAsUser.All"]);
        let token = AccessToken {
            audience: "https://outlook.office365.com",
            resource: Resource::Exchange,
            app: &app,
            strength: ClientStrength::Secret,
            bearer: person
                .as_ref()
                .map_or(Bearer::App, |p| Bearer::Person(p, &scopes)),
        };
        tenant.mint(&token, Duration::from_hours(1))
    }

    fn order(&self, kind: FaultKind) {
        self.sandbox.faults().order(FaultOrder::everywhere(kind));
    }

    fn deliver(&self, raw: impl Into<bytes::Bytes>) {
        let at = "2026-01-02T03:04:05Z".parse().expect("a literal timestamp");
        self.sandbox
            .mailboxes()
            .deliver(USER, raw, at)
            .expect("the mailbox is there");
    }

    async fn connect(&self) -> Client {
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
        let address = self.sandbox.addresses().imap;
        let stream = TcpStream::connect(address).await.expect("it listens");
        let name = ServerName::try_from("localhost").expect("a name");
        let connector = TlsConnector::from(Arc::new(config));
        let stream = connector.connect(name, stream).await.expect("TLS starts");
        let mut client = Client {
            stream: BufReader::new(stream),
        };
        assert!(
            client
                .line()
                .await
                .starts_with("* OK The Microsoft Exchange IMAP4 service")
        );
        client
    }

    async fn sign_in(&self) -> Client {
        let mut client = self.connect().await;
        let answer = client.authenticate(USER, &self.token(None)).await;
        assert_eq!(answer, "a OK AUTHENTICATE completed.");
        client
    }
}

struct Client {
    stream: BufReader<TlsStream<TcpStream>>,
}

impl Client {
    async fn line(&mut self) -> String {
        let mut line = String::new();
        self.stream
            .read_line(&mut line)
            .await
            .expect("a line or the end");
        line.trim_end_matches("\r\n").to_owned()
    }

    async fn send(&mut self, line: &str) {
        let line = format!("{line}\r\n");
        self.stream
            .get_mut()
            .write_all(line.as_bytes())
            .await
            .expect("it is there");
    }

    /// Sends a command with the tag `a` and gathers the answer up to its tagged line.
    async fn command(&mut self, command: &str) -> Vec<String> {
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

    async fn authenticate(&mut self, user: &str, token: &str) -> String {
        let message = STANDARD.encode(format!("user={user}\x01auth=Bearer {token}\x01\x01"));
        self.command(&format!("AUTHENTICATE XOAUTH2 {message}"))
            .await
            .remove(0)
    }

    async fn is_closed(&mut self) -> bool {
        matches!(self.stream.read(&mut [0; 1]).await, Ok(0) | Err(_))
    }
}

#[tokio::test]
async fn capabilities_change_at_login() {
    let house = House::open().await;
    let mut client = house.connect().await;
    let before = client.command("CAPABILITY").await.remove(0);
    assert!(
        before.contains(" LOGINDISABLED ") && !before.contains(" MOVE "),
        "{before}"
    );
    client.authenticate(USER, &house.token(None)).await;
    let after = client.command("CAPABILITY").await.remove(0);
    assert!(
        !after.contains("LOGINDISABLED") && after.contains(" MOVE "),
        "{after}"
    );
    house.close().await;
}

#[tokio::test]
async fn a_bad_token_is_refused_at_once() {
    let house = House::open().await;
    let mut client = house.connect().await;
    assert_eq!(
        client.authenticate(USER, "nonsense").await,
        "a NO AUTHENTICATE failed."
    );
    house.order(FaultKind::ExpireTokens);
    let fresh = house.token(None);
    assert_eq!(
        client.authenticate(USER, &fresh).await,
        "a OK AUTHENTICATE completed."
    );
    house.close().await;
}

#[tokio::test]
async fn a_mailbox_that_is_not_open_to_the_token_shows_it_late() {
    let house = House::open().await;
    let mut client = house.connect().await;
    let answer = client
        .authenticate(ADMIN_ONLY_MAILBOX, &house.token(None))
        .await;
    assert_eq!(answer, "a OK AUTHENTICATE completed.");
    assert_eq!(
        client.command("NAMESPACE").await,
        ["a BAD User is authenticated but not connected."]
    );
    assert_eq!(client.line().await, "* BYE Connection closed. 14");
    assert!(client.is_closed().await);
    house.close().await;
}

#[tokio::test]
async fn a_delegate_opens_a_shared_mailbox() {
    let house = House::open().await;
    for name in ["support@contoso.com", "ada.berg@contoso.com\\support"] {
        let mut client = house.connect().await;
        client.authenticate(name, &house.token(Some(USER))).await;
        let lines = client.command("SELECT INBOX").await;
        assert_eq!(
            lines.last().map(String::as_str),
            Some("a OK [READ-WRITE] SELECT completed.")
        );
    }
    house.close().await;
}

#[tokio::test]
async fn idle_tells_of_new_mail() {
    let house = House::open().await;
    let mut client = house.sign_in().await;
    client.command("SELECT INBOX").await;
    client.send("b IDLE").await;
    assert_eq!(
        client.line().await,
        "+ IDLE accepted, awaiting DONE command."
    );
    house.deliver("Subject: new\r\n\r\n");
    assert_eq!(client.line().await, "* 1 EXISTS");
    client.line().await;
    client.send("DONE").await;
    assert_eq!(client.line().await, "b OK IDLE completed.");
    house.close().await;
}

#[tokio::test]
async fn idle_is_dropped_on_order() {
    let house = House::open().await;
    let mut client = house.sign_in().await;
    client.command("SELECT INBOX").await;
    client.send("b IDLE").await;
    client.line().await;
    house.order(FaultKind::DropIdle);
    assert!(client.is_closed().await, "without a word");
    house.close().await;
}

#[tokio::test]
async fn a_token_that_is_declared_void_ends_its_session() {
    let house = House::open().await;
    let mut client = house.sign_in().await;
    let mut idle = house.sign_in().await;
    idle.send("b IDLE").await;
    idle.line().await;
    house.order(FaultKind::ExpireTokens);
    let bye = "* BYE Session invalidated - AccessTokenExpired";
    assert_eq!(idle.line().await, bye);
    assert_eq!(client.command("NOOP").await[0], bye);
    house.sign_in().await;
    house.close().await;
}

#[tokio::test]
async fn the_end_of_the_sandbox_is_told() {
    let house = House::open().await;
    let mut client = house.sign_in().await;
    house.close().await;
    assert_eq!(client.line().await, "* BYE Server Unavailable. 15");
    assert!(client.is_closed().await);
}

#[tokio::test]
async fn a_bumped_uidvalidity_ends_the_session() {
    let house = House::open().await;
    house.deliver("Subject: one\r\n\r\n");
    let mut client = house.sign_in().await;
    let before = client.command("SELECT INBOX").await;
    let validity = |lines: &[String]| lines.iter().find(|l| l.contains("UIDVALIDITY")).cloned();
    client.send("b IDLE").await;
    client.line().await;
    house.order(FaultKind::BumpUidvalidity);
    assert_eq!(client.line().await, "* BYE Connection closed. 14");
    let mut client = house.sign_in().await;
    let after = client.command("SELECT INBOX").await;
    assert_ne!(validity(&before), validity(&after));
    house.close().await;
}

#[tokio::test]
async fn faults_speak_as_exchange_does() {
    let house = House::open().await;
    house.deliver("Subject: one\r\nContent-Disposition: inline\r\n\r\nbody\r\n");
    let faults = house.sandbox.faults();
    let mut client = house.sign_in().await;
    client.command("SELECT INBOX").await;
    house.order(FaultKind::Throttle);
    let throttled = client.command("NOOP").await.remove(0);
    assert!(throttled.starts_with("a BAD Request is throttled. Suggested Backoff Time: "));
    faults.clear_all();
    house.order(FaultKind::WrongSizes);
    assert_ne!(
        client.command("FETCH 1 RFC822.SIZE").await[0],
        "* 1 FETCH (RFC822.SIZE 51)"
    );
    house.order(FaultKind::MalformedStructure);
    let structure = client.command("FETCH 1 BODYSTRUCTURE").await.remove(0);
    assert!(structure.contains("NIL \"inline\" NIL NIL)"), "{structure}");
    house.order(FaultKind::BareCopyuid);
    let moved = client.command("MOVE 1 Archive").await;
    assert!(moved[0].starts_with("[COPYUID "), "{moved:?}");
    assert_eq!(moved[1], "* 1 EXPUNGE");
    house.order(FaultKind::CloseSession);
    assert_eq!(
        client.command("NOOP").await[0],
        "* BYE Connection closed. 14"
    );
    faults.clear_all();
    house.order(FaultKind::ServerError);
    let mut client = house.sign_in().await;
    assert_eq!(
        client.command("NOOP").await[0],
        "a BAD Server Unavailable. 15"
    );
    assert_eq!(client.line().await, "* BYE Connection closed.");
    house.close().await;
}

#[tokio::test]
async fn a_mailbox_bears_sixteen_connections() {
    let house = House::open().await;
    let mut clients = Vec::new();
    for _ in 0..16 {
        clients.push(house.sign_in().await);
    }
    let mut one_more = house.sign_in().await;
    let refused = one_more.command("NAMESPACE").await.remove(0);
    assert_eq!(refused, "a BAD User is authenticated but not connected.");
    house.close().await;
}

/// Python's `imaplib` does what a script of a stranger does, against a mailbox of many messages.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_foreign_client_finds_its_way() {
    let house = House::open().await;
    for number in 0..1_000 {
        house.deliver(format!(
            "Subject: message {number}\r\nFrom: a@b.test\r\n\r\nbody {number}\r\n"
        ));
    }
    let output = tokio::process::Command::new("python3")
        .args(["-c", include_str!("tests/foreign_client.py")])
        .arg(house.sandbox.addresses().imap.port().to_string())
        .arg(house.sandbox.ca_file())
        .arg(USER)
        .env("ACCESS_TOKEN", house.token(None))
        .stdin(Stdio::null())
        .output()
        .await
        .expect("python3 is installed");
    let said = String::from_utf8_lossy(&output.stdout);
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{complained}");
    assert!(said.ends_with("all is well\n"), "{said}\n{complained}");
    house.close().await;
}
