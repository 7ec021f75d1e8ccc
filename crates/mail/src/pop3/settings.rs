//! Where a mailbox is, and how patient we are.

use std::sync::Arc;
use std::time::Duration;

use gatepost_host::Clock;
use gatepost_oauth::TokenSource;
use rustls::ClientConfig;

use crate::Addresses;
use crate::connection::{Security, Site, TimeLimits};

/// Everything that is needed to open one mailbox.
#[derive(Debug, Clone)]
pub struct Pop3Settings {
    /// The server, as its certificate names it.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is protected.
    pub security: Security,
    /// Whom to trust.
    pub tls: Arc<ClientConfig>,
    /// Where hosts are found: one for all that is reached from here.
    pub addresses: Addresses,
    /// The address of the mailbox: `user=` of XOAUTH2.
    pub mailbox: String,
    /// Where tokens come from.
    pub tokens: Arc<dyn TokenSource>,
    /// The time.
    pub clock: Clock,
    /// How often to look while waiting. A server that lets nobody in so soon (LOGIN-DELAY,
    /// RFC 2449 §6.5) is obeyed.
    pub poll_every: Duration,
    /// How long each step may take.
    pub limits: TimeLimits,
    /// The largest message that is taken, in octets.
    pub largest_message: u64,
}

impl Pop3Settings {
    /// As over IMAP: twice what Exchange Online lets a tenant allow.
    pub const LARGEST_MESSAGE: u64 = crate::imap::ImapSettings::LARGEST_MESSAGE;

    /// How often Gatepost looks: each look is a sign-in, which Exchange Online counts.
    pub const POLL_EVERY: Duration = Duration::from_secs(30);

    pub(super) fn site(&self) -> Site {
        Site {
            host: self.host.clone(),
            port: self.port,
            mailbox: self.mailbox.clone(),
            tls: Arc::clone(&self.tls),
            addresses: self.addresses.clone(),
            clock: self.clock.clone(),
            limits: self.limits,
        }
    }
}
