//! One life: a story of arrivals and troubles, processes that die and start again, and at the end
//! the promises.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use gatepost_host::{Chance, Clock, SealingKey, Stop};
use gatepost_mail::{Flag, FolderName};
use gatepost_mailroom::{
    Bell, Board, Cursors as _, Deliveries as _, Delivery, DeliveryFilter, DeliveryState, Mailroom,
    MemoryStorage, Ordering, PostAction, Route, Schedule, SinkName, Spool, StartFrom, Watch,
    WatchKey,
};
use jiff::{SignedDuration, Timestamp};

use crate::fuse::{Fuse, Trouble};
use crate::server::{Number, Server};
use crate::sinks::{Moody, Received};
use crate::storage::{Disk, Mortal};

/// Lives one life. Panics when a promise is broken.
pub(crate) fn live(seed: u64) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build();
    let runtime = runtime.expect("a runtime can be built");
    let folder = tempfile::tempdir().expect("a temporary folder");
    runtime.block_on(async {
        let life = Life::of(seed, folder.path().to_owned());
        let processes = life.processes;
        let lives = async {
            match processes {
                1 => Box::pin(life.process(0)).await,
                _ => {
                    tokio::join!(Box::pin(life.process(0)), Box::pin(life.process(1)));
                }
            }
        };
        tokio::select! {
                biased;
            () = lives => {}
            () = life.story() => {}
        }
        life.check_promises().await;
    });
}

struct Life {
    seed: u64,
    chance: Chance,
    clock: Clock,
    trouble: Trouble,
    disk: Disk,
    strict: Received,
    parallel: Received,
    folder: std::path::PathBuf,
    from: StartFrom,
    post_action: Option<PostAction>,
    /// How many processes work on the same storage.
    processes: u32,
    /// From how many octets on messages are in files.
    inline_limit: usize,
}

impl Life {
    fn of(seed: u64, folder: std::path::PathBuf) -> Self {
        let chance = Chance::seeded(seed);
        let deadly = [0, 5, 20, 60][usize::try_from(seed % 4).expect("less than four")];
        let trouble = Trouble::new(chance.clone(), deadly);
        let clock = Clock::starting_at(start());
        let server = Server::new(trouble.clone(), clock.clone());
        let disk = Disk {
            memory: Arc::new(MemoryStorage::new()),
            server,
            recorded: Arc::default(),
            wanted: Arc::default(),
        };
        Self {
            seed,
            clock,
            trouble,
            disk,
            strict: Received::default(),
            parallel: Received::default(),
            folder,
            from: if chance.below(2) == 0 {
                StartFrom::Now
            } else {
                StartFrom::Beginning
            },
            post_action: (chance.below(2) == 0).then_some(PostAction::MarkRead),
            processes: if chance.below(5) == 0 { 2 } else { 1 },
            inline_limit: if chance.below(8) == 0 { 200 } else { 100_000 },
            chance,
        }
    }

    /// One process after another: each dies in its time, and the next goes on.
    async fn process(&self, number: u64) {
        let mut jump = 0;
        for generation in 0.. {
            let fuse = Fuse::new(self.trouble.clone());
            let seed = self.seed ^ (number << 32) ^ (generation << 40);
            // The clock of the machine may be set between two starts.
            let clock = Clock::starting_at(later(self.clock.now(), jump));
            tokio::select! {
                biased;
                () = fuse.blown() => {}
                () = self.work(&fuse, clock.clone(), Chance::seeded(seed)) => {}
                () = self.set_now_and_then(&clock) => {}
            }
            if self.trouble.strikes(300) {
                jump = i64::try_from(self.chance.below(7_200)).expect("two hours") - 3_600;
            }
            self.clock.sleep(Duration::from_secs(2)).await;
        }
    }

    /// Somebody sets the clock of the machine while a process lives: by less than a day, since
    /// the clock of the server is believed to be right within a day.
    async fn set_now_and_then(&self, clock: &Clock) {
        let mut ahead = SignedDuration::ZERO;
        loop {
            let pause = Duration::from_secs(60 + self.chance.below(600));
            clock.sleep(pause).await;
            if self.trouble.strikes(200) {
                let hours = i64::try_from(self.chance.below(41)).expect("few") - 20;
                let wanted = SignedDuration::from_hours(hours);
                clock.set_by(wanted - ahead);
                ahead = wanted;
            }
        }
    }

    /// What one process does as long as it lives.
    async fn work(&self, fuse: &Fuse, clock: Clock, chance: Chance) {
        let storage = Arc::new(Mortal {
            disk: self.disk.clone(),
            fuse: fuse.clone(),
        });
        let key = Arc::new(SealingKey::new(&[7; SealingKey::LENGTH]));
        let spool = Spool::open(&self.folder, key, self.chance.clone());
        let spool = spool.expect("the temporary folder is ours");
        let room = Mailroom {
            cursors: storage.clone(),
            deliveries: storage,
            spool: Arc::new(
                spool
                    .with_inline_limit(self.inline_limit)
                    .with_batches_of(FEW),
            ),
            board: Board::default(),
            bell: Bell::new(),
            clock: clock.clone(),
            chance,
        };
        let sweeper = room.sweeper(Duration::from_hours(1), room.unproven().await);
        let listener = room.listener(self.watch(), Arc::new(self.disk.server.seen_by(&clock)));
        let moody = |received: &Received| {
            Arc::new(Moody {
                received: received.clone(),
                fuse: fuse.clone(),
                clock: clock.clone(),
            })
        };
        let strict = room.courier(route("strict", Ordering::Strict), moody(&self.strict));
        let parallel = room.courier(route("parallel", Ordering::Parallel), moody(&self.parallel));
        tokio::join!(
            listener.run(Stop::never()),
            strict.run(Stop::never()),
            parallel.run(Stop::never()),
            room.watchman().run(Stop::never()),
            sweeper.run(Stop::never()),
        );
    }

