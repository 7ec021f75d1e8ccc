//! Goes through a message as it comes, and tells headers, bodies and the lines between parts
//! apart (RFC 2046 §5.1.1).

use super::Obstacle;
use super::entity::{Entity, Kind, Level, Place};

/// What is told what.
pub(super) trait Visitor {
    /// A header is complete. `octets` end with the empty line, if there is one.
    fn header(&mut self, octets: &[u8], entity: &Entity, within: Within) -> Result<(), Obstacle>;

    /// Octets within a line of a body.
    fn text(&mut self, octets: &[u8]);

    /// The end of a line of a body.
    fn line_end(&mut self);

    /// The body of a leaf is over. The end of the line before a delimiter belongs to that.
    fn body_end(&mut self);

    /// A multipart has its first part: what stood before it is shown to nobody.
    fn parts_begin(&mut self) {}

    /// Octets between parts: the line of a delimiter, with the end of the line before it.
    fn delimiter(&mut self, octets: &[u8]);
}

/// Around what a header stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Within {
    /// Nothing that minds.
    Anything,
    /// What a signature is over.
    Signed,
}

/// Where a message stands.
#[derive(Debug)]
pub(super) struct Walker {
    /// The line that is not complete.
    line: Vec<u8>,
    /// Whether its beginning was told already.
    is_told: bool,
    /// An end of a line was not told, since it belongs to a delimiter if one follows.
    has_end: bool,
    at: At,
    open: Vec<Multipart>,
    /// Messages within messages.
    depth: usize,
}

#[derive(Debug)]
enum At {
    Header(Vec<u8>, Place),
    Leaf,
    /// Before the first part, or behind the last.
    Around,
}

#[derive(Debug)]
struct Multipart {
    boundary: Vec<u8>,
    is_signed: bool,
    is_digest: bool,
    /// Whether a part of it was begun.
    has_part: bool,
    depth: usize,
}

impl Walker {
    /// At the beginning of a message.
    pub(super) fn new() -> Self {
        let place = Place {
            level: Level::Message,
            in_digest: false,
        };
        Self {
            line: Vec::new(),
            is_told: false,
            has_end: false,
            at: At::Header(Vec::new(), place),
            open: Vec::new(),
            depth: 0,
        }
    }

    /// Goes through the next octets.
    pub(super) fn feed(
        &mut self,
        mut octets: &[u8],
        visitor: &mut impl Visitor,
    ) -> Result<(), Obstacle> {
        while !octets.is_empty() {
            let end = memchr::memchr(b'\n', octets).map(|at| at + 1);
            let (piece, rest) = octets.split_at(end.unwrap_or(octets.len()));
            octets = rest;
            self.line.extend_from_slice(piece);
            if self.line.ends_with(b"\r\n") {
                let line = std::mem::take(&mut self.line);
                self.complete(&line[..line.len() - 2], visitor)?;
                self.line = line;
                self.line.clear();
            } else if self.line.len() > LONGEST_LINE && matches!(self.at, At::Leaf | At::Around) {
                self.tell_beginning(visitor);
            } else if self.line.len() > LONGEST_HEADER {
                let limit = LONGEST_HEADER;
                return Err(Obstacle::HeaderTooLong { limit });
            }
        }
        Ok(())
    }

    /// The message is over.
    pub(super) fn finish(&mut self, visitor: &mut impl Visitor) -> Result<(), Obstacle> {
        let line = std::mem::take(&mut self.line);
        let place = match &mut self.at {
            At::Header(header, place) => {
                header.extend_from_slice(&line);
                Some((std::mem::take(header), *place))
            }
            At::Leaf | At::Around => None,
        };
        if let Some((header, place)) = place {
            self.header_ends(&header, place, visitor)?;
        } else {
            self.tell_end(visitor);
            visitor.text(&line);
        }
        self.tell_end(visitor);
        if matches!(self.at, At::Leaf) {
            visitor.body_end();
        }
        Ok(())
    }

    /// A line, without its end.
    fn complete(&mut self, line: &[u8], visitor: &mut impl Visitor) -> Result<(), Obstacle> {
        let is_whole = !std::mem::take(&mut self.is_told);
        if is_whole && let Some((number, is_last)) = self.delimiter(line) {
            return self.delimit(line, (number, is_last), visitor);
        }
        let At::Header(header, place) = &mut self.at else {
            if is_whole {
                self.tell_end(visitor);
            }
            visitor.text(line);
            self.has_end = true;
            return Ok(());
        };
        let goes_on = !header.is_empty() && matches!(line.first(), Some(b' ' | b'\t'));
        if line.is_empty() || goes_on || is_field(line) {
            header.extend_from_slice(line);
            header.extend_from_slice(b"\r\n");
            if header.len() > LONGEST_HEADER {
                let limit = LONGEST_HEADER;
                return Err(Obstacle::HeaderTooLong { limit });
            }
            if line.is_empty() {
                let (header, place) = (std::mem::take(header), *place);
                self.header_ends(&header, place, visitor)?;
            }
            return Ok(());
        }
        // What is no field begins the body.
        let (header, place) = (std::mem::take(header), *place);
        self.header_ends(&header, place, visitor)?;
        self.complete(line, visitor)
    }

