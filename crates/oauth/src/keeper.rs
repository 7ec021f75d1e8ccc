//! Keeps the tokens of one credential alive, and is the only one who renews them.
//!
//! One request at a time; who asks meanwhile waits for its outcome. A rotated refresh token is
//! durable in the store before the access token that came with it is handed out.

mod flight;
mod keepsake;
mod pause;
mod slot;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use gatepost_host::{Chance, Clock, HttpError, Stop, Tasks, Trust};
use tokio::sync::{Notify, watch};

use crate::contract::MemoryGrants;
use crate::flow::{Asking, Granted, who};
use crate::grants::{authorization_code, client_credentials};
use crate::{
    AccessToken, Audience, CredentialId, Endpoint, Grant, Grants, HttpEndpoint, Registration,
    TokenError, TokenSource,
};
use flight::Vault;
use slot::{Look, Slot};

/// A registration, a grant and, for delegated grants, a person.
#[derive(Debug, Clone)]
pub struct Credential {
    /// Its name in the store.
    pub id: CredentialId,
    /// The app.
    pub registration: Arc<Registration>,
    /// How its tokens are obtained.
    pub grant: &'static Grant,
    /// Who signed in, or shall; `None` if the app acts for itself.
    pub person: Option<String>,
}

impl Credential {
    /// An app that acts for itself: its tokens open whatever the app was permitted, and nobody
    /// signs in.
    pub fn of_app(registration: Registration) -> Self {
        Self::new(registration, &client_credentials::GRANT, None)
    }

    /// A person, by sign-in name, who signs in by [`TokenKeeper::sign_in`] before there is a
    /// token.
    pub fn of_person(registration: Registration, person: impl Into<String>) -> Self {
        Self::new(
            registration,
            &authorization_code::GRANT,
            Some(person.into()),
        )
    }

    fn new(registration: Registration, grant: &'static Grant, person: Option<String>) -> Self {
        let app = format!(
            "{}/{}/{}/{}",
            registration.cloud.login.authority(),
            registration.tenant,
            registration.client_id,
            grant.name
        );
        Self {
            id: CredentialId::new(match &person {
                None => app,
                Some(person) => format!("{app}/{person}"),
            }),
            registration: Arc::new(registration),
            grant,
            person,
        }
    }
}

/// What a keeper needs of the world.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// Where forms are posted.
    pub endpoint: Arc<dyn Endpoint>,
    /// Where the state of grants is stored.
    pub grants: Arc<dyn Grants>,
    /// The time.
    pub clock: Clock,
    /// Chance, for ids and jitter.
    pub chance: Chance,
    /// Owns the requests under way.
    pub tasks: Tasks,
}

impl Surroundings {
    /// HTTPS under `trust`, and clock and chance of this machine. Sign-ins are forgotten with
    /// the process: a program that keeps them puts its own [`Grants`] into `grants`.
    pub fn trusting(trust: &Trust) -> Result<Self, HttpError> {
        let (clock, chance) = (Clock::system(), Chance::system());
        Ok(Self {
            endpoint: Arc::new(HttpEndpoint::new(trust, clock.clone(), chance.clone())?),
            grants: Arc::new(MemoryGrants::default()),
            clock,
            chance,
            tasks: Tasks::new(),
        })
    }
}

/// The [`TokenSource`] of production: one per credential.
#[derive(Debug, Clone)]
pub struct TokenKeeper(Arc<Keeper>);

#[derive(Debug)]
struct Keeper {
    credential: Credential,
    around: Surroundings,
    slots: Mutex<BTreeMap<Audience, Slot>>,
    /// Whoever holds it may talk to the issuer. Refresh tokens rotate per credential, so the
    /// audiences take turns. Made to be held over awaits.
    turn: tokio::sync::Mutex<Vault>,
    changed: Notify,
}

/// What those who wait for a request are told: nothing yet, or its outcome.
type Outcome = Option<Result<AccessToken, TokenError>>;

impl TokenKeeper {
    /// A keeper that holds no token yet and has asked for none.
    pub fn new(credential: Credential, around: Surroundings) -> Self {
        Self(Arc::new(Keeper {
            credential,
            around,
            slots: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
            changed: Notify::new(),
        }))
    }

