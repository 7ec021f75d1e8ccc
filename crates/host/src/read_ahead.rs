//! Reads much at once from a connection whose reader asks for little at a time.

use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::Buffer;

/// A connection in TLS that is read a record at a time, whatever its reader asks for: TLS asks for
/// 4 KiB at a time, and a record of it has 16. Small records are read several at a time.
///
/// Behind a large record no more is read, and behind any no more is handed out, than the header of
/// the next: whoever stops in between has nothing of it. A buffer is held only while something is
/// in it that was not asked for yet. What is written goes on as it is.
#[derive(Debug)]
pub struct ReadAhead<T> {
    connection: T,
    ahead: Option<Ahead>,
    /// How much of a record whose header was seen was not handed out yet.
    record: usize,
}

#[derive(Debug)]
struct Ahead {
    buffer: Buffer,
    unread: Range<usize>,
}

impl<T> ReadAhead<T> {
    /// Reads ahead on this connection, on which a record begins.
    pub fn new(connection: T) -> Self {
        Self {
            connection,
            ahead: None,
            record: 0,
        }
    }

    /// Whoever does not read on for a while holds no more than what was read already.
    pub fn reduce(&mut self) {
        if let Some(Ahead { buffer, unread }) = self.ahead.take() {
            let (buffer, unread) = buffer.reduced_to(unread);
            self.ahead = Some(Ahead { buffer, unread });
        }
    }

    /// What was read and not handed out.
    fn unread(&self) -> &[u8] {
        self.ahead
            .as_ref()
            .map_or(&[], |ahead| &ahead.buffer.octets()[ahead.unread.clone()])
    }

    /// Hands out what was read already of this record, as much as there is room for, and the header
    /// of the next behind the whole of it.
    fn hand_out(&mut self, to: &mut ReadBuf<'_>) {
        let Some(ahead) = &mut self.ahead else {
            return;
        };
        let octets = &ahead.buffer.octets()[ahead.unread.clone()];
        let next = octets.get(self.record..).and_then(behind_header);
        let (some, record) = match next {
            Some(next) if self.record + HEADER <= to.remaining() => (self.record + HEADER, next),
            _ => {
                let some = octets.len().min(to.remaining()).min(self.record);
                (some, self.record - some)
            }
        };
        to.put_slice(&octets[..some]);
        self.record = record;
        ahead.unread.start += some;
        if ahead.unread.is_empty() {
            self.ahead = None;
        }
    }
}

