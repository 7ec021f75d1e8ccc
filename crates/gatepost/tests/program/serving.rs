//! `gatepost serve`, and the verbs that talk to it.

use std::io::{Read as _, Write as _};

use crate::stand::{SUPPORT, Stand};

#[test]
fn mail_reaches_a_maildir_a_program_and_a_stream() {
    let stand = Stand::new();
    stand.write_program(
        "program",
        "cat > message.txt; cp \"$GATEPOST_EVENT\" event.json",
    );
    stand.configure(&format!(
        "[sink.copies]\nkind = \"maildir\"\npath = \"copies\"\n\n\
         [sink.program]\nkind = \"command\"\nrun = [\"./program\"]\n\n[sink.out]\nkind = \"stream\"\n\n\
         [[watch]]\nmailbox = \"{SUPPORT}\"\nsinks = [\"copies\", \"program\", \"out\"]\nfrom = \"beginning\"\n"
    ));
    stand.deliver(SUPPORT, "hello");
    let mut serve = stand.serve();
    assert_eq!(serve.subject(), "hello");
    settled(&stand, 3);
    let copies = std::fs::read_dir(stand.path("copies/new"))
        .expect("a Maildir")
        .count();
    assert_eq!(copies, 1);
    let message = std::fs::read_to_string(stand.path("message.txt")).expect("the program ran");
    assert!(message.contains("Subject: hello"), "{message}");
    let event = std::fs::read_to_string(stand.path("event.json")).expect("the program ran");
    assert!(event.contains("\"mail.received\""), "{event}");
    let unread = stand.listed(&["messages", SUPPORT, "--unread"]);
    assert_eq!(unread.len(), 1, "nothing is marked as read");
    assert_eq!(serve.stop(), 0, "{}", stand.log());
}

#[test]
fn a_mailbox_is_listed_read_and_watched_over_pop3() {
    let stand = Stand::new();
    let text = stand.configuration().replacen(
        "grant = \"client_credentials\"",
        "grant = \"client_credentials\"\nread = \"pop3\"",
        1,
    );
    let watch = format!(
        "[sink.out]\nkind = \"stream\"\n\n[[watch]]\nmailbox = \"{SUPPORT}\"\nsinks = [\"out\"]\n\
         from = \"beginning\"\npoll = \"1s\"\n"
    );
    stand.write("gatepost.toml", &format!("{text}{watch}"));
    stand.deliver(SUPPORT, "older");
    stand.deliver(SUPPORT, "newer");
    let listed = stand.listed(&["messages", SUPPORT]);
    let subjects: Vec<_> = listed
        .iter()
        .map(|row| row["envelope"]["subject"].as_str())
        .collect();
    assert_eq!(subjects, [Some("newer"), Some("older")]);
    let uidl = listed[1]["key"]["uidl"].as_str().expect("a name");
    let read = stand.printed(&["read", SUPPORT, uidl]);
    assert!(read.ends_with("\n\nolder\n"), "{read}");
    assert_eq!(stand.listed(&["folders", SUPPORT]).len(), 1);
    stand
        .run(&["read", SUPPORT, "no-such-name"])
        .assert_fails(65, &["no-such-name", SUPPORT]);
    stand
        .run(&["messages", SUPPORT, "--folder", "Archive"])
        .assert_fails(65, &["POP3", "Archive"]);
    let mut serve = stand.serve();
    assert_eq!(serve.subject(), "older");
    assert_eq!(serve.subject(), "newer");
    stand.deliver(SUPPORT, "newest");
    assert_eq!(serve.subject(), "newest");
    assert_eq!(
        stand.listed(&["messages", SUPPORT]).len(),
        3,
        "all are kept"
    );
    assert_eq!(serve.stop(), 0, "{}", stand.log());
}

#[test]
fn two_serves_on_one_state_folder_are_one_too_many() {
    let stand = Stand::new();
    let first = stand.serve();
    let second = stand.run(&["serve"]);
    second.assert_fails(64, &["state", "another gatepost serve", "pid"]);
    assert_eq!(first.stop(), 0, "{}", stand.log());
    assert_eq!(stand.serve().stop(), 0, "the folder is free again");
}

#[test]
fn the_running_serve_hands_out_tokens_and_health() {
    let stand = Stand::new();
    stand.configure(&watch_to_a_stream());
    let before = stand.printed(&["token", SUPPORT]);
    stand.deliver(SUPPORT, "hello");
    let mut serve = stand.serve();
    assert_eq!(serve.subject(), "hello");
    assert_eq!(
        stand.printed(&["token", SUPPORT]),
        before,
        "one token for all"
    );
    // Without secret and database there is only the running serve to ask.
    std::fs::rename(stand.path("state/gatepost.db"), stand.path("state/away")).expect("a file");
    assert_eq!(stand.printed(&["token", SUPPORT]), before);
    let rows = stand.listed(&["mailboxes"]);
    let row = rows
        .iter()
        .find(|row| row["mailbox"] == SUPPORT)
        .expect("it is listed");
    assert!(row["proven_at"].is_string(), "{row}");
    assert_eq!(row["last_error"], serde_json::Value::Null);
}

