//! Killed at any moment, the store opens again, and everything that was answered is in it.
//!
//! The test starts itself as a child that rotates a grant, signs another out and in, moves a cursor,
//! hands out deliveries and sends messages as fast as it can, says what was answered, and is killed in
//! the middle.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use gatepost_host::{Chance, environment};
use gatepost_mail::Trace;
use gatepost_mailroom::{
    Accepted, Cursors, Deliveries, DeliveryFilter, DeliveryState, Fate, Holder, LeftBy, Outbox,
    RecipientFate, Settled, Settlement, SubmissionFilter, SubmissionId, SubmissionState, Term,
};
use gatepost_oauth::{Generation, Grants};
use gatepost_store::{Access, KeySource, Store};
use secrecy::ExposeSecret as _;

use crate::samples::{
    START, advance, arrival, at, credential, grant_state, open_at, sink, submission, watch,
};

/// Five hundred kills, in four tests that run side by side.
#[tokio::test]
async fn killed_at_any_moment_it_opens_with_all_that_was_answered() {
    kill_again_and_again("killed_at_any_moment_it_opens_with_all_that_was_answered").await;
}

#[tokio::test]
async fn killed_at_any_moment_a_second_time() {
    kill_again_and_again("killed_at_any_moment_a_second_time").await;
}

#[tokio::test]
async fn killed_at_any_moment_a_third_time() {
    kill_again_and_again("killed_at_any_moment_a_third_time").await;
}

#[tokio::test]
async fn killed_at_any_moment_a_fourth_time() {
    kill_again_and_again("killed_at_any_moment_a_fourth_time").await;
}

/// The test of this name, whose child it starts.
async fn kill_again_and_again(name: &str) {
    if let Some(folder) = environment::path(CHILD) {
        work_until_killed(&folder).await;
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let chance = Chance::seeded(seed());
    let mut answered = Answered::default();
    for kill in 0..KILLS {
        let lines = 1 + chance.below(MOST_LINES);
        run_and_kill(name, (folder.path(), lines), &mut answered);
        let store = open_at(folder.path(), KeySource::StateFolder, Access::Serve).await;
        let store = store.expect("it always opens");
        assert_kept(&store, &answered).await;
        assert_messages_kept(&store, &mut answered).await;
        if kill % 20 == 0 || kill + 1 == KILLS {
            assert_consistent(&store).await;
            assert_none_forgotten(&store, &answered).await;
        }
        store.close().await;
    }
    assert!(
        answered.generation > 1
            && answered.cursor > 1
            && answered.gone > 1
            && answered.accepted > 1
            && answered.departed > 1
            && answered.sent > 1,
        "the child worked"
    );
}

/// The seed that is asked for, or a new one, which is said for the next time.
#[expect(clippy::print_stderr, reason = "a failure is repeated with this seed")]
pub(crate) fn seed() -> u64 {
    let wanted = environment::text("GATEPOST_SEED").and_then(|seed| seed.parse().ok());
    let seed = wanted.unwrap_or_else(|| Chance::system().number());
    eprintln!("GATEPOST_SEED={seed}");
    seed
}

/// What the child was told to be durable.
#[derive(Debug, Default)]
struct Answered {
    generation: u64,
    /// The generation at which somebody signed out.
    gone: u64,
    cursor: u32,
    /// The last that was answered of each message since the last kill.
    messages: BTreeMap<String, Step>,
    /// How many messages were answered to have come so far.
    accepted: usize,
    departed: usize,
    sent: usize,
}

/// What was answered of a message last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Accepted,
    Departed,
    Sent,
}

impl Answered {
    fn note(&mut self, id: &str, step: Step) {
        match step {
            Step::Accepted => self.accepted += 1,
            Step::Departed => self.departed += 1,
            Step::Sent => self.sent += 1,
        }
        self.messages.insert(id.to_owned(), step);
    }
}

