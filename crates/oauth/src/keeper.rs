//! Keeps the tokens of one credential alive, and is the only one who renews them.
//!
//! One request at a time; who asks meanwhile waits for its outcome. A rotated refresh token is
//! durable in the store before the access token that came with it is handed out.

mod brought;
mod challenged;
mod clock_watch;
mod flight;
mod inheritance;
mod keepsake;
mod pause;
mod per_audience;
mod permitted;
mod slot;
mod standing;
mod upkeep;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use gatepost_host::{Chance, Clock, HttpError, SecretSource, Stop, Tasks, Trust};
use jiff::SignedDuration;
use secrecy::SecretString;
use tokio::sync::{Notify, watch};

use crate::contract::MemoryGrants;
use crate::flow::{Asking, Granted, who};
use crate::grants::{authorization_code, client_credentials};
use crate::{
    AccessToken, Audience, Challenge, CredentialId, Endpoint, Grant, Grants, HttpEndpoint, Proof,
    Registration, TokenError, TokenSource,
};
pub use brought::Brought;
use challenged::{Challenged, Heard};
use clock_watch::ClockWatch;
use flight::Vault;
use per_audience::PerAudience;
pub use permitted::permitted_scopes;
use slot::{Look, Slot};
pub use standing::{CredentialStanding, CredentialState};
use upkeep::Upkeep;

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
    /// Where the person's password is, for the grant that needs one.
    pub password: PasswordFrom,
}

/// Where a keeper finds the password of a person when nothing else leads on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum PasswordFrom {
    /// Nowhere: the person must sign in.
    #[default]
    Nowhere,
    /// Where the configuration says, each time anew.
    Source(SecretSource),
    /// In the store, sealed, where the last sign-in left it.
    SignIn,
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
            password: PasswordFrom::Nowhere,
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
    /// The names that its sign-in may be stored under since before its tenant was known.
    formerly: Vec<CredentialId>,
    /// The app as it is now; in the credential it is as it was at first.
    registration: Mutex<Arc<Registration>>,
    around: Surroundings,
    slots: Mutex<PerAudience<Slot>>,
    upkeep: Mutex<Upkeep>,
    /// What servers want tokens to carry, for as long as this process lives.
    challenges: Mutex<PerAudience<Challenged>>,
    watch: ClockWatch,
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
        Self::heir(credential, Vec::new(), around)
    }

    /// The same of a credential that went by another name before the tenant stood in its
    /// registration: a sign-in that is stored under one of the names `formerly`, and is of that
    /// tenant by its id, is moved to the present name when it is first looked for.
    pub fn heir(credential: Credential, formerly: Vec<CredentialId>, around: Surroundings) -> Self {
        Self(Arc::new(Keeper {
            registration: Mutex::new(Arc::clone(&credential.registration)),
            credential,
            formerly,
            around,
            slots: Mutex::default(),
            upkeep: Mutex::default(),
            challenges: Mutex::default(),
            watch: ClockWatch::default(),
            turn: tokio::sync::Mutex::default(),
            changed: Notify::new(),
        }))
    }

    /// The credential whose tokens these are.
    pub fn credential(&self) -> Credential {
        Credential {
            registration: self.0.registration(),
            ..self.0.credential.clone()
        }
    }

    /// Whether this is the same keeper, and not only one of the same credential.
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Goes on with another description of the same app, such as a new secret. A token that is
    /// held stays good; what failed is tried anew.
    pub fn adopt(&self, registration: Arc<Registration>) {
        let before = std::mem::replace(&mut *self.0.registration_slot(), registration);
        if keepsake::is_asked_alike(&before, &self.0.registration()) {
            return;
        }
        self.0.forgive_challenges();
        for slot in self.0.slots().values_mut() {
            slot.forgive();
        }
        self.0.upkeep().forgive();
        self.0.changed.notify_one();
    }

    pub(crate) fn surroundings(&self) -> &Surroundings {
        &self.0.around
    }

    /// What a sign-in begins with.
    pub(crate) async fn asking(&self, audience: Audience) -> Result<Asking, TokenError> {
        let proof = self.0.proof_of_sign_in().await?;
        let mut asking = self.0.asking(audience, proof);
        if asking.challenge.is_none() {
            asking.challenge = self.0.kept_challenge(audience).await;
        }
        Ok(asking)
    }

    /// How far this machine's clock was ahead of the sign-in server's when that last answered;
    /// negative if behind.
    pub fn clock_skew(&self) -> Option<SignedDuration> {
        self.0.watch.skew()
    }

    /// Where this keeper posts its forms.
    pub(crate) fn endpoint(&self) -> impl Endpoint + '_ {
        self.0.endpoint()
    }

    pub(crate) fn who(&self) -> String {
        self.0.who()
    }

    /// Renews ahead of expiry what was asked for once, also while nobody asks, and once a day what
    /// a person signed in for, until `stop`.
    pub async fn run(&self, stop: &Stop) {
        while self.0.next_work(stop).await.is_some() {
            self.0.renew_what_is_due();
            if self.0.is_upkeep_due() {
                let keeper = Arc::clone(&self.0);
                let tending = async move { keeper.tend().await };
                // Owned by the tasks, so that what it renews is stored even if this is stopped.
                let tending = self.0.around.tasks.start("sign-in upkeep", tending);
                stop.or(tending).await;
            }
        }
    }

    /// Takes over what a sign-in brought: stores it, and hands it out from now on.
    pub async fn signed_in(&self, granted: Granted) -> Result<(), TokenError> {
        Keeper::take_over(&self.0, granted, None).await
    }

    /// The same of a sign-in with a password, which is kept if the credential says so.
    pub(crate) async fn signed_in_with(
        &self,
        granted: Granted,
        password: Option<SecretString>,
    ) -> Result<(), TokenError> {
        let is_kept = self.0.credential.password == PasswordFrom::SignIn;
        let kept = password.filter(|_| is_kept);
        Keeper::take_over(&self.0, granted, kept).await
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
        if let Some(slot) = self.0.slots().get_mut(token.audience) {
            slot.refuse(token, now);
        }
        self.0.changed.notify_one();
    }

    fn clock_skew(&self) -> Option<SignedDuration> {
        self.0.watch.skew_lately(self.0.around.clock.now())
    }

    fn challenged(&self, token: &AccessToken, challenge: &Challenge) {
        match self.0.hear(token, challenge) {
            Heard::Again => return self.refused(token),
            Heard::Anew => self.0.give_up(token, None),
            Heard::TooOften { times, wait } => {
                let error = TokenError::ChallengedInTurn {
                    who: self.0.who(),
                    times,
                    wait,
                };
                self.0.log_failure(&error);
                self.0.give_up(token, Some(error));
            }
        }
        self.0.changed.notify_one();
    }
}

