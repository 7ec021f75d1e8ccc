//! Gatepost's own events, and the sinks that are told of them.

use serde_json::Value;

use crate::stand::{Running, SUPPORT, Stand};

#[test]
fn a_dead_letter_of_one_sink_is_an_event_at_another() {
    let stand = Stand::new();
    stand.write_program("refuses", "echo no such queue >&2; exit 65");
    stand.configure(&format!(
        "[sink.tickets]\nkind = \"command\"\nrun = [\"./refuses\"]\n\n\
         [sink.ops]\nkind = \"stream\"\n\n[events]\nsinks = [\"ops\"]\n\n\
         [[watch]]\nmailbox = \"{SUPPORT}\"\nsinks = [\"tickets\"]\nfrom = \"beginning\"\n"
    ));
    stand.deliver(SUPPORT, "hello");
    let mut serve = stand.serve();
    let report = event(&mut serve);
    assert_eq!(report["type"], "delivery.dead_lettered");
    assert_eq!(report["mailbox"], SUPPORT);
    assert_eq!(report["data"]["sink"], "tickets");
    let dead = stand.listed(&["deliveries", "list", "--state", "dead"]);
    assert_eq!(dead.len(), 1);
    assert_eq!(report["data"]["event"], dead[0]["event"]["id"]);
    let reason = report["data"]["reason"].as_str().unwrap_or_default();
    assert!(reason.contains("no such queue"), "{report}");
    assert_eq!(serve.stop(), 0, "{}", stand.log());
}

#[test]
fn a_report_that_dies_is_reported_nowhere() {
    let stand = Stand::new();
    stand.write_program("refuses", "exit 65");
    stand.configure(&format!(
        "[sink.tickets]\nkind = \"command\"\nrun = [\"./refuses\"]\n\n\
         [sink.pager]\nkind = \"command\"\nrun = [\"./refuses\"]\n\n\
         [sink.ops]\nkind = \"stream\"\n\n[events]\nsinks = [\"ops\", \"pager\"]\n\n\
         [[watch]]\nmailbox = \"{SUPPORT}\"\nsinks = [\"tickets\"]\nfrom = \"beginning\"\n"
    ));
    stand.deliver(SUPPORT, "hello");
    let mut serve = stand.serve();
    assert_eq!(event(&mut serve)["data"]["sink"], "tickets");
    let dead = || {
        stand
            .listed(&["deliveries", "list", "--state", "dead"])
            .len()
    };
    let both = (0..2_000).any(|_| dead() == 2);
    assert!(both, "the message and its report: {}", stand.log());
    assert_eq!(serve.stop(), 0, "{}", stand.log());
    let all = stand.listed(&["deliveries", "list"]);
    assert_eq!(
        all.len(),
        3,
        "nobody was told that the pager is dead: {all:?}"
    );
}

#[test]
fn only_the_kinds_that_are_named_are_told() {
    let stand = Stand::new();
    stand.write_program("refuses", "exit 65");
    stand.configure(&format!(
        "[sink.tickets]\nkind = \"command\"\nrun = [\"./refuses\"]\n\n\
         [sink.ops]\nkind = \"stream\"\n\n\
         [events]\nsinks = [\"ops\"]\nkinds = [\"mailbox.resynced\"]\n\n\
         [[watch]]\nmailbox = \"{SUPPORT}\"\nsinks = [\"tickets\"]\nfrom = \"beginning\"\n"
    ));
    stand.deliver(SUPPORT, "hello");
    let mut serve = stand.serve();
    let dead = || {
        stand
            .listed(&["deliveries", "list", "--state", "dead"])
            .len()
    };
    assert!((0..2_000).any(|_| dead() == 1), "{}", stand.log());
    renumber(&stand);
    let report = event(&mut serve);
    assert_eq!(
        report["type"], "mailbox.resynced",
        "and not the dead letter"
    );
    assert_eq!(report["data"]["matched"], 1);
    assert_eq!(serve.stop(), 0, "{}", stand.log());
    let log = stand.log();
    let line = log
        .lines()
        .find(|line| line.contains("the stored cursor names nothing"));
    let line = line.expect("the log tells of it, too");
    for word in [
        "INFO",
        SUPPORT,
        "INBOX",
        "matched=1",
        "new=1",
        "ambiguous=0",
    ] {
        assert!(line.contains(word), "{word} is missing in: {line}");
    }
}

