//! `read = "auto"` and `send = "auto"`: whichever way the tenant leaves open.

use crate::stand::{SUPPORT, Stand};

#[test]
fn a_mailbox_is_read_by_graph_where_imap_is_closed_and_the_log_says_why() {
    let stand = by_any_way();
    let ran = stand.run(&["-vv", "messages", SUPPORT, "--json"]);
    let before: Vec<serde_json::Value> = serde_json::from_str(&ran.stdout).expect("JSON");
    assert!(before[0]["key"]["uid"].is_number(), "over IMAP at first");
    for words in ["found the way to the mailbox", "by=\"imap\""] {
        assert!(ran.stderr.contains(words), "{}", ran.stderr);
    }

    stand.fault("authenticated-but-not-connected");
    let ran = stand.run(&["-vv", "messages", SUPPORT, "--json"]);
    assert_eq!(ran.exit, 0, "{}", ran.stderr);
    let after: Vec<serde_json::Value> = serde_json::from_str(&ran.stdout).expect("JSON");
    assert_eq!(after[0]["key"]["by"], "graph");
    assert_eq!(
        after[0]["envelope"]["subject"],
        before[0]["envelope"]["subject"]
    );
    for words in [
        "imap is closed to the mailbox",
        "imap_not_connected",
        "by=\"graph\"",
    ] {
        assert!(ran.stderr.contains(words), "{}", ran.stderr);
    }
}

#[test]
fn a_watch_goes_over_to_another_way_and_loses_nothing() {
    let stand = by_any_way();
    let mut serve = stand.serve();
    stand.deliver(SUPPORT, "before");
    while serve.subject() != "before" {}
    assert_eq!(serve.stop(), 0);

    stand.fault("authenticated-but-not-connected");
    stand.deliver(SUPPORT, "after");
    let mut serve = stand.serve();
    assert_eq!(serve.subject(), "after", "and nothing a second time");
    assert_eq!(serve.stop(), 0);
    let log = stand.log();
    assert!(log.contains("imap is closed to the mailbox"), "{log}");
}

#[test]
fn a_mailbox_to_which_every_way_is_closed_says_so_for_each() {
    let stand = by_any_way();
    stand
        .run(&["messages", "nobody@contoso.com", "--as-app", "contoso"])
        .assert_fails(
            77,
            &[
                "every way to nobody@contoso.com is closed",
                "imap: ",
                "graph: ",
                "pop3: ",
            ],
        );
}

#[test]
fn a_mailbox_sends_by_graph_where_smtp_is_switched_off() {
    let stand = by_any_way();
    let sent = |subject: &str| {
        let arguments = [
            "-vv",
            "send",
            "--to",
            SUPPORT,
            "--subject",
            subject,
            "--text",
            "x",
        ];
        let ran = stand.run(&arguments);
        assert!(
            ran.stdout.starts_with("sent "),
            "{}{}",
            ran.stdout,
            ran.stderr
        );
        ran.stderr
    };
    let log = sent("by SMTP");
    assert!(!log.contains("is closed to the mailbox"), "{log}");
    stand.fault("smtp-off");
    let log = sent("by Graph");
    for words in [
        "smtp is closed to the mailbox",
        "smtp_switched_off",
        "by=\"graph\"",
    ] {
        assert!(log.contains(words), "{log}");
    }
    let inbox = stand.listed(&["messages", SUPPORT, "--top", "2"]);
    let mut subjects: Vec<&str> = inbox
        .iter()
        .filter_map(|message| message["envelope"]["subject"].as_str())
        .collect();
    subjects.sort_unstable();
    assert_eq!(subjects, ["by Graph", "by SMTP"]);
}

#[test]
fn a_graph_answer_that_is_lost_is_looked_up() {
    let stand = by_any_way();
    stand.fault("smtp-off");
    stand.fault("sent-then-timeout,times=1");
    let sent = stand.printed(&["send", "--to", SUPPORT, "--subject", "once", "--text", "x"]);
    assert!(sent.starts_with("sent "), "{sent}");
    let once = stand.listed(&["messages", SUPPORT, "--subject", "once"]);
    assert_eq!(once.len(), 1);
}

