//! A listener on loopback that waits for one browser (RFC 8252 §7.3): as much of HTTP as that
//! takes. Whatever else knocks is answered and forgotten.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use gatepost_fault::{Fault, Next, Owner};
use gatepost_host::Clock;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use url::Url;

use super::page::{self, Page};

/// Listens on `localhost`, whichever address the browser takes that to be.
#[derive(Debug)]
pub(super) struct Loopback {
    v4: TcpListener,
    /// Absent where the machine has no IPv6, or another program has the port there.
    v6: Option<TcpListener>,
    port: u16,
}

/// A browser that came back, and waits for its page.
#[derive(Debug)]
pub(super) struct Visitor {
    stream: TcpStream,
    url: Url,
}

impl Loopback {
    pub(super) async fn bind() -> Result<Self, LoopbackError> {
        let v4 = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = v4.local_addr()?.port();
        let v6 = TcpListener::bind((Ipv6Addr::LOCALHOST, port)).await.ok();
        Ok(Self { v4, v6, port })
    }

    /// Where the browser is sent back to. Without a slash at its end: Entra compares the text,
    /// with the port left out.
    pub(super) fn redirect(&self) -> String {
        format!("http://localhost:{}", self.port)
    }

    /// Waits for the next visitor who brings an answer of the sign-in page.
    pub(super) async fn next(&self, clock: &Clock) -> Result<Visitor, LoopbackError> {
        loop {
            let stream = self.accept().await?;
            let Ok(Ok(Some(visitor))) = clock.within(PATIENCE, self.greet(stream)).await else {
                continue;
            };
            return Ok(visitor);
        }
    }

    async fn accept(&self) -> Result<TcpStream, LoopbackError> {
        let v6 = async {
            match &self.v6 {
                Some(listener) => listener.accept().await,
                None => std::future::pending().await,
            }
        };
        let (stream, _) = tokio::select! {
            accepted = self.v4.accept() => accepted?,
            accepted = v6 => accepted?,
        };
        Ok(stream)
    }

    /// Reads the head of a request; answers at once what is no answer of the sign-in page.
    async fn greet(&self, mut stream: TcpStream) -> io::Result<Option<Visitor>> {
        let head = read_head(&mut stream).await?;
        let Some(url) = target(&head).and_then(|target| self.url(target)) else {
            answer(stream, &page::nothing()).await?;
            return Ok(None);
        };
        Ok(Some(Visitor { stream, url }))
    }

    fn url(&self, target: &str) -> Option<Url> {
        let url = Url::parse(&self.redirect()).ok()?.join(target).ok()?;
        let is_answer = url
            .query_pairs()
            .any(|(name, _)| name == "code" || name == "error");
        (url.path() == "/" && is_answer).then_some(url)
    }
}

impl Visitor {
    /// Where the browser was sent, with what the sign-in page gave it.
    pub(super) fn url(&self) -> &Url {
        &self.url
    }

    /// Shows a page. Whether the browser still waits is of no interest.
    pub(super) async fn answer(self, page: &Page) {
        let _ = answer(self.stream, page).await;
    }
}

async fn read_head(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(2048);
    while !head.windows(4).any(|four| four == b"\r\n\r\n") {
        if head.len() >= MOST || stream.read_buf(&mut head).await? == 0 {
            break;
        }
    }
    Ok(head)
}

/// The target of a GET request (RFC 9112 §3), in origin form.
fn target(head: &[u8]) -> Option<&str> {
    let line = head.split(|octet| *octet == b'\r').next()?;
    let mut words = std::str::from_utf8(line).ok()?.split(' ');
    let (method, target, version) = (words.next()?, words.next()?, words.next()?);
    // `//host/…` would lead the URL elsewhere.
    let ours = target.starts_with('/') && !target.starts_with("//");
    (method == "GET" && version.starts_with("HTTP/1.") && ours).then_some(target)
}

async fn answer(mut stream: TcpStream, page: &Page) -> io::Result<()> {
    let text = format!(
        "HTTP/1.1 {}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\n\
         Cache-Control: no-store\r\nReferrer-Policy: no-referrer\r\nConnection: close\r\n\r\n{}",
        page.status,
        page.html.len(),
        page.html
    );
    stream.write_all(text.as_bytes()).await?;
    stream.shutdown().await
}

/// There can be no listener on loopback.
#[derive(Debug, thiserror::Error)]
#[error("the browser cannot come back: no port of 127.0.0.1 can be listened on: {0}")]
pub struct LoopbackError(#[from] io::Error);

impl LoopbackError {
    /// Every code this error answers.
    pub const CODES: &'static [&'static str] = &["loopback_unusable"];
}

impl Fault for LoopbackError {
    fn code(&self) -> &'static str {
        "loopback_unusable"
    }

    fn owner(&self) -> Owner {
        Owner::Operator
    }

    fn next(&self) -> Next {
        Next::Reconfigure
    }
}

/// A code has two thousand octets, and browsers add their headers.
const MOST: usize = 32 * 1024;
/// How long a visitor may take to say what he wants.
const PATIENCE: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_plain_get_is_a_visit() {
        assert_eq!(target(b"GET /?code=1 HTTP/1.1\r\n"), Some("/?code=1"));
        for stray in [
            &b"POST /?code=1 HTTP/1.1\r\n"[..],
            b"GET //evil.example/?code=1 HTTP/1.1\r\n",
            b"GET http://evil.example/?code=1 HTTP/1.1\r\n",
            b"\x16\x03\x01\x02\x00",
            b"GET",
            b"",
        ] {
            assert_eq!(target(stray), None);
        }
    }
}
