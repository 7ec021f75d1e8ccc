//! `gatepost demo`, and the programs that need no configuration.

use std::process::Command;

use crate::stand::{Stand, program, ran};

#[test]
fn the_tour_keeps_what_it_claims() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let output = program(folder.path())
        .args(["demo", "--once", "--dir", "demo"])
        .output();
    let ran = ran(&output.expect("the program starts"));
    assert_eq!(ran.exit, 0, "{}\n{}", ran.stdout, ran.stderr);
    assert!(
        ran.stdout.contains("✓ nothing was marked as read"),
        "{}",
        ran.stdout
    );
    assert!(
        folder.path().join("demo/gatepost.toml").is_file(),
        "it can be copied"
    );
    let output = program(folder.path())
        .args(["demo", "--once", "--dir", "demo"])
        .output();
    let again = crate::stand::ran(&output.expect("the program starts"));
    again.assert_fails(65, &["demo", "not empty"]);
}

#[test]
fn without_a_configuration_the_way_is_shown() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let output = program(folder.path())
        .env("HOME", folder.path())
        .arg("mailboxes")
        .output();
    let ran = ran(&output.expect("the program starts"));
    ran.assert_fails(64, &["--config FILE", "gatepost demo", "gatepost.toml"]);
}

#[test]
fn a_sandbox_is_found_by_what_its_env_file_brings_into_a_shell() {
    let stand = Stand::new();
    stand.write("a letter.eml", "Subject: hello\r\n\r\nhello\r\n");
    let script = "set -a; . ./sandbox.env; set +a
        \"$1\" sandbox deliver --to support@contoso.com 'a letter.eml' && \"$1\" sandbox fault";
    let shell = Command::new("sh")
        .current_dir(stand.path(""))
        .args(["-c", script, "sh", env!("CARGO_BIN_EXE_gatepost")])
        .output();
    let ran = ran(&shell.expect("a shell"));
    assert_eq!(ran.exit, 0, "{}", ran.stderr);
    assert!(
        ran.stdout.contains("UID") && ran.stdout.contains("no fault stands"),
        "{}",
        ran.stdout
    );
}

#[test]
fn a_code_is_explained() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let explain = |code: &str| {
        let output = program(folder.path()).args(["explain", code]).output();
        ran(&output.expect("the program starts"))
    };
    let page = explain("config_missing");
    assert_eq!(page.exit, 0, "{}", page.stderr);
    assert!(
        page.stdout.starts_with("# config_missing\n"),
        "{}",
        page.stdout
    );
    explain("config_mising").assert_fails(65, &["config_missing"]);
}

#[test]
fn a_wrong_command_line_is_bad_input() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let output = program(folder.path()).arg("serv").output();
    let ran = ran(&output.expect("the program starts"));
    assert_eq!(ran.exit, 65);
    assert!(ran.stderr.contains("serve"), "{}", ran.stderr);
}
