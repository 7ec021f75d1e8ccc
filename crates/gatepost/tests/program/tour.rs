//! `gatepost demo`, and the programs that need no configuration.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use crate::stand::{Running, Stand, program, ran};

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
    let number = explain("AADSTS7000215");
    assert_eq!(number.exit, 0, "{}", number.stderr);
    assert!(
        number.stdout.contains("\n# secret_wrong\n"),
        "{}",
        number.stdout
    );
    let unknown = explain("AADSTS1");
    assert_eq!(unknown.exit, 0, "{}", unknown.stderr);
    assert!(
        unknown.stdout.contains("does not know this number"),
        "{}",
        unknown.stdout
    );
}

/// In a folder that everybody writes to, somebody else could have put a file of that name.
#[test]
fn a_sandbox_says_where_it_is_to_its_user_alone() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at_home = || {
        let mut command = program(folder.path());
        command
            .env("HOME", folder.path())
            .env_remove("XDG_RUNTIME_DIR")
            .env_remove("XDG_STATE_HOME");
        command
    };
    let mut command = at_home();
    command.args(["sandbox", "--empty"]);
    let mut sandbox = Running::start(command);
    sandbox.line().expect("the sandbox starts");
    let state = folder.path().join(".local/state/gatepost");
    let mode = |path: &std::path::Path| {
        let metadata = std::fs::metadata(path).expect("it is there");
        metadata.permissions().mode() & 0o777
    };
    assert_eq!(mode(&state), 0o700);
    assert_eq!(mode(&state.join("gatepost-sandbox.env")), 0o600);
    let output = at_home().args(["sandbox", "fault"]).output();
    let found = ran(&output.expect("the program starts"));
    assert_eq!(found.stdout, "no fault stands\n", "{}", found.stderr);
}

#[test]
fn a_wrong_command_line_is_bad_input() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let output = program(folder.path()).arg("serv").output();
    let ran = ran(&output.expect("the program starts"));
    assert_eq!(ran.exit, 65);
    assert!(ran.stderr.contains("serve"), "{}", ran.stderr);
}