    fn header_ends(
        &mut self,
        header: &[u8],
        place: Place,
        visitor: &mut impl Visitor,
    ) -> Result<(), Obstacle> {
        let entity = Entity::read(header, place);
        let within = if self.open.iter().any(|one| one.is_signed) {
            Within::Signed
        } else {
            Within::Anything
        };
        visitor.header(header, &entity, within)?;
        self.at = match entity.kind {
            Kind::Multipart {
                boundary,
                is_signed,
                is_digest,
            } => {
                self.open.push(Multipart {
                    boundary,
                    is_signed,
                    is_digest,
                    has_part: false,
                    depth: self.depth,
                });
                At::Around
            }
            Kind::Message => {
                self.depth += 1;
                let place = Place {
                    level: Level::Message,
                    in_digest: false,
                };
                At::Header(Vec::new(), place)
            }
            Kind::Text | Kind::Octets | Kind::Rigid(_) => At::Leaf,
        };
        if self.open.len() + self.depth > DEEPEST {
            return Err(Obstacle::TooDeep { limit: DEEPEST });
        }
        Ok(())
    }

    /// Which multipart this line delimits, and whether it is its last. Blanks behind it are
    /// padding, and no boundary ends with one (RFC 2046 §5.1.1).
    fn delimiter(&self, line: &[u8]) -> Option<(usize, bool)> {
        let line = line.strip_prefix(b"--")?.trim_ascii_end();
        let last = line.strip_suffix(b"--");
        self.open.iter().enumerate().rev().find_map(|(at, one)| {
            let boundary = one.boundary.trim_ascii_end();
            if line == boundary {
                Some((at, false))
            } else {
                let is_last = last == Some(&one.boundary[..]) || last == Some(boundary);
                is_last.then_some((at, true))
            }
        })
    }

    fn delimit(
        &mut self,
        line: &[u8],
        (number, is_last): (usize, bool),
        visitor: &mut impl Visitor,
    ) -> Result<(), Obstacle> {
        if let At::Header(header, place) = &mut self.at {
            let (header, place) = (std::mem::take(header), *place);
            self.header_ends(&header, place, visitor)?;
        }
        if matches!(self.at, At::Leaf) {
            visitor.body_end();
        }
        let is_innermost = number + 1 == self.open.len();
        if !is_last && is_innermost && !std::mem::replace(&mut self.open[number].has_part, true) {
            visitor.parts_begin();
        }
        if std::mem::take(&mut self.has_end) {
            visitor.delimiter(b"\r\n");
        }
        visitor.delimiter(line);
        visitor.delimiter(b"\r\n");
        self.open.truncate(number + 1);
        self.depth = self.open[number].depth;
        if is_last {
            self.open.pop();
            self.at = At::Around;
        } else {
            let place = Place {
                level: Level::Part,
                in_digest: self.open[number].is_digest,
            };
            self.at = At::Header(Vec::new(), place);
        }
        Ok(())
    }

    /// Tells the beginning of a line that is too long to delimit anything.
    fn tell_beginning(&mut self, visitor: &mut impl Visitor) {
        if !self.is_told {
            self.tell_end(visitor);
        }
        // A CR may belong to the end of the line.
        let ends = usize::from(self.line.ends_with(b"\r"));
        let told = self.line.len() - ends;
        visitor.text(&self.line[..told]);
        self.line.drain(..told);
        self.is_told = true;
    }

    fn tell_end(&mut self, visitor: &mut impl Visitor) {
        if std::mem::take(&mut self.has_end) {
            visitor.line_end();
        }
    }
}

/// Whether this line begins a field (RFC 5322 §2.2).
fn is_field(line: &[u8]) -> bool {
    let Some(colon) = memchr::memchr(b':', line) else {
        return false;
    };
    let name = line[..colon].trim_ascii_end();
    !name.is_empty() && name.iter().all(|octet| (33..=126).contains(octet))
}

/// In octets. A boundary has 70 at most.
const LONGEST_LINE: usize = 4096;
const LONGEST_HEADER: usize = 1024 * 1024;
const DEEPEST: usize = 100;
