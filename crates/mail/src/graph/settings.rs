//! Where a mailbox is, and how patient we are.

use std::sync::Arc;
use std::time::Duration;

use gatepost_host::{Chance, Clock, HttpLimits};
use gatepost_oauth::TokenSource;
use url::Url;

use super::Governor;

/// Everything that is needed to ask Graph for one mailbox.
#[derive(Debug, Clone)]
pub struct GraphSettings {
    /// Where Graph answers: scheme, host and port, as a cloud names it.
    pub base: Url,
    /// How it is reached, with [`GraphSettings::HTTP`] as its limits.
    pub http: reqwest::Client,
    /// The address of the mailbox.
    pub mailbox: String,
    /// Where tokens come from.
    pub tokens: Arc<dyn TokenSource>,
    /// The time.
    pub clock: Clock,
    /// The dice, for request ids and for spreading retries.
    pub chance: Chance,
    /// Keeps all that one app asks of one mailbox within its limits. Share it between everything
    /// that asks for the same mailbox with the same app.
    pub governor: Governor,
    /// How often to look while waiting.
    pub poll_every: Duration,
    /// How long an answer that does not stream may take.
    pub reply: Duration,
    /// The largest message that is taken, in octets.
    pub largest_message: u64,
    /// The largest message that is sent as it is, in octets before it is in base64.
    pub largest_mime: u64,
}

impl GraphSettings {
    /// As over IMAP: twice what Exchange Online lets a tenant allow.
    pub const LARGEST_MESSAGE: u64 = crate::imap::ImapSettings::LARGEST_MESSAGE;

    /// Graph takes requests of four million octets, and base64 makes four of three
    /// (<https://learn.microsoft.com/graph/outlook-large-attachments>).
    pub const LARGEST_MIME: u64 = 3_000_000;

    /// How often Gatepost looks.
    pub const POLL_EVERY: Duration = Duration::from_mins(1);

    /// How long an answer may take: Graph itself gives up after less.
    pub const REPLY: Duration = Duration::from_mins(2);

    /// The time limits of the HTTP client: a message may stream for as long as it moves.
    pub const HTTP: HttpLimits = HttpLimits {
        connect: Duration::from_secs(20),
        total: None,
        pause: Duration::from_mins(2),
    };
}
