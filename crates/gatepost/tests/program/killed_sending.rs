//! Whoever is killed while messages are handed over and sent, none is lost, and every second copy is
//! told.
//!
//! Several daemons, each with a sandbox of its own, are killed at random moments while messages are
//! handed over. The servers drop connections before, in and behind messages; and in each life one
//! `gatepost send` is killed as well. Sent Items cannot be looked into by POP3, so the policy decides
//! what is sent again.
//!
//! `GATEPOST_KILLS` says how many kills, with ten messages for each: `cargo xtask crash` does 200.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::Duration;

use gatepost::config::{self, Config};
use gatepost::sending::{self, is_served};
use gatepost_host::{Chance, Clock, environment};
use gatepost_mailroom::outbox::Wishes;
use serde_json::Value;

use crate::sending::sending as stand_that_sends;
use crate::stand::{SUPPORT, Stand};

#[test]
fn killed_at_any_moment_nothing_is_lost_and_every_second_copy_is_told() {
    let seed = seed();
    let kills = environment::text("GATEPOST_KILLS").and_then(|kills| kills.parse().ok());
    let lives = kills.unwrap_or(KILLS).div_ceil(POSTS);
    let clock = Clock::system();
    let begun = clock.now();
    let tallies = std::thread::scope(|threads| {
        let posts = (0..POSTS).map(|number| {
            threads.spawn(move || {
                let chance = Chance::seeded(seed.wrapping_add(number as u64));
                let post = Post::new(lives, chance);
                let handed = post.live_through_kills();
                post.finish();
                post.assert_told(&handed)
            })
        });
        let posts: Vec<_> = posts.collect();
        let ended = posts.into_iter().map(std::thread::ScopedJoinHandle::join);
        ended.collect::<Result<Vec<Tally>, _>>()
    });
    let tallies = tallies.unwrap_or_else(|failed| std::panic::resume_unwind(failed));
    let sum = |of: fn(&Tally) -> usize| tallies.iter().map(of).sum::<usize>();
    say(&format!(
        "{} kills in {} seconds: {} messages were accepted, {} of those whose sender was killed \
         arrived, {} copies were too many, and {} times it was told that there may be one",
        lives * POSTS,
        clock.now().duration_since(begun).as_secs(),
        sum(|one| one.accepted),
        sum(|one| one.unanswered),
        sum(|one| one.too_many),
        sum(|one| one.told),
    ));
}

/// What came of the messages of one daemon.
#[derive(Debug, Default)]
struct Tally {
    /// Of these somebody was told that they were accepted.
    accepted: usize,
    /// These arrived although who handed them over was killed before the answer.
    unanswered: usize,
    /// Copies beside the first of each.
    too_many: usize,
    /// How often it was told that another copy may arrive.
    told: usize,
}

/// One daemon with its sandbox.
struct Post {
    stand: Stand,
    config: Config,
    chance: Chance,
    /// How often it is killed.
    lives: usize,
}

/// What was handed over, by its subject.
type Handed = BTreeMap<String, Answer>;

/// Whether somebody was told that a message was accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    Accepted,
    /// Who handed it over was killed before.
    None,
}

