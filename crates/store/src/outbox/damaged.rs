//! Messages of which nobody can read what they are.

/// A message in the outbox that cannot be read: what stands in clear in its row, and why the rest
/// cannot be opened.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct DamagedSubmission {
    /// Its name.
    pub id: String,
    /// The mailbox in whose name it was submitted.
    pub mailbox: String,
    /// Its state, if that is one.
    pub state: String,
    /// The code of what is wrong with it.
    pub code: &'static str,
    /// What is wrong with it.
    pub reason: String,
}
