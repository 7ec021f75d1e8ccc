//! Cuts a stream of IMAP octets into messages, with every size bounded and literals streamed.

use bytes::{Buf, Bytes, BytesMut};

/// Cuts octets into [`Part`]s, the same for both directions.
///
/// Feed it with [`push`](Self::push) (or by reading into [`buffer`](Self::buffer)) when
/// [`next_part`](Self::next_part) has answered `None`. A message is one line, or several lines
/// joined by literals (RFC 9051 §4.3). When a literal is announced, say what is to become of
/// it with [`accept`](Self::accept) or [`refuse`](Self::refuse).
#[derive(Debug)]
pub struct Assembler {
    bounds: Bounds,
    /// Received and not yet cut.
    incoming: BytesMut,
    /// How much of `incoming` is known to hold no end of line.
    searched: usize,
    /// What has been kept of the current message.
    message: BytesMut,
    /// How many octets of it are lines.
    lines: usize,
    /// How many octets of it are kept literals.
    kept: usize,
    literals: usize,
    state: State,
}

/// What was cut off the stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// A whole message with its final end of line. Kept literals stand in it; a streamed or
    /// discarded one is replaced by an empty literal, so that the message still decodes.
    Message(Bytes),
    /// The line that ended announces a literal. [`Assembler::head`] is the message so far.
    Announced(Announcement),
    /// The next octets of a streamed literal.
    Chunk(Bytes),
    /// A streamed literal is complete.
    LiteralEnd,
}

/// The announcement of a literal (RFC 9051 §4.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Announcement {
    /// How many octets follow.
    pub length: u64,
    /// Whether the sender waits.
    pub mode: LiteralMode,
}

/// Whether the sender of a literal waits for leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LiteralMode {
    /// `{n}`: a client waits for `+` before it sends the octets. A server never waits.
    Synchronizing,
    /// `{n+}`: the octets follow at once (RFC 7888).
    NonSynchronizing,
}

/// What becomes of an announced literal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Treatment {
    /// It is kept in the message; it must be within [`Bounds::literal`].
    Keep,
    /// Its octets come as [`Part::Chunk`]s and then [`Part::LiteralEnd`].
    Stream,
    /// Its octets are counted and dropped.
    Discard,
    /// It is none: free text that only looks like an announcement. The message ends here.
    Text,
}

/// How much of one message is held in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// The longest line, in octets, with its end of line; also the sum of the lines of a message.
    pub line: usize,
    /// The longest literal that may be kept, in octets; also the sum of those of a message.
    pub literal: usize,
    /// How many literals a message may have.
    pub literals: usize,
}

/// A bound was passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Bound {
    /// The rest of this line is dropped, and the next message is cut as usual.
    #[error("a line is longer than {0} octets")]
    Line(usize),
    /// The literal has to be streamed, discarded or refused instead.
    #[error("a literal is longer than {0} octets")]
    Literal(usize),
    /// The literal has to be refused, or the connection closed.
    #[error("a message has more than {0} literals")]
    Literals(usize),
}

#[derive(Debug, Clone, Copy)]
enum State {
    Line,
    /// The message holds the line that announces; what becomes of the literal is not yet said.
    Announced {
        announcement: Announcement,
        line_start: usize,
    },
    Keeping {
        left: usize,
    },
    Streaming {
        left: u64,
    },
    Discarding {
        left: u64,
        then: AfterDiscard,
    },
    /// The message is complete though its last line looked like an announcement.
    Whole,
    /// The line is over its bound; its end is looked for.
    Skipping,
}

#[derive(Debug, Clone, Copy)]
enum AfterDiscard {
    Line,
    Skip,
}

