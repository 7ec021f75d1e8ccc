//! The file to read first: builds everything from a checked configuration. Nothing here binds a
//! port or connects anywhere; whoever gets a [`Gatepost`] decides what of it runs.
//!
//! A registration is fetched with its secrets, a credential is a registration with a grant, a
//! keeper holds the tokens of one credential, and an opener opens one mailbox with them. The
//! mailroom takes watches, their openers, and sinks with the routes that lead to them.

mod acceptance;
mod admission;
mod consents;
mod credentials;
mod drafts;
mod gateway;
mod mailboxes;
mod reach;
mod registrations;
mod reload;
mod secret_ends;
mod sending;
mod sinks;
mod statuses;
mod watches;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use gatepost_host::{Chance, Clock, Tasks};
use gatepost_mail::graph::Graph;
use gatepost_mail::{Opener, SubmitOpener};
use gatepost_mailroom::{Bell, Board, Mailroom, Spool};
use gatepost_oauth::{CredentialId, PasswordFrom, Proof, Registration, Surroundings, TokenKeeper};
use gatepost_store::{Access, KeySource, Opening, Store};

use crate::config::{Config, GrantSettings, MailboxSettings, ProofSource};
use crate::failure::Failure;
pub use admission::rules as admission_rules;
pub use consents::LackingConsent;
pub use credentials::{formerly as former_credential_ids, id as credential_id};
pub use gateway::{DoorMadeOf, OpenedDoor, Sockets, certificate_in_files};
use reach::Reach;
pub use registrations::certificate;
pub use reload::{Recomposed, ReloadError};
use secret_ends::SecretEnds;
pub use sending::{MadeOf as SenderMadeOf, OpenedSender, policy as send_policy};
pub use sinks::{MadeOf as SinkMadeOf, RoutedSink, SinkError};
pub use watches::{MadeOf as WatchMadeOf, OpenedWatch};

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
    clouds: BTreeMap<Option<PathBuf>, Arc<Reach>>,
    keepers: BTreeMap<CredentialId, Kept>,
    /// The mailboxes that each credential opens.
    opened: BTreeMap<CredentialId, Vec<String>>,
    sinks: BTreeMap<String, RoutedSink>,
    secret_ends: SecretEnds,
}

/// A keeper, and how it reaches its cloud.
#[derive(Debug, Clone)]
struct Kept {
    keeper: TokenKeeper,
    reach: Arc<Reach>,
}

/// How much is built. What is left out fetches no secret and costs no time.
#[derive(Debug)]
pub enum Scope<'a> {
    /// All of it, for the one `gatepost serve` of a state folder.
    Serve,
    /// What one mailbox needs, beside a `serve` that may be running.
    Mailbox(&'a MailboxSettings),
    /// What every mailbox needs, beside a `serve` that may be running.
    Mailboxes,
    /// Only what is stored.
    Store,
}

/// Builds what `scope` takes from `config`.
pub async fn compose(config: Config, scope: Scope<'_>) -> Result<Gatepost, Failure> {
    let (clock, chance, tasks) = (Clock::system(), Chance::system(), Tasks::new());
    let serves = matches!(scope, Scope::Serve);
    let wanted: Vec<MailboxSettings> = match scope {
        Scope::Serve => every_mailbox(&config),
        Scope::Mailboxes => config.mailboxes.values().cloned().collect(),
        Scope::Mailbox(mailbox) => vec![mailbox.clone()],
        Scope::Store => Vec::new(),
    };
    // Secrets first: what is wrong with them is said before the state folder is touched.
    let registrations = registrations(&config, &wanted, &clock).await?;
    let opening = Opening {
        folder: config.state.clone(),
        key: config.key.clone(),
        access: match scope {
            Scope::Serve => Access::Serve,
            Scope::Mailbox(_) | Scope::Mailboxes | Scope::Store => Access::Beside,
        },
        clock: &clock,
        chance: &chance,
    };
    let store = Store::open(opening).await?;
    let mut gatepost = Gatepost {
        config,
        clock,
        chance,
        tasks,
        store,
        clouds: BTreeMap::new(),
        keepers: BTreeMap::new(),
        opened: BTreeMap::new(),
        sinks: BTreeMap::new(),
        secret_ends: SecretEnds::default(),
    };
    for mailbox in &wanted {
        gatepost.keep(mailbox, &registrations[&mailbox.registration]);
    }
    if serves {
        gatepost.sinks = gatepost.build_sinks(&BTreeMap::new()).await?;
    }
    Ok(gatepost)
}

