//! The state of watches and sinks, as people see it.

use jiff::Timestamp;

use crate::{SinkName, WatchKey};

/// How one watch is.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct MailboxStatus {
    /// The mailbox and the folder.
    #[serde(flatten)]
    pub watch: WatchKey,
    /// What it does.
    pub state: WatchState,
    /// When the server last proved to be alive and the folder was looked at.
    pub proven_at: Option<Timestamp>,
    /// Since when it counts as stalled.
    pub stalled_since: Option<Timestamp>,
    /// When the cursor last moved in this process.
    pub cursor_moved_at: Option<Timestamp>,
    /// The last failure, as long as nothing has worked since.
    pub last_error: Option<LastError>,
    /// When it is tried again, after a failure.
    pub next_attempt_at: Option<Timestamp>,
}

/// What a watch does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WatchState {
    /// It has not begun yet.
    Starting,
    /// It connects and signs in.
    Connecting,
    /// It asks what is new.
    Looking,
    /// It fetches messages.
    Fetching,
    /// It waits for mail.
    Watching,
    /// The sinks are behind: nothing is fetched, the session is kept alive.
    #[serde(rename = "paused: backpressure")]
    Paused,
    /// It waits after a failure.
    Retrying,
    /// It has ended.
    Stopped,
}

/// The last failure of a watch.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct LastError {
    /// Its code, with its page in `docs/codes`.
    pub code: String,
    /// The sentence for the operator.
    pub sentence: String,
    /// When it happened.
    pub at: Timestamp,
}

/// How one sink is.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct SinkStatus {
    /// Which.
    pub sink: SinkName,
    /// How.
    #[serde(flatten)]
    pub state: SinkState,
}

/// Whether a sink takes deliveries.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum SinkState {
    /// It takes them.
    Working,
    /// It asked for a pause.
    Pausing {
        /// Until when.
        until: Timestamp,
        /// Why, in its own words.
        reason: String,
    },
    /// It said that it wants nothing any more. It is asked again every ten minutes.
    SwitchedOff {
        /// Since when.
        since: Timestamp,
        /// Why, in its own words.
        reason: String,
    },
}

impl WatchState {
    /// The state in words, as `gatepost mailboxes` shows it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Connecting => "connecting",
            Self::Looking => "looking",
            Self::Fetching => "fetching",
            Self::Watching => "watching",
            Self::Paused => "paused: backpressure",
            Self::Retrying => "retrying",
            Self::Stopped => "stopped",
        }
    }
}
