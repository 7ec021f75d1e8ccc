//! Where secrets are found: in variables, files, on the output of programs, with systemd. None
//! of them is ever said.

use crate::stand::{SUPPORT, Stand};

const WEBHOOK: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

#[test]
fn every_secret_is_fetched_and_none_is_printed() {
    let stand = Stand::new();
    for found in [
        "{ env = \"CLIENT_SECRET\" }",
        "{ file = \"client.secret\" }",
        "{ command = [\"cat\", \"client.secret\"] }",
        "{ systemd = \"client.secret\" }",
    ] {
        let text = stand
            .configuration()
            .replace("{ file = \"client.secret\" }", found);
        stand.write("gatepost.toml", &(text + &webhook("{ env = \"WEBHOOK\" }")));
        for arguments in [&["config", "check", "--secrets"][..], &["token", SUPPORT]] {
            let mut command = stand.command();
            command
                .args(arguments)
                .env("CLIENT_SECRET", stand.variable("CLIENT_SECRET"))
                .env("WEBHOOK", WEBHOOK)
                .env("CREDENTIALS_DIRECTORY", stand.path(""));
            let ran = crate::stand::ran(&command.output().expect("the program starts"));
            assert_eq!(ran.exit, 0, "{found}: {}", ran.stderr);
            for secret in [stand.variable("CLIENT_SECRET"), WEBHOOK] {
                let said = format!("{}{}", ran.stdout, ran.stderr);
                assert!(!said.contains(secret), "{found}: {said}");
            }
        }
    }
}

#[test]
fn a_secret_that_cannot_be_fetched_is_found_before_serve_needs_it() {
    let stand = Stand::new();
    for (found, words) in [
        ("{ env = \"NOT_THERE\" }", ["NOT_THERE", "tickets"]),
        ("{ command = [\"false\"] }", ["false", "tickets"]),
        (
            "{ systemd = \"absent\" }",
            ["CREDENTIALS_DIRECTORY", "tickets"],
        ),
    ] {
        stand.configure(&webhook(found));
        stand.printed(&["config", "check"]);
        let ran = stand.run(&["config", "check", "--secrets"]);
        ran.assert_fails(64, &words);
    }
}

fn webhook(secret: &str) -> String {
    format!(
        "[sink.tickets]\nkind = \"webhook\"\nurl = \"https://example.com/\"\nsecret = {secret}\n"
    )
}
