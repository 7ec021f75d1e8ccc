//! Tokens for other programs: their forms, files that stay fresh, and no caller that waits.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::Value;

use crate::stand::{SUPPORT, Stand};

#[test]
fn every_program_gets_its_form() {
    let stand = Stand::new();
    let form = |form: &str| stand.printed(&["token", SUPPORT, "--format", form]);
    let token = form("raw");
    assert_eq!(form("mutt"), token);
    assert_eq!(form("header"), format!("Authorization: Bearer {token}"));
    let response = form("xoauth2");
    assert_eq!(form("sasl-ir"), format!("XOAUTH2 {response}"));
    let file: Value = serde_json::from_str(&form("sasl-xoauth2")).expect("JSON");
    assert_eq!(file["access_token"].as_str(), Some(token.trim_end()));
    assert_eq!(file["user"], SUPPORT);
    for audience in ["imap", "pop3", "smtp"] {
        stand.printed(&["token", SUPPORT, "--for", audience]);
    }
    stand
        .run(&["token", SUPPORT, "--for", "graph", "--format", "sasl-ir"])
        .assert_fails(65, &["--format", "Microsoft Graph"]);
}

#[test]
fn a_token_goes_into_a_file_that_nobody_else_reads() {
    let stand = Stand::new();
    let printed = stand.printed(&["token", SUPPORT, "--output", "token"]);
    assert_eq!(printed, "");
    assert_eq!(mode(&stand.path("token")), 0o600);
}

#[test]
fn nobody_waits_longer_than_they_said() {
    let stand = Stand::new();
    stand.fault("hang");
    stand
        .run(&["token", SUPPORT, "--timeout", "100ms"])
        .assert_fails(75, &[SUPPORT, "100 ms", "--timeout"]);
    let ran = stand.run(&["token", SUPPORT, "--timeout", "soon"]);
    assert_eq!(ran.exit, 65, "{}", ran.stderr);
}

#[test]
fn serve_keeps_a_file_with_a_token_fresh() {
    let stand = Stand::new();
    let files = format!(
        "[[token_file]]\nmailbox = \"{SUPPORT}\"\npath = \"plain\"\n\n\
         [[token_file]]\nmailbox = \"{SUPPORT}\"\npath = \"postfix\"\nfor = \"smtp\"\n\
         format = \"sasl-xoauth2\"\nreadable_by = \"group\"\n"
    );
    stand.configure(&files);
    let serve = stand.serve();
    let token = stand.printed(&["token", SUPPORT]);
    assert_eq!(written(&stand, "plain"), token);
    let file: Value = serde_json::from_str(&written(&stand, "postfix")).expect("JSON");
    assert_eq!(file["access_token"].as_str(), Some(token.trim_end()));
    assert_eq!(
        (mode(&stand.path("plain")), mode(&stand.path("postfix"))),
        (0o600, 0o640)
    );
    assert_eq!(serve.stop(), 0, "{}", stand.log());
}

/// What is in the file, once there is one: asks the running `serve` meanwhile.
fn written(stand: &Stand, name: &str) -> String {
    for _ in 0..MOST_QUESTIONS {
        if let Ok(text) = std::fs::read_to_string(stand.path(name)) {
            return text;
        }
        stand.printed(&["token", SUPPORT]);
    }
    panic!("{name} was not written: {}", stand.log());
}

fn mode(path: &Path) -> u32 {
    let metadata = std::fs::metadata(path).expect("the file is there");
    metadata.permissions().mode() & 0o777
}

const MOST_QUESTIONS: usize = 2_000;
