//! What providers do differently, as data.

use std::time::Duration;

/// The ways of one provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quirks {
    /// Its words, and what they mean. The first that matches counts.
    pub phrases: &'static [Phrase],
    /// Whether it tells of changes by itself.
    pub pushing: Pushing,
    /// How often to ask where it does not.
    pub poll_every: Duration,
    /// A pushed connection is renewed before this much time has passed: a server may log out a
    /// client that idles for 30 minutes (RFC 2177 §3).
    pub renew_idle: Duration,
}

/// Whether a provider's IDLE is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pushing {
    /// It is used if the server announces it.
    Announced,
    /// It is announced, and does not work.
    Broken,
}

/// A phrase in an answer, and its meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Phrase {
    /// What the answer contains, in lower case.
    pub contains: &'static str,
    /// What it means.
    pub meaning: Meaning,
}

/// What an answer means beyond NO and BAD.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// The token is good, and the mailbox may not be opened.
    NotConnected,
    /// IMAP is off for the mailbox.
    SwitchedOff,
    /// Too much was asked.
    Throttled,
    /// The server has trouble.
    Unavailable,
}

impl Quirks {
    /// Exchange Online and its national clouds; other servers are covered by what it does not
    /// share with them.
    pub fn exchange_online() -> Self {
        Self {
            phrases: EXCHANGE_ONLINE,
            pushing: Pushing::Announced,
            poll_every: Duration::from_secs(30),
            renew_idle: Duration::from_mins(28),
        }
    }

    /// What the words of a server mean, if they mean anything special.
    pub(super) fn meaning(&self, said: &str) -> Option<Meaning> {
        let said = said.to_lowercase();
        self.phrases
            .iter()
            .find(|phrase| said.contains(phrase.contains))
            .map(|p| p.meaning)
    }
}

impl Default for Quirks {
    fn default() -> Self {
        Self::exchange_online()
    }
}

const EXCHANGE_ONLINE: &[Phrase] = &[
    Phrase {
        contains: "authenticated but not connected",
        meaning: Meaning::NotConnected,
    },
    Phrase {
        contains: "request is throttled",
        meaning: Meaning::Throttled,
    },
    Phrase {
        contains: "suggested backoff time",
        meaning: Meaning::Throttled,
    },
    Phrase {
        contains: "too many simultaneous connections",
        meaning: Meaning::Throttled,
    },
    Phrase {
        contains: "too many connections",
        meaning: Meaning::Throttled,
    },
    Phrase {
        contains: "maximum number of connections",
        meaning: Meaning::Throttled,
    },
    Phrase {
        contains: "server unavailable",
        meaning: Meaning::Unavailable,
    },
    Phrase {
        contains: "imap access is disabled",
        meaning: Meaning::SwitchedOff,
    },
    Phrase {
        contains: "imap is disabled",
        meaning: Meaning::SwitchedOff,
    },
    Phrase {
        contains: "imap disabled",
        meaning: Meaning::SwitchedOff,
    },
    Phrase {
        contains: "imap is not enabled",
        meaning: Meaning::SwitchedOff,
    },
];
