//! From a host name to a protected connection with a greeting.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use gatepost_host::Elapsed;
use gatepost_wire::imap::client::{Capability, Client, Command, Event, Outcome, StatusKind};
use rustls::CertificateError;
use rustls_pki_types::ServerName;
use tokio::net::{TcpStream, lookup_host};
use tokio_rustls::TlsConnector;

use super::link::Link;
use super::settings::{ImapSettings, Security};
use super::stream::Stream;
use super::verdict;
use crate::MailError;

/// Connects, protects the connection, and reads the greeting.
pub(super) async fn connect(settings: &ImapSettings) -> Result<Link, MailError> {
    let tcp = reach(settings).await?;
    match settings.security {
        Security::ImplicitTls => {
            let stream = protect(tcp, settings).await?;
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
                .map_err(|Elapsed| silent(settings, "STARTTLS", limit))??;
            let stream = protect(tcp, settings).await?;
            let mut link = Link::resumed(stream, client, settings);
            link.client.tls_started();
            Ok(link)
        }
    }
}

async fn reach(settings: &ImapSettings) -> Result<TcpStream, MailError> {
    let unreachable = |reason: String| MailError::Unreachable {
        host: settings.host.clone(),
        port: settings.port,
        mailbox: settings.mailbox.clone(),
        reason,
    };
    let limit = settings.limits.connect;
    let resolving = lookup_host((settings.host.as_str(), settings.port));
    let addresses: Vec<SocketAddr> = settings
        .clock
        .within(limit, resolving)
        .await
        .map_err(|Elapsed| unreachable("the name is not resolved".to_owned()))?
        .map_err(|error| unreachable(error.to_string()))?
        .collect();
    // An address that swallows everything (a broken IPv6 route, say) leaves time for the others.
    let share = limit / u32::try_from(addresses.len().max(1)).unwrap_or(u32::MAX);
    let mut failure = "the name has no address".to_owned();
    for address in addresses {
        let connecting = TcpStream::connect(address);
        match settings.clock.within(share, connecting).await {
            Ok(Ok(tcp)) => {
                // Without this, every small command waits for a delayed acknowledgement.
                tcp.set_nodelay(true)
                    .map_err(|error| unreachable(error.to_string()))?;
                return Ok(tcp);
            }
            Ok(Err(error)) => failure = format!("{error} ({address})"),
            Err(Elapsed) => failure = format!("no answer from {address}"),
        }
    }
    Err(unreachable(failure))
}

async fn protect(tcp: TcpStream, settings: &ImapSettings) -> Result<Stream, MailError> {
    let name = ServerName::try_from(settings.host.clone())
        .map_err(|error| tls_error(settings.at(), &io::Error::other(error)))?;
    let connector = TlsConnector::from(Arc::clone(&settings.tls));
    let limit = settings.limits.tls;
    match settings
        .clock
        .within(limit, connector.connect(name, tcp))
        .await
    {
        Ok(Ok(stream)) => Ok(Stream::Tls(Box::new(stream))),
        Ok(Err(error)) => Err(tls_error(settings.at(), &error)),
        Err(Elapsed) => {
            let awaited = "TLS (is this a port with TLS from the start?)";
            Err(silent(settings, awaited, limit))
        }
    }
}

fn silent(settings: &ImapSettings, awaited: &'static str, limit: Duration) -> MailError {
    MailError::Silent {
        host: settings.host.clone(),
        mailbox: settings.mailbox.clone(),
        awaited,
        limit,
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
    };
    if !link.client.capabilities().has(Capability::StartTls) {
        return Err(missing());
    }
    let ticket = link.client.start_tls().map_err(|_| missing())?;
    let reply = link.answer_to(ticket, |_| {}).await?;
    if reply.outcome != Outcome::Ok {
        return Err(missing());
    }
    // One more look: what came in the same read must not be taken for protected.
    link.client
        .next_event()
        .map_err(|violation| link.garbled(&violation.to_string()))?;
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

fn tls_error((host, port): (String, u16), error: &io::Error) -> MailError {
    let reason = error.to_string();
    let tls = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match tls {
        Some(rustls::Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        )) => MailError::CertificateName { host, port, reason },
        _ => MailError::Tls { host, port, reason },
    }
}

#[cfg(test)]
mod tests {
    use gatepost_fault::Fault as _;

    use super::*;

    #[test]
    fn a_certificate_for_another_name_is_told_from_one_that_is_not_trusted() {
        for (problem, code) in [
            (CertificateError::NotValidForName, "mail_certificate_name"),
            (CertificateError::UnknownIssuer, "mail_tls_failed"),
            (CertificateError::Expired, "mail_tls_failed"),
        ] {
            let error = io::Error::other(rustls::Error::InvalidCertificate(problem));
            assert_eq!(
                tls_error(("imap.example".to_owned(), 993), &error).code(),
                code
            );
        }
    }
}
