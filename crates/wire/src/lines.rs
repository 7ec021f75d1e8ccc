//! Cuts a stream of octets into bounded lines, and lets bodies pass by.

use std::fmt;

use bytes::{Buf as _, Bytes, BytesMut};

/// What was received and not yet read, of a protocol whose commands and replies are lines.
#[derive(Default)]
pub(crate) struct Lines {
    incoming: BytesMut,
    /// How much of `incoming` is known to hold no end of line.
    searched: usize,
    /// An overlong line is being dropped up to its end.
    skipping: bool,
}

/// The line is longer than it may be. What follows it can still be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a line is longer than {0} octets")]
pub struct LineTooLong(pub usize);

/// Mail and secrets pass through here, so only sizes are printed.
impl fmt::Debug for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lines")
            .field("incoming", &self.incoming.len())
            .finish_non_exhaustive()
    }
}

impl Lines {
    /// Takes octets that were received.
    pub(crate) fn push(&mut self, octets: &[u8]) {
        self.incoming.extend_from_slice(octets);
    }

    /// Where to read into without copying (append only), and where bodies are taken from.
    pub(crate) fn buffer(&mut self) -> &mut BytesMut {
        &mut self.incoming
    }

    /// Whether octets were received that have not been read.
    pub(crate) fn has_leftover(&self) -> bool {
        !self.incoming.is_empty()
    }

    /// Gives away what was received and not read.
    pub(crate) fn take_leftover(&mut self) -> Bytes {
        self.searched = 0;
        self.incoming.split().freeze()
    }

    /// How the next line begins, as far as it was received and is not longer than `most`.
    pub(crate) fn ahead(&self, most: usize) -> &[u8] {
        if self.skipping {
            return &[];
        }
        &self.incoming[..self.incoming.len().min(most)]
    }

    /// The next line without its end, or `None` when more octets are needed. `longest` counts
    /// the end of line too. A bare LF ends a line as well: some devices send no CR.
    ///
    /// An overlong line is reported once, when that is certain, and never held.
    pub(crate) fn next_line(&mut self, longest: usize) -> Result<Option<Bytes>, LineTooLong> {
        if self.skipping && !self.skip() {
            return Ok(None);
        }
        let found = memchr::memchr(b'\n', &self.incoming[self.searched..]);
        let length = found.map_or(self.incoming.len(), |at| self.searched + at + 1);
        if length > longest {
            self.searched = 0;
            self.skipping = true;
            return Err(LineTooLong(longest));
        }
        if found.is_none() {
            self.searched = self.incoming.len();
            return Ok(None);
        }
        self.searched = 0;
        let line = &self.incoming[..length - 1];
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        // Copied, so that a short line does not keep hold of the buffer it was read into.
        let line = Bytes::copy_from_slice(line);
        self.incoming.advance(length);
        Ok(Some(line))
    }

    /// Whether the end of the overlong line was found.
    fn skip(&mut self) -> bool {
        match memchr::memchr(b'\n', &self.incoming) {
            Some(end) => {
                self.incoming.advance(end + 1);
                self.skipping = false;
            }
            None => self.incoming.clear(),
        }
        !self.skipping
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cut_whatever_ends_them() {
        let mut lines = Lines::default();
        lines.push(b"one\r\ntwo\nthr");
        assert_eq!(lines.next_line(80), Ok(Some("one".into())));
        assert_eq!(lines.next_line(80), Ok(Some("two".into())));
        assert_eq!(lines.next_line(80), Ok(None));
        lines.push(b"ee\r\n");
        assert_eq!(lines.next_line(80), Ok(Some("three".into())));
    }

    #[test]
    fn an_overlong_line_is_reported_once_and_dropped() {
        let mut lines = Lines::default();
        for _ in 0..3 {
            lines.push(b"0123456789");
        }
        assert_eq!(lines.next_line(20), Err(LineTooLong(20)));
        for _ in 0..1000 {
            assert_eq!(lines.next_line(20), Ok(None));
            lines.push(&[b'x'; 100]);
            assert!(lines.buffer().len() <= 100, "what is dropped is not held");
        }
        lines.push(b"\nnext\n");
        assert_eq!(lines.next_line(20), Ok(Some("next".into())));
    }

    #[test]
    fn the_end_of_line_counts() {
        let mut lines = Lines::default();
        lines.push(b"12\r\n123\r\n");
        assert_eq!(lines.next_line(4), Ok(Some("12".into())));
        assert_eq!(lines.next_line(4), Err(LineTooLong(4)));
        assert_eq!(lines.next_line(4), Ok(None));
    }
}
