//! The transparency of POP3 and SMTP: a body ends with a line that is a dot, and lines of the
//! body that begin with one get another (RFC 5321 §4.5.2, RFC 1939 §3).
//!
//! Reading is strict and writing is careful. Only CR LF `.` CR LF ends a body, so a bare LF
//! before a dot cannot smuggle a second message past us; and what is written holds no bare CR
//! or LF at all, which RFC 5321 §2.3.8 forbids, so that it cannot smuggle one past the next.

use bytes::{Buf as _, Bytes, BytesMut};

/// Writes a body: every end of line becomes CR LF, wherever the pieces are cut.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BodyWriter {
    framing: Framing,
    at: Place,
}

/// Whether dots are doubled, and the body ends with one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// DATA of SMTP, and the multi-line replies of POP3.
    Dots,
    /// BDAT, which says the length beforehand (RFC 3030 §2).
    Counted,
}

/// Where in its line a body is that is being written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    LineStart,
    InLine,
    /// A CR came; whether LF follows is not known yet.
    AfterCr,
}

impl BodyWriter {
    /// Starts at the beginning of a body.
    pub(crate) fn new(framing: Framing) -> Self {
        Self {
            framing,
            at: Place::LineStart,
        }
    }

    /// Writes the next octets of the body.
    pub(crate) fn write(&mut self, octets: &[u8], out: &mut BytesMut) {
        if self.leaves_as_they_are(octets) {
            out.extend_from_slice(octets);
            self.has_left(octets);
            return;
        }
        let mut rest = octets;
        if self.at == Place::AfterCr && !rest.is_empty() {
            rest = rest.strip_prefix(b"\n").unwrap_or(rest);
            self.end_line(out);
        }
        while let Some(first) = rest.first() {
            if self.at == Place::LineStart && *first == b'.' && self.framing == Framing::Dots {
                out.extend_from_slice(b".");
            }
            let Some(end) = memchr::memchr2(b'\r', b'\n', rest) else {
                out.extend_from_slice(rest);
                self.at = Place::InLine;
                return;
            };
            out.extend_from_slice(&rest[..end]);
            if rest[end] == b'\r' && end + 1 == rest.len() {
                self.at = Place::AfterCr;
                return;
            }
            let length = if rest[end..].starts_with(b"\r\n") {
                2
            } else {
                1
            };
            rest = &rest[end + length..];
            self.end_line(out);
        }
    }

    /// Ends the body, and its last line if nobody did.
    pub(crate) fn finish(&mut self, out: &mut BytesMut) {
        if self.at != Place::LineStart {
            self.end_line(out);
        }
        if self.framing == Framing::Dots {
            out.extend_from_slice(b".\r\n");
        }
    }

    /// Whether these octets, which come next, are written as they are: most are, and to find out
    /// costs less than to take their lines apart.
    pub(crate) fn leaves_as_they_are(self, octets: &[u8]) -> bool {
        let (Some(first), Some(last)) = (octets.first(), octets.last()) else {
            return true;
        };
        let dots = self.framing == Framing::Dots;
        // What a CR at the end means is known when the next octet comes.
        if self.at == Place::AfterCr
            || *last == b'\r'
            || (dots && self.at == Place::LineStart && *first == b'.')
        {
            return false;
        }
        let mut lines = 0;
        for end in memchr::memchr_iter(b'\n', octets) {
            let follows_cr = end > 0 && octets[end - 1] == b'\r';
            if !follows_cr || (dots && octets.get(end + 1) == Some(&b'.')) {
                return false;
            }
            lines += 1;
        }
        // Every LF follows a CR, so there is no other CR if there are as many.
        memchr::memchr_iter(b'\r', octets).count() == lines
    }

    /// Goes on behind octets that were written as they are.
    pub(crate) fn has_left(&mut self, octets: &[u8]) {
        match octets.last() {
            None => {}
            Some(b'\n') => self.at = Place::LineStart,
            Some(_) => self.at = Place::InLine,
        }
    }

    fn end_line(&mut self, out: &mut BytesMut) {
        out.extend_from_slice(b"\r\n");
        self.at = Place::LineStart;
    }
}

/// Reads a body that ends with a dot, in pieces that are as large as what was received.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BodyReader {
    at: Spot,
}

/// Where in its line a body is that is being read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spot {
    LineStart,
    InLine {
        after_cr: bool,
    },
    /// A dot stood at the start of the line.
    Dot,
    /// And a CR behind it.
    DotCr,
}

/// A piece of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum BodyPart {
    /// The next octets.
    Chunk(Bytes),
    /// The line with the dot was read.
    End,
}

impl BodyReader {
    /// Starts at the beginning of a body.
    pub(crate) fn new() -> Self {
        Self {
            at: Spot::LineStart,
        }
    }

    /// Takes the next part out of what was received, or `None` when more octets are needed.
    pub(crate) fn next_part(&mut self, incoming: &mut BytesMut) -> Option<BodyPart> {
        loop {
            let first = *incoming.first()?;
            self.at = match (self.at, first) {
                (Spot::LineStart, b'.') => {
                    incoming.advance(1);
                    Spot::Dot
                }
                (Spot::Dot, b'\r') => {
                    incoming.advance(1);
                    Spot::DotCr
                }
                (Spot::DotCr, b'\n') => {
                    incoming.advance(1);
                    self.at = Spot::LineStart;
                    return Some(BodyPart::End);
                }
                // The dot was stuffing, and the CR behind it is text.
                (Spot::DotCr, _) => {
                    self.at = Spot::InLine { after_cr: true };
                    return Some(BodyPart::Chunk(Bytes::from_static(b"\r")));
                }
                (Spot::LineStart | Spot::Dot, _) => Spot::InLine { after_cr: false },
                (Spot::InLine { after_cr }, _) => {
                    return Some(BodyPart::Chunk(self.text(after_cr, incoming)));
                }
            };
        }
    }

