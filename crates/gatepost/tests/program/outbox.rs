//! What the outbox shows of a message, and what a person or the server decides about it.

use std::time::Duration;

use gatepost::config;
use gatepost_host::Clock;
use jiff::SignedDuration;
use serde_json::Value;

use crate::bad_state::with_database;
use crate::killed_sending::{hand_over, pause};
use crate::sending::sending;
use crate::stand::{SUPPORT, Stand};

/// Nobody looks into Sent Items by POP3, so the message stays unknown until a person decides.
#[test]
fn of_what_nobody_knows_a_person_decides() {
    let stand = sending(Stand::new(), "read = \"pop3\"\nsend = \"smtp\"", "");
    let mut unknown = Vec::new();
    for (subject, fault) in [
        ("arrived", "drop-answer"),
        ("again", "drop-unsent"),
        ("given up", "drop-unsent"),
    ] {
        stand.fault(&format!("{fault},times=1"));
        let ran = stand.run(&["send", "--to", SUPPORT, "--subject", subject, "--text", "x"]);
        ran.assert_fails(
            69,
            &[
                "nobody knows whether the message",
                "gatepost outbox resolve",
            ],
        );
        assert_told_once(&ran.stderr);
        let listed = stand.listed(&["outbox", "list", "--state", "unknown"]);
        let newest = listed.iter().find(|one| one["subject"] == subject);
        let id = newest.expect("it is listed")["id"].as_str();
        unknown.push(id.expect("it has a name").to_owned());
    }
    let [arrived, again, given_up] = &unknown[..] else {
        panic!("three messages: {unknown:?}");
    };
    let hint = format!("outbox resolve {arrived} sent`, `resend` or `drop`");
    let retried = stand.run(&["outbox", "retry", arrived]);
    retried.assert_fails(65, &["is unknown", &hint]);
    let shown = stand.printed(&["outbox", "show", arrived]);
    for word in [
        "State: unknown",
        "Subject: arrived",
        &format!("Mailbox: {SUPPORT}"),
        &format!("Recipient: {SUPPORT} open"),
        "Tries: 1",
    ] {
        assert!(shown.contains(word), "{word} is missing in: {shown}");
    }
    let why = shown.lines().find_map(|line| line.strip_prefix("Why: "));
    assert!(why.is_some_and(|why| !why.is_empty()), "{shown}");
    let shown = stand.printed(&["outbox", "show", arrived, "--json"]);
    let shown: Value = serde_json::from_str(&shown).expect("JSON");
    assert_eq!(shown["state"], "unknown");
    assert_eq!(shown["recipients"][0]["address"], SUPPORT);

    for (id, word, said) in [
        (arrived, "sent", vec![format!("sent {arrived}")]),
        (
            again,
            "resend",
            vec![format!("queued {again}"), format!("sent {again}")],
        ),
        (given_up, "drop", vec![format!("cancelled {given_up}")]),
    ] {
        let printed = stand.printed(&["outbox", "resolve", id, word]);
        assert_eq!(printed.lines().collect::<Vec<_>>(), said, "{word}");
        let once = stand.run(&["outbox", "resolve", id, word]);
        once.assert_fails(65, &["not unknown"]);
    }
    let shown = stand.printed(&["outbox", "show", given_up]);
    assert!(shown.contains("a person decided"), "{shown}");
    let inbox = stand.listed(&["messages", SUPPORT]);
    let mut subjects: Vec<_> = inbox
        .iter()
        .filter_map(|one| one["envelope"]["subject"].as_str())
        .collect();
    subjects.sort_unstable();
    assert_eq!(subjects, ["again", "arrived"]);
    for verb in [
        ["show", "nothing", ""],
        ["resolve", "nothing", "sent"],
        ["show", "00000000000000000000000000000000", ""],
    ] {
        let words = verb.into_iter().filter(|word| !word.is_empty());
        let ran = stand.run(&["outbox"].into_iter().chain(words).collect::<Vec<_>>());
        ran.assert_fails(65, &["there is no message"]);
    }
}

