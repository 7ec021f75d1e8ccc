//! From a host name to a protected connection, whatever is spoken over it.

pub(crate) mod addresses;
pub(crate) mod stream;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::select_ok;
use futures_util::stream::FuturesUnordered;
use gatepost_host::{Clock, Elapsed, ReadAhead};
use gatepost_oauth::UntimelyCertificate;
use rustls::{CertificateError, ClientConfig};
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::MailError;
use addresses::{Addresses, Found};
use stream::Stream;

/// How the connection is protected. Nothing is ever sent unprotected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// TLS from the first octet (port 993 of IMAP, 995 of POP3, 465 of SMTP).
    ImplicitTls,
    /// TLS before anything else is said (port 143 of IMAP, 110 of POP3, 587 and 25 of SMTP).
    StartTls,
}

/// How long each step may take before the server counts as dead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeLimits {
    /// The name is resolved and the connection is made.
    pub connect: Duration,
    /// TLS is agreed on.
    pub tls: Duration,
    /// From the greeting to the opened mailbox.
    pub login: Duration,
    /// The server says the next thing that we wait for.
    pub reply: Duration,
    /// The server comes to the end of its answer. Moving bodies extend it.
    pub command: Duration,
    /// While idling over IMAP, the server proves this often that it is there.
    pub probe: Duration,
}

impl Default for TimeLimits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(20),
            tls: Duration::from_secs(20),
            login: Duration::from_mins(1),
            reply: Duration::from_mins(2),
            command: Duration::from_mins(15),
            probe: Duration::from_mins(5),
        }
    }
}

/// Where a server is, for whom it is asked, and how patient we are.
#[derive(Debug, Clone)]
pub(crate) struct Site {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) mailbox: String,
    pub(crate) tls: Arc<ClientConfig>,
    pub(crate) addresses: Addresses,
    pub(crate) clock: Clock,
    pub(crate) limits: TimeLimits,
}

/// Connects.
pub(crate) async fn reach(site: &Site) -> Result<TcpStream, MailError> {
    let unreachable = |reason: String| MailError::Unreachable {
        host: site.host.clone(),
        port: site.port,
        mailbox: site.mailbox.clone(),
        reason,
    };
    let limit = site.limits.connect;
    let finding = site.addresses.find(&site.host, limit, &site.clock);
    let found = finding.await.map_err(unreachable)?;
    let tried = found.addresses.clone();
    match site.clock.within(limit, connect(site, found)).await {
        Ok(Ok(tcp)) => {
            let attended = gatepost_host::attend(&tcp);
            attended.map_err(|error| unreachable(error.to_string()))?;
            Ok(tcp)
        }
        Ok(Err(failure)) => Err(unreachable(failure)),
        Err(Elapsed) => {
            site.addresses.doubt(&site.host, &tried, &site.clock);
            Err(unreachable(format!(
                "no answer within {} seconds",
                limit.as_secs()
            )))
        }
    }
}

/// Connects to what was found. Where that was kept, and nobody answers there at once any more, the
/// resolver is asked, and what it says now is tried beside it.
async fn connect(site: &Site, found: Found) -> Result<TcpStream, String> {
    let Site { host, clock, .. } = site;
    let mut first = Box::pin(at_one_of(found.addresses.clone(), site));
    let refused = match clock.within(ALONE, first.as_mut()).await {
        Ok(Ok(tcp)) => return Ok(tcp),
        Ok(Err(failure)) => Some(failure),
        Err(Elapsed) => None,
    };
    site.addresses.doubt(host, &found.addresses, clock);
    let Some(now) = elsewhere(&found, site).await else {
        return match refused {
            Some(failure) => Err(failure),
            None => first.await,
        };
    };
    let second = Box::pin(at_one_of(now.addresses.clone(), site));
    let connected = match refused {
        Some(_) => second.await,
        None => select_ok([first, second]).await.map(|(tcp, _)| tcp),
    };
    connected.inspect_err(|_| site.addresses.doubt(host, &now.addresses, clock))
}

