//! A Dovecot, and sessions with it.

use std::io::Write;
use std::time::Duration;

use async_trait::async_trait;
use aws_lc_rs::digest::{Context, SHA256};
use gatepost_host::Clock;
use gatepost_mail::imap::{ImapOpener, Security};
use gatepost_mail::{
    Changes, Cursor, FolderName, Intake, IntakeError, MailError, Mailbox, MessageKey, Opener, Pull,
    Query, Woke,
};
use gatepost_peers::{Dovecot, IdentityEndpoint, Sessions};

pub(crate) type Failure = Box<dyn std::error::Error>;

/// The person most tests are about.
pub(crate) const ADA: &str = "ada@contoso.com";

/// Far away: a test that waits for it has failed.
pub(crate) const LONG: Duration = Duration::from_mins(3);

/// An identity endpoint with a Dovecot that trusts it.
#[derive(Debug)]
pub(crate) struct Stand {
    pub(crate) dovecot: Dovecot,
    pub(crate) identity: IdentityEndpoint,
}

impl Stand {
    pub(crate) fn new() -> Result<Self, Failure> {
        let identity = IdentityEndpoint::start()?;
        Ok(Self {
            dovecot: Dovecot::start(&identity)?,
            identity,
        })
    }

    /// A signed-in session with a mailbox, by a token that opens every mailbox.
    pub(crate) async fn open(&self, mailbox: &str) -> Result<Box<dyn Mailbox>, Failure> {
        let token = self.identity.app_only_token(IdentityEndpoint::CLIENT_ID)?;
        Ok(self
            .opener(mailbox, &token, Security::ImplicitTls)?
            .open()
            .await?)
    }

    pub(crate) fn opener(
        &self,
        mailbox: &str,
        token: &str,
        security: Security,
    ) -> Result<ImapOpener, Failure> {
        let sessions = Sessions {
            dovecot: &self.dovecot,
            identity: &self.identity,
        };
        Ok(sessions.opener(mailbox, token, security)?)
    }
}

/// What was fetched, message by message.
#[derive(Debug, Default)]
pub(crate) struct Fetched {
    pub(crate) messages: Vec<Vec<u8>>,
    pub(crate) gone: Vec<MessageKey>,
}

#[async_trait]
impl Intake for Fetched {
    async fn begin(&mut self, _: &MessageKey, _: Option<u64>) -> Result<(), IntakeError> {
        self.messages.push(Vec::new());
        Ok(())
    }

    async fn chunk(&mut self, octets: &[u8]) -> Result<(), IntakeError> {
        let message = self
            .messages
            .last_mut()
            .ok_or_else(|| IntakeError("no message".into()))?;
        Ok(message
            .write_all(octets)
            .map_err(|error| IntakeError(error.into()))?)
    }

    async fn end(&mut self) -> Result<(), IntakeError> {
        Ok(())
    }

    async fn gone(&mut self, key: &MessageKey) -> Result<(), IntakeError> {
        self.gone.push(key.clone());
        Ok(())
    }
}

/// The length and the digest of one message, however large: nothing of it is kept.
pub(crate) struct Digested {
    context: Context,
    pub(crate) octets: u64,
    pub(crate) largest_chunk: usize,
}

impl Digested {
    pub(crate) fn new() -> Self {
        Self {
            context: Context::new(&SHA256),
            octets: 0,
            largest_chunk: 0,
        }
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        self.context.finish().as_ref().to_vec()
    }
}

#[async_trait]
impl Intake for Digested {
    async fn begin(&mut self, _: &MessageKey, _: Option<u64>) -> Result<(), IntakeError> {
        Ok(())
    }

    async fn chunk(&mut self, octets: &[u8]) -> Result<(), IntakeError> {
        self.context.update(octets);
        self.octets += octets.len() as u64;
        self.largest_chunk = self.largest_chunk.max(octets.len());
        Ok(())
    }

    async fn end(&mut self) -> Result<(), IntakeError> {
        Ok(())
    }

    async fn gone(&mut self, key: &MessageKey) -> Result<(), IntakeError> {
        Err(IntakeError(format!("{key} is gone").into()))
    }
}

/// Everything, newest first.
pub(crate) fn everything() -> Query {
    Query::newest(1_000)
}

/// The keys of what is new since a cursor, and the next one, once there are `expected` of them.
/// A server shows new mail when it likes; the wait between two looks ends when it does.
pub(crate) async fn arrivals(
    mailbox: &mut dyn Mailbox,
    folder: &FolderName,
    since: Option<&Cursor>,
    expected: usize,
) -> Result<(Vec<MessageKey>, Cursor), Failure> {
    let (mut keys, mut cursor) = look(mailbox, folder, since).await?;
    while keys.len() < expected {
        if mailbox.wait(Clock::system().now() + LONG).await? == Woke::TimeOver {
            return Err(format!("{} of {expected} messages came", keys.len()).into());
        }
        let (more, next) = look(mailbox, folder, Some(&cursor)).await?;
        keys.extend(more);
        cursor = next;
    }
    assert_eq!(keys.len(), expected);
    Ok((keys, cursor))
}

/// One look. Being forgotten is a failure here.
async fn look(
    mailbox: &mut dyn Mailbox,
    folder: &FolderName,
    since: Option<&Cursor>,
) -> Result<(Vec<MessageKey>, Cursor), Failure> {
    match mailbox
        .changes(
            folder,
            Pull {
                since,
                limit: 10_000,
                octets: u64::MAX,
                news_from: None,
            },
        )
        .await?
    {
        Changes::Since { arrivals, next, .. } => Ok((
            arrivals.into_iter().map(|arrival| arrival.key).collect(),
            next,
        )),
        Changes::Lost(_) => Err("the server forgot the cursor".into()),
    }
}

/// A short message with a subject.
pub(crate) fn message(subject: &str) -> Vec<u8> {
    format!(
        "From: Grace <grace@example.com>\r\nSubject: {subject}\r\n\
         Message-ID: <{subject}@example.com>\r\n\r\n{subject}\r\n"
    )
    .into_bytes()
}

/// Whether an error ends the session.
pub(crate) fn is_disconnected<T>(result: &Result<T, MailError>) -> bool {
    result.as_ref().is_err_and(MailError::is_disconnected)
}
