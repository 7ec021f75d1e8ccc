//! What a server says that it can do (RFC 2449 §6).

use std::fmt;

use crate::sasl::Mechanism;
use crate::words::{one_line, words};

/// The capabilities a server listed, in its order. They change with TLS and with the sign-in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Capabilities(Vec<Capability>);

/// One line of the answer to CAPA.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Capability {
    /// `TOP`: the beginning of a message can be asked for.
    Top,
    /// `USER`: a name and a password are taken.
    User,
    /// `UIDL`: messages have unique names.
    Uidl,
    /// `SASL`: the mechanisms of AUTH, in upper case (RFC 5034 §3).
    Sasl(Vec<String>),
    /// `STLS`: TLS can be started on this connection (RFC 2595 §4).
    Stls,
    /// `RESP-CODES`: words in brackets before the text are response codes.
    ResponseCodes,
    /// `AUTH-RESP-CODE`: `[AUTH]` tells credentials from other trouble (RFC 3206 §6).
    AuthResponseCode,
    /// `PIPELINING`: a command need not wait for the answer to the last.
    Pipelining,
    /// `UTF8`: there is a mode for headers in UTF-8 (RFC 6856 §2).
    Utf8,
    /// Any other, as it stands.
    Other(String),
}

impl Capabilities {
    pub(super) const NONE: Self = Self(Vec::new());

    /// What a server of ours is to list.
    pub fn new(listed: impl IntoIterator<Item = Capability>) -> Self {
        Self(listed.into_iter().collect())
    }

    /// Whether the server listed this.
    pub fn has(&self, capability: &Capability) -> bool {
        self.0.contains(capability)
    }

    /// Whether AUTH takes this mechanism.
    pub fn has_mechanism(&self, mechanism: Mechanism) -> bool {
        self.mechanisms().any(|name| name == mechanism.name())
    }

    /// The mechanisms of AUTH, in upper case.
    pub fn mechanisms(&self) -> impl Iterator<Item = &str> {
        let lists = self.0.iter().filter_map(|capability| match capability {
            Capability::Sasl(names) => Some(names),
            _ => None,
        });
        lists.flatten().map(String::as_str)
    }

    /// What the server listed.
    pub fn iter(&self) -> impl Iterator<Item = &Capability> {
        self.0.iter()
    }

    pub(super) fn push(&mut self, capability: Capability) {
        self.0.push(capability);
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

impl Capability {
    /// `SASL` with these mechanisms.
    pub fn sasl(mechanisms: impl IntoIterator<Item = Mechanism>) -> Self {
        let names = mechanisms.into_iter().map(Mechanism::name);
        Self::Sasl(names.map(str::to_owned).collect())
    }

    pub(super) fn read(line: &[u8]) -> Self {
        let text = words(line);
        let mut parts = text.split_ascii_whitespace();
        let name = parts.next().unwrap_or_default().to_ascii_uppercase();
        match name.as_str() {
            "TOP" => Self::Top,
            "USER" => Self::User,
            "UIDL" => Self::Uidl,
            "SASL" => Self::Sasl(parts.map(str::to_ascii_uppercase).collect()),
            "STLS" => Self::Stls,
            "RESP-CODES" => Self::ResponseCodes,
            "AUTH-RESP-CODE" => Self::AuthResponseCode,
            "PIPELINING" => Self::Pipelining,
            "UTF8" => Self::Utf8,
            _ => Self::Other(text),
        }
    }
}

/// As it stands on the wire, without the end of line.
impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Top => "TOP",
            Self::User => "USER",
            Self::Uidl => "UIDL",
            Self::Sasl(names) => return write!(f, "SASL {}", one_line(&names.join(" "))),
            Self::Stls => "STLS",
            Self::ResponseCodes => "RESP-CODES",
            Self::AuthResponseCode => "AUTH-RESP-CODE",
            Self::Pipelining => "PIPELINING",
            Self::Utf8 => "UTF8",
            Self::Other(line) => return f.write_str(&one_line(line)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_read_and_written() {
        for line in [
            "TOP",
            "UIDL",
            "SASL PLAIN XOAUTH2",
            "USER",
            "STLS",
            "RESP-CODES",
            "AUTH-RESP-CODE",
            "PIPELINING",
            "UTF8",
            "EXPIRE 60",
            "IMPLEMENTATION x",
        ] {
            assert_eq!(Capability::read(line.as_bytes()).to_string(), line);
        }
    }

    #[test]
    fn mechanisms_are_found_in_any_case() {
        let listed = Capabilities::new([Capability::read(b"sasl plain xoauth2")]);
        assert!(listed.has_mechanism(Mechanism::Xoauth2));
        assert!(!listed.has_mechanism(Mechanism::Login));
    }
}
