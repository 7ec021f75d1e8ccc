//! Addresses of an envelope (RFC 5321 §4.1.2).

use std::fmt;

/// An address as it stands between `<` and `>`. It cannot hold what would end it there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Path(String);

/// Who hears of it when a message cannot be delivered.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ReversePath {
    /// Nobody: `<>`, as reports of failure have it (RFC 5321 §4.5.5).
    Null,
    /// This address.
    Address(Path),
}

/// Why this is no address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// It is longer than the standard allows (RFC 5321 §4.5.3.1).
    #[error(
        "the address is longer than {LONGEST_PATH} octets, or its part before the @ longer than {LONGEST_LOCAL_PART}"
    )]
    TooLong,
    /// There is no `@` with something on both sides.
    #[error("the address does not have the form name@domain")]
    Incomplete,
    /// It holds something that cannot stand in an address.
    #[error("the address holds a blank, a bracket or a control character that is not quoted")]
    Character,
}

impl Path {
    /// Reads an address without brackets. `postmaster` needs no domain (RFC 5321 §4.5.1).
    pub fn parse(text: &str) -> Result<Self, PathError> {
        if text.len() > LONGEST_PATH {
            return Err(PathError::TooLong);
        }
        if text.eq_ignore_ascii_case("postmaster") {
            return Ok(Self(text.to_owned()));
        }
        let (local, domain) = match quoted_end(text) {
            Some(end) => (
                &text[..end],
                text[end..].strip_prefix('@').ok_or(PathError::Incomplete)?,
            ),
            None => text.rsplit_once('@').ok_or(PathError::Incomplete)?,
        };
        if local.is_empty() || domain.is_empty() {
            return Err(PathError::Incomplete);
        }
        if local.len() > LONGEST_LOCAL_PART {
            return Err(PathError::TooLong);
        }
        let quoted = local.starts_with('"');
        if !quoted && local.contains('@') {
            return Err(PathError::Incomplete);
        }
        let bad_local = |c: char| c.is_control() || (!quoted && is_special(c));
        if local.contains(bad_local) || domain.contains(|c: char| c.is_control() || is_special(c)) {
            return Err(PathError::Character);
        }
        Ok(Self(text.to_owned()))
    }

    /// The address, without brackets.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether only SMTPUTF8 can carry it (RFC 6531 §3.3).
    pub fn needs_utf8(&self) -> bool {
        !self.0.is_ascii()
    }

    /// Reads `<address>` at the start of a text, and answers what is behind it.
    ///
    /// A route before the address is dropped (RFC 5321 §4.1.1.3), and the brackets may be
    /// missing, since many devices leave them out.
    pub(super) fn read(text: &str) -> Result<(Self, &str), PathError> {
        let (inner, rest) = bracketed(text).ok_or(PathError::Incomplete)?;
        let address = match inner.strip_prefix('@') {
            Some(_) => inner.split_once(':').ok_or(PathError::Incomplete)?.1,
            None => inner,
        };
        Ok((Self::parse(address)?, rest))
    }
}

impl ReversePath {
    /// Whether only SMTPUTF8 can carry it.
    pub fn needs_utf8(&self) -> bool {
        match self {
            Self::Null => false,
            Self::Address(path) => path.needs_utf8(),
        }
    }

    pub(super) fn read(text: &str) -> Result<(Self, &str), PathError> {
        match text.strip_prefix("<>") {
            Some(rest) => Ok((Self::Null, rest)),
            None => Path::read(text).map(|(path, rest)| (Self::Address(path), rest)),
        }
    }
}

/// With its brackets.
impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{}>", self.0)
    }
}

/// With its brackets.
impl fmt::Display for ReversePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("<>"),
            Self::Address(path) => path.fmt(f),
        }
    }
}

/// What stands between the brackets, or is the first word, and what follows.
fn bracketed(text: &str) -> Option<(&str, &str)> {
    let Some(inner) = text.strip_prefix('<') else {
        return Some(text.split_at(text.find(' ').unwrap_or(text.len())));
    };
    let from = quoted_end(inner).unwrap_or(0);
    let end = from + inner[from..].find('>')?;
    Some((&inner[..end], &inner[end + 1..]))
}

/// Where the quoted string ends with which a text begins (RFC 5321 §4.1.2).
fn quoted_end(text: &str) -> Option<usize> {
    let mut escaped = false;
    for (at, c) in text.strip_prefix('"')?.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return Some(at + 2),
            _ => {}
        }
    }
    None
}

fn is_special(c: char) -> bool {
    matches!(c, ' ' | '<' | '>' | '"' | ',' | ';' | '\\') || c.is_whitespace()
}

const LONGEST_PATH: usize = 254;
const LONGEST_LOCAL_PART: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read() {
        for text in [
            "a@x.test",
            "a+b.c@x.test",
            "\"a b>\\\"@\"@x.test",
            "Postmaster",
            "a@[192.0.2.1]",
            "größe@x.test",
        ] {
            let path = Path::parse(text).expect(text);
            let written = format!("{path} SIZE=1");
            assert_eq!(Path::read(&written), Ok((path, " SIZE=1")));
        }
    }

    #[test]
    fn what_devices_write_is_read() {
        for text in ["<@a,@b:a@x.test>", "a@x.test", "<a@x.test>"] {
            let (path, rest) = Path::read(text).expect(text);
            assert_eq!((path.as_str(), rest), ("a@x.test", ""));
        }
        assert_eq!(ReversePath::read("<>"), Ok((ReversePath::Null, "")));
    }

    #[test]
    fn an_address_cannot_write_another_command() {
        for (text, why) in [
            ("a@x.test>\r\nRCPT TO:<b", PathError::Character),
            ("a b@x.test", PathError::Character),
            ("a@x .test", PathError::Character),
            ("\"a\r\n\"@x.test", PathError::Character),
            ("\"a\"b@x.test", PathError::Incomplete),
            ("a", PathError::Incomplete),
            ("@x.test", PathError::Incomplete),
            ("a@", PathError::Incomplete),
            ("", PathError::Incomplete),
        ] {
            assert_eq!(Path::parse(text), Err(why), "{text:?}");
        }
        let long = format!("{}@x.test", "a".repeat(65));
        assert_eq!(Path::parse(&long), Err(PathError::TooLong));
    }
}
