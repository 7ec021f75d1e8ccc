//! Messages that are handed over, through the outbox and out, whoever is killed on the way.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::{Output, Stdio};
use std::time::Duration;

use gatepost_host::{Chance, environment};
use serde_json::Value;

use crate::stand::{Ran, SUPPORT, Stand, ran};

#[test]
fn send_tells_what_became_of_a_message() {
    let stand = sending(Stand::new(), "send = \"smtp\"", "");
    let sent = stand.printed(&[
        "send",
        "--to",
        SUPPORT,
        "--bcc",
        "elsewhere@example.com",
        "--subject",
        "Grüße",
        "--text",
        "Hallo",
        "--attach",
        "gatepost.toml",
    ]);
    assert!(sent.starts_with("sent "), "{sent}");
    let inbox = stand.listed(&["messages", SUPPORT]);
    assert_eq!(inbox[0]["envelope"]["subject"], "Grüße");
    let text = stand.printed(&["read", SUPPORT, "--raw"]);
    assert!(!text.contains("elsewhere@example.com"), "{text}");
    let listed = stand.listed(&["outbox", "list"]);
    assert_eq!(listed[0]["state"], "sent");
    assert_eq!(listed[0]["recipients"].as_array().map(Vec::len), Some(2));

    let refused = stand.run(&["send", "--to", "nobody", "--text", "x"]);
    refused.assert_fails(65, &["\"nobody\"", "name@domain"]);
    let refused = stand.run(&["send", "--subject", "a\nBcc: b@x.test", "--to", SUPPORT]);
    refused.assert_fails(65, &["Subject", "line break"]);
    stand.fault("refuse-mail,code=5.2.252,times=1");
    let refused = stand.run(&["send", "--to", SUPPORT, "--text", "x"]);
    refused.assert_fails(69, &["was not sent", "SendAs"]);
    let listed = stand.listed(&["outbox", "list", "--state", "failed"]);
    let id = listed[0]["id"].as_str().expect("it has a name");
    let retried = stand.printed(&["outbox", "retry", id]);
    assert!(retried.contains(&format!("sent {id}")), "{retried}");
}

#[test]
fn a_lost_answer_is_looked_up_and_nothing_is_sent_twice() {
    let stand = sending(Stand::new(), "send = \"smtp\"", "");
    stand.fault("drop-answer,times=1");
    let sent = stand.printed(&["send", "--to", SUPPORT, "--subject", "once", "--text", "x"]);
    assert!(sent.starts_with("sent "), "{sent}");
    let listed = stand.listed(&["outbox", "list"]);
    let reason = listed[0]["reason"].as_str().unwrap_or_default();
    assert!(reason.contains("found among the sent messages"), "{reason}");
    assert_eq!(stand.listed(&["messages", SUPPORT]).len(), 1);
}

#[test]
fn a_ready_message_is_sent_by_the_mailbox_that_wrote_it() {
    let another = "[mailbox.\"jun.tanaka@contoso.com\"]\nregistration = \"contoso\"\n\
                   grant = \"client_credentials\"\nsend = \"smtp\"\n";
    let stand = sending(Stand::new(), "send = \"smtp\"", another);
    let message = format!("From: Help <{SUPPORT}>\nTo: {SUPPORT}\nSubject: ready\n\nwhole\n");
    let ran = fed(&stand, &["send"], &message);
    assert_eq!(ran.exit, 0, "{}", ran.stderr);
    let text = stand.printed(&["read", SUPPORT, "--raw"]);
    assert!(text.ends_with("\r\n\r\nwhole\r\n"), "{text}");
    let ran = fed(
        &stand,
        &["send"],
        &message.replace(SUPPORT, "elsewhere@example.com"),
    );
    assert_ne!(ran.exit, 0);
    assert!(ran.stderr.contains("which mailbox sends"), "{}", ran.stderr);
    for (argument, value) in [("--idempotency-key", ""), ("--to", "a@b@contoso.com")] {
        let ran = stand.run(&["send", SUPPORT, "--text", "x", argument, value]);
        assert_eq!(ran.exit, 65, "{argument}: {}", ran.stderr);
    }
}

