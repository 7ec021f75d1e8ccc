//! Single promises, each in a small room in virtual time.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use gatepost_host::{Chance, Clock, SealingKey, Stop};
use gatepost_mail::{Flag, FolderName, MailError, Mailbox, Opener, Protocol};
use gatepost_mailroom::{
    Bell, Board, Deliveries as _, DeliveryFilter, DeliveryState, EventType, Handover,
    MailboxStatus, Mailroom, Marks, MemoryStorage, Outcome, PostAction, ReportTo, Route, Sink,
    SinkName, SinkState, Spool, StartFrom, Unproven, Watch, WatchKey, WatchState,
};
use jiff::{SignedDuration, Timestamp};

use crate::fuse::{Fuse, Lock, Trouble};
use crate::server::Server;
use crate::storage::{CONTENTION, Disk, Mortal};

/// A room with one mailbox that always works, unless its door says otherwise.
struct Room {
    all: Mailroom,
    trouble: Trouble,
    server: Server,
    door: Door,
    storage: Arc<MemoryStorage>,
    folder: tempfile::TempDir,
}

impl Room {
    fn new() -> Self {
        let start = Timestamp::from_second(1_795_000_000).expect("a time in this century");
        let clock = Clock::starting_at(start);
        let trouble = Trouble::new(Chance::seeded(1), 0);
        trouble.calm_down();
        let server = Server::new(trouble.clone(), clock.clone());
        let folder = tempfile::tempdir().expect("a temporary folder");
        let key = Arc::new(SealingKey::new(&[1; SealingKey::LENGTH]));
        let spool = Spool::open(folder.path(), key, Chance::seeded(2)).expect("it is ours");
        let storage = Arc::new(MemoryStorage::new());
        Self {
            all: Mailroom {
                cursors: storage.clone(),
                deliveries: storage.clone(),
                spool: Arc::new(spool),
                board: Board::default(),
                bell: Bell::new(),
                clock,
                chance: Chance::seeded(3),
            },
            door: Door {
                server: server.clone(),
                says: Arc::new(Mutex::new(Says::Welcome)),
            },
            trouble,
            server,
            storage,
            folder,
        }
    }

    /// From now on the storage can be locked.
    fn with_lock(mut self) -> Self {
        let storage = Arc::new(Mortal {
            disk: Disk {
                memory: self.storage.clone(),
                server: self.server.clone(),
                recorded: Arc::default(),
                wanted: Arc::default(),
            },
            fuse: Fuse::new(self.trouble.clone()),
        });
        self.all.cursors = storage.clone();
        self.all.deliveries = storage;
        self
    }

    fn watch() -> Watch {
        let key = WatchKey {
            mailbox: "support@contoso.com".to_owned(),
            folder: FolderName::inbox(),
        };
        Watch {
            from: StartFrom::Beginning,
            ..Watch::new(key, vec![sink("a")])
        }
    }

    /// Lets listener, watchman and couriers work for this long.
    async fn works(&self, watch: &Watch, sinks: &[(&str, Arc<Fickle>)], minutes: u64) {
        let couriers = sinks.iter().map(|(name, fickle)| {
            let route = Route {
                concurrency: NonZeroUsize::new(16).expect("not zero"),
                report_to: ReportTo::everything(vec![sink("a"), sink("reports")]),
                ..Route::to(sink(name))
            };
            self.all.courier(route, fickle.clone()).run(Stop::never())
        });
        let listener = self
            .all
            .listener(watch.clone(), Arc::new(self.door.clone()));
        let work = async {
            tokio::join!(
                listener.run(Stop::never()),
                self.all.watchman().run(Stop::never()),
                futures_util::future::join_all(couriers),
            );
        };
        let work = Box::pin(work);
        let time = Duration::from_mins(minutes);
        let over = self.all.clock.within(time, work).await;
        over.expect_err("nobody ends before he is told to");
    }

    /// Lets a courier take one delivery after another to a sink, for this long.
    async fn delivers(&self, to: Arc<dyn Sink>, time: Duration) {
        let route = Route {
            concurrency: NonZeroUsize::MIN,
            ..Route::to(sink("a"))
        };
        let courier = Box::pin(self.all.courier(route, to).run(Stop::never()));
        let over = self.all.clock.within(time, courier).await;
        over.expect_err("nobody ends before he is told to");
    }

    fn status(&self) -> MailboxStatus {
        self.all.board.mailboxes().remove(0)
    }

    /// How many deliveries of this kind there are, in this state.
    async fn count(&self, kind: EventType, state: DeliveryState) -> usize {
        let filter = DeliveryFilter {
            state: Some(state),
            limit: 10_000,
            ..DeliveryFilter::default()
        };
        let all = self.storage.list(&filter).await.expect("it answers");
        all.iter().filter(|one| one.event.kind == kind).count()
    }
}

