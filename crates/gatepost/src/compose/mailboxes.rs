//! Openers of mailboxes: where a mailbox is, and whose token opens it.

use std::sync::Arc;

use gatepost_host::Clock;
use gatepost_mail::Opener;
use gatepost_mail::imap::{ImapOpener, ImapSettings, Quirks, Security, TimeLimits};
use gatepost_mail::pop3::{Pop3Opener, Pop3Settings};
use gatepost_oauth::{Cloud, HostPort, TokenKeeper};
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
    let Some(server) = mailbox.read.host(way.cloud) else {
        return Err(HostError {
            cloud: way.cloud.name.clone(),
            missing: format!("{} is read", mailbox.address),
            key: mailbox.read.host_key(),
        });
    };
    Ok(match mailbox.read {
        ReadBy::Imap => Arc::new(imap(mailbox, server, way)),
        ReadBy::Pop3 => Arc::new(pop3(mailbox, server, way)),
    })
}

fn imap(mailbox: &MailboxSettings, server: &HostPort, way: &Way<'_>) -> ImapOpener {
    ImapOpener::new(ImapSettings {
        host: server.host.clone(),
        port: server.port,
        // Port 143 is where IMAP begins in clear and changes to TLS (RFC 9051 §11.1).
        security: security(server, 143),
        tls: Arc::clone(way.tls),
        mailbox: mailbox.address.clone(),
        tokens: Arc::new(way.keeper.clone()),
        clock: way.clock.clone(),
        quirks: Quirks::exchange_online(),
        limits: TimeLimits::default(),
        largest_message: ImapSettings::LARGEST_MESSAGE,
    })
}

fn pop3(mailbox: &MailboxSettings, server: &HostPort, way: &Way<'_>) -> Pop3Opener {
    Pop3Opener::new(Pop3Settings {
        host: server.host.clone(),
        port: server.port,
        // Port 110 is where POP3 begins in clear and changes to TLS (RFC 2595 §4).
        security: security(server, 110),
        tls: Arc::clone(way.tls),
        mailbox: mailbox.address.clone(),
        tokens: Arc::new(way.keeper.clone()),
        clock: way.clock.clone(),
        poll_every: Pop3Settings::POLL_EVERY,
        limits: TimeLimits::default(),
        largest_message: Pop3Settings::LARGEST_MESSAGE,
    })
}

fn security(server: &HostPort, begins_in_clear: u16) -> Security {
    if server.port == begins_in_clear {
        Security::StartTls
    } else {
        Security::ImplicitTls
    }
}
