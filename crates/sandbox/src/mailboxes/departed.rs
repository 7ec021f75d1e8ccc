//! What left the tenant: nobody is there to deliver it to, so it is kept to be looked at.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use gatepost_fault::{Fault, Next, Owner};
use jiff::Timestamp;

/// A message that left the tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Departed {
    /// The address of the mailbox that it left.
    pub mailbox: String,
    /// Who gets it elsewhere.
    pub recipients: Vec<String>,
    /// When it left.
    pub at: Timestamp,
    /// The message, as they get it.
    pub raw: Bytes,
}

/// What left the tenant, the first one first. Clones are the same list.
#[derive(Debug, Clone, Default)]
pub(super) struct Departures(Arc<Mutex<VecDeque<Departed>>>);

impl Departures {
    /// Keeps one more. When a great many left, the oldest is forgotten.
    pub(super) fn note(&self, departed: Departed) {
        let mut all = self.lock();
        if all.len() >= MOST_DEPARTED {
            all.pop_front();
        }
        all.push_back(departed);
    }

    pub(super) fn all(&self) -> Vec<Departed> {
        self.lock().iter().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Departed>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// So many messages have not left the tenant, or the oldest were forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the sandbox knows no message {0} that left the tenant; list them to see their numbers")]
pub struct DepartedUnknown(pub usize);

impl DepartedUnknown {
    /// Every code this error answers.
    pub const CODES: &'static [&'static str] = &["sandbox_departed_unknown"];
}

impl Fault for DepartedUnknown {
    fn code(&self) -> &'static str {
        "sandbox_departed_unknown"
    }

    fn owner(&self) -> Owner {
        Owner::Operator
    }

    fn next(&self) -> Next {
        Next::Discard
    }
}

/// Whoever sends more looks at them in between.
const MOST_DEPARTED: usize = 20_000;