/// Starts the child, reads `lines` of what it says, and kills it wherever it is by then.
fn run_and_kill(name: &str, (folder, lines): (&Path, u64), answered: &mut Answered) {
    let program = std::env::current_exe().expect("this test is a program");
    let name = format!("crash::{name}");
    let mut child = Command::new(program)
        .args(["--exact", &name, "--nocapture"])
        .env(CHILD, folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the test starts again");
    let output = child.stdout.take().expect("it is piped");
    let mut wanted = lines;
    let mut killed = false;
    // Reading goes on after the kill: what was said before it counts.
    for line in BufReader::new(output).lines() {
        let line = line.expect("text");
        match line.split_once(' ') {
            Some(("generation", number)) => answered.generation = number.parse().expect("a number"),
            Some(("gone", number)) => answered.gone = number.parse().expect("a number"),
            Some(("cursor", number)) => answered.cursor = number.parse().expect("a number"),
            Some(("accepted", id)) => answered.note(id, Step::Accepted),
            Some(("departed", id)) => answered.note(id, Step::Departed),
            Some(("sent", id)) => answered.note(id, Step::Sent),
            _ => continue,
        }
        wanted = wanted.saturating_sub(1);
        if wanted == 0 && !killed {
            child.kill().expect("it is ours");
            killed = true;
        }
    }
    child.wait().expect("it is ours");
    assert!(killed, "the child ended by itself");
}

/// Works until it is killed, and tells what was answered.
async fn work_until_killed(folder: &Path) {
    let store = open_at(folder, KeySource::StateFolder, Access::Serve).await;
    let store = store.expect("it opens after every kill");
    tokio::join!(
        rotate(&store),
        come_and_go(&store),
        receive(&store),
        hand_out(&store),
        send(&store)
    );
}

/// One message after another comes, departs and is sent.
async fn send(store: &Store) {
    let left_by = LeftBy::FormerServe;
    store.recover(left_by, at(0)).await.expect("a store");
    let chance = Chance::system();
    loop {
        let id = SubmissionId::new(&chance);
        let accepted = store.accept(submission(id.clone(), at(0))).await;
        assert_eq!(accepted.expect("a store"), Accepted::New);
        say("accepted", &id);
        let term = Term {
            now: at(0),
            until: at(60),
            holder: Holder::Serve,
        };
        let mut due = store.claim_one(&id, term).await.expect("a store");
        let due = due.whole.pop().expect("nobody else claims it");
        let whom = (&Trace::MessageId, &due.recipients[..]);
        let departed = store.depart(&due, whom, (at(1), at(60))).await;
        assert!(departed.expect("a store"), "the claim holds");
        say("departed", &id);
        let mut recipients = due.recipients.clone();
        for recipient in &mut recipients {
            recipient.fate = RecipientFate::Taken;
        }
        let settlement = Settlement {
            lease: due.lease,
            recipients,
            fate: Fate::Sent {
                said: "250 ok".to_owned(),
            },
            code: None,
            mailbox_waits_until: None,
            reports: Vec::new(),
            bounce: None,
        };
        let concluded = store.conclude(vec![settlement], at(2)).await;
        assert_eq!(concluded.expect("a store"), [true]);
        say("sent", &id);
    }
}

async fn rotate(store: &Store) {
    let id = credential("a");
    loop {
        let seen = Grants::load(store, &id).await.expect("a store");
        let seen = seen.map(|(_, generation)| generation);
        let next = seen.map_or(1, |seen| seen.0 + 1);
        let state = grant_state(&format!("generation {next}"));
        let stored = store.replace(&id, seen, &state).await;
        say("generation", stored.expect("nobody else rotates").0);
    }
}

/// Somebody signs in and out again and again.
async fn come_and_go(store: &Store) {
    let id = credential("b");
    store.remove(&id).await.expect("a store");
    loop {
        let state = grant_state("signed in");
        let came = store.replace(&id, None, &state).await;
        let came = came.expect("nobody else signs in");
        store.remove(&id).await.expect("a store");
        say("gone", came.0);
    }
}

async fn receive(store: &Store) {
    let inbox = watch("INBOX");
    loop {
        let standing = Cursors::load(store, &inbox).await.expect("a store");
        let from = standing.map(|standing| standing.cursor.state.parse().expect("a number"));
        let to = from.unwrap_or(0) + 1;
        let uids = to * BATCH..(to + 1) * BATCH;
        let events = uids.map(|uid| arrival(&inbox, uid, &["a", "b"])).collect();
        let advanced = store.advance(advance(&inbox, (from, to), events)).await;
        assert_eq!(advanced.expect("nobody else watches"), BATCH as usize);
        say("cursor", to);
    }
}

async fn hand_out(store: &Store) {
    store
        .reclaim(&sink("a"), at(0), START)
        .await
        .expect("a store");
    loop {
        let due = store.claim_due(&sink("a"), at(0), at(60), 8).await;
        let done = due.expect("a store");
        let done = done.iter().map(|due| (due.lease, Settled::Done)).collect();
        store
            .settle(done, Vec::new(), at(1))
            .await
            .expect("a store");
    }
}

fn say(what: &str, number: impl std::fmt::Display) {
    let mut output = std::io::stdout().lock();
    writeln!(output, "{what} {number}").expect("the parent reads");
}

/// What was answered is there, and what is there belongs together.
async fn assert_kept(store: &Store, answered: &Answered) {
    let grant = Grants::load(store, &credential("a"))
        .await
        .expect("a store");
    // The first kill may come before the first rotation.
    let generation = grant.as_ref().map_or(0, |(_, generation)| generation.0);
    assert!(generation >= answered.generation, "a generation was lost");
    if let Some((state, Generation(generation))) = grant {
        let wanted = format!("generation {generation}");
        assert_eq!(state.secret.expose_secret(), wanted.as_bytes());
    }
    if let Some((state, generation)) = Grants::load(store, &credential("b"))
        .await
        .expect("a store")
    {
        assert!(generation.0 > answered.gone, "who signed out is back");
        assert_eq!(state.secret.expose_secret(), b"signed in");
    }
    let standing = Cursors::load(store, &watch("INBOX"))
        .await
        .expect("a store");
    let cursor = standing.as_ref().map_or(0, |standing| {
        standing.cursor.state.parse().expect("a number")
    });
    assert!(cursor >= answered.cursor, "a step was lost");
    assert_eq!(
        standing.map_or(0, |standing| standing.sequence),
        u64::from(cursor * BATCH),
        "the cursor is not with its events"
    );
}

/// No message is behind what was answered of it: one that departed is not tried again as if it had
/// not, and one that was sent stays sent.
async fn assert_messages_kept(store: &Store, answered: &mut Answered) {
    for (id, step) in std::mem::take(&mut answered.messages) {
        let name = SubmissionId::parse(&id).expect("a name");
        let seen = store.submission(&name).await.expect("a store");
        let seen = seen.unwrap_or_else(|| panic!("{id} was accepted and is lost"));
        let state = seen.state;
        let is_kept = match step {
            Step::Accepted => true,
            Step::Departed => {
                let departed = [SubmissionState::Transmitting, SubmissionState::Sent];
                seen.departed_at.is_some() && departed.contains(&state)
            }
            Step::Sent => state == SubmissionState::Sent,
        };
        assert!(is_kept, "{id} is {state:?} behind {step:?}");
    }
}

/// As many messages as were answered, and at most one more for each kill.
async fn assert_none_forgotten(store: &Store, answered: &Answered) {
    let filter = SubmissionFilter {
        limit: usize::MAX,
        ..SubmissionFilter::default()
    };
    let kept = store.submissions(&filter).await.expect("a store");
    assert!(kept.len() >= answered.accepted, "messages were forgotten");
}

/// Each event up to the cursor is there once, with a delivery to each sink.
async fn assert_consistent(store: &Store) {
    let standing = Cursors::load(store, &watch("INBOX"))
        .await
        .expect("a store");
    let sequence = standing.map_or(0, |standing| standing.sequence);
    for name in ["a", "b"] {
        let filter = DeliveryFilter {
            sink: Some(sink(name)),
            limit: usize::MAX,
            ..DeliveryFilter::default()
        };
        let mut listed = Deliveries::list(store, &filter).await.expect("a store");
        listed.reverse();
        let sequences = listed.iter().map(|delivery| delivery.event.sequence);
        assert!(sequences.eq((1..=sequence).map(Some)), "a gap");
        if name == "b" {
            let untouched = |delivery: &gatepost_mailroom::Delivery| {
                delivery.state == DeliveryState::Pending && delivery.attempts == 0
            };
            assert!(listed.iter().all(untouched), "nobody claims for b");
        }
    }
}

/// Set for the child only: the state folder.
const CHILD: &str = "GATEPOST_STORE_CRASH_CHILD";
const KILLS: u32 = 125;
const MOST_LINES: u64 = 24;
/// Events of one step.
const BATCH: u32 = 4;
