//! Walks through the parts of a message while its octets come (RFC 2046 §5.1). What is held is one
//! line and one header, however long the message is.

use mail_parser::{MessageParser, MimeHeaders as _};

/// What is met on the walk, in the order of the message.
#[derive(Debug)]
pub(super) enum Piece<'a> {
    /// A part begins that holds no parts.
    Begins(Part),
    /// Octets of its body, as they were encoded for the way.
    Octets(&'a [u8]),
    /// It ends.
    Ends,
}

/// Takes what is met; an error, which is a sentence, ends the walk.
pub(super) type Take<'a> = &'a mut (dyn FnMut(Piece<'_>) -> Result<(), String> + Send);

/// A part that holds no parts.
#[derive(Debug)]
pub(super) struct Part {
    /// Its header with the empty line behind it.
    pub(super) header: Vec<u8>,
    /// Where it stands.
    pub(super) place: Place,
}

/// Where a part stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// What it stands in.
    pub(super) within: Kind,
    /// Whether it is the first there.
    pub(super) is_first: bool,
    /// Whether and in which choice between forms of the same text it stands, at whatever depth.
    pub(super) choice: Option<u32>,
}

/// What parts stand in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Nothing: it is the message itself.
    Message,
    /// `multipart/alternative`.
    Alternative,
    /// `multipart/related`.
    Related,
    /// `multipart/digest`, whose parts are messages unless they say otherwise.
    Digest,
    /// Any other multipart.
    Mixed,
}

/// The walk.
#[derive(Debug)]
pub(super) struct Splitter {
    levels: Vec<Level>,
    at: At,
    /// A line whose end is still to come.
    line: Vec<u8>,
    /// Whether the beginning of that line was handed out already.
    is_continued: bool,
    /// The end of the last line, which belongs to the delimiter if one follows.
    ending: Vec<u8>,
    choices: u32,
}

#[derive(Debug)]
enum At {
    Header(Vec<u8>),
    Body,
    /// Before the first part of a multipart, or behind its last.
    Aside,
}

/// A multipart whose end is still to come.
#[derive(Debug)]
struct Level {
    boundary: Vec<u8>,
    kind: Kind,
    parts: usize,
    choice: Option<u32>,
}

impl Splitter {
    pub(super) fn new() -> Self {
        Self {
            levels: Vec::new(),
            at: At::Header(Vec::new()),
            line: Vec::new(),
            is_continued: false,
            ending: Vec::new(),
            choices: 0,
        }
    }

    /// Goes on with the next octets.
    pub(super) fn push(&mut self, octets: &[u8], take: Take<'_>) -> Result<(), String> {
        let mut rest = octets;
        while !rest.is_empty() {
            let lines = if self.is_between_lines_of_a_body() {
                undelimited(rest)
            } else {
                0
            };
            if lines > 0 {
                self.body(&rest[..lines], take)?;
                rest = &rest[lines..];
                continue;
            }
            let end = memchr::memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
            let (piece, behind) = rest.split_at(end);
            self.line.extend_from_slice(piece);
            let is_whole = piece.ends_with(b"\n");
            if is_whole || self.line.len() >= LONGEST_LINE {
                self.line_came(is_whole, take)?;
            }
            rest = behind;
        }
        Ok(())
    }

    fn is_between_lines_of_a_body(&self) -> bool {
        self.line.is_empty() && !self.is_continued && matches!(self.at, At::Body)
    }

    /// Nothing comes any more.
    pub(super) fn finish(mut self, take: Take<'_>) -> Result<(), String> {
        if !self.line.is_empty() {
            self.line_came(true, take)?;
        }
        match std::mem::replace(&mut self.at, At::Aside) {
            At::Aside => Ok(()),
            At::Body => {
                if !self.ending.is_empty() {
                    take(Piece::Octets(&self.ending))?;
                }
                take(Piece::Ends)
            }
            At::Header(header) => {
                self.begin(header, take)?;
                self.end(take)
            }
        }
    }

