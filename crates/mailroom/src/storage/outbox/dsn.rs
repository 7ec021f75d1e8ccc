//! What the sender of a message wants servers to report (RFC 3461).

use std::collections::BTreeSet;

/// What the sender of a message wants servers to report on it.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct DsnRequest {
    /// When; servers have their own way if it is not said, which is mostly on failure.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub notify: Option<Notify>,
    /// How much of the message a report holds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub returned: Option<Returned>,
    /// The sender's own name for the message, which reports repeat.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub envelope_id: Option<String>,
}

/// When a report is wanted (RFC 3461 §4.1).
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Notify {
    /// Not even when the message cannot be delivered.
    Never,
    /// On these occasions.
    On(BTreeSet<Occasion>),
}

/// An occasion for a report.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Occasion {
    /// It was delivered.
    Success,
    /// It cannot be delivered.
    Failure,
    /// It takes longer.
    Delay,
}

/// How much of a message a report holds (RFC 3461 §4.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Returned {
    /// All of it.
    Full,
    /// Its header.
    Headers,
}

impl DsnRequest {
    /// Whether nothing is said.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether the sender hears of a failure.
    pub fn tell_of_failure(&self) -> bool {
        match &self.notify {
            None => true,
            Some(Notify::Never) => false,
            Some(Notify::On(occasions)) => occasions.contains(&Occasion::Failure),
        }
    }
}