/// Support's mailbox is read by any way that is open; what arrives is told on standard output.
fn by_any_way() -> Stand {
    let stand = Stand::with_mail();
    let auto = stand.configuration().replacen(
        "grant = \"client_credentials\"\n",
        "grant = \"client_credentials\"\nread = \"auto\"\nsend = \"auto\"\n",
        1,
    );
    let graph = format!(
        "graph = \"{}\"\nsmtp = \"{}\"\nca_file",
        stand.variable("GRAPH"),
        stand.variable("SMTP")
    );
    let watch = format!(
        "[sink.screen]\nkind = \"stream\"\n\n\
         [[watch]]\nmailbox = \"{SUPPORT}\"\nfrom = \"beginning\"\npoll = \"1s\"\n\
         sinks = [\"screen\"]\n"
    );
    stand.write(
        "gatepost.toml",
        &(auto.replacen("ca_file", &graph, 1) + &watch),
    );
    stand
}

/// IMAP is switched off under a running watch, later Graph is, and so on: each way takes over what
/// the other left.
#[test]
fn a_running_watch_goes_over_to_another_way_and_back() {
    let stand = by_any_way();
    let mut serve = stand.serve();
    stand.deliver(SUPPORT, "by IMAP");
    while serve.subject() != "by IMAP" {}
    for (off, on, subject) in [
        ("imap-off", None, "by Graph"),
        ("graph-off", Some("imap-off"), "by IMAP again"),
        ("imap-off", Some("graph-off"), "by Graph again"),
    ] {
        if let Some(on) = on {
            stand.clear_fault(on);
        }
        stand.fault(off);
        stand.deliver(SUPPORT, subject);
        assert_eq!(
            serve.subject(),
            subject,
            "{off}: it comes, and nothing twice"
        );
    }
    assert_eq!(serve.stop(), 0, "{}", stand.log());
    let log = stand.log();
    for words in [
        "imap is closed to the mailbox",
        "graph is closed to the mailbox",
        "imap_switched_off",
        "graph_access_denied",
    ] {
        assert!(log.contains(words), "{words} is missing in: {log}");
    }
}

/// What was seen by IMAP waits for a sink while Graph becomes the way: it is found again there.
#[test]
fn a_post_action_is_done_by_another_way_than_the_message_came_by() {
    let stand = by_any_way();
    let text = std::fs::read_to_string(stand.path("gatepost.toml")).expect("it is there");
    let sinks = "sinks = [\"screen\"]\n";
    let program = "sinks = [\"screen\", \"program\"]\nafter = \"mark_read\"\n\n\
                   [sink.program]\nkind = \"command\"\nrun = [\"./program\"]\n";
    stand.write("gatepost.toml", &text.replace(sinks, program));
    stand.write_program("program", "test -e repaired");
    let mut serve = stand.serve();
    stand.deliver(SUPPORT, "waiting");
    while serve.subject() != "waiting" {}
    stand.fault("imap-off");
    stand.deliver(SUPPORT, "by Graph");
    assert_eq!(serve.subject(), "by Graph");
    let unread = || {
        let listed = stand.listed(&["messages", SUPPORT, "--unread", "--top", "100"]);
        let subjects = listed
            .iter()
            .map(|one| one["envelope"]["subject"].to_string());
        subjects.collect::<Vec<_>>()
    };
    assert!(unread().contains(&"\"waiting\"".to_owned()));
    stand.write("repaired", "");
    let waiting = stand.listed(&["deliveries", "list", "--sink", "program", "--top", "100"]);
    let ids: Vec<String> = waiting.iter().map(|one| one["id"].to_string()).collect();
    let ids = ids.iter().map(String::as_str);
    stand.printed(
        &["deliveries", "retry"]
            .into_iter()
            .chain(ids)
            .collect::<Vec<_>>(),
    );
    for _ in 0..MOST_QUESTIONS {
        if unread().is_empty() {
            break;
        }
    }
    assert!(unread().is_empty(), "{:?}: {}", unread(), stand.log());
    assert_eq!(serve.stop(), 0, "{}", stand.log());
}

/// A firewall that cuts off whoever is silent.
#[test]
fn where_idling_is_cut_off_events_arrive_all_the_same() {
    let stand = by_any_way();
    stand.fault("drop-idle");
    let mut serve = stand.serve();
    for number in 0..MOST_DROPS {
        let subject = number.to_string();
        stand.deliver(SUPPORT, &subject);
        while serve.subject() != subject {}
        if stand.log().contains("connections that idle are dropped") {
            break;
        }
    }
    let log = stand.log();
    assert!(log.contains("connections that idle are dropped"), "{log}");
    stand.deliver(SUPPORT, "asked for");
    assert_eq!(serve.subject(), "asked for");
    assert_eq!(serve.stop(), 0, "{}", stand.log());
}

/// More than it takes until nobody idles any more: each look brings one message at least.
const MOST_DROPS: usize = 20;
const MOST_QUESTIONS: usize = 200;