#[test]
fn sendmail_takes_what_programs_write() {
    let stand = sending(
        Stand::new(),
        "send = \"smtp\"",
        &format!("[outbox]\nlocal = \"{SUPPORT}\"\n"),
    );
    let cron = "To: root\nSubject: Cron <root@box> /bin/true\n\nran\n.\nbehind the dot\n";
    assert_eq!(
        sendmail(&stand, &["-FCronDaemon", "-i", "-odi", "-oem", "-t"], cron).exit,
        0
    );
    let text = stand.printed(&["read", SUPPORT, "--raw"]);
    assert!(
        text.contains("From: \"CronDaemon\" <support@contoso.com>\r\n"),
        "{text}"
    );
    assert!(text.contains("\r\n.\r\nbehind the dot\r\n"), "{text}");
    let ended = sendmail(
        &stand,
        &[SUPPORT],
        "From: support@contoso.com\n\nbody\n.\nnot this\n",
    );
    assert_eq!(ended.exit, 0, "{}", ended.stderr);
    assert!(
        !stand
            .printed(&["read", SUPPORT, "--raw"])
            .contains("not this")
    );
    sendmail(&stand, &["-bs"], "").assert_fails(64, &["-bs", "SMTP"]);
    sendmail(&stand, &["-t"], "Subject: x\n\nx\n").assert_fails(65, &["no recipient"]);
    // What cannot be sent now is kept, and it is not to be handed over again.
    stand.fault("smtp-off");
    let kept = sendmail(&stand, &[SUPPORT], "Subject: later\n\nx\n");
    assert_eq!(kept.exit, 0, "{}", kept.stderr);
    assert!(
        kept.stderr.contains("kept in the outbox"),
        "{}",
        kept.stderr
    );
    assert_eq!(stand.listed(&["outbox", "list"])[0]["state"], "queued");
}

#[test]
fn serve_sends_what_waits_and_repetitions_are_done_once() {
    let stand = sending(Stand::new(), "send = \"smtp\"", "");
    let serve = stand.serve();
    let wish = [
        "send",
        "--to",
        SUPPORT,
        "--text",
        "x",
        "--idempotency-key",
        "k",
        "--wait",
    ];
    let first = stand.printed(&wish);
    assert_eq!(stand.printed(&wish), first);
    let mut other = wish;
    other[4] = "y";
    stand.run(&other).assert_fails(65, &["idempotency key"]);
    let later = ["send", "--to", SUPPORT, "--text", "x", "--not-before", "2h"];
    stand.printed(&later);
    let listed = stand.listed(&["outbox", "list"]);
    let id = listed[0]["id"].as_str().expect("it has a name");
    assert_eq!(listed[0]["state"], "scheduled");
    stand.printed(&["outbox", "cancel", id]);
    stand
        .run(&["outbox", "cancel", id])
        .assert_fails(65, &["nothing to do"]);
    stand
        .run(&["outbox", "resolve", id, "sent"])
        .assert_fails(65, &["cancelled"]);
    assert_eq!(stand.listed(&["messages", SUPPORT]).len(), 1);
    assert_eq!(serve.stop(), 0, "{}", stand.log());
}

