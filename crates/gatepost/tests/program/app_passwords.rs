//! `gatepost password`: what is made is shown once, listed without its secret, and revoked.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixListener;
use std::process::Stdio;

use crate::gateway::{self, Client, IMAP, place};
use crate::stand::{ADA, Ran, SUPPORT, Stand, ran};

/// A door, and a login name, for which passwords are made. Nobody opens it here.
const DOOR: &str = "[gateway.imap]\nlisten = \"127.0.0.1:0\"\n\
                    [login.printer3]\nmailbox = \"support@contoso.com\"\n";

fn stand() -> Stand {
    let stand = Stand::new();
    stand.configure(DOOR);
    stand
}

/// `gatepost password add --stdin`, with what is typed.
fn add_typed(stand: &Stand, arguments: &[&str], typed: &str) -> Ran {
    let mut command = stand.command();
    command.args(["password", "add", "--stdin"]).args(arguments);
    command.stdin(Stdio::piped());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut adding = command.spawn().expect("the program starts");
    let mut stdin = adding.stdin.take().expect("it is a pipe");
    stdin.write_all(typed.as_bytes()).expect("it reads");
    drop(stdin);
    ran(&adding.wait_with_output().expect("it ends"))
}

#[test]
fn a_new_password_stands_alone_on_standard_output_and_nowhere_else() {
    let stand = stand();
    let made = stand.run(&["password", "add", SUPPORT, "--name", "printer-3"]);
    assert_eq!(made.exit, 0, "{}", made.stderr);
    let password = made.stdout.trim_end();
    assert_eq!(password.len(), 23, "{password}");
    assert!(!made.stderr.contains(password));
    assert!(
        made.stderr
            .contains("log in as support@contoso.com or printer3"),
        "{}",
        made.stderr
    );
    let listed = stand.printed(&["password", "list"]);
    assert!(
        listed.contains("printer-3") && !listed.contains(password),
        "{listed}"
    );
    for entry in std::fs::read_dir(stand.path("state")).expect("the state folder") {
        let octets = std::fs::read(entry.expect("an entry").path()).unwrap_or_default();
        let text = String::from_utf8_lossy(&octets);
        assert!(!text.contains(password) && !text.contains("argon2id"));
    }
}

#[test]
fn what_it_is_good_for_is_listed_and_what_is_revoked_is_gone() {
    let stand = stand();
    stand.printed(&[
        "password",
        "add",
        SUPPORT,
        "--login",
        "Kiosk",
        "--protocol",
        "imap,smtp",
        "--network",
        "192.168.7.0/24,::1",
        "--from",
        "Sales@contoso.com",
        "--expires",
        "90d",
    ]);
    stand.printed(&["password", "add", ADA]);
    let rows = stand.listed(&["password", "list", "--mailbox", SUPPORT]);
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0]["name"], "kiosk");
    assert_eq!(rows[0]["login"], "kiosk");
    assert_eq!(rows[0]["protocols"], serde_json::json!(["imap", "smtp"]));
    assert_eq!(
        rows[0]["networks"],
        serde_json::json!(["192.168.7.0/24", "::1"])
    );
    assert_eq!(rows[0]["senders"], serde_json::json!(["sales@contoso.com"]));
    assert_eq!(rows[0]["last_used"], serde_json::Value::Null);
    assert!(rows[0]["expires"].is_string());
    let revoked = stand.printed(&["password", "revoke", "kiosk"]);
    assert!(revoked.contains(SUPPORT), "{revoked}");
    let again = stand.run(&["password", "revoke", "kiosk"]);
    again.assert_fails(65, &["there is no app password kiosk"]);
    let rows = stand.listed(&["password", "list"]);
    let id = rows[0]["id"].as_str().expect("an id");
    stand.printed(&["password", "revoke", id]);
    assert!(stand.listed(&["password", "list"]).is_empty());
}