impl Post {
    fn new(lives: usize, chance: Chance) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let stand = Stand::with_sandbox_in(folder, &["--empty", "--unlimited"]);
        let rest = "[sink.log]\nkind = \"stream\"\nfile = \"events.ndjson\"\n\n[events]\nsinks = [\"log\"]\n\n\
                    [outbox]\nunknown = \"resend\"\nmessages_per_minute = 100000\n";
        let stand = stand_that_sends(stand, "read = \"pop3\"\nsend = \"smtp\"", rest);
        let config = config::load(&stand.path("gatepost.toml")).expect("a good configuration");
        Self {
            stand,
            config,
            chance,
            lives,
        }
    }

    fn live_through_kills(&self) -> Handed {
        let mut handed = Handed::new();
        for life in 0..self.lives {
            let serve = self.stand.serve();
            let fault = FAULTS[usize::try_from(self.chance.below(4)).expect("a small number")];
            self.stand.fault(&format!("{fault},times=2"));
            for number in 0..BATCH {
                let subject = format!("life {life} number {number}");
                hand_over(&self.config, &subject);
                // Nobody listens if the daemon ended by itself.
                let served = is_served(&self.config, false);
                assert!(served.is_ok_and(|served| served), "{}", self.stand.log());
                handed.insert(subject, Answer::Accepted);
            }
            let subject = format!("life {life} killed");
            let answer = self.hand_over_and_kill(&subject);
            handed.insert(subject, answer);
            pause(self.chance.up_to(LONGEST_LIFE));
            drop(serve);
        }
        let answered = handed.values().filter(|one| **one == Answer::Accepted);
        assert!(answered.count() >= self.lives * BATCH);
        handed
    }

    /// Starts the program that hands a message over, and kills it at any moment.
    fn hand_over_and_kill(&self, subject: &str) -> Answer {
        let mut command = self.stand.command();
        command
            .args(["send", "--to", SUPPORT, "--text", "x", "--subject", subject])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut send = command.spawn().expect("the program starts");
        pause(self.chance.up_to(LONGEST_SEND));
        // It may have ended.
        let _ = send.kill();
        let output = send.wait_with_output().expect("our own process");
        let said = String::from_utf8_lossy(&output.stdout);
        if said.contains("accepted ") || said.contains("sent ") {
            return Answer::Accepted;
        }
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{complaint}");
        assert_eq!(output.status.code(), None, "it was killed: {complaint}");
        Answer::None
    }

    /// Runs it until it is decided of every message, and told.
    fn finish(&self) {
        let serve = self.stand.serve();
        let most = (self.lives * (BATCH + 1)).to_string();
        let undecided = || {
            let listed = self.stand.listed(&["outbox", "list", "--top", &most]);
            listed.iter().filter(|one| one["state"] != "sent").count()
        };
        // What was told of the last of them may be on its way to the sink yet.
        let untold = || {
            let of = |state| {
                self.stand
                    .listed(&["deliveries", "list", "--state", state])
                    .len()
            };
            of("pending") + of("claimed")
        };
        let mut looks = (0..LOOKS).inspect(|_| pause(LOOK));
        let is_over = looks.any(|_| undecided() == 0 && untold() == 0);
        assert!(
            is_over,
            "{} are undecided, {} events on their way\n{}",
            undecided(),
            untold(),
            self.stand.log()
        );
        assert_eq!(serve.stop(), 0, "{}", self.stand.log());
    }

    fn assert_told(&self, handed: &Handed) -> Tally {
        let mut tally = Tally::default();
        let resent = self.resent();
        let arrived = self.arrived();
        for (subject, answer) in handed {
            let copies = arrived.get(subject).copied().unwrap_or(0);
            let told = resent.get(subject).copied().unwrap_or(0);
            let least = usize::from(*answer == Answer::Accepted);
            assert!(
                (least..=1 + told).contains(&copies),
                "{subject}: {copies} copies, {told} told, {answer:?}"
            );
            tally.accepted += least;
            tally.unanswered += usize::from(least == 0 && copies > 0);
            tally.too_many += copies.saturating_sub(1);
            tally.told += told;
        }
        let unknown = arrived
            .keys()
            .find(|subject| !handed.contains_key(*subject));
        assert_eq!(unknown, None, "nobody handed it over");
        tally
    }

    /// How often it was told of each subject that it is sent again though nobody knows.
    fn resent(&self) -> BTreeMap<String, usize> {
        let log = std::fs::read_to_string(self.stand.path("events.ndjson"));
        let mut ids = BTreeMap::new();
        for line in log.expect("the sink was told").lines() {
            let event: Value = serde_json::from_str(line).expect("a line of JSON");
            if event["type"] == "send.unknown" && event["data"]["then"] == "resend" {
                let subject = event["data"]["subject"].as_str().expect("it has one");
                // The same event may be delivered twice.
                ids.insert(event["id"].to_string(), subject.to_owned());
            }
        }
        let mut resent = BTreeMap::new();
        for subject in ids.into_values() {
            *resent.entry(subject).or_default() += 1;
        }
        resent
    }

    /// How often each subject arrived.
    fn arrived(&self) -> BTreeMap<String, usize> {
        let mut arrived = BTreeMap::new();
        let most = (4 * self.lives * (BATCH + 1)).to_string();
        for message in self.stand.listed(&["messages", SUPPORT, "--top", &most]) {
            let subject = message["envelope"]["subject"].as_str().unwrap_or_default();
            *arrived.entry(subject.to_owned()).or_default() += 1;
        }
        arrived
    }
}

/// Does what `gatepost send` does, without the time that a process takes.
pub(crate) fn hand_over(config: &Config, subject: &str) {
    let wishes = Wishes {
        mailbox: SUPPORT.to_owned(),
        recipients_in_header: true,
        from: Some(SUPPORT.to_owned()),
        ..Wishes::default()
    };
    let text = format!("To: {SUPPORT}\nSubject: {subject}\n\nx\n");
    let accepted = sending::hand_over(config.clone(), wishes, async |preparation| {
        preparation.write(text.as_bytes()).await.map(drop)
    });
    accepted.unwrap_or_else(|failure| panic!("{failure:?}"));
}

/// The seed that is asked for, or a new one, which is said for the next time.
fn seed() -> u64 {
    let wanted = environment::text("GATEPOST_SEED").and_then(|seed| seed.parse().ok());
    let seed = wanted.unwrap_or_else(|| Chance::system().number());
    say(&format!("GATEPOST_SEED={seed}"));
    seed
}

#[expect(
    clippy::print_stderr,
    reason = "a failure is repeated with its seed, and a run is known by its figures"
)]
pub(crate) fn say(line: &str) {
    eprintln!("{line}");
}

#[expect(
    clippy::disallowed_methods,
    reason = "nothing is taken to have happened by then"
)]
pub(crate) fn pause(time: Duration) {
    std::thread::sleep(time);
}

const FAULTS: [&str; 4] = [
    "drop-before-data",
    "drop-in-data",
    "drop-unsent",
    "drop-answer",
];
const POSTS: usize = 4;
/// Kills of all daemons.
const KILLS: usize = 40;
/// Messages that are handed over in one life, besides the one whose sender is killed.
const BATCH: usize = 10;
const LONGEST_LIFE: Duration = Duration::from_millis(500);
/// About as long as the program takes to hand a message over.
const LONGEST_SEND: Duration = Duration::from_millis(400);
const LOOK: Duration = Duration::from_millis(500);
const LOOKS: u32 = 400;
