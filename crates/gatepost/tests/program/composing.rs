//! Messages that `gatepost send` writes from its options.

use serde_json::Value;

use crate::sending::{fed, sending};
use crate::stand::{SUPPORT, Stand};

#[test]
fn every_option_is_found_in_the_message() {
    let stand = sending(Stand::new(), "send = \"smtp\"", "");
    stand.write("report.csv", "a;b\r\n");
    let sent = stand.printed(&[
        "send",
        SUPPORT,
        "--from",
        &format!("Help Desk <{SUPPORT}>"),
        "--to",
        "Grace Hopper <grace@example.com>",
        "--to",
        "second@example.com",
        "--cc",
        &format!("Jürgen Groß <{SUPPORT}>"),
        "--subject",
        "Your ticket",
        "--text",
        "plain words",
        "--html",
        "<p>marked words</p>",
        "--attach",
        "report.csv",
        "--header",
        "X-Ticket: 4711",
        "--header",
        "List-Id: <tickets.contoso.com>",
        "--priority",
        "high",
        "--reply-to",
        "<first@example.com>",
        "--json",
    ]);
    let sent: Value = serde_json::from_str(&sent).expect("JSON");
    assert_eq!(sent["state"], "sent");
    assert_eq!(sent["priority"], "high");
    let addresses: Vec<_> = sent["recipients"]
        .as_array()
        .expect("a list")
        .iter()
        .collect();
    assert_eq!(addresses.len(), 3, "{sent}");
    let raw = stand.printed(&["read", SUPPORT, "--raw"]);
    for line in [
        &format!("From: \"Help Desk\" <{SUPPORT}>"),
        "Subject: Your ticket",
        "In-Reply-To: <first@example.com>",
        "References: <first@example.com>",
        "X-Ticket: 4711",
        "List-Id: <tickets.contoso.com>",
    ] {
        assert!(
            raw.contains(&format!("{line}\r\n")),
            "{line} is missing in: {raw}"
        );
    }
    let inbox = stand.listed(&["messages", SUPPORT]);
    let envelope = &inbox[0]["envelope"];
    assert_eq!(envelope["to"][0]["name"], "Grace Hopper");
    assert_eq!(envelope["to"][1]["address"], "second@example.com");
    assert_eq!(envelope["cc"][0]["name"], "Jürgen Groß");
    assert_eq!(envelope["cc"][0]["address"], SUPPORT);
    assert!(raw.contains("multipart/alternative"), "{raw}");
    assert!(raw.contains("<p>marked words</p>"), "{raw}");
    assert!(raw.contains("YTtiDQo="), "the attachment: {raw}");
    let shown = stand.printed(&["read", SUPPORT]);
    assert!(shown.contains("plain words"), "{shown}");
    assert!(shown.contains("report.csv"), "{shown}");

    for (header, word) in [("no colon", "no colon"), ("Bad Name: x", "Bad Name")] {
        let refused = stand.run(&["send", "--to", SUPPORT, "--text", "x", "--header", header]);
        refused.assert_fails(65, &[word]);
    }
}

#[test]
fn a_mailbox_sends_from_a_further_address_of_its_own() {
    let stand = sending(Stand::new(), "send = \"smtp\"", "");
    let from = "Help <help@contoso.com>";
    let to = "help@contoso.com";
    stand.printed(&["send", SUPPORT, "--from", from, "--to", to, "--text", "x"]);
    let inbox = stand.listed(&["messages", SUPPORT]);
    assert_eq!(inbox[0]["envelope"]["from"][0]["address"], to);
    let listed = stand.listed(&["outbox", "list"]);
    assert_eq!(listed[0]["sender"], to);
    assert_eq!(listed[0]["mailbox"], SUPPORT);
    let other = "jun.tanaka@contoso.com";
    let ran = stand.run(&["send", SUPPORT, "--from", other, "--to", to, "--text", "x"]);
    ran.assert_fails(77, &["SendAs"]);
}

