//! The octets of a connection, in both directions at once.

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes, BytesMut};
use gatepost_host::ReadAhead;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

/// What a connection runs over.
pub(crate) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<ReadAhead<TcpStream>>>),
    #[cfg(test)]
    Memory(tokio::io::DuplexStream),
}

/// What is still to be sent.
#[derive(Default)]
pub(crate) struct Outgoing {
    pub(crate) octets: Bytes,
    /// Whether the stream may hold octets that were written to it.
    unflushed: bool,
}

/// What happened next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moved {
    /// Something was sent.
    Sent,
    /// So many octets came; none is the end.
    Came(usize),
}

trait Octets: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Octets for T {}

impl Outgoing {
    pub(crate) fn is_done(&self) -> bool {
        self.octets.is_empty() && !self.unflushed
    }
}

impl Stream {
    /// Sends or receives, whichever is possible first: a server that does not read on before we
    /// have taken its answer must not wait for us while we wait for it.
    pub(crate) async fn exchange(
        &mut self,
        outgoing: &mut Outgoing,
        incoming: &mut BytesMut,
    ) -> io::Result<Moved> {
        let octets = self.octets();
        poll_fn(|cx| {
            let sent = if outgoing.is_done() {
                Poll::Pending
            } else {
                poll_send(octets, outgoing, cx)
            };
            if let Poll::Ready(Ok(())) = sent {
                return Poll::Ready(Ok(Moved::Sent));
            }
            let came = pin!(octets.read_buf(incoming)).poll(cx);
            match (sent, came) {
                // What the server said before it hung up says more than that it did.
                (Poll::Ready(Err(error)), Poll::Pending | Poll::Ready(Ok(0) | Err(_))) => {
                    Poll::Ready(Err(error))
                }
                (_, came) => came.map_ok(Moved::Came),
            }
        })
        .await
    }

    /// Sends some octets; the stream is flushed behind the last.
    pub(crate) async fn send(&mut self, outgoing: &mut Outgoing) -> io::Result<()> {
        let octets = self.octets();
        poll_fn(|cx| poll_send(octets, outgoing, cx)).await
    }

    fn octets(&mut self) -> &mut dyn Octets {
        match self {
            Self::Plain(stream) => stream,
            Self::Tls(stream) => stream.as_mut(),
            #[cfg(test)]
            Self::Memory(stream) => stream,
        }
    }
}

fn poll_send(
    octets: &mut dyn Octets,
    outgoing: &mut Outgoing,
    cx: &mut Context<'_>,
) -> Poll<io::Result<()>> {
    let mut stream = Pin::new(octets);
    if outgoing.octets.is_empty() {
        ready!(stream.as_mut().poll_flush(cx))?;
        outgoing.unflushed = false;
        return Poll::Ready(Ok(()));
    }
    let written = ready!(stream.as_mut().poll_write(cx, &outgoing.octets))?;
    if written == 0 {
        return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
    }
    outgoing.octets.advance(written);
    outgoing.unflushed = true;
    Poll::Ready(Ok(()))
}
