//! The gatekeeper: looks at passwords, counts what is wrong, remembers what is right.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use gatepost_host::{Chance, Clock, Stop};
use jiff::Timestamp;
use secrecy::SecretString;
use tokio::sync::Semaphore;

use super::failures::{Failures, Lockout, Standing, Suspect};
use super::guests::Guests;
use super::hashing::{Cost, Recipe};
use super::known::{self, Held, Known};
use super::making::{Maker, Wanted, hashed};
use super::proven::{Proof, Proven};
use super::record::Record;
use super::{
    Admission, AppPasswords, Edition, Guest, Inheritance, Inherited, LastUse, Login, Logins, Opens,
    PasswordError, PasswordId, Turned, Use,
};
use crate::Protocol;

mod asked;

/// Decides who may come in, by the app passwords that are stored. Clones are the same one.
///
/// What is kept in memory is bounded: the app passwords there are, as many proofs and counters as
/// their own modules say, and `WAITING` logins that wait for one of `AT_ONCE` looks.
#[derive(Debug, Clone)]
pub struct Gatekeeper(Arc<Inside>);

/// What a gatekeeper is made of.
#[derive(Debug)]
pub struct Gatehouse {
    /// Where app passwords are stored.
    pub passwords: Arc<dyn AppPasswords>,
    /// What another gateway left behind, if anything.
    pub inheritance: Option<Arc<dyn Inheritance>>,
    /// Which mailbox a login name leads to, and how often it may be wrong.
    pub rules: Rules,
    /// What tells the time.
    pub clock: Clock,
    /// What keys and names are made of.
    pub chance: Chance,
    /// What a look at a password costs.
    pub cost: Cost,
}

/// What a configuration says of admission.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rules {
    /// Which mailbox a login name leads to.
    pub logins: Logins,
    /// When logins are not looked at any more.
    pub lockout: Lockout,
}

#[derive(Debug)]
struct Inside {
    house: Gatehouse,
    rules: RwLock<Arc<Rules>>,
    known: RwLock<Arc<Known>>,
    /// When the edition was asked for last.
    asked: tokio::sync::Mutex<Option<Timestamp>>,
    proven: Mutex<Proven>,
    failures: Mutex<Failures>,
    guests: Mutex<Guests>,
    record: Record,
    uses: Mutex<BTreeMap<PasswordId, LastUse>>,
    looks: Semaphore,
    /// Held while something that was inherited becomes an app password.
    inheriting: tokio::sync::Mutex<()>,
    waiting: AtomicUsize,
    /// What a password for nobody is hashed by.
    nobody: Recipe,
}

/// A login that is being looked at.
struct Candidate {
    name: String,
    opens: Option<Opens>,
    address: IpAddr,
    suspect: Suspect,
    now: Timestamp,
}

impl Gatekeeper {
    /// One that has let nobody in yet.
    pub fn new(house: Gatehouse) -> Self {
        Self(Arc::new(Inside {
            rules: RwLock::new(Arc::new(house.rules.clone())),
            known: RwLock::default(),
            asked: tokio::sync::Mutex::new(None),
            proven: Mutex::new(Proven::new(&house.chance)),
            failures: Mutex::default(),
            guests: Mutex::default(),
            record: Record::default(),
            uses: Mutex::default(),
            looks: Semaphore::new(AT_ONCE),
            inheriting: tokio::sync::Mutex::default(),
            waiting: AtomicUsize::new(0),
            nobody: Recipe::new(house.cost, &house.chance),
            house,
        }))
    }

    /// Goes on by other rules. Guests stay whose name still opens what it opened for them; the
    /// sessions of others end.
    pub fn go_by(&self, rules: Rules) {
        *write(&self.0.rules) = Arc::new(rules);
        lock(&self.0.guests).keep_names(|name| self.0.opens(name));
    }

