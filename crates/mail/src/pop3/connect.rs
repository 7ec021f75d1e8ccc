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

/// Octets behind the answer to STLS end the connection: the machine sees to that.
async fn ask_for_tls(
    tcp: TcpStream,
    settings: &Pop3Settings,
) -> Result<(TcpStream, Client), MailError> {
    let mut link = Link::new(Stream::Plain(tcp), settings);
    greet(&mut link).await?;
    let missing = || MailError::NoStartTls {
        host: settings.host.clone(),
        port: settings.port,
        command: "STLS",
        instead: 995,
    };
    link.run(&Command::Capabilities, |_| {}).await?;
    if !link.client.capabilities().has(&Capability::Stls) {
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

pub(super) async fn greet(link: &mut Link) -> Result<(), MailError> {
    loop {
        if let Event::Greeting(greeting) = link.event("the greeting").await? {
            return link.check(&greeting, Asked::Greeting);
        }
    }
}