    fn watch(&self) -> Watch {
        Watch {
            from: self.from,
            post_action: self.post_action.clone(),
            ..Watch::new(watch_key(), vec![name("strict"), name("parallel")])
        }
    }

    /// What happens on the server, until all is calm and everything has had its time.
    async fn story(&self) {
        let clock = &self.clock;
        let messages = 5 + u32::try_from(self.chance.below(30)).expect("few");
        let mut began = None;
        for number in 1..=messages {
            let gap = self.chance.below(90) * self.chance.below(2);
            clock.sleep(Duration::from_secs(gap)).await;
            self.receive(number, &mut began).await;
            if self.chance.below(20) == 0 {
                self.disk.server.forget_keys();
            }
            if self.chance.below(20) == 0 {
                let lost = 1 + u32::try_from(self.chance.below(u64::from(number))).expect("few");
                self.disk.server.lose(lost);
                self.wanted(|wanted| wanted.remove(&lost));
            }
        }
        self.trouble.calm_down();
        for _ in 0..2_000 {
            clock.sleep(Duration::from_secs(30)).await;
            if self.is_done().await {
                return;
            }
        }
    }

    async fn receive(&self, number: Number, began: &mut Option<Timestamp>) {
        let started = self.disk.memory.load(&watch_key()).await;
        let started = started
            .expect("the storage in memory always answers")
            .is_some();
        // Before the watch began, `now` promises nothing.
        if started || self.from == StartFrom::Beginning {
            self.wanted(|wanted| wanted.insert(number));
        }
        let padding = usize::try_from(self.chance.below(600)).expect("few");
        let mut received_at = self.clock.now();
        // Some are moved here from another folder, which received them after the watch began.
        if started {
            let began = *began.get_or_insert(received_at);
            if self.chance.below(6) == 0 {
                received_at = began;
            }
        }
        self.disk.server.put((number, received_at), padding);
    }

    /// Whether everything that is wanted has arrived, and what follows it is done.
    async fn is_done(&self) -> bool {
        let wanted = self.wanted(|wanted| wanted.clone());
        let has_all = |received: &Received| {
            let notes = received.notes();
            wanted.iter().all(|number| notes.ids.contains_key(number))
        };
        let pending = self.deliveries(DeliveryState::Pending).await;
        let claimed = self.deliveries(DeliveryState::Claimed).await;
        let arrived = has_all(&self.strict) && has_all(&self.parallel);
        arrived && pending.is_empty() && claimed.is_empty() && self.unread(&wanted).is_empty()
    }

    /// The messages that should be marked as read and are not.
    fn unread(&self, wanted: &BTreeSet<Number>) -> Vec<Number> {
        if self.post_action.is_none() {
            return Vec::new();
        }
        let present = self.disk.server.present().into_iter();
        present
            .filter(|(number, flags)| wanted.contains(number) && !flags.contains(&Flag::Seen))
            .map(|(number, _)| number)
            .collect()
    }

    async fn check_promises(&self) {
        let wanted = self.wanted(|wanted| wanted.clone());
        for received in [&self.strict, &self.parallel] {
            let notes = received.notes();
            for number in &wanted {
                assert!(notes.ids.contains_key(number), "message {number} was lost");
            }
            for (number, ids) in &notes.ids {
                assert_eq!(ids.len(), 1, "message {number} came under {ids:?}");
            }
        }
        assert!(
            self.strict.notes().order.is_sorted(),
            "the strict sink saw disorder"
        );
        for state in [
            DeliveryState::Pending,
            DeliveryState::Claimed,
            DeliveryState::Dead,
        ] {
            let left = self.deliveries(state).await;
            assert!(
                left.is_empty(),
                "these deliveries did not arrive: {left:#?}"
            );
        }
        if self.post_action.is_none() {
            let touched = self
                .disk
                .server
                .present()
                .into_iter()
                .find(|(_, flags)| !flags.is_empty());
            assert_eq!(
                touched, None,
                "a message was changed, and nobody asked for it"
            );
        }
    }

    async fn deliveries(&self, state: DeliveryState) -> Vec<Delivery> {
        let filter = DeliveryFilter {
            state: Some(state),
            limit: usize::MAX,
            ..DeliveryFilter::default()
        };
        let found = self.disk.memory.list(&filter).await;
        found.expect("the storage in memory always answers")
    }

    fn wanted<T>(&self, change: impl FnOnce(&mut BTreeSet<Number>) -> T) -> T {
        change(
            &mut self
                .disk
                .wanted
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        )
    }
}

fn watch_key() -> WatchKey {
    WatchKey {
        mailbox: "sim@sim.example".to_owned(),
        folder: FolderName::inbox(),
    }
}

fn route(sink: &str, ordering: Ordering) -> Route {
    Route {
        ordering,
        concurrency: NonZeroUsize::new(8).expect("eight is not zero"),
        schedule: Schedule::new(vec![Duration::from_secs(5); 5_000]),
        ..Route::to(name(sink))
    }
}

fn name(sink: &str) -> SinkName {
    SinkName(sink.to_owned())
}

fn start() -> Timestamp {
    Timestamp::from_second(1_795_000_000).expect("a time in this century")
}

fn later(at: Timestamp, seconds: i64) -> Timestamp {
    Timestamp::from_second(at.as_second() + seconds).expect("a time in this century")
}

/// Messages of one transaction: so few that a step has several.
const FEW: usize = 3;
