//! `gatepost serve` is killed again and again while mail arrives, and no message is lost.
//!
//! Several daemons, each with its mailbox and state folder, are killed at 200 random moments in
//! all, while 2,000 messages arrive in a real Dovecot, a program refuses some of them at first, and
//! the Maildir is out of reach now and then. Two lives in five have filed something before they are
//! killed, another one has failed to, and none ends by itself. Afterwards every message has reached
//! every sink, under one event id, and at no time was a cursor ahead of its events.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use gatepost_host::{Chance, Clock, environment};
use gatepost_mailroom::{Cursors, Deliveries, DeliveryFilter, DeliveryState};
use gatepost_peers::{Dovecot, IdentityEndpoint, Program, Running};
use gatepost_store::{Access, KeySource, Opening, StateFolder, Store};
use tokio::runtime::Runtime;

#[test]
fn killed_at_any_moment_it_loses_no_message() {
    let seed = seed();
    let identity = IdentityEndpoint::start().expect("an identity endpoint");
    let dovecot = Dovecot::start(&identity).expect("a Dovecot");
    std::thread::scope(|threads| {
        for number in 0..DAEMONS {
            let (identity, dovecot) = (&identity, &dovecot);
            threads.spawn(move || {
                let chance = Chance::seeded(seed.wrapping_add(number));
                let daemon = Daemon::new(identity, dovecot, (number, chance));
                daemon.live_through_kills();
                daemon.finish();
                daemon.assert_all_arrived();
            });
        }
    });
}

/// What happens in a life before it is ended.
#[derive(Debug, Clone, Copy)]
enum Life {
    /// Mail arrives, and the end comes at any time, be it before the program has begun.
    OfAnyLength,
    /// Something was filed.
    ThatFiles,
    /// The Maildir is away, and that was noticed.
    ThatCannotFile,
}

impl Life {
    /// One after another, again and again.
    const LIKE: [Self; 5] = [
        Self::ThatFiles,
        Self::OfAnyLength,
        Self::ThatCannotFile,
        Self::ThatFiles,
        Self::OfAnyLength,
    ];
}

/// One daemon with its mailbox.
struct Daemon<'a> {
    dovecot: &'a Dovecot,
    program: Program,
    mailbox: String,
    chance: Chance,
    runtime: Runtime,
}

impl<'a> Daemon<'a> {
    fn new(
        identity: &IdentityEndpoint,
        dovecot: &'a Dovecot,
        (number, chance): (u64, Chance),
    ) -> Self {
        let mailbox = format!("reader{number}@contoso.com");
        let program = Program::new(identity, dovecot, &configuration(&mailbox));
        let program = program.expect("the program is built");
        let folder = program.folder();
        fs::write(folder.join("take.sh"), PROGRAM).expect("a writable folder");
        fs::create_dir(folder.join("tried")).expect("a writable folder");
        Self {
            dovecot,
            program,
            mailbox,
            chance,
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime"),
        }
    }

    fn live_through_kills(&self) {
        for number in 0..LIVES {
            let messages = number * BATCH..(number + 1) * BATCH;
            let served = self.logged(SERVES);
            let mut running = self.start();
            match Life::LIKE[number as usize % Life::LIKE.len()] {
                Life::OfAnyLength => self.receive(messages),
                Life::ThatFiles => {
                    let filed = self.filed().len();
                    self.receive(messages);
                    self.until("it files something", || self.filed().len() > filed);
                }
                Life::ThatCannotFile => {
                    // By then it has the Maildir, and makes none in its place.
                    self.until("it serves", || self.logged(SERVES) > served);
                    let failures = self.logged(FAILS_TO_FILE);
                    let [place, aside] = self.places_of_the_maildir();
                    fs::rename(&place, &aside).expect("our own folder");
                    self.receive(messages);
                    self.until("it fails to file", || self.logged(FAILS_TO_FILE) > failures);
                    fs::rename(&aside, &place).expect("our own folder");
                }
            }
            assert!(
                running.is_alive(),
                "it ended by itself\n{}",
                self.program.log()
            );
            running.kill();
            self.assert_cursor_is_not_ahead();
        }
    }

