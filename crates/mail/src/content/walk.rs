//! Goes through a message as it comes, and tells headers, bodies and the lines between parts
//! apart (RFC 2046 §5.1.1). Nothing but a header, or the beginning of a line, is ever in memory.

mod entity;

pub(crate) use entity::{Entity, Kind, Level, Multipart, Transfer};

/// What for a message is gone through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Its octets are to be written otherwise: messages within it (message/rfc822) are gone through,
    /// too, since they are never encoded as a whole (RFC 2046 §5.2.1).
    Recoding,
    /// Its texts and files are wanted: a message within it is a file.
    TakingApart,
}

/// What is told what.
pub(crate) trait Visitor {
    /// What ends the walk.
    type Error: From<Unwalkable>;

    /// A header is complete. `octets` end with the empty line, if there is one.
    fn header(&mut self, octets: &[u8], entity: &Entity, place: Place) -> Result<(), Self::Error>;

    /// Octets within a line: of a body, or around parts.
    fn text(&mut self, octets: &[u8]);

    /// Octets within a line that stand around parts.
    fn around(&mut self, octets: &[u8], around: Around) {
        let _ = around;
        self.text(octets);
    }

    /// The end of a line.
    fn line_end(&mut self);

    /// Whole lines of a body but for the end of the last.
    fn lines(&mut self, octets: &[u8]) {
        line_by_line(octets, self);
    }

    /// The body of a leaf is over. The end of the line before a delimiter belongs to that.
    fn body_end(&mut self);

    /// A multipart is over and has no part, but text: that was no preamble, which is shown to
    /// nobody, and somebody meant it to be read.
    fn without_parts(&mut self, text: Stray) {
        let _ = text;
    }

    /// Octets between parts: the line of a delimiter, with the end of the line before it.
    fn delimiter(&mut self, octets: &[u8]);
}

/// Tells a visitor of lines one behind the other.
pub(crate) fn line_by_line(octets: &[u8], visitor: &mut (impl Visitor + ?Sized)) {
    let mut rest = octets;
    while let Some(end) = memchr::memmem::find(rest, END) {
        visitor.text(&rest[..end]);
        visitor.line_end();
        rest = &rest[end + END.len()..];
    }
    visitor.text(rest);
}

/// Why a message is not gone through.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unwalkable {
    /// Nobody wrote that by hand.
    #[error("a header of it has more than {limit} octets")]
    HeaderTooLong {
        /// The most, in octets.
        limit: usize,
    },
    /// Parts within parts.
    #[error("its parts are nested more than {limit} deep")]
    TooDeep {
        /// The most.
        limit: usize,
    },
}

/// Where text stands that is in no part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Around {
    /// In a multipart that has no part yet.
    Before,
    /// Behind the last part.
    Behind,
}

/// What of the text of a multipart without parts is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stray {
    pub(crate) is_ascii: bool,
}

/// Where a header stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) level: Level,
    /// In what it is a part, if it is one.
    pub(crate) within: Option<Multipart>,
    /// Whether it is the first there.
    pub(crate) is_first: bool,
    /// Whether and in which choice between forms of the same (multipart/alternative) it stands, at
    /// whatever depth.
    pub(crate) choice: Option<u32>,
    /// Whether a signature is over it.
    pub(crate) is_signed: bool,
}

/// Where a walk stands.
#[derive(Debug)]
pub(crate) struct Walker {
    purpose: Purpose,
    /// The line that is not complete.
    line: Vec<u8>,
    /// Whether its beginning was told already.
    is_told: bool,
    /// An end of a line was not told, since it belongs to a delimiter if one follows.
    has_end: bool,
    at: At,
    open: Vec<Open>,
    /// Messages within messages.
    depth: usize,
    choices: u32,
}

#[derive(Debug)]
enum At {
    Header(Vec<u8>, Place),
    Leaf,
    /// Before the first part, or behind the last.
    Around,
}