#[test]
fn the_socket_is_private() {
    use std::os::unix::fs::PermissionsExt as _;
    let stand = Stand::new();
    let serve = stand.serve();
    let socket = std::fs::metadata(stand.path("state/gatepost.sock")).expect("the socket");
    assert_eq!(socket.permissions().mode() & 0o777, 0o600);
    let folder = std::fs::metadata(stand.path("state")).expect("the folder");
    assert_eq!(folder.permissions().mode() & 0o777, 0o700);
    assert_eq!(serve.stop(), 0);
    assert!(
        !stand.path("state/gatepost.sock").exists(),
        "it goes with serve"
    );
}

#[test]
fn a_question_of_another_version_is_answered_with_what_to_do() {
    let stand = Stand::new();
    stand.configure(&watch_to_a_stream());
    let serve = stand.serve();
    let socket = stand.path("state/gatepost.sock");
    let mut stream = std::os::unix::net::UnixStream::connect(&socket).expect("it listens");
    stream
        .write_all(b"{\"ask\":\"for_a_poem\"}\n")
        .expect("it is read");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it is answered");
    let answer: serde_json::Value = serde_json::from_str(&answer).expect("JSON");
    assert_eq!(answer["answer"], "fault");
    assert_eq!(answer["code"], "serve_of_other_version");
    assert_eq!(serve.stop(), 0, "{}", stand.log());
}

#[test]
fn whoever_connects_and_says_nothing_holds_up_neither_others_nor_the_end() {
    let stand = Stand::new();
    stand.configure(&watch_to_a_stream());
    let serve = stand.serve();
    let socket = stand.path("state/gatepost.sock");
    let connect = |_| std::os::unix::net::UnixStream::connect(&socket).expect("it listens");
    let silent: Vec<_> = (0..8).map(connect).collect();
    stand.printed(&["token", SUPPORT]);
    assert_eq!(serve.stop(), 0, "{}", stand.log());
    assert!(
        stand.log().contains("gatepost has ended"),
        "{}",
        stand.log()
    );
    drop(silent);
}

#[test]
fn a_fault_of_the_configuration_ends_serve_before_it_begins() {
    let stand = Stand::new();
    stand.configure("[[watch]]\nmailbox = \"nobody@contoso.com\"\nsinks = [\"nowhere\"]\n");
    let ran = stand.run(&["serve"]);
    ran.assert_fails(64, &["nobody@contoso.com", "nowhere", "gatepost.toml:"]);
    assert!(!stand.path("state").exists(), "nothing was made");
}

#[test]
fn expired_tokens_and_dropped_connections_hold_nothing_up() {
    let stand = Stand::new();
    stand.configure(&watch_to_a_stream());
    stand.deliver(SUPPORT, "before");
    let mut serve = stand.serve();
    assert_eq!(serve.subject(), "before");
    stand.fault("expire-tokens");
    stand.fault("drop-idle,times=1");
    stand.deliver(SUPPORT, "after");
    assert_eq!(serve.subject(), "after", "{}", stand.log());
    assert_eq!(serve.stop(), 0);
}

#[test]
fn a_mailbox_that_just_worked_is_tried_again_at_once_and_the_log_says_when() {
    let stand = Stand::new();
    stand.configure(&watch_to_a_stream());
    stand.deliver(SUPPORT, "before");
    let mut serve = stand.serve();
    assert_eq!(serve.subject(), "before");
    stand.fault("authenticated-but-not-connected,times=1");
    stand.fault("drop-idle,times=1");
    stand.deliver(SUPPORT, "after");
    // It would be minutes later if somebody had to act.
    assert_eq!(serve.subject(), "after", "{}", stand.log());
    assert_eq!(serve.stop(), 0);
    let log = stand.log();
    let blip = log
        .lines()
        .find(|line| line.contains("the next try is in "));
    let blip = blip.expect("it is logged");
    assert!(blip.contains("next_attempt_at="), "{blip}");
}

