//! A server that says what is written down, and checks what it is asked.

use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use gatepost_host::Clock;
use gatepost_oauth::{AccessToken, Audience, TokenError, TokenSource};
use jiff::Timestamp;
use rustls::{ClientConfig, RootCertStore};
use secrecy::SecretString;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};

use super::super::link::Link;
use super::super::names::Delimiter;
use super::super::session::Session;
use super::super::stream::Stream;
use super::super::{ImapSettings, Quirks, Security, TimeLimits};
use crate::{FolderName, Intake, IntakeError, MessageKey};

/// Runs `client` against a server that follows `script`: `S: ` it says, `C: ` it is asked,
/// `.. 5` it waits for so many seconds, `!` it hangs up. At the end it falls silent.
pub(super) async fn against<F: Future>(
    script: &str,
    client: impl FnOnce(Session, Clock) -> F,
) -> F::Output {
    against_limited(script, LIMITS, client).await
}

pub(super) async fn against_limited<F: Future>(
    script: &str,
    limits: TimeLimits,
    client: impl FnOnce(Session, Clock) -> F,
) -> F::Output {
    against_through(script, (limits, 64 * 1024), client).await
}

/// The same where only so many octets can be on their way at once.
pub(super) async fn against_through<F: Future>(
    script: &str,
    (limits, width): (TimeLimits, usize),
    client: impl FnOnce(Session, Clock) -> F,
) -> F::Output {
    let (mut link, clock, far) = link(limits, width);
    let conversation = async {
        link.event("the greeting")
            .await
            .expect("every script greets");
        client(
            Session::new(link, Delimiter(Some('/')), LARGEST),
            clock.clone(),
        )
        .await
    };
    tokio::select! {
        biased;
        () = follow(script, far, clock.clone()) => unreachable!("the server never ends by itself"),
        output = conversation => output,
    }
}

/// The same for a connection that has not even been greeted.
pub(super) async fn against_raw<F: Future>(
    script: &str,
    client: impl FnOnce(Link) -> F,
) -> F::Output {
    let (link, clock, far) = link(LIMITS, 64 * 1024);
    tokio::select! {
        biased;
        () = follow(script, far, clock) => unreachable!("the server never ends by itself"),
        output = client(link) => output,
    }
}

fn link(limits: TimeLimits, width: usize) -> (Link, Clock, DuplexStream) {
    let (near, far) = tokio::io::duplex(width);
    let clock = Clock::starting_at(start());
    let settings = ImapSettings {
        host: "imap.example".to_owned(),
        port: 993,
        security: Security::ImplicitTls,
        tls: trusting_nobody(),
        mailbox: "ada@contoso.com".to_owned(),
        tokens: Arc::new(NoTokens),
        clock: clock.clone(),
        quirks: Quirks::default(),
        limits,
        largest_message: LARGEST,
    };
    (Link::new(Stream::Memory(near), &settings), clock, far)
}

/// The scripted servers speak in the clear, so nobody has to be trusted.
fn trusting_nobody() -> Arc<ClientConfig> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider knows TLS 1.2 and 1.3")
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    Arc::new(config)
}

async fn follow(script: &str, mut far: DuplexStream, clock: Clock) {
    for line in script
        .lines()
        .map(str::trim_start)
        .filter(|line| !line.is_empty())
    {
        let (mark, rest) = (
            line.split(' ').next().unwrap_or(line),
            line.get(3..).unwrap_or(""),
        );
        match mark {
            "S:" => {
                far.write_all(format!("{rest}\r\n").as_bytes())
                    .await
                    .expect("the client listens");
            }
            "C:" => assert_eq!(read_line(&mut far).await, rest, "the client asks"),
            ".." => {
                clock
                    .sleep(Duration::from_secs(rest.parse().expect("seconds")))
                    .await;
            }
            "!" => {
                drop(far);
                return std::future::pending().await;
            }
            _ => panic!("a script has no line {line:?}"),
        }
    }
    std::future::pending::<()>().await;
}

async fn read_line(far: &mut DuplexStream) -> String {
    let mut line = Vec::new();
    while !line.ends_with(b"\r\n") {
        line.push(far.read_u8().await.expect("the client goes on"));
    }
    String::from_utf8_lossy(&line).trim_end().to_owned()
}

/// What an [`Intake`] was told, one entry for each message.
#[derive(Debug, Default, Clone)]
pub(super) struct Told(Arc<Mutex<Vec<String>>>);

impl Told {
    pub(super) fn all(&self) -> Vec<String> {
        self.0.lock().expect("nobody panicked").clone()
    }

    fn note(&self, what: String) {
        self.0.lock().expect("nobody panicked").push(what);
    }

    fn add(&self, octets: &[u8]) {
        let mut told = self.0.lock().expect("nobody panicked");
        let last = told.last_mut().expect("a message has begun");
        last.push_str(&String::from_utf8_lossy(octets));
    }
}

#[async_trait]
impl Intake for Told {
    async fn begin(&mut self, key: &MessageKey, size: Option<u64>) -> Result<(), IntakeError> {
        self.note(format!("{key} ({}) ", size.expect("a size")));
        Ok(())
    }

    async fn chunk(&mut self, octets: &[u8]) -> Result<(), IntakeError> {
        self.add(octets);
        Ok(())
    }

    async fn end(&mut self) -> Result<(), IntakeError> {
        self.add(b".");
        Ok(())
    }

    async fn gone(&mut self, key: &MessageKey) -> Result<(), IntakeError> {
        self.note(format!("{key} gone"));
        Ok(())
    }
}

pub(super) fn keys(uids: &[u32]) -> Vec<MessageKey> {
    uids.iter()
        .map(|uid| MessageKey::Imap {
            uidvalidity: 9,
            uid: *uid,
        })
        .collect()
}

pub(super) fn inbox() -> FolderName {
    FolderName::inbox()
}

pub(super) fn start() -> Timestamp {
    "2026-11-22T05:00:00Z".parse().expect("a literal timestamp")
}

pub(super) fn token() -> AccessToken {
    AccessToken::new(
        SecretString::from("secret"),
        Audience::Exchange,
        Timestamp::MAX,
    )
}

#[derive(Debug)]
struct NoTokens;

#[async_trait]
impl TokenSource for NoTokens {
    async fn token(&self, _: Audience) -> Result<AccessToken, TokenError> {
        Ok(token())
    }

    fn refused(&self, _: &AccessToken) {}
}

pub(super) const LIMITS: TimeLimits = TimeLimits {
    connect: Duration::from_secs(10),
    tls: Duration::from_secs(10),
    login: Duration::from_secs(30),
    reply: Duration::from_mins(1),
    command: Duration::from_mins(10),
    probe: Duration::from_mins(5),
};

pub(super) const LARGEST: u64 = 1000;
