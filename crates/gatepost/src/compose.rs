//! The file to read first: builds everything from a checked configuration. Nothing here binds a
//! port or connects anywhere; whoever gets a [`Gatepost`] decides what of it runs.
//!
//! A registration is fetched with its secrets, a credential is a registration with a grant, a
//! keeper holds the tokens of one credential, and an opener opens one mailbox with them.

mod credentials;
mod registrations;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::PathBuf;
use std::sync::Arc;

use gatepost_host::{Chance, Clock, Tasks, Trust};
use gatepost_oauth::{
    CredentialId, Endpoint, HttpEndpoint, Registration, Surroundings, TokenKeeper,
};
use gatepost_store::{Access, Opening, Store};

use crate::config::{Config, MailboxSettings};
use crate::failure::Failure;

/// Everything that verbs work with.
#[derive(Debug)]
pub struct Gatepost {
    /// What it was built from.
    pub config: Config,
    /// The time.
    pub clock: Clock,
    /// The dice.
    pub chance: Chance,
    /// Owns what runs.
    pub tasks: Tasks,
    /// What is kept.
    pub store: Store,
    keepers: BTreeMap<CredentialId, TokenKeeper>,
}

/// How much is built. What is left out fetches no secret and costs no time.
#[derive(Debug)]
pub enum Scope<'a> {
    /// All of it, for the one `gatepost serve` of a state folder.
    Serve,
    /// What one mailbox needs, beside a `serve` that may be running.
    Mailbox(&'a MailboxSettings),
    /// Only what is stored.
    Store,
}

/// Builds what `scope` takes from `config`.
pub async fn compose(config: Config, scope: Scope<'_>) -> Result<Gatepost, Failure> {
    let (clock, chance, tasks) = (Clock::system(), Chance::system(), Tasks::new());
    let opening = Opening {
        folder: config.state.clone(),
        key: config.key.clone(),
        access: match scope {
            Scope::Serve => Access::Serve,
            Scope::Mailbox(_) | Scope::Store => Access::Beside,
        },
        clock: &clock,
        chance: &chance,
    };
    let wanted: Vec<&MailboxSettings> = match scope {
        Scope::Serve => config.mailboxes.values().collect(),
        Scope::Mailbox(mailbox) => vec![mailbox],
        Scope::Store => Vec::new(),
    };
    // Secrets first: what is wrong with them is said before the state folder is touched.
    let registrations = registrations(&config, &wanted, &clock).await?;
    let store = Store::open(opening).await?;
    let around = Around {
        clock: &clock,
        chance: &chance,
        tasks: &tasks,
        store: &store,
    };
    let keepers = keepers(&config, &wanted, &registrations, &around)?;
    Ok(Gatepost {
        config,
        clock,
        chance,
        tasks,
        store,
        keepers,
    })
}

impl Gatepost {
    /// The keeper of the tokens that open `mailbox`, which was in the scope.
    pub fn keeper(&self, mailbox: &MailboxSettings) -> &TokenKeeper {
        let id = credentials::id(&self.config, mailbox);
        self.keepers
            .get(&id)
            .expect("a keeper was built for every mailbox in the scope")
    }

    /// Every keeper, ordered by credential.
    pub fn keepers(&self) -> impl Iterator<Item = &TokenKeeper> {
        self.keepers.values()
    }

    /// Ends what runs, then closes the store.
    pub async fn end(&self) {
        self.tasks.end().await;
        self.store.close().await;
    }
}

/// What the parts are built with.
struct Around<'a> {
    clock: &'a Clock,
    chance: &'a Chance,
    tasks: &'a Tasks,
    store: &'a Store,
}

async fn registrations(
    config: &Config,
    wanted: &[&MailboxSettings],
    clock: &Clock,
) -> Result<BTreeMap<String, Arc<Registration>>, Failure> {
    let mut registrations = BTreeMap::new();
    for mailbox in wanted {
        let name = &mailbox.registration;
        if !registrations.contains_key(name) {
            let settings = config.registration(name);
            let fetched = registrations::fetch(name, settings, clock).await?;
            registrations.insert(name.clone(), Arc::new(fetched));
        }
    }
    Ok(registrations)
}

fn keepers(
    config: &Config,
    wanted: &[&MailboxSettings],
    registrations: &BTreeMap<String, Arc<Registration>>,
    around: &Around<'_>,
) -> Result<BTreeMap<CredentialId, TokenKeeper>, Failure> {
    let mut endpoints: BTreeMap<Option<PathBuf>, Arc<dyn Endpoint>> = BTreeMap::new();
    let mut keepers = BTreeMap::new();
    for mailbox in wanted {
        let id = credentials::id(config, mailbox);
        if keepers.contains_key(&id) {
            continue;
        }
        let ca_file = config.registration(&mailbox.registration).ca_file.clone();
        let endpoint = match endpoints.entry(ca_file) {
            Entry::Occupied(known) => Arc::clone(known.get()),
            Entry::Vacant(place) => {
                let endpoint = endpoint(place.key().as_ref(), around)?;
                Arc::clone(place.insert(endpoint))
            }
        };
        let registration = Arc::clone(&registrations[&mailbox.registration]);
        let credential = credentials::credential(id.clone(), registration, mailbox);
        let surroundings = Surroundings {
            endpoint,
            grants: Arc::new(around.store.clone()),
            clock: around.clock.clone(),
            chance: around.chance.clone(),
            tasks: around.tasks.clone(),
        };
        keepers.insert(id, TokenKeeper::new(credential, surroundings));
    }
    Ok(keepers)
}

fn endpoint(ca_file: Option<&PathBuf>, around: &Around<'_>) -> Result<Arc<dyn Endpoint>, Failure> {
    let trust = trust(ca_file)?;
    let endpoint = HttpEndpoint::new(&trust, around.clock.clone(), around.chance.clone())?;
    Ok(Arc::new(endpoint))
}

/// Whom a cloud's servers are trusted by.
fn trust(ca_file: Option<&PathBuf>) -> Result<Trust, Failure> {
    Ok(match ca_file {
        Some(file) => Trust::with_authority(file)?,
        None => Trust::system(),
    })
}
