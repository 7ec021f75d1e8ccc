//! Reads much at once from a connection whose reader asks for little at a time.

use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::Buffer;

/// A connection that is read as far as it goes, whatever its reader asks for: TLS asks for 4 KiB at
/// a time, and a record of it has 16.
///
/// A buffer is held only while something is in it that was not asked for yet. What is written goes
/// on as it is.
#[derive(Debug)]
pub struct ReadAhead<T> {
    connection: T,
    ahead: Option<Ahead>,
}

#[derive(Debug)]
struct Ahead {
    buffer: Buffer,
    unread: Range<usize>,
}

impl<T> ReadAhead<T> {
    /// Reads ahead on this connection.
    pub fn new(connection: T) -> Self {
        Self {
            connection,
            ahead: None,
        }
    }

    /// Whoever does not read on for a while holds no more than what was read already.
    pub fn reduce(&mut self) {
        if let Some(Ahead { buffer, unread }) = self.ahead.take() {
            let (buffer, unread) = buffer.reduced_to(unread);
            self.ahead = Some(Ahead { buffer, unread });
        }
    }

    /// Hands out what was read already, as much as there is room for.
    fn hand_out(&mut self, to: &mut ReadBuf<'_>) {
        let Some(ahead) = &mut self.ahead else {
            return;
        };
        let octets = &ahead.buffer.octets()[ahead.unread.clone()];
        let some = &octets[..octets.len().min(to.remaining())];
        to.put_slice(some);
        ahead.unread.start += some.len();
        if ahead.unread.is_empty() {
            self.ahead = None;
        }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for ReadAhead<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        to: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.ahead.is_none() {
            if to.remaining() >= Buffer::SIZE {
                return Pin::new(&mut this.connection).poll_read(cx, to);
            }
            let mut buffer = Buffer::take();
            let mut reading = ReadBuf::new(buffer.octets_mut());
            ready!(Pin::new(&mut this.connection).poll_read(cx, &mut reading))?;
            let read = reading.filled().len();
            if read == 0 {
                return Poll::Ready(Ok(()));
            }
            this.ahead = Some(Ahead {
                buffer,
                unread: 0..read,
            });
        }
        this.hand_out(to);
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for ReadAhead<T> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().connection).poll_write(cx, octets)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().connection).poll_write_vectored(cx, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.connection.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().connection).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().connection).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[tokio::test]
    async fn little_at_a_time_is_what_was_written_up_to_the_end() {
        let (mut far, near) = tokio::io::duplex(100_000);
        let mut near = ReadAhead::new(near);
        let written: Vec<u8> = (0..90_000_u32)
            .map(|number| number.to_le_bytes()[0])
            .collect();
        far.write_all(&written).await.expect("there is room");
        far.shutdown().await.expect("it is open");
        let mut read = Vec::new();
        let mut piece = [0; 777];
        loop {
            let came = near.read(&mut piece).await.expect("it is open");
            if came == 0 {
                break;
            }
            read.extend_from_slice(&piece[..came]);
        }
        assert!(read == written, "{} octets came", read.len());
    }

    #[tokio::test]
    async fn nothing_is_held_when_nothing_is_on_its_way() {
        let (mut far, near) = tokio::io::duplex(100_000);
        let mut near = ReadAhead::new(near);
        far.write_all(b"* 23 EXISTS\r\n")
            .await
            .expect("there is room");
        let mut piece = [0; 5];
        near.read_exact(&mut piece).await.expect("it is open");
        assert_eq!(&piece, b"* 23 ");
        assert!(near.ahead.is_some());
        let mut rest = [0; 8];
        near.read_exact(&mut rest).await.expect("it is open");
        assert_eq!(&rest, b"EXISTS\r\n");
        let waiting = tokio::time::timeout(std::time::Duration::ZERO, near.read(&mut piece));
        waiting.await.expect_err("nothing comes");
        assert!(near.ahead.is_none(), "a buffer is held by whoever waits");
        near.write_all(b"DONE\r\n").await.expect("it is open");
        let mut said = [0; 6];
        far.read_exact(&mut said).await.expect("it is open");
        assert_eq!(&said, b"DONE\r\n");
    }

    #[tokio::test]
    async fn whoever_does_not_read_on_holds_no_more_than_was_read() {
        let (mut far, near) = tokio::io::duplex(100_000);
        let mut near = ReadAhead::new(near);
        let written = vec![b'a'; Buffer::SIZE];
        far.write_all(&written).await.expect("there is room");
        let mut piece = vec![0; Buffer::SIZE - 777];
        near.read_exact(&mut piece[1..]).await.expect("it is open");
        near.reduce();
        let held = near.ahead.as_ref().map(|ahead| ahead.buffer.octets().len());
        assert_eq!(held, Some(778));
        let mut rest = [0; 778];
        near.read_exact(&mut rest).await.expect("it is open");
        assert_eq!(rest, [b'a'; 778]);
        assert!(near.ahead.is_none());
    }
}
