//! Cuts a stream of IMAP octets into messages, with every size bounded and literals streamed.

use std::fmt;

use bytes::{Buf, Bytes, BytesMut};

use super::announcement::{Announcement, LONGEST_ANNOUNCEMENT, LiteralMode};

/// Cuts octets into [`Part`]s, the same for both directions.
///
/// Feed it with [`push`](Self::push) (or by reading into [`buffer`](Self::buffer)) when
/// [`next_part`](Self::next_part) has answered `None`. A message is one line, or several lines
/// joined by literals (RFC 9051 §4.3). When a literal is announced, say what is to become of
/// it with [`accept`](Self::accept) or [`refuse`](Self::refuse).
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

/// Mail passes through here, so only sizes are printed.
impl fmt::Debug for Assembler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Assembler")
            .field("incoming", &self.incoming.len())
            .field("message", &self.message.len())
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
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

    /// Gives away what was received and not cut. Only between two messages, or that one is torn.
    pub fn take_leftover(&mut self) -> Bytes {
        self.searched = 0;
        self.incoming.split().freeze()
    }

    /// The message so far, up to and with the line that announces a literal. Behind
    /// [`Bound::Line`] it ends soon after the beginning of the line that is too long.
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
            // How it begins tells whose command it is.
            let shown = (self.bounds.line - self.lines).min(LONGEST_BEGINNING);
            self.message.extend_from_slice(&self.incoming[..shown]);
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
        match Announcement::at_end_of(&self.message[line_start..]) {
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
        let announced = Announcement::at_end_of(&self.incoming[..=end]);
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
        // Whole and not split off, so that nothing keeps hold of the buffer it was read into.
        std::mem::take(&mut self.message).freeze()
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

/// How much of an overlong line is shown: more than any tag has.
const LONGEST_BEGINNING: usize = 256;

#[cfg(test)]
mod tests;
