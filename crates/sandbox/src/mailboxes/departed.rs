//! What left the tenant: nobody is there to deliver it to, so it is kept to be looked at.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
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

/// Whoever sends more looks at them in between.
const MOST_DEPARTED: usize = 20_000;