/// What the resolver says now of a host whose addresses were kept, if that is something else.
async fn elsewhere(found: &Found, site: &Site) -> Option<Found> {
    if !found.is_kept {
        return None;
    }
    let finding = site
        .addresses
        .find(&site.host, site.limits.connect, &site.clock);
    let now = finding.await.ok()?;
    (now.addresses != found.addresses).then_some(now)
}

async fn at_one_of(addresses: Vec<SocketAddr>, site: &Site) -> Result<TcpStream, String> {
    let mut addresses = in_turns(addresses);
    for address in &mut addresses {
        address.set_port(site.port);
    }
    first_of(addresses, &site.clock).await
}

/// Connects to the first address that answers. Each is tried a moment after the one before, or at
/// once when that has refused (RFC 8305 §5): one that swallows everything, such as a broken IPv6
/// route, costs that moment.
async fn first_of(addresses: Vec<SocketAddr>, clock: &Clock) -> Result<TcpStream, String> {
    let mut waiting = addresses.into_iter();
    let mut trying = FuturesUnordered::new();
    let mut failure = "the name has no address".to_owned();
    loop {
        if let Some(address) = waiting.next() {
            trying.push(async move {
                let connected = TcpStream::connect(address).await;
                connected.map_err(|error| format!("{error} ({address})"))
            });
        }
        let has_more = waiting.len() > 0;
        tokio::select! {
            biased;
            Some(tried) = trying.next() => match tried {
                Ok(tcp) => return Ok(tcp),
                Err(error) => failure = error,
            },
            () = clock.sleep(HEAD_START), if has_more => {}
            else => return Err(failure),
        }
    }
}

/// The families of addresses by turns, beginning with that of the first (RFC 8305 §4).
fn in_turns(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let Some(first) = addresses.first().map(SocketAddr::is_ipv6) else {
        return addresses;
    };
    let (one, other): (Vec<_>, Vec<_>) = addresses
        .into_iter()
        .partition(|address| address.is_ipv6() == first);
    let (mut one, mut other) = (one.into_iter(), other.into_iter());
    let mut turns = Vec::new();
    loop {
        match (one.next(), other.next()) {
            (None, None) => return turns,
            (a, b) => turns.extend(a.into_iter().chain(b)),
        }
    }
}

/// How long the addresses that are kept of a host are tried by themselves.
const ALONE: Duration = Duration::from_secs(3);

/// How much later the next address is tried (RFC 8305 §8).
const HEAD_START: Duration = Duration::from_millis(250);

/// Shakes hands over TLS.
pub(crate) async fn protect(tcp: TcpStream, site: &Site) -> Result<Stream, MailError> {
    let name = ServerName::try_from(site.host.clone()).map_err(|error| MailError::Tls {
        host: site.host.clone(),
        port: site.port,
        reason: error.to_string(),
    })?;
    let connector = TlsConnector::from(Arc::clone(&site.tls));
    let limit = site.limits.tls;
    match site
        .clock
        .within(limit, connector.connect(name, ReadAhead::new(tcp)))
        .await
    {
        Ok(Ok(stream)) => Ok(Stream::Tls(Box::new(stream))),
        Ok(Err(error)) => Err(tls_error((&site.host, site.port, &site.mailbox), &error)),
        Err(Elapsed) => {
            let awaited = "TLS (is this a port with TLS from the start?)";
            Err(silent(site, awaited, limit))
        }
    }
}

/// The server said nothing for this long.
pub(crate) fn silent(site: &Site, awaited: &'static str, limit: Duration) -> MailError {
    MailError::Silent {
        host: site.host.clone(),
        mailbox: site.mailbox.clone(),
        awaited,
        limit,
    }
}

