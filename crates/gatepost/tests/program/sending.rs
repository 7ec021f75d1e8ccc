//! Messages that are handed over, through the outbox and out.

use std::io::Write as _;
use std::process::{Output, Stdio};

use gatepost_host::Clock;

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
    let why = listed[0]["reason"].as_str().unwrap_or_default();
    assert!(why.starts_with("by smtp: 250 "), "{why}");
    assert_eq!(listed[0]["recipients"].as_array().map(Vec::len), Some(2));

    let refused = stand.run(&["send", "--to", "nobody", "--text", "x"]);
    refused.assert_fails(
        65,
        &["\"nobody\"", "name@domain", "correct what was asked for"],
    );
    let refused = stand.run(&["send", "--subject", "a\nBcc: b@x.test", "--to", SUPPORT]);
    refused.assert_fails(65, &["Subject", "line break"]);
    stand.fault("refuse-mail,code=5.2.252,times=1");
    let refused = stand.run(&["send", "--to", SUPPORT, "--text", "x"]);
    refused.assert_fails(
        77,
        &[
            "was not sent",
            "permission SendAs",
            "Add-RecipientPermission",
            "an administrator of the Microsoft 365 tenant must act",
            "gatepost explain send_as_denied",
        ],
    );
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
    // Whoever runs a program is a user of this machine and no mailbox.
    let ended = sendmail(&stand, &["-f", "www-data", SUPPORT], &message);
    assert_eq!(ended.exit, 0, "{}", ended.stderr);
    fed(&stand, &["send", SUPPORT], "").assert_fails(65, &["standard input", "empty"]);
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
        text.contains("From: CronDaemon <support@contoso.com>\r\n"),
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
    sendmail(&stand, &["-bs"], "").assert_fails(65, &["-bs", "SMTP"]);
    sendmail(&stand, &["-t"], "Subject: x\n\nx\n").assert_fails(65, &["no recipient"]);
    let vacation = "From: support@contoso.com\nSubject: away\n\nx\n";
    let ended = sendmail(&stand, &["-f", "<>", SUPPORT], vacation);
    assert_eq!(ended.exit, 0, "{}", ended.stderr);
    let listed = stand.listed(&["outbox", "list"]);
    assert!(
        listed.iter().any(|one| one["sender"].is_null()),
        "{listed:?}"
    );
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

/// What is accepted is accepted, whether it can be sent now or not.
#[test]
fn what_waits_is_accepted_and_says_what_it_waits_for() {
    let stand = sending(Stand::new(), "send = \"smtp\"", "");
    let later = ["send", "--to", SUPPORT, "--text", "x", "--not-before", "2h"];
    let ran = stand.run(&later);
    assert_eq!(ran.exit, 0, "{}", ran.stderr);
    assert!(ran.stdout.starts_with("scheduled "), "{}", ran.stdout);
    for words in ["not to be sent before", "gatepost serve", "outbox retry"] {
        assert!(ran.stderr.contains(words), "{}", ran.stderr);
    }
    stand.fault("smtp-off");
    let busy = stand.run(&["send", "--to", SUPPORT, "--text", "x"]);
    assert_eq!(busy.exit, 0, "{}", busy.stderr);
    assert!(busy.stdout.starts_with("queued "), "{}", busy.stdout);
    assert!(
        busy.stderr.contains("do not hand it over again"),
        "{}",
        busy.stderr
    );
    let waited = stand.run(&["send", "--to", SUPPORT, "--text", "x", "--wait"]);
    waited.assert_fails(
        75,
        &[
            "kept in the outbox",
            "gatepost explain smtp_switched_off",
            "an administrator of the Microsoft 365 tenant must act",
        ],
    );
    stand.clear_fault("smtp-off");
    // One that is refused keeps no other back.
    stand.fault("refuse-mail,code=5.2.252,times=1");
    let retried = stand.run(&["outbox", "retry", "--mailbox", SUPPORT]);
    retried.assert_fails(77, &["permission SendAs"]);
    assert!(
        retried.stdout.starts_with("2 of 2 due at once\nsent "),
        "{}",
        retried.stdout
    );
    let listed = stand.listed(&["outbox", "list", "--state", "scheduled"]);
    assert_eq!(listed.len(), 1, "{listed:?}");
}

/// Whoever waits for a `serve` is told what he would be told without one, as soon as it is known.
#[test]
fn whoever_waits_beside_a_serve_is_told_what_keeps_the_message() {
    let stand = sending(Stand::new(), "send = \"smtp\"", "");
    let serve = stand.serve();
    stand.fault("smtp-off");
    let wait = [
        "send",
        "--to",
        SUPPORT,
        "--text",
        "x",
        "--wait",
        "--timeout",
        "4m",
    ];
    let clock = Clock::system();
    let begun = clock.now();
    // The second one is never tried: it waits with its mailbox.
    for _ in 0..2 {
        stand.run(&wait).assert_fails(
            75,
            &[
                "kept in the outbox",
                "Set-CASMailbox",
                "gatepost explain smtp_switched_off",
                "an administrator of the Microsoft 365 tenant must act",
            ],
        );
    }
    let took = clock.now().duration_since(begun);
    assert!(took.as_secs() < 60, "{took:?}");
    let listed = stand.listed(&["outbox", "list"]);
    let codes: Vec<_> = listed.iter().map(|one| &one["code"]).collect();
    assert_eq!(codes, ["smtp_switched_off", "smtp_switched_off"]);
    let later = ["--not-before", "2h"];
    let later = stand.printed(&[&wait[..], &later].concat());
    assert!(later.starts_with("scheduled "), "{later}");
    assert_eq!(serve.stop(), 0, "{}", stand.log());
}

