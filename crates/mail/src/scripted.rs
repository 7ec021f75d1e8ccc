//! What tests against scripted servers share: a server says what is written down, and checks
//! what it is asked.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use gatepost_host::Clock;
use gatepost_oauth::{AccessToken, Audience, TokenError, TokenSource};
use jiff::Timestamp;
use rustls::{ClientConfig, RootCertStore};
use secrecy::SecretString;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};

use crate::connection::TimeLimits;
use crate::{Intake, IntakeError, MessageKey};

/// The scripted servers speak in the clear, so nobody has to be trusted.
pub(crate) fn trusting_nobody() -> Arc<ClientConfig> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider knows TLS 1.2 and 1.3")
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    Arc::new(config)
}

/// Follows `script`: `S: ` it says, `C: ` it is asked, `.. 5` it waits for so many seconds, `!`
/// it hangs up. At the end it falls silent.
pub(crate) async fn follow(script: &str, mut far: DuplexStream, clock: Clock) {
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
pub(crate) struct Told(Arc<Mutex<Vec<String>>>);

impl Told {
    pub(crate) fn all(&self) -> Vec<String> {
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
        self.note(match size {
            Some(size) => format!("{key} ({size}) "),
            None => format!("{key} "),
        });
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

pub(crate) fn start() -> Timestamp {
    "2026-11-22T05:00:00Z".parse().expect("a literal timestamp")
}

pub(crate) fn token() -> AccessToken {
    AccessToken::new(
        SecretString::from("secret"),
        Audience::Exchange,
        Timestamp::MAX,
    )
}

#[derive(Debug)]
pub(crate) struct NoTokens;

#[async_trait]
impl TokenSource for NoTokens {
    async fn token(&self, _: Audience) -> Result<AccessToken, TokenError> {
        Ok(token())
    }

    fn refused(&self, _: &AccessToken) {}
}

pub(crate) const LIMITS: TimeLimits = TimeLimits {
    connect: Duration::from_secs(10),
    tls: Duration::from_secs(10),
    login: Duration::from_secs(30),
    reply: Duration::from_mins(1),
    command: Duration::from_mins(10),
    probe: Duration::from_mins(5),
};