    fn line_came(&mut self, is_whole: bool, take: Take<'_>) -> Result<(), String> {
        let mut line = std::mem::take(&mut self.line);
        let is_beginning = !std::mem::replace(&mut self.is_continued, !is_whole);
        let done = if is_beginning && is_whole && line.starts_with(b"--") {
            match self.delimiter(line.trim_ascii_end()) {
                Some((level, is_last)) => self.delimited(level, is_last, take),
                None => self.content(&line, is_beginning, take),
            }
        } else {
            self.content(&line, is_beginning, take)
        };
        // It is used again for the next.
        line.clear();
        self.line = line;
        done
    }

    /// Which multipart a line delimits, and whether it is its last delimiter. An outer one ends
    /// the inner ones that were cut off.
    fn delimiter(&self, line: &[u8]) -> Option<(usize, bool)> {
        let line = line.strip_prefix(b"--")?;
        let mut levels = self.levels.iter().enumerate().rev();
        levels.find_map(|(at, level)| {
            let rest = line.strip_prefix(level.boundary.as_slice())?;
            match rest {
                b"" => Some((at, false)),
                b"--" => Some((at, true)),
                _ => None,
            }
        })
    }

    fn delimited(&mut self, level: usize, is_last: bool, take: Take<'_>) -> Result<(), String> {
        self.ending.clear();
        match std::mem::replace(&mut self.at, At::Aside) {
            At::Aside => {}
            At::Body => take(Piece::Ends)?,
            // A part that ends within its header has no body.
            At::Header(header) => {
                let open = self.levels.len();
                self.begin(header, take)?;
                self.levels.truncate(open);
                self.end(take)?;
            }
        }
        self.levels
            .truncate(if is_last { level } else { level + 1 });
        self.at = At::Aside;
        if let (false, Some(level)) = (is_last, self.levels.last_mut()) {
            level.parts += 1;
            self.at = At::Header(Vec::new());
        }
        Ok(())
    }

    fn content(&mut self, line: &[u8], is_beginning: bool, take: Take<'_>) -> Result<(), String> {
        match &mut self.at {
            At::Aside => Ok(()),
            At::Header(header) => {
                header.extend_from_slice(line);
                if header.len() > LONGEST_HEADER {
                    return Err(format!(
                        "the header of a part has more than {LONGEST_HEADER} octets"
                    ));
                }
                if is_beginning && without_end(line).is_empty() {
                    let header = std::mem::take(header);
                    return self.begin(header, take);
                }
                Ok(())
            }
            At::Body => self.body(line, take),
        }
    }

    /// Hands out lines of a body; the end of the last is kept, since it may belong to a delimiter.
    fn body(&mut self, lines: &[u8], take: Take<'_>) -> Result<(), String> {
        if !self.ending.is_empty() {
            take(Piece::Octets(&self.ending))?;
            self.ending.clear();
        }
        let text = without_end(lines);
        self.ending.extend_from_slice(&lines[text.len()..]);
        if text.is_empty() {
            return Ok(());
        }
        take(Piece::Octets(text))
    }

    /// A header is complete: its part holds others, or is handed out.
    fn begin(&mut self, header: Vec<u8>, take: Take<'_>) -> Result<(), String> {
        let (kind, boundary) = kind(&header)?;
        let above = self.levels.last();
        let choice = above.and_then(|level| level.choice);
        if let Some(boundary) = boundary {
            if self.levels.len() >= MOST_LEVELS {
                return Err(format!("its parts are nested more than {MOST_LEVELS} deep"));
            }
            let choice = if kind == Kind::Alternative {
                self.choices += 1;
                Some(self.choices)
            } else {
                choice
            };
            self.levels.push(Level {
                boundary,
                kind,
                parts: 0,
                choice,
            });
            self.at = At::Aside;
            return Ok(());
        }
        let place = Place {
            within: above.map_or(Kind::Message, |level| level.kind),
            is_first: above.is_none_or(|level| level.parts == 1),
            choice,
        };
        self.at = At::Body;
        take(Piece::Begins(Part { header, place }))
    }

    /// Ends the part that just began, if it was one without parts.
    fn end(&mut self, take: Take<'_>) -> Result<(), String> {
        match std::mem::replace(&mut self.at, At::Aside) {
            At::Body => take(Piece::Ends),
            At::Aside | At::Header(_) => Ok(()),
        }
    }
}