/// Why nobody knows is said, and once, and whose move it is.
#[track_caller]
fn assert_told_once(stderr: &str) {
    let told = stderr.matches("nobody knows").count();
    assert_eq!(told, 1, "it is said once: {stderr}");
    for words in [
        "somebody must look whether it arrived",
        "as POP3 is",
        "the answer of localhost did not come",
    ] {
        assert!(stderr.contains(words), "{stderr}");
    }
    assert!(!stderr.contains("opened again"), "{stderr}");
}

/// Nobody can send what nobody can read: it is told once, keeps no other message back, and can be
/// seen in every list.
#[test]
fn a_damaged_message_is_told_once_and_can_be_seen() {
    let rest = "[sink.ops]\nkind = \"stream\"\n[events]\nsinks = [\"ops\"]\n\
                kinds = [\"send.failed\", \"send.sent\"]\n";
    let stand = sending(Stand::new(), "send = \"smtp\"", rest);
    let config = config::load(&stand.path("gatepost.toml")).expect("it is good");
    for subject in ["spoilt", "whole"] {
        hand_over(&config, subject);
    }
    let id = |subject: &str| {
        let listed = stand.listed(&["outbox", "list"]);
        let found = listed.iter().find(|one| one["subject"] == subject);
        let id = found.expect("it is listed")["id"].as_str();
        id.expect("it has a name").to_owned()
    };
    let (spoilt, whole) = (id("spoilt"), id("whole"));
    with_database(&stand, async |db| {
        let spoil = "UPDATE submissions SET letter = x'01' WHERE id = $1";
        let spoilt = sqlx::query(spoil).bind(&spoilt).execute(db).await;
        spoilt.expect("our own database");
    });
    let seen = |state: &str| {
        let ran = stand.run(&["outbox", "list", "--json"]);
        assert_eq!(ran.exit, 0, "{}", ran.stderr);
        for word in [spoilt.as_str(), SUPPORT, "is damaged", state] {
            assert!(
                ran.stderr.contains(word),
                "{word} is missing in: {}",
                ran.stderr
            );
        }
        let shown = stand.printed(&["outbox", "show", &spoilt]);
        for line in [
            format!("State: {state}"),
            format!("Mailbox: {SUPPORT}"),
            "Code: store_row_damaged".to_owned(),
        ] {
            assert!(shown.contains(&line), "{line} is missing in: {shown}");
        }
    };
    seen("queued");
    let mut serve = stand.serve();
    let mut told: Vec<Value> = Vec::new();
    while told.len() < 2 {
        let line = serve.line().expect("serve goes on");
        told.push(serde_json::from_str(&line).expect("an event on each line"));
    }
    assert_eq!(serve.stop(), 0, "{}", stand.log());
    let of = |kind: &str| {
        let found = told.iter().find(|one| one["type"] == kind);
        &found.unwrap_or_else(|| panic!("no {kind}: {told:?}"))["data"]
    };
    assert_eq!(of("send.sent")["submission"], whole.as_str());
    let failed = of("send.failed");
    assert_eq!(failed["submission"], spoilt.as_str());
    assert_eq!(failed["code"], "store_row_damaged");
    assert_eq!(failed["recipients"][0]["address"], SUPPORT);
    assert!(failed["internet_message_id"].is_null(), "{failed}");
    let reason = failed["reason"].as_str().unwrap_or_default();
    assert!(reason.contains("it is not sent: "), "{reason}");
    seen("dead");
    // Once is enough.
    let mut serve = stand.serve();
    hand_over(&config, "later");
    let next = serve.line().expect("serve goes on");
    let next: Value = serde_json::from_str(&next).expect("an event on each line");
    assert_eq!(next["type"], "send.sent");
    assert_eq!(serve.stop(), 0, "{}", stand.log());
}

