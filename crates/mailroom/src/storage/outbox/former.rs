//! Tries of a message before a person had it tried again.

use jiff::Timestamp;

/// Tries of a message before a person had it tried as if for the first time.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct FormerTries {
    /// How many.
    pub attempts: u32,
    /// When the first of them was.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub first_attempt_at: Option<Timestamp>,
    /// Why the last of them did not do, in words.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
}

impl FormerTries {
    /// Adds these to `former`, the oldest first, unless there were none. Of very many the oldest
    /// are forgotten.
    pub fn add_to(self, former: &mut Vec<Self>) {
        if self.attempts == 0 {
            return;
        }
        former.push(self);
        if former.len() > MOST {
            former.remove(0);
        }
    }
}

const MOST: usize = 20;