/// The server drops connections before, in and behind messages, and the process is killed at any
/// moment. Sent Items cannot be looked into by POP3, so the policy decides.
#[test]
fn killed_at_any_moment_nothing_is_lost_and_every_second_copy_is_told() {
    let chance = Chance::seeded(seed());
    let folder = tempfile::tempdir().expect("a temporary folder");
    let stand = Stand::with_sandbox_in(folder, &["--empty", "--unlimited"]);
    let rest = "[sink.log]\nkind = \"stream\"\nfile = \"events.ndjson\"\n\n[events]\nsinks = [\"log\"]\n\n\
                [outbox]\nunknown = \"resend\"\nmessages_per_minute = 100000\n";
    let stand = sending(stand, "read = \"pop3\"\nsend = \"smtp\"", rest);
    let (kills, messages) = (
        number("GATEPOST_KILLS", KILLS),
        number("GATEPOST_MESSAGES", MESSAGES),
    );
    let mut accepted = 0;
    for kill in 0..kills {
        let serve = stand.serve();
        let fault = FAULTS[usize::try_from(chance.below(4)).expect("a small number")];
        stand.fault(&format!("{fault},times=2"));
        while accepted < messages * (kill + 1) / kills {
            let subject = format!("number {accepted:05}");
            let ran = stand.run(&[
                "send",
                "--to",
                SUPPORT,
                "--subject",
                &subject,
                "--text",
                "x",
            ]);
            assert_eq!(ran.exit, 0, "{}", ran.stderr);
            accepted += 1;
        }
        pause(chance.up_to(Duration::from_millis(700)));
        drop(serve);
    }
    let serve = stand.serve();
    let most = messages.to_string();
    let undecided = || {
        let listed = stand.listed(&["outbox", "list", "--top", &most]);
        listed.iter().filter(|one| one["state"] != "sent").count()
    };
    for _ in 0..600 {
        if undecided() == 0 {
            break;
        }
        pause(Duration::from_millis(500));
    }
    assert_eq!(undecided(), 0, "{}", stand.log());
    assert_eq!(serve.stop(), 0, "{}", stand.log());
    let resent = resent(&stand);
    let arrived = arrived(&stand, messages * 4);
    for number in 0..messages {
        let subject = format!("number {number:05}");
        let copies = arrived.get(&subject).copied().unwrap_or(0);
        let told = resent.get(&subject).copied().unwrap_or(0);
        assert!(
            (1..=1 + told).contains(&copies),
            "{subject}: {copies} copies, {told} told"
        );
    }
}

/// How often it was told of each subject that it is sent again though nobody knows.
fn resent(stand: &Stand) -> BTreeMap<String, usize> {
    let log = std::fs::read_to_string(stand.path("events.ndjson")).expect("the sink was told");
    let mut ids = BTreeMap::new();
    for line in log.lines() {
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
fn arrived(stand: &Stand, most: u64) -> BTreeMap<String, usize> {
    let mut arrived = BTreeMap::new();
    for message in stand.listed(&["messages", SUPPORT, "--top", &most.to_string()]) {
        let subject = message["envelope"]["subject"].as_str().unwrap_or_default();
        *arrived.entry(subject.to_owned()).or_default() += 1;
    }
    arrived
}

/// The stand with a mailbox that sends.
fn sending(stand: Stand, keys: &str, rest: &str) -> Stand {
    let smtp = format!("smtp = \"{}\"\nca_file", stand.variable("SMTP"));
    let grant = "grant = \"client_credentials\"\n";
    let configuration = stand.configuration();
    let configuration = configuration
        .replace("ca_file", &smtp)
        .replace(grant, &format!("{grant}{keys}\n"));
    stand.write("gatepost.toml", &format!("{configuration}{rest}"));
    stand
}

fn sendmail(stand: &Stand, words: &[&str], message: &str) -> Ran {
    fed(stand, &[&["sendmail"], words].concat(), message)
}

fn fed(stand: &Stand, words: &[&str], message: &str) -> Ran {
    let mut command = stand.command();
    command
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program starts");
    let mut stdin = child.stdin.take().expect("it is a pipe");
    // One that refuses its options reads nothing.
    let _ = stdin.write_all(message.as_bytes());
    drop(stdin);
    let output: Output = child.wait_with_output().expect("it ends");
    ran(&output)
}

fn number(name: &str, usual: u64) -> u64 {
    let given = environment::text(name).and_then(|text| text.parse().ok());
    given.unwrap_or(usual)
}

/// The seed that is asked for, or a new one, which is said for the next time.
#[expect(clippy::print_stderr, reason = "a failure is repeated with this seed")]
fn seed() -> u64 {
    let wanted = environment::text("GATEPOST_SEED").and_then(|seed| seed.parse().ok());
    let seed = wanted.unwrap_or_else(|| Chance::system().number());
    eprintln!("GATEPOST_SEED={seed}");
    seed
}

#[expect(
    clippy::disallowed_methods,
    reason = "a kill comes at a random time; nothing is taken to have happened by then"
)]
fn pause(time: Duration) {
    std::thread::sleep(time);
}

const FAULTS: [&str; 4] = [
    "drop-before-data",
    "drop-in-data",
    "drop-unsent",
    "drop-answer",
];
/// `GATEPOST_KILLS` and `GATEPOST_MESSAGES` ask for more.
const KILLS: u64 = 10;
const MESSAGES: u64 = 40;
