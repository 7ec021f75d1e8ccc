//! The stage: the sandbox, and the daemon that works against it.

use std::sync::Arc;
use std::time::Duration;

use gatepost_host::{Chance, Clock, Tasks};
use gatepost_mailroom::WatchState;
use gatepost_sandbox::mailset::Mail;
use gatepost_sandbox::{Sandbox, SandboxConfig};

use super::DemoError;
use super::folder::DemoFolder;
use super::observer::Observer;
use super::tour;
use crate::compose::{Gatepost, Scope, compose};
use crate::config::{MailboxSettings, load};
use crate::daemon::Daemon;
use crate::failure::Failure;

/// Everything that plays.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) sandbox: Sandbox,
    pub(super) daemon: Daemon,
    pub(super) observer: Observer,
    tasks: Tasks,
}

impl Stage {
    /// Starts the sandbox, writes the configuration and starts the daemon.
    pub(super) async fn build(
        folder: &DemoFolder,
        (clock, chance): (Clock, Chance),
    ) -> Result<Self, Failure> {
        let tasks = Tasks::new();
        let config = SandboxConfig {
            state: Some(folder.sandbox()),
            env_file: Some(folder.env_file()),
            mail: Mail::Demo,
            ..SandboxConfig::default()
        };
        let sandbox = Sandbox::start(config, clock, chance, &tasks).await?;
        tour::sandbox(&sandbox)?;
        folder.furnish(&sandbox)?;
        let observer = Observer::new(folder);
        let config = load(&folder.config())?;
        let daemon = Daemon::start(compose(config, Scope::Serve).await?).await?;
        Ok(Self {
            sandbox,
            daemon,
            observer,
            tasks,
        })
    }

    /// What runs.
    pub(super) fn gatepost(&self) -> Arc<Gatepost> {
        self.daemon.gatepost()
    }

    /// A mailbox of the demonstration's configuration.
    pub(super) fn mailbox(&self, address: &str) -> MailboxSettings {
        self.gatepost().config.mailboxes[address].clone()
    }

    /// Waits until every folder is watched.
    pub(super) async fn watching(&self) -> Result<(), Failure> {
        self.until("every folder is watched", || {
            let watches = self.daemon.mailroom.board.mailboxes();
            watches
                .iter()
                .all(|watch| watch.state == WatchState::Watching)
        })
        .await
    }

    /// Waits until `claim` holds, but not for ever.
    pub(super) async fn until(&self, claim: &str, holds: impl Fn() -> bool) -> Result<(), Failure> {
        let clock = self.gatepost().clock.clone();
        let waiting = async {
            while !holds() {
                clock.sleep(LOOK).await;
            }
        };
        let waited = clock.within(PATIENCE, waiting).await;
        waited.map_err(|_| {
            let found = format!("not within {} seconds", PATIENCE.as_secs());
            DemoError::Claim {
                claim: claim.to_owned(),
                found,
            }
            .into()
        })
    }

    /// Ends the daemon, then the sandbox.
    pub(super) async fn clear(self) {
        let _ = self.daemon.drain().await;
        self.sandbox.end().await;
        self.tasks.end().await;
    }
}

const LOOK: Duration = Duration::from_millis(2);
const PATIENCE: Duration = Duration::from_mins(1);
