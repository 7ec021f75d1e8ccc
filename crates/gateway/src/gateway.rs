//! What all doors share.

use std::sync::Arc;

use gatepost_host::Clock;

use crate::admission::Admission;
use crate::spool::Acceptance;
use crate::upstream::{Offers, Upstream};

/// What all doors share: who may come in, and where to. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Gateway {
    pub(crate) admission: Arc<dyn Admission>,
    pub(crate) upstream: Arc<dyn Upstream>,
    pub(crate) clock: Clock,
    pub(crate) offers: Offers,
    pub(crate) acceptance: Option<Arc<dyn Acceptance>>,
}

impl Gateway {
    /// `admission` says who may come in, and `upstream` where to.
    pub fn new(admission: Arc<dyn Admission>, upstream: Arc<dyn Upstream>, clock: Clock) -> Self {
        Self {
            admission,
            upstream,
            clock,
            offers: Offers::default(),
            acceptance: None,
        }
    }

    /// The same, and `acceptance` takes messages at doors that lead into the spool.
    #[must_use]
    pub fn with_acceptance(mut self, acceptance: Arc<dyn Acceptance>) -> Self {
        self.acceptance = Some(acceptance);
        self
    }
}