impl Keeper {
    fn slots(&self) -> MutexGuard<'_, PerAudience<Slot>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn challenges(&self) -> MutexGuard<'_, PerAudience<Challenged>> {
        self.challenges
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn who(&self) -> String {
        who(&self.registration(), self.credential.person.as_deref())
    }

    fn registration(&self) -> Arc<Registration> {
        Arc::clone(&self.registration_slot())
    }

    fn registration_slot(&self) -> MutexGuard<'_, Arc<Registration>> {
        let slot = self.registration.lock();
        slot.unwrap_or_else(PoisonError::into_inner)
    }

    fn upkeep(&self) -> MutexGuard<'_, Upkeep> {
        self.upkeep.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the mailboxes are opened with.
    fn home(&self) -> Audience {
        if self.registration().permissions.exchange.is_empty() {
            Audience::Graph
        } else {
            Audience::Exchange
        }
    }

    async fn proofs(&self) -> Result<Vec<Proof>, TokenError> {
        let now = self.around.clock.now();
        self.registration().proof.present(now).await
    }

    fn asking(&self, audience: Audience, proof: Proof) -> Asking {
        Asking {
            registration: self.registration(),
            proof,
            person: self.credential.person.clone(),
            audience,
            challenge: self
                .challenges()
                .get(audience)
                .map(|challenged| challenged.challenge().clone()),
            chance: self.around.chance.clone(),
        }
    }

    /// What a challenge of `token` asks for. Of one that is not held any more a hundred connections
    /// may still complain, each in its way: what they want is known when the next one is shown.
    fn hear(&self, token: &AccessToken, challenge: &Challenge) -> Heard {
        let now = self.around.clock.now();
        let audience = token.audience;
        let is_held = self
            .slots()
            .get(audience)
            .is_some_and(|slot| slot.holds(token));
        let mut challenges = self.challenges();
        match challenges.get_mut(audience) {
            Some(_) if !is_held => Heard::Again,
            Some(known) => known.hear(challenge, now),
            None => {
                challenges.insert(audience, Challenged::first(challenge.clone(), now));
                Heard::Anew
            }
        }
    }

