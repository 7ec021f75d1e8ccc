//! What `serve` runs: one task per watch, one courier per sink, one keeper per credential, each
//! supervised, none able to take another down. A reload ends, starts and replaces only what is
//! made of something else than before.

mod doors;
mod parts;
mod supervisor;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use gatepost_fault::Fault as _;
use gatepost_gateway::admission::Gatekeeper;
use gatepost_host::Elapsed;
use gatepost_mailroom::outbox::{Dispatcher, PostOffice};
use gatepost_mailroom::{Credentials, Mailroom, Notices, SinkName, Unproven, WatchKey};
use gatepost_oauth::{CredentialId, TokenKeeper};
use tokio::sync::Mutex;

use crate::compose::{
    Gatepost, OpenedDoor, OpenedSender, OpenedWatch, Recomposed, SenderMadeOf, SinkMadeOf, Sockets,
    WatchMadeOf, admission_rules,
};
use crate::config::TokenFileSettings;
use crate::failure::Failure;
use crate::import::Waiting;
use crate::present::Present;
use crate::service_manager::Reloading;
use crate::token_files::TokenFile;
use crate::{config, control};
use doors::Doors;
pub use parts::Changes;
use parts::{Part, Parts, Work};
use supervisor::Supervisor;

/// A composition that runs. Clones are the same one.
#[derive(Debug, Clone)]
pub struct Daemon {
    /// Where it works.
    pub mailroom: Mailroom,
    /// Where it sends.
    pub office: PostOffice,
    /// Who decides who may come in.
    pub gatekeeper: Gatekeeper,
    present: Present,
    running: Arc<Mutex<Running>>,
}

/// What runs, by name, with what it was made of.
#[derive(Debug)]
struct Running {
    supervisor: Supervisor,
    couriers: Parts<SinkName, SinkMadeOf>,
    keepers: Parts<CredentialId, TokenKeeper>,
    watches: Parts<WatchKey, WatchMadeOf>,
    senders: Parts<String, SenderMadeOf>,
    token_files: Parts<PathBuf, TokenFileSettings>,
    doors: Doors,
}

/// What a reload changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Reloaded {
    /// Among the watches.
    pub watches: Changes,
    /// Among the sinks.
    pub sinks: Changes,
    /// Among the credentials.
    pub credentials: Changes,
    /// Among the token files.
    pub token_files: Changes,
    /// Among the doors. Sessions go on unless their door is gone.
    #[serde(default)]
    pub doors: Changes,
}

impl Daemon {
    /// Starts everything that the configuration describes. When this returns, the control
    /// socket answers.
    pub async fn start(gatepost: Gatepost) -> Result<Self, Failure> {
        let mailroom = gatepost.mailroom()?;
        let office = gatepost.post_office(&mailroom);
        let mut doors = Doors::closed();
        let sockets = doors.sockets(&gatepost)?;
        let described = Described::by(&gatepost, &sockets)?;
        let socket = control::bind(&control::socket(gatepost.store.folder()))?;
        let tasks = gatepost.tasks.clone();
        let notices = Arc::new(gatepost.store.clone());
        let present = Present::new(gatepost);
        let waiting = Arc::new(Waiting::read(present.clone()).await?);
        let gatekeeper = present.get().gatekeeper(waiting);
        doors.have(sockets);
        let gateway = present.get().gateway((&gatekeeper, &office), &present);
        doors.lead_to(gateway);
        let mut running = Running::new(&present.get(), doors);
        let clerk = Gatepost::clerk(&office);
        clerk.take_over().await?;
        clerk.hold_others(&described.mailboxes()).await?;
        // What was proved is read before the watches prove more.
        let unproven = mailroom.unproven().await;
        running.keep_house(&mailroom, unproven, (Arc::new(present.clone()), notices));
        running.learn_secret_ends(&present);
        running.keep_clerk(&office);
        running.keep_gate(&gatekeeper);
        present.get().warn_of_lacking_consents().await;
        running.change(&present, described, (&mailroom, &office));
        let daemon = Self {
            mailroom,
            office,
            gatekeeper,
            present,
            running: Arc::new(Mutex::new(running)),
        };
        tasks.start("control socket", control::serve(socket, daemon.clone()));
        Ok(daemon)
    }

    /// The composition that is in force.
    pub fn gatepost(&self) -> Arc<Gatepost> {
        self.present.get()
    }

    /// Reads the configuration again and goes on with it. What is wrong with it is answered, and
    /// everything stays as it was.
    pub async fn reload(&self) -> Result<Reloaded, Failure> {
        let mut running = self.running.lock().await;
        let reloading = Reloading::begin();
        let reloaded = self.reload_alone(&mut running).await;
        drop(reloading);
        match &reloaded {
            Ok(changes) => tracing::info!(%changes, "the configuration was reloaded"),
            Err(failure) => tracing::error!(
                code = failure.code(),
                "the configuration was not reloaded, the one before stays in force: {failure}"
            ),
        }
        reloaded
    }

