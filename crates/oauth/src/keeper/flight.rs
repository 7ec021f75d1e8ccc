//! One request for a token, from what is stored to what is stored again.

use std::sync::Arc;
use std::time::Duration;

use gatepost_fault::{After, Fault as _, Next};
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};

use super::clock_watch::Watched;
use super::keepsake::{Keepsake, asked_as, digest_of};
use super::pause::Pause;
use super::per_audience::PerAudience;
use super::upkeep::Stored;
use super::{Keeper, PasswordFrom};
use crate::conversation::converse;
use crate::flow::{Asking, Flow, Granted};
use crate::grants::{Attendance, Means, Opening};
use crate::{
    AccessToken, Audience, By, Challenge, Endpoint as _, Form, Generation, GrantStoreError, Proof,
    Proofs as _, Registration, TokenError,
};

/// The stored state as this process knows it.
#[derive(Debug, Default)]
pub(super) struct Vault {
    keepsake: Keepsake,
    seen: Option<Generation>,
    /// The store did not take the newest state: it lives here until it does.
    unsaved: bool,
    /// The issuer declared this state dead, for these audiences: consent or a second factor may
    /// be missing for one of them only.
    dead: PerAudience<Dead>,
    /// The issuer asked this credential to wait, whatever the audience.
    throttled: Option<(TokenError, Pause)>,
}

/// A stored state that the issuer refused for good, so that a person must sign in.
#[derive(Debug)]
struct Dead {
    generation: Option<Generation>,
    error: TokenError,
    /// Somebody may have unblocked the account or consented: then it is tried again.
    pause: Pause,
    /// As whom it was asked: another proof or permission may be answered otherwise.
    registration: Arc<Registration>,
}

/// What became of a state that was to be stored.
enum Saved {
    Stored,
    /// Another process was faster; its state was loaded instead.
    Superseded,
}

impl Keeper {
    /// Gets a token: from the store if one lives there, else from the issuer.
    pub(super) async fn fly(
        &self,
        vault: &mut Vault,
        audience: Audience,
    ) -> Result<AccessToken, TokenError> {
        self.catch_up(vault).await?;
        if let Some(token) = self.stored_token(vault, audience) {
            return Ok(token);
        }
        let registration = self.registration();
        let now = self.around.clock.now();
        if let Some(error) = vault.standing_refusal(audience, (&registration, now)) {
            return Err(error);
        }
        let asked_with = vault.seen;
        let mut answer = self.ask(vault, audience).await;
        if needs_sign_in(&answer) {
            // Another process may have rotated the refresh token while we asked with the old one.
            self.load_newer(vault).await?;
            if vault.seen != asked_with {
                match self.stored_token(vault, audience) {
                    Some(token) => return Ok(token),
                    None => answer = self.ask(vault, audience).await,
                }
            }
        }
        if needs_sign_in(&answer) && self.credential.password != PasswordFrom::Nowhere {
            answer = self.ask_with_password(vault, audience).await;
        }
        match answer {
            Ok(granted) => self.keep(vault, granted).await,
            Err(error) => {
                let error = self.explained(error).await;
                self.note_challenge(vault, audience, &error).await;
                vault.note_refusal(audience, &error, (registration, self.around.clock.now()));
                Err(error)
            }
        }
    }

    /// Looks what is stored, and renews it if it was not used for long.
    pub(super) async fn tend(&self) {
        let mut vault = self.turn.lock().await;
        let looked = self.catch_up(&mut vault).await;
        let (clock, chance) = (&self.around.clock, &self.around.chance);
        let is_due = self.upkeep().due() <= clock.now();
        let outcome = match looked {
            Ok(()) if is_due => self.renew_at_home(&mut vault).await,
            looked => looked,
        };
        drop(vault);
        if let Err(error) = &outcome {
            self.log_failure(error);
        }
        self.upkeep().tended(outcome, clock.now(), chance);
    }

    async fn renew_at_home(&self, vault: &mut Vault) -> Result<(), TokenError> {
        let home = self.home();
        let heard = self.heard(home);
        let token = self.fly(vault, home).await?;
        if self.heard(home) != heard {
            self.slots().or_default(home).note_late(&token);
        }
        Ok(())
    }