/// What the server says to those who want to sign in.
#[derive(Debug, Clone, Copy)]
enum Says {
    Welcome,
    Refused,
    Nothing,
}

#[derive(Debug, Clone)]
struct Door {
    server: Server,
    says: Arc<Mutex<Says>>,
}

impl Door {
    fn says(&self, says: Says) {
        *self.says.lock().unwrap_or_else(PoisonError::into_inner) = says;
    }
}

#[async_trait]
impl Opener for Door {
    async fn open(&self) -> Result<Box<dyn Mailbox>, MailError> {
        let says = *self.says.lock().unwrap_or_else(PoisonError::into_inner);
        match says {
            Says::Welcome => self.server.open().await,
            Says::Refused => Err(MailError::SignInRefused {
                protocol: Protocol::Imap,
                host: "sim".to_owned(),
                mailbox: "support@contoso.com".to_owned(),
                said: "AUTHENTICATE failed".to_owned(),
            }),
            Says::Nothing => std::future::pending().await,
        }
    }
}

/// A sink that answers as it is told.
#[derive(Debug)]
struct Fickle(Mutex<Outcome>);

impl Fickle {
    fn answering(outcome: Outcome) -> Arc<Self> {
        Arc::new(Self(Mutex::new(outcome)))
    }

    fn answers(&self, outcome: Outcome) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = outcome;
    }
}

#[async_trait]
impl Sink for Fickle {
    async fn deliver(&self, _: Handover<'_>) -> Outcome {
        self.probe().await
    }

