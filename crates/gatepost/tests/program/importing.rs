//! `gatepost import emailproxy`: cut off anywhere, it is done again and comes to the same.

use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::stand::{Ran, program, ran};

/// Accounts of one app, with a password for each: each is a look at Argon2id, and a transaction.
const ACCOUNTS: usize = 5;
const APP: &str = "token_url = https://login.microsoftonline.com/contoso.com/oauth2/v2.0/token\n\
    client_id = bcdb5ae8-1ab8-47c3-b0b2-6756048e2ddc\nclient_secret = canary-of-the-app\n\
    oauth2_scope = https://outlook.office365.com/.default\noauth2_flow = client_credentials\n";

/// A folder with the files of the other program.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut file = "[IMAP-1993]\nlocal_address = 127.0.0.1\n\
        server_address = outlook.office365.com\nserver_port = 993\n"
        .to_owned();
    let mut passwords = String::new();
    for number in 0..ACCOUNTS {
        // Writing into memory never fails.
        let _ = write!(file, "[printer{number}@contoso.com]\n{APP}");
        let _ = writeln!(passwords, "printer{number}@contoso.com password-{number}");
    }
    write(folder.path(), "emailproxy.config", &file);
    write(folder.path(), "passwords", &passwords);
    folder
}

fn write(folder: &Path, name: &str, content: &str) {
    let path = folder.join(name);
    std::fs::write(&path, content).expect("a writable folder");
    let private = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(path, private).expect("our own file");
}

