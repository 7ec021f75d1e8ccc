//! The one place where HTTP clients are made: trusted, limited in time, following no redirects.

#![expect(
    clippy::disallowed_methods,
    reason = "this is the module that the others are sent to"
)]

use std::sync::Arc;
use std::time::Duration;

use gatepost_fault::{Fault, Next, Owner};

use crate::{Trust, TrustError};

/// The time limits of an HTTP client.
#[derive(Debug, Clone, Copy)]
pub struct HttpLimits {
    /// For the connection, TLS included.
    pub connect: Duration,
    /// For a whole exchange; `None` where a body may stream for as long as it moves.
    pub total: Option<Duration>,
    /// For any pause within an exchange.
    pub pause: Duration,
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            total: Some(Duration::from_secs(30)),
            pause: Duration::from_secs(20),
        }
    }
}

/// Makes an HTTP client. Redirects are never followed: a token sent to another host is a token
/// lost. Proxies of the environment are used.
pub fn http_client(trust: &Trust, limits: HttpLimits) -> Result<reqwest::Client, HttpError> {
    builder(trust, limits)?.build().map_err(|error| HttpError {
        reason: error.to_string(),
    })
}

/// The same over HTTP/1.1: each exchange has a connection of its own, so that an answer which nobody
/// reads for a while holds up no other. Over HTTP/2 all of them share one window
/// (<https://www.rfc-editor.org/rfc/rfc9113#section-5.2>).
pub fn http_client_apart(trust: &Trust, limits: HttpLimits) -> Result<reqwest::Client, HttpError> {
    let built = builder_of(trust, limits, &[b"http/1.1"])?
        .http1_only()
        .build();
    built.map_err(|error| HttpError {
        reason: error.to_string(),
    })
}

/// The same without any proxy, for addresses that only this machine reaches.
pub fn http_client_direct(trust: &Trust, limits: HttpLimits) -> Result<reqwest::Client, HttpError> {
    let built = builder(trust, limits)?.no_proxy().build();
    built.map_err(|error| HttpError {
        reason: error.to_string(),
    })
}

/// The same, with `resolver` deciding which addresses a name may lead to. Proxies are not used,
/// since a proxy would resolve the name itself.
pub fn http_client_resolving<R: reqwest::dns::Resolve + 'static>(
    trust: &Trust,
    limits: HttpLimits,
    resolver: Arc<R>,
) -> Result<reqwest::Client, HttpError> {
    builder(trust, limits)?
        .no_proxy()
        .dns_resolver(resolver)
        .build()
        .map_err(|error| HttpError {
            reason: error.to_string(),
        })
}

fn builder(trust: &Trust, limits: HttpLimits) -> Result<reqwest::ClientBuilder, HttpError> {
    builder_of(trust, limits, &[b"h2", b"http/1.1"])
}

fn builder_of(
    trust: &Trust,
    limits: HttpLimits,
    protocols: &[&[u8]],
) -> Result<reqwest::ClientBuilder, HttpError> {
    let mut config = (*trust.client_config()?).clone();
    config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    let builder = reqwest::Client::builder()
        .tls_backend_preconfigured(config)
        .user_agent(concat!("gatepost/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .tcp_nodelay(true)
        .connect_timeout(limits.connect)
        .read_timeout(limits.pause);
    Ok(match limits.total {
        Some(total) => builder.timeout(total),
        None => builder,
    })
}

/// Why no HTTP client could be made.
#[derive(Debug, thiserror::Error)]
#[error("no HTTP client can be made: {reason}")]
pub struct HttpError {
    reason: String,
}

impl HttpError {
    /// Every code this error answers.
    pub const CODES: &'static [&'static str] = &["http_client_unusable"];
}

impl From<TrustError> for HttpError {
    fn from(error: TrustError) -> Self {
        Self {
            reason: error.to_string(),
        }
    }
}

impl Fault for HttpError {
    fn code(&self) -> &'static str {
        "http_client_unusable"
    }

    fn owner(&self) -> Owner {
        Owner::Operator
    }

    fn next(&self) -> Next {
        Next::Reconfigure
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;
    use tokio::net::TcpListener;

    use super::*;

    /// The first octets that a client says to a server.
    async fn hello(client: reqwest::Client) -> Vec<u8> {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it listens");
        let asking = client.get(format!("https://{address}/")).send();
        let listening = async {
            let (mut connection, _) = listener.accept().await.expect("it connects");
            let mut hello = Vec::new();
            while !has(&hello, b"http/1.1") {
                let read = connection.read_buf(&mut hello).await.expect("it speaks");
                assert!(read > 0, "it names its protocols");
            }
            hello
        };
        tokio::select! {
            hello = listening => hello,
            _ = asking => panic!("nobody answers"),
        }
    }

    fn has(octets: &[u8], wanted: &[u8]) -> bool {
        octets.windows(wanted.len()).any(|some| some == wanted)
    }

    #[tokio::test]
    async fn exchanges_that_must_not_hold_up_each_other_share_no_connection() {
        let (trust, limits) = (Trust::system(), HttpLimits::default());
        let apart = http_client_apart(&trust, limits).expect("a client");
        assert!(!has(&hello(apart).await, b"\x02h2"));
        let shared = http_client_direct(&trust, limits).expect("a client");
        assert!(has(&hello(shared).await, b"\x02h2"));
    }
}