impl Assembler {
    /// Starts at the beginning of a message.
    pub fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            incoming: BytesMut::new(),
            searched: 0,
            message: BytesMut::new(),
            lines: 0,
            kept: 0,
            literals: 0,
            state: State::Line,
        }
    }

    /// Replaces the bounds, for instance after login. They hold from the next line on.
    pub fn set_bounds(&mut self, bounds: Bounds) {
        self.bounds = bounds;
    }

    /// Takes octets that were received.
    pub fn push(&mut self, octets: &[u8]) {
        self.incoming.extend_from_slice(octets);
    }

    /// Where to read into, for a driver that reads without copying: append only.
    pub fn buffer(&mut self) -> &mut BytesMut {
        &mut self.incoming
    }

    /// Whether octets were received that have not been cut. Behind the answer to STARTTLS there
    /// must be none: they were not protected (RFC 9051 §6.2.1).
    pub fn has_leftover(&self) -> bool {
        !self.incoming.is_empty()
    }

    /// The message so far, up to and with the line that announces a literal.
    pub fn head(&self) -> &[u8] {
        &self.message
    }

    /// The next part, or `None` when more octets are needed.
    pub fn next_part(&mut self) -> Result<Option<Part>, Bound> {
        loop {
            match self.state {
                State::Line => return self.cut_line(),
                State::Announced { announcement, .. } => {
                    return Ok(Some(Part::Announced(announcement)));
                }
                State::Whole => return Ok(Some(Part::Message(self.end_message()))),
                State::Streaming { left: 0 } => {
                    self.state = State::Line;
                    return Ok(Some(Part::LiteralEnd));
                }
                State::Streaming { left } => {
                    let taken = self.available(left);
                    if taken == 0 {
                        return Ok(None);
                    }
                    self.state = State::Streaming {
                        left: left - taken as u64,
                    };
                    return Ok(Some(Part::Chunk(self.incoming.split_to(taken).freeze())));
                }
                State::Keeping { left } => {
                    if !self.keep(left) {
                        return Ok(None);
                    }
                }
                State::Discarding { left, then } => {
                    if !self.discard(left, then) {
                        return Ok(None);
                    }
                }
                State::Skipping => {
                    if !self.skip() {
                        return Ok(None);
                    }
                }
            }
        }
    }

    /// Says what becomes of the announced literal. Does nothing when none is announced.
    ///
    /// When a bound forbids it, nothing has happened and another treatment may be chosen.
    pub fn accept(&mut self, treatment: Treatment) -> Result<(), Bound> {
        let State::Announced {
            announcement,
            line_start,
        } = self.state
        else {
            return Ok(());
        };
        let length = announcement.length;
        let counted = matches!(treatment, Treatment::Keep | Treatment::Stream);
        if counted && self.literals >= self.bounds.literals {
            return Err(Bound::Literals(self.bounds.literals));
        }
        self.state = match treatment {
            Treatment::Keep => {
                let room = self.bounds.literal - self.kept;
                let left = usize::try_from(length)
                    .ok()
                    .filter(|length| *length <= room)
                    .ok_or(Bound::Literal(self.bounds.literal))?;
                self.kept += left;
                State::Keeping { left }
            }
            Treatment::Stream => {
                self.announce_nothing(line_start, announcement.mode);
                State::Streaming { left: length }
            }
            Treatment::Discard => {
                self.announce_nothing(line_start, announcement.mode);
                State::Discarding {
                    left: length,
                    then: AfterDiscard::Line,
                }
            }
            Treatment::Text => State::Whole,
        };
        self.literals += usize::from(counted);
        Ok(())
    }

    /// Drops the message whose synchronizing literal was announced: the client was told `NO` or
    /// `BAD` and does not send the octets. Only a server may do this (RFC 9051 §4.3).
    pub fn refuse(&mut self) {
        if let State::Announced { .. } = self.state {
            self.end_message();
        }
    }

    fn cut_line(&mut self) -> Result<Option<Part>, Bound> {
        let found = memchr::memchr(b'\n', &self.incoming[self.searched..]);
        let line = found.map_or(self.incoming.len(), |at| self.searched + at + 1);
        if self.lines + line > self.bounds.line {
            self.searched = 0;
            self.state = State::Skipping;
            return Err(Bound::Line(self.bounds.line));
        }
        if found.is_none() {
            self.searched = self.incoming.len();
            return Ok(None);
        }
        self.searched = 0;
        self.lines += line;
        let line_start = self.message.len();
        self.message.unsplit(self.incoming.split_to(line));
        match announcement(&self.message[line_start..]) {
            Some(announcement) => {
                self.state = State::Announced {
                    announcement,
                    line_start,
                };
                Ok(Some(Part::Announced(announcement)))
            }
            None => Ok(Some(Part::Message(self.end_message()))),
        }
    }

    /// Whether the whole literal has been kept.
    fn keep(&mut self, left: usize) -> bool {
        let taken = left.min(self.incoming.len());
        self.message.unsplit(self.incoming.split_to(taken));
        self.state = if left == taken {
            State::Line
        } else {
            State::Keeping { left: left - taken }
        };
        left == taken
    }

    /// Whether the whole literal has been dropped.
    fn discard(&mut self, left: u64, then: AfterDiscard) -> bool {
        let taken = self.available(left);
        self.incoming.advance(taken);
        let left = left - taken as u64;
        self.state = match (left, then) {
            (0, AfterDiscard::Line) => State::Line,
            (0, AfterDiscard::Skip) => State::Skipping,
            _ => State::Discarding { left, then },
        };
        left == 0
    }

    /// Whether the end of the overlong line was found. The octets of a literal that it
    /// announces without waiting must not be taken for messages.
    fn skip(&mut self) -> bool {
        let Some(end) = memchr::memchr(b'\n', &self.incoming) else {
            let excess = self.incoming.len().saturating_sub(LONGEST_ANNOUNCEMENT);
            self.incoming.advance(excess);
            return false;
        };
        let announced = announcement(&self.incoming[..=end]);
        self.incoming.advance(end + 1);
        match announced {
            Some(Announcement {
                length,
                mode: LiteralMode::NonSynchronizing,
            }) => {
                self.state = State::Discarding {
                    left: length,
                    then: AfterDiscard::Skip,
                };
            }
            _ => {
                self.end_message();
            }
        }
        true
    }

    fn end_message(&mut self) -> Bytes {
        self.state = State::Line;
        self.lines = 0;
        self.kept = 0;
        self.literals = 0;
        self.message.split().freeze()
    }

    fn available(&self, wanted: u64) -> usize {
        usize::try_from(wanted).map_or(self.incoming.len(), |w| w.min(self.incoming.len()))
    }

    /// Puts an empty literal where the announced one was.
    fn announce_nothing(&mut self, line_start: usize, mode: LiteralMode) {
        let brace = memchr::memrchr(b'{', &self.message[line_start..])
            .expect("the line was parsed as an announcement");
        self.message.truncate(line_start + brace);
        self.message.extend_from_slice(match mode {
            LiteralMode::Synchronizing => b"{0}\r\n".as_slice(),
            LiteralMode::NonSynchronizing => b"{0+}\r\n".as_slice(),
        });
    }
}

