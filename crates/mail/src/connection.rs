//! From a host name to a protected connection, whatever is spoken over it.

pub(crate) mod stream;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use gatepost_host::{Clock, Elapsed};
use gatepost_oauth::UntimelyCertificate;
use rustls::{CertificateError, ClientConfig};
use rustls_pki_types::ServerName;
use tokio::net::{TcpStream, lookup_host};
use tokio_rustls::TlsConnector;

use crate::MailError;
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
    let resolving = lookup_host((site.host.as_str(), site.port));
    let addresses: Vec<SocketAddr> = site
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
        match site.clock.within(share, connecting).await {
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

/// Shakes hands over TLS.
pub(crate) async fn protect(tcp: TcpStream, site: &Site) -> Result<Stream, MailError> {
    let name = ServerName::try_from(site.host.clone()).map_err(|error| MailError::Tls {
        host: site.host.clone(),
        port: site.port,
        reason: error.to_string(),
    })?;
    let connector = TlsConnector::from(Arc::clone(&site.tls));
    let limit = site.limits.tls;
    match site.clock.within(limit, connector.connect(name, tcp)).await {
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
    let said = error.to_string();
    let words = said.split("http").next().unwrap_or_default();
    words.trim_end_matches([' ', ':', '(', ';', ',']).to_owned()
}

#[cfg(test)]
mod tests {
    use gatepost_fault::{After, Fault as _, Next};
    use jiff::SignedDuration;
    use rustls_pki_types::UnixTime;

    use super::*;
    use crate::SubmitError;

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
        let words = "peer closed connection without sending TLS close_notify";
        assert_eq!(words_of(&error), words);
        let reset = io::Error::other("connection reset by peer");
        assert_eq!(words_of(&reset), "connection reset by peer");
    }
}
