//! One direction of a relay.

use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use gatepost_host::Buffer;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::last_line::LastLine;

/// A connection that reads ahead.
pub(crate) trait Reduce {
    /// Nothing is read from it for a while: it need not hold more than what was read already.
    fn reduce(&mut self);
}

/// What is on its way in one direction.
#[derive(Debug)]
pub(super) struct Flow {
    /// What was read before the relay began.
    early: Bytes,
    /// What was read and not yet written.
    held: Option<Held>,
    stage: Stage,
    /// Whether the writer may keep what was written.
    unflushed: bool,
    passed: u64,
    last: LastLine,
}

#[derive(Debug)]
struct Held {
    buffer: Buffer,
    begin: usize,
    end: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Open,
    /// The reader has come to its end; the writer is still to be told.
    Ending,
    Over,
}

impl Flow {
    /// What was read before the relay began is a piece of a larger buffer, which is not to be kept
    /// for it.
    pub(super) fn beginning_with(early: &[u8]) -> Self {
        Self {
            early: Bytes::copy_from_slice(early),
            held: None,
            stage: Stage::Open,
            unflushed: false,
            passed: 0,
            last: LastLine::NOTHING,
        }
    }

    /// How many octets were written.
    pub(super) fn passed(&self) -> u64 {
        self.passed
    }

    pub(super) fn is_over(&self) -> bool {
        self.stage == Stage::Over
    }

    /// Whether nothing is on its way.
    pub(super) fn is_empty(&self) -> bool {
        self.early.is_empty() && self.held.is_none()
    }

    /// The last line that was written, if nothing is on its way and more may come.
    pub(super) fn rests_at(&self) -> Option<&LastLine> {
        (self.stage == Stage::Open && self.is_empty()).then_some(&self.last)
    }

    /// Ready when everything has passed, up to the end. Nothing more is read before the writer has
    /// let go of what it was given, and whoever waits for it holds no more than is on its way.
    pub(super) fn poll_pass<R, W>(
        &mut self,
        from: &mut R,
        to: &mut W,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>>
    where
        R: AsyncRead + Reduce + Unpin,
        W: AsyncWrite + Unpin,
    {
        loop {
            if self.poll_write(to, cx)?.is_pending() {
                self.reduce();
                from.reduce();
                return Poll::Pending;
            }
            match self.stage {
                Stage::Over => return Poll::Ready(Ok(())),
                Stage::Ending => {
                    ready!(Pin::new(&mut *to).poll_shutdown(cx))?;
                    self.stage = Stage::Over;
                }
                Stage::Open => {
                    ready!(self.poll_fill(from, cx))?;
                }
            }
        }
    }

    fn reduce(&mut self) {
        if let Some(Held { buffer, begin, end }) = self.held.take() {
            let (buffer, Range { start, end }) = buffer.reduced_to(begin..end);
            self.held = Some(Held {
                buffer,
                begin: start,
                end,
            });
        }
    }

    /// Writes everything that is held, and what the writer has kept of it.
    fn poll_write<W: AsyncWrite + Unpin>(
        &mut self,
        to: &mut W,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while !self.early.is_empty() {
            let written = ready!(Pin::new(&mut *to).poll_write(cx, &self.early))?;
            self.last.saw(&self.early[..written]);
            self.wrote(written)?;
            self.early.advance(written);
            if self.early.is_empty() {
                self.early = Bytes::new();
            }
        }
        while let Some(held) = &mut self.held {
            let octets = &held.buffer.octets()[held.begin..held.end];
            let written = ready!(Pin::new(&mut *to).poll_write(cx, octets))?;
            self.last.saw(&octets[..written]);
            held.begin += written;
            if held.begin == held.end {
                self.held = None;
            }
            self.wrote(written)?;
        }
        if self.unflushed {
            ready!(Pin::new(&mut *to).poll_flush(cx))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }

    fn wrote(&mut self, written: usize) -> io::Result<()> {
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        self.passed += written as u64;
        self.unflushed = true;
        Ok(())
    }

    /// Reads as much as is there while a whole record of TLS has room: none is left in the reader
    /// in part. Pending if that is nothing.
    fn poll_fill<R: AsyncRead + Unpin>(
        &mut self,
        from: &mut R,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        let mut buffer = Buffer::take();
        let mut reading = ReadBuf::new(buffer.octets_mut());
        while reading.remaining() >= RECORD {
            let before = reading.filled().len();
            match Pin::new(&mut *from).poll_read(cx, &mut reading) {
                Poll::Ready(Ok(())) if reading.filled().len() > before => {}
                Poll::Ready(Ok(())) => {
                    self.stage = Stage::Ending;
                    break;
                }
                // Many servers close without a last word of TLS; what came before it was whole.
                Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    self.stage = Stage::Ending;
                    break;
                }
                Poll::Ready(Err(error)) if before == 0 => return Poll::Ready(Err(error)),
                // What was read goes first; the error comes again.
                Poll::Ready(Err(_)) | Poll::Pending => break,
            }
        }
        let end = reading.filled().len();
        if end > 0 {
            self.held = Some(Held {
                buffer,
                begin: 0,
                end,
            });
            return Poll::Ready(Ok(()));
        }
        if self.stage == Stage::Ending {
            return Poll::Ready(Ok(()));
        }
        Poll::Pending
    }
}

/// The most that a record of TLS holds (RFC 8446 §5.1).
const RECORD: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::{AsyncWriteExt as _, BufWriter, DuplexStream};

