//! From a host name to a protected connection whose server was greeted.

use std::net::{IpAddr, Ipv4Addr};

use gatepost_wire::smtp::client::Client;
use gatepost_wire::smtp::{Extension, Phase, Reply};
use tokio::net::TcpStream;

use super::link::Link;
use super::settings::SmtpSettings;
use super::verdict::refusal;
use crate::connection::stream::Stream;
use crate::connection::{Security, protect, reach};
use crate::{MailError, SubmitError};

/// Connects, protects the connection, and greets the server.
pub(crate) async fn connect(settings: &SmtpSettings) -> Result<Link, SubmitError> {
    let site = settings.site();
    let tcp = reach(&site).await?;
    let name = name_of(&tcp);
    let mut link = match settings.security {
        Security::ImplicitTls => {
            let mut link = Link::new(protect(tcp, &site).await?, settings);
            greeting(&mut link).await?;
            link
        }
        Security::StartTls => {
            let (tcp, client) = ask_for_tls(tcp, &name, settings).await?;
            let mut link = Link::resumed(protect(tcp, &site).await?, client, settings);
            link.client
                .tls_started()
                .map_err(|violation| link.garbled(&violation.to_string()))?;
            link
        }
    };
    hello(&mut link, &name).await?;
    Ok(link)
}

/// The server's first words.
pub(super) async fn greeting(link: &mut Link) -> Result<(), SubmitError> {
    let reply = link.answer(Phase::Greeting).await?;
    expect_done(link, Phase::Greeting, &reply)
}

/// Greets the server, which says what it offers.
pub(super) async fn hello(link: &mut Link, name: &str) -> Result<(), SubmitError> {
    let asked = link.client.hello(name);
    link.sent(asked)?;
    let reply = link.answer(Phase::Hello).await?;
    expect_done(link, Phase::Hello, &reply)
}

/// Octets behind the answer to STARTTLS end the connection: the machine sees to that.
async fn ask_for_tls(
    tcp: TcpStream,
    name: &str,
    settings: &SmtpSettings,
) -> Result<(TcpStream, Client), SubmitError> {
    let mut link = Link::new(Stream::Plain(tcp), settings);
    start_tls(&mut link, name).await?;
    match link.into_parts() {
        (Stream::Plain(tcp), client) => Ok((tcp, client)),
        (_, _) => Err(no_start_tls(&settings.host, settings.port).into()),
    }
}

/// Asks for TLS over a connection in clear, on which nothing else is said.
pub(super) async fn start_tls(link: &mut Link, name: &str) -> Result<(), SubmitError> {
    greeting(link).await?;
    hello(link, name).await?;
    let missing = |link: &Link| no_start_tls(&link.place.host, link.place.port);
    if !link.client.extensions().has(&Extension::StartTls) {
        return Err(missing(link).into());
    }
    let asked = link.client.start_tls();
    link.sent(asked)?;
    let reply = link.answer(Phase::StartTls).await?;
    if !reply.is_done() {
        return Err(missing(link).into());
    }
    // One more look: what came in the same read must not be taken for protected.
    match link.client.next_event() {
        Ok(_) => Ok(()),
        Err(violation) => Err(link.garbled(&violation.to_string()).into()),
    }
}

fn no_start_tls(host: &str, port: u16) -> MailError {
    MailError::NoStartTls {
        host: host.to_owned(),
        port,
        command: "STARTTLS",
        instead: 465,
    }
}

pub(super) fn expect_done(link: &Link, phase: Phase, reply: &Reply) -> Result<(), SubmitError> {
    if reply.is_done() {
        return Ok(());
    }
    Err(refusal(phase, reply, &link.place))
}

/// What a client calls itself that has no name in DNS: its address (RFC 5321 §4.1.4).
fn name_of(tcp: &TcpStream) -> String {
    let address = tcp.local_addr().map(|local| local.ip());
    literal(address.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)))
}

fn literal(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => format!("[{address}]"),
        IpAddr::V6(address) => format!("[IPv6:{address}]"),
    }
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn an_address_stands_in_brackets() {
        for (address, name) in [
            ("192.0.2.1", "[192.0.2.1]"),
            ("::ffff:192.0.2.1", "[192.0.2.1]"),
            ("2001:db8::1", "[IPv6:2001:db8::1]"),
        ] {
            let address = address.parse().expect("a literal address");
            assert_eq!(literal(address), name);
        }
    }
}