/// Reads `{n}` or `{n+}` at the end of a line.
fn announcement(line: &[u8]) -> Option<Announcement> {
    let line = line.strip_suffix(b"\n")?;
    let line = line
        .strip_suffix(b"\r")
        .unwrap_or(line)
        .strip_suffix(b"}")?;
    let (line, mode) = match line.strip_suffix(b"+") {
        Some(line) => (line, LiteralMode::NonSynchronizing),
        None => (line, LiteralMode::Synchronizing),
    };
    let brace = memchr::memrchr(b'{', line)?;
    let digits = &line[brace + 1..];
    if digits.is_empty() || digits.len() > LONGEST_LENGTH || !digits.iter().all(u8::is_ascii_digit)
    {
        return None;
    }
    let length = digits
        .iter()
        .fold(0, |length, digit| length * 10 + u64::from(digit - b'0'));
    Some(Announcement { length, mode })
}

/// Eighteen digits fit into 64 bits; a longer number announces nothing.
const LONGEST_LENGTH: usize = 18;
/// Braces, digits, `+` and the end of line.
const LONGEST_ANNOUNCEMENT: usize = LONGEST_LENGTH + 5;

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds {
        line: 64,
        literal: 16,
        literals: 2,
    };

    fn fed(octets: &[u8]) -> Assembler {
        let mut assembler = Assembler::new(BOUNDS);
        assembler.push(octets);
        assembler
    }

    #[expect(
        clippy::unnecessary_wraps,
        reason = "it is compared with what next_part answers"
    )]
    fn message(octets: &'static [u8]) -> Result<Option<Part>, Bound> {
        Ok(Some(Part::Message(Bytes::from_static(octets))))
    }

    #[test]
    fn a_kept_literal_stands_in_the_message() {
        let mut assembler = fed(b"* 1 FETCH (BODY[] {3}\r\na\r\n)\r\nA1 OK done\r\n");
        let announced = Announcement {
            length: 3,
            mode: LiteralMode::Synchronizing,
        };
        assert_eq!(assembler.next_part(), Ok(Some(Part::Announced(announced))));
        assert_eq!(assembler.accept(Treatment::Keep), Ok(()));
        assert_eq!(
            assembler.next_part(),
            message(b"* 1 FETCH (BODY[] {3}\r\na\r\n)\r\n")
        );
        assert_eq!(assembler.next_part(), message(b"A1 OK done\r\n"));
        assert_eq!(assembler.next_part(), Ok(None));
    }

    #[test]
    fn a_streamed_literal_leaves_an_empty_one() {
        let mut assembler = fed(b"* 1 FETCH (BODY[] {30}\r\n");
        assert!(matches!(
            assembler.next_part(),
            Ok(Some(Part::Announced(_)))
        ));
        assert_eq!(assembler.accept(Treatment::Keep), Err(Bound::Literal(16)));
        assert_eq!(assembler.accept(Treatment::Stream), Ok(()));
        assembler.push(&[b'x'; 20]);
        assert_eq!(
            assembler.next_part(),
            Ok(Some(Part::Chunk(vec![b'x'; 20].into())))
        );
        assert_eq!(assembler.next_part(), Ok(None));
        assembler.push(b"yyyyyyyyyy UID 7)\r\n");
        assert_eq!(
            assembler.next_part(),
            Ok(Some(Part::Chunk(vec![b'y'; 10].into())))
        );
        assert_eq!(assembler.next_part(), Ok(Some(Part::LiteralEnd)));
        assert_eq!(
            assembler.next_part(),
            message(b"* 1 FETCH (BODY[] {0}\r\n UID 7)\r\n")
        );
    }

    #[test]
    fn an_overlong_line_is_dropped_and_the_next_message_is_cut() {
        let mut assembler = fed(&[b'x'; 65]);
        assert_eq!(assembler.next_part(), Err(Bound::Line(64)));
        assembler.push(&[b'x'; 1000]);
        assert_eq!(assembler.next_part(), Ok(None));
        assert!(
            assembler.incoming.len() <= LONGEST_ANNOUNCEMENT,
            "what is dropped is not held"
        );
        assembler.push(b"\r\nA2 NOOP\r\n");
        assert_eq!(assembler.next_part(), message(b"A2 NOOP\r\n"));
    }

    #[test]
    fn the_literal_of_an_overlong_line_is_not_taken_for_commands() {
        let mut line = vec![b'x'; 100];
        line.extend_from_slice(b" {13+}\r\nA2 LOGOUT\r\n\r\n rest\r\nA3 NOOP\r\n");
        let mut assembler = fed(&line);
        assert_eq!(assembler.next_part(), Err(Bound::Line(64)));
        assert_eq!(assembler.next_part(), message(b"A3 NOOP\r\n"));
    }

    #[test]
    fn a_refused_literal_ends_its_message() {
        let mut assembler = fed(b"A1 APPEND x {99999999999}\r\nA2 NOOP\r\n");
        assert!(matches!(
            assembler.next_part(),
            Ok(Some(Part::Announced(_)))
        ));
        assembler.refuse();
        assert_eq!(assembler.next_part(), message(b"A2 NOOP\r\n"));
    }

    #[test]
    fn text_that_looks_like_an_announcement_is_text() {
        let mut assembler = fed(b"A1 NO there is no folder x{5}\r\nA2 OK\r\n");
        assert!(matches!(
            assembler.next_part(),
            Ok(Some(Part::Announced(_)))
        ));
        assert_eq!(assembler.accept(Treatment::Text), Ok(()));
        assert_eq!(
            assembler.next_part(),
            message(b"A1 NO there is no folder x{5}\r\n")
        );
        assert_eq!(assembler.next_part(), message(b"A2 OK\r\n"));
    }

    #[test]
    fn literals_are_counted() {
        let mut assembler = fed(b"A1 X {1+}\r\na {1+}\r\nb {1+}\r\nc\r\n");
        for _ in 0..2 {
            assert!(matches!(
                assembler.next_part(),
                Ok(Some(Part::Announced(_)))
            ));
            assert_eq!(assembler.accept(Treatment::Keep), Ok(()));
        }
        assert!(matches!(
            assembler.next_part(),
            Ok(Some(Part::Announced(_)))
        ));
        assert_eq!(assembler.accept(Treatment::Keep), Err(Bound::Literals(2)));
        assert_eq!(assembler.accept(Treatment::Discard), Ok(()));
        assert!(matches!(assembler.next_part(), Ok(Some(Part::Message(_)))));
    }
}