    /// Stores what a sign-in brought and hands it out from now on.
    pub(super) async fn take_over(
        keeper: &Arc<Self>,
        granted: Granted,
        password: Option<SecretString>,
    ) -> Result<(), TokenError> {
        let audience = granted.access.audience;
        let mut vault = keeper.turn.lock().await;
        keeper.load_newer_or_forget(&mut vault).await?;
        let mut taken = Vault {
            keepsake: Keepsake {
                password,
                accepted_proof: vault.keepsake.accepted_proof.clone(),
                ..Keepsake::default()
            },
            seen: vault.seen,
            ..Vault::default()
        };
        taken.note(&granted, keeper.around.clock.now());
        // Until it is stored, the sign-in before stands: its newest state may live here only.
        loop {
            match keeper.replace(&mut taken).await {
                // Whoever was faster renewed the old sign-in: this one is newer by its nature.
                Err(GrantStoreError::Stale { .. }) => {
                    keeper.load_or_forget(&mut vault).await?;
                    taken.seen = vault.seen;
                }
                Err(other) => return Err(other.into()),
                Ok(()) => break,
            }
        }
        keeper.noted(&taken, audience);
        taken.throttled = vault.throttled.take();
        *vault = taken;
        drop(vault);
        // What was held for other audiences came from the sign-in before.
        keeper.slots().clear();
        keeper.forgive_challenges();
        keeper.land(audience, &Ok(granted.access), keeper.heard(audience));
        keeper.changed.notify_one();
        Ok(())
    }

    /// Brings the vault to where the store is; a state the store did not take goes first.
    pub(super) async fn catch_up(&self, vault: &mut Vault) -> Result<(), TokenError> {
        if vault.unsaved {
            return match self.save(vault).await {
                Ok(_) => Ok(()),
                Err(error) => {
                    if !error.is_told() {
                        tracing::warn!(credential = %self.credential.id, "still not stored: {error}");
                    }
                    Ok(())
                }
            };
        }
        self.load(vault).await
    }

    async fn load(&self, vault: &mut Vault) -> Result<(), TokenError> {
        let (keepsake, seen) = match self.read_store().await {
            Ok(read) => read,
            // Without a refresh token to lose, the store only saves a request.
            Err(error) if self.credential.grant.renew.is_none() => {
                if !error.is_told() {
                    tracing::warn!(credential = %self.credential.id, "no stored token: {error}");
                }
                (Keepsake::default(), None)
            }
            Err(error) => return Err(error.into()),
        };
        vault.keepsake = keepsake;
        vault.seen = seen;
        vault.unsaved = false;
        self.learn(&vault.keepsake);
        Ok(())
    }

    /// Loads what is stored, unless this process has something newer that the store did not take.
    async fn load_newer(&self, vault: &mut Vault) -> Result<(), TokenError> {
        if vault.unsaved {
            let stored = self.around.grants.load(&self.credential.id).await?;
            if stored.map(|(_, generation)| generation) == vault.seen {
                return Ok(());
            }
        }
        self.load(vault).await
    }

    async fn read_store(&self) -> Result<(Keepsake, Option<Generation>), GrantStoreError> {
        let id = &self.credential.id;
        let stored = match self.around.grants.load(id).await? {
            None => self.inherit().await?,
            found => found,
        };
        let Some((state, generation)) = stored else {
            return Ok((Keepsake::default(), None));
        };
        let mut keepsake = Keepsake::read(id, &state)?;
        let asked_as = asked_as(&self.registration());
        let stored = keepsake.asked_as.replace(asked_as);
        if stored.as_ref().map(ExposeSecret::expose_secret)
            != keepsake.asked_as.as_ref().map(ExposeSecret::expose_secret)
        {
            keepsake.access.clear();
        }
        // It may have been wanted once: the next write drops it from the store, too.
        if self.credential.password != PasswordFrom::SignIn {
            keepsake.password = None;
        }
        Ok((keepsake, Some(generation)))
    }