    /// Looks at once which app passwords there are, and ends the sessions of those that are gone;
    /// and what another gateway left behind.
    pub async fn look(&self) -> Result<(), PasswordError> {
        let mut asked = self.0.asked.lock().await;
        self.0.read_anew(&mut asked).await?;
        drop(asked);
        match &self.0.house.inheritance {
            Some(left) => left.look().await,
            None => Ok(()),
        }
    }

    /// Notices what other processes add and revoke, ends the sessions of what expires, and
    /// remembers when app passwords were of use, until it is told to stop.
    pub async fn run(&self, stop: Stop) {
        let (mut beats, mut is_blind) = (0_u32, false);
        while stop.or(self.0.house.clock.sleep(LOOK)).await.is_some() {
            let looked = self.look().await;
            match &looked {
                Err(error) if !is_blind => tracing::warn!(
                    "the app passwords cannot be read, so that nobody new comes in, and whoever is \
                     in stays even if its password is revoked: {error}"
                ),
                Err(error) => tracing::debug!("the app passwords were not looked at: {error}"),
                Ok(()) if is_blind => tracing::info!("the app passwords can be read again"),
                Ok(()) => {}
            }
            is_blind = looked.is_err();
            self.0.end_expired();
            beats = beats.wrapping_add(1);
            if beats.is_multiple_of(LOOKS_TO_A_WRITE) {
                self.0.write_uses().await;
            }
        }
        self.0.write_uses().await;
    }
}

#[async_trait]
impl Admission for Gatekeeper {
    async fn admit(&self, login: &Login) -> Result<Guest, Turned> {
        let admitted = self.0.admit(login).await;
        if let Err(turned) = &admitted {
            self.0.record.of(login, turned, self.0.house.clock.now());
        }
        admitted
    }

    fn expected(&self, _protocol: Protocol, name: &str, address: IpAddr) -> Option<String> {
        let candidate = self.0.candidate(name, address);
        let standing = lock(&self.0.failures).standing(&candidate.suspect, candidate.now);
        if standing != Standing::Free {
            return None;
        }
        let opens = candidate.opens?;
        let is_open = self.0.is_open(&opens.mailbox);
        is_open.then_some(opens.mailbox)
    }
}

impl Inside {
    async fn admit(&self, login: &Login) -> Result<Guest, Turned> {
        if let Err(error) = self.refresh().await {
            let reason = error.to_string();
            return Err(Turned::Unreadable { reason });
        }
        let candidate = self.candidate(&login.name, login.from.trusted());
        let standing = lock(&self.failures).standing(&candidate.suspect, candidate.now);
        if let Standing::Out(turned) = standing {
            return Err(turned);
        }
        if let Some((held, opens)) = self.proven_before(&candidate, &login.password) {
            return self.good_here(login, &candidate, (&held, &opens)).await;
        }
        if let Standing::Shared(turned) = standing
            && !self.is_at_home(&candidate, &turned)
        {
            // What was proven there before is all that could be guessed. Where nothing was, nobody
            // has looked whether this is right, and it is not counted.
            let opens = candidate.opens.as_ref();
            let can_guess = opens.is_some_and(|opens| {
                let proven = lock(&self.proven);
                proven.has_any(&opens.mailbox, candidate.address)
            });
            if can_guess {
                let lockout = read(&self.rules).lockout;
                lock(&self.failures).count_own(&candidate.suspect, lockout, candidate.now);
            }
            return Err(turned);
        }
        let found = self.prove(&candidate, &login.password).await?;
        if let (Some(held), Some(opens)) = (found, &candidate.opens) {
            return self.good_here(login, &candidate, (&held, opens)).await;
        }
        let turned = match &candidate.opens {
            Some(opens) if !self.is_open(&opens.mailbox) => Turned::NoAppPassword,
            Some(_) => Turned::WrongPassword,
            None => Turned::UnknownLogin,
        };
        let lockout = read(&self.rules).lockout;
        let wait = lock(&self.failures).count(&candidate.suspect, lockout, candidate.now);
        self.house.clock.sleep(wait).await;
        Err(turned)
    }