/// How many octets the whole lines have at the beginning before one that looks like a delimiter.
fn undelimited(octets: &[u8]) -> usize {
    if octets.starts_with(b"--") {
        return 0;
    }
    match memchr::memmem::find(octets, b"\n--") {
        Some(at) => at + 1,
        None => memchr::memrchr(b'\n', octets).map_or(0, |at| at + 1),
    }
}

/// A line without what ends it.
fn without_end(line: &[u8]) -> &[u8] {
    let text = line.strip_suffix(b"\n").unwrap_or(line);
    text.strip_suffix(b"\r").unwrap_or(text)
}

/// What a header announces, with the boundary of a multipart. The error says that it is only good
/// as it stands: signed or encrypted.
fn kind(header: &[u8]) -> Result<(Kind, Option<Vec<u8>>), String> {
    let Some(parsed) = MessageParser::default().parse_headers(header) else {
        return Ok((Kind::Mixed, None));
    };
    let Some(found) = parsed.content_type() else {
        return Ok((Kind::Mixed, None));
    };
    let subtype = found.subtype().unwrap_or_default().to_ascii_lowercase();
    if SEALED.contains(&subtype.as_str()) {
        return Err(
            "it is too large for one request, and it is signed or encrypted, so it cannot be taken apart: send it by SMTP"
                .to_owned(),
        );
    }
    if !found.ctype().eq_ignore_ascii_case("multipart") {
        return Ok((Kind::Mixed, None));
    }
    let kind = match subtype.as_str() {
        "alternative" => Kind::Alternative,
        "related" => Kind::Related,
        "digest" => Kind::Digest,
        _ => Kind::Mixed,
    };
    let boundary = found.attribute("boundary").map(str::trim_end);
    let boundary = boundary.filter(|boundary| !boundary.is_empty());
    Ok((kind, boundary.map(|boundary| boundary.as_bytes().to_vec())))
}