    /// The same for a sign-in, to which a state that cannot be read is no obstacle.
    async fn load_newer_or_forget(&self, vault: &mut Vault) -> Result<(), TokenError> {
        let loaded = self.load_newer(vault).await;
        self.or_forget(loaded, vault).await
    }

    async fn load_or_forget(&self, vault: &mut Vault) -> Result<(), TokenError> {
        let loaded = self.load(vault).await;
        self.or_forget(loaded, vault).await
    }

    async fn or_forget(
        &self,
        loaded: Result<(), TokenError>,
        vault: &mut Vault,
    ) -> Result<(), TokenError> {
        match loaded {
            Err(TokenError::Store(GrantStoreError::Unsealable { .. })) => {
                self.around.grants.remove(&self.credential.id).await?;
                *vault = Vault::default();
                Ok(())
            }
            other => other,
        }
    }

    fn stored_token(&self, vault: &Vault, audience: Audience) -> Option<AccessToken> {
        let token = vault.keepsake.access.get(audience)?;
        let now = self.around.clock.now();
        let refused = self
            .slots()
            .get(audience)
            .is_some_and(|slot| slot.was_refused(token) || slot.holds(token));
        (!refused && is_worth_keeping(token, now)).then(|| token.clone())
    }

    async fn ask(&self, vault: &mut Vault, audience: Audience) -> Result<Granted, TokenError> {
        let grant = self.credential.grant;
        let refresh = vault.keepsake.refresh.clone();
        let begin = |asking| match (&refresh, grant.renew, grant.attendance) {
            (Some(refresh), Some(renew), _) => Ok(renew(asking, refresh.clone())),
            (_, _, Attendance::Unattended) => Ok((grant.begin)(Opening {
                asking,
                also: Vec::new(),
                means: Means::Nothing,
            })),
            (_, _, Attendance::Attended) => Err(TokenError::SignInNeeded { who: self.who() }),
        };
        self.ask_with_each_proof(vault, audience, begin).await
    }

    /// Asks with each of the app's proofs until the issuer knows one.
    async fn ask_with_each_proof(
        &self,
        vault: &mut Vault,
        audience: Audience,
        begin: impl Fn(Asking) -> Result<Box<dyn Flow>, TokenError> + Send + Sync,
    ) -> Result<Granted, TokenError> {
        let mut unknown = None;
        for proof in self.proofs().await? {
            let mark = digest_of(&proof.mark());
            let flow = begin(self.asking(audience, proof))?;
            match self.converse(flow).await {
                Err(error) if error.is_of_unknown_key() => unknown = Some(error),
                Ok(granted) => {
                    if let Some(refused) = unknown {
                        tracing::warn!(credential = %self.credential.id, "an older certificate was accepted: {refused}");
                    }
                    vault.keepsake.accepted_proof = Some(mark);
                    return Ok(granted);
                }
                Err(other) => return Err(other),
            }
        }
        Err(unknown.unwrap_or_else(|| TokenError::ProofMissing { who: self.who() }))
    }

    /// What a sign-in shows, which shows one proof only: the one that was accepted last, else
    /// the first.
    pub(super) async fn proof_of_sign_in(&self) -> Result<Proof, TokenError> {
        let proofs = match self.proofs().await {
            Ok(proofs) => proofs,
            Err(error) => return Err(self.explained(error).await),
        };
        let stored = self.read_store().await.ok();
        let accepted = stored.and_then(|(keepsake, _)| keepsake.accepted_proof);
        let known = accepted.and_then(|accepted| {
            let is_it = |proof: &&Proof| {
                digest_of(&proof.mark()).expose_secret() == accepted.expose_secret()
            };
            proofs.iter().find(is_it).cloned()
        });
        Ok(known
            .or_else(|| proofs.into_iter().next())
            .unwrap_or(Proof::None))
    }

