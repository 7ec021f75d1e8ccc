//! From a host name to a protected connection with a greeting.

use gatepost_host::Elapsed;
use gatepost_wire::pop3::client::{Client, Command, Event};
use gatepost_wire::pop3::{Capability, Outcome};
use tokio::net::TcpStream;

use super::Security;
use super::link::Link;
use super::settings::Pop3Settings;
use super::verdict::Asked;
use crate::MailError;
use crate::connection::stream::Stream;
use crate::connection::{protect, reach, silent};

/// Connects, protects the connection, and reads the greeting.
pub(crate) async fn connect(settings: &Pop3Settings) -> Result<Link, MailError> {
    let site = settings.site();
    let tcp = reach(&site).await?;
    match settings.security {
        Security::ImplicitTls => {
            let mut link = Link::new(protect(tcp, &site).await?, settings);
            greet(&mut link).await?;
            Ok(link)
        }
        Security::StartTls => {
            let limit = settings.limits.login;
            let (tcp, client) = settings
                .clock
                .within(limit, ask_for_tls(tcp, settings))
                .await
                .map_err(|Elapsed| silent(&site, "STLS", limit))??;
            let mut link = Link::resumed(protect(tcp, &site).await?, client, settings);
            link.client
                .tls_started()
                .map_err(|violation| link.garbled(&violation.to_string()))?;
            Ok(link)
        }
    }
}

async fn ask_for_tls(
    tcp: TcpStream,
    settings: &Pop3Settings,
) -> Result<(TcpStream, Client), MailError> {
    let mut link = Link::new(Stream::Plain(tcp), settings);
    start_tls(&mut link, settings).await?;
    match link.into_parts() {
        (Stream::Plain(tcp), client) => Ok((tcp, client)),
        _ => Err(no_start_tls(settings)),
    }
}

/// Asks for TLS over a connection in clear, on which nothing else is said. Octets behind the
/// answer to STLS end the connection: the machine sees to that.
pub(super) async fn start_tls(link: &mut Link, settings: &Pop3Settings) -> Result<(), MailError> {
    greet(link).await?;
    link.run(&Command::Capabilities, |_| {}).await?;
    if !link.client.capabilities().has(&Capability::Stls) {
        return Err(no_start_tls(settings));
    }
    let ticket = link.client.start_tls();
    let ticket = ticket.map_err(|_| no_start_tls(settings))?;
    let reply = link.answer_to(ticket, |_| {}).await?;
    if reply.outcome != Outcome::Ok {
        return Err(no_start_tls(settings));
    }
    // One more look: what came in the same read must not be taken for protected.
    match link.client.next_event() {
        Ok(_) => Ok(()),
        Err(violation) => Err(link.garbled(&violation.to_string())),
    }
}

fn no_start_tls(settings: &Pop3Settings) -> MailError {
    MailError::NoStartTls {
        host: settings.host.clone(),
        port: settings.port,
        command: "STLS",
        instead: 995,
    }
}

pub(super) async fn greet(link: &mut Link) -> Result<(), MailError> {
    loop {
        if let Event::Greeting(greeting) = link.event("the greeting").await? {
            return link.check(&greeting, Asked::Greeting);
        }
    }
}