    /// Where messages are filed, and where that folder is meanwhile.
    fn places_of_the_maildir(&self) -> [PathBuf; 2] {
        ["Mail/new", "Mail/aside"].map(|name| self.program.folder().join(name))
    }

    /// How many lines with all of these words there are in the log of all lives so far.
    fn logged(&self, words: [&str; 2]) -> usize {
        let log = self.program.log();
        let has_all = |line: &&str| words.iter().all(|word| line.contains(word));
        log.lines().filter(has_all).count()
    }

    /// Waits until something has come to be.
    fn until(&self, what: &str, is_so: impl Fn() -> bool) {
        let mut looks = (0..LOOKS).inspect(|_| pause(LOOK));
        assert!(looks.any(|_| is_so()), "{what}\n{}", self.program.log());
    }

    fn start(&self) -> Running {
        self.program.start(&["serve"]).expect("the program starts")
    }

    /// Delivers messages, evenly over a random time.
    fn receive(&self, numbers: std::ops::Range<u32>) {
        let life = self.chance.up_to(LONGEST_LIFE);
        for number in numbers {
            let message = message(number);
            let delivered = self
                .dovecot
                .deliver(&self.mailbox, "INBOX", message.as_bytes());
            delivered.expect("Dovecot takes mail");
            pause(life / BATCH);
        }
    }

    /// Runs it until everything has arrived.
    fn finish(&self) {
        self.retry_at_once();
        let running = self.start();
        let complete = |_| {
            let (filed, taken) = (self.filed().len(), self.taken().len());
            filed == MESSAGES as usize && taken == MESSAGES as usize
        };
        let mut looks = (0..LOOKS).inspect(|_| pause(LOOK));
        assert!(
            looks.any(complete),
            "{} of {MESSAGES} were filed, {} taken\n{}",
            self.filed().len(),
            self.taken().len(),
            self.program.log()
        );
        assert!(running.stop(), "it ends well\n{}", self.program.log());
    }

    fn assert_all_arrived(&self) {
        let mut events = BTreeMap::new();
        for (event, message) in self.filed() {
            let other = events.insert(message.clone(), event);
            assert_eq!(other, None, "{message} was filed under two names");
        }
        let wanted: Vec<String> = (0..MESSAGES).map(message_id).collect();
        let wanted: BTreeSet<&String> = wanted.iter().collect();
        assert!(events.keys().eq(wanted), "other messages were filed");
        for (message, taken) in self.taken() {
            let one: Vec<_> = taken.iter().collect();
            assert_eq!(one, [&events[&message]], "{message} had several events");
        }
        self.assert_cursor_is_not_ahead();
        let listed = self.with_store(async |store| {
            let filter = DeliveryFilter {
                limit: usize::MAX,
                ..DeliveryFilter::default()
            };
            Deliveries::list(store, &filter).await.expect("a store")
        });
        assert_eq!(listed.len(), 2 * MESSAGES as usize, "two sinks");
        let is_done = |state| matches!(state, DeliveryState::Done);
        assert!(listed.iter().all(|delivery| is_done(delivery.state)));
    }

    /// The UIDs of a mailbox that nobody else uses have no gap: the first UID that was not seen
    /// says how many events there must be.
    fn assert_cursor_is_not_ahead(&self) {
        let standings = self.with_store(async |store| store.standings().await.expect("a store"));
        for (watch, standing) in standings {
            let cursor: serde_json::Value =
                serde_json::from_str(&standing.cursor.state).expect("the cursor is JSON");
            let next = cursor["next"].as_u64().expect("it says the next UID");
            assert_eq!(next, standing.sequence + 1, "the cursor of {watch}");
        }
    }

    /// What failed shortly before a kill would wait for minutes.
    fn retry_at_once(&self) {
        self.with_store(async |store| {
            let filter = DeliveryFilter {
                state: Some(DeliveryState::Pending),
                limit: usize::MAX,
                ..DeliveryFilter::default()
            };
            let pending = Deliveries::list(store, &filter).await.expect("a store");
            let ids: Vec<i64> = pending.iter().map(|delivery| delivery.id).collect();
            let now = Clock::system().now();
            store.retry(&ids, now).await.expect("a store");
        });
    }

