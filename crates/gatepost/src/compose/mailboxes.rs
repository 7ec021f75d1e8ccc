//! Openers of mailboxes: where a mailbox is read, where it sends, and whose token opens it.

use std::sync::Arc;
use std::time::Duration;

use gatepost_host::{Chance, Clock};
use gatepost_mail::graph::{GraphOpener, GraphSettings, GraphSubmitter};
use gatepost_mail::imap::{ImapOpener, ImapSettings, Quirks, Security, TimeLimits};
use gatepost_mail::passage::Destination;
use gatepost_mail::pop3::{Pop3Opener, Pop3Settings};
use gatepost_mail::smtp::{SmtpOpener, SmtpSettings, SmtpTimeLimits};
use gatepost_mail::{AutoOpener, AutoSubmitOpener, Opener, SubmitOpener, Transport};
use gatepost_oauth::{HostPort, TokenKeeper};

use super::reach::Reach;
use crate::config::{HostError, MailboxSettings, ReadBy, RegistrationSettings, SendBy};
use crate::failure::Failure;

/// What an opener is made of besides the mailbox.
pub(super) struct Way<'a> {
    /// With which app, and in which cloud.
    pub(super) registration: &'a RegistrationSettings,
    /// How its servers are reached.
    pub(super) reach: &'a Reach,
    /// Whose token opens it.
    pub(super) keeper: &'a TokenKeeper,
    /// The time.
    pub(super) clock: &'a Clock,
    /// The dice.
    pub(super) chance: &'a Chance,
}

/// An opener of `mailbox`.
pub(super) fn opener(mailbox: &MailboxSettings, way: &Way<'_>) -> Result<Arc<dyn Opener>, Failure> {
    let cloud = &way.registration.cloud;
    let mut openers = Vec::new();
    for by in mailbox.read.ways() {
        openers.extend(opener_by(*by, mailbox, way)?);
    }
    match (openers.len(), mailbox.read) {
        (0, _) => Err(HostError {
            cloud: cloud.name.clone(),
            missing: format!("{} is read", mailbox.address),
            key: mailbox.read.host_key(),
        }
        .into()),
        (_, ReadBy::Auto) => Ok(Arc::new(AutoOpener::new(mailbox.address.clone(), openers))),
        _ => Ok(openers.swap_remove(0).1),
    }
}

