//! `gatepost export`, and what changes messages by hand.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::Value;

use crate::stand::{SUPPORT, Stand};

fn octets_of(folder: &Path) -> BTreeSet<Vec<u8>> {
    let entries = std::fs::read_dir(folder).expect("it is a folder");
    entries
        .map(|entry| std::fs::read(entry.expect("it can be read").path()).expect("it is a file"))
        .collect()
}

#[test]
fn an_export_holds_every_message_octet_for_octet_and_goes_on_with_what_came_since() {
    for (by, folders) in [("imap", true), ("graph", true), ("pop3", false)] {
        holds_every_message(by, folders);
    }
}

fn holds_every_message(by: &str, has_folders: bool) {
    let stand = Stand::with_mail();
    stand.configure_by(by, "");
    let to = stand.path("export");
    let arguments = ["export", SUPPORT, "--to", "export", "--verify", "--json"];
    let ran = stand.run(&arguments);
    assert_eq!(ran.exit, 0, "{by}: {}", ran.stderr);
    let says_sizes = ran.stderr.contains("as the server estimates");
    assert_eq!(says_sizes, by != "graph", "{}", ran.stderr);
    let proof: Value = serde_json::from_str(&ran.stdout).expect("JSON");
    assert_eq!(proof["complete"], true, "{proof}");
    let folders = proof["folders"].as_array().expect("a list").len();
    assert_eq!(folders > 1, has_folders, "{by}: {proof}");
    let mode = std::fs::metadata(&to).expect("it is there").permissions();
    assert_eq!(mode.mode() & 0o777, 0o700);

    let listed = stand.listed(&["messages", SUPPORT, "--top", "1000"]);
    let read: BTreeSet<Vec<u8>> = listed
        .iter()
        .map(|message| {
            let key = shown(message);
            stand
                .printed(&["read", SUPPORT, &key, "--raw"])
                .into_bytes()
        })
        .collect();
    assert!(read.len() > 5);
    assert_eq!(octets_of(&to.join("INBOX/cur")), read, "{by}");

    stand.deliver(SUPPORT, "one more");
    let proof: Value = serde_json::from_str(&stand.printed(&arguments)).expect("JSON");
    let inbox = proof["folders"].as_array().expect("a list").iter();
    let inbox = inbox.into_iter().find(|one| one["folder"] == "INBOX");
    let inbox = inbox.expect("it has one");
    assert_eq!(inbox["exported"], 1, "{by}");
    assert_eq!(inbox["earlier"], listed.len(), "{by}");
    assert_eq!(octets_of(&to.join("INBOX/cur")).len(), listed.len() + 1);
}

/// A message's key as people type it.
fn shown(message: &Value) -> String {
    let key = &message["key"];
    let texts = [&key["id"], &key["uidl"]];
    let text = texts.into_iter().find_map(Value::as_str);
    text.map_or_else(|| key["uid"].to_string(), str::to_owned)
}

#[test]
fn an_export_may_be_of_one_folder_since_some_time_as_eml() {
    let stand = Stand::with_mail();
    let before = stand.listed(&["messages", SUPPORT, "--top", "1000"]).len();
    stand.deliver(SUPPORT, "fresh");
    let newest = stand.listed(&["messages", SUPPORT, "--top", "1"]).remove(0);
    assert_eq!(newest["envelope"]["subject"], "fresh");
    let since = newest["received_at"].as_str().expect("it has a time");
    let options = ["--folder", "INBOX", "--since", since, "--format", "eml"];
    let arguments = [&["export", SUPPORT, "--to", "e", "--json"], &options[..]].concat();
    let ran = stand.run(&arguments);
    assert_eq!(ran.exit, 0, "{}", ran.stderr);
    assert!(
        before > 1 && ran.stderr.starts_with("1 message in 1 folder, about "),
        "{}",
        ran.stderr
    );
    let proof: Value = serde_json::from_str(&ran.stdout).expect("JSON");
    assert_eq!(
        proof["folders"].as_array().map(Vec::len),
        Some(1),
        "{proof}"
    );
    assert_eq!(proof["folders"][0]["folder"], "INBOX");
    assert_eq!(proof["folders"][0]["exported"], 1);
    let files = std::fs::read_dir(stand.path("e/INBOX")).expect("it is a folder");
    let files: Vec<_> = files
        .map(|file| file.expect("it can be read").path())
        .collect();
    let [file] = &files[..] else {
        panic!("one file for one message: {files:?}")
    };
    assert_eq!(
        file.extension().and_then(|ending| ending.to_str()),
        Some("eml")
    );
    let raw = stand.printed(&["read", SUPPORT, "--raw"]);
    assert_eq!(std::fs::read(file).expect("it is a file"), raw.into_bytes());
}