    fn with_store<T>(&self, work: impl AsyncFnOnce(&Store) -> T) -> T {
        self.runtime.block_on(async {
            let opening = Opening {
                folder: StateFolder::new(self.program.folder().join("state")),
                key: KeySource::StateFolder,
                access: Access::Beside,
                clock: &Clock::system(),
                chance: &Chance::system(),
            };
            let store = Store::open(opening).await.expect("it always opens");
            let worked = work(&store).await;
            store.close().await;
            worked
        })
    }

    /// The event and the Message-ID of every file in the Maildir.
    fn filed(&self) -> Vec<(String, String)> {
        let folder = self.program.folder().join("Mail/new");
        let files = fs::read_dir(folder).into_iter().flatten();
        files
            .map(|file| {
                let path = file.expect("an entry").path();
                (event_in(&path), first_line(&path))
            })
            .collect()
    }

    /// The events of every message that the program took.
    fn taken(&self) -> BTreeMap<String, BTreeSet<String>> {
        let taken = fs::read_to_string(self.program.folder().join("taken")).unwrap_or_default();
        let mut messages: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for line in taken.lines() {
            // Killed while it wrote the message to the program, Gatepost tries again.
            let Some((event, message)) = line.split_once(' ') else {
                continue;
            };
            if message.ends_with('>') {
                let events = messages.entry(message.to_owned()).or_default();
                events.insert(event.to_owned());
            }
        }
        messages
    }
}

fn configuration(mailbox: &str) -> String {
    format!(
        "[mailbox.\"{mailbox}\"]\nregistration = \"peers\"\ngrant = \"client_credentials\"\n\n\
         [sink.archive]\nkind = \"maildir\"\npath = \"Mail\"\n\n\
         [sink.moody]\nkind = \"command\"\nrun = [\"/bin/sh\", \"take.sh\"]\n\n\
         [[watch]]\nmailbox = \"{mailbox}\"\nfrom = \"beginning\"\nsinks = [\"archive\", \"moody\"]\n"
    )
}

fn message(number: u32) -> String {
    let id = message_id(number);
    format!("{id}\r\nFrom: Grace <grace@example.com>\r\nSubject: {number}\r\n\r\n{number}\r\n")
}

/// The first line of a message.
fn message_id(number: u32) -> String {
    format!("Message-ID: <{number}@example.com>")
}

fn first_line(path: &Path) -> String {
    let text = fs::read_to_string(path).expect("a message");
    text.lines().next().unwrap_or_default().to_owned()
}

fn event_in(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let event = name.split('.').find(|part| part.starts_with("evt_"));
    event.expect("the name has the event").to_owned()
}

#[expect(
    clippy::disallowed_methods,
    reason = "a kill comes at a random time; nothing is taken to have happened by then"
)]
fn pause(time: Duration) {
    std::thread::sleep(time);
}

/// The seed that is asked for, or a new one, which is said for the next time.
#[expect(clippy::print_stderr, reason = "a failure is repeated with this seed")]
fn seed() -> u64 {
    let wanted = environment::text("GATEPOST_SEED").and_then(|seed| seed.parse().ok());
    let seed = wanted.unwrap_or_else(|| Chance::system().number());
    eprintln!("GATEPOST_SEED={seed}");
    seed
}

/// Notes the event and the message; refuses a quarter of the events for now when it first sees
/// them. Starts no other program.
const PROGRAM: &str = r#"
read -r message
message=${message%?}
if [ ! -e "tried/$GATEPOST_EVENT_ID" ]; then
    : > "tried/$GATEPOST_EVENT_ID"
    case $GATEPOST_EVENT_ID in *[0-3]) exit 75 ;; esac
fi
echo "$GATEPOST_EVENT_ID $message" >> taken
"#;

const SERVES: [&str; 2] = ["INFO", "gatepost serves"];
const FAILS_TO_FILE: [&str; 2] = ["sink=archive", "a delivery failed"];
const DAEMONS: u64 = 4;
/// Kills of one daemon.
const LIVES: u32 = 50;
/// Messages that arrive in one life.
const BATCH: u32 = 10;
/// Messages of one daemon.
const MESSAGES: u32 = LIVES * BATCH;
const LONGEST_LIFE: Duration = Duration::from_millis(1_200);
const LOOK: Duration = Duration::from_millis(100);
const LOOKS: u32 = 1_200;