/// What `source` of the registration `name` proves, as [`compose`] would fetch it.
pub async fn proof(name: &str, source: &ProofSource, clock: &Clock) -> Result<Proof, Failure> {
    registrations::examined(name, source, clock).await
}

/// Fetches the sealing key and every secret of a sink that `config` names, and looks at them as
/// [`compose`] would; forgets all of them again. Nothing is opened but where they are found.
pub async fn fetch_secrets(config: &Config, clock: &Clock) -> Result<(), Failure> {
    if let KeySource::Elsewhere(source) = &config.key {
        source.fetch(clock, "the sealing key").await?;
    }
    for mailbox in config.mailboxes.values() {
        if let GrantSettings::Password {
            person,
            password: PasswordFrom::Source(source),
        } = &mailbox.grant
        {
            source
                .fetch(clock, &format!("the password of {person}"))
                .await?;
        }
    }
    for (name, settings) in &config.sinks {
        sinks::fetch_secrets(name, settings, clock).await?;
    }
    Ok(())
}

impl Gatepost {
    /// The keeper of the tokens that open `mailbox`, which was in the scope.
    pub fn keeper(&self, mailbox: &MailboxSettings) -> &TokenKeeper {
        let id = credentials::id(&self.config, mailbox);
        let kept = self.keepers.get(&id);
        let kept = kept.expect("a keeper was built for every mailbox in the scope");
        &kept.keeper
    }

    /// Every keeper, ordered by credential.
    pub fn keepers(&self) -> impl Iterator<Item = (&CredentialId, &TokenKeeper)> {
        self.keepers.iter().map(|(id, kept)| (id, &kept.keeper))
    }

    /// An opener of `mailbox`, which was in the scope.
    pub fn opener(&self, mailbox: &MailboxSettings) -> Result<Arc<dyn Opener>, Failure> {
        mailboxes::opener(mailbox, &self.way(mailbox))
    }

    /// What submits messages for `mailbox`, which was in the scope; none if it does not send.
    pub fn submitter(
        &self,
        mailbox: &MailboxSettings,
    ) -> Result<Option<Arc<dyn SubmitOpener>>, Failure> {
        let Some(by) = mailbox.send else {
            return Ok(None);
        };
        let submitter = mailboxes::submitter(mailbox, by, &self.way(mailbox))?;
        Ok(Some(submitter))
    }

    /// Microsoft Graph for `mailbox`, which was in the scope.
    pub fn graph(&self, mailbox: &MailboxSettings) -> Result<Graph, Failure> {
        Ok(Graph::new(mailboxes::graph(mailbox, &self.way(mailbox))?))
    }