    /// Signs the person in anew, with a password that this process can find.
    async fn ask_with_password(
        &self,
        vault: &mut Vault,
        audience: Audience,
    ) -> Result<Granted, TokenError> {
        let Some(password) = self.password(vault).await? else {
            return Err(TokenError::SignInNeeded { who: self.who() });
        };
        let digest = digest_of(&password);
        let refused = vault.keepsake.refused_password.as_ref();
        if refused.is_some_and(|refused| refused.expose_secret() == digest.expose_secret()) {
            return Err(TokenError::PasswordUnchanged { who: self.who() });
        }
        let begin = |asking| {
            Ok((self.credential.grant.begin)(Opening {
                asking,
                also: Vec::new(),
                means: Means::Password(password.clone()),
            }))
        };
        let answer = self.ask_with_each_proof(vault, audience, begin).await;
        let wrong = answer.as_ref().is_err_and(TokenError::is_of_wrong_password);
        vault.keepsake.refused_password = wrong.then_some(digest);
        if wrong && let Err(error) = self.save(vault).await {
            tracing::warn!(credential = %self.credential.id, "not stored yet that a password was refused: {error}");
        }
        answer
    }

    async fn password(&self, vault: &Vault) -> Result<Option<SecretString>, TokenError> {
        match &self.credential.password {
            PasswordFrom::Nowhere => Ok(None),
            PasswordFrom::SignIn => Ok(vault.keepsake.password.clone()),
            PasswordFrom::Source(source) => {
                let what = format!("the password of {}", self.who());
                Ok(Some(source.fetch(&self.around.clock, &what).await?))
            }
        }
    }

    async fn converse(&self, mut flow: Box<dyn Flow>) -> Result<Granted, TokenError> {
        converse(
            &mut *flow,
            &self.endpoint(),
            &self.around.clock,
            &self.who(),
        )
        .await
    }

    /// The error with its explanation, if that is the clock of this machine. Where no server said
    /// lately what the time is, one is asked for nothing else.
    async fn explained(&self, error: TokenError) -> TokenError {
        let clock = &self.around.clock;
        if self.watch.must_look(&error, clock.now()) {
            let url = self.registration().discovery_document();
            // When it answers matters, not what.
            let _ = self.endpoint().post(&Form::going(url, By::Get)).await;
        }
        self.watch.explained(error, clock.now())
    }

    pub(super) fn endpoint(&self) -> Watched<'_> {
        Watched {
            endpoint: &*self.around.endpoint,
            clock: &self.around.clock,
            watch: &self.watch,
        }
    }

    /// Keeps what the issuer wants a person to bring, so that the sign-in asks for it, in
    /// whatever process that is.
    async fn note_challenge(&self, vault: &mut Vault, audience: Audience, error: &TokenError) {
        let (TokenError::Refused(refusal) | TokenError::SignInWithClaims { refusal }) = error
        else {
            return;
        };
        let Some(challenge) = refusal.claims.as_ref().filter(|_| vault.seen.is_some()) else {
            return;
        };
        let before = vault
            .keepsake
            .challenges
            .insert(audience, challenge.clone());
        if before.as_ref() != Some(challenge)
            && let Err(error) = self.save(vault).await
        {
            tracing::warn!(credential = %self.credential.id, "a claims challenge is not stored yet: {error}");
        }
    }

    /// What the issuer wanted a person to bring when it last refused.
    pub(super) async fn kept_challenge(&self, audience: Audience) -> Option<Challenge> {
        let (keepsake, _) = self.read_store().await.ok()?;
        keepsake.challenges.get(audience).cloned()
    }

    /// Makes a granted token durable where it matters, then hands it on.
    async fn keep(&self, vault: &mut Vault, granted: Granted) -> Result<AccessToken, TokenError> {
        let now = self.around.clock.now();
        vault
            .keepsake
            .access
            .retain(|token| is_worth_keeping(token, now));
        vault.note(&granted, now);
        self.noted(vault, granted.access.audience);
        match self.save(vault).await {
            Ok(Saved::Stored | Saved::Superseded) => {}
            // The token works whether or not it is stored; the state is kept here and stored
            // before the next request.
            Err(error) => {
                tracing::warn!(credential = %self.credential.id, "a renewed sign-in is not stored yet: {error}");
            }
        }
        Ok(granted.access)
    }

    /// A token for this audience was given, and the vault has what came with it.
    fn noted(&self, vault: &Vault, audience: Audience) {
        if audience == self.home() {
            self.upkeep().worked(self.around.clock.now());
        }
        self.learn(&vault.keepsake);
    }

    fn learn(&self, keepsake: &Keepsake) {
        let holds_state = if self.credential.grant.renew.is_some() {
            keepsake.refresh.is_some()
        } else {
            keepsake.renewed_at.is_some()
        };
        let stored = if holds_state {
            Stored::State {
                renewed_at: keepsake.renewed_at,
            }
        } else {
            Stored::Nothing
        };
        let now = self.around.clock.now();
        self.upkeep().learned(stored, now, &self.around.chance);
    }

    async fn save(&self, vault: &mut Vault) -> Result<Saved, TokenError> {
        vault.unsaved = true;
        match self.replace(vault).await {
            Ok(()) => {
                vault.unsaved = false;
                Ok(Saved::Stored)
            }
            Err(GrantStoreError::Stale { .. }) => {
                // Two refresh tokens must not both stay in use: theirs is stored, ours goes.
                self.load(vault).await?;
                Ok(Saved::Superseded)
            }
            Err(other) => Err(other.into()),
        }
    }

    async fn replace(&self, vault: &mut Vault) -> Result<(), GrantStoreError> {
        vault.keepsake.asked_as = Some(asked_as(&self.registration()));
        let state = vault.keepsake.write(self.credential.grant.name);
        let generation = self
            .around
            .grants
            .replace(&self.credential.id, vault.seen, &state)
            .await?;
        vault.seen = Some(generation);
        Ok(())
    }
}