    fn candidate(&self, name: &str, address: IpAddr) -> Candidate {
        let address = address.to_canonical();
        let name = name.to_lowercase();
        Candidate {
            suspect: Suspect::new(address, &name),
            opens: self.opens(&name),
            name,
            address,
            now: self.house.clock.now(),
        }
    }

    /// What a name in lower case opens, by the rules that hold.
    fn opens(&self, name: &str) -> Option<Opens> {
        let rules = Arc::clone(&read(&self.rules));
        rules.logins.opens(name).or_else(|| {
            // An app password may bring a login name of its own.
            let known = read(&self.known);
            let mailbox = known.mailbox_of_login(name)?;
            rules.logins.opens(mailbox).map(|_| Opens {
                mailbox: mailbox.clone(),
                senders: vec![mailbox.clone()],
            })
        })
    }

    /// Whether there is a password that opens this mailbox.
    fn is_open(&self, mailbox: &str) -> bool {
        let waits = || {
            let inheritance = self.house.inheritance.as_ref();
            inheritance.is_some_and(|left| left.waits_for(mailbox))
        };
        !read(&self.known).of_mailbox(mailbox).is_empty() || waits()
    }

    /// The app password, if it was proven from this address a while ago.
    fn proven_before(
        &self,
        candidate: &Candidate,
        password: &SecretString,
    ) -> Option<(Arc<Held>, Opens)> {
        let opens = candidate.opens.clone()?;
        let id = {
            let proven = lock(&self.proven);
            proven.find(proven.proof(&opens.mailbox, candidate.address, password))?
        };
        let known = Arc::clone(&read(&self.known));
        let held = known.of_mailbox(&opens.mailbox);
        let held = held.iter().find(|held| held.password.id == id)?;
        Some((Arc::clone(held), opens))
    }

    /// Whether a login name that others made suspect comes from where it was used last.
    fn is_at_home(&self, candidate: &Candidate, turned: &Turned) -> bool {
        let by_name = matches!(turned, Turned::LoginLockedOut { .. });
        by_name
            && candidate.opens.as_ref().is_some_and(|opens| {
                read(&self.known).was_used_from(&opens.mailbox, candidate.address)
            })
    }

    /// Looks at the password: which of the mailbox's it is, if any. For a name that nobody has it
    /// takes as long.
    async fn prove(
        &self,
        candidate: &Candidate,
        password: &SecretString,
    ) -> Result<Option<Arc<Held>>, Turned> {
        let waiting = Waiting::among(&self.waiting).ok_or(Turned::Busy)?;
        let _look = self.looks.acquire().await.map_err(|_| Turned::Busy)?;
        drop(waiting);
        let edition = read(&self.known).edition;
        let known = self.prove_among_known(candidate, password).await;
        if known.is_some() {
            return Ok(known);
        }
        match &candidate.opens {
            Some(opens) => {
                let mailbox = opens.mailbox.as_str();
                self.inherit(candidate, (mailbox, edition), password).await
            }
            None => Ok(None),
        }
    }

    async fn prove_among_known(
        &self,
        candidate: &Candidate,
        password: &SecretString,
    ) -> Option<Arc<Held>> {
        let known = Arc::clone(&read(&self.known));
        let mailbox = candidate.opens.as_ref().map(|opens| opens.mailbox.as_str());
        let held = mailbox.map_or(&[][..], |mailbox| known.of_mailbox(mailbox));
        let mut recipes = known::recipes(held);
        if recipes.is_empty() {
            recipes.push(self.nobody.clone());
        }
        for recipe in recipes {
            let Some(hash) = hashed(recipe.clone(), password.clone()).await else {
                continue;
            };
            if let Some(found) = held.iter().find(|held| held.is(&recipe, &hash)) {
                return Some(Arc::clone(found));
            }
        }
        None
    }

