//! Times in which the database as a whole cannot be used, told once by the store for all who wait.

use std::sync::{Mutex, PoisonError};

use gatepost_fault::Fault as _;

use crate::StoreError;

/// Whether the database can be used, as far as is known.
#[derive(Debug, Default)]
pub(crate) struct Outage(Mutex<Option<&'static str>>);

impl Outage {
    /// Something was not done. If that is so for all, and nobody has said it yet, it is said.
    pub(crate) fn met(&self, error: &StoreError) {
        if !error.is_outage() {
            return;
        }
        let code = error.code();
        if self.replaced(Some(code)) != Some(code) {
            tracing::warn!(
                code,
                "{error}. Nothing is lost: whatever needs it waits and tries again"
            );
        }
    }

    /// Something was written.
    pub(crate) fn over(&self, database: &std::path::Path) {
        if let Some(code) = self.replaced(None) {
            let database = database.display();
            tracing::info!(after = code, "the database {database} can be used again");
        }
    }

    fn replaced(&self, known: Option<&'static str>) -> Option<&'static str> {
        let mut met = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *met, known)
    }
}