#[test]
fn without_a_choice_the_sinks_of_a_watch_are_told_of_it() {
    let stand = Stand::new();
    stand.configure(&format!(
        "[sink.out]\nkind = \"stream\"\n\n\
         [[watch]]\nmailbox = \"{SUPPORT}\"\nsinks = [\"out\"]\nfrom = \"beginning\"\n"
    ));
    stand.deliver(SUPPORT, "hello");
    let mut serve = stand.serve();
    assert_eq!(serve.subject(), "hello");
    renumber(&stand);
    let mut told = [event(&mut serve), event(&mut serve)].map(|event| event["type"].clone());
    told.sort_by_key(ToString::to_string);
    assert_eq!(told, ["mail.received", "mailbox.resynced"]);
    assert_eq!(serve.stop(), 0, "{}", stand.log());
}

#[test]
fn a_watch_whose_server_falls_silent_is_stalled_for_all_to_see() {
    let stand = Stand::new();
    stand.configure(&format!(
        "[sink.out]\nkind = \"stream\"\n\n[sink.copies]\nkind = \"maildir\"\npath = \"copies\"\n\n\
         [events]\nsinks = [\"out\"]\n\n\
         [[watch]]\nmailbox = \"{SUPPORT}\"\nsinks = [\"copies\"]\nfrom = \"beginning\"\n\
         poll = \"1s\"\nstalled_after = \"10s\"\n"
    ));
    let mut serve = stand.serve();
    let of_support = || {
        let rows = stand.listed(&["mailboxes"]);
        rows.into_iter().find(|row| row["mailbox"] == SUPPORT)
    };
    let watching = |row: &Value| row["state"] == "watching";
    let watched = (0..2_000).any(|_| of_support().as_ref().is_some_and(watching));
    assert!(watched, "{}", stand.log());
    stand.fault("hang");
    // A slow machine may have told other things before.
    let stalled = (0..MOST_EVENTS)
        .map(|_| event(&mut serve))
        .find(|event| event["type"] == "mailbox.stalled");
    let stalled = stalled.expect("the list says the same");
    assert_eq!(stalled["mailbox"], SUPPORT);
    assert_eq!(stalled["folder"], "INBOX");
    let is_stalled = |row: &Value| row["state"] == "stalled";
    let row = (0..2_000).find_map(|_| of_support().filter(is_stalled));
    let row = row.unwrap_or_else(|| panic!("{}", stand.log()));
    assert!(row["stalled_since"].is_string(), "{row}");
    let table = stand.printed(&["mailboxes"]);
    assert!(table.contains("stalled"), "{table}");
    let log = stand.log();
    let line = log.lines().find(|line| line.contains("mailbox.stalled"));
    let line = line.expect("the log tells of it, too");
    for word in ["ERROR", SUPPORT, "INBOX", "nothing was heard"] {
        assert!(line.contains(word), "{word} is missing in: {line}");
    }
    assert_eq!(serve.stop(), 0, "{}", stand.log());
}

/// More events than come before the one that is looked for.
const MOST_EVENTS: usize = 20;

/// The server forgets every cursor, and one message comes.
fn renumber(stand: &Stand) {
    stand.fault("bump-uidvalidity");
    stand.fault("drop-idle,times=1");
    stand.deliver(SUPPORT, "again");
}

fn event(serve: &mut Running) -> Value {
    let line = serve.line().expect("serve goes on");
    serde_json::from_str(&line).expect("an event on each line")
}
