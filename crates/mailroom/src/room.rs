//! What everybody in the mailroom works with.

use std::sync::Arc;
use std::time::Duration;

use gatepost_host::{Chance, Clock};
use gatepost_mail::Opener;

use crate::courier::Bell;
use crate::{
    Board, Caretaker, Courier, Credentials, Cursors, Deliveries, Listener, Notices, Route, Sink,
    Spool, Sweeper, Unproven, Watch, Watchman,
};

/// Everything that listeners and couriers share. Clones share it too.
#[derive(Debug, Clone)]
pub struct Mailroom {
    /// How far each watch has come.
    pub cursors: Arc<dyn Cursors>,
    /// What is on its way.
    pub deliveries: Arc<dyn Deliveries>,
    /// The raw messages.
    pub spool: Arc<Spool>,
    /// How everybody is.
    pub board: Board,
    /// Rings when there is something to deliver.
    pub bell: Bell,
    /// The time.
    pub clock: Clock,
    /// The dice.
    pub chance: Chance,
}

impl Mailroom {
    /// A listener for `watch`, whose sessions `opener` opens.
    pub fn listener(&self, watch: Watch, opener: Arc<dyn Opener>) -> Listener {
        Listener::new(self.clone(), watch, opener)
    }

    /// A courier who takes deliveries to `sink` by `route`.
    pub fn courier(&self, route: Route, sink: Arc<dyn Sink>) -> Courier {
        Courier::new(self.clone(), route, sink)
    }

    /// The watchman of all watches.
    pub fn watchman(&self) -> Watchman {
        Watchman::new(
            self.board.clone(),
            Arc::clone(&self.cursors),
            self.bell.clone(),
            self.clock.clone(),
        )
    }

    /// The caretaker of `credentials`, who remembers by `notices` what was told.
    pub fn caretaker(
        &self,
        credentials: Arc<dyn Credentials>,
        notices: Arc<dyn Notices>,
    ) -> Caretaker {
        Caretaker::new(credentials, notices, self.bell.clone(), self.clock.clone())
    }

    /// How long nobody has proved to be alive: for the sweeper, before any watch is listened to.
    pub async fn unproven(&self) -> Unproven {
        Unproven::until_now(self.cursors.as_ref(), &self.clock).await
    }

    /// The sweeper, who forgets events `retention` after their last delivery was settled, in which
    /// the time that was `unproven` at the start does not count.
    pub fn sweeper(&self, retention: Duration, unproven: Unproven) -> Sweeper {
        Sweeper::new(
            (Arc::clone(&self.spool), Arc::clone(&self.deliveries)),
            self.clock.clone(),
            retention,
            unproven,
        )
    }
}
