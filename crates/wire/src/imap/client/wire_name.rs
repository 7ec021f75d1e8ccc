//! Folder names as they go over the wire.

use std::fmt;

use crate::imap::mailbox_name;

/// The name of a folder as it goes over the wire. A name of people is written in modified UTF-7;
/// one that a server listed goes back octet for octet, also where it is no modified UTF-7.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct WireName(Vec<u8>);

impl WireName {
    /// A name as a server listed it.
    pub fn as_listed(octets: &[u8]) -> Self {
        Self(octets.to_vec())
    }

    pub(super) fn octets(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for WireName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.escape_ascii())
    }
}

impl From<&str> for WireName {
    fn from(name: &str) -> Self {
        Self(mailbox_name::encode_utf7(name).into_bytes())
    }
}

impl From<String> for WireName {
    fn from(name: String) -> Self {
        Self::from(name.as_str())
    }
}
