//! Watches as they are typed.

use schemars::JsonSchema;
use serde::Deserialize;

use super::Placed;

/// A folder under observation.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawWatch {
    /// The address of the mailbox.
    pub mailbox: Placed<String>,
    /// The folder; `INBOX` if it is not set.
    pub folder: Option<Placed<String>>,
    /// The names of the sinks where its events go.
    pub sinks: Placed<Vec<Placed<String>>>,
    /// Where a new watch begins: `now` (the default), `beginning`, or a time such as
    /// `2026-11-22T00:00:00Z`.
    pub from: Option<Placed<String>>,
    /// What is done with a message once every sink has it; nothing if it is not set.
    pub after: Option<Placed<RawAfter>>,
    /// The longest pause between two looks, whatever the server says; 5 minutes if it is not set.
    pub poll: Option<Placed<String>>,
    /// How long the server may prove nothing before the watch is reported as stalled; 15 minutes
    /// if it is not set.
    pub stalled_after: Option<Placed<String>>,
}

/// What is done with a message once every sink has it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RawAfter {
    /// It is marked as read.
    MarkRead,
    /// It is moved to this folder.
    MoveTo(String),
    /// It is deleted for good.
    Delete,
}