    fn remember(
        &self,
        candidate: &Candidate,
        (mailbox, password): (&str, &SecretString),
        id: &PasswordId,
    ) {
        let mut proven = lock(&self.proven);
        let proof: Proof = proven.proof(mailbox, candidate.address, password);
        proven.remember(proof, (mailbox, candidate.address), id.clone());
    }

    /// Opens what another gateway left behind, if this password does: it becomes an app password.
    async fn inherit(
        &self,
        candidate: &Candidate,
        (mailbox, looked_through): (&str, Option<Edition>),
        password: &SecretString,
    ) -> Result<Option<Arc<Held>>, Turned> {
        let Some(left) = &self.house.inheritance else {
            return Ok(None);
        };
        // Clients open several connections at once, and one app password is to come of it.
        let _one = self.inheriting.lock().await;
        if !left.waits_for(mailbox) {
            // Another connection may have opened it since this password was looked for.
            if read(&self.known).edition == looked_through {
                return Ok(None);
            }
            return Ok(self.prove_among_known(candidate, password).await);
        }
        let unreadable = |error: PasswordError| Turned::Unreadable {
            reason: error.to_string(),
        };
        match left.open(mailbox, password).await.map_err(unreadable)? {
            Inherited::Nothing | Inherited::OtherPassword => return Ok(None),
            Inherited::Opened => {}
        }
        let maker = Maker {
            passwords: &*self.house.passwords,
            clock: &self.house.clock,
            chance: &self.house.chance,
            cost: self.house.cost,
        };
        let made = maker.take_over(Wanted::of(mailbox), password).await;
        let made = made.map_err(unreadable)?;
        left.settled(mailbox).await.map_err(unreadable)?;
        tracing::info!(mailbox, id = %made.id, "a password that was taken over became an app password");
        let mut asked = self.asked.lock().await;
        self.read_anew(&mut asked).await.map_err(unreadable)?;
        drop(asked);
        let known = Arc::clone(&read(&self.known));
        let held = known.of_mailbox(mailbox);
        Ok(held
            .iter()
            .find(|held| held.password.id == made.id)
            .cloned())
    }

    /// The password is right. One that is not good here and now is told so as late as a wrong one
    /// is, and counts for whoever shows it: how soon the answer comes must not tell who guesses
    /// that it was right.
    async fn good_here(
        &self,
        login: &Login,
        candidate: &Candidate,
        found: (&Held, &Opens),
    ) -> Result<Guest, Turned> {
        let turned = match self.restricted(login, candidate, found) {
            Ok(guest) => {
                let password = &found.0.password;
                self.remember(
                    candidate,
                    (&password.mailbox, &login.password),
                    &password.id,
                );
                return Ok(guest);
            }
            Err(turned) => turned,
        };
        let lockout = read(&self.rules).lockout;
        let wait = lock(&self.failures).count_own(&candidate.suspect, lockout, candidate.now);
        self.house.clock.sleep(wait).await;
        Err(turned)
    }

    /// Whether it is good here and now.
    fn restricted(
        &self,
        login: &Login,
        candidate: &Candidate,
        (held, opens): (&Held, &Opens),
    ) -> Result<Guest, Turned> {
        let password = &held.password;
        if let Some(at) = password.expires.filter(|at| *at <= candidate.now) {
            return Err(Turned::Expired { at });
        }
        if !password.protocols.hold(login.protocol) {
            let protocol = login.protocol;
            return Err(Turned::WrongProtocol { protocol });
        }
        let networks = &password.networks;
        if !networks.is_empty() && !networks.iter().any(|one| one.holds(candidate.address)) {
            return Err(Turned::WrongNetwork);
        }
        if password
            .login
            .as_ref()
            .is_some_and(|only| *only != candidate.name)
        {
            return Err(Turned::WrongLogin);
        }
        let last = LastUse {
            at: candidate.now,
            address: candidate.address,
            protocol: login.protocol,
        };
        let has_senders = !password.senders.is_empty();
        let opened = Opens {
            mailbox: opens.mailbox.clone(),
            senders: if has_senders {
                Vec::new()
            } else {
                opens.senders.clone()
            },
        };
        let (revoked, presence) =
            lock(&self.guests).enter(&password.id, (&candidate.name, opened.clone()));
        // Revoked between the look and here, or the rules changed: then nobody would cancel it any
        // more.
        if !read(&self.known).has(&password.id) {
            lock(&self.guests).keep_passwords(|id| *id != password.id);
            return Err(Turned::WrongPassword);
        }
        let now = self.opens(&candidate.name);
        if !now.is_some_and(|now| now.grants(&opened)) {
            lock(&self.guests).keep_names(|name| self.opens(name));
            return Err(Turned::UnknownLogin);
        }
        lock(&self.uses).insert(password.id.clone(), last);
        let senders = if has_senders {
            &password.senders
        } else {
            &opens.senders
        };
        Ok(Guest {
            password: Some(password.id.clone()),
            login: candidate.name.clone(),
            mailbox: opens.mailbox.clone(),
            senders: senders.clone(),
            revoked,
            presence,
        })
    }

