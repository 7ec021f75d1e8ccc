//! A door into the outbox is killed while it takes messages: what it said it took is there, and what
//! it did not is handed in again and makes no second copy.
//!
//! `GATEPOST_KILLS` says how many kills, with four messages for each.

use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpListener;
use std::time::Duration;

use gatepost_host::{Chance, environment};
use serde_json::Value;

use crate::gateway::Client;
use crate::killed_sending::say;
use crate::spool_door::{SCANNERS, scanner, sending};
use crate::stand::{SUPPORT, Stand};

/// What became of a message, by its subject: its name in the outbox, if that was said.
type Handed = BTreeMap<String, Option<String>>;

#[test]
fn killed_while_messages_are_taken_none_is_lost_and_none_is_there_twice() {
    let seed = environment::text("GATEPOST_SEED").and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| Chance::system().number());
    let chance = Chance::seeded(seed);
    let kills = environment::text("GATEPOST_KILLS").and_then(|kills| kills.parse().ok());
    let (stand, password) = stand();
    let good = std::fs::read_to_string(stand.path("gatepost.toml")).expect("it was written");
    // Nothing leaves meanwhile: whatever is there twice is there twice in the outbox.
    stand.write(
        "gatepost.toml",
        &good.replace(stand.variable("SMTP"), &nowhere()),
    );
    let mut handed = Handed::new();
    let mut unanswered = 0;
    let kills = kills.unwrap_or(KILLS);
    for life in 0..kills {
        let serve = stand.serve();
        hand_in_again(&stand, &password, &mut handed);
        let mut scanners: Vec<(String, Client)> = Vec::new();
        for number in 0..AT_ONCE {
            let subject = format!("life {life} number {number}");
            let scanner = begin(&stand, &password, &subject);
            scanners.push((subject, scanner));
        }
        // Half a message is none: the last one is never ended.
        for (_, scanner) in &mut scanners[..AT_ONCE - 1] {
            scanner.send(".\r\n");
        }
        pause(chance.up_to(LONGEST_LIFE));
        drop(serve);
        for (subject, mut scanner) in scanners {
            let id = queued(&scanner.line());
            unanswered += usize::from(id.is_none());
            handed.insert(subject, id);
        }
    }
    say(&format!(
        "{kills} kills: of {} messages {unanswered} were handed in again, of which {kills} were not \
         whole",
        handed.len()
    ));
    let serve = stand.serve();
    hand_in_again(&stand, &password, &mut handed);
    let most = (2 * handed.len()).to_string();
    let listed = stand.listed(&["outbox", "list", "--top", &most]);
    let ids: BTreeSet<&str> = listed.iter().filter_map(|one| one["id"].as_str()).collect();
    let said: BTreeSet<&str> = handed.values().flatten().map(String::as_str).collect();
    assert_eq!(ids, said, "GATEPOST_SEED={seed}");
    assert_eq!(listed.len(), handed.len(), "GATEPOST_SEED={seed}");
    assert_eq!(serve.stop(), 0, "{}", stand.log());
    stand.write("gatepost.toml", &good);
    everything_arrives_once(&stand, &handed);
}

/// A sandbox that bears every pace, a mailbox that sends, and an app password for it.
fn stand() -> (Stand, String) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let stand = Stand::with_sandbox_in(folder, &["--empty", "--unlimited"]);
    let rest = format!("{SCANNERS}[outbox]\nmessages_per_minute = 100000\n");
    sending(&stand, &rest);
    let password = stand.printed(&["password", "add", SUPPORT]);
    (stand, password.trim_end().to_owned())
}

/// An address at which nobody listens.
fn nowhere() -> String {
    let port = TcpListener::bind("127.0.0.1:0").expect("a free port");
    port.local_addr().expect("it listens").to_string()
}

/// Hands in all of a message but its end.
fn begin(stand: &Stand, password: &str, subject: &str) -> Client {
    let mut scanner = scanner(stand, password);
    for (line, code) in [
        (format!("MAIL FROM:<{SUPPORT}>"), "250 "),
        (format!("RCPT TO:<{SUPPORT}>"), "250 "),
        ("DATA".to_owned(), "354 "),
    ] {
        let said = scanner.say(&line);
        assert!(said.starts_with(code), "{said}");
    }
    let id = subject.replace(' ', "-");
    scanner.send(&format!(
        "From: <{SUPPORT}>\r\nTo: <{SUPPORT}>\r\nSubject: {subject}\r\n\
         Message-ID: <{id}@scanner>\r\n\r\n{}",
        "page\r\n".repeat(2_000)
    ));
    scanner
}

/// The name in the outbox, if the message was taken.
fn queued(said: &str) -> Option<String> {
    let id = said.strip_prefix("250 2.0.0 Queued as ")?;
    Some(id.trim_end().to_owned())
}

/// As every client does that did not hear that a message was taken.
fn hand_in_again(stand: &Stand, password: &str, handed: &mut Handed) {
    for (subject, id) in handed.iter_mut().filter(|(_, id)| id.is_none()) {
        let mut scanner = begin(stand, password, subject);
        let said = scanner.say(".");
        *id = Some(queued(&said).unwrap_or_else(|| panic!("it is taken: {said}")));
    }
}

fn everything_arrives_once(stand: &Stand, handed: &Handed) {
    let serve = stand.serve();
    let mut retry = vec!["outbox", "retry"];
    retry.extend(handed.values().flatten().map(String::as_str));
    stand.run(&retry);
    let most = (2 * handed.len()).to_string();
    let mut looks = (0..LOOKS).inspect(|_| pause(LOOK));
    let all_sent = looks.any(|_| {
        let sent = stand.listed(&["outbox", "list", "--state", "sent", "--top", &most]);
        sent.len() == handed.len()
    });
    assert!(all_sent, "{}", stand.log());
    let messages: Vec<Value> = stand.listed(&["messages", SUPPORT, "--top", &most]);
    let mut arrived: Vec<&str> = messages
        .iter()
        .filter_map(|message| message["envelope"]["subject"].as_str())
        .collect();
    arrived.sort_unstable();
    let mut expected: Vec<&str> = handed.keys().map(String::as_str).collect();
    expected.sort_unstable();
    assert_eq!(arrived, expected);
    assert_eq!(serve.stop(), 0, "{}", stand.log());
}

#[expect(
    clippy::disallowed_methods,
    reason = "a kill comes at a random time; nothing is taken to have happened by then"
)]
fn pause(time: Duration) {
    std::thread::sleep(time);
}

const KILLS: usize = 10;
const AT_ONCE: usize = 4;
/// About as long as it takes to make the messages durable.
const LONGEST_LIFE: Duration = Duration::from_millis(60);
const LOOK: Duration = Duration::from_millis(200);
const LOOKS: u32 = 600;