#[test]
fn a_delivery_that_failed_is_tried_again_on_demand() {
    let stand = Stand::new();
    stand.write_program("program", "test -e repaired");
    stand.configure(&format!(
        "[sink.program]\nkind = \"command\"\nrun = [\"./program\"]\n\n[sink.out]\nkind = \"stream\"\n\
         [[watch]]\nmailbox = \"{SUPPORT}\"\nsinks = [\"program\", \"out\"]\nfrom = \"beginning\"\n"
    ));
    stand.deliver(SUPPORT, "hello");
    let mut serve = stand.serve();
    assert_eq!(serve.subject(), "hello");
    stand.reason("program");
    stand.write("repaired", "");
    let listed = stand.listed(&["deliveries", "list", "--sink", "program"]);
    let id = listed[0]["id"].to_string();
    assert!(
        stand
            .printed(&["deliveries", "show", &id, "--json"])
            .contains("\"mail.received\"")
    );
    let shown = stand.printed(&["deliveries", "show", &id]);
    assert!(
        shown.contains("Subject: hello\n") && shown.contains("\nWhy: "),
        "{shown}"
    );
    stand.printed(&["deliveries", "retry", &id]);
    settled(&stand, 2);
    stand
        .run(&["deliveries", "retry", &id])
        .assert_fails(65, &["done or discarded already"]);
    stand
        .run(&["deliveries", "show", "4711"])
        .assert_fails(65, &["4711"]);
    assert_eq!(serve.stop(), 0);
}

#[test]
fn a_folder_that_is_missing_is_told_and_looked_for_again() {
    let stand = Stand::new();
    stand.configure(&format!(
        "[sink.out]\nkind = \"stream\"\n[[watch]]\nmailbox = \"{SUPPORT}\"\nsinks = [\"out\"]\n\
         folder = \"Archvie\"\n"
    ));
    let serve = stand.serve();
    let row = (0..2_000).find_map(|_| {
        let rows = stand.listed(&["mailboxes"]);
        rows.into_iter()
            .find(|row| row["next_attempt_at"].is_string())
    });
    let row = row.unwrap_or_else(|| panic!("it is tried again: {}", stand.log()));
    assert_eq!(row["last_error"]["code"], "folder_missing", "{row}");
    assert_eq!(row["state"], "retrying", "{row}");
    let table = stand.printed(&["mailboxes"]);
    for told in [&table, &stand.log()] {
        assert!(told.contains("did you mean Archive?"), "{told}");
    }
    assert_eq!(serve.stop(), 0);
}

#[test]
fn a_watch_of_a_missing_folder_ends_at_once() {
    let stand = Stand::new();
    let ran = stand.run(&["watch", SUPPORT, "--folder", "Archvie"]);
    ran.assert_fails(
        65,
        &[
            "Archvie",
            SUPPORT,
            "did you mean Archive?",
            "folder_missing",
        ],
    );
}

#[test]
fn a_watch_in_the_foreground_writes_a_line_for_each_arrival() {
    let stand = Stand::new();
    stand.deliver(SUPPORT, "hello");
    let mut command = stand.command();
    command.args(["watch", SUPPORT, "--from-beginning", "--json"]);
    let mut watch = crate::stand::Running::start(command);
    assert_eq!(watch.subject(), "hello");
    stand.deliver(SUPPORT, "again");
    assert_eq!(watch.subject(), "again");
    assert_eq!(watch.stop(), 0);
}

#[test]
fn a_watch_from_a_time_begins_with_what_was_received_then() {
    let stand = Stand::with_mail();
    let mut present = stand.listed(&["messages", SUPPORT, "--top", "1000"]);
    present.reverse();
    let received = |row: &serde_json::Value| -> jiff::Timestamp {
        let at = row["received_at"].as_str().expect("the server says when");
        at.parse().expect("a time")
    };
    let mut times: Vec<_> = present.iter().map(received).collect();
    times.sort_unstable();
    let from = times[times.len() / 2];
    let (wanted, old): (Vec<_>, Vec<_>) = present.iter().partition(|row| received(row) >= from);
    assert!(!wanted.is_empty() && !old.is_empty(), "{present:?}");
    stand.configure(&format!(
        "[sink.out]\nkind = \"stream\"\n[[watch]]\nmailbox = \"{SUPPORT}\"\nsinks = [\"out\"]\n\
         from = \"{from}\"\n"
    ));
    let mut serve = stand.serve();
    for row in wanted {
        assert_eq!(
            serve.subject(),
            row["envelope"]["subject"],
            "in their order"
        );
    }
    stand.deliver(SUPPORT, "new");
    assert_eq!(serve.subject(), "new", "nothing else was handed out");
    assert_eq!(serve.stop(), 0, "{}", stand.log());
}

fn watch_to_a_stream() -> String {
    format!(
        "[sink.out]\nkind = \"stream\"\n[[watch]]\nmailbox = \"{SUPPORT}\"\nsinks = [\"out\"]\n\
         from = \"beginning\"\n"
    )
}

/// Asks until so many deliveries are done.
fn settled(stand: &Stand, count: usize) {
    for _ in 0..2_000 {
        if stand
            .listed(&["deliveries", "list", "--state", "done"])
            .len()
            == count
        {
            return;
        }
    }
    panic!("{count} deliveries were not done: {}", stand.log());
}
