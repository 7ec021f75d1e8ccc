//! Line endings: whatever they were, they become CRLF.

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
            at: At::Beginning,
        }
    }

    /// Takes octets; writes lines to `out`. Answers whether more are wanted.
    pub(super) fn feed(&mut self, mut octets: &[u8], out: &mut Vec<u8>) -> bool {
        while self.at != At::Over && !octets.is_empty() {
            if std::mem::take(&mut self.cr) {
                octets = octets.strip_prefix(b"\n").unwrap_or(octets);
                self.end_line(out);
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

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(ending: Ending, octets: &[u8], chunk: usize) -> String {
        let mut lines = Lines::new(ending);
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