#[test]
fn a_sender_is_told_by_mail_whom_a_message_did_not_reach() {
    let rest = "[outbox]\nbounce = \"sender\"\n";
    let stand = sending(Stand::new(), "send = \"smtp\"", rest);
    stand.fault("refuse-mail,code=5.2.252,times=1");
    let send = [
        "send",
        "--to",
        "elsewhere@example.com",
        "--subject",
        "Grüße",
    ];
    let refused = stand.run(&[&send[..], &["--text", "x"]].concat());
    assert_ne!(refused.exit, 0, "{}", refused.stderr);
    let listed = stand.listed(&["outbox", "list"]);
    let (report, lost): (Vec<_>, Vec<_>) = listed.iter().partition(|one| one["sender"].is_null());
    assert_eq!((report.len(), lost.len()), (1, 1), "{listed:?}");
    let id = report[0]["id"].as_str().expect("it has a name");
    let shown = stand.printed(&["outbox", "show", id]);
    assert!(shown.contains("Sender: <>"), "{shown}");
    if report[0]["state"] != "sent" {
        stand.printed(&["outbox", "retry", id]);
    }
    let raw = stand.printed(&["read", SUPPORT, "--raw"]);
    let answered = lost[0]["message_id"].as_str().expect("it has one");
    for line in [
        format!("To: <{SUPPORT}>"),
        format!("In-Reply-To: <{answered}>"),
        "Auto-Submitted: auto-replied".to_owned(),
        "Content-Type: multipart/report; report-type=delivery-status;".to_owned(),
        "Reporting-MTA: dns; contoso.com".to_owned(),
        "Action: failed".to_owned(),
        "Status: 5.2.252".to_owned(),
    ] {
        assert!(
            raw.lines().any(|one| one.trim_end() == line),
            "{line} is missing in: {raw}"
        );
    }
    let recipient = raw
        .lines()
        .find(|line| line.starts_with("Final-Recipient: "));
    let recipient = recipient.expect("the report names whom it did not reach");
    assert!(recipient.contains("elsewhere@example.com"), "{recipient}");
    assert!(
        raw.contains("SendAsDenied"),
        "the server's own words: {raw}"
    );
    let longest = raw.lines().map(|line| line.trim_end().len()).max();
    assert!(longest < Some(999), "no line is too long: {raw}");
}

/// More connections are allowed here than Exchange Online bears: that is learnt from its refusal, and
/// no message suffers.
#[test]
fn a_limit_that_the_server_has_is_learnt_from_it() {
    let rest = "[outbox]\nconnections = 5\n";
    let stand = sending(Stand::new(), "send = \"smtp\"", rest);
    let config = config::load(&stand.path("gatepost.toml")).expect("a good configuration");
    for number in 0..MESSAGES {
        hand_over(&config, &format!("number {number}"));
    }
    // No session is done before all five are signed in, however slow the machine is.
    stand.fault("slow-reply");
    let serve = stand.serve();
    let is_refused = || stand.log().contains("tried again");
    assert!(
        comes(is_refused),
        "a connection was too many: {}",
        stand.log()
    );
    stand.clear_fault("slow-reply");
    let all_sent = || {
        let listed = stand.listed(&["outbox", "list"]);
        listed.iter().filter(|one| one["state"] == "sent").count() == MESSAGES
    };
    assert!(comes(all_sent), "{}", stand.log());
    assert_eq!(stand.listed(&["messages", SUPPORT]).len(), MESSAGES);
    assert_eq!(serve.stop(), 0, "{}", stand.log());
}

/// Whether it comes to be, within a time that no machine needs.
fn comes(is_there: impl Fn() -> bool) -> bool {
    let clock = Clock::system();
    let begun = clock.now();
    while clock.now().duration_since(begun) < PATIENCE {
        if is_there() {
            return true;
        }
        pause(Duration::from_millis(100));
    }
    false
}

const MESSAGES: usize = 8;
/// Many times what a quiet machine takes.
const PATIENCE: SignedDuration = SignedDuration::from_mins(4);