    async fn reload_alone(&self, running: &mut Running) -> Result<Reloaded, Failure> {
        let before = self.present.get();
        let config = config::load(&before.config.file)?;
        let recomposed = Recomposed::make(&before, config).await?;
        let sockets = running.doors.sockets(&recomposed.gatepost)?;
        let described = Described::by(&recomposed.gatepost, &sockets)?;
        let mailboxes = described.mailboxes();
        recomposed.gatepost.warn_of_lacking_consents().await;
        self.gatekeeper
            .go_by(admission_rules(&recomposed.gatepost.config));
        self.present.replace(recomposed.into_force());
        running.doors.have(sockets);
        let rooms = (&self.mailroom, &self.office);
        let reloaded = running.change(&self.present, described, rooms);
        let held = Gatepost::clerk(&self.office).hold_others(&mailboxes).await;
        if let Err(error) = held {
            // What is held wrongly goes at the next start or reload.
            tracing::warn!(
                code = error.code(),
                "the outbox was not put in order: {error}"
            );
        }
        Ok(reloaded)
    }

    /// Tells everything to end, and waits for it within bounds. What is cut off then is taken up
    /// again at the next start: nothing is lost by it.
    pub async fn drain(self) -> Result<(), Elapsed> {
        let gatepost = self.gatepost();
        let drained = gatepost.clock.within(DRAIN, gatepost.end()).await;
        let _ = std::fs::remove_file(control::socket(gatepost.store.folder()));
        drained
    }
}

impl Running {
    fn new(gatepost: &Gatepost, doors: Doors) -> Self {
        Self {
            doors,
            supervisor: Supervisor {
                tasks: gatepost.tasks.clone(),
                clock: gatepost.clock.clone(),
            },
            couriers: Parts::default(),
            keepers: Parts::default(),
            watches: Parts::default(),
            senders: Parts::default(),
            token_files: Parts::default(),
        }
    }

    /// Starts those who look after all the others, whatever is configured.
    fn keep_house(
        &self,
        mailroom: &Mailroom,
        unproven: Unproven,
        (credentials, notices): (Arc<dyn Credentials>, Arc<dyn Notices>),
    ) {
        let tasks = &self.supervisor.tasks;
        let room = mailroom.clone();
        let watchman: Work = Box::new(move |stop| Box::pin(room.watchman().run(stop)));
        let room = mailroom.clone();
        let sweeper: Work =
            Box::new(move |stop| Box::pin(room.sweeper(RETENTION, unproven).run(stop)));
        let room = mailroom.clone();
        let caretaker: Work = Box::new(move |stop| {
            let (credentials, notices) = (Arc::clone(&credentials), Arc::clone(&notices));
            Box::pin(room.caretaker(credentials, notices).run(stop))
        });
        for (name, work) in [
            ("watchman", watchman),
            ("sweeper", sweeper),
            ("caretaker", caretaker),
        ] {
            self.supervisor.keep((name.to_owned(), work), tasks, None);
        }
    }

    /// Keeps the outbox in order.
    fn keep_clerk(&self, office: &PostOffice) {
        let office = office.clone();
        let work: Work = Box::new(move |stop| Box::pin(Gatepost::clerk(&office).run(stop)));
        let name = "clerk of the outbox".to_owned();
        self.supervisor
            .keep((name, work), &self.supervisor.tasks, None);
    }

    /// Notices what becomes of app passwords.
    fn keep_gate(&self, gatekeeper: &Gatekeeper) {
        let gatekeeper = gatekeeper.clone();
        let work: Work = Box::new(move |stop| {
            let gatekeeper = gatekeeper.clone();
            Box::pin(async move { gatekeeper.run(stop).await })
        });
        self.supervisor.keep(
            ("gatekeeper".to_owned(), work),
            &self.supervisor.tasks,
            None,
        );
    }

    /// Sees to it that Microsoft Graph is asked once a day, and soon after each reload.
    fn learn_secret_ends(&self, present: &Present) {
        let present = present.clone();
        let work: Work = Box::new(move |stop| {
            let present = present.clone();
            Box::pin(async move {
                loop {
                    let gatepost = present.get();
                    let asked = async {
                        gatepost.learn_secret_ends().await;
                        gatepost.clock.sleep(LOOK_FOR_RELOAD).await;
                    };
                    if stop.or(asked).await.is_none() {
                        return;
                    }
                }
            })
        });
        let name = "ends of client secrets".to_owned();
        self.supervisor
            .keep((name, work), &self.supervisor.tasks, None);
    }

