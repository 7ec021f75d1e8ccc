//! Replies: three digits, an enhanced status, and words on one line or several
//! (RFC 5321 §4.2).

use std::fmt;

use super::EnhancedStatus;
use crate::words::{one_line, words};

/// An answer of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// From 200 to 599.
    pub code: u16,
    /// What it means exactly, if the server says so (RFC 2034 §4).
    pub status: Option<EnhancedStatus>,
    /// The server's words, line by line, without the status and without control characters.
    pub lines: Vec<String>,
}

/// What the first digit of a code says (RFC 5321 §4.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// It is done.
    Done,
    /// The server waits for more.
    Continue,
    /// Not now: the same may succeed later.
    Transient,
    /// No.
    Permanent,
}

impl Reply {
    /// A code with words.
    pub fn new(code: u16, text: impl Into<String>) -> Self {
        Self {
            code,
            status: None,
            lines: vec![text.into()],
        }
    }

    /// A code with an enhanced status and words.
    pub fn with_status(code: u16, status: EnhancedStatus, text: impl Into<String>) -> Self {
        Self {
            status: Some(status),
            ..Self::new(code, text)
        }
    }

    /// Reads lines as they stand on the wire, such as `250 2.1.0 Sender OK`.
    pub fn parse(text: &str) -> Option<Self> {
        let mut reader = ReplyReader::default();
        let mut lines = text.lines();
        loop {
            let whole = reader.take_line(lines.next()?.as_bytes()).ok()?;
            if let Some(reply) = whole {
                return lines.next().is_none().then_some(reply);
            }
        }
    }

    /// What the first digit says.
    pub fn severity(&self) -> Severity {
        match self.code / 100 {
            0..=2 => Severity::Done,
            3 => Severity::Continue,
            4 => Severity::Transient,
            _ => Severity::Permanent,
        }
    }

    /// Whether it is done.
    pub fn is_done(&self) -> bool {
        self.severity() == Severity::Done
    }

    /// The words of all lines.
    pub fn text(&self) -> String {
        self.lines.join(" ")
    }
}

/// As it stands on the wire, with its lines apart and without the last end of line.
impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let last = self.lines.len().saturating_sub(1);
        if self.lines.is_empty() {
            write!(f, "{}", self.code)?;
        }
        for (number, line) in self.lines.iter().enumerate() {
            let (mark, end) = if number == last {
                (' ', "")
            } else {
                ('-', "\r\n")
            };
            write!(f, "{}{mark}", self.code)?;
            if let Some(status) = self.status {
                write!(f, "{status} ")?;
            }
            write!(f, "{}{end}", one_line(line))?;
        }
        Ok(())
    }
}

/// Collects the lines of a reply.
#[derive(Debug, Default)]
pub(crate) struct ReplyReader {
    begun: Option<Reply>,
}

/// Why something is no reply.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadReply {
    /// It does not begin with three digits.
    #[error("it is no reply of SMTP: {0}")]
    NoCode(String),
    /// Its lines have different codes.
    #[error("its lines have the codes {0} and {1}")]
    Mixed(u16, u16),
    /// It has no end.
    #[error("it has more than {0} lines")]
    Endless(usize),
}

impl ReplyReader {
    /// Takes a line without its end; answers the reply when that is complete.
    pub(crate) fn take_line(&mut self, line: &[u8]) -> Result<Option<Reply>, BadReply> {
        let (code, more, text) = cut(line).ok_or_else(|| BadReply::NoCode(words(line)))?;
        let reply = match &mut self.begun {
            None => self.begun.insert(Reply {
                code,
                status: status_of(code, text),
                lines: Vec::new(),
            }),
            Some(reply) if reply.code != code => {
                return Err(BadReply::Mixed(reply.code, code));
            }
            Some(reply) => reply,
        };
        if reply.lines.len() >= MOST_LINES {
            return Err(BadReply::Endless(MOST_LINES));
        }
        let text = match reply.status {
            Some(status) if status_of(code, text) == Some(status) => {
                let end = memchr::memchr(b' ', text).unwrap_or(text.len());
                &text[end..]
            }
            _ => text,
        };
        reply.lines.push(words(text));
        Ok(if more { None } else { self.begun.take() })
    }
}

/// The code, whether more lines follow, and the text (RFC 5321 §4.2.1). Some servers leave the
/// space out where there is no text.
fn cut(line: &[u8]) -> Option<(u16, bool, &[u8])> {
    let code = std::str::from_utf8(line.get(..3)?).ok()?;
    let digits = code.bytes().all(|octet| octet.is_ascii_digit());
    let code: u16 = digits.then(|| code.parse().ok())??;
    if !(200..600).contains(&code) {
        return None;
    }
    match line.get(3) {
        None => Some((code, false, &[])),
        Some(b' ') => Some((code, false, &line[4..])),
        Some(b'-') => Some((code, true, &line[4..])),
        Some(_) => None,
    }
}

/// The enhanced status at the start, if its class is that of the code.
fn status_of(code: u16, text: &[u8]) -> Option<EnhancedStatus> {
    let end = memchr::memchr(b' ', text).unwrap_or(text.len());
    let status = EnhancedStatus::parse(std::str::from_utf8(&text[..end]).ok()?)?;
    (u16::from(status.class()) == code / 100).then_some(status)
}

/// No server says as much.
const MOST_LINES: usize = 256;

/// What was read is written and read the same, except for what is too long to be shown.
pub(super) fn assert_round_trip(text: &str) {
    if let Some(reply) = Reply::parse(text) {
        let written = reply.to_string();
        let again = Reply::parse(&written).map(|reply| reply.to_string());
        assert_eq!(again.as_ref(), Some(&written), "{written:?}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_stands_on_every_line_and_is_taken_off() {
        let wire = "550-5.7.60 SMTP; Client does not have\r\n550 5.7.60 permissions";
        let reply = Reply::parse(wire).expect("a reply");
        assert_eq!(reply.status, Some(EnhancedStatus::new(5, 7, 60)));
        assert_eq!(reply.lines, ["SMTP; Client does not have", "permissions"]);
        assert_eq!(reply.to_string(), wire);
    }

    #[test]
    fn a_status_of_another_class_is_text() {
        let reply = Reply::parse("250 5.7.1 is a number").expect("a reply");
        assert_eq!(
            (reply.status, reply.text().as_str()),
            (None, "5.7.1 is a number")
        );
    }

    #[test]
    fn a_code_alone_is_a_reply() {
        assert_eq!(Reply::parse("354"), Some(Reply::new(354, "")));
        assert_eq!(Reply::parse("250 "), Some(Reply::new(250, "")));
    }

    #[test]
    fn what_is_no_reply_is_none() {
        for wire in [
            "",
            "25",
            "2500",
            "+OK",
            "099 x",
            "600 x",
            "250-a\n251 b",
            "250-a",
            "250 a\n250 b",
            "2 0 x",
            "25\u{0}0 x",
        ] {
            assert_eq!(Reply::parse(wire), None, "{wire:?}");
        }
    }

    #[test]
    fn nobodys_words_write_a_second_line() {
        let reply = Reply::new(250, "a\r\n535 b");
        assert_eq!(reply.to_string(), "250 a  535 b");
    }
}
