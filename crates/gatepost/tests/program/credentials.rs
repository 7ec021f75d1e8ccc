//! What is told of credentials: that they are refused, work again, or end soon.

use gatepost_host::Clock;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::stand::{Running, SUPPORT, Stand};

#[test]
fn a_refused_credential_is_told_once_and_so_is_its_recovery() {
    let stand = Stand::new();
    stand.configure(&watch_to_a_stream());
    let good = stand.variable("CLIENT_SECRET").to_owned();
    stand.write_private("client.secret", "guessed");
    let mut serve = stand.serve();
    let failed = told(&mut serve, "credential.failed");
    assert_eq!(failed["data"]["code"], "secret_wrong", "{failed}");
    assert_eq!(failed["data"]["registration"], "contoso", "{failed}");
    assert_eq!(failed["data"]["mailboxes"], json!([SUPPORT]), "{failed}");
    let refused = credential(&stand);
    assert_eq!(refused["state"], "refused", "{refused}");
    assert_eq!(refused["last_error"]["code"], "secret_wrong", "{refused}");
    // A restart tells nothing of it again.
    assert_eq!(serve.stop(), 0, "{}", stand.log());
    let mut serve = stand.serve();
    let refused = (0..MOST_QUESTIONS).any(|_| credential(&stand)["state"] == "refused");
    assert!(refused, "{}", stand.log());
    stand.write_private("client.secret", &good);
    stand.printed(&["reload"]);
    let next = told(&mut serve, "credential.");
    assert_eq!(next["type"], "credential.recovered", "{next}");
    assert_eq!(credential(&stand)["state"], "working");
    stand.deliver(SUPPORT, "after all");
    assert_eq!(serve.subject(), "after all");
    assert_eq!(serve.stop(), 0, "{}", stand.log());
    assert!(!stand.log().contains("guessed"));
}

#[test]
fn the_end_of_a_secret_is_told_ahead_and_shown() {
    let stand = Stand::new();
    let end = Clock::system().now() + SignedDuration::from_hours(24 * 6);
    let day = end.strftime("%F").to_string();
    let secret = "secret = { file = \"client.secret\" }";
    let text = stand.configuration() + &watch_to_a_stream();
    let text = text.replace(secret, &format!("{secret}\nsecret_expires = \"{day}\""));
    stand.write("gatepost.toml", &text);
    let mut serve = stand.serve();
    let told = told(&mut serve, "credential.expiring");
    assert_eq!(told["data"]["part"], "client_secret", "{told}");
    assert_eq!(told["data"]["days_left"], 5, "{told}");
    assert_eq!(told["data"]["mailbox_count"], 2, "Ada's too: {told}");
    let shown = stand.printed(&["credentials"]);
    let expected = format!("client secret {day}, 5 days left");
    assert_eq!(shown.matches(&expected).count(), 2, "{shown}");
    assert!(shown.contains("sign-in needed"), "{shown}");
    assert!(shown.contains("gatepost login"), "{shown}");
    assert_eq!(serve.stop(), 0, "{}", stand.log());
    let shown = stand.printed(&["credentials"]);
    assert!(shown.contains(&expected), "also without serve: {shown}");
}

/// The next event of this kind that a stream sink tells of.
fn told(serve: &mut Running, kind: &str) -> Value {
    loop {
        let line = serve.line().expect("serve goes on");
        let event: Value = serde_json::from_str(&line).expect("an event on each line");
        let found = event["type"].as_str();
        if found.is_some_and(|found| found.starts_with(kind)) {
            return event;
        }
    }
}

/// The app's own credential.
fn credential(stand: &Stand) -> Value {
    let listed = stand.listed(&["credentials"]);
    let own = |one: &&Value| one["grant"] == "client_credentials";
    listed.iter().find(own).expect("it is configured").clone()
}

fn watch_to_a_stream() -> String {
    format!(
        "[sink.out]\nkind = \"stream\"\n\n\
         [[watch]]\nmailbox = \"{SUPPORT}\"\nsinks = [\"out\"]\nfrom = \"beginning\"\n"
    )
}

const MOST_QUESTIONS: usize = 2_000;
