use std::path::{Path, PathBuf};
use std::time::Duration;

use gatepost_host::{Chance, Clock};
use gatepost_mailroom::sinks::command::{Command, CommandSettings};
use gatepost_mailroom::{Outcome, Sink as _};

use crate::given::{Given, reason};

fn shell(folder: &Path, script: &str) -> Command {
    program(folder, "/bin/sh", &["-c", script])
}

fn program(folder: &Path, program: &str, arguments: &[&str]) -> Command {
    let settings = CommandSettings {
        program: PathBuf::from(program),
        arguments: arguments.iter().map(|&text| text.to_owned()).collect(),
        time_limit: Duration::from_secs(20),
        scratch: folder.join("events"),
    };
    Command::new(settings, Clock::system(), Chance::seeded(1)).expect("the folder is ours")
}

#[tokio::test]
async fn the_program_gets_message_and_event_and_nothing_of_our_environment() {
    let given = Given::message(7, b"Subject: x\r\n\r\nbody\r\n");
    let folder = given.folder.path();
    let script = format!(
        "cat > {0}/message; cat \"$GATEPOST_EVENT\" > {0}/event; stat -c %a \"$GATEPOST_EVENT\" > {0}/mode; env > {0}/env",
        folder.display()
    );
    assert_eq!(given.to(&shell(folder, &script)).await, Outcome::Done);
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).expect("it was written");
    assert_eq!(read("message"), "Subject: x\r\n\r\nbody\r\n");
    let event: serde_json::Value = serde_json::from_str(&read("event")).expect("it is JSON");
    assert_eq!(event["id"], given.event.id.as_str());
    assert_eq!(event["type"], "mail.received");
    assert_eq!(event["attempt"], 1);
    assert_eq!(event["first_attempt_at"], "2026-11-22T10:00:00Z");
    assert_eq!(read("mode").trim(), "600");
    assert!(!read("env").contains("CARGO"), "{}", read("env"));
    let left = std::fs::read_dir(folder.join("events")).expect("the folder");
    assert_eq!(left.count(), 0, "no event file is left");
}

#[tokio::test]
async fn the_exit_code_decides() {
    let given = Given::message(1, b"x");
    let ended = async |code: u8| {
        given
            .to(&shell(given.folder.path(), &format!("exit {code}")))
            .await
    };
    assert_eq!(ended(0).await, Outcome::Done);
    for code in [1, 2, 63, 75, 79, 127] {
        assert!(matches!(ended(code).await, Outcome::Retry { .. }), "{code}");
    }
    for code in [64, 65, 74, 76, 78] {
        assert!(
            matches!(ended(code).await, Outcome::Refused { .. }),
            "{code}"
        );
    }
    let killed = given.to(&shell(given.folder.path(), "kill -9 $$")).await;
    assert!(matches!(killed, Outcome::Retry { .. }));
}

#[tokio::test]
async fn a_program_that_reads_nothing_is_no_trouble() {
    let given = Given::message(1, &vec![b'x'; 3 << 20]);
    let done = given.to(&program(given.folder.path(), "true", &[])).await;
    assert_eq!(done, Outcome::Done);
}

#[tokio::test]
async fn only_the_end_of_much_complaint_is_kept() {
    let given = Given::message(1, b"x");
    let script = "head -c 3000000 /dev/zero | tr '\\0' e >&2; echo the end >&2; exit 1";
    let reason = reason(given.to(&shell(given.folder.path(), script)).await);
    assert!(reason.ends_with("the end"), "{}", reason.len());
    assert!(reason.len() < 5_000, "{}", reason.len());
}

#[tokio::test]
async fn a_missing_program_is_named() {
    let given = Given::message(1, b"x");
    let sink = program(given.folder.path(), "/nowhere/at/all", &[]);
    let reason = reason(given.to(&sink).await);
    assert!(
        reason.contains("/nowhere/at/all cannot be started"),
        "{reason}"
    );
    assert!(matches!(sink.probe().await, Outcome::Retry { .. }));
}

#[tokio::test]
async fn a_program_that_runs_too_long_is_ended_with_its_children() {
    let given = Given::message(1, b"x");
    let folder = given.folder.path();
    let settings = CommandSettings {
        program: PathBuf::from("/bin/sh"),
        // Neither the program nor its child ends when it is only told to.
        arguments: [
            "-c",
            "trap '' TERM; echo stuck >&2; sleep 300 & wait; sleep 300",
        ]
        .map(str::to_owned)
        .to_vec(),
        time_limit: Duration::from_millis(300),
        scratch: folder.join("events"),
    };
    let sink = Command::new(settings, Clock::system(), Chance::seeded(1));
    let sink = sink.expect("the folder is ours");
    let reason = reason(given.to(&sink).await);
    assert!(reason.contains("ran longer"), "{reason}");
    assert!(reason.contains("stuck"), "{reason}");
}

#[tokio::test]
async fn what_a_killed_process_left_behind_is_removed_when_it_is_old() {
    let given = Given::message(1, b"x");
    let folder = given.folder.path();
    let events = folder.join("events");
    std::fs::create_dir(&events).expect("ours");
    let put = |name: &str, minutes: u64| {
        let file = std::fs::File::create(events.join(name)).expect("ours");
        let modified = file.metadata().and_then(|file| file.modified());
        let age = Duration::from_mins(minutes);
        let set = file.set_modified(modified.expect("it was just made") - age);
        set.expect("it is ours");
    };
    put("evt_old.json", 70);
    put("evt_young.json", 50);
    put("another.json", 70);
    drop(shell(folder, "true"));
    let mut left: Vec<_> = std::fs::read_dir(&events)
        .expect("the folder")
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    left.sort();
    assert_eq!(left, ["another.json", "evt_young.json"]);
}
