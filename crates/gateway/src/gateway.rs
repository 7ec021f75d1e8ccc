//! What all doors share.

use std::sync::Arc;

use gatepost_host::Clock;
use tokio::sync::Semaphore;

use crate::Protocol;
use crate::admission::Admission;
use crate::door::{DoorSettings, LeadsTo};
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
    /// Held by each message whose header is large.
    pub(crate) large_headers: Arc<Semaphore>,
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
            large_headers: Arc::new(Semaphore::new(LARGE_HEADERS)),
        }
    }

    /// The same, and `acceptance` takes messages at doors that lead into the spool.
    #[must_use]
    pub fn with_acceptance(mut self, acceptance: Arc<dyn Acceptance>) -> Self {
        self.acceptance = Some(acceptance);
        self
    }

    /// Asks the servers behind an SMTP door what they offer. Nobody waits for it.
    pub(crate) async fn learn_offers(&self, door: &DoorSettings) {
        if door.protocol != Protocol::Smtp || door.leads_to != LeadsTo::Server {
            return;
        }
        for server in self.upstream.servers(door.protocol) {
            match Box::pin(server.reach()).await {
                Ok(reached) => self.offers.learn(reached.extensions()),
                // The first client that signs in finds out.
                Err(error) => tracing::debug!("a server did not say what it offers: {error}"),
            }
        }
    }
}

/// Headers that are large and taken in at once, by all doors: each is in memory, twice.
pub(crate) const LARGE_HEADERS: usize = 8;