/// Which mailbox would send it is no question then.
#[test]
fn what_is_empty_is_called_so_whatever_else_is_wrong() {
    let stand = sending(Stand::new(), "send = \"smtp\"", "");
    for words in [&["-t", "-i"][..], &[SUPPORT], &["-f", "www-data", "-t"]] {
        sendmail(&stand, words, "").assert_fails(65, &["standard input", "it is empty"]);
    }
    assert!(stand.listed(&["outbox", "list"]).is_empty());
    let retry = stand.run(&["outbox", "retry"]);
    assert_eq!(retry.exit, 65, "{}", retry.stderr);
    for usage in ["retry <IDS>...", "retry --mailbox <MAILBOX>"] {
        assert!(retry.stderr.contains(usage), "{}", retry.stderr);
    }
}

#[test]
fn sendmail_helps_and_passes_wishes_for_reports_on() {
    let stand = sending(Stand::new(), "send = \"smtp\"", "");
    let help = stand.printed(&["sendmail", "--help"]);
    assert!(help.contains("-t ") && help.contains("-N WHEN"), "{help}");
    sendmail(&stand, &["-N", "sometimes", SUPPORT], "x").assert_fails(
        65,
        &["-N", "failure,delay,success", "correct what was asked for"],
    );
    let message = "Subject: wishes\n\nx\n";
    let wishes = [
        "-v", "-N", "never", "-R", "hdrs", "-V", "QQ1", "-F", "Größe", SUPPORT,
    ];
    let sent = sendmail(&stand, &wishes, message);
    assert_eq!(sent.exit, 0, "{}", sent.stderr);
    assert!(sent.stderr.contains("sent "), "{}", sent.stderr);
    let text = stand.printed(&["read", SUPPORT, "--raw"]);
    assert!(text.contains("From: =?utf-8?B?"), "{text}");
    let listed = stand.listed(&["outbox", "list"]);
    assert_eq!(listed[0]["dsn"]["envelope_id"], "QQ1");
    assert_eq!(listed[0]["dsn"]["notify"], "never");
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
        .assert_fails(65, &[&format!("the message {id} is cancelled")]);
    stand
        .run(&["outbox", "retry", "--mailbox", SUPPORT])
        .assert_fails(65, &["waits or gave up"]);
    stand
        .run(&["outbox", "resolve", id, "sent"])
        .assert_fails(65, &["cancelled"]);
    assert_eq!(stand.listed(&["messages", SUPPORT]).len(), 1);
    assert_eq!(serve.stop(), 0, "{}", stand.log());
}

/// The stand with a mailbox that sends.
pub(crate) fn sending(stand: Stand, keys: &str, rest: &str) -> Stand {
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

/// Runs the program with `message` on its standard input.
pub(crate) fn fed(stand: &Stand, words: &[&str], message: &str) -> Ran {
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

/// Graph answers before it has all of a message, when its departure is being written.
#[test]
fn what_graph_refuses_for_now_says_why_and_is_sent_later() {
    let stand = sending(Stand::new(), "send = \"graph\"", "");
    let graph = format!("graph = \"{}\"\nca_file", stand.variable("GRAPH"));
    let written = std::fs::read_to_string(stand.path("gatepost.toml")).expect("it is there");
    stand.write("gatepost.toml", &written.replacen("ca_file", &graph, 1));
    let serve = stand.serve();
    let send = |subject: &str| {
        let wait = [
            "send",
            "--to",
            SUPPORT,
            "--text",
            "x",
            "--wait",
            "--timeout",
            "20s",
            "--subject",
        ];
        stand.run(&[&wait[..], &[subject]].concat())
    };
    for (fault, code) in [("server-error", "503"), ("throttle", "429")] {
        // Over a session that was used before.
        let before = send("before");
        assert_eq!(before.exit, 0, "{}", before.stderr);
        stand.fault(&format!("{fault},mailbox={SUPPORT},times=1"));
        let after = send(fault);
        assert!(after.stderr.contains(code), "{fault}: {}", after.stderr);
        let listed = stand.listed(&["outbox", "list"]);
        let reason = listed[0]["reason"].as_str().unwrap_or_default();
        assert!(!reason.contains("cancelled"), "{fault}: {reason}");
    }
    assert_eq!(serve.stop(), 0, "{}", stand.log());
}
