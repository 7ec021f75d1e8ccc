//! The first line of every answer: `+OK` or `-ERR`, what is meant by it, and words.

use std::fmt;

use crate::words::{one_line, words};

/// An answer of a server, without the lines that may follow it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// How it went.
    pub outcome: Outcome,
    /// What the server means by it.
    pub code: Option<Code>,
    /// The server's words, without control characters.
    pub text: String,
}

/// How a command went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// `+OK`
    Ok,
    /// `-ERR`
    Err,
}

/// A response code in brackets (RFC 2449 §8).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Code {
    /// `IN-USE`: another session holds the mailbox (RFC 2449 §8.1.2).
    InUse,
    /// `LOGIN-DELAY`: this sign-in came too soon after the last (RFC 2449 §8.1.1).
    LoginDelay,
    /// `SYS/TEMP`: the server is in trouble that is likely to pass (RFC 3206 §4).
    SysTemp,
    /// `SYS/PERM`: the server is in trouble that somebody must end (RFC 3206 §4).
    SysPerm,
    /// `AUTH`: the credentials are to blame, and nothing else (RFC 3206 §5).
    Auth,
    /// `UTF8`: the mailbox holds what only a client in UTF-8 mode can be given (RFC 6856).
    Utf8,
    /// Any other code, as it stands between the brackets.
    Other(String),
}

impl Reply {
    /// `+OK` and these words.
    pub fn ok(text: impl Into<String>) -> Self {
        Self {
            outcome: Outcome::Ok,
            code: None,
            text: text.into(),
        }
    }

    /// `-ERR` and these words.
    pub fn err(text: impl Into<String>) -> Self {
        Self {
            outcome: Outcome::Err,
            code: None,
            text: text.into(),
        }
    }

    /// The same with a response code.
    #[must_use]
    pub fn with_code(self, code: Code) -> Self {
        Self {
            code: Some(code),
            ..self
        }
    }

    /// Reads a line as it stands on the wire, such as `-ERR [IN-USE] Locked`.
    pub fn parse(line: &str) -> Option<Self> {
        let line = line.trim_end_matches(['\r', '\n']);
        Self::read(line.as_bytes()).filter(|_| !line.contains(['\r', '\n']))
    }

    /// Reads a line without its end. Exchange's greeting has brackets too, but at its end,
    /// where they are words.
    pub(super) fn read(line: &[u8]) -> Option<Self> {
        let (status, rest) = match memchr::memchr(b' ', line) {
            Some(space) => (&line[..space], line[space + 1..].trim_ascii_start()),
            None => (line.trim_ascii_end(), b"".as_slice()),
        };
        let outcome = if status.eq_ignore_ascii_case(b"+OK") {
            Outcome::Ok
        } else if status.eq_ignore_ascii_case(b"-ERR") {
            Outcome::Err
        } else {
            return None;
        };
        let bracketed = rest.strip_prefix(b"[").and_then(|rest| {
            let end = memchr::memchr(b']', rest)?;
            Some((Code::read(&rest[..end]), &rest[end + 1..]))
        });
        let (code, text) = match bracketed {
            Some((code, text)) => (Some(code), words(text)),
            None => (None, words(rest)),
        };
        Some(Self {
            outcome,
            code,
            text,
        })
    }
}

/// As it stands on the wire, without the end of line.
impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.outcome {
            Outcome::Ok => "+OK",
            Outcome::Err => "-ERR",
        })?;
        if let Some(code) = &self.code {
            write!(f, " [{}]", one_line(code.name()))?;
        }
        if !self.text.is_empty() {
            write!(f, " {}", one_line(&self.text))?;
        }
        Ok(())
    }
}

impl Code {
    fn read(inner: &[u8]) -> Self {
        KNOWN
            .iter()
            .find(|(name, _)| inner.eq_ignore_ascii_case(name.as_bytes()))
            .map_or_else(|| Self::Other(words(inner)), |(_, code)| code.clone())
    }

    fn name(&self) -> &str {
        match self {
            Self::Other(name) => name,
            known => KNOWN
                .iter()
                .find(|(_, code)| code == known)
                .map_or("", |(name, _)| name),
        }
    }
}

const KNOWN: [(&str, Code); 6] = [
    ("IN-USE", Code::InUse),
    ("LOGIN-DELAY", Code::LoginDelay),
    ("SYS/TEMP", Code::SysTemp),
    ("SYS/PERM", Code::SysPerm),
    ("AUTH", Code::Auth),
    ("UTF8", Code::Utf8),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn response_codes_are_read_and_written() {
        for (line, code) in [
            ("-ERR [SYS/TEMP] try later", Code::SysTemp),
            ("-ERR [IN-USE] locked", Code::InUse),
            ("-ERR [LOGIN-DELAY] too soon", Code::LoginDelay),
            ("-ERR [AUTH] wrong", Code::Auth),
            ("-ERR [X/NEW] what", Code::Other("X/NEW".into())),
        ] {
            let reply = Reply::read(line.as_bytes()).expect("a reply");
            assert_eq!((reply.outcome, &reply.code), (Outcome::Err, &Some(code)));
            assert_eq!(reply.to_string(), line);
        }
    }

    #[test]
    fn brackets_at_the_end_of_exchanges_greeting_are_words() {
        let line = "+OK The Microsoft Exchange POP3 service is ready. [UwBDADEA]";
        let reply = Reply::read(line.as_bytes()).expect("a reply");
        assert_eq!(
            (reply.code.as_ref(), reply.to_string().as_str()),
            (None, line)
        );
    }

    #[test]
    fn what_is_no_reply_is_none() {
        for line in ["", "+", "+OKAY", "OK", "220 ready", "+ "] {
            assert_eq!(Reply::read(line.as_bytes()), None, "{line:?}");
        }
        assert_eq!(Reply::read(b"+OK"), Some(Reply::ok("")));
    }
}
