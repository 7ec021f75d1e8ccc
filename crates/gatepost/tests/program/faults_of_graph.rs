//! What goes wrong at Microsoft Graph, and what the program makes of it.

use crate::stand::{SUPPORT, Stand};

/// Support's mailbox is watched by Graph; what arrives is told on standard output.
fn watched() -> Stand {
    let stand = Stand::new();
    stand.configure_by(
        "graph",
        &format!(
            "[sink.out]\nkind = \"stream\"\n\n[[watch]]\nmailbox = \"{SUPPORT}\"\n\
             sinks = [\"out\"]\nfrom = \"beginning\"\npoll = \"1s\"\n"
        ),
    );
    stand
}

#[test]
fn a_watch_tells_each_message_once_whatever_the_delta_does() {
    let stand = watched();
    let mut serve = stand.serve();
    for fault in [
        "delta-gone",
        "sync-state-lost",
        "sparse-delta",
        "replayed-delta",
        "claims-challenge,times=2",
        "throttle,mailbox=support@contoso.com,times=1",
        "cut-body,times=2",
    ] {
        let name = fault.split(',').next().unwrap_or_default();
        let subjects = ["before", "within", "after"].map(|when| format!("{name}-{when}"));
        stand.deliver(SUPPORT, &subjects[0]);
        assert_eq!(serve.subject(), subjects[0], "and nothing a second time");
        stand.fault(fault);
        stand.deliver(SUPPORT, &subjects[1]);
        assert_eq!(serve.subject(), subjects[1], "and nothing a second time");
        stand.clear_fault(name);
        stand.deliver(SUPPORT, &subjects[2]);
        assert_eq!(serve.subject(), subjects[2], "and nothing a second time");
    }
    assert_eq!(serve.stop(), 0, "{}", stand.log());
}

/// Graph was reported not to tell of messages with immutable ids that were moved into a folder.
#[test]
fn what_was_moved_in_unseen_is_found_by_the_count_of_the_folder() {
    let stand = watched();
    let mut serve = stand.serve();
    for subject in ["stays", "goes"] {
        stand.deliver(SUPPORT, subject);
        assert_eq!(serve.subject(), subject);
    }
    assert_eq!(serve.stop(), 0, "{}", stand.log());
    stand.deliver(SUPPORT, "comes back");
    let newest = stand.listed(&["messages", SUPPORT, "--top", "1"]).remove(0);
    let key = newest["key"]["id"].as_str().expect("an immutable id");
    stand.printed(&["move", SUPPORT, key, "--to", "Archive"]);
    let mut serve = stand.serve();
    stand.deliver(SUPPORT, "behind it");
    assert_eq!(serve.subject(), "behind it", "the other is away");
    assert_eq!(serve.stop(), 0, "{}", stand.log());

    stand.fault("moves-unseen");
    stand.printed(&["move", SUPPORT, key, "--folder", "Archive", "--to", "INBOX"]);
    let mut serve = stand.serve();
    assert_eq!(serve.subject(), "comes back", "and nothing a second time");
    stand.deliver(SUPPORT, "last");
    assert_eq!(serve.subject(), "last", "and nothing a second time");
    assert_eq!(serve.stop(), 0, "{}", stand.log());
}

#[test]
fn a_passing_trouble_is_passed_over_and_another_has_its_sentence() {
    let stand = Stand::with_mail();
    stand.configure_by("graph", "");
    let asked = ["messages", SUPPORT, "--top", "2", "--json"];
    let usual = stand.printed(&asked);
    for (fault, code) in [
        ("claims-challenge", None),
        ("gateway-timeout", None),
        ("server-error,mailbox=support@contoso.com", None),
        ("throttle,mailbox=support@contoso.com", None),
        ("cut-body", None),
        ("foreign-redirect", Some("graph_led_away")),
        ("foreign-next-link", Some("graph_led_away")),
        (
            "html-answer,mailbox=support@contoso.com",
            Some("mail_server_garbled"),
        ),
    ] {
        stand.fault(&format!("{fault},times=1"));
        let ran = stand.run(&asked);
        match code {
            None => {
                assert_eq!(ran.exit, 0, "{fault}: {}", ran.stderr);
                assert_eq!(ran.stdout, usual, "{fault}");
            }
            Some(code) => {
                ran.assert_fails(75, &[SUPPORT, code]);
                assert!(ran.stdout.is_empty(), "{fault}: {}", ran.stdout);
            }
        }
        if code == Some("graph_led_away") {
            let host = "graph.microsoft.com.evil.example";
            assert!(ran.stderr.contains(host), "{fault}: {}", ran.stderr);
        }
        assert_eq!(stand.printed(&asked), usual, "{fault} is over");
    }
}

/// The keeper of the program itself asks for a token with the claims that Graph wants.
#[test]
fn a_challenge_is_answered_with_a_token_that_carries_the_claims() {
    let stand = Stand::with_mail();
    stand.configure_by("graph", "");
    let before = stand.printed(&["token", SUPPORT, "--for", "graph"]);
    stand.fault("claims-challenge,times=1");
    stand.printed(&["messages", SUPPORT]);
    let after = stand.printed(&["token", SUPPORT, "--for", "graph"]);
    assert_ne!(after, before, "the one that was refused is not used again");
}

/// Once Graph has sent a message, it takes seconds until that can be seen: a draft seems to be
/// one still, and a copy is not there yet.
#[test]
fn what_is_sent_and_seen_late_is_not_sent_twice() {
    let stand = Stand::new();
    let sends = stand.configuration_by("graph").replacen(
        "read = \"graph\"\n",
        "read = \"graph\"\nsend = \"graph\"\n",
        1,
    );
    stand.write("gatepost.toml", &sends);
    stand.write("large.bin", &"0123456789abcde\n".repeat(200_000));
    stand.fault("sent-items-late");
    for (subject, file) in [("as it is", None), ("as a draft", Some("large.bin"))] {
        stand.fault("sent-then-timeout,times=1");
        let mut arguments = vec!["send", "--to", SUPPORT, "--subject", subject, "--text", "x"];
        arguments.extend(file.iter().flat_map(|file| ["--attach", file]));
        let ran = stand.run(&arguments);
        assert!(
            ran.stdout.starts_with("sent "),
            "{subject}: {}{}",
            ran.stdout,
            ran.stderr
        );
        let arrived = stand.listed(&["messages", SUPPORT, "--subject", subject]);
        assert_eq!(arrived.len(), 1, "{subject}");
        let kept = stand.listed(&[
            "messages",
            SUPPORT,
            "--folder",
            "Sent Items",
            "--subject",
            subject,
        ]);
        assert_eq!(kept.len(), 1, "{subject}");
    }
    let drafts = stand.listed(&["messages", SUPPORT, "--folder", "Drafts"]);
    assert!(drafts.is_empty(), "{drafts:?}");
    let sent = stand.listed(&["outbox", "list"]);
    assert!(sent.iter().all(|one| one["attempts"] == 1), "{sent:?}");
}
