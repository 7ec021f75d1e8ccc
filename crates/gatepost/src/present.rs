//! The composition that is in force. A reload puts another in its place; whoever asks twice may be
//! told of two.

use std::sync::{Arc, PoisonError, RwLock};

use gatepost_mailroom::{CredentialStatus, Credentials, EventType, SinkName};

use crate::compose::Gatepost;

/// The composition that is in force. Clones show the same one.
#[derive(Debug, Clone)]
pub struct Present(Arc<RwLock<Arc<Gatepost>>>);

impl Present {
    /// Begins with this one.
    pub fn new(gatepost: Gatepost) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(gatepost))))
    }

    /// The one that is in force now.
    pub fn get(&self) -> Arc<Gatepost> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts another in its place.
    pub fn replace(&self, gatepost: Gatepost) {
        let mut present = self.0.write().unwrap_or_else(PoisonError::into_inner);
        *present = Arc::new(gatepost);
    }
}

impl Credentials for Present {
    fn statuses(&self) -> Vec<CredentialStatus> {
        self.get().credentials()
    }

    fn report_to(&self, kind: EventType, mailboxes: &[String]) -> Vec<SinkName> {
        self.get().report_to(kind, mailboxes)
    }
}
