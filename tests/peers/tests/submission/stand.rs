//! A Postfix beside a Dovecot, and what arrives there.

use std::time::Duration;

use async_trait::async_trait;
use gatepost_host::Clock;
use gatepost_mail::contract::{Collected, Collector, Letter, SubmissionPoint, Told, envelope};
use gatepost_mail::imap::Security;
use gatepost_mail::{
    Changes, FolderName, Mailbox, Opener as _, Pull, Receipt, SubmitError, SubmitOpener, Woke,
};
use gatepost_peers::{Dovecot, IdentityEndpoint, Offer, Postfix, Sessions, Submissions};

pub(crate) type Failure = Box<dyn std::error::Error>;

pub(crate) const ADA: &str = "ada@contoso.com";
pub(crate) const BOB: &str = "bob@contoso.com";

/// An identity endpoint with a Postfix and a Dovecot that trust it.
pub(crate) struct Stand {
    pub(crate) postfix: Postfix,
    pub(crate) dovecot: Dovecot,
    pub(crate) identity: IdentityEndpoint,
}

impl Stand {
    pub(crate) fn offering(offer: Offer) -> Result<Self, Failure> {
        let identity = IdentityEndpoint::start()?;
        let dovecot = Dovecot::start_taking(&identity, "xoauth2 oauthbearer")?;
        Ok(Self {
            postfix: Postfix::start_offering(&identity, &dovecot, offer)?,
            dovecot,
            identity,
        })
    }

    pub(crate) fn opener(
        &self,
        token: &str,
        security: Security,
    ) -> Result<Box<dyn SubmitOpener>, Failure> {
        let submissions = Submissions {
            postfix: &self.postfix,
            identity: &self.identity,
        };
        Ok(Box::new(submissions.opener(ADA, token, security)?))
    }

    pub(crate) fn token(&self) -> Result<String, Failure> {
        Ok(self.identity.app_only_token(IdentityEndpoint::CLIENT_ID)?)
    }

    /// A session with the mailbox of Bob, by IMAP.
    pub(crate) async fn bob(&self) -> Result<Box<dyn Mailbox>, Failure> {
        let sessions = Sessions {
            dovecot: &self.dovecot,
            identity: &self.identity,
        };
        let opener = sessions.opener(BOB, &self.token()?, Security::ImplicitTls)?;
        Ok(opener.open().await?)
    }
}

/// Submits one message to these recipients.
pub(crate) async fn submit(
    opener: &dyn SubmitOpener,
    recipients: &[&str],
    letter: &mut Letter,
) -> Result<Receipt, SubmitError> {
    let mut session = opener.open().await?;
    let envelope = envelope(ADA, recipients);
    let mut told = Told::default();
    let outcome = session.submit(&envelope, letter, &mut told).await;
    session.close().await;
    outcome
}

/// Where Ada submits, and Bob gets it.
pub(crate) struct Point {
    pub(crate) stand: Stand,
    pub(crate) opener: Box<dyn SubmitOpener>,
}

#[async_trait]
impl SubmissionPoint for Point {
    fn opener(&self) -> &dyn SubmitOpener {
        self.opener.as_ref()
    }

    fn sender(&self) -> &str {
        ADA
    }

    fn recipient(&self) -> &str {
        BOB
    }

    async fn arrived(&mut self, count: usize) -> Vec<Vec<u8>> {
        let mailbox = self.stand.bob().await;
        let read = read(mailbox.expect("he is let in").as_mut(), count).await;
        let messages = read.unwrap_or_else(|error| panic!("{error}: {}", self.stand.postfix.log()));
        messages
            .iter()
            .map(|message| without_trace(message))
            .collect()
    }
}

/// Every message of the inbox by IMAP, once there are `count`.
async fn read(mailbox: &mut dyn Mailbox, count: usize) -> Result<Vec<Vec<u8>>, Failure> {
    let inbox = FolderName::inbox();
    loop {
        let pull = Pull {
            since: None,
            limit: 1_000,
            octets: u64::MAX,
            news_from: None,
        };
        let Changes::Since { arrivals, .. } = mailbox.changes(&inbox, pull).await? else {
            return Err("the server forgot nothing".into());
        };
        if arrivals.len() >= count {
            let keys: Vec<_> = arrivals.into_iter().map(|arrival| arrival.key).collect();
            let mut collector = Collector::default();
            mailbox.fetch(&inbox, &keys, &mut collector).await?;
            let messages = collector.collected.into_iter().filter_map(octets);
            return Ok(messages.collect());
        }
        if mailbox.wait(Clock::system().now() + LONG).await? == Woke::TimeOver {
            return Err(format!("{} of {count} messages came", arrivals.len()).into());
        }
    }
}

fn octets(collected: Collected) -> Option<Vec<u8>> {
    match collected {
        Collected::Message(_, octets) => Some(octets),
        Collected::Gone(_) => None,
    }
}

/// The message without the fields that servers put on top of it.
fn without_trace(message: &[u8]) -> Vec<u8> {
    let mut rest = message;
    loop {
        let names = [&b"Return-Path:"[..], b"Delivered-To:", b"Received:"];
        if !names.iter().any(|name| rest.starts_with(name)) {
            return rest.to_vec();
        }
        // With the lines that go on with it (RFC 5322 §2.2.3).
        loop {
            let end = rest.iter().position(|octet| *octet == b'\n');
            rest = &rest[end.map_or(rest.len(), |end| end + 1)..];
            if !matches!(rest.first(), Some(b' ' | b'\t')) {
                break;
            }
        }
    }
}

/// Far away: a test that waits for it has failed.
const LONG: Duration = Duration::from_mins(1);
