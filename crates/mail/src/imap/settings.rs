//! Where a mailbox is, and how patient we are.

use std::sync::Arc;
use std::time::Duration;

use gatepost_host::Clock;
use gatepost_oauth::TokenSource;
use rustls::ClientConfig;

use super::quirks::Quirks;

/// Everything that is needed to open one mailbox.
#[derive(Debug, Clone)]
pub struct ImapSettings {
    /// The server, as its certificate names it.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is protected.
    pub security: Security,
    /// Whom to trust.
    pub tls: Arc<ClientConfig>,
    /// The address of the mailbox: `user=` of XOAUTH2. A shared mailbox is opened with the
    /// token of a person who may: just another address here.
    pub mailbox: String,
    /// Where tokens come from.
    pub tokens: Arc<dyn TokenSource>,
    /// The time.
    pub clock: Clock,
    /// What the provider does differently.
    pub quirks: Quirks,
    /// How long each step may take.
    pub limits: TimeLimits,
    /// The largest message that is taken, in octets.
    pub largest_message: u64,
}

/// How the connection is protected. Nothing is ever sent unprotected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// TLS from the first octet (port 993).
    ImplicitTls,
    /// TLS before anything else is said (port 143).
    StartTls,
}

/// How long each step may take before the server counts as dead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeLimits {
    /// The name is resolved and the connection is made.
    pub connect: Duration,
    /// TLS is agreed on.
    pub tls: Duration,
    /// From the greeting to the opened mailbox.
    pub login: Duration,
    /// The server says the next thing that we wait for.
    pub reply: Duration,
    /// The server comes to the end of its answer. Moving bodies extend it.
    pub command: Duration,
    /// While idling, the server proves this often that it is there.
    pub probe: Duration,
}

impl Default for TimeLimits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(20),
            tls: Duration::from_secs(20),
            login: Duration::from_mins(1),
            reply: Duration::from_mins(2),
            command: Duration::from_mins(15),
            probe: Duration::from_mins(5),
        }
    }
}

impl ImapSettings {
    /// The largest message that Exchange Online lets a tenant allow is 150 MB (Microsoft,
    /// "Exchange Online limits"); twice that is somebody's mistake or malice.
    pub const LARGEST_MESSAGE: u64 = 300 * 1024 * 1024;

    pub(super) fn at(&self) -> (String, u16) {
        (self.host.clone(), self.port)
    }
}
