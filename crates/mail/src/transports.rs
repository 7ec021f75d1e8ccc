//! The transports: each is one folder here and one line in [`TRANSPORTS`].

use gatepost_oauth::Audience;

use crate::{graph, imap, pop3, smtp};

/// Every transport there is. Configuration, help, documentation and the contract tests are made
/// from this list.
pub const TRANSPORTS: &[Transport] = &[
    imap::TRANSPORT,
    pop3::TRANSPORT,
    smtp::TRANSPORT,
    graph::TRANSPORT,
];

/// One way in or out of a mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transport {
    /// What a configuration calls it, and what its cursors are marked with.
    pub name: &'static str,
    /// What it is, in one sentence.
    pub doc: &'static str,
    /// For whom its tokens are.
    pub audience: Audience,
    /// What it is good for.
    pub direction: Direction,
}

/// What a transport is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// To read and to watch a mailbox.
    Reads,
    /// To send in its name.
    Sends,
    /// To do both.
    Both,
}

impl Direction {
    /// Whether a mailbox can be read that way.
    pub fn reads(self) -> bool {
        matches!(self, Self::Reads | Self::Both)
    }

    /// Whether a mailbox can send that way.
    pub fn sends(self) -> bool {
        matches!(self, Self::Sends | Self::Both)
    }
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

    #[test]
    fn mail_can_be_read_and_sent() {
        let directions = || TRANSPORTS.iter().map(|transport| transport.direction);
        assert!(directions().any(Direction::reads));
        assert!(directions().any(Direction::sends));
        assert!(directions().all(|direction| direction.reads() || direction.sends()));
    }
}