impl<T: AsyncRead + Unpin> ReadAhead<T> {
    /// Reads on behind what is unread; says how much came.
    fn poll_more(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let most = match self.record {
            LARGE.. => Buffer::SIZE.min(self.record + HEADER),
            _ => Buffer::SIZE,
        };
        let mut buffer = Buffer::take();
        let mut reading = ReadBuf::new(&mut buffer.octets_mut()[..most]);
        reading.put_slice(self.unread());
        let before = reading.filled().len();
        ready!(Pin::new(&mut self.connection).poll_read(cx, &mut reading))?;
        let unread = 0..reading.filled().len();
        let came = unread.len() - before;
        if came > 0 {
            self.ahead = Some(Ahead { buffer, unread });
        }
        Poll::Ready(Ok(came))
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for ReadAhead<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        to: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            let unread = this.unread();
            let some = unread.len();
            if this.record == 0 {
                this.record = behind_header(unread).map_or(0, |rest| HEADER + rest);
            }
            if this.record == 0 || some == 0 {
                if ready!(this.poll_more(cx))? > 0 {
                    continue;
                }
                // The connection ends, perhaps within a header.
                this.record = some;
            }
            this.hand_out(to);
            return Poll::Ready(Ok(()));
        }
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

/// How long the rest of a record is whose header is here: what it is, the version, and this length
/// (RFC 8446 §5.1).
fn behind_header(octets: &[u8]) -> Option<usize> {
    let [_, _, _, high, low] = octets.first_chunk::<HEADER>()?;
    Some(usize::from(u16::from_be_bytes([*high, *low])))
}

const HEADER: usize = 5;
/// Of these, one fills most of a buffer.
const LARGE: usize = 8 * 1024;

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};

    use super::*;

    #[tokio::test]
    async fn little_at_a_time_is_what_was_written_up_to_the_end() {
        let (mut far, near) = tokio::io::duplex(200_000);
        let mut near = ReadAhead::new(near);
        let mut written = Vec::new();
        for length in [16_401, 0, 1, 16_401, 16_401, 77, 4_000, 65_535] {
            written.extend(record(length));
        }
        // It ends within a header.
        written.extend_from_slice(b"\x17\x03");
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
    async fn an_octet_at_a_time_is_handed_on_when_it_comes() {
        let (mut far, near) = tokio::io::duplex(1);
        let mut near = ReadAhead::new(near);
        let written = [record(3), record(300)].concat();
        let sending = async {
            far.write_all(&written).await.expect("it is open");
            far.shutdown().await.expect("it is open");
        };
        let mut read = Vec::new();
        let ((), came) = tokio::join!(sending, near.read_to_end(&mut read));
        came.expect("it is open");
        assert_eq!(read, written);
    }

    #[tokio::test]
    async fn nothing_is_held_when_nothing_is_on_its_way() {
        let (mut far, near) = tokio::io::duplex(100_000);
        let mut near = ReadAhead::new(near);
        let written = record(13);
        far.write_all(&written).await.expect("there is room");
        let mut piece = [0; 5];
        near.read_exact(&mut piece).await.expect("it is open");
        assert_eq!(piece, written[..5]);
        assert!(near.ahead.is_some());
        let mut rest = [0; 13];
        near.read_exact(&mut rest).await.expect("it is open");
        assert_eq!(rest, written[5..]);
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
        far.write_all(&record(10_000)).await.expect("there is room");
        let mut piece = vec![0; 10_005 - 777];
        near.read_exact(&mut piece).await.expect("it is open");
        near.reduce();
        assert_eq!(held(&near), 777);
        let mut rest = [0; 777];
        near.read_exact(&mut rest).await.expect("it is open");
        assert_eq!(rest, [b'a'; 777]);
        assert!(near.ahead.is_none());
    }

    #[tokio::test]
    async fn behind_a_large_record_nothing_is_held() {
        let (mut far, near) = tokio::io::duplex(100_000);
        let mut near = ReadAhead::new(near);
        for _ in 0..5 {
            far.write_all(&record(16_401)).await.expect("there is room");
        }
        let mut piece = [0; 4_096];
        let mut read = 0;
        // The second begins in what was read before the length of the first was known. With each
        // goes the header of the next.
        for number in 2..5 {
            while read < number * 16_406 + HEADER {
                let at_once = near.read(&mut piece).await.expect("it is open");
                read += at_once;
            }
            assert_eq!(read, number * 16_406 + HEADER);
            assert_eq!(held(&near), 0, "behind record {number}");
        }
    }

    #[tokio::test]
    async fn small_records_are_read_several_at_a_time() {
        let (mut far, near) = tokio::io::duplex(100_000);
        let mut near = ReadAhead::new(near);
        for _ in 0..5 {
            far.write_all(&record(1_000)).await.expect("there is room");
        }
        let mut piece = [0; 4_096];
        let read = near.read(&mut piece).await.expect("it is open");
        assert_eq!(read, 1_005 + HEADER);
        assert_eq!(near.unread().len(), 4 * 1_005 - HEADER);
    }

    /// A record of application data with so many octets.
    fn record(length: u16) -> Vec<u8> {
        let [high, low] = length.to_be_bytes();
        let mut record = vec![23, 3, 3, high, low];
        record.resize(HEADER + usize::from(length), b'a');
        record
    }

    /// How much it holds on to.
    fn held(near: &ReadAhead<DuplexStream>) -> usize {
        let ahead = near.ahead.as_ref();
        ahead.map_or(0, |ahead| ahead.buffer.octets().len())
    }
}
