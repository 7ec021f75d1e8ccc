//! What is told of credentials: that they are refused, work again, or end soon.

use gatepost_host::Clock;
use jiff::{SignedDuration, Timestamp, ToSpan as _};
use serde_json::{Value, json};

use crate::certificates::{certificate, day, today};
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
    let left = told["data"]["days_left"].as_i64().expect("a number");
    assert!(
        (4..=5).contains(&left),
        "4 if it is past midnight now: {told}"
    );
    assert_eq!(told["data"]["mailbox_count"], 2, "Ada's too: {told}");
    let shown = stand.printed(&["credentials"]);
    let expected = format!("client secret {day}, {left} days left");
    assert_eq!(shown.matches(&expected).count(), 2, "{shown}");
    assert!(shown.contains("sign-in needed"), "{shown}");
    assert!(shown.contains("gatepost login"), "{shown}");
    assert_eq!(serve.stop(), 0, "{}", stand.log());
    let shown = stand.printed(&["credentials"]);
    assert!(shown.contains(&expected), "also without serve: {shown}");
}

#[test]
fn the_end_of_a_secret_is_read_from_graph_where_that_is_permitted() {
    let stand = Stand::new();
    let login = format!("login = \"{}\"", stand.variable("LOGIN"));
    let with_graph = format!("{login}\ngraph = \"{}\"", stand.variable("LOGIN"));
    let text = stand.configuration() + &watch_to_a_stream();
    stand.write("gatepost.toml", &text.replace(&login, &with_graph));
    let serve = stand.serve();
    let ends = || credential(&stand)["expires"].clone();
    let told = (0..MOST_QUESTIONS).any(|_| ends() != json!([]));
    assert!(told, "{}", stand.log());
    assert_eq!(ends()[0]["part"], "client_secret", "{}", ends());
    assert_eq!(serve.stop(), 0, "{}", stand.log());
}

#[test]
fn a_refusal_is_told_within_a_minute_in_the_log_and_to_a_program() {
    let stand = Stand::new();
    stand.write_program("pager", "cp \"$GATEPOST_EVENT\" paged.json");
    stand.write_private("client.secret", "guessed");
    stand.configure(&format!(
        "[sink.pager]\nkind = \"command\"\nrun = [\"./pager\"]\n\n\
         [events]\nsinks = [\"pager\"]\nkinds = [\"credential.failed\"]\n\n{}",
        watch_to_a_stream()
    ));
    let serve = stand.serve();
    let done = ["deliveries", "list", "--sink", "pager", "--state", "done"];
    let paged = (0..MOST_QUESTIONS).any(|_| stand.listed(&done).len() == 1);
    assert!(paged, "{}", stand.log());
    assert_eq!(serve.stop(), 0, "{}", stand.log());

    let event = std::fs::read_to_string(stand.path("paged.json")).expect("the program ran");
    let event: Value = serde_json::from_str(&event).expect("an event");
    assert_eq!(event["type"], "credential.failed", "{event}");
    assert_eq!(event["data"]["code"], "secret_wrong", "{event}");
    let log = stand.log();
    let refused = log.lines().find(|line| line.contains("AADSTS7000215"));
    let refused = at(refused.expect("the first refusal is logged"));
    let told = event["timestamp"].as_str().and_then(|at| at.parse().ok());
    let told: Timestamp = told.expect("an event has a time");
    let delay = told.duration_since(refused);
    assert!(delay <= SignedDuration::from_mins(1), "{delay:?}: {log}");

    let line = log.lines().find(|line| line.contains("credential.failed"));
    let line = line.expect("the log tells of it, too");
    for word in [
        "ERROR",
        "contoso",
        "AADSTS7000215",
        "use the secret's value",
    ] {
        assert!(line.contains(word), "{word} is missing in: {line}");
    }
    let delay = at(line).duration_since(refused);
    assert!(delay <= SignedDuration::from_mins(1), "{delay:?}: {log}");
}

#[test]
fn the_end_of_a_certificate_is_told_ahead_and_shown() {
    // The sandbox finds a certificate for its app in its state folder.
    let folder = tempfile::tempdir().expect("a temporary folder");
    let tenant = folder.path().join("tenant");
    gatepost_host::files::make_private_folder(&tenant).expect("a writable folder");
    let end = today().saturating_add(6.days());
    let (certificate, key) = certificate(day(2019, 1, 1), end);
    for (name, text) in [("app.pem", certificate), ("app.key", key)] {
        let written = gatepost_host::files::write_private(&tenant.join(name), text.as_bytes());
        written.expect("a writable folder");
    }
    let stand = Stand::with_sandbox_in(folder, &["--empty", "--state", "tenant"]);
    let secret = "secret = { file = \"client.secret\" }";
    let files = "certificate = { file = \"tenant/app.pem\" }\n\
                 private_key = { file = \"tenant/app.key\" }";
    let text = stand.configuration() + &watch_to_a_stream();
    stand.write("gatepost.toml", &text.replace(secret, files));
    let mut serve = stand.serve();
    let told = told(&mut serve, "credential.");
    assert_eq!(told["type"], "credential.expiring", "{told}");
    assert_eq!(told["data"]["part"], "certificate", "{told}");
    let left = told["data"]["days_left"].as_i64().expect("a number");
    assert!(
        (4..=5).contains(&left),
        "4 if it is past midnight now: {told}"
    );
    assert_eq!(told["data"]["mailbox_count"], 2, "Ada's too: {told}");
    let reason = told["data"]["reason"].as_str().unwrap_or_default();
    assert!(reason.contains("upload its public part"), "{told}");
    assert!(
        stand.log().contains("credential.expiring"),
        "{}",
        stand.log()
    );
    let shown = stand.printed(&["credentials"]);
    let expected = format!("certificate {end}, {left} days left");
    assert_eq!(shown.matches(&expected).count(), 2, "{shown}");
    // It opens the mailbox until then.
    stand.deliver(SUPPORT, "in time");
    assert_eq!(serve.subject(), "in time");
    assert_eq!(serve.stop(), 0, "{}", stand.log());
}

/// When a line was logged.
fn at(line: &str) -> Timestamp {
    let time = line.split_whitespace().next().unwrap_or_default();
    time.parse()
        .unwrap_or_else(|_| panic!("no time in: {line}"))
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
