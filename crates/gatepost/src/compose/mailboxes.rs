//! Openers of mailboxes: where a mailbox is, and whose token opens it.

use std::sync::Arc;

use gatepost_host::Clock;
use gatepost_mail::Opener;
use gatepost_mail::imap::{ImapOpener, ImapSettings, Quirks, Security, TimeLimits};
use gatepost_oauth::{HostPort, TokenKeeper};
use rustls::ClientConfig;

use crate::config::{MailboxSettings, ReadBy};

/// What an opener is made of besides the mailbox.
pub(super) struct Way<'a> {
    /// Where the mail servers of the cloud are.
    pub(super) imap: &'a HostPort,
    /// Whom to trust there.
    pub(super) tls: &'a Arc<ClientConfig>,
    /// Whose token opens it.
    pub(super) keeper: &'a TokenKeeper,
    /// The time.
    pub(super) clock: &'a Clock,
}

/// An opener of `mailbox`.
pub(super) fn opener(mailbox: &MailboxSettings, way: &Way<'_>) -> Arc<dyn Opener> {
    match mailbox.read {
        ReadBy::Imap => Arc::new(ImapOpener::new(ImapSettings {
            host: way.imap.host.clone(),
            port: way.imap.port,
            // Port 143 is where IMAP begins in clear and changes to TLS (RFC 9051 §11.1).
            security: if way.imap.port == 143 {
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
        })),
    }
}