    async fn probe(&self) -> Outcome {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

fn sink(name: &str) -> SinkName {
    SinkName(name.to_owned())
}

const HOUR: Duration = Duration::from_hours(1);
const MINUTE: Duration = Duration::from_mins(1);
const SECOND: Duration = Duration::from_secs(1);

fn no() -> String {
    "the sink says no".to_owned()
}

#[tokio::test(start_paused = true)]
async fn new_mail_is_delivered_at_once() {
    let room = Room::new();
    let done = Fickle::answering(Outcome::Done);
    let sinks = [("a", done)];
    let watch = Room::watch();
    let arrives = async {
        room.all.clock.sleep(Duration::from_mins(2)).await;
        room.server.receive(1, 10);
        room.all.clock.sleep(Duration::from_secs(1)).await;
        assert_eq!(
            room.count(EventType::MailReceived, DeliveryState::Done)
                .await,
            1
        );
        assert_eq!(room.status().state, WatchState::Watching);
    };
    tokio::join!(room.works(&watch, &sinks, 3), arrives);
}

#[tokio::test(start_paused = true)]
async fn fetching_pauses_while_the_sinks_are_behind_and_goes_on_afterwards() {
    let room = Room::new();
    for number in 1..=600 {
        room.server.receive(number, 10);
    }
    let mut watch = Room::watch();
    watch.watermarks.deliveries = Marks { high: 100, low: 50 };
    let fickle = Fickle::answering(Outcome::Retry {
        reason: no(),
        after: None,
    });
    room.works(&watch, &[("a", fickle.clone())], 60).await;
    let held = room
        .count(EventType::MailReceived, DeliveryState::Pending)
        .await;
    assert_eq!(held, 256, "one batch, and no more");
    assert_eq!(
        room.count(EventType::MailboxStalled, DeliveryState::Pending)
            .await,
        0
    );
    fickle.answers(Outcome::Done);
    room.works(&watch, &[("a", fickle)], 600).await;
    assert_eq!(
        room.count(EventType::MailReceived, DeliveryState::Done)
            .await,
        600
    );
}

#[tokio::test(start_paused = true)]
async fn a_message_that_cuts_every_connection_is_told_and_holds_back_nothing() {
    let room = Room::new();
    for number in 1..=20 {
        room.server.receive(number, 10);
    }
    room.server.poison(7);
    let sinks = [("a", Fickle::answering(Outcome::Done))];
    room.works(&Room::watch(), &sinks, 90).await;
    let kind = EventType::MailReceived;
    assert_eq!(room.count(kind, DeliveryState::Done).await, 20);
}

#[tokio::test(start_paused = true)]
async fn a_refused_sign_in_is_reported_once_and_so_is_its_end() {
    let room = Room::new();
    let sinks = [("a", Fickle::answering(Outcome::Done))];
    let watch = Room::watch();
    room.door.says(Says::Refused);
    let told = async {
        room.all.clock.sleep(Duration::from_mins(14)).await;
        let status = room.status();
        assert_eq!(status.state, WatchState::Retrying);
        let error = status.last_error.expect("it was refused");
        assert_eq!(error.code, "imap_sign_in_refused");
        assert!(status.next_attempt_at > Some(error.at + Duration::from_mins(4)));
        assert_eq!(
            room.count(EventType::MailboxAuthFailed, DeliveryState::Done)
                .await,
            1
        );
        room.door.says(Says::Welcome);
        room.all.clock.sleep(Duration::from_mins(10)).await;
        assert_eq!(room.status().last_error, None);
    };
    tokio::join!(room.works(&watch, &sinks, 60), told);
    let done = async |kind| room.count(kind, DeliveryState::Done).await;
    assert_eq!(done(EventType::MailboxAuthFailed).await, 1);
    assert_eq!(done(EventType::MailboxRecovered).await, 1);
}

#[tokio::test(start_paused = true)]
async fn a_folder_that_is_missing_is_looked_for_every_few_minutes_and_shown() {
    let room = Room::new();
    let sinks = [("a", Fickle::answering(Outcome::Done))];
    let watch = Room::watch();
    room.server.hide_folder();
    let told = async {
        for minutes in [1, 60] {
            room.all.clock.sleep(Duration::from_mins(minutes)).await;
            let now = room.all.clock.now();
            let status = room.status();
            assert_eq!(status.state, WatchState::Retrying);
            let error = status.last_error.expect("the folder is missing");
            assert_eq!(error.code, "folder_missing");
            assert!(error.at >= now - Duration::from_mins(7), "{error:?}");
            let next = status.next_attempt_at.expect("it is tried again");
            assert!(next > now && next <= now + Duration::from_mins(7), "{next}");
        }
        let stalled = room.count(EventType::MailboxStalled, DeliveryState::Done);
        assert_eq!(stalled.await, 1, "it is told");
        room.server.show_folder();
        room.server.receive(1, 10);
        room.all.clock.sleep(Duration::from_mins(8)).await;
        let arrived = room.count(EventType::MailReceived, DeliveryState::Done);
        assert_eq!(arrived.await, 1);
        assert_eq!(room.status().last_error, None);
    };
    tokio::join!(room.works(&watch, &sinks, 70), told);
}

#[tokio::test(start_paused = true)]
async fn a_folder_that_is_gone_for_a_moment_costs_a_moment() {
    let room = Room::new();
    let sinks = [("a", Fickle::answering(Outcome::Done))];
    let told = async {
        room.all.clock.sleep(Duration::from_mins(12)).await;
        room.server.hide_folder();
        room.server.receive(1, 10);
        room.all.clock.sleep(Duration::from_secs(1)).await;
        let error = room.status().last_error.expect("the folder is missing");
        assert_eq!(error.code, "folder_missing");
        room.server.show_folder();
        room.all.clock.sleep(Duration::from_secs(4)).await;
        let arrived = room.count(EventType::MailReceived, DeliveryState::Done);
        assert_eq!(arrived.await, 1);
    };
    let watch = Room::watch();
    tokio::join!(room.works(&watch, &sinks, 13), told);
}

#[tokio::test(start_paused = true)]
async fn trouble_wakes_the_courier() {
    let room = Room::new();
    let courier = room
        .all
        .courier(Route::to(sink("a")), Fickle::answering(Outcome::Done));
    room.door.says(Says::Refused);
    let listener = room
        .all
        .listener(Room::watch(), Arc::new(room.door.clone()));
    let refused = async {
        // By now the courier has found nothing to do and waits.
        room.all.clock.sleep(Duration::from_secs(1)).await;
        tokio::join!(
            listener.run(Stop::never()),
            room.all.watchman().run(Stop::never())
        );
    };
    let work = Box::pin(async { tokio::join!(courier.run(Stop::never()), refused) });
    let over = room.all.clock.within(Duration::from_secs(10), work).await;
    over.expect_err("nobody ends before he is told to");
    let told = room.count(EventType::MailboxAuthFailed, DeliveryState::Done);
    assert_eq!(told.await, 1);
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_proves_nothing_is_reported_stalled() {
    let room = Room::new();
    let sinks = [("a", Fickle::answering(Outcome::Done))];
    let watch = Room::watch();
    room.door.says(Says::Nothing);
    let told = async {
        room.all.clock.sleep(Duration::from_mins(30)).await;
        let status = room.status();
        assert!(status.stalled_since.is_some());
        assert_eq!(
            status.last_error.map(|error| error.code).as_deref(),
            Some("mailbox_silent")
        );
        room.door.says(Says::Welcome);
    };
    tokio::join!(room.works(&watch, &sinks, 60), told);
    let done = async |kind| room.count(kind, DeliveryState::Done).await;
    assert_eq!(done(EventType::MailboxStalled).await, 1);
    assert_eq!(done(EventType::MailboxRecovered).await, 1);
    assert_eq!(room.status().stalled_since, None);
}

#[tokio::test(start_paused = true)]
async fn a_watch_whose_messages_cannot_be_kept_is_reported_stalled() {
    let room = Room::new();
    // Too large for the database; and the spool is gone.
    room.server.receive(1, 200_000);
    let spool = room.folder.path();
    std::fs::remove_dir_all(spool).expect("it is ours");
    let sinks = [("a", Fickle::answering(Outcome::Done))];
    let done = async |kind| room.count(kind, DeliveryState::Done).await;
    let told = async {
        room.all.clock.sleep(Duration::from_hours(1)).await;
        assert_eq!(done(EventType::MailboxStalled).await, 1);
        assert_eq!(done(EventType::MailboxRecovered).await, 0);
        let status = room.status();
        assert!(status.stalled_since.is_some(), "{status:?}");
        let error = status.last_error.expect("it fails");
        assert_eq!(error.code, "spool_unusable");
        std::fs::create_dir(spool).expect("it was there");
        room.all.clock.sleep(Duration::from_mins(6)).await;
        assert_eq!(done(EventType::MailReceived).await, 1);
        assert_eq!(done(EventType::MailboxRecovered).await, 1);
    };
    let watch = Room::watch();
    tokio::join!(room.works(&watch, &sinks, 67), told);
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_panics_again_and_again_is_reported_stalled() {
    let room = Room::new();
    room.door.says(Says::Nothing);
    let (watch, sinks) = (Room::watch(), [("a", Fickle::answering(Outcome::Done))]);
    for _ in 0..40 {
        // Whoever is dropped in the middle of his work tells the board as little as one who
        // panics.
        room.works(&watch, &sinks, 1).await;
    }
    let stalled = room.count(EventType::MailboxStalled, DeliveryState::Done);
    assert_eq!(stalled.await, 1);
}

#[tokio::test(start_paused = true)]
async fn a_blip_of_a_mailbox_that_works_is_no_news() {
    let room = Room::new();
    let sinks = [("a", Fickle::answering(Outcome::Done))];
    let told = async {
        for _ in 0..20 {
            room.all.clock.sleep(Duration::from_mins(4)).await;
            room.door.says(Says::Refused);
            room.server.cut_all();
            room.all.clock.sleep(Duration::from_secs(12)).await;
            room.door.says(Says::Welcome);
        }
        for kind in [EventType::MailboxAuthFailed, EventType::MailboxRecovered] {
            assert_eq!(room.count(kind, DeliveryState::Done).await, 0, "{kind:?}");
        }
    };
    let watch = Room::watch();
    tokio::join!(room.works(&watch, &sinks, 90), told);
}

#[tokio::test(start_paused = true)]
async fn a_dead_letter_is_told_to_the_other_sinks() {
    let room = Room::new();
    room.server.receive(1, 10);
    let refusing = Fickle::answering(Outcome::Refused { reason: no() });
    let reports = Fickle::answering(Outcome::Done);
    let sinks = [("a", refusing), ("reports", reports)];
    room.works(&Room::watch(), &sinks, 5).await;
    assert_eq!(
        room.count(EventType::MailReceived, DeliveryState::Dead)
            .await,
        1
    );
    let kind = EventType::DeliveryDeadLettered;
    assert_eq!(room.count(kind, DeliveryState::Done).await, 1);
    assert_eq!(
        room.count(kind, DeliveryState::Dead).await,
        0,
        "nobody tells himself"
    );
}

#[tokio::test(start_paused = true)]
async fn a_dead_letter_that_a_person_retries_in_vain_is_told_again() {
    let room = Room::new();
    room.server.receive(1, 10);
    let refusing = Fickle::answering(Outcome::Refused { reason: no() });
    let reports = Fickle::answering(Outcome::Done);
    let sinks = [("a", refusing), ("reports", reports)];
    room.works(&Room::watch(), &sinks, 5).await;
    let dead = DeliveryFilter {
        state: Some(DeliveryState::Dead),
        limit: 9,
        ..DeliveryFilter::default()
    };
    let dead = room.storage.list(&dead).await.expect("it answers");
    let (dead, now) = ([dead[0].id], room.all.clock.now());
    let retried = room.storage.retry(&dead, now).await;
    assert_eq!(retried.expect("it answers"), 1);
    room.works(&Room::watch(), &sinks, 5).await;
    let told = room.count(EventType::DeliveryDeadLettered, DeliveryState::Done);
    assert_eq!(told.await, 2);
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_is_gone_is_switched_off_and_works_again_when_it_is_back() {
    let room = Room::new();
    for number in 1..=40 {
        room.server.receive(number, 10);
    }
    let gone = Fickle::answering(Outcome::SinkGone { reason: no() });
    let reports = Fickle::answering(Outcome::Done);
    let sinks = [("a", gone.clone()), ("reports", reports)];
    let told = async {
        room.all.clock.sleep(Duration::from_mins(2_000)).await;
        let state = room.all.board.sinks().remove(0).state;
        assert!(matches!(state, SinkState::SwitchedOff { .. }), "{state:?}");
        assert_eq!(
            room.count(EventType::MailReceived, DeliveryState::Pending)
                .await,
            40
        );
        gone.answers(Outcome::Done);
    };
    let watch = Room::watch();
    tokio::join!(room.works(&watch, &sinks, 2_011), told);
    assert_eq!(
        room.count(EventType::SinkSwitchedOff, DeliveryState::Done)
            .await,
        1
    );
    assert_eq!(
        room.count(EventType::MailReceived, DeliveryState::Done)
            .await,
        40
    );
    assert_eq!(room.all.board.sinks().remove(0).state, SinkState::Working);
}

#[tokio::test(start_paused = true)]
async fn a_person_who_asks_opens_a_sink_that_was_switched_off() {
    let room = Room::new();
    for number in 1..=40 {
        room.server.receive(number, 10);
    }
    let gone = Fickle::answering(Outcome::SinkGone { reason: no() });
    let told = async {
        room.all.clock.sleep(Duration::from_mins(32)).await;
        gone.answers(Outcome::Done);
        room.all.bell.ring();
        room.all.clock.sleep(Duration::from_secs(5)).await;
        let kind = EventType::MailReceived;
        assert_eq!(
            room.count(kind, DeliveryState::Done).await,
            0,
            "no person asked"
        );
        room.all.bell.urge();
        room.all.clock.sleep(Duration::from_secs(5)).await;
        assert_eq!(room.count(kind, DeliveryState::Done).await, 40);
    };
    let (watch, sinks) = (Room::watch(), [("a", gone.clone())]);
    tokio::join!(room.works(&watch, &sinks, 33), told);
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_back_stops_neither_deliveries_nor_the_watch_for_silence() {
    let room = Room::new();
    room.server.receive(1, 10);
    let fickle = Fickle::answering(Outcome::Retry {
        reason: no(),
        after: Some(Duration::from_mins(50)),
    });
    let told = async {
        room.all.clock.sleep(Duration::from_mins(10)).await;
        room.all.clock.set_by(SignedDuration::from_hours(-5_000));
        room.server.hide_folder();
        room.all.clock.sleep(Duration::from_mins(20)).await;
        let status = room.status();
        assert!(status.stalled_since.is_some(), "{status:?}");
        assert!(status.proven_at < Some(room.all.clock.now()));
        fickle.answers(Outcome::Done);
        room.all.clock.sleep(Duration::from_mins(65)).await;
        let done = room.count(EventType::MailReceived, DeliveryState::Done);
        assert_eq!(done.await, 1, "it does not wait for the other clock");
    };
    let (watch, sinks) = (Room::watch(), [("a", fickle.clone())]);
    tokio::join!(room.works(&watch, &sinks, 100), told);
}

#[tokio::test(start_paused = true)]
async fn a_storage_that_was_locked_keeps_no_claim_of_a_former_process() {
    let room = Room::new().with_lock();
    room.server.receive(1, 10);
    room.works(&Room::watch(), &[], 1).await;
    let now = room.all.clock.now();
    let died = room.storage.claim_due(&sink("a"), now, now + HOUR, 1).await;
    assert_eq!(died.expect("it answers").len(), 1);
    room.trouble.lock(Lock::Shut);
    let unlocked = async {
        room.all.clock.sleep(Duration::from_secs(20)).await;
        room.trouble.lock(Lock::Open);
        room.all.clock.sleep(Duration::from_secs(5)).await;
        let done = room.count(EventType::MailReceived, DeliveryState::Done);
        assert_eq!(done.await, 1, "it does not wait for the end of the claim");
    };
    let (watch, sinks) = (Room::watch(), [("a", Fickle::answering(Outcome::Done))]);
    tokio::join!(room.works(&watch, &sinks, 1), unlocked);
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_back_while_the_storage_is_locked_stops_no_delivery() {
    let room = Room::new().with_lock();
    room.server.receive(1, 10);
    let fickle = Fickle::answering(Outcome::Retry {
        reason: no(),
        after: None,
    });
    let told = async {
        room.all.clock.sleep(Duration::from_secs(30)).await;
        fickle.answers(Outcome::Done);
        room.trouble.lock(Lock::Shut);
        room.all.clock.set_by(SignedDuration::from_hours(-5_000));
        room.all.clock.sleep(Duration::from_mins(10)).await;
        room.trouble.lock(Lock::Open);
        room.all.clock.sleep(Duration::from_secs(5)).await;
        let done = room.count(EventType::MailReceived, DeliveryState::Done);
        assert_eq!(done.await, 1, "it does not wait for the other clock");
    };
    let (watch, sinks) = (Room::watch(), [("a", fickle.clone())]);
    tokio::join!(room.works(&watch, &sinks, 12), told);
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_was_removed_neither_pauses_the_watch_nor_holds_back_what_follows() {
    let room = Room::new();
    for number in 1..=3 {
        room.server.receive(number, 10);
    }
    let mut watch = Room::watch();
    watch.post_action = Some(PostAction::MarkRead);
    watch.watermarks.deliveries = Marks { high: 1, low: 1 };
    watch.sinks.push(sink("removed"));
    let sinks = [("a", Fickle::answering(Outcome::Done))];
    room.works(&watch, &sinks, 10).await;
    let read = || {
        let present = room.server.present().into_iter();
        let read = present.filter(|(_, flags)| flags.contains(&Flag::Seen));
        read.count()
    };
    assert_eq!(read(), 0, "one of its sinks has none of them");
    room.server.receive(4, 10);
    watch.sinks.truncate(1);
    room.works(&watch, &sinks, 10).await;
    assert_eq!(read(), 4);
    let left = room.count(EventType::MailReceived, DeliveryState::Pending);
    assert_eq!(left.await, 3, "nobody gave them up");
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_forward_makes_nobody_forget_what_is_young() {
    let room = Room::new();
    room.server.receive(1, 10);
    let retention = Duration::from_hours(24);
    let sweeper = room.all.sweeper(retention, room.all.unproven().await);
    let told = async {
        room.all.clock.sleep(Duration::from_mins(30)).await;
        room.all.clock.set_by(SignedDuration::from_hours(9_000));
        let done = async || {
            room.count(EventType::MailReceived, DeliveryState::Done)
                .await
        };
        room.all.clock.sleep(Duration::from_hours(23)).await;
        assert_eq!(done().await, 1, "it is half a day old");
        room.all.clock.sleep(Duration::from_hours(2)).await;
        assert_eq!(done().await, 0, "it is old by both clocks");
    };
    let sinks = [("a", Fickle::answering(Outcome::Done))];
    let watch = Room::watch();
    let sweeping = Box::pin(sweeper.run(Stop::never()));
    let sweeping = room.all.clock.within(Duration::from_hours(26), sweeping);
    let (.., over) = tokio::join!(room.works(&watch, &sinks, 26 * 60), told, sweeping);
    over.expect_err("nobody ends before he is told to");
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_ahead_at_the_start_makes_nobody_forget_what_is_young() {
    let room = Room::new();
    room.server.receive(1, 10);
    let sinks = [("a", Fickle::answering(Outcome::Done))];
    room.works(&Room::watch(), &sinks, 10).await;
    room.all.clock.set_by(SignedDuration::from_hours(9_000));
    let unproven = room.all.unproven().await;
    // The watch proves to be alive before anything is swept.
    room.works(&Room::watch(), &sinks, 10).await;
    let done = async || {
        room.count(EventType::MailReceived, DeliveryState::Done)
            .await
    };
    let told = async {
        room.all.clock.sleep(2 * HOUR).await;
        room.server.receive(2, 10);
        room.all.clock.sleep(21 * HOUR).await;
        assert_eq!(done().await, 2, "neither is a day old");
        room.all.clock.sleep(2 * HOUR).await;
        assert_eq!(done().await, 1, "a day has passed since the start");
        room.all.clock.sleep(2 * HOUR).await;
        assert_eq!(done().await, 0, "the other lived through no pause");
    };
    let sweeping = Box::pin(room.all.sweeper(24 * HOUR, unproven).run(Stop::never()));
    let sweeping = room.all.clock.within(28 * HOUR, sweeping);
    let watch = Room::watch();
    let (.., over) = tokio::join!(room.works(&watch, &sinks, 28 * 60), told, sweeping);
    over.expect_err("nobody ends before he is told to");
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_was_ahead_at_the_start_and_is_put_right_makes_nobody_keep_what_is_old() {
    let room = Room::new();
    room.server.receive(1, 10);
    let sinks = [("a", Fickle::answering(Outcome::Done))];
    room.works(&Room::watch(), &sinks, 10).await;
    room.all.clock.set_by(SignedDuration::from_hours(9_000));
    let unproven = room.all.unproven().await;
    let done = async || {
        room.count(EventType::MailReceived, DeliveryState::Done)
            .await
    };
    let told = async {
        room.all.clock.sleep(HOUR).await;
        room.all.clock.set_by(SignedDuration::from_hours(-9_000));
        room.all.clock.sleep(22 * HOUR).await;
        assert_eq!(done().await, 1, "it is less than a day old");
        room.all.clock.sleep(2 * HOUR).await;
        assert_eq!(done().await, 0, "it is old by the clock that is right now");
    };
    let sweeping = Box::pin(room.all.sweeper(24 * HOUR, unproven).run(Stop::never()));
    let sweeping = room.all.clock.within(26 * HOUR, sweeping);
    let (.., over) = tokio::join!(told, sweeping);
    over.expect_err("nobody ends before he is told to");
}

#[tokio::test(start_paused = true)]
async fn who_cannot_read_what_was_proved_forgets_nothing_for_a_whole_retention() {
    let room = Room::new().with_lock();
    room.server.receive(1, 10);
    let sinks = [("a", Fickle::answering(Outcome::Done))];
    let watch = Room::watch();
    room.works(&watch, &sinks, 10).await;
    room.all.clock.set_by(SignedDuration::from_hours(9_000));
    room.trouble.lock(Lock::Shut);
    let unproven = room.all.unproven().await;
    room.trouble.lock(Lock::Open);
    assert_eq!(unproven, Unproven::Unknown);
    let done = async || {
        room.count(EventType::MailReceived, DeliveryState::Done)
            .await
    };
    let told = async {
        room.all.clock.sleep(23 * HOUR).await;
        assert_eq!(done().await, 1, "it is less than a day old");
        room.all.clock.sleep(2 * HOUR).await;
        assert_eq!(done().await, 0, "a day has passed since the start");
    };
    let sweeping = Box::pin(room.all.sweeper(24 * HOUR, unproven).run(Stop::never()));
    let sweeping = room.all.clock.within(26 * HOUR, sweeping);
    let (.., over) = tokio::join!(room.works(&watch, &sinks, 26 * 60), told, sweeping);
    over.expect_err("nobody ends before he is told to");
}

#[tokio::test(start_paused = true)]
async fn an_attempt_ends_within_its_claim_however_long_that_took_to_make() {
    let room = Room::new().with_lock();
    room.server.receive(1, 10);
    room.works(&Room::watch(), &[], 1).await;
    room.trouble.lock(Lock::Contended);
    let told = async {
        room.all.clock.sleep(Duration::from_mins(1)).await;
        let until = room.storage.next_due(&sink("a")).await;
        let until = until.expect("it answers").expect("it is claimed");
        let kind = EventType::MailReceived;
        assert_eq!(room.count(kind, DeliveryState::Claimed).await, 1);
        room.all.clock.sleep_until(until).await;
        let given_up = room.count(kind, DeliveryState::Pending);
        assert_eq!(given_up.await, 1, "nobody else may have it before");
    };
    let endless = Slow::taking(HOUR, &room.all.clock);
    tokio::join!(room.delivers(endless, Duration::from_mins(10)), told);
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_the_sink_could_not_end_in_time_does_not_begin() {
    let room = Room::new().with_lock();
    room.server.receive(1, 10);
    room.works(&Room::watch(), &[], 1).await;
    room.trouble.lock(Lock::Contended);
    let kind = EventType::MailReceived;
    let told = async {
        // The claim is being made.
        room.all.clock.sleep(2 * CONTENTION + SECOND).await;
        room.all.clock.set_by(SignedDuration::from_secs(40));
        room.all.clock.sleep(CONTENTION).await;
        assert_eq!(room.count(kind, DeliveryState::Claimed).await, 1);
        room.trouble.lock(Lock::Open);
        room.all.clock.sleep(CONTENTION + 2 * MINUTE).await;
        let filter = DeliveryFilter {
            limit: 1,
            ..DeliveryFilter::default()
        };
        let all = room.storage.list(&filter).await.expect("it answers");
        let delivery = &all[0];
        let ended = (delivery.state, delivery.attempts, delivery.reason.clone());
        assert_eq!(ended, (DeliveryState::Done, 1, None));
    };
    // Less than the sink may take, and more than the claim leaves.
    let slow = Slow::taking(Duration::from_secs(110), &room.all.clock);
    tokio::join!(room.delivers(slow, Duration::from_mins(4)), told);
}

#[tokio::test(start_paused = true)]
async fn a_claim_of_a_clock_that_was_ahead_is_taken_back_once_nothing_is_under_way() {
    let room = Room::new();
    room.server.receive(1, 10);
    room.server.receive(2, 10);
    room.works(&Room::watch(), &[], 1).await;
    let told = async {
        room.all.clock.sleep(Duration::from_secs(1)).await;
        let now = room.all.clock.now();
        let lost = room.storage.claim_due(&sink("a"), now, now + HOUR, 9).await;
        assert_eq!(lost.expect("it answers").len(), 1, "the other is under way");
        room.all.clock.set_by(SignedDuration::from_hours(-5_000));
        room.all.clock.sleep(Duration::from_mins(3)).await;
        let done = room.count(EventType::MailReceived, DeliveryState::Done);
        assert_eq!(done.await, 2);
    };
    // Longer than anybody waits before he looks at the clock again.
    let slow = Slow::taking(Duration::from_secs(50), &room.all.clock);
    tokio::join!(room.delivers(slow, Duration::from_mins(4)), told);
}

#[tokio::test(start_paused = true)]
async fn a_claim_of_a_clock_that_was_ahead_is_taken_back_from_a_sink_that_is_always_busy_too() {
    let room = Room::new();
    for number in 1..=60 {
        room.server.receive(number, 10);
    }
    room.works(&Room::watch(), &[], 1).await;
    let told = async {
        room.all.clock.sleep(SECOND).await;
        let now = room.all.clock.now();
        let lost = room.storage.claim_due(&sink("a"), now, now + HOUR, 1).await;
        let lost = lost.expect("it answers")[0].lease.delivery;
        room.all.clock.set_by(SignedDuration::from_hours(-5_000));
        let attempts = async || {
            let lost = room.storage.show(lost).await.expect("it answers");
            lost.expect("it is there").attempts
        };
        room.all.clock.sleep(Duration::from_mins(4)).await;
        assert_eq!(attempts().await, 2, "it is attempted after it was lost");
    };
    let busy = Slow::never_idle(Duration::from_secs(20), &room.all.clock);
    let route = Route {
        concurrency: NonZeroUsize::new(2).expect("not zero"),
        ..Route::to(sink("a"))
    };
    let courier = room.all.courier(route, busy).run(Stop::never());
    let courier = Box::pin(courier);
    let time = Duration::from_mins(5);
    let (over, ()) = tokio::join!(room.all.clock.within(time, courier), told);
    over.expect_err("nobody ends before he is told to");
}

#[tokio::test(start_paused = true)]
async fn what_is_under_way_at_the_stop_is_settled() {
    let room = Room::new();
    room.server.receive(1, 10);
    let tasks = gatepost_host::Tasks::new();
    let door = Arc::new(room.door.clone());
    let listener = room.all.listener(Room::watch(), door);
    tasks.start("listener", listener.run(tasks.stop()));
    let slow = Slow::taking(Duration::from_secs(8), &room.all.clock);
    let courier = room.all.courier(Route::to(sink("a")), slow);
    tasks.start("courier", courier.run(tasks.stop()));
    room.all.clock.sleep(Duration::from_secs(3)).await;
    let kind = EventType::MailReceived;
    assert_eq!(room.count(kind, DeliveryState::Claimed).await, 1);
    tasks.end().await;
    assert_eq!(room.count(kind, DeliveryState::Done).await, 1);
    assert_eq!(room.status().state, WatchState::Stopped);
}

/// A sink that takes its time.
#[derive(Debug)]
struct Slow {
    takes: Duration,
    clock: Clock,
    /// Whether the next delivery takes half of it.
    hurries: AtomicBool,
}

impl Slow {
    fn taking(takes: Duration, clock: &Clock) -> Arc<Self> {
        Arc::new(Self {
            takes,
            clock: clock.clone(),
            hurries: AtomicBool::new(false),
        })
    }

    /// Of two deliveries at the same time, one always ends while the other is under way.
    fn never_idle(takes: Duration, clock: &Clock) -> Arc<Self> {
        Arc::new(Self {
            takes,
            clock: clock.clone(),
            hurries: AtomicBool::new(true),
        })
    }
}

#[async_trait]
impl Sink for Slow {
    async fn deliver(&self, _: Handover<'_>) -> Outcome {
        let hurries = self.hurries.swap(false, Ordering::Relaxed);
        let takes = if hurries { self.takes / 2 } else { self.takes };
        self.clock.sleep(takes).await;
        Outcome::Done
    }

    async fn probe(&self) -> Outcome {
        Outcome::Done
    }
}
