//! Mailboxes by Microsoft Graph: mail, calendar, contacts, and what the token is.

use serde_json::Value;

use crate::stand::{ADA, SUPPORT, Stand};

/// Support's mailbox is read by Graph.
fn by_graph() -> Stand {
    let stand = Stand::with_mail();
    stand.configure_by("graph", "");
    stand
}

#[test]
fn a_mailbox_is_looked_through_by_graph() {
    let stand = by_graph();
    let folders = stand.listed(&["folders", SUPPORT]);
    assert_eq!(folders[0]["name"], "INBOX");
    let messages = stand.listed(&["messages", SUPPORT, "--top", "2"]);
    assert_eq!(messages.len(), 2);
    let key = messages[1]["key"]["id"].as_str().expect("an immutable id");
    let raw = stand.printed(&["read", SUPPORT, key, "--raw"]);
    let subject = messages[1]["envelope"]["subject"].as_str();
    let shown = stand.printed(&["read", SUPPORT, key]);
    assert!(shown.contains(subject.expect("it has one")), "{shown}");
    assert!(raw.contains("Message-ID:"), "{raw}");
    let ran = stand.run(&["read", SUPPORT, "AAkAnothing"]);
    assert_eq!(ran.exit, 65, "{}", ran.stderr);
}

#[test]
fn a_watch_by_graph_hands_out_what_arrives_and_survives_a_lost_sync_state() {
    let stand = by_graph();
    let watch = format!(
        "[sink.out]\nkind = \"stream\"\n\n[[watch]]\nmailbox = \"{SUPPORT}\"\nsinks = [\"out\"]\nfrom = \"beginning\"\npoll = \"1s\"\n"
    );
    let text = std::fs::read_to_string(stand.path("gatepost.toml")).expect("it is there");
    stand.write("gatepost.toml", &format!("{text}{watch}"));
    let mut serve = stand.serve();
    stand.deliver(SUPPORT, "one");
    while serve.subject() != "one" {}
    stand.fault("sync-state-lost");
    stand.deliver(SUPPORT, "two");
    assert_eq!(serve.subject(), "two", "and nothing a second time");
    assert_eq!(serve.stop(), 0);
}

#[test]
fn a_token_is_described_and_not_shown() {
    let stand = by_graph();
    let token = stand.printed(&["token", SUPPORT, "--for", "graph"]);
    let text = stand.printed(&["whoami", SUPPORT, "--for", "graph"]);
    let json = stand.printed(&["whoami", SUPPORT, "--for", "graph", "--json"]);
    let payload = token.trim().split('.').nth(1).expect("a JSON Web Token");
    for shown in [&text, &json] {
        assert!(
            !shown.contains(payload) && shown.contains("Mail.ReadWrite"),
            "{shown}"
        );
    }
    let json: Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(json["acts_as"], "app");
    assert_eq!(json["app_proved_by"], "a client secret");
    assert_eq!(json["client_id"], stand.variable("CLIENT_ID"));
    assert!(text.contains("acts as: the app itself"), "{text}");
    assert!(
        stand
            .printed(&["whoami", SUPPORT])
            .contains("Mail.ReadWrite")
    );
    let imap = stand.printed(&["whoami", SUPPORT, "--for", "imap"]);
    assert!(imap.contains("IMAP.AccessAsApp"), "{imap}");
}

#[test]
fn the_calendar_is_shown_in_the_zone_that_is_wanted() {
    let stand = by_graph();
    let week = [
        "calendar",
        ADA,
        "--as-app",
        "contoso",
        "--from",
        "2026-01-01",
        "--to",
        "2027-12-31",
    ];
    let events = |zone: &str| stand.listed(&[&week[..], &["--tz", zone]].concat());
    let (berlin, utc) = (events("Europe/Berlin"), events("UTC"));
    assert!(!utc.is_empty(), "something stands in it");
    assert_eq!(berlin.len(), utc.len());
    let timed = |events: &[Value]| {
        let timed = events.iter().find(|event| event["isAllDay"] == false);
        timed.expect("one with a time")["start"]["dateTime"].clone()
    };
    assert_ne!(timed(&berlin), timed(&utc));
    let named = |name: &str| stand.run(&[&week[..], &["--calendar", name, "--json"]].concat());
    let usual: Vec<Value> = serde_json::from_str(&named("Calendar").stdout).expect("JSON");
    assert_eq!(usual.len(), utc.len(), "it is the usual one");
    named("Kalender").assert_fails(65, &["no calendar `Kalender`; it has `Calendar`"]);
    let days = stand.printed(&[
        "calendar", ADA, "--as-app", "contoso", "--from", "-7d", "--to", "tomorrow", "--json",
    ]);
    assert!(days.starts_with('['), "{days}");
    for (option, value) in [
        ("--tz", "Europe/Atlantis"),
        ("--from", "whenever"),
        ("--to", "2025-01-01"),
        ("--to", "2031-01-01"),
    ] {
        let mut asked = vec!["calendar", ADA, "--as-app", "contoso", option, value];
        if option == "--to" {
            asked.extend(["--from", "2026-01-01"]);
        }
        let ran = stand.run(&asked);
        assert_eq!(ran.exit, 65, "{option}: {}", ran.stderr);
    }
    let spring = ["--from", "2026-03-29T02:30", "--tz"];
    let spring = [&["calendar", ADA, "--as-app", "contoso"], &spring[..]].concat();
    stand
        .run(&[&spring[..], &["W. Europe Standard Time"]].concat())
        .assert_fails(
            65,
            &[
                "--from",
                "does not exist in Europe/Berlin",
                "2026-03-29T01:59 and 2026-03-29T03:00",
            ],
        );
    assert_eq!(stand.run(&[&spring[..], &["UTC"]].concat()).exit, 0);
}

#[test]
fn contacts_are_searched() {
    let stand = by_graph();
    let all = stand.listed(&["contacts", ADA, "--as-app", "contoso"]);
    let name = all[0]["displayName"].as_str().expect("somebody is there");
    let found = stand.listed(&[
        "contacts",
        ADA,
        "--as-app",
        "contoso",
        "--search",
        &name.to_uppercase(),
    ]);
    assert!(found.iter().any(|one| one["displayName"] == name));
    let nobody = stand.listed(&[
        "contacts",
        ADA,
        "--as-app",
        "contoso",
        "--search",
        "nobody at all",
    ]);
    assert!(nobody.is_empty());
}