    use super::*;

    impl Reduce for DuplexStream {
        fn reduce(&mut self) {}
    }

    /// How much of a flood a flow takes whose writer keeps so much and whose reader does not read,
    /// and how much of it the flow holds itself.
    async fn stalled(kept: usize) -> (u64, usize) {
        let (mut far, mut from) = tokio::io::duplex(ROOM);
        let (to, _unread) = tokio::io::duplex(ROOM);
        let mut to = BufWriter::with_capacity(kept, to);
        let mut flow = Flow::beginning_with(b"");
        let mut taken = 0;
        // Each turn offers more than a flow takes in one.
        for _ in 0..100 {
            let offered = tokio::time::timeout(std::time::Duration::ZERO, async {
                loop {
                    taken += far.write(&[b'x'; 1000]).await.expect("it is open") as u64;
                }
            });
            offered.await.expect_err("the pipe is full at some time");
            poll_fn(|cx| {
                let passing = flow.poll_pass(&mut from, &mut to, cx);
                assert!(passing.is_pending());
                Poll::Ready(())
            })
            .await;
        }
        let held = flow.held.map_or(0, |held| held.buffer.octets().len());
        (taken, held)
    }

    #[tokio::test]
    async fn a_flow_that_is_held_up_leaves_no_more_with_its_writer_than_one_buffer() {
        let most = (2 * ROOM + Buffer::SIZE) as u64;
        for kept in [16, Buffer::SIZE, 8 * Buffer::SIZE] {
            let (taken, held) = stalled(kept).await;
            assert!(taken <= most, "{taken} octets were taken, {kept} kept");
            assert!(held <= Buffer::SIZE, "{held} octets are held");
        }
    }

    #[tokio::test]
    async fn a_flow_that_is_held_up_holds_no_more_than_is_on_its_way() {
        let (mut far, mut from) = tokio::io::duplex(Buffer::SIZE);
        let (mut to, _unread) = tokio::io::duplex(1000);
        far.write_all(&[b'x'; 3000]).await.expect("there is room");
        let mut flow = Flow::beginning_with(b"");
        poll_fn(|cx| {
            assert!(flow.poll_pass(&mut from, &mut to, cx).is_pending());
            Poll::Ready(())
        })
        .await;
        assert_eq!(flow.passed(), 1000);
        let held = flow.held.as_ref().map(|held| held.buffer.octets().len());
        assert_eq!(held, Some(2000));
    }

    const ROOM: usize = 8 * 1024;
}