    /// Holds `token` no longer; with an error, nobody asks for another one until it says.
    fn give_up(&self, token: &AccessToken, error: Option<TokenError>) {
        let now = self.around.clock.now();
        if let Some(slot) = self.slots().get_mut(token.audience) {
            slot.give_up(token);
            if let Some(error) = error {
                slot.land(&Err(error), now, &self.around.chance);
            }
        }
    }

    pub(super) fn forgive_challenges(&self) {
        for challenged in self.challenges().values_mut() {
            challenged.forgive();
        }
    }

    /// Looks what is there, and starts a request if that is due.
    fn look(self: &Arc<Self>, audience: Audience) -> Look {
        let now = self.around.clock.now();
        let mut slots = self.slots();
        let slot = slots.or_default(audience);
        slot.look(now, || self.start(audience))
    }

    fn start(self: &Arc<Self>, audience: Audience) -> watch::Receiver<Outcome> {
        let (tell, outcome) = watch::channel(None);
        let keeper = Arc::clone(self);
        let asked_as = self.registration();
        self.around.tasks.start("token request", async move {
            let result = keeper.take_turn(audience).await;
            // What failed for a secret that was replaced meanwhile says nothing of the new one.
            if !keepsake::is_asked_alike(&asked_as, &keeper.registration())
                && let Some(slot) = keeper.slots().get_mut(audience)
            {
                slot.forgive();
            }
            tell.send_replace(Some(result));
            keeper.changed.notify_one();
        });
        outcome
    }

    /// A request, from when nobody else may talk to the issuer until its outcome is taken in: who
    /// is next must know what a late token lacks.
    async fn take_turn(&self, audience: Audience) -> Result<AccessToken, TokenError> {
        let mut vault = self.turn.lock().await;
        let heard = self.heard(audience);
        let result = self.fly(&mut vault, audience).await;
        self.land(audience, &result, heard);
        result
    }

    /// Which of its challenges the tokens of an audience are asked for with; none is 0.
    fn heard(&self, audience: Audience) -> u64 {
        self.challenges()
            .get(audience)
            .map_or(0, Challenged::number)
    }

    /// Takes in what a request brought that was begun when the challenge of this number was
    /// `heard`.
    fn land(&self, audience: Audience, result: &Result<AccessToken, TokenError>, heard: u64) {
        let now = self.around.clock.now();
        if let Err(error) = result
            && !error.is_told()
        {
            self.log_failure(error);
        }
        let mut slots = self.slots();
        let slot = slots.or_default(audience);
        if self.heard(audience) == heard {
            slot.land(result, now, &self.around.chance);
        } else {
            slot.land_late(result, now, &self.around.chance);
        }
    }

    fn log_failure(&self, error: &TokenError) {
        let code = gatepost_fault::Fault::code(error);
        tracing::warn!(credential = %self.credential.id, code, "no token: {error}");
    }

    /// Waits until something may be due; `None` says stop. Thousands wait here, so nothing is kept
    /// meanwhile but what is waited for.
    async fn next_work(&self, stop: &Stop) -> Option<()> {
        let changed = self.changed.notified();
        let due = self.next_renewal().into_iter().chain(self.next_upkeep());
        let due = due.min();
        tokio::select! {
            biased;
            () = stop.requested() => None,
            () = changed => Some(()),
            () = self.around.clock.sleep_until(due.unwrap_or_default()), if due.is_some() => Some(()),
        }
    }

    /// When the stored sign-in is looked at next, if there is one to keep in use.
    fn next_upkeep(&self) -> Option<jiff::Timestamp> {
        let renews = self.credential.grant.renew.is_some();
        renews.then(|| self.upkeep().due())
    }

    fn is_upkeep_due(&self) -> bool {
        let now = self.around.clock.now();
        self.next_upkeep().is_some_and(|due| due <= now)
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
            due.map(|(audience, _)| audience).collect()
        };
        for audience in due {
            self.look(audience);
        }
    }
}

#[cfg(test)]
mod tests;
