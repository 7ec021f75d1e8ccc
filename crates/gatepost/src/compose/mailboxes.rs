//! Openers of mailboxes: where a mailbox is read, where it sends, and whose token opens it.

use std::sync::Arc;

use gatepost_host::Clock;
use gatepost_mail::imap::{ImapOpener, ImapSettings, Quirks, Security, TimeLimits};
use gatepost_mail::pop3::{Pop3Opener, Pop3Settings};
use gatepost_mail::smtp::{SmtpOpener, SmtpSettings, SmtpTimeLimits};
use gatepost_mail::{Opener, SubmitOpener};
use gatepost_oauth::{Cloud, HostPort, TokenKeeper};
use rustls::ClientConfig;

use crate::config::{HostError, MailboxSettings, ReadBy, SendBy};

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

/// What submits messages for `mailbox`, by its own way to send.
pub(super) fn submitter(
    mailbox: &MailboxSettings,
    by: SendBy,
    way: &Way<'_>,
) -> Result<Arc<dyn SubmitOpener>, HostError> {
    let Some(server) = by.host(way.cloud) else {
        return Err(HostError {
            cloud: way.cloud.name.clone(),
            missing: format!("{} sends", mailbox.address),
            key: by.host_key(),
        });
    };
    Ok(match by {
        SendBy::Smtp => Arc::new(smtp(mailbox, server, way)),
    })
}

fn imap(mailbox: &MailboxSettings, server: &HostPort, way: &Way<'_>) -> ImapOpener {
    ImapOpener::new(ImapSettings {
        host: server.host.clone(),
        port: server.port,
        // Port 143 is where IMAP begins in clear and changes to TLS (RFC 9051 §11.1).
        security: security(server, &[143]),
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
        security: security(server, &[110]),
        tls: Arc::clone(way.tls),
        mailbox: mailbox.address.clone(),
        tokens: Arc::new(way.keeper.clone()),
        clock: way.clock.clone(),
        poll_every: Pop3Settings::POLL_EVERY,
        limits: TimeLimits::default(),
        largest_message: Pop3Settings::LARGEST_MESSAGE,
    })
}

fn smtp(mailbox: &MailboxSettings, server: &HostPort, way: &Way<'_>) -> SmtpOpener {
    // A shared mailbox has no sign-in of its own: the person whose token it is signs in.
    let person = mailbox.grant.person();
    SmtpOpener::new(SmtpSettings {
        host: server.host.clone(),
        port: server.port,
        // Submission begins in clear and changes to TLS on 587 (RFC 8314 §3.3), and on 25.
        security: security(server, &[587, 25]),
        tls: Arc::clone(way.tls),
        mailbox: mailbox.address.clone(),
        sign_in_as: person.unwrap_or(&mailbox.address).to_owned(),
        tokens: Arc::new(way.keeper.clone()),
        clock: way.clock.clone(),
        limits: SmtpTimeLimits::default(),
    })
}

fn security(server: &HostPort, begin_in_clear: &[u16]) -> Security {
    if begin_in_clear.contains(&server.port) {
        Security::StartTls
    } else {
        Security::ImplicitTls
    }
}
