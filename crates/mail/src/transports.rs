//! The transports: each is one folder here and one line in [`TRANSPORTS`].

use gatepost_oauth::Audience;

use crate::{imap, pop3};

/// Every transport there is. Configuration, help, documentation and the contract tests are made
/// from this list.
pub const TRANSPORTS: &[Transport] = &[imap::TRANSPORT, pop3::TRANSPORT];

/// One way to read a mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transport {
    /// What a configuration calls it, and what its cursors are marked with.
    pub name: &'static str,
    /// What it is, in one sentence.
    pub doc: &'static str,
    /// For whom its tokens are.
    pub audience: Audience,
}

impl Transport {
    /// The transport of that name.
    pub fn named(name: &str) -> Option<&'static Self> {
        TRANSPORTS.iter().find(|transport| transport.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_transport_is_found_by_its_name_alone() {
        for transport in TRANSPORTS {
            assert_eq!(Transport::named(transport.name), Some(transport));
        }
        assert_eq!(Transport::named("telepathy"), None);
    }
}