impl Vault {
    fn note(&mut self, granted: &Granted, now: Timestamp) {
        self.keepsake.renewed_at = Some(now);
        if let Some(refresh) = &granted.refresh {
            self.keepsake.refresh = Some(refresh.clone());
        }
        if let Some(tenant) = granted.person.as_ref().and_then(|who| who.tenant.clone()) {
            self.keepsake.tenant = Some(tenant);
        }
        self.keepsake
            .access
            .insert(granted.access.audience, granted.access.clone());
        self.dead.remove(granted.access.audience);
    }

    /// Remembers a refusal that stands for longer than one request: a wait, or that only a
    /// person can go on with this state, so that the issuer is not asked every minute.
    fn note_refusal(
        &mut self,
        audience: Audience,
        error: &TokenError,
        (registration, now): (Arc<Registration>, Timestamp),
    ) {
        match error.next() {
            Next::Retry(After::AtLeast(wait)) => {
                self.throttled = Some((error.clone(), Pause::new(now, wait)));
            }
            Next::SignIn => {
                let dead = Dead {
                    generation: self.seen,
                    error: error.clone(),
                    pause: Pause::new(now, DEAD_FOR),
                    registration,
                };
                self.dead.insert(audience, dead);
            }
            Next::Retry(After::Backoff) | Next::Reconfigure | Next::Discard => {}
        }
    }

    fn standing_refusal(
        &self,
        audience: Audience,
        (registration, now): (&Arc<Registration>, Timestamp),
    ) -> Option<TokenError> {
        if let Some((error, pause)) = &self.throttled
            && let Some(left) = pause.left(now)
        {
            return Some(error.clone().with_wait(left));
        }
        self.dead
            .get(audience)
            .filter(|dead| dead.generation == self.seen && dead.pause.left(now).is_some())
            .filter(|dead| Arc::ptr_eq(&dead.registration, registration))
            .map(|dead| dead.error.clone())
    }
}

fn needs_sign_in(answer: &Result<Granted, TokenError>) -> bool {
    answer
        .as_ref()
        .is_err_and(|error| error.next() == Next::SignIn)
}

/// A stored token with less to live than this is as good as none.
fn is_worth_keeping(token: &AccessToken, now: Timestamp) -> bool {
    token.expires_at.duration_since(now) > LEAST_LEFT
}

const LEAST_LEFT: SignedDuration = SignedDuration::from_secs(60);
const DEAD_FOR: Duration = Duration::from_mins(15);
