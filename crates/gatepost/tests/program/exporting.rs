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
    let stand = Stand::with_mail();
    let to = stand.path("export");
    let arguments = ["export", SUPPORT, "--to", "export", "--verify", "--json"];
    let proof: Value = serde_json::from_str(&stand.printed(&arguments)).expect("JSON");
    assert_eq!(proof["complete"], true, "{proof}");
    let mode = std::fs::metadata(&to).expect("it is there").permissions();
    assert_eq!(mode.mode() & 0o777, 0o700);

    let listed = stand.listed(&["messages", SUPPORT, "--top", "1000"]);
    let read: BTreeSet<Vec<u8>> = listed
        .iter()
        .map(|message| {
            let uid = message["key"]["uid"].to_string();
            stand
                .printed(&["read", SUPPORT, &uid, "--raw"])
                .into_bytes()
        })
        .collect();
    assert!(read.len() > 5);
    assert_eq!(octets_of(&to.join("INBOX/cur")), read);

    stand.deliver(SUPPORT, "one more");
    let proof: Value = serde_json::from_str(&stand.printed(&arguments)).expect("JSON");
    let inbox = proof["folders"].as_array().expect("a list").iter();
    let inbox = inbox.into_iter().find(|one| one["folder"] == "INBOX");
    let inbox = inbox.expect("it has one");
    assert_eq!(inbox["exported"], 1);
    assert_eq!(inbox["earlier"], listed.len());
    assert_eq!(octets_of(&to.join("INBOX/cur")).len(), listed.len() + 1);
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
}

#[test]
fn messages_are_marked_moved_and_deleted_by_hand() {
    let stand = Stand::with_mail();
    let uids: Vec<String> = stand
        .listed(&["messages", SUPPORT, "--top", "3"])
        .iter()
        .map(|message| message["key"]["uid"].to_string())
        .collect();
    let flags = |uid: &str| -> Vec<Value> {
        let listed = stand.listed(&["messages", SUPPORT, "--top", "1000"]);
        let number = uid.parse().ok();
        let found = listed
            .iter()
            .find(|one| one["key"]["uid"].as_u64() == number);
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
        .run(&["mark", SUPPORT, &uids[0], "4000000", "--read"])
        .assert_fails(65, &["has no message 4000000"]);
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
