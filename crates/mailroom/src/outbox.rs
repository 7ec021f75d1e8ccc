//! Sends what is in the outbox, and finds out what became of it.
//!
//! A [`Dispatcher`] sends for one mailbox: several messages at the same time over sessions that
//! are used again, as fast as the mailbox may. It writes that a message departs before its first
//! octet does; whatever happens afterwards, it is known of each message whether it can have been
//! sent. One of which that is not known is looked for, and is sent again only if the configuration
//! says so.
//!
//! | what failed | what follows |
//! |---|---|
//! | no session, no token, or the mailbox may not send at all | it waits, and with it the mailbox |
//! | the message was refused for now, before or behind its octets | it is tried again, for days |
//! | the message or all of its recipients were refused for good | `failed` |
//! | some recipients were refused | the others have it; those refused for now are tried alone |
//! | the answer was lost behind the last octet | `unknown`: it is looked for in Sent Items |

mod attempt;
mod bounce;
mod clerk;
mod dispatcher;
mod draft;
mod foreground;
mod judgement;
mod lane;
mod lookout;
mod pause;
mod policy;
mod prepare;
mod reports;
mod resolved;
mod turn;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use gatepost_host::{Chance, Clock};
use tokio::sync::Semaphore;

pub use clerk::Clerk;
pub use dispatcher::Dispatcher;
pub use draft::{Attached, Correspondent, Draft};
pub use lane::SendLimits;
pub use lookout::{Copies, LookError, Lookout, SentItems, Sighting};
pub use pause::Pause;
pub use policy::{BounceTo, SendPolicy, Sending};
pub use prepare::{Preparation, PrepareError, Prepared, ReturnTo, Wishes};

use crate::{Accepted, Bell, Call, NewSubmission, Outbox, Spool, StorageError};

/// What all who send share. Clones share it too.
#[derive(Debug, Clone)]
pub struct PostOffice {
    /// What is on its way out.
    pub outbox: Arc<dyn Outbox>,
    /// The raw messages.
    pub spool: Arc<Spool>,
    /// Wakes the couriers, who take the reports to their sinks.
    pub couriers: Bell,
    /// The time.
    pub clock: Clock,
    /// The dice.
    pub chance: Chance,
    /// Sessions that may be open at the same time, over all mailboxes. Who waits is served in
    /// turn.
    sessions: Arc<Semaphore>,
    bells: Arc<Mutex<BTreeMap<String, Bell>>>,
}

impl PostOffice {
    /// Sessions at the same time, over all mailboxes, if nothing else is said.
    pub const SESSIONS: usize = 64;

    /// A post office over `outbox`.
    pub fn new(
        (outbox, spool): (Arc<dyn Outbox>, Arc<Spool>),
        couriers: Bell,
        (clock, chance): (Clock, Chance),
    ) -> Self {
        Self {
            outbox,
            spool,
            couriers,
            clock,
            chance,
            sessions: Arc::new(Semaphore::new(Self::SESSIONS)),
            bells: Arc::default(),
        }
    }

    /// Accepts a message. It is durable when this returns, and whoever sends for its mailbox is
    /// told.
    pub async fn accept(&self, new: NewSubmission) -> Result<Accepted, StorageError> {
        let (mailbox, reports) = (new.letter.mailbox.clone(), !new.reports.is_empty());
        let accepted = self.outbox.accept(new).await?;
        if accepted == Accepted::New {
            self.bell(&mailbox).ring();
            if reports {
                self.couriers.ring();
            }
        }
        Ok(accepted)
    }

    /// Tells everybody who sends to look; urgently, also for a mailbox that waits.
    pub fn ring_all(&self, call: Call) {
        for bell in self.bells().values() {
            match call {
                Call::Look => bell.ring(),
                Call::Urgent => bell.urge(),
            }
        }
    }

    /// The bell of whoever sends for `mailbox`.
    fn bell(&self, mailbox: &str) -> Bell {
        self.bells().entry(mailbox.to_owned()).or_default().clone()
    }

    fn bells(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Bell>> {
        self.bells.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
