//! Another configuration over the same store: what is made of the same stays the same.

use std::collections::BTreeMap;
use std::sync::Arc;

use gatepost_fault::{Fault, Next, Owner};
use gatepost_oauth::{Registration, TokenKeeper};

use super::{Gatepost, registrations};
use crate::config::Config;
use crate::failure::Failure;

/// A composition that is complete and not in force yet. Dropped, it leaves everything as it was.
#[derive(Debug)]
pub struct Recomposed {
    /// The composition.
    pub gatepost: Gatepost,
    /// What keepers that are taken over are told once it is in force.
    news: Vec<(TokenKeeper, Arc<Registration>)>,
}

impl Recomposed {
    /// Makes it from `config` beside `before`. All secrets are fetched and all files read before
    /// this returns.
    pub async fn make(before: &Gatepost, config: Config) -> Result<Self, Failure> {
        before.can_go_on_with(&config)?;
        let wanted = super::every_mailbox(&config);
        let registrations = registrations(&config, &wanted, &before.clock).await?;
        for (name, settings) in &config.registrations {
            if !registrations.contains_key(name) {
                registrations::fetch(name, settings, &before.clock).await?;
            }
        }
        let clouds = before.clouds.iter();
        let clouds = clouds.filter(|(_, reach)| reach.is_current());
        let mut gatepost = Gatepost {
            config,
            clock: before.clock.clone(),
            chance: before.chance.clone(),
            tasks: before.tasks.clone(),
            store: before.store.clone(),
            clouds: clouds
                .map(|(file, reach)| (file.clone(), Arc::clone(reach)))
                .collect(),
            keepers: BTreeMap::new(),
            opened: BTreeMap::new(),
            sinks: BTreeMap::new(),
            secret_ends: before.secret_ends.to_be_asked(),
        };
        let mut news = Vec::new();
        for mailbox in &wanted {
            let registration = &registrations[&mailbox.registration];
            news.extend(gatepost.keep_on(before, mailbox, registration));
            gatepost.keep(mailbox, registration);
        }
        gatepost.sinks = gatepost.build_sinks(&before.sinks).await?;
        Ok(Self { gatepost, news })
    }

    /// Tells the keepers that are taken over what is new, and gives the composition. Nothing can
    /// fail any more.
    pub fn into_force(self) -> Gatepost {
        for (keeper, registration) in self.news {
            keeper.adopt(registration);
        }
        self.gatepost
    }
}

impl Gatepost {
    /// Refuses what only a new start can change.
    fn can_go_on_with(&self, config: &Config) -> Result<(), ReloadError> {
        let what = if config.state.path() != self.config.state.path() {
            "state"
        } else if config.key != self.config.key {
            "key"
        } else {
            if config.log != self.config.log {
                tracing::warn!("what the configuration says of the log holds from the next start");
            }
            return Ok(());
        };
        Err(ReloadError { what })
    }

    /// Takes over the keeper that `before` has for the credential of this mailbox, unless the cloud
    /// is reached in another way now; says what is new to it.
    fn keep_on(
        &mut self,
        before: &Self,
        mailbox: &crate::config::MailboxSettings,
        registration: &Arc<Registration>,
    ) -> Option<(TokenKeeper, Arc<Registration>)> {
        let id = super::credential_id(&self.config, mailbox);
        if self.keepers.contains_key(&id) {
            return None;
        }
        let kept = before.keepers.get(&id)?.clone();
        if !Arc::ptr_eq(&kept.reach, &self.reach_for(mailbox)) {
            return None;
        }
        let keeper = kept.keeper.clone();
        self.keepers.insert(id.clone(), kept);
        Some((keeper, self.for_credential(&id, registration)))
    }
}

/// What a running `serve` cannot change.
#[derive(Debug, thiserror::Error)]
#[error(
    "`{what}` was changed in the configuration, and a running gatepost serve keeps what it was \
     started with; restart it, or change that back"
)]
pub struct ReloadError {
    what: &'static str,
}

impl ReloadError {
    /// Every code this error answers.
    pub const CODES: &'static [&'static str] = &["reload_needs_restart"];
}

impl Fault for ReloadError {
    fn code(&self) -> &'static str {
        "reload_needs_restart"
    }

    fn owner(&self) -> Owner {
        Owner::Operator
    }

    fn next(&self) -> Next {
        Next::Reconfigure
    }
}