const SEALED: [&str; 4] = ["signed", "encrypted", "pkcs7-mime", "x-pkcs7-mime"];
/// Longer than any delimiter: of a line that is longer, nothing waits for its end.
const LONGEST_LINE: usize = 4096;
const LONGEST_HEADER: usize = 1 << 20;
const MOST_LEVELS: usize = 100;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The parts, each with its place and the octets of its body.
    fn split(message: &[u8], piece: usize) -> Result<Vec<(Place, Vec<u8>)>, String> {
        let mut parts: Vec<(Place, Vec<u8>)> = Vec::new();
        let mut open = false;
        let mut take = |piece: Piece<'_>| {
            match piece {
                Piece::Begins(part) => {
                    assert!(!open, "one behind the other");
                    open = true;
                    parts.push((part.place, Vec::new()));
                }
                Piece::Octets(octets) => {
                    assert!(open, "octets of a part");
                    parts
                        .last_mut()
                        .expect("it began")
                        .1
                        .extend_from_slice(octets);
                }
                Piece::Ends => open = false,
            }
            Ok(())
        };
        let mut splitter = Splitter::new();
        for octets in message.chunks(piece) {
            splitter.push(octets, &mut take)?;
        }
        splitter.finish(&mut take)?;
        assert!(!open, "each part ends");
        Ok(parts)
    }

    const NESTED: &str = "Subject: x\r\nContent-Type: multipart/mixed; boundary=\"a b\"\r\n\r\npreamble\r\n--a b\r\nContent-Type: multipart/alternative; boundary=a\r\n\r\n--a\r\n\r\nplain\r\n\r\n--a\t \r\nContent-Type: text/html\r\n\r\n<p>\r\n--ab is no delimiter\r\n--a--\r\nepilogue\r\n--a b\r\nContent-Type: text/plain\r\n--a b\r\n\r\n--a\r\nlast\r\n--a b--\r\n--a b\r\n\r\nbehind the end\r\n";

    #[test]
    fn parts_are_found_however_the_octets_are_cut() {
        for piece in [1, 2, 3, 7, 1000] {
            let parts = split(NESTED.as_bytes(), piece).expect("it is whole");
            let found: Vec<(Kind, bool, Option<u32>, &str)> = parts
                .iter()
                .map(|(place, octets)| {
                    let text = std::str::from_utf8(octets).expect("ASCII");
                    (place.within, place.is_first, place.choice, text)
                })
                .collect();
            assert_eq!(
                found,
                [
                    (Kind::Alternative, true, Some(1), "plain\r\n"),
                    (
                        Kind::Alternative,
                        false,
                        Some(1),
                        "<p>\r\n--ab is no delimiter"
                    ),
                    (Kind::Mixed, false, None, ""),
                    (Kind::Mixed, false, None, "--a\r\nlast"),
                ],
                "{piece}"
            );
        }
    }

    #[test]
    fn lines_of_a_body_go_out_together() {
        let body = "R2F0ZXBvc3Q=\r\n-\r\n".repeat(1_000);
        let message = format!(
            "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n{body}--c\r\n{body}\r\n--b--\r\n"
        );
        let (mut pieces, mut octets) = (0, Vec::new());
        let mut take = |piece: Piece<'_>| {
            if let Piece::Octets(some) = piece {
                pieces += 1;
                octets.extend_from_slice(some);
            }
            Ok(())
        };
        let mut splitter = Splitter::new();
        splitter
            .push(message.as_bytes(), &mut take)
            .expect("it is whole");
        splitter.finish(&mut take).expect("it ends");
        assert_eq!(octets, format!("{body}--c\r\n{body}").as_bytes());
        assert!(pieces <= 8, "{pieces} pieces of {} octets", octets.len());
    }

    #[test]
    fn a_message_without_parts_is_one_whatever_ends_its_lines() {
        let parts = split(b"Subject: x\n\none\r\ntwo\n", 3).expect("it is whole");
        assert_eq!(parts[0].1, b"one\r\ntwo\n");
        assert_eq!(parts[0].0.within, Kind::Message);
        let parts = split(b"Subject: x", 3).expect("it is whole");
        assert_eq!(parts[0].1, b"");
    }

    #[test]
    fn what_is_cut_off_ends_with_what_is_there() {
        let cut = "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nhal";
        let parts = split(cut.as_bytes(), 5).expect("it is read");
        assert_eq!(parts[0].1, b"hal");
        let nothing = "Content-Type: multipart/mixed; boundary=b\r\n\r\n";
        assert!(split(nothing.as_bytes(), 5).expect("it is read").is_empty());
    }

    #[test]
    fn no_line_and_no_nesting_is_held_without_bounds() {
        let mut splitter = Splitter::new();
        let mut octets = 0;
        let mut take = |piece: Piece<'_>| {
            if let Piece::Octets(some) = piece {
                octets += some.len();
            }
            Ok(())
        };
        splitter.push(b"\r\n", &mut take).expect("a header");
        for _ in 0..100 {
            splitter.push(&[b'-'; 1000], &mut take).expect("a body");
        }
        assert!(splitter.line.len() <= LONGEST_LINE);
        splitter.finish(&mut take).expect("it ends");
        assert_eq!(octets, 100_000);

        let levels = (1..=MOST_LEVELS).map(|at| {
            let outer = at - 1;
            format!("--{outer}\r\nContent-Type: multipart/mixed; boundary={at}\r\n\r\n")
        });
        let deep = levels.collect::<Vec<_>>().concat();
        let deep = format!("Content-Type: multipart/mixed; boundary=0\r\n\r\n{deep}");
        let refused = split(deep.as_bytes(), 1000).expect_err("it is too deep");
        assert!(refused.contains("nested"), "{refused}");
    }

    proptest! {
        #[test]
        fn any_octets_are_split_alike_however_they_are_cut(
            body in "(--(a|a b|b)(--)?\r?\n|Content-Type: multipart/mixed; boundary=b\r\n|\r\n|[a-z-]{0,9}\n?){0,20}",
            piece in 1_usize..20,
        ) {
            let message = format!("Content-Type: multipart/mixed; boundary=a\r\n\r\n{body}");
            let whole = split(message.as_bytes(), message.len());
            prop_assert_eq!(split(message.as_bytes(), piece), whole);
        }
    }
}
