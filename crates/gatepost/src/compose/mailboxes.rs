//! Openers of mailboxes: where a mailbox is, and whose token opens it.

use std::sync::Arc;

use gatepost_host::Clock;
use gatepost_mail::Opener;
use gatepost_mail::imap::{ImapOpener, ImapSettings, Quirks, Security, TimeLimits};
use gatepost_oauth::{Cloud, TokenKeeper};
use rustls::ClientConfig;

use crate::config::{HostError, MailboxSettings, ReadBy};

/// What an opener is made of besides the mailbox.
pub(super) struct Way<'a> {
    /// Where the mail servers are.
    pub(super) cloud: &'a Cloud,
    /// Whom to trust there.
    pub(super) tls: &'a Arc<ClientConfig>,
    /// Whose token opens it.
    pub(super) keeper: &'a TokenKeeper,
    /// The time.
    pub(super) clock: &'a Clock,
}

/// An opener of `mailbox`.
pub(super) fn opener(
    mailbox: &MailboxSettings,
    way: &Way<'_>,
) -> Result<Arc<dyn Opener>, HostError> {
    match mailbox.read {
        ReadBy::Imap => imap(mailbox, way),
    }
}

fn imap(mailbox: &MailboxSettings, way: &Way<'_>) -> Result<Arc<dyn Opener>, HostError> {
    let Some(imap) = &way.cloud.imap else {
        return Err(HostError {
            cloud: way.cloud.name.clone(),
            missing: format!("{} is read", mailbox.address),
            key: "imap = \"HOST:PORT\"",
        });
    };
    Ok(Arc::new(ImapOpener::new(ImapSettings {
        host: imap.host.clone(),
        port: imap.port,
        // Port 143 is where IMAP begins in clear and changes to TLS (RFC 9051 §11.1).
        security: if imap.port == 143 {
            Security::StartTls
        } else {
            Security::ImplicitTls
        },
        tls: Arc::clone(way.tls),
        mailbox: mailbox.address.clone(),
        tokens: Arc::new(way.keeper.clone()),
        clock: way.clock.clone(),
        quirks: Quirks::exchange_online(),
        limits: TimeLimits::default(),
        largest_message: ImapSettings::LARGEST_MESSAGE,
    })))
}