    /// The credential whose tokens these are.
    pub fn credential(&self) -> &Credential {
        &self.0.credential
    }

    pub(crate) fn surroundings(&self) -> &Surroundings {
        &self.0.around
    }

    pub(crate) fn asking(&self, audience: Audience) -> Asking {
        self.0.asking(audience)
    }

    pub(crate) fn who(&self) -> String {
        self.0.who()
    }

    /// Renews ahead of expiry what was asked for once, also while nobody asks, until `stop`.
    pub async fn run(&self, stop: &Stop) {
        loop {
            let changed = self.0.changed.notified();
            let due = self.0.next_renewal();
            let wait = async {
                match due {
                    Some(at) => self.0.around.clock.sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            let woken = async {
                tokio::select! {
                    () = wait => {}
                    () = changed => {}
                }
            };
            if stop.or(woken).await.is_none() {
                return;
            }
            self.0.renew_what_is_due();
        }
    }

    /// Takes over what a sign-in brought: stores it, and hands it out from now on.
    pub async fn signed_in(&self, granted: Granted) -> Result<(), TokenError> {
        Keeper::take_over(&self.0, granted).await
    }
}

#[async_trait]
impl TokenSource for TokenKeeper {
    async fn token(&self, audience: Audience) -> Result<AccessToken, TokenError> {
        let mut outcome = match self.0.look(audience) {
            Look::Hand(token) => return Ok(token),
            Look::Fail(error) => return Err(error),
            Look::Wait(outcome) => outcome,
        };
        let known = outcome.wait_for(Option::is_some).await;
        known
            .ok()
            .and_then(|outcome| outcome.clone())
            .unwrap_or_else(|| Err(TokenError::BrokenOff { who: self.0.who() }))
    }

    fn refused(&self, token: &AccessToken) {
        let now = self.0.around.clock.now();
        if let Some(slot) = self.0.slots().get_mut(&token.audience) {
            slot.refuse(token, now);
        }
        self.0.changed.notify_one();
    }
}

impl Keeper {
    fn slots(&self) -> MutexGuard<'_, BTreeMap<Audience, Slot>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn who(&self) -> String {
        who(
            &self.credential.registration,
            self.credential.person.as_deref(),
        )
    }

    fn asking(&self, audience: Audience) -> Asking {
        Asking {
            registration: Arc::clone(&self.credential.registration),
            person: self.credential.person.clone(),
            audience,
            chance: self.around.chance.clone(),
        }
    }

    /// Looks what is there, and starts a request if that is due.
    fn look(self: &Arc<Self>, audience: Audience) -> Look {
        let now = self.around.clock.now();
        let mut slots = self.slots();
        let slot = slots.entry(audience).or_default();
        slot.look(now, || self.start(audience))
    }

    fn start(self: &Arc<Self>, audience: Audience) -> watch::Receiver<Outcome> {
        let (tell, outcome) = watch::channel(None);
        let keeper = Arc::clone(self);
        self.around.tasks.start("token request", async move {
            let result = keeper.fly(audience).await;
            keeper.land(audience, &result);
            tell.send_replace(Some(result));
            keeper.changed.notify_one();
        });
        outcome
    }

    fn land(&self, audience: Audience, result: &Result<AccessToken, TokenError>) {
        let now = self.around.clock.now();
        if let Err(error) = result
            && !error.is_told()
        {
            tracing::warn!(
                credential = %self.credential.id,
                code = gatepost_fault::Fault::code(error),
                "no token: {error}"
            );
        }
        self.slots()
            .entry(audience)
            .or_default()
            .land(result, now, &self.around.chance);
    }

    fn next_renewal(&self) -> Option<jiff::Timestamp> {
        self.slots().values().filter_map(Slot::next_renewal).min()
    }

    fn renew_what_is_due(self: &Arc<Self>) {
        let now = self.around.clock.now();
        let due: Vec<Audience> = {
            let slots = self.slots();
            let due = slots
                .iter()
                .filter(|(_, slot)| slot.next_renewal().is_some_and(|at| at <= now));
            due.map(|(audience, _)| *audience).collect()
        };
        for audience in due {
            self.look(audience);
        }
    }
}

#[cfg(test)]
mod tests;
