//! `read = "auto"` and `send = "auto"`: whichever way the tenant leaves open.

use crate::stand::{SUPPORT, Stand};

#[test]
fn a_mailbox_is_read_by_graph_where_imap_is_closed_and_the_log_says_why() {
    let stand = by_any_way();
    let before = stand.listed(&["messages", SUPPORT]);
    assert!(before[0]["key"]["uid"].is_number(), "over IMAP at first");

    stand.fault("authenticated-but-not-connected");
    let ran = stand.run(&["-vv", "messages", SUPPORT, "--json"]);
    assert_eq!(ran.exit, 0, "{}", ran.stderr);
    let after: Vec<serde_json::Value> = serde_json::from_str(&ran.stdout).expect("JSON");
    assert_eq!(after[0]["key"]["by"], "graph");
    assert_eq!(
        after[0]["envelope"]["subject"],
        before[0]["envelope"]["subject"]
    );
    for words in ["imap is closed to the mailbox", "imap_not_connected"] {
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
    for words in ["smtp is closed to the mailbox", "smtp_switched_off"] {
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
         [[watch]]\nmailbox = \"{SUPPORT}\"\nfrom = \"beginning\"\n\
         sinks = [\"screen\"]\n"
    );
    stand.write(
        "gatepost.toml",
        &(auto.replacen("ca_file", &graph, 1) + &watch),
    );
    stand
}
