//! What is done to a message in the mailbox: nothing before its sinks have it, and then what the
//! configuration says.

use serde_json::Value;

use crate::stand::{Running, SUPPORT, Stand};

#[test]
fn a_message_is_marked_as_read_once_the_sink_has_it() {
    for by in WAYS {
        marked_as_read(by);
    }
}

fn marked_as_read(by: &str) {
    let stand = Stand::new();
    let serve = fails_first((&stand, by), "\"mark_read\"");
    succeeds(&stand, || unread(&stand, "INBOX").is_empty());
    assert_eq!(
        subjects(&stand, "INBOX"),
        ARRIVED,
        "they stay where they are"
    );
    assert_eq!(serve.stop(), 0, "{}", stand.log());
}

#[test]
fn a_message_is_moved_once_the_sink_has_it() {
    for by in WAYS {
        moved(by);
    }
}

fn moved(by: &str) {
    let stand = Stand::new();
    let serve = fails_first((&stand, by), "{ move_to = \"Archive\" }");
    succeeds(&stand, || {
        subjects(&stand, "Archive").len() == ARRIVED.len()
    });
    assert!(
        subjects(&stand, "INBOX").is_empty(),
        "and is no longer here"
    );
    assert_eq!(unread(&stand, "Archive"), ARRIVED, "unread as it came");
    assert_eq!(serve.stop(), 0, "{}", stand.log());
}

#[test]
fn a_message_is_deleted_once_the_sink_has_it() {
    for by in WAYS {
        deleted(by);
    }
}

fn deleted(by: &str) {
    let stand = Stand::new();
    let serve = fails_first((&stand, by), "\"delete\"");
    succeeds(&stand, || subjects(&stand, "INBOX").is_empty());
    for folder in ["Archive", "Deleted Items"] {
        assert!(subjects(&stand, folder).is_empty(), "{folder}");
    }
    assert_eq!(serve.stop(), 0, "{}", stand.log());
}

/// Starts `serve` with a sink that fails, and looks that nothing is touched meanwhile.
fn fails_first((stand, by): (&Stand, &str), after: &str) -> Running {
    stand.write_program("program", "test -e repaired");
    stand.configure_by(by, &format!(
        "[sink.program]\nkind = \"command\"\nrun = [\"./program\"]\n\n[sink.out]\nkind = \"stream\"\n\
         [[watch]]\nmailbox = \"{SUPPORT}\"\nsinks = [\"program\", \"out\"]\nfrom = \"beginning\"\n\
         after = {after}\npoll = \"1s\"\n"
    ));
    let mut serve = stand.serve();
    for subject in ARRIVED {
        stand.deliver(SUPPORT, subject);
        assert_eq!(serve.subject(), subject);
        // The look at the next message comes after what was due at this one.
        stand.reason("program");
    }
    assert_eq!(unread(stand, "INBOX"), ARRIVED, "nothing is touched");
    serve
}

/// Mends the sink, and asks until the mailbox is as it should be.
fn succeeds(stand: &Stand, done: impl Fn() -> bool) {
    stand.write("repaired", "");
    let waiting = stand.listed(&["deliveries", "list", "--sink", "program"]);
    let ids: Vec<String> = waiting.iter().map(|one| one["id"].to_string()).collect();
    let ids = ids.iter().map(String::as_str);
    let retry: Vec<&str> = ["deliveries", "retry"].into_iter().chain(ids).collect();
    stand.printed(&retry);
    assert!((0..MOST_QUESTIONS).any(|_| done()), "{}", stand.log());
}

fn unread(stand: &Stand, folder: &str) -> Vec<String> {
    listed(
        stand,
        &["messages", SUPPORT, "--unread", "--folder", folder],
    )
}

fn subjects(stand: &Stand, folder: &str) -> Vec<String> {
    listed(stand, &["messages", SUPPORT, "--folder", folder])
}

/// The subjects, the oldest first.
fn listed(stand: &Stand, arguments: &[&str]) -> Vec<String> {
    let rows = stand.listed(arguments);
    let subject = |row: &Value| row["envelope"]["subject"].as_str().map(ToOwned::to_owned);
    rows.iter().rev().filter_map(subject).collect()
}

/// The ways by which mailboxes can be changed.
const WAYS: [&str; 2] = ["imap", "graph"];
const ARRIVED: [&str; 3] = ["first", "second", "third"];
const MOST_QUESTIONS: usize = 2_000;