    /// Asks which edition there is, if that was not asked just now.
    async fn refresh(&self) -> Result<(), PasswordError> {
        let mut asked = self.asked.lock().await;
        let now = self.house.clock.now();
        let lately = asked.is_some_and(|at| {
            at <= now && Duration::try_from(now.duration_since(at)).unwrap_or_default() < LOOK
        });
        if lately {
            return Ok(());
        }
        self.read_anew(&mut asked).await
    }

    async fn read_anew(&self, asked: &mut Option<Timestamp>) -> Result<(), PasswordError> {
        let edition = self.house.passwords.edition().await?;
        if read(&self.known).edition != Some(edition) {
            let (edition, all) = self.house.passwords.all().await?;
            let known = Arc::new(Known::of(edition, all));
            *write(&self.known) = Arc::clone(&known);
            lock(&self.proven).keep_only(|id| known.has(id));
            lock(&self.uses).retain(|id, _| known.has(id));
            lock(&self.guests).keep_passwords(|id| known.has(id));
        }
        *asked = Some(self.house.clock.now());
        Ok(())
    }

    fn end_expired(&self) {
        let now = self.house.clock.now();
        let known = Arc::clone(&read(&self.known));
        let over = known
            .iter()
            .filter(|one| one.expires.is_some_and(|at| at <= now));
        let over: BTreeSet<&PasswordId> = over.map(|password| &password.id).collect();
        if !over.is_empty() {
            lock(&self.guests).keep_passwords(|id| !over.contains(id));
        }
    }

    /// What could not be written is tried again with the next.
    async fn write_uses(&self) {
        let uses: Vec<Use> = std::mem::take(&mut *lock(&self.uses))
            .into_iter()
            .map(|(id, last)| Use { id, last })
            .collect();
        if uses.is_empty() {
            return;
        }
        if let Err(error) = self.house.passwords.used(&uses).await {
            tracing::warn!("when app passwords were used last was not recorded: {error}");
            let mut waiting = lock(&self.uses);
            for one in uses {
                waiting.entry(one.id).or_insert(one.last);
            }
        }
    }
}

/// A login that waits for a look, or was given up.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    /// `None` if too many wait.
    fn among(waiting: &'a AtomicUsize) -> Option<Self> {
        let one = Self(waiting);
        (waiting.fetch_add(1, Ordering::Relaxed) < WAITING).then_some(one)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn read<T>(lock: &RwLock<T>) -> std::sync::RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

fn write<T>(lock: &RwLock<T>) -> std::sync::RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}

/// Looks at passwords at once; each takes as much memory as its cost says.
const AT_ONCE: usize = 2;
/// Logins that wait for a look; those beyond are told to come again.
const WAITING: usize = 64;
/// How soon it is noticed what another process changed.
const LOOK: Duration = Duration::from_secs(2);
/// Uses are written every half minute, and at the end.
const LOOKS_TO_A_WRITE: u32 = 15;

#[cfg(test)]
mod tests;