/// A multipart whose end is still to come.
#[derive(Debug)]
struct Open {
    boundary: Vec<u8>,
    sort: Multipart,
    /// How many parts of it were begun.
    parts: usize,
    /// What stood in it before them, if that was more than blanks.
    stray: Option<Stray>,
    choice: Option<u32>,
    depth: usize,
}

impl Walker {
    /// At the beginning of a message.
    pub(crate) fn new(purpose: Purpose) -> Self {
        Self {
            purpose,
            line: Vec::new(),
            is_told: false,
            has_end: false,
            at: At::Header(Vec::new(), MESSAGE),
            open: Vec::new(),
            depth: 0,
            choices: 0,
        }
    }

    /// Goes through the next octets.
    pub(crate) fn feed<V: Visitor>(
        &mut self,
        octets: &[u8],
        visitor: &mut V,
    ) -> Result<(), V::Error> {
        let mut rest = octets;
        while !rest.is_empty() {
            let lines = if self.is_between_lines_of_a_body() {
                undelimited(rest)
            } else {
                0
            };
            if lines > 0 {
                self.tell_end(visitor);
                visitor.lines(&rest[..lines - END.len()]);
                self.has_end = true;
                rest = &rest[lines..];
                continue;
            }
            let end = memchr::memchr(b'\n', rest).map(|at| at + 1);
            let (piece, behind) = rest.split_at(end.unwrap_or(rest.len()));
            rest = behind;
            self.line.extend_from_slice(piece);
            if self.line.ends_with(END) {
                let line = std::mem::take(&mut self.line);
                self.complete(&line[..line.len() - END.len()], visitor)?;
                // It is used again for the next.
                self.line = line;
                self.line.clear();
            } else if self.line.len() > LONGEST_LINE && matches!(self.at, At::Leaf | At::Around) {
                self.tell_beginning(visitor);
            } else if self.line.len() > LONGEST_HEADER {
                return Err(TOO_LONG.into());
            }
        }
        Ok(())
    }

    /// The message is over.
    pub(crate) fn finish<V: Visitor>(&mut self, visitor: &mut V) -> Result<(), V::Error> {
        let line = std::mem::take(&mut self.line);
        let is_whole = !std::mem::take(&mut self.is_told);
        if is_whole && let Some(found) = self.delimiter(&line) {
            self.delimit((&line, b""), found, visitor)?;
        } else {
            self.end_with(&line, is_whole, visitor)?;
        }
        // A part that began with the last line has no octets.
        if let At::Header(header, place) = &mut self.at {
            let (header, place) = (std::mem::take(header), *place);
            self.header_ends(&header, place, visitor)?;
        }
        if matches!(self.at, At::Leaf) {
            visitor.body_end();
        }
        self.close(0, visitor);
        Ok(())
    }

    /// The last line has no end, and delimits nothing.
    fn end_with<V: Visitor>(
        &mut self,
        line: &[u8],
        is_whole: bool,
        visitor: &mut V,
    ) -> Result<(), V::Error> {
        while let At::Header(header, place) = &mut self.at {
            let is_of_it = is_of_header(header, line);
            if is_of_it {
                header.extend_from_slice(line);
            }
            let (header, place) = (std::mem::take(header), *place);
            self.header_ends(&header, place, visitor)?;
            if is_of_it {
                return Ok(());
            }
        }
        if is_whole {
            self.tell_end(visitor);
        }
        self.tell(line, visitor);
        Ok(())
    }

    fn is_between_lines_of_a_body(&self) -> bool {
        self.line.is_empty() && !self.is_told && matches!(self.at, At::Leaf)
    }

