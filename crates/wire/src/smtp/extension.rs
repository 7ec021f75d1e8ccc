//! What a server offers in its answer to EHLO (RFC 5321 §4.1.1.1).

use std::fmt;

use crate::sasl::Mechanism;
use crate::words::one_line;

/// The extensions a server offers, in its order. TLS and the sign-in change them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Extensions(Vec<Extension>);

/// One line of the answer to EHLO.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Extension {
    /// `SIZE`: the largest message in octets, if there is a limit (RFC 1870 §4).
    Size(Option<u64>),
    /// `PIPELINING` (RFC 2920)
    Pipelining,
    /// `DSN` (RFC 3461)
    Dsn,
    /// `ENHANCEDSTATUSCODES` (RFC 2034)
    EnhancedStatusCodes,
    /// `STARTTLS` (RFC 3207)
    StartTls,
    /// `AUTH`: the mechanisms, in upper case (RFC 4954 §3).
    Auth(Vec<String>),
    /// `8BITMIME` (RFC 6152)
    EightBitMime,
    /// `BINARYMIME` (RFC 3030)
    BinaryMime,
    /// `CHUNKING` (RFC 3030)
    Chunking,
    /// `SMTPUTF8` (RFC 6531)
    SmtpUtf8,
    /// Any other, as it stands.
    Other(String),
}

impl Extensions {
    pub(super) const NONE: Self = Self(Vec::new());

    /// What a server of ours is to offer.
    pub fn new(offered: impl IntoIterator<Item = Extension>) -> Self {
        Self(offered.into_iter().collect())
    }

    /// Reads the answer to EHLO: its first line is a greeting.
    pub(super) fn read(lines: &[String]) -> Self {
        Self(
            lines
                .iter()
                .skip(1)
                .map(|line| Extension::read(line))
                .collect(),
        )
    }

    /// Whether the server offers this.
    pub fn has(&self, extension: &Extension) -> bool {
        self.0.contains(extension)
    }

    /// Whether the server takes the size of a message beforehand.
    pub fn takes_size(&self) -> bool {
        self.0
            .iter()
            .any(|extension| matches!(extension, Extension::Size(_)))
    }

    /// The largest message that the server takes, in octets, if it says so.
    pub fn size_limit(&self) -> Option<u64> {
        self.0.iter().find_map(|extension| match extension {
            Extension::Size(limit) => *limit,
            _ => None,
        })
    }

    /// Whether AUTH takes this mechanism.
    pub fn has_mechanism(&self, mechanism: Mechanism) -> bool {
        self.mechanisms().any(|name| name == mechanism.name())
    }

    /// The mechanisms of AUTH, in upper case.
    pub fn mechanisms(&self) -> impl Iterator<Item = &str> {
        let lists = self.0.iter().filter_map(|extension| match extension {
            Extension::Auth(names) => Some(names),
            _ => None,
        });
        lists.flatten().map(String::as_str)
    }

    /// What the server offers.
    pub fn iter(&self) -> impl Iterator<Item = &Extension> {
        self.0.iter()
    }
}

impl Extension {
    /// `AUTH` with these mechanisms.
    pub fn auth(mechanisms: impl IntoIterator<Item = Mechanism>) -> Self {
        let names = mechanisms.into_iter().map(Mechanism::name);
        Self::Auth(names.map(str::to_owned).collect())
    }

    /// `AUTH=LOGIN` is how servers said it before there was a standard.
    fn read(line: &str) -> Self {
        let mut parts = line.split([' ', '=']).filter(|part| !part.is_empty());
        let name = parts.next().unwrap_or_default().to_ascii_uppercase();
        match name.as_str() {
            // 0 says that there is no limit (RFC 1870 §4).
            "SIZE" => Self::Size(parts.next().and_then(|n| n.parse().ok()).filter(|n| *n > 0)),
            "PIPELINING" => Self::Pipelining,
            "DSN" => Self::Dsn,
            "ENHANCEDSTATUSCODES" => Self::EnhancedStatusCodes,
            "STARTTLS" => Self::StartTls,
            "AUTH" => Self::Auth(parts.map(str::to_ascii_uppercase).collect()),
            "8BITMIME" => Self::EightBitMime,
            "BINARYMIME" => Self::BinaryMime,
            "CHUNKING" => Self::Chunking,
            "SMTPUTF8" => Self::SmtpUtf8,
            _ => Self::Other(line.to_owned()),
        }
    }
}

/// As it stands on the wire, without the code and the end of line.
impl fmt::Display for Extension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Size(None) => "SIZE",
            Self::Size(Some(limit)) => return write!(f, "SIZE {limit}"),
            Self::Pipelining => "PIPELINING",
            Self::Dsn => "DSN",
            Self::EnhancedStatusCodes => "ENHANCEDSTATUSCODES",
            Self::StartTls => "STARTTLS",
            Self::Auth(names) => return write!(f, "AUTH {}", one_line(&names.join(" "))),
            Self::EightBitMime => "8BITMIME",
            Self::BinaryMime => "BINARYMIME",
            Self::Chunking => "CHUNKING",
            Self::SmtpUtf8 => "SMTPUTF8",
            Self::Other(line) => return f.write_str(&one_line(line)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exchanges_extensions_are_read_and_written() {
        for line in [
            "SIZE 157286400",
            "PIPELINING",
            "DSN",
            "ENHANCEDSTATUSCODES",
            "AUTH LOGIN XOAUTH2",
            "STARTTLS",
            "8BITMIME",
            "BINARYMIME",
            "CHUNKING",
            "SMTPUTF8",
            "X-ANONYMOUSTLS",
        ] {
            assert_eq!(Extension::read(line).to_string(), line);
        }
    }

    #[test]
    fn a_size_of_nothing_is_no_limit() {
        for line in ["SIZE", "SIZE 0", "size x"] {
            assert_eq!(Extension::read(line), Extension::Size(None));
        }
    }

    #[test]
    fn mechanisms_are_found_however_they_are_written() {
        let lines = ["hello", "AUTH=LOGIN PLAIN", "auth xoauth2"].map(str::to_owned);
        let offered = Extensions::read(&lines);
        for mechanism in [Mechanism::Login, Mechanism::Plain, Mechanism::Xoauth2] {
            assert!(offered.has_mechanism(mechanism), "{mechanism:?}");
        }
    }
}
