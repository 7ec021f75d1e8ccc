//! What is due, and of it what nobody can read any more.

use super::{Addressee, DueSubmission, Letter, SendLease};

/// Messages that are to be transmitted or looked for now.
#[derive(Debug, Clone, Default)]
pub struct DueNow {
    /// Those that can be.
    pub whole: Vec<DueSubmission>,
    /// Those of which it cannot be read what they are, or to whom they go. Whoever claims them
    /// gives them up and says so: they would be due for ever.
    pub damaged: Vec<DamagedDue>,
}

impl DueNow {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.whole.len() + self.damaged.len()
    }

    /// Whether nothing is due.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A message that is due and cannot be read.
#[derive(Debug, Clone)]
pub struct DamagedDue {
    /// The claim.
    pub lease: SendLease,
    /// What is known of it, if that can be read.
    pub letter: Option<Letter>,
    /// To whom, and what became of it so far, as far as that can be read.
    pub recipients: Vec<Addressee>,
    /// Tries, as far as they are counted.
    pub attempts: u32,
    /// Whether it may have been sent: it was transmitted, and the answer was lost.
    pub may_have_been_sent: bool,
    /// The code of what is wrong with it.
    pub code: &'static str,
    /// What is wrong with it.
    pub reason: String,
}
