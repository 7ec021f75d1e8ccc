//! The verbs that look: token, folders, messages, read, mailboxes.

use std::os::unix::fs::PermissionsExt as _;

use base64::Engine as _;

use crate::stand::{ADA, SUPPORT, Stand};

#[test]
fn a_token_is_written_in_every_format() {
    let stand = Stand::new();
    let raw = stand.printed(&["token", SUPPORT]);
    assert_eq!(raw.trim().split('.').count(), 3, "a JSON Web Token");
    let header = stand.printed(&["token", SUPPORT, "--format", "header"]);
    assert_eq!(header, format!("Authorization: Bearer {raw}"));
    let sasl = stand.printed(&["token", SUPPORT, "--format", "xoauth2"]);
    let sasl = base64::engine::general_purpose::STANDARD
        .decode(sasl.trim())
        .expect("base64");
    let expected = format!("user={SUPPORT}\x01auth=Bearer {}\x01\x01", raw.trim());
    assert_eq!(sasl, expected.into_bytes());
    let json = stand.printed(&["token", SUPPORT, "--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(json["access_token"], raw.trim());
    assert!(json["expires_in"].as_i64().is_some_and(|left| left > 3_000));
}

#[test]
fn a_token_for_graph_is_another_one() {
    let stand = Stand::new();
    let mail = stand.printed(&["token", SUPPORT, "--for", "smtp"]);
    let graph = stand.printed(&["token", SUPPORT, "--for", "graph"]);
    assert_ne!(mail, graph);
    assert_eq!(
        mail,
        stand.printed(&["token", SUPPORT, "--for", "pop3"]),
        "it comes from the store"
    );
}

#[test]
fn what_is_no_uid_is_said_to_be_none() {
    let stand = Stand::with_mail();
    for uid in ["0", "first", "4294967296"] {
        let ran = stand.run(&["read", SUPPORT, uid]);
        assert_eq!(ran.exit, 65, "{}", ran.stderr);
        assert!(
            ran.stderr.contains(&format!("`{uid}` is no UID")),
            "{}",
            ran.stderr
        );
    }
}

#[test]
fn the_configuration_may_stand_before_or_behind_the_verb() {
    let stand = Stand::new();
    let file = stand.path("gatepost.toml").display().to_string();
    stand.printed(&["folders", SUPPORT, "--config", &file]);
    let from_the_folder = stand.path(".");
    let output = crate::stand::program(&from_the_folder)
        .args(["-v", "config", "check"])
        .output();
    let ran = crate::stand::ran(&output.expect("the program starts"));
    assert_eq!(ran.exit, 0, "{}", ran.stderr);
    assert!(
        ran.stderr.contains("gatepost.toml (the working folder)"),
        "{}",
        ran.stderr
    );
}

#[test]
fn the_newest_messages_of_any_mailbox_are_listed() {
    let stand = Stand::with_mail();
    let listed = stand.listed(&["messages", "jun.tanaka@contoso.com", "--as-app", "contoso"]);
    assert!(!listed.is_empty());
    let newest = stand.listed(&["messages", SUPPORT]);
    assert_eq!(newest.len(), 10, "ten if nobody says otherwise");
    let uids: Vec<_> = newest
        .iter()
        .filter_map(|row| row["key"]["uid"].as_u64())
        .collect();
    assert!(
        uids.windows(2).all(|pair| pair[0] > pair[1]),
        "the newest first: {uids:?}"
    );
    assert_eq!(stand.listed(&["messages", SUPPORT, "--top", "3"]).len(), 3);
    let luca = stand.listed(&["messages", SUPPORT, "--from", "Luca", "--unread"]);
    assert!(!luca.is_empty() && luca.len() < 10, "{luca:?}");
    assert!(
        stand
            .listed(&["messages", SUPPORT, "--since", "1min"])
            .is_empty()
    );
    assert!(
        stand
            .listed(&["messages", SUPPORT, "--subject", "nothing has this"])
            .is_empty()
    );
    stand
        .run(&["messages", SUPPORT, "--since", "soon"])
        .assert_fails(65, &["--since", "soon"]);
}

#[test]
fn messages_are_searched_in_their_bodies() {
    let stand = Stand::new();
    for (subject, body) in [
        ("pie", "with rhubarb"),
        ("rhubarb", "in a cake"),
        ("soup", "hot"),
    ] {
        let letter = format!("From: a@example.com\nSubject: {subject}\n\n{body}\n");
        stand.write("letter.eml", &letter);
        let env_file = stand.path("sandbox.env").display().to_string();
        stand.printed(&[
            "sandbox",
            "deliver",
            "--env-file",
            &env_file,
            "--to",
            SUPPORT,
            "letter.eml",
        ]);
    }
    let found = |arguments: &[&str]| -> Vec<serde_json::Value> {
        let rows = stand.listed(&[&["messages", SUPPORT, "--search"], arguments].concat());
        let subject = |row: &serde_json::Value| row["envelope"]["subject"].clone();
        rows.iter().map(subject).collect()
    };
    assert_eq!(
        found(&["Rhubarb"]),
        ["rhubarb", "pie"],
        "anywhere, the newest first"
    );
    assert_eq!(
        found(&["rhubarb", "--subject", "pie"]),
        ["pie"],
        "and all else holds"
    );
    assert_eq!(found(&["rhubarb", "--top", "1"]), ["rhubarb"]);
    assert!(found(&["parsnip"]).is_empty());
}

#[test]
fn a_message_is_read_and_stays_unread() {
    let stand = Stand::new();
    stand.deliver(SUPPORT, "hello");
    let text = stand.printed(&["read", SUPPORT]);
    assert!(text.contains("From: Grace <grace@example.com>"), "{text}");
    assert!(text.ends_with("\n\nhello\n"), "{text}");
    let raw = stand.printed(&["read", SUPPORT, "1", "--raw"]);
    assert!(
        raw.starts_with("From: Grace <grace@example.com>\r\n"),
        "{raw:?}"
    );
    let header = stand.printed(&["read", SUPPORT, "1", "--headers"]);
    assert!(
        header.contains("Subject: hello\n") && !header.contains("\n\n"),
        "{header:?}"
    );
    assert_eq!(stand.listed(&["messages", SUPPORT, "--unread"]).len(), 1);
    stand
        .run(&["read", SUPPORT, "99"])
        .assert_fails(65, &["99", SUPPORT]);
    stand
        .run(&["read", SUPPORT, "--folder", "Archive"])
        .assert_fails(65, &["Archive"]);
}

#[test]
fn attachments_are_saved_under_safe_names() {
    let stand = Stand::new();
    let letter = "From: a@example.com\nSubject: files\nMIME-Version: 1.0\n\
        Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain\n\ntext\n\
        --b\nContent-Type: application/pdf\n\
        Content-Disposition: attachment; filename=\"../../etc/passwd\"\n\nroot\n--b--\n";
    stand.write("letter.eml", letter);
    let env_file = stand.path("sandbox.env").display().to_string();
    stand.printed(&[
        "sandbox",
        "deliver",
        "--env-file",
        &env_file,
        "--to",
        SUPPORT,
        "letter.eml",
    ]);
    stand.printed(&["read", SUPPORT, "--save-attachments", "saved"]);
    let saved: Vec<_> = std::fs::read_dir(stand.path("saved"))
        .expect("the folder")
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    assert_eq!(saved.len(), 1, "{saved:?}");
    assert!(
        saved[0].contains("passwd") && !saved[0].contains('/'),
        "{saved:?}"
    );
    assert!(!stand.path("etc").exists());
    let again = stand.run(&["read", SUPPORT, "--save-attachments", "saved"]);
    again.assert_fails(65, &["saved/"]);
    let folder = std::fs::metadata(stand.path("saved")).expect("it was made");
    assert_eq!(folder.permissions().mode() & 0o777, 0o700);
    let no_folder = stand.run(&["read", SUPPORT, "--save-attachments", "letter.eml"]);
    no_folder.assert_fails(65, &["letter.eml"]);
}

#[test]
fn nothing_that_a_stranger_writes_moves_the_cursor() {
    let stand = Stand::new();
    let letter =
        "From: \u{1b}[2Jevil <e@example.com>\nSubject: \u{1b}]0;owned\u{7}\n\n\u{1b}[31mred\n";
    stand.write("letter.eml", letter);
    let env_file = stand.path("sandbox.env").display().to_string();
    stand.printed(&[
        "sandbox",
        "deliver",
        "--env-file",
        &env_file,
        "--to",
        SUPPORT,
        "letter.eml",
    ]);
    for verb in [
        &["messages", SUPPORT][..],
        &["read", SUPPORT],
        &["read", SUPPORT, "--headers"],
    ] {
        let printed = stand.printed(verb);
        assert!(
            !printed.contains('\u{1b}') && !printed.contains('\u{7}'),
            "{printed:?}"
        );
    }
}

#[test]
fn every_mailbox_is_listed_with_its_health() {
    let stand = Stand::new();
    stand.configure(&format!(
        "[sink.out]\nkind = \"stream\"\n[[watch]]\nmailbox = \"{SUPPORT}\"\nsinks = [\"out\"]\n"
    ));
    let rows = stand.listed(&["mailboxes"]);
    let states: Vec<_> = rows
        .iter()
        .map(|row| (&row["mailbox"], &row["state"]))
        .collect();
    assert_eq!(states[0], (&ADA.into(), &"not watched".into()));
    assert_eq!(states[1], (&SUPPORT.into(), &"serve is not running".into()));
}

#[test]
fn a_misspelt_mailbox_is_understood() {
    let stand = Stand::new();
    let ran = stand.run(&["folders", "suport@contoso.com"]);
    ran.assert_fails(65, &["did you mean `support@contoso.com`?", "--as-app"]);
    let ran = stand.run(&["folders", "x@contoso.com", "--as-app", "contosso"]);
    ran.assert_fails(65, &["did you mean `contoso`?"]);
}

#[test]
fn the_marks_of_messages_are_explained_where_there_are_any() {
    let stand = Stand::with_mail();
    let ran = stand.run(&["messages", SUPPORT, "--unread", "--top", "1"]);
    assert!(ran.stderr.contains("N unread"), "{}", ran.stderr);
    let json = stand.run(&["messages", SUPPORT, "--unread", "--json"]);
    assert!(!json.stderr.contains("N unread"), "{}", json.stderr);
    let none = stand.run(&["messages", SUPPORT, "--subject", "nothing of the kind"]);
    assert!(!none.stderr.contains("unread"), "{}", none.stderr);
}