#[test]
fn a_text_is_read_from_a_file_or_from_standard_input() {
    let stand = sending(Stand::new(), "send = \"smtp\"", "");
    stand.write(
        "body.html",
        "<b>Everything about the size of things: Größe</b>\n",
    );
    stand.write(
        "body.txt",
        "Everything about the size of things: Größe\nzwei\n",
    );
    for (name, kind, word) in [
        ("body.html", "text/html", "<b>"),
        ("body.txt", "text/plain", "zwei"),
    ] {
        stand.printed(&[
            "send",
            "--to",
            SUPPORT,
            "--subject",
            name,
            "--body-file",
            name,
        ]);
        let raw = stand.printed(&["read", SUPPORT, "--raw"]);
        assert!(raw.contains(&format!("Content-Type: {kind}")), "{raw}");
        assert!(raw.contains(word), "{raw}");
    }
    let words = [
        "send",
        "--to",
        SUPPORT,
        "--subject",
        "piped",
        "--body-file",
        "-",
    ];
    let ran = fed(&stand, &words, "through a pipe\n");
    assert_eq!(ran.exit, 0, "{}", ran.stderr);
    assert!(stand.printed(&["read", SUPPORT]).contains("through a pipe"));
    std::fs::write(stand.path("latin.txt"), b"Gr\xf6\xdfe").expect("a writable folder");
    for (file, word) in [
        ("latin.txt", "no text in UTF-8"),
        ("absent.txt", "absent.txt"),
    ] {
        let ran = stand.run(&["send", "--to", SUPPORT, "--body-file", file]);
        assert_ne!(ran.exit, 0, "{file}");
        assert!(ran.stderr.contains(word), "{}", ran.stderr);
    }
    assert_eq!(stand.listed(&["messages", SUPPORT]).len(), 3);
}

/// By each way to read, whose keys look different.
#[test]
fn an_answer_goes_to_whom_the_message_names_and_continues_its_thread() {
    for read in ["imap", "graph", "pop3"] {
        let keys = format!("read = \"{read}\"\nsend = \"smtp\"");
        let stand = sending(Stand::new(), &keys, "");
        let graph = format!("[cloud.sandbox]\ngraph = \"{}\"\n", stand.variable("GRAPH"));
        let text = std::fs::read_to_string(stand.path("gatepost.toml")).expect("it is there");
        let text = text.replace("[cloud.sandbox]\n", &graph);
        stand.write("gatepost.toml", &text);
        let letter = format!(
            "From: Grace <grace@example.com>\r\nReply-To: Desk <{SUPPORT}>\r\nTo: {SUPPORT}\r\n\
             Subject: Question\r\nMessage-ID: <third@example.com>\r\n\
             References: <first@example.com>\r\n <second@example.com>\r\n\
             Date: Sun, 22 Nov 2026 08:00:00 +0000\r\n\r\nWhy?\r\n"
        );
        stand.deliver_as_it_is(SUPPORT, &letter);
        let inbox = stand.listed(&["messages", SUPPORT]);
        let key = &inbox[0]["key"];
        let key = ["uid", "id", "uidl"]
            .iter()
            .find_map(|name| match &key[*name] {
                Value::Null => None,
                Value::String(text) => Some(text.clone()),
                other => Some(other.to_string()),
            });
        let key = key.expect("a key");
        stand.printed(&["send", SUPPORT, "--reply-to", &key, "--text", "Because."]);
        let inbox = stand.listed(&["messages", SUPPORT, "--top", "1"]);
        let envelope = &inbox[0]["envelope"];
        assert_eq!(envelope["subject"], "Re: Question", "{read}");
        assert_eq!(
            envelope["to"][0]["address"], SUPPORT,
            "{read}: Reply-To goes first"
        );
        let raw = stand.printed(&["read", SUPPORT, "--raw"]);
        assert!(
            raw.contains("In-Reply-To: <third@example.com>\r\n"),
            "{raw}"
        );
        let references = "References: <first@example.com>\r\n <second@example.com>\r\n \
                          <third@example.com>\r\n";
        assert!(raw.contains(references), "{raw}");
        let missing = match read {
            "imap" => "4711",
            _ => "AAkAnothing",
        };
        let refused = stand.run(&["send", SUPPORT, "--reply-to", missing, "--text", "x"]);
        refused.assert_fails(65, &[missing]);
    }
}