#[test]
fn what_cannot_be_is_refused_with_what_can() {
    let stand = stand();
    stand.printed(&["password", "add", SUPPORT, "--name", "printer-3"]);
    let refused = |arguments: &[&str], exit, words: &[&str]| {
        let ran = stand.run(&[&["password", "add"], arguments].concat());
        ran.assert_fails(exit, words);
    };
    refused(
        &[ADA, "--name", "printer-3"],
        65,
        &["called printer-3 already", SUPPORT],
    );
    refused(&["adda@contoso.com"], 65, &["no mailbox adda@contoso.com"]);
    for name in ["", " ", "printer\n4", " x", "a\tb", &"x".repeat(101)] {
        refused(&[ADA, "--name", name], 65, &["--name: a name has 1 to 100"]);
    }
    stand
        .run(&["password", "list", "--mailbox", "adda@contoso.com"])
        .assert_fails(65, &["no mailbox adda@contoso.com"]);
    refused(
        &[ADA, "--login", "printer3"],
        65,
        &["opens support@contoso.com"],
    );
    refused(
        &[ADA, "--login", SUPPORT],
        65,
        &["opens support@contoso.com"],
    );
    stand.printed(&["password", "add", SUPPORT, "--login", "kiosk"]);
    refused(
        &[ADA, "--login", "Kiosk"],
        65,
        &["kiosk", "opens support@contoso.com already"],
    );
    refused(&[ADA, "--expires", "2001-01-01"], 65, &["is past"]);
    refused(&[ADA, "--expires", "soon"], 65, &["2d"]);
    refused(&[ADA, "--from", "sales"], 65, &["no mail address"]);
    for (option, value, words) in [
        ("--network", "10.0.0.0/40", "192.168.0.0/16"),
        ("--protocol", "http", "imap, pop3 and smtp"),
    ] {
        let ran = stand.run(&["password", "add", ADA, option, value]);
        assert_eq!(ran.exit, 65, "{}", ran.stderr);
        assert!(ran.stderr.contains(words), "{}", ran.stderr);
    }
    let short = add_typed(&stand, &[ADA], "hunter2\n");
    short.assert_fails(65, &["7 characters", "at least 8"]);
    let dull = add_typed(&stand, &[ADA], "aaaaaaaa\n");
    dull.assert_fails(65, &["one character"]);
    let chosen = add_typed(&stand, &[ADA, "--json"], "correct horse battery\n");
    assert_eq!(chosen.exit, 0, "{}", chosen.stderr);
    assert!(
        !chosen.stdout.contains("correct horse"),
        "{}",
        chosen.stdout
    );
}

#[expect(
    clippy::disallowed_methods,
    reason = "the thread waits for clients until the test's process ends"
)]
#[test]
fn what_was_made_or_revoked_is_said_though_serve_cannot_be_told() {
    let stand = stand();
    stand.printed(&["password", "list"]);
    // A serve of another version answers what nobody understands.
    let socket = stand.path("state").join("gatepost.sock");
    let other = UnixListener::bind(socket).expect("the state folder is writable");
    std::thread::spawn(move || {
        for mut asked in other.incoming().flatten() {
            let mut question = String::new();
            let _ = BufReader::new(&asked).read_line(&mut question);
            let _ = asked.write_all(b"something else\n");
        }
    });
    let made = stand.run(&["password", "add", SUPPORT, "--name", "printer-3"]);
    assert_eq!(made.exit, 0, "{}", made.stderr);
    assert_eq!(made.stdout.trim_end().len(), 23, "{}", made.stdout);
    assert!(made.stderr.contains("was not told"), "{}", made.stderr);
    let revoked = stand.run(&["password", "revoke", "printer-3"]);
    assert_eq!(revoked.exit, 0, "{}", revoked.stderr);
    assert!(revoked.stdout.contains("revoked printer-3"));
    assert!(
        revoked.stderr.contains("was not told"),
        "{}",
        revoked.stderr
    );
}

#[test]
fn who_is_locked_out_is_listed_and_let_in_when_that_is_lifted() {
    let doors = format!("{IMAP}[lockout]\nfailures = 2\n");
    let (stand, password) = gateway::stand(&doors);
    let lockouts = ["password", "lockouts"];
    stand
        .run(&lockouts)
        .assert_fails(64, &["no gatepost serve is running", "serve_not_running"]);
    let serve = stand.serve();
    let address = place(&stand, "imap");
    let log_in = |password: &str| {
        let mut client = Client::knock(address);
        client.line();
        client.say(&format!("a LOGIN {SUPPORT} {password}"))
    };
    assert!(stand.listed(&lockouts).is_empty());
    for _ in 0..2 {
        assert!(log_in("wrong").starts_with("a NO"));
    }
    assert!(log_in(&password).starts_with("a NO"), "it is locked out");
    let rows = stand.listed(&lockouts);
    let named: Vec<_> = rows
        .iter()
        .map(|row| (row["address"].as_str(), row["login"].as_str()))
        .collect();
    let here = Some("127.0.0.1");
    for one in [(None, Some(SUPPORT)), (here, None), (here, Some(SUPPORT))] {
        assert!(named.contains(&one), "{rows:?}");
    }
    assert_eq!(rows.len(), 3);
    assert!(
        rows[0]["until"].is_string() && rows[0]["wrong"] == 2,
        "{rows:?}"
    );
    let nobody = [&lockouts[..], &["--lift", "192.0.2.9"]].concat();
    stand
        .run(&nobody)
        .assert_fails(65, &["192.0.2.9 is not locked out"]);
    let lifted = stand.run(&[&lockouts[..], &["--lift", SUPPORT]].concat());
    assert!(
        lifted.stderr.contains("support@contoso.com from 127.0.0.1"),
        "{lifted:?}"
    );
    assert!(
        lifted.stdout.contains("127.0.0.1"),
        "its address is still out: {lifted:?}"
    );
    stand.printed(&[&lockouts[..], &["--lift", "127.0.0.1"]].concat());
    assert!(log_in(&password).starts_with("a OK"), "{}", stand.log());
    assert!(stand.log().contains("a lockout was lifted"));
    assert_eq!(serve.stop(), 0, "{}", stand.log());
}
