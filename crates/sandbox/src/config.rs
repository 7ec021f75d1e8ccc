//! How a sandbox shall be.

use std::path::PathBuf;
use std::time::Duration;

use crate::mailset::Mail;
use crate::sending::SendingLimits;

/// What [`Sandbox::start`](crate::Sandbox::start) is told.
#[derive(Debug, Clone)]
pub struct SandboxConfig {
    /// Where it listens.
    pub ports: Ports,
    /// Where keys, certificates and passwords are kept for the next run; without it they are
    /// new each time.
    pub state: Option<PathBuf>,
    /// Where the env file is written once everything listens.
    pub env_file: Option<PathBuf>,
    /// What is in the mailboxes at the start.
    pub mail: Mail,
    /// How long an access token lives. Entra's live 60 to 90 minutes.
    pub token_lifetime: Duration,
    /// How much each mailbox may send.
    pub sending: SendingLimits,
    /// How many requests an app may send to Graph for one mailbox in ten minutes; `usize::MAX`
    /// for any number.
    pub graph_requests: usize,
    /// How many octets a request to Graph may have that brings a message as MIME; `usize::MAX` for
    /// any number.
    pub graph_mime: usize,
}

/// The ports of a sandbox, all on loopback.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ports {
    /// Whatever is free.
    Free,
    /// This one for HTTPS, and those after it for IMAP, POP3, SMTP, and SMTP with STARTTLS.
    From(u16),
}

impl Default for SandboxConfig {
    fn default() -> Self {
        Self {
            ports: Ports::Free,
            state: None,
            env_file: None,
            mail: Mail::None,
            token_lifetime: TOKEN_LIFETIME,
            sending: SendingLimits::EXCHANGE_ONLINE,
            graph_requests: GRAPH_REQUESTS,
            graph_mime: LARGEST_REQUEST,
        }
    }
}

/// Per app and mailbox (<https://learn.microsoft.com/graph/throttling-limits>).
const GRAPH_REQUESTS: usize = 10_000;

/// What Graph takes at once (<https://learn.microsoft.com/graph/outlook-large-attachments>).
pub(crate) const LARGEST_REQUEST: usize = 4_000_000;

/// What Entra says most often: an hour less a second.
const TOKEN_LIFETIME: Duration = Duration::from_secs(3599);
