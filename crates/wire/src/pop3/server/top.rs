//! TOP: the header, the blank line, and so many lines of the body (RFC 1939 §7).

/// How much of a message is still to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Top {
    /// All of it.
    Everything,
    /// The rest of the header, and then so many lines.
    Header { lines: u32, line: Line },
    /// So many lines.
    Body { lines: u32 },
}

/// The line that is being sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Line {
    Empty,
    Begun,
}

impl Top {
    pub(super) fn lines(lines: u32) -> Self {
        Self::Header {
            lines,
            line: Line::Empty,
        }
    }

    pub(super) fn is_over(self) -> bool {
        self == Self::Body { lines: 0 }
    }

    /// How many of these octets are to be sent.
    pub(super) fn take(&mut self, octets: &[u8]) -> usize {
        let mut taken = 0;
        while taken < octets.len() && !self.is_over() {
            if *self == Self::Everything {
                return octets.len();
            }
            let rest = &octets[taken..];
            let end = memchr::memchr(b'\n', rest);
            let text = &rest[..end.unwrap_or(rest.len())];
            self.take_line(text, end.is_some());
            taken += end.map_or(rest.len(), |end| end + 1);
        }
        taken
    }

    fn take_line(&mut self, text: &[u8], ends: bool) {
        let begins = text.iter().any(|octet| *octet != b'\r');
        *self = match *self {
            Self::Header { lines, line } => match (ends, begins || line == Line::Begun) {
                (true, false) => Self::Body { lines },
                (true, true) => Self::lines(lines),
                (false, begun) => Self::Header {
                    lines,
                    line: if begun { Line::Begun } else { Line::Empty },
                },
            },
            Self::Body { lines } if ends => Self::Body { lines: lines - 1 },
            other => other,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn top(lines: u32, message: &[u8], read: usize) -> Vec<u8> {
        let mut top = Top::lines(lines);
        let mut sent = Vec::new();
        for octets in message.chunks(read) {
            let taken = top.take(octets);
            sent.extend_from_slice(&octets[..taken]);
        }
        sent
    }

    #[test]
    fn the_header_the_blank_line_and_so_many_lines() {
        let message = b"A: b\r\n c\r\n\r\none\r\n\r\nthree\r\n";
        for read in [1, 2, 3, 100] {
            assert_eq!(top(0, message, read), b"A: b\r\n c\r\n\r\n");
            assert_eq!(top(2, message, read), b"A: b\r\n c\r\n\r\none\r\n\r\n");
            assert_eq!(top(9, message, read), message);
        }
    }
}
