//! Octets in ASCII (RFC 2045 §6.8).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Encodes octets as they come, in lines of 76.
#[derive(Debug, Default)]
pub(super) struct Base64Lines {
    waiting: Vec<u8>,
    has_lines: bool,
}

impl Base64Lines {
    /// The next octets.
    pub(super) fn octets(&mut self, mut octets: &[u8], out: &mut Vec<u8>) {
        while !octets.is_empty() {
            let (now, rest) = octets.split_at(octets.len().min(LINE - self.waiting.len()));
            self.waiting.extend_from_slice(now);
            octets = rest;
            if self.waiting.len() == LINE {
                self.finish(out);
            }
        }
    }

    /// What is left. Its line has no end.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) {
        if self.waiting.is_empty() {
            return;
        }
        if std::mem::replace(&mut self.has_lines, true) {
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(STANDARD.encode(&self.waiting).as_bytes());
        self.waiting.clear();
    }
}

/// Octets of one line.
const LINE: usize = 57;
