//! Where a mailbox is, and how patient we are.

use std::sync::Arc;

use gatepost_host::Clock;
use gatepost_oauth::TokenSource;
use rustls::ClientConfig;

use super::quirks::Quirks;
use crate::Addresses;
use crate::connection::{Security, Site, TimeLimits};

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
    /// Where hosts are found: one for all that is reached from here.
    pub addresses: Addresses,
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

impl ImapSettings {
    /// The largest message that Exchange Online lets a tenant allow is 150 MB (Microsoft,
    /// "Exchange Online limits"); twice that is somebody's mistake or malice.
    pub const LARGEST_MESSAGE: u64 = 300 * 1024 * 1024;

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