fn tls_error((host, port, mailbox): (&str, u16, &str), error: &io::Error) -> MailError {
    let (host, reason) = (host.to_owned(), error.to_string());
    let tls = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match tls {
        Some(rustls::Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        )) => MailError::CertificateName { host, port, reason },
        Some(rustls::Error::InvalidCertificate(distrust)) => {
            match UntimelyCertificate::of(distrust) {
                Some(certificate) => MailError::Untimely {
                    host,
                    port,
                    certificate,
                },
                None => MailError::Tls { host, port, reason },
            }
        }
        Some(_) => MailError::Tls { host, port, reason },
        // Nothing is wrong with TLS where the connection was lost: a front end starts anew, say.
        None => MailError::Unreachable {
            host,
            port,
            mailbox: mailbox.to_owned(),
            reason: words_of(error),
        },
    }
}

/// What the operating system or TLS says, without the address of somebody's manual.
pub(crate) fn words_of(error: &io::Error) -> String {
    if error.kind() == io::ErrorKind::UnexpectedEof {
        return "the other side hung up".to_owned();
    }
    let said = error.to_string();
    let words = said.split("http").next().unwrap_or_default();
    words.trim_end_matches([' ', ':', '(', ';', ',']).to_owned()
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use gatepost_fault::{After, Fault as _, Next};
    use jiff::SignedDuration;
    use rustls_pki_types::UnixTime;
    use tokio::net::{TcpListener, TcpSocket};

    use super::*;
    use crate::SubmitError;

    #[tokio::test]
    async fn a_connection_is_attended() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let site = Site {
            host: "127.0.0.1".to_owned(),
            port: listener.local_addr().expect("it listens").port(),
            mailbox: "ada@contoso.com".to_owned(),
            tls: crate::scripted::trusting_nobody(),
            addresses: Addresses::default(),
            clock: Clock::system(),
            limits: TimeLimits::default(),
        };
        let tcp = reach(&site).await.expect("somebody listens");
        assert!(tcp.nodelay().expect("it is open"));
        let asked_after = rustix::net::sockopt::tcp_keepidle(&tcp).expect("it is open");
        assert_eq!(asked_after.as_secs(), 120);
    }

    #[test]
    fn families_of_addresses_take_turns() {
        let addresses = [
            "[::1]:1",
            "[::2]:1",
            "127.0.0.1:1",
            "[::3]:1",
            "127.0.0.2:1",
        ];
        let turns = [
            "[::1]:1",
            "127.0.0.1:1",
            "[::2]:1",
            "127.0.0.2:1",
            "[::3]:1",
        ];
        let parsed =
            |texts: [&str; 5]| texts.map(|text| text.parse().expect("an address")).to_vec();
        assert_eq!(in_turns(parsed(addresses)), parsed(turns));
        assert_eq!(in_turns(Vec::new()), Vec::new());
    }

    #[tokio::test]
    async fn an_address_that_refuses_or_swallows_everything_costs_a_moment() {
        let clock = Clock::system();
        let (_good, answers) = listener(8);
        let (gone, refuses) = listener(1);
        drop(gone);
        let full = listener_that_swallows(Ipv4Addr::LOCALHOST, &clock).await;
        let swallows = full.0.local_addr().expect("it listens");
        let soon = HEAD_START * 20;
        let connecting = first_of(vec![refuses, swallows, answers], &clock);
        let connected = clock.within(soon, connecting).await.expect("in time");
        assert_eq!(
            connected.expect("one answers").peer_addr().ok(),
            Some(answers)
        );
        let nobody = first_of(vec![refuses, refuses], &clock).await;
        let failure = nobody.expect_err("nobody is there");
        assert!(failure.contains(&refuses.to_string()), "{failure}");
        let nowhere = first_of(Vec::new(), &clock).await;
        assert_eq!(nowhere.expect_err("nowhere"), "the name has no address");
    }

    /// Once as many wait as it has room for, Linux answers nobody who comes.
    pub(super) async fn listener_that_swallows(
        host: Ipv4Addr,
        clock: &Clock,
    ) -> (TcpListener, Vec<TcpStream>) {
        let (listener, address) = listener_at(host, 0);
        let mut waiting = Vec::new();
        while let Ok(Ok(connected)) = clock.within(HEAD_START, TcpStream::connect(address)).await {
            waiting.push(connected);
        }
        (listener, waiting)
    }

    /// It listens, and lets about so many wait.
    fn listener(room: u32) -> (TcpListener, SocketAddr) {
        listener_at(Ipv4Addr::LOCALHOST, room)
    }

    fn listener_at(host: Ipv4Addr, room: u32) -> (TcpListener, SocketAddr) {
        let socket = TcpSocket::new_v4().expect("a socket");
        let anywhere = (host, 0).into();
        socket.bind(anywhere).expect("a free port");
        let listener = socket.listen(room).expect("it listens");
        let address = listener.local_addr().expect("it is bound");
        (listener, address)
    }

    #[test]
    fn a_certificate_for_another_name_is_told_from_one_that_is_not_trusted() {
        for (problem, code) in [
            (CertificateError::NotValidForName, "mail_certificate_name"),
            (CertificateError::UnknownIssuer, "mail_tls_failed"),
            (CertificateError::Expired, "mail_tls_failed"),
        ] {
            let error = io::Error::other(rustls::Error::InvalidCertificate(problem));
            assert_eq!(
                tls_error(("imap.example", 993, "ada@contoso.com"), &error).code(),
                code
            );
        }
    }

    #[test]
    fn a_connection_that_is_lost_within_the_handshake_may_be_had_in_a_moment() {
        for kind in [io::ErrorKind::ConnectionReset, io::ErrorKind::UnexpectedEof] {
            let error = tls_error(("imap.example", 993, "ada@contoso.com"), &kind.into());
            assert_eq!(error.code(), "mail_server_unreachable");
            assert!(error.next().is_retry());
        }
    }

    #[test]
    fn a_certificate_out_of_its_time_is_compared_with_the_clock_of_the_sign_in_server() {
        let at = |minutes: u64| UnixTime::since_unix_epoch(Duration::from_secs(minutes * 60));
        let expired = || {
            let problem = CertificateError::ExpiredContext {
                time: at(20),
                not_after: at(15),
            };
            let error = io::Error::other(rustls::Error::InvalidCertificate(problem));
            tls_error(("imap.example", 993, "ada@contoso.com"), &error)
        };
        for (ahead, code, next, said) in [
            (
                None,
                "mail_tls_failed",
                Next::Reconfigure,
                "set the clock if",
            ),
            (Some(0), "mail_tls_failed", Next::Reconfigure, "not wrong"),
            (
                Some(10),
                "clock_skew",
                Next::Retry(After::Backoff),
                "10 minutes ahead of",
            ),
        ] {
            let known = ahead.map(SignedDuration::from_mins);
            let submitting = SubmitError::from(expired()).with_skew(known);
            assert_eq!((submitting.code(), submitting.next()), (code, next));
            let error = expired().with_skew(known);
            assert_eq!((error.code(), error.next()), (code, next));
            for said in [said, "imap.example:993", "1970-01-01T00:15:00Z"] {
                assert!(error.to_string().contains(said), "{error}");
            }
        }
    }

    #[test]
    fn a_lost_connection_is_told_without_the_address_of_a_manual() {
        let rustls = "peer closed connection without sending TLS close_notify: https://docs.rs/rustls/latest/rustls/manual/_03_howto/index.html#unexpected-eof";
        let error = io::Error::new(io::ErrorKind::UnexpectedEof, rustls);
        assert_eq!(words_of(&error), "the other side hung up");
        let manual = io::Error::other("it is wrong: https://docs.rs/rustls#wrong");
        assert_eq!(words_of(&manual), "it is wrong");
        let reset = io::Error::other("connection reset by peer");
        assert_eq!(words_of(&reset), "connection reset by peer");
    }
}