    /// Everything up to the next line that begins with a dot.
    fn text(&mut self, after_cr: bool, incoming: &mut BytesMut) -> Bytes {
        let mut from = 0;
        while let Some(found) = memchr::memchr(b'\n', &incoming[from..]) {
            let at = from + found;
            let cr_before = if at == 0 {
                after_cr
            } else {
                incoming[at - 1] == b'\r'
            };
            from = at + 1;
            if cr_before && incoming.get(from).is_none_or(|next| *next == b'.') {
                self.at = Spot::LineStart;
                return incoming.split_to(from).freeze();
            }
        }
        self.at = Spot::InLine {
            after_cr: incoming.last() == Some(&b'\r'),
        };
        incoming.split().freeze()
    }
}

/// What is written is read again, and ends where it should, however it is cut.
pub(crate) fn assert_transparent(input: &[u8]) {
    let mut lines = BytesMut::new();
    let mut plain = BodyWriter::new(Framing::Counted);
    plain.write(input, &mut lines);
    plain.finish(&mut lines);

    let mut whole = BytesMut::new();
    let mut writer = BodyWriter::new(Framing::Dots);
    writer.write(input, &mut whole);
    writer.finish(&mut whole);
    let mut octetwise = BytesMut::new();
    let mut writer = BodyWriter::new(Framing::Dots);
    for octet in input.chunks(1) {
        writer.write(octet, &mut octetwise);
    }
    writer.finish(&mut octetwise);
    assert_eq!(whole, octetwise, "the pieces make no difference");

    whole.extend_from_slice(b"behind");
    for read in [whole.len(), 1] {
        assert_eq!(read_body(&whole, read), (lines.to_vec(), true));
    }
    let (any, _) = read_body(input, input.len().max(1));
    assert_eq!(read_body(input, 1).0, any, "the reads make no difference");
}

/// The body at the start of these octets, and whether it ended with them.
fn read_body(octets: &[u8], read: usize) -> (Vec<u8>, bool) {
    let mut reader = BodyReader::new();
    let mut incoming = BytesMut::new();
    let mut body = Vec::new();
    for octets in octets.chunks(read) {
        incoming.extend_from_slice(octets);
        while let Some(part) = reader.next_part(&mut incoming) {
            match part {
                BodyPart::Chunk(chunk) => body.extend_from_slice(&chunk),
                BodyPart::End => return (body, true),
            }
        }
    }
    (body, false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(framing: Framing, body: &[u8]) -> Vec<u8> {
        let mut out = BytesMut::new();
        let mut writer = BodyWriter::new(framing);
        writer.write(body, &mut out);
        writer.finish(&mut out);
        out.to_vec()
    }

    #[test]
    fn lines_that_begin_with_a_dot_get_another() {
        assert_eq!(
            written(Framing::Dots, b".\r\n..a\r\nb.c\r\n"),
            b"..\r\n...a\r\nb.c\r\n.\r\n"
        );
    }

    #[test]
    fn an_empty_body_is_a_dot() {
        assert_eq!(written(Framing::Dots, b""), b".\r\n");
        assert_eq!(written(Framing::Counted, b""), b"");
    }

    #[test]
    fn no_bare_end_of_line_leaves_us() {
        for framing in [Framing::Dots, Framing::Counted] {
            let text = written(framing, b"a\nb\rc\r\r\nd");
            assert!(text.starts_with(b"a\r\nb\r\nc\r\n\r\nd\r\n"), "{text:?}");
        }
    }

    /// Each of these has ended a message for some server, and none does here.
    #[test]
    fn only_a_dot_between_proper_ends_of_line_ends_a_body() {
        for smuggled in [
            "a\n.\nMAIL FROM:<x@y.test>\r\n",
            "a\n.\r\nMAIL FROM:<x@y.test>\r\n",
            "a\r.\r\nMAIL FROM:<x@y.test>\r\n",
            "a\r\n.\rMAIL FROM:<x@y.test>\r\n",
            "a\r\n.\nMAIL FROM:<x@y.test>\r\n",
        ] {
            let octets = format!("{smuggled}.\r\n");
            let (body, ended) = read_body(octets.as_bytes(), octets.len());
            assert!(ended, "{smuggled:?}");
            let passed_on = written(Framing::Dots, &body);
            assert!(
                !passed_on[..passed_on.len() - 5]
                    .windows(5)
                    .any(|five| five == b"\r\n.\r\n"),
                "{smuggled:?} is passed on as one message"
            );
            assert!(
                passed_on
                    .windows(10)
                    .any(|ten| ten == b"MAIL FROM:".as_slice())
            );
        }
    }

    #[test]
    fn every_sample_survives() {
        for sample in [
            "",
            ".",
            "..",
            "\r",
            "\n",
            "\r\n.\r\n",
            ".\r\r\n.",
            "a\r\n.b\r\n.",
            "\r\n.",
        ] {
            assert_transparent(sample.as_bytes());
        }
    }
}