fn gatepost(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = program(folder);
    command.env("STATE_DIRECTORY", folder.join("state"));
    command.args(arguments);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn run(folder: &Path, arguments: &[&str]) -> Ran {
    ran(&gatepost(folder, arguments)
        .output()
        .expect("the program starts"))
}

const IMPORT: [&str; 7] = [
    "import",
    "emailproxy",
    "emailproxy.config",
    "--passwords",
    "passwords",
    "--write",
    "gatepost.toml",
];

/// How many octets the import has written so far: what it was given does not count.
fn written(folder: &Path) -> u64 {
    let sizes = |folder: &Path| {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let files = entries.filter_map(|entry| entry.metadata().ok());
        let files = files.filter(std::fs::Metadata::is_file);
        files.map(|file| file.len()).sum::<u64>()
    };
    sizes(folder) + sizes(&folder.join("state"))
}

/// Kills an import that has written so much; answers whether it was killed before its end.
fn cut_off(folder: &Path, octets: u64) -> bool {
    let given = written(folder);
    let mut import = gatepost(folder, &IMPORT).spawn().expect("it starts");
    loop {
        if import.try_wait().expect("our own process").is_some() {
            return false;
        }
        if written(folder) >= given + octets {
            import.kill().expect("our own process");
            let ended = import.wait().expect("our own process");
            return ended.code().is_none();
        }
        std::thread::yield_now();
    }
}

#[test]
fn an_import_that_was_killed_anywhere_is_repeated_and_makes_nothing_twice() {
    // With the secret's first octet, with the store, and ever further into it.
    for (turn, octets) in [1, 100, 60_000, 150_000, 250_000].into_iter().enumerate() {
        let folder = folder();
        let folder = folder.path();
        let killed = cut_off(folder, octets);
        let target = folder.join("gatepost.toml");
        assert!(killed || turn > 1, "it has not done anything dear yet");
        assert_eq!(target.exists(), !killed, "the configuration is last");
        if killed {
            let again = run(folder, &IMPORT);
            assert_eq!(again.exit, 0, "{octets}: {}", again.stderr);
        }
        let listed = run(folder, &["password", "list", "--json"]);
        let listed: Vec<Value> = serde_json::from_str(&listed.stdout).expect("a list");
        assert_eq!(listed.len(), ACCOUNTS, "{octets}: {listed:?}");
        let checked = run(folder, &["config", "check", "--secrets"]);
        assert_eq!(checked.exit, 0, "{octets}: {}", checked.stderr);
    }
}

#[test]
fn a_secret_of_somebody_else_is_not_overwritten() {
    let folder = folder();
    let folder = folder.path();
    write(folder, "gatepost.contoso.secret", "another");
    let refused = run(folder, &IMPORT);
    refused.assert_fails(65, &["gatepost.contoso.secret", "another secret"]);
    assert!(!folder.join("gatepost.toml").exists());
    let kept = std::fs::read(folder.join("gatepost.contoso.secret"));
    assert_eq!(kept.expect("it is there"), b"another");
    write(folder, "gatepost.contoso.secret", "canary-of-the-app");
    let done = run(folder, &IMPORT);
    assert_eq!(done.exit, 0, "{}", done.stderr);
}

#[test]
fn what_cannot_go_on_together_is_told_by_its_lines_and_not_written() {
    let folder = folder();
    let folder = folder.path();
    // Two doors at one port.
    let file = std::fs::read_to_string(folder.join("emailproxy.config")).expect("a text");
    let line = file.lines().count() + 1;
    let twice = format!(
        "{file}[SMTP-1993]\nlocal_address = 127.0.0.1\n\
         server_address = smtp.office365.com\nserver_port = 587\nserver_starttls = True\n"
    );
    write(folder, "emailproxy.config", &twice);
    let both = format!(
        "[IMAP-1993] (line 1) listens at 127.0.0.1:1993, and so does [SMTP-1993] (line {line})"
    );
    for arguments in [&IMPORT[..], &IMPORT[..3]] {
        let refused = run(folder, arguments);
        refused.assert_fails(65, &["emailproxy.config", &both, "import_contradiction"]);
        assert!(
            !refused.stderr.contains("gatepost.toml"),
            "{}",
            refused.stderr
        );
        assert!(
            refused.stdout.contains("[gateway.smtp-1993]"),
            "{}",
            refused.stdout
        );
    }
    is_untouched(folder);
}

fn is_untouched(folder: &Path) {
    let found = std::fs::read_dir(folder).expect("our own folder");
    let names: Vec<_> = found.flatten().map(|entry| entry.file_name()).collect();
    assert_eq!(names.len(), 2, "nothing was made: {names:?}");
}

/// Without `--write`, and with it and `--dry-run`, it comes to what `--write` comes to.
#[test]
fn a_dry_run_ends_as_the_import_would() {
    let folder = folder();
    let folder = folder.path();
    let dry = [&IMPORT[..], &["--dry-run"]].concat();
    let done = run(folder, &dry);
    assert_eq!(done.exit, 0, "{}", done.stderr);
    is_untouched(folder);
    let nowhere = [&IMPORT[..6], &["nowhere/gatepost.toml"]].concat();
    for arguments in [&nowhere[..], &[&nowhere[..], &["--dry-run"]].concat()] {
        let refused = run(folder, arguments);
        refused.assert_fails(65, &["nowhere is not there", "import_folder_missing"]);
    }
    write(folder, "gatepost.contoso.secret", "another");
    for arguments in [&dry[..], &IMPORT[..]] {
        run(folder, arguments).assert_fails(65, &["another secret"]);
    }
    std::fs::remove_file(folder.join("gatepost.contoso.secret")).expect("our own file");
    write(folder, "emailproxy.config", "[emailproxy]\n");
    for arguments in [&dry[..], &IMPORT[..3], &IMPORT[..]] {
        run(folder, arguments).assert_fails(65, &["import_nothing_usable"]);
    }
    is_untouched(folder);
}

/// What the command line names is wrong, and not a configuration of ours.
#[test]
fn a_file_that_cannot_be_read_is_to_be_named_anew() {
    let folder = folder();
    let folder = folder.path();
    write(folder, "open", "printer0@contoso.com password-0\n");
    let for_all = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(folder.join("open"), for_all).expect("our own file");
    let file = "emailproxy.config";
    for (arguments, words) in [
        (&["nope.config"][..], ["nope.config", "file_missing"]),
        (&[file, "--cache-store", "nope"], ["nope", "file_missing"]),
        (&[file, "--passwords", "nope"], ["nope", "file_missing"]),
        (
            &[file, "--passwords", "open"],
            ["chmod 600", "file_readable_by_others"],
        ),
    ] {
        let refused = run(folder, &[&["import", "emailproxy"], arguments].concat());
        refused.assert_fails(65, &words);
        refused.assert_fails(65, &["correct what was asked for"]);
    }
}

/// An app with and without a secret, and a domain without any account of its own.
#[test]
fn twins_of_an_app_and_domains_alone_are_configurations() {
    let folder = folder();
    let folder = folder.path();
    let person = APP
        .replace("client_secret = canary-of-the-app\n", "")
        .replace("oauth2_flow = client_credentials\n", "");
    let person = format!(
        "{person}permission_url = https://login.microsoftonline.com/contoso.com/oauth2/v2.0/authorize\n"
    );
    let file = format!(
        "[jun@contoso.com]\n{person}[jun@contoso.com\\sales]\n{person}\
         client_secret = canary-of-the-app\n[printer0@contoso.com]\n{APP}"
    );
    write(folder, "emailproxy.config", &file);
    let done = run(folder, &[&IMPORT[..3], &IMPORT[5..]].concat());
    assert_eq!(done.exit, 0, "{}", done.stderr);
    let good = run(folder, &["config", "check", "--secrets"]);
    assert_eq!(good.exit, 0, "{}", good.stderr);
    assert!(
        good.stdout.contains("2 registrations, 3 mailboxes"),
        "{}",
        good.stdout
    );
    let known = run(folder, &["credentials", "--json"]);
    let known: Vec<Value> = serde_json::from_str(&known.stdout).expect("a list");
    let opened: Vec<_> = known.iter().map(|one| &one["mailboxes"]).collect();
    assert_eq!(
        opened.len(),
        3,
        "what one asked for is not renewed by the other: {known:?}"
    );

    let domain = format!("[emailproxy]\nallow_catch_all_accounts = yes\n[@contoso.com]\n{APP}");
    write(folder, "emailproxy.config", &domain);
    let done = run(
        folder,
        &[&IMPORT[..3], &["--write", "domain.toml"]].concat(),
    );
    assert_eq!(done.exit, 0, "{}", done.stderr);
    let good = run(
        folder,
        &["--config", "domain.toml", "config", "check", "--secrets"],
    );
    assert_eq!(good.exit, 0, "{}", good.stderr);
    assert!(good.stdout.contains("0 mailboxes"), "{}", good.stdout);
}

#[test]
fn what_the_imported_file_says_reaches_no_terminal_and_no_program_as_it_stands() {
    let folder = folder();
    let folder = folder.path();
    write(
        folder,
        "emailproxy.config",
        "[x@contoso.com\u{1b}]0;owned\u{7}]\nclient_id = 1\n",
    );
    for form in [&["--json"][..], &[]] {
        let refused = run(folder, &[&IMPORT[..], form].concat());
        assert_eq!(refused.exit, 65, "{}", refused.stderr);
        let said = format!("{}{}", refused.stdout, refused.stderr);
        assert!(!said.contains('\u{1b}'), "{said:?}");
        if !form.is_empty() {
            let told: Value = serde_json::from_str(&refused.stdout).expect("JSON");
            assert_eq!(told["written"], Value::Null);
        }
    }
}

/// The written configuration does not say it: it is the machine's.
#[test]
fn where_passwords_and_tokens_go_is_said() {
    let folder = folder();
    let folder = folder.path();
    let state = folder.join("state").display().to_string();
    for (arguments, words) in [
        (&IMPORT[..5], "tokens and app passwords into "),
        (&IMPORT[..], "tokens and app passwords: in "),
    ] {
        let ran = run(folder, arguments);
        assert_eq!(ran.exit, 0, "{}", ran.stderr);
        let said = format!("{words}{state}");
        assert!(ran.stdout.contains(&said), "{said}: {}", ran.stdout);
    }
}
