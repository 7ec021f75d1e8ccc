//! `grant = "password"`: a person's password from a secret source, or from the person.

use std::io::Write as _;
use std::process::Stdio;

use crate::browser::Browser;
use crate::stand::{ADA, Ran, Running, Stand, ran};

/// A stand at which Ada permitted the app what it asks for, and opens her mailbox by `more`.
fn stand(more: &str) -> Stand {
    let stand = Stand::with_mail();
    let browser = Browser::new(&stand);
    let mut command = stand.command();
    command.args(["login", ADA, "--no-browser"]);
    let mut login = Running::start(command);
    let url = login.line().expect("the address of the sign-in page");
    browser.get(browser.sign_in(&url).as_str());
    login.line().expect("it says who signed in");
    stand.printed(&["logout", ADA]);
    opened_by(&stand, ADA, more);
    stand
}

/// Opens Ada's mailbox by the password of `person`.
fn opened_by(stand: &Stand, person: &str, more: &str) {
    let grant = "grant = \"authorization_code\"\n";
    let password = format!("grant = \"password\"\nsign_in_as = \"{person}\"\n{more}\n");
    let configuration = stand.configuration().replace(grant, &password);
    stand.write("gatepost.toml", &configuration);
}

/// `gatepost login`, with what is typed.
fn login(stand: &Stand, typed: &str) -> Ran {
    let mut command = stand.command();
    command.args(["login", ADA]).stdin(Stdio::piped());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut login = command.spawn().expect("the program starts");
    let mut stdin = login.stdin.take().expect("it is a pipe");
    stdin.write_all(typed.as_bytes()).expect("it reads");
    drop(stdin);
    ran(&login.wait_with_output().expect("it ends"))
}

fn state_holds(stand: &Stand, text: &str) -> bool {
    let folder = std::fs::read_dir(stand.path("state")).expect("the state folder");
    folder.into_iter().any(|entry| {
        let octets = std::fs::read(entry.expect("an entry").path()).unwrap_or_default();
        octets
            .windows(text.len())
            .any(|window| window == text.as_bytes())
    })
}

#[test]
fn a_password_in_a_file_opens_the_mailbox_with_nobody_there() {
    let stand = stand("password = { file = \"ada.password\" }");
    let password = stand.variable("PASSWORD").to_owned();
    stand.write_private("ada.password", &format!("{password}\n"));
    assert!(!stand.listed(&["messages", ADA]).is_empty());
    assert!(!state_holds(&stand, &password), "it is stored nowhere");

    // The sign-in is revoked: the password leads on, the new one as well.
    stand.fault("revoke-sessions");
    stand.fault("expire-tokens");
    assert!(!stand.listed(&["messages", ADA]).is_empty());
}

#[test]
fn a_wrong_password_is_sent_once_and_no_more() {
    let stand = stand("password = { file = \"ada.password\" }");
    stand.write_private("ada.password", "wrong-canary");
    let first = stand.run(&["token", ADA, "--for", "imap"]);
    first.assert_fails(77, &[ADA, "AADSTS50126"]);
    let second = stand.run(&["token", ADA, "--for", "imap"]);
    second.assert_fails(77, &[ADA, "was not sent again"]);
    assert!(!first.stderr.contains("canary") && !second.stderr.contains("canary"));
    stand.write_private("ada.password", stand.variable("PASSWORD"));
    stand.printed(&["token", ADA, "--for", "imap"]);
}

#[test]
fn a_typed_password_is_kept_only_if_the_configuration_says_so() {
    for (more, is_kept) in [("", false), ("keep_password = true", true)] {
        let stand = stand(more);
        stand
            .run(&["messages", ADA])
            .assert_fails(77, &[ADA, "gatepost login"]);
        let password = stand.variable("PASSWORD").to_owned();
        let done = login(&stand, &format!("{password}\n"));
        assert_eq!(done.exit, 0, "{}", done.stderr);
        assert!(done.stdout.contains(ADA), "{}", done.stdout);
        assert!(!stand.listed(&["messages", ADA]).is_empty());
        assert!(!state_holds(&stand, &password), "sealed, if at all");

        stand.fault("revoke-sessions");
        stand.fault("expire-tokens");
        let later = stand.run(&["messages", ADA]);
        if is_kept {
            assert_eq!(later.exit, 0, "{}", later.stderr);
        } else {
            later.assert_fails(77, &[ADA, "gatepost login"]);
        }
    }
}

#[test]
fn whatever_keeps_microsoft_from_taking_a_password_is_named_with_the_way_out() {
    let stand = Stand::new();
    let right = stand.variable("PASSWORD").to_owned();
    for (person, typed, exit, words) in [
        (
            "second.factor",
            &*right,
            77,
            &["AADSTS50076", "browser"][..],
        ),
        ("no.second.factor", &right, 77, &["AADSTS50079"]),
        ("disabled", &right, 77, &["AADSTS50057", "disabled"]),
        ("locked", &right, 77, &["AADSTS50053", "locked"]),
        (
            "expired.password",
            &right,
            77,
            &["AADSTS50055", "myaccount"],
        ),
        ("no.password", &right, 77, &["AADSTS50056"]),
        ("federated", &right, 64, &["contoso.com", "device_code"]),
        ("policy", &right, 77, &["AADSTS53003", "Conditional Access"]),
        ("nobody", &right, 64, &["AADSTS50034"]),
        ("ada.berg", &right, 77, &["AADSTS65001", "consent"]),
        ("ada.berg", "a b é wrong", 77, &["AADSTS50126"]),
        ("ada.berg", " outer blank", 64, &["blank"]),
        ("ada.berg", "", 65, &["nothing was typed"]),
    ] {
        opened_by(&stand, &format!("{person}@contoso.com"), "");
        let refused = login(&stand, typed);
        assert_eq!(refused.exit, exit, "{person}: {}", refused.stderr);
        refused.assert_fails(exit, words);
        assert!(!refused.stderr.contains(&right), "{}", refused.stderr);
    }
}
