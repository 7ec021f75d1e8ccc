//! What a person decides of a message of which it is unknown whether it was sent.

use jiff::Timestamp;

use super::{Addressee, Fate, NewSubmission};
use crate::NewEvent;

/// What a person says of such a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resolution {
    /// It was sent.
    Sent,
    /// It is sent again, and may arrive twice.
    Resend,
    /// It is not sent again.
    Drop,
}

/// What follows from it.
#[derive(Debug, Clone)]
pub struct Decision {
    /// When it was transmitted: the person decided of that, and of no later transmission.
    pub departed_at: Option<Timestamp>,
    /// What became of it for each recipient.
    pub recipients: Vec<Addressee>,
    /// What became of it. What is tried again is tried as if for the first time.
    pub fate: Fate,
    /// Told in the same transaction.
    pub reports: Vec<NewEvent>,
    /// A report of failure to the sender, accepted in the same transaction.
    pub bounce: Option<Box<NewSubmission>>,
}