#[test]
fn an_export_says_what_it_cannot_do() {
    let stand = Stand::with_mail();
    let run =
        |arguments: &[&str]| stand.run(&[&["export", SUPPORT, "--to", "e"], arguments].concat());
    run(&["--folder", "Nowhere"]).assert_fails(65, &["has no folder Nowhere"]);
    run(&["--since", "soon"]).assert_fails(65, &["--since", "soon"]);
    assert_eq!(run(&["--format", "pst"]).exit, 65);
    let ran = run(&["--format", "mbox"]);
    assert_eq!(ran.exit, 0, "{}", ran.stderr);
    run(&["--format", "eml"]).assert_fails(65, &["e holds an export of", "as mbox"]);
    let mbox = stand.path("e/INBOX.mbox");
    let before = std::fs::read(&mbox).expect("it is there");
    std::fs::remove_file(&mbox).expect("it is there");
    assert_eq!(run(&["--format", "mbox"]).exit, 0, "it is fetched again");
    assert_eq!(std::fs::read(&mbox).expect("it is there"), before);
    let proved = run(&["--format", "mbox", "--verify"]).stderr;
    let last = proved.lines().last().unwrap_or_default();
    assert!(
        last.contains(" messages in e as mbox, ") && last.ends_with("its hash is right"),
        "{proved}"
    );
    stand.write("file", "x");
    let into_file = stand.run(&["export", SUPPORT, "--to", "file"]);
    let words = "cannot make the folder file: a file of that name is there";
    assert!(into_file.stderr.contains(words), "{}", into_file.stderr);
}

#[test]
fn messages_are_marked_moved_and_deleted_by_hand() {
    for (by, nobody) in [("imap", "4000000"), ("graph", "AAkAnothing")] {
        changed_by_hand(by, nobody);
    }
}

fn changed_by_hand(by: &str, nobody: &str) {
    let stand = Stand::with_mail();
    stand.configure_by(by, "");
    let newest = stand.listed(&["messages", SUPPORT, "--top", "3"]);
    let uids: Vec<String> = newest.iter().map(shown).collect();
    let flags = |uid: &str| -> Vec<Value> {
        let listed = stand.listed(&["messages", SUPPORT, "--top", "1000"]);
        let found = listed.iter().find(|one| shown(one) == uid);
        found.map_or_else(Vec::new, |one| {
            one["flags"].as_array().expect("a list").clone()
        })
    };
    stand.printed(&["mark", SUPPORT, &uids[0], &uids[1], "--read", "--flag"]);
    assert_eq!(flags(&uids[0]), ["seen", "flagged"]);
    assert_eq!(flags(&uids[1]), ["seen", "flagged"]);
    stand.printed(&["mark", SUPPORT, &uids[0], "--unread", "--unflag"]);
    assert_eq!(flags(&uids[0]), Vec::<Value>::new());
    stand
        .run(&["mark", SUPPORT, &uids[0], nobody, "--read"])
        .assert_fails(65, &["has no message", nobody]);
    assert_eq!(flags(&uids[0]), Vec::<Value>::new(), "all or none");
    let nothing_asked = stand.run(&["mark", SUPPORT, &uids[0]]);
    assert_eq!(nothing_asked.exit, 65);
    assert!(nothing_asked.stderr.contains("--read"));

    let in_folder = |folder: &str| {
        stand
            .listed(&["messages", SUPPORT, "--folder", folder])
            .len()
    };
    let archived = in_folder("Archive");
    stand.printed(&["move", SUPPORT, &uids[0], "--to", "Archive"]);
    assert_eq!(in_folder("Archive"), archived + 1);
    stand
        .run(&["move", SUPPORT, &uids[1], "--to", "Nowhere"])
        .assert_fails(65, &["Nowhere"]);
    let deleted = in_folder("Deleted Items");
    stand.printed(&["delete", SUPPORT, &uids[1]]);
    assert_eq!(in_folder("Deleted Items"), deleted + 1);
    stand.printed(&["delete", SUPPORT, &uids[2], "--for-good"]);
    assert_eq!(in_folder("Deleted Items"), deleted + 1);
    assert!(flags(&uids[2]).is_empty());
    stand
        .run(&["read", SUPPORT, &uids[2]])
        .assert_fails(65, &["has no message"]);
}

#[test]
fn by_pop3_messages_are_deleted_for_good_and_not_changed() {
    let stand = Stand::with_mail();
    stand.configure_by("pop3", "");
    let newest = stand.listed(&["messages", SUPPORT, "--top", "1000"]);
    let key = shown(&newest[0]);
    for (verb, options, words) in [
        ("mark", &["--read"][..], "POP3"),
        ("move", &["--to", "Archive"], "POP3"),
        ("delete", &[], "--for-good"),
    ] {
        let arguments = [&[verb, SUPPORT, &key], options].concat();
        stand.run(&arguments).assert_fails(65, &[words]);
    }
    stand.printed(&["delete", SUPPORT, &key, "--for-good"]);
    let left = stand.listed(&["messages", SUPPORT, "--top", "1000"]);
    assert_eq!(left.len(), newest.len() - 1);
    assert!(left.iter().all(|one| shown(one) != key));
}
