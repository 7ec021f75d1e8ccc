//! One direction of a relay.

use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use gatepost_host::Buffer;
use tokio::io::{AsyncWrite, ReadBuf};

use super::last_line::LastLine;

/// A connection that is read from.
pub(crate) trait Source {
    /// Reads what is there, of TLS no more than a record at a time.
    fn poll_some(&mut self, cx: &mut Context<'_>, to: &mut ReadBuf<'_>) -> Poll<io::Result<()>>;

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
    /// Why nothing more can be read, once everything is written that was read before.
    broken: Option<io::Error>,
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
            broken: None,
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

    /// The last line that was written.
    pub(super) fn last(&self) -> &LastLine {
        &self.last
    }

    pub(super) fn last_mut(&mut self) -> &mut LastLine {
        &mut self.last
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
        R: Source,
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

    /// Reads as much as is there while another piece as large as the last has room: records of TLS
    /// are alike, and none is to be left in the reader in part. Pending if nothing is there.
    fn poll_fill<R: Source>(&mut self, from: &mut R, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(error) = self.broken.take() {
            return Poll::Ready(Err(error));
        }
        let mut buffer = Buffer::take();
        let mut reading = ReadBuf::new(buffer.octets_mut());
        let mut piece = 1;
        while reading.remaining() >= piece {
            let before = reading.filled().len();
            match from.poll_some(cx, &mut reading) {
                Poll::Ready(Ok(())) if reading.filled().len() > before => {
                    piece = reading.filled().len() - before;
                }
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
                // What was read goes first. A reset is told once (`read(2)`), so it is kept.
                Poll::Ready(Err(error)) => {
                    self.broken = Some(error);
                    break;
                }
                Poll::Pending => break,
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

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::{AsyncRead as _, AsyncWriteExt as _, BufWriter, DuplexStream};

    use super::*;

    impl Source for DuplexStream {
        fn poll_some(
            &mut self,
            cx: &mut Context<'_>,
            to: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            Pin::new(self).poll_read(cx, to)
        }

        fn reduce(&mut self) {}
    }

    /// What gives its octets in pieces of this size, and counts what it gave.
    struct Records {
        size: usize,
        given: usize,
    }

    impl Source for Records {
        fn poll_some(&mut self, _: &mut Context<'_>, to: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            let some = to.remaining().min(self.size);
            to.put_slice(&vec![b'x'; some]);
            self.given += some;
            Poll::Ready(Ok(()))
        }

        fn reduce(&mut self) {}
    }

    /// What gives these octets, and then is reset, which is told once.
    struct Reset(Option<&'static [u8]>, Option<io::ErrorKind>);

    impl Source for Reset {
        fn poll_some(&mut self, _: &mut Context<'_>, to: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            if let Some(octets) = self.0.take() {
                to.put_slice(octets);
                return Poll::Ready(Ok(()));
            }
            Poll::Ready(self.1.take().map_or(Ok(()), |kind| Err(kind.into())))
        }

        fn reduce(&mut self) {}
    }

    #[tokio::test]
    async fn a_reset_behind_octets_is_told_once_they_are_written() {
        let mut from = Reset(Some(b"half"), Some(io::ErrorKind::ConnectionReset));
        let (mut to, mut heard) = tokio::io::duplex(ROOM);
        let mut flow = Flow::beginning_with(b"");
        let ended = poll_fn(|cx| flow.poll_pass(&mut from, &mut to, cx)).await;
        let error = ended.expect_err("it was reset");
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
        let mut written = [0; 4];
        let reading = tokio::io::AsyncReadExt::read_exact(&mut heard, &mut written);
        reading.await.expect("it was written");
        assert_eq!(&written, b"half");
    }

    #[tokio::test]
    async fn no_record_is_read_in_part() {
        for size in [4 * 1024, 16 * 1024] {
            let mut from = Records { size, given: 0 };
            let (mut to, _unread) = tokio::io::duplex(1);
            let mut flow = Flow::beginning_with(b"");
            poll_fn(|cx| {
                assert!(flow.poll_pass(&mut from, &mut to, cx).is_pending());
                Poll::Ready(())
            })
            .await;
            assert_eq!(from.given % size, 0, "records of {size}");
            assert_eq!(from.given, Buffer::SIZE / size * size);
        }
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