    /// A line, without its end.
    fn complete<V: Visitor>(&mut self, line: &[u8], visitor: &mut V) -> Result<(), V::Error> {
        let is_whole = !std::mem::take(&mut self.is_told);
        if is_whole && let Some(found) = self.delimiter(line) {
            return self.delimit((line, END), found, visitor);
        }
        let At::Header(header, place) = &mut self.at else {
            if is_whole {
                self.tell_end(visitor);
            }
            self.tell(line, visitor);
            self.has_end = true;
            return Ok(());
        };
        if is_of_header(header, line) {
            header.extend_from_slice(line);
            header.extend_from_slice(END);
            if header.len() > LONGEST_HEADER {
                return Err(TOO_LONG.into());
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

    fn header_ends<V: Visitor>(
        &mut self,
        header: &[u8],
        place: Place,
        visitor: &mut V,
    ) -> Result<(), V::Error> {
        let entity = Entity::read(header, place, self.purpose);
        visitor.header(header, &entity, place)?;
        self.at = match entity.kind {
            Kind::Multipart { boundary, sort } => {
                let choice = if sort == Multipart::Alternative {
                    self.choices = self.choices.saturating_add(1);
                    Some(self.choices)
                } else {
                    place.choice
                };
                self.open.push(Open {
                    boundary,
                    sort,
                    parts: 0,
                    stray: None,
                    choice,
                    depth: self.depth,
                });
                At::Around
            }
            Kind::Message => {
                self.depth += 1;
                let is_signed = place.is_signed;
                At::Header(
                    Vec::new(),
                    Place {
                        is_signed,
                        ..MESSAGE
                    },
                )
            }
            Kind::Text | Kind::Octets | Kind::Rigid(_) => At::Leaf,
        };
        if self.open.len() + self.depth > DEEPEST {
            return Err(Unwalkable::TooDeep { limit: DEEPEST }.into());
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

    fn delimit<V: Visitor>(
        &mut self,
        (line, end): (&[u8], &[u8]),
        (number, is_last): (usize, bool),
        visitor: &mut V,
    ) -> Result<(), V::Error> {
        if let At::Header(header, place) = &mut self.at {
            let (header, place) = (std::mem::take(header), *place);
            self.header_ends(&header, place, visitor)?;
        }
        if matches!(self.at, At::Leaf) {
            visitor.body_end();
        }
        self.depth = self.open[number].depth;
        self.close(number + usize::from(!is_last), visitor);
        if std::mem::take(&mut self.has_end) {
            visitor.delimiter(END);
        }
        visitor.delimiter(line);
        visitor.delimiter(end);
        if is_last {
            self.at = At::Around;
            return Ok(());
        }
        let is_signed = self.open.iter().any(|one| one.sort == Multipart::Signed);
        let open = &mut self.open[number];
        open.parts = open.parts.saturating_add(1);
        let place = Place {
            level: Level::Part,
            within: Some(open.sort),
            is_first: open.parts == 1,
            choice: open.choice,
            is_signed,
        };
        self.at = At::Header(Vec::new(), place);
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
        let line = std::mem::take(&mut self.line);
        self.tell(&line[..told], visitor);
        self.line = line;
        self.line.drain(..told);
        self.is_told = true;
    }

    /// Tells text, and what it stands around if it is in no part.
    fn tell(&mut self, octets: &[u8], visitor: &mut impl Visitor) {
        if !matches!(self.at, At::Around) {
            visitor.text(octets);
            return;
        }
        let Some(open) = self.open.last_mut().filter(|open| open.parts == 0) else {
            visitor.around(octets, Around::Behind);
            return;
        };
        if !octets.trim_ascii().is_empty() {
            let stray = open.stray.get_or_insert(Stray { is_ascii: true });
            stray.is_ascii &= octets.is_ascii();
        }
        visitor.around(octets, Around::Before);
    }

    /// Ends all multiparts but the first `left`.
    fn close(&mut self, left: usize, visitor: &mut impl Visitor) {
        for open in self.open.drain(left..).rev() {
            if let (0, Some(stray)) = (open.parts, open.stray) {
                visitor.without_parts(stray);
            }
        }
    }

    fn tell_end(&mut self, visitor: &mut impl Visitor) {
        if std::mem::take(&mut self.has_end) {
            visitor.line_end();
        }
    }
}

/// Whether this line belongs to the header that has begun so: a field, the rest of one, or its end.
fn is_of_header(header: &[u8], line: &[u8]) -> bool {
    let goes_on = !header.is_empty() && matches!(line.first(), Some(b' ' | b'\t'));
    line.is_empty() || goes_on || is_field(line)
}

/// Whether this line begins a field (RFC 5322 §2.2).
fn is_field(line: &[u8]) -> bool {
    let Some(colon) = memchr::memchr(b':', line) else {
        return false;
    };
    let name = line[..colon].trim_ascii_end();
    !name.is_empty() && name.iter().all(|octet| (33..=126).contains(octet))
}

/// How many octets the whole lines have at the beginning before one that may be a delimiter.
fn undelimited(octets: &[u8]) -> usize {
    if octets.starts_with(b"--") {
        return 0;
    }
    let dashes = memchr::memmem::find(octets, b"\r\n--");
    let end = dashes.or_else(|| memchr::memmem::rfind(octets, END));
    end.map_or(0, |at| at + END.len())
}

/// The message itself, or one within it.
const MESSAGE: Place = Place {
    level: Level::Message,
    within: None,
    is_first: true,
    choice: None,
    is_signed: false,
};
const TOO_LONG: Unwalkable = Unwalkable::HeaderTooLong {
    limit: LONGEST_HEADER,
};
/// What ends a line (RFC 5322 §2.1).
const END: &[u8] = b"\r\n";
/// In octets. A boundary has 70 at most.
const LONGEST_LINE: usize = 4096;
const LONGEST_HEADER: usize = 1024 * 1024;
const DEEPEST: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    /// What was told of multiparts without parts.
    #[derive(Default)]
    struct Told(Vec<bool>);

    impl Visitor for Told {
        type Error = Unwalkable;

        fn header(&mut self, _: &[u8], _: &Entity, _: Place) -> Result<(), Unwalkable> {
            Ok(())
        }

        fn text(&mut self, _: &[u8]) {}

        fn line_end(&mut self) {}

        fn body_end(&mut self) {}

        fn without_parts(&mut self, text: Stray) {
            self.0.push(text.is_ascii);
        }

        fn delimiter(&mut self, _: &[u8]) {}
    }

    #[test]
    fn a_multipart_with_text_and_no_part_is_told_however_it_ends() {
        let multi =
            |boundary: &str| format!("Content-Type: multipart/mixed; boundary={boundary}\r\n\r\n");
        let (a, b) = (multi("a"), multi("b"));
        for (message, told) in [
            (format!("{a}Hi"), vec![true]),
            (format!("{a}Hi\r\nGr\u{fc}\u{df}e\r\n"), vec![false]),
            (format!("{a}Hi\r\n--a--\r\nbehind\r\n"), vec![true]),
            (format!("{a}preamble\r\n--a\r\n\r\nHi\r\n--a--\r\n"), vec![]),
            (format!("{a}preamble\r\n--a"), vec![]),
            (format!("{a} \r\n\t\r\n"), vec![]),
            (a.clone(), vec![]),
            // Within another, whose next part, or end, ends it.
            (
                format!("{a}--a\r\n{b}Hi\r\n--a\r\n\r\nx\r\n--a--"),
                vec![true],
            ),
            (
                format!("{a}--a\r\n{b}\u{fc}\r\n--a--\r\nbehind"),
                vec![false],
            ),
            (format!("{a}--a\r\n{b}Hi"), vec![true]),
            // The text behind it is the outer one's, which has parts.
            (format!("{a}--a\r\n{b}--b--\r\nbehind\r\n--a--\r\n"), vec![]),
            (format!("{a}{}", "x".repeat(3 * LONGEST_LINE)), vec![true]),
        ] {
            for size in [1, 7, message.len()] {
                let mut walker = Walker::new(Purpose::Recoding);
                let mut seen = Told::default();
                for octets in message.as_bytes().chunks(size) {
                    walker.feed(octets, &mut seen).expect("it is gone through");
                }
                walker.finish(&mut seen).expect("it is gone through");
                assert_eq!(seen.0, told, "{size}: {message}");
            }
        }
    }
}
