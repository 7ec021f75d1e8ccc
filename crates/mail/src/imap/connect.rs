//! From a host name to a protected connection with a greeting.

use gatepost_host::Elapsed;
use gatepost_wire::imap::client::{Capability, Client, Command, Event, Outcome, StatusKind};
use tokio::net::TcpStream;

use super::Security;
use super::link::Link;
use super::settings::ImapSettings;
use super::verdict;
use crate::MailError;
use crate::connection::stream::Stream;
use crate::connection::{protect, reach, silent};

/// Connects, protects the connection, and reads the greeting.
pub(crate) async fn connect(settings: &ImapSettings) -> Result<Link, MailError> {
    let site = settings.site();
    let tcp = reach(&site).await?;
    match settings.security {
        Security::ImplicitTls => {
            let stream = protect(tcp, &site).await?;
            let mut link = Link::new(stream, settings);
            greet(&mut link).await?;
            Ok(link)
        }
        Security::StartTls => {
            let limit = settings.limits.login;
            let (tcp, client) = settings
                .clock
                .within(limit, ask_for_tls(tcp, settings))
                .await
                .map_err(|Elapsed| silent(&site, "STARTTLS", limit))??;
            let stream = protect(tcp, &site).await?;
            let mut link = Link::resumed(stream, client, settings);
            link.client
                .tls_started()
                .map_err(|violation| link.garbled(&violation.to_string()))?;
            Ok(link)
        }
    }
}

/// Octets behind the answer to STARTTLS end the connection: the machine sees to that.
async fn ask_for_tls(
    tcp: TcpStream,
    settings: &ImapSettings,
) -> Result<(TcpStream, Client), MailError> {
    let mut link = Link::new(Stream::Plain(tcp), settings);
    greet(&mut link).await?;
    if !link.client.capabilities().has(Capability::StartTls) {
        link.run(&Command::Capability, |_| {}).await?;
    }
    let missing = || MailError::NoStartTls {
        host: settings.host.clone(),
        port: settings.port,
        command: "STARTTLS",
        instead: 993,
    };
    if !link.client.capabilities().has(Capability::StartTls) {
        return Err(missing());
    }
    let ticket = link.client.start_tls().map_err(|_| missing())?;
    let reply = link.answer_to(ticket, |_| {}).await?;
    if reply.outcome != Outcome::Ok {
        return Err(missing());
    }
    match link.into_parts() {
        (Stream::Plain(tcp), client) => Ok((tcp, client)),
        _ => Err(missing()),
    }
}

async fn greet(link: &mut Link) -> Result<(), MailError> {
    loop {
        if let Event::Greeting(greeting) = link.event("the greeting").await? {
            return match greeting.kind {
                StatusKind::Bye => Err(verdict::goodbye(&greeting.text, &link.place, &link.quirks)),
                _ => Ok(()),
            };
        }
    }
}