    /// Runs what is described at present, and nothing else.
    fn change(
        &mut self,
        present: &Present,
        described: Described,
        (room, office): (&Mailroom, &PostOffice),
    ) -> Reloaded {
        let Self {
            supervisor,
            couriers,
            keepers,
            watches: watching,
            senders,
            token_files,
            doors,
        } = self;
        let gatepost = &*present.get();
        let board = &room.board;
        senders.become_those(
            senders_of(described.senders, office),
            supervisor,
            (|_: &_| {}, |_: &_| false),
        );
        // Couriers first, and watches last: no event is without a courier for long.
        let reloaded = Reloaded {
            sinks: couriers.become_those(
                couriers_of(gatepost, room),
                supervisor,
                (|sink: &SinkName| board.forget_sink(sink), |_: &_| false),
            ),
            credentials: keepers.become_those(
                keepers_of(gatepost),
                supervisor,
                (|_: &_| {}, |_: &_| false),
            ),
            token_files: token_files.become_those(
                token_files_of(present),
                supervisor,
                (|_: &_| {}, |_: &_| false),
            ),
            doors: doors.become_those(described.doors, supervisor),
            // One that waits for another configuration or a sign-in has no session to lose, and
            // tries again at once.
            watches: watching.become_those(
                watches_of(described.watches, room),
                supervisor,
                (
                    |watch: &WatchKey| board.forget(watch),
                    |watch: &WatchKey| board.may_hurry(watch),
                ),
            ),
        };
        room.bell.ring();
        reloaded
    }
}

/// What a composition describes that is made for it.
struct Described {
    watches: Vec<OpenedWatch>,
    senders: Vec<OpenedSender>,
    doors: Vec<OpenedDoor>,
}

impl Described {
    fn by(gatepost: &Gatepost, sockets: &Sockets) -> Result<Self, Failure> {
        Ok(Self {
            doors: gatepost.doors(sockets)?,
            watches: gatepost.watches()?,
            senders: gatepost.senders()?,
        })
    }

    /// The mailboxes that send.
    fn mailboxes(&self) -> Vec<String> {
        let senders = self.senders.iter();
        senders.map(|one| one.sending.mailbox.clone()).collect()
    }
}

fn senders_of(senders: Vec<OpenedSender>, office: &PostOffice) -> Vec<Part<String, SenderMadeOf>> {
    let senders = senders
        .into_iter()
        .map(|OpenedSender { sending, made_of }| {
            let office = office.clone();
            Part::new(
                (sending.mailbox.clone(), made_of),
                format!("sender for {}", sending.mailbox),
                move |stop| Dispatcher::new(office.clone(), sending.clone()).run(stop),
            )
        });
    senders.collect()
}

fn couriers_of(gatepost: &Gatepost, room: &Mailroom) -> Vec<Part<SinkName, SinkMadeOf>> {
    let process = gatepost.tasks.stop();
    let couriers = gatepost.sinks().cloned().map(|routed| {
        let (room, process) = (room.clone(), process.clone());
        let (route, sink) = (routed.route, routed.sink);
        Part::new(
            (route.sink.clone(), routed.made_of),
            format!("courier to {}", route.sink),
            move |stop| {
                let courier = room.courier(route.clone(), Arc::clone(&sink));
                courier.run_out(stop, process.clone())
            },
        )
    });
    couriers.collect()
}

fn keepers_of(gatepost: &Gatepost) -> Vec<Part<CredentialId, TokenKeeper>> {
    let keepers = gatepost.keepers().map(|(id, keeper)| {
        let kept = keeper.clone();
        Part::new(
            (id.clone(), keeper.clone()),
            format!("tokens of {id}"),
            move |stop| {
                let keeper = kept.clone();
                async move { keeper.run(&stop).await }
            },
        )
    });
    keepers.collect()
}

fn watches_of(watches: Vec<OpenedWatch>, room: &Mailroom) -> Vec<Part<WatchKey, WatchMadeOf>> {
    let watches = watches.into_iter().map(|OpenedWatch { opener, made_of }| {
        let (room, watch) = (room.clone(), made_of.watch.clone());
        Part::new(
            (watch.key.clone(), made_of),
            format!("watch of {}", watch.key),
            move |stop| room.listener(watch.clone(), Arc::clone(&opener)).run(stop),
        )
    });
    watches.collect()
}

fn token_files_of(present: &Present) -> Vec<Part<PathBuf, TokenFileSettings>> {
    let gatepost = present.get();
    let files = gatepost.config.token_files.iter().map(|settings| {
        let file = TokenFile::new(settings.clone(), present.clone());
        Part::new(
            (settings.path.clone(), settings.clone()),
            format!("token file {}", settings.path.display()),
            move |stop| file.clone().run(stop),
        )
    });
    files.collect()
}

impl std::fmt::Display for Reloaded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            watches,
            sinks,
            credentials,
            token_files,
            doors,
        } = self;
        write!(
            f,
            "watches: {watches}; sinks: {sinks}; credentials: {credentials}; token files: \
             {token_files}; doors: {doors}"
        )
    }
}

/// How soon after a reload Microsoft Graph is asked of new secrets.
const LOOK_FOR_RELOAD: Duration = Duration::from_mins(1);
/// How long deliveries that are settled can be looked at.
pub(crate) const RETENTION: Duration = Duration::from_hours(7 * 24);
/// Service managers wait 90 seconds before they kill.
const DRAIN: Duration = Duration::from_secs(30);
