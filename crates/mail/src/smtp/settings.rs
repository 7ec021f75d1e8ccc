//! Where messages are handed over, in whose name, and how patient we are.

use std::sync::Arc;
use std::time::Duration;

use gatepost_host::Clock;
use gatepost_oauth::TokenSource;
use rustls::ClientConfig;

use crate::Addresses;
use crate::connection::{Security, Site, TimeLimits};

/// Everything that is needed to submit messages for one mailbox.
#[derive(Debug, Clone)]
pub struct SmtpSettings {
    /// The server, as its certificate names it.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is protected: [`Security::StartTls`] on the ports 587 and 25,
    /// [`Security::ImplicitTls`] on 465 (RFC 8314 §3.3).
    pub security: Security,
    /// Whom to trust.
    pub tls: Arc<ClientConfig>,
    /// Where hosts are found: one for all that is reached from here.
    pub addresses: Addresses,
    /// The address of the mailbox that sends.
    pub mailbox: String,
    /// `user=` of XOAUTH2: the mailbox, or the person whose token it is. A shared mailbox has no
    /// sign-in of its own: a person signs in who may send as it.
    pub sign_in_as: String,
    /// Where tokens come from.
    pub tokens: Arc<dyn TokenSource>,
    /// The time.
    pub clock: Clock,
    /// How long each step may take.
    pub limits: SmtpTimeLimits,
}

/// How long each step may take before the server counts as dead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SmtpTimeLimits {
    /// The name is resolved and the connection is made.
    pub connect: Duration,
    /// TLS is agreed on.
    pub tls: Duration,
    /// The server greets, or answers a command.
    pub command: Duration,
    /// It answers DATA.
    pub data: Duration,
    /// It takes the next 64 KiB of a message.
    pub block: Duration,
    /// It says what becomes of a message.
    pub end: Duration,
}

/// What RFC 5321 §4.5.3.2 asks a client to grant, and as over IMAP until TLS is agreed on.
impl Default for SmtpTimeLimits {
    fn default() -> Self {
        let TimeLimits { connect, tls, .. } = TimeLimits::default();
        Self {
            connect,
            tls,
            command: Duration::from_mins(5),
            data: Duration::from_mins(2),
            block: Duration::from_mins(3),
            end: Duration::from_mins(10),
        }
    }
}

impl SmtpSettings {
    pub(super) fn site(&self) -> Site {
        Site {
            host: self.host.clone(),
            port: self.port,
            mailbox: self.mailbox.clone(),
            tls: Arc::clone(&self.tls),
            addresses: self.addresses.clone(),
            clock: self.clock.clone(),
            limits: TimeLimits {
                connect: self.limits.connect,
                tls: self.limits.tls,
                ..TimeLimits::default()
            },
        }
    }
}
