//! Line endings: whatever they were, they become CRLF.
//!
//! A CR alone ends a line of a body, and none of a header, where it would begin a field that nobody
//! wrote, such as a Bcc in the subject that a form was filled in with. There it becomes a blank, as at
//! Postfix (<https://www.postfix.org/postconf.5.html#cleanup_replace_stray_cr_lf>).

/// What ends a message besides its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// Nothing.
    End,
    /// A line with nothing but a dot.
    Dot,
}

/// Makes lines of octets as they come.
#[derive(Debug)]
pub(super) struct Lines {
    ending: Ending,
    /// A CR came, of which it is not known yet whether a LF follows.
    cr: bool,
    /// Whether one that is alone stays as it is.
    keeps_cr: bool,
    at: At,
}

/// Where in a line the next octet stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    Beginning,
    /// Behind a dot at the beginning, which is held back.
    Dot,
    Middle,
    /// Behind the end of the message.
    Over,
}

impl Lines {
    pub(super) fn new(ending: Ending) -> Self {
        Self {
            ending,
            cr: false,
            keeps_cr: true,
            at: At::Beginning,
        }
    }

    /// The header is over: a CR alone ends a line from now on. Until then it stays, for whoever knows
    /// where the header ends ([`blank`], [`end_at_cr`]).
    pub(super) fn begin_body(&mut self) {
        self.keeps_cr = false;
    }

    /// Takes octets; writes lines to `out`. Answers whether more are wanted.
    pub(super) fn feed(&mut self, mut octets: &[u8], out: &mut Vec<u8>) -> bool {
        while self.at != At::Over && !octets.is_empty() {
            if std::mem::take(&mut self.cr) {
                match octets.strip_prefix(b"\n") {
                    Some(rest) => {
                        octets = rest;
                        self.end_line(out);
                    }
                    None if self.keeps_cr => self.within(b"\r", out),
                    None => self.end_line(out),
                }
                continue;
            }
            let end = memchr::memchr2(b'\r', b'\n', octets).unwrap_or(octets.len());
            let (line, rest) = octets.split_at(end);
            self.within(line, out);
            octets = match rest.split_first() {
                Some((b'\r', rest)) => {
                    self.cr = true;
                    rest
                }
                Some((_, rest)) => {
                    self.end_line(out);
                    rest
                }
                None => rest,
            };
        }
        self.at != At::Over
    }

    /// The end: the last line ends, too.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) {
        if self.at != At::Over && (self.cr || self.at != At::Beginning) {
            self.end_line(out);
        }
        self.at = At::Over;
    }

    fn within(&mut self, line: &[u8], out: &mut Vec<u8>) {
        if line.is_empty() {
            return;
        }
        let dots = self.ending == Ending::Dot;
        if self.at == At::Dot {
            out.push(b'.');
        } else if self.at == At::Beginning && dots && line == b"." {
            self.at = At::Dot;
            return;
        }
        self.at = At::Middle;
        out.extend_from_slice(line);
    }

    fn end_line(&mut self, out: &mut Vec<u8>) {
        if self.at == At::Dot {
            self.at = At::Over;
            return;
        }
        out.extend_from_slice(b"\r\n");
        self.at = At::Beginning;
    }
}

/// Where CR stand alone in whole lines.
fn alone(lines: &[u8]) -> impl Iterator<Item = usize> + '_ {
    memchr::memchr_iter(b'\r', lines).filter(|at| lines.get(at + 1) != Some(&b'\n'))
}

/// Whether lines hold a CR that is alone.
pub(super) fn has_lone_cr(lines: &[u8]) -> bool {
    alone(lines).next().is_some()
}

/// Makes each CR that is alone in a header a blank.
pub(super) fn blank(header: &mut [u8]) {
    for at in alone(header).collect::<Vec<_>>() {
        header[at] = b' ';
    }
}

/// Ends a line at each CR that is alone in a body.
pub(super) fn end_at_cr(body: Vec<u8>) -> Vec<u8> {
    let mut ended = Vec::with_capacity(body.len());
    let mut from = 0;
    for at in alone(&body) {
        ended.extend_from_slice(&body[from..at]);
        ended.extend_from_slice(b"\r\n");
        from = at + 1;
    }
    if from == 0 {
        return body;
    }
    ended.extend_from_slice(&body[from..]);
    ended
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(ending: Ending, octets: &[u8], chunk: usize) -> String {
        let mut lines = Lines::new(ending);
        lines.begin_body();
        let mut out = Vec::new();
        for octets in octets.chunks(chunk) {
            if !lines.feed(octets, &mut out) {
                break;
            }
        }
        lines.finish(&mut out);
        String::from_utf8(out).expect("ASCII")
    }

    #[test]
    fn every_ending_becomes_crlf_wherever_it_is_cut() {
        for (text, expected) in [
            ("a\nb\n", "a\r\nb\r\n"),
            ("a\r\nb\r\n", "a\r\nb\r\n"),
            ("a\rb", "a\r\nb\r\n"),
            ("a\r\r\n\n", "a\r\n\r\n\r\n"),
            ("", ""),
            ("\n", "\r\n"),
            ("\r", "\r\n"),
            ("a\n.\nb", "a\r\n.\r\nb\r\n"),
        ] {
            for chunk in 1..=text.len().max(1) {
                let found = lines(Ending::End, text.as_bytes(), chunk);
                assert_eq!(found, expected, "{text:?} by {chunk}");
            }
        }
    }

    #[test]
    fn a_cr_alone_is_a_blank_in_a_header_and_an_end_in_a_body() {
        let text = "a\r\nb\rc\r\r\nd\n\re\n";
        for chunk in 1..=text.len() {
            let mut lines = Lines::new(Ending::End);
            let mut out = Vec::new();
            for octets in text.as_bytes().chunks(chunk) {
                lines.feed(octets, &mut out);
            }
            assert!(has_lone_cr(&out));
            let mut header = out.clone();
            blank(&mut header);
            let header = String::from_utf8(header).expect("ASCII");
            assert_eq!(header, "a\r\nb c \r\nd\r\n e\r\n", "by {chunk}");
            let body = String::from_utf8(end_at_cr(out)).expect("ASCII");
            assert_eq!(body, "a\r\nb\r\nc\r\n\r\nd\r\n\r\ne\r\n", "by {chunk}");
        }
        assert!(!has_lone_cr(b"a\r\n"));
        assert_eq!(end_at_cr(b"\ra\r\n".to_vec()), b"\r\na\r\n");
    }

    #[test]
    fn a_dot_alone_ends_it_where_that_is_agreed() {
        for (text, expected) in [
            ("a\n.\nb\n", "a\r\n"),
            ("a\r\n.\r\nb\r\n", "a\r\n"),
            ("a\n..\n.b\n", "a\r\n..\r\n.b\r\n"),
            ("a\n.", "a\r\n"),
            (".\n", ""),
        ] {
            for chunk in 1..=text.len() {
                let found = lines(Ending::Dot, text.as_bytes(), chunk);
                assert_eq!(found, expected, "{text:?} by {chunk}");
            }
        }
    }
}
