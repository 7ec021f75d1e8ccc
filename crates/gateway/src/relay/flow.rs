//! One direction of a relay.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use gatepost_host::Buffer;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::last_line::LastLine;

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

    /// Ready when everything has passed, up to the end.
    pub(super) fn poll_pass<R, W>(
        &mut self,
        from: &mut R,
        to: &mut W,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        loop {
            ready!(self.poll_write(to, cx))?;
            match self.stage {
                Stage::Over => return Poll::Ready(Ok(())),
                Stage::Ending => {
                    ready!(Pin::new(&mut *to).poll_shutdown(cx))?;
                    self.stage = Stage::Over;
                }
                Stage::Open => {
                    if self.poll_fill(from, cx)?.is_pending() {
                        if self.unflushed {
                            ready!(Pin::new(&mut *to).poll_flush(cx))?;
                            self.unflushed = false;
                        }
                        return Poll::Pending;
                    }
                }
            }
        }
    }

    /// Writes everything that is held.
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

    /// Reads as much as is there and as a buffer holds. Pending if that is nothing.
    fn poll_fill<R: AsyncRead + Unpin>(
        &mut self,
        from: &mut R,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        let mut buffer = Buffer::take();
        let mut reading = ReadBuf::new(buffer.octets_mut());
        while reading.remaining() > 0 {
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
