//! Text in ASCII that people can still read (RFC 2045 §6.7).

/// Encodes line by line.
#[derive(Debug, Default)]
pub(super) struct QuotedPrintable {
    /// Octets of the line that is being written.
    column: usize,
    /// A blank that has to be encoded if the line ends behind it.
    blank: Option<u8>,
    /// Whether the line goes on from one that was broken.
    is_broken: bool,
}

impl QuotedPrintable {
    /// Octets within a line.
    pub(super) fn text(&mut self, octets: &[u8], out: &mut Vec<u8>) {
        for octet in octets {
            if let Some(blank) = self.blank.take() {
                self.put(&[blank], out);
            }
            match octet {
                b' ' | b'\t' => self.blank = Some(*octet),
                // A line that was broken must not look like a delimiter.
                b'-' if self.column == 0 && self.is_broken => self.put(&encoded(*octet), out),
                b'=' => self.put(&encoded(*octet), out),
                b'!'..=b'~' if self.column < LONGEST => self.put(&[*octet], out),
                b'!'..=b'~' => {
                    self.break_line(out);
                    self.text(&[*octet], out);
                }
                _ => self.put(&encoded(*octet), out),
            }
        }
    }

    /// The end of a line.
    pub(super) fn line_end(&mut self, out: &mut Vec<u8>) {
        self.finish(out);
        out.extend_from_slice(b"\r\n");
        self.column = 0;
        self.is_broken = false;
    }

    /// The end of the text.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) {
        if let Some(blank) = self.blank.take() {
            self.put(&encoded(blank), out);
        }
    }

    fn put(&mut self, octets: &[u8], out: &mut Vec<u8>) {
        if self.column + octets.len() > LONGEST {
            self.break_line(out);
        }
        out.extend_from_slice(octets);
        self.column += octets.len();
    }

    fn break_line(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"=\r\n");
        self.column = 0;
        self.is_broken = true;
    }
}

/// An octet in hexadecimal digits.
pub(super) fn encoded(octet: u8) -> [u8; 3] {
    let digit = |value: u8| b"0123456789ABCDEF"[usize::from(value & 15)];
    [b'=', digit(octet >> 4), digit(octet)]
}

/// Octets of a line, without the `=` that breaks it.
const LONGEST: usize = 75;