    /// How the servers of `mailbox`, which was in the scope, are reached.
    fn way(&self, mailbox: &MailboxSettings) -> mailboxes::Way<'_> {
        mailboxes::Way {
            registration: self.config.registration(&mailbox.registration),
            reach: self.reach(mailbox),
            keeper: self.keeper(mailbox),
            clock: &self.clock,
            chance: &self.chance,
        }
    }

    /// The mailroom over the store.
    pub fn mailroom(&self) -> Result<Mailroom, Failure> {
        let folder = self.store.folder().spool();
        let spool = Spool::open(&folder, self.store.key(), self.chance.clone())?;
        Ok(Mailroom {
            cursors: Arc::new(self.store.clone()),
            deliveries: Arc::new(self.store.clone()),
            spool: Arc::new(spool),
            board: Board::default(),
            bell: Bell::new(),
            clock: self.clock.clone(),
            chance: self.chance.clone(),
        })
    }

    /// Every watch of the configuration, with what opens its mailbox.
    pub fn watches(&self) -> Result<Vec<OpenedWatch>, Failure> {
        let settings = self.config.watches.iter();
        settings
            .map(|settings| {
                let mailbox = &self.config.mailboxes[&settings.mailbox];
                Ok(OpenedWatch {
                    opener: self.opener(mailbox)?,
                    made_of: watches::MadeOf {
                        watch: watches::watch(settings, &self.config),
                        mailbox: mailbox.clone(),
                        host: mailbox
                            .read
                            .host(&self.config.registration(&mailbox.registration).cloud),
                        reach: Arc::clone(self.reach(mailbox)),
                        keeper: self.keeper(mailbox).clone(),
                    },
                })
            })
            .collect()
    }

    /// Every sink of the configuration, with how deliveries go there; none unless the scope was
    /// [`Scope::Serve`].
    pub fn sinks(&self) -> impl Iterator<Item = &RoutedSink> {
        self.sinks.values()
    }

    /// Ends what runs, then closes the store.
    pub async fn end(&self) {
        self.tasks.end().await;
        self.store.close().await;
    }

    /// Builds the keeper of the credential that opens `mailbox`, unless it is there.
    fn keep(&mut self, mailbox: &MailboxSettings, registration: &Arc<Registration>) {
        let id = credentials::id(&self.config, mailbox);
        let opened = self.opened.entry(id.clone()).or_default();
        opened.push(mailbox.address.clone());
        if self.keepers.contains_key(&id) {
            return;
        }
        let reach = self.reach_for(mailbox);
        let surroundings = Surroundings {
            endpoint: Arc::<Reach>::clone(&reach),
            grants: Arc::new(self.store.clone()),
            clock: self.clock.clone(),
            chance: self.chance.clone(),
            tasks: self.tasks.clone(),
        };
        let registration = self.for_credential(&id, registration);
        let credential = credentials::credential(id.clone(), registration, mailbox);
        let formerly = credentials::formerly(&self.config, mailbox);
        let keeper = TokenKeeper::heir(credential, formerly, surroundings);
        self.keepers.insert(id, Kept { keeper, reach });
    }

    /// The registration, with what the mailboxes of one of its credentials need.
    fn for_credential(
        &self,
        id: &CredentialId,
        registration: &Arc<Registration>,
    ) -> Arc<Registration> {
        let mut registration = Registration::clone(registration);
        registration.permissions = credentials::permissions(&self.config, id);
        Arc::new(registration)
    }

    /// How the servers of a mailbox are reached, which is made unless it is there.
    fn reach_for(&mut self, mailbox: &MailboxSettings) -> Arc<Reach> {
        let registration = self.config.registration(&mailbox.registration);
        let ca_file = registration.ca_file.clone();
        let made = || Arc::new(Reach::new(ca_file.clone(), &self.clock, &self.chance));
        let reach = self.clouds.entry(ca_file.clone()).or_insert_with(made);
        Arc::clone(reach)
    }

    /// Builds every sink; those of `before` that are made of the same are taken over.
    async fn build_sinks(
        &self,
        before: &BTreeMap<String, RoutedSink>,
    ) -> Result<BTreeMap<String, RoutedSink>, Failure> {
        let around = sinks::Around {
            clock: &self.clock,
            chance: &self.chance,
            state: self.store.folder(),
        };
        let reports = self.config.events.as_ref().map(sinks::reports);
        let reports = reports.unwrap_or_default();
        let mut built = BTreeMap::new();
        for (name, settings) in &self.config.sinks {
            let ways = (&around, before.get(name));
            let sink = sinks::sink((name, settings), &reports, ways).await?;
            built.insert(name.clone(), sink);
        }
        Ok(built)
    }

    fn reach(&self, mailbox: &MailboxSettings) -> &Arc<Reach> {
        let ca_file = &self.config.registration(&mailbox.registration).ca_file;
        self.clouds
            .get(ca_file)
            .expect("a cloud was built for every mailbox in the scope")
    }
}

/// Those of the configuration, and what stands for those that it opens by their domain.
fn every_mailbox(config: &Config) -> Vec<MailboxSettings> {
    let configured = config.mailboxes.values().cloned();
    configured.chain(gateway::of_domains(config)).collect()
}

async fn registrations(
    config: &Config,
    wanted: &[MailboxSettings],
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
