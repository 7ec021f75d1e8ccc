//! The connection of a client, protected or not.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use gatepost_host::ReadAhead;
use tokio::io::{AsyncBufRead, AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::{client, server::TlsStream};

use crate::relay::Source;

/// The connection of a client.
#[derive(Debug)]
pub(crate) enum ClientStream {
    /// Everybody on the way can read it.
    Clear(TcpStream),
    /// TLS protects it.
    Protected(Box<TlsStream<ReadAhead<TcpStream>>>),
}

impl Source for ClientStream {
    fn poll_some(&mut self, cx: &mut Context<'_>, to: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Clear(stream) => Pin::new(stream).poll_read(cx, to),
            Self::Protected(stream) => poll_record(stream.as_mut(), cx, to),
        }
    }

    fn reduce(&mut self) {
        match self {
            Self::Clear(_) => {}
            Self::Protected(stream) => stream.get_mut().0.reduce(),
        }
    }
}

impl Source for Box<client::TlsStream<ReadAhead<TcpStream>>> {
    fn poll_some(&mut self, cx: &mut Context<'_>, to: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        poll_record(self.as_mut(), cx, to)
    }

    fn reduce(&mut self) {
        self.get_mut().0.reduce();
    }
}

/// Reads what is left of one record. Asked for more, TLS would decrypt the next, and keep of it what
/// there is no room for.
fn poll_record<T: AsyncBufRead + Unpin>(
    stream: &mut T,
    cx: &mut Context<'_>,
    to: &mut ReadBuf<'_>,
) -> Poll<io::Result<()>> {
    let mut stream = Pin::new(stream);
    let octets = ready!(stream.as_mut().poll_fill_buf(cx))?;
    let some = octets.len().min(to.remaining());
    to.put_slice(&octets[..some]);
    stream.consume(some);
    Poll::Ready(Ok(()))
}

impl AsyncRead for ClientStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Clear(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Protected(stream) => Pin::new(stream.as_mut()).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for ClientStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Clear(stream) => Pin::new(stream).poll_write(cx, octets),
            Self::Protected(stream) => Pin::new(stream.as_mut()).poll_write(cx, octets),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Clear(stream) => Pin::new(stream).poll_flush(cx),
            Self::Protected(stream) => Pin::new(stream.as_mut()).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Clear(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Protected(stream) => Pin::new(stream.as_mut()).poll_shutdown(cx),
        }
    }
}