/// A transport, and what opens a mailbox by it.
type OpenerBy = (&'static Transport, Arc<dyn Opener>);

/// The same by one way; nothing if the cloud does not say where that is.
fn opener_by(
    by: ReadBy,
    mailbox: &MailboxSettings,
    way: &Way<'_>,
) -> Result<Option<OpenerBy>, Failure> {
    let cloud = &way.registration.cloud;
    let opener: Arc<dyn Opener> = match (by, &cloud.imap, &cloud.pop3, &cloud.graph) {
        (ReadBy::Imap, Some(server), ..) => Arc::new(ImapOpener::new(imap(mailbox, server, way)?)),
        (ReadBy::Pop3, _, Some(server), _) => {
            Arc::new(Pop3Opener::new(pop3(mailbox, server, way)?))
        }
        (ReadBy::Graph, _, _, Some(_)) => Arc::new(GraphOpener::new(graph(mailbox, way)?)),
        _ => return Ok(None),
    };
    let transport = Transport::named(by.name());
    Ok(transport.map(|transport| (transport, opener)))
}

/// What submits messages for `mailbox`, by its own way to send.
pub(super) fn submitter(
    mailbox: &MailboxSettings,
    by: SendBy,
    way: &Way<'_>,
) -> Result<Arc<dyn SubmitOpener>, Failure> {
    let cloud = &way.registration.cloud;
    let mut submitters = Vec::new();
    for by in by.ways() {
        submitters.extend(submitter_by(*by, mailbox, way)?);
    }
    match (submitters.len(), by) {
        (0, _) => Err(HostError {
            cloud: cloud.name.clone(),
            missing: format!("{} sends", mailbox.address),
            key: by.host_key(),
        }
        .into()),
        (_, SendBy::Auto) => Ok(Arc::new(AutoSubmitOpener::new(
            mailbox.address.clone(),
            submitters,
        ))),
        _ => Ok(submitters.swap_remove(0).1),
    }
}

/// A transport, and what submits messages by it.
type SubmitterBy = (&'static Transport, Arc<dyn SubmitOpener>);

/// The same by one way; nothing if the cloud does not say where that is.
fn submitter_by(
    by: SendBy,
    mailbox: &MailboxSettings,
    way: &Way<'_>,
) -> Result<Option<SubmitterBy>, Failure> {
    let cloud = &way.registration.cloud;
    let submitter: Arc<dyn SubmitOpener> = match (by, &cloud.smtp, &cloud.graph) {
        (SendBy::Smtp, Some(server), _) => Arc::new(SmtpOpener::new(smtp(mailbox, server, way)?)),
        (SendBy::Graph, _, Some(_)) => Arc::new(GraphSubmitter::new(graph(mailbox, way)?)),
        _ => return Ok(None),
    };
    let transport = Transport::named(by.name());
    Ok(transport.map(|transport| (transport, submitter)))
}

/// How Microsoft Graph is asked for `mailbox`.
pub(super) fn graph(mailbox: &MailboxSettings, way: &Way<'_>) -> Result<GraphSettings, Failure> {
    let app = format!("{}/{}", way.registration.tenant, way.registration.client_id);
    Ok(GraphSettings {
        base: way.registration.graph()?.clone(),
        http: way.reach.graph_client()?,
        mailbox: mailbox.address.clone(),
        tokens: Arc::new(way.keeper.clone()),
        clock: way.clock.clone(),
        chance: way.chance.clone(),
        governor: way.reach.governor(&app, &mailbox.address),
        poll_every: GraphSettings::POLL_EVERY,
        reply: GraphSettings::REPLY,
        largest_message: GraphSettings::LARGEST_MESSAGE,
        largest_mime: GraphSettings::LARGEST_MIME,
    })
}

/// Where somebody else goes on with `mailbox`; the error says what is missing, in words.
pub(super) fn destination(
    mailbox: &MailboxSettings,
    protocol: gatepost_gateway::Protocol,
    way: &Way<'_>,
) -> Result<Destination, String> {
    use gatepost_gateway::Protocol;
    let cloud = &way.registration.cloud;
    let destination = match (protocol, &cloud.imap, &cloud.pop3, &cloud.smtp) {
        (Protocol::Imap, Some(server), ..) => imap(mailbox, server, way).map(|settings| {
            Destination::Imap(ImapSettings {
                limits: IN_PASSING,
                ..settings
            })
        }),
        (Protocol::Pop3, _, Some(server), _) => pop3(mailbox, server, way).map(|settings| {
            Destination::Pop3(Pop3Settings {
                limits: IN_PASSING,
                ..settings
            })
        }),
        (Protocol::Smtp, .., Some(server)) => smtp(mailbox, server, way).map(|settings| {
            Destination::Smtp(SmtpSettings {
                limits: SmtpTimeLimits {
                    connect: IN_PASSING.connect,
                    tls: IN_PASSING.tls,
                    command: IN_PASSING.reply,
                    ..settings.limits
                },
                ..settings
            })
        }),
        _ => {
            return Err(format!(
                "the cloud {} does not say where; set {protocol} in [cloud.{}]",
                cloud.name, cloud.name
            ));
        }
    };
    destination.map_err(|failure| failure.to_string())
}

fn imap(
    mailbox: &MailboxSettings,
    server: &HostPort,
    way: &Way<'_>,
) -> Result<ImapSettings, Failure> {
    Ok(ImapSettings {
        host: server.host.clone(),
        port: server.port,
        // Port 143 is where IMAP begins in clear and changes to TLS (RFC 9051 §11.1).
        security: security(server, &[143]),
        tls: way.reach.tls()?,
        addresses: way.reach.addresses(),
        mailbox: mailbox.address.clone(),
        tokens: Arc::new(way.keeper.clone()),
        clock: way.clock.clone(),
        quirks: Quirks::exchange_online(),
        limits: TimeLimits::default(),
        largest_message: ImapSettings::LARGEST_MESSAGE,
    })
}

fn pop3(
    mailbox: &MailboxSettings,
    server: &HostPort,
    way: &Way<'_>,
) -> Result<Pop3Settings, Failure> {
    Ok(Pop3Settings {
        host: server.host.clone(),
        port: server.port,
        // Port 110 is where POP3 begins in clear and changes to TLS (RFC 2595 §4).
        security: security(server, &[110]),
        tls: way.reach.tls()?,
        addresses: way.reach.addresses(),
        mailbox: mailbox.address.clone(),
        tokens: Arc::new(way.keeper.clone()),
        clock: way.clock.clone(),
        poll_every: Pop3Settings::POLL_EVERY,
        limits: TimeLimits::default(),
        largest_message: Pop3Settings::LARGEST_MESSAGE,
    })
}

fn smtp(
    mailbox: &MailboxSettings,
    server: &HostPort,
    way: &Way<'_>,
) -> Result<SmtpSettings, Failure> {
    // A shared mailbox has no sign-in of its own: the person whose token it is signs in.
    let person = mailbox.grant.person();
    Ok(SmtpSettings {
        host: server.host.clone(),
        port: server.port,
        // Submission begins in clear and changes to TLS on 587 (RFC 8314 §3.3), and on 25.
        security: security(server, &[587, 25]),
        tls: way.reach.tls()?,
        addresses: way.reach.addresses(),
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

/// Where a client waits that gives up after a minute, and then nobody hears why.
const IN_PASSING: TimeLimits = TimeLimits {
    connect: Duration::from_secs(10),
    tls: Duration::from_secs(10),
    login: Duration::from_secs(20),
    reply: Duration::from_secs(15),
    command: Duration::from_mins(1),
    probe: Duration::from_mins(5),
};
