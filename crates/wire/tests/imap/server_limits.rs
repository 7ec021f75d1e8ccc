//! What a client may not make the server do.

use crate::server::{Conversation, signed_in};

fn answers(conversation: &mut Conversation, octets: &[u8]) -> String {
    conversation.go_on();
    conversation.written.clear();
    conversation.server.push(octets);
    conversation.go_on();
    String::from_utf8_lossy(&conversation.written).into_owned()
}

/// A client waits for its tag: without it, it would wait for ever.
#[test]
fn an_overlong_command_is_refused_by_its_tag() {
    let long = format!("a1 SELECT {}\r\nb2 NOOP\r\n", "x".repeat(20_000));
    for at_once in [usize::MAX, 7] {
        let mut conversation = Conversation::new();
        conversation.go_on();
        conversation.written.clear();
        for octets in long.as_bytes().chunks(at_once) {
            conversation.server.push(octets);
            conversation.go_on();
        }
        assert_eq!(
            String::from_utf8_lossy(&conversation.written),
            "a1 BAD Command Argument Error. 11\r\nb2 OK NOOP completed.\r\n"
        );
    }
}

#[test]
fn an_overlong_line_behind_a_refused_upload_keeps_the_tag() {
    let mut conversation = signed_in();
    let line = format!(
        "a APPEND INBOX {{2000+}}\r\n{}\r\nb NOOP\r\n",
        "x".repeat(22_000)
    );
    let said = answers(&mut conversation, line.as_bytes());
    assert_eq!(said, "a NO [TOOBIG] too big\r\nb OK NOOP completed.\r\n");
}

#[test]
fn an_item_that_is_asked_for_again_and_again_is_told_once() {
    let mut conversation = signed_in();
    answers(&mut conversation, b"s SELECT INBOX\r\n");
    let items = "BODYSTRUCTURE ".repeat(500);
    let said = answers(
        &mut conversation,
        format!("a FETCH 1 ({items}UID)\r\n").as_bytes(),
    );
    assert_eq!(said.matches("BODYSTRUCTURE").count(), 1, "{said}");
    assert!(said.ends_with("a OK FETCH completed.\r\n"), "{said}");
}

#[test]
fn too_many_items_are_refused() {
    let mut conversation = signed_in();
    answers(&mut conversation, b"s SELECT INBOX\r\n");
    let items: Vec<String> = (1..=200)
        .map(|offset| format!("BODY[]<{offset}.1>"))
        .collect();
    let said = answers(
        &mut conversation,
        format!("a FETCH 1 ({})\r\n", items.join(" ")).as_bytes(),
    );
    assert_eq!(said, "a BAD Command Argument Error. 11\r\n");
}

/// A search nested ten thousand deep must not exhaust the stack, nor a literal of 2^63 octets
/// let what follows pass for commands.
#[test]
fn absurd_commands_are_borne() {
    let mut conversation = signed_in();
    answers(&mut conversation, b"s SELECT INBOX\r\n");
    for key in ["NOT ", "(", "OR SEEN "] {
        let search = format!("a SEARCH {}SEEN\r\n", key.repeat(10_000 / key.len()));
        let said = answers(&mut conversation, search.as_bytes());
        assert_eq!(said, "a BAD Command Error. 12\r\n");
    }
    let upload = b"a APPEND INBOX {9223372036854775808+}\r\nb CREATE smuggled\r\n";
    assert_eq!(answers(&mut conversation, upload), "");
    let said = answers(
        &mut Conversation::new(),
        b"a LOGIN {99999999999999999999+}\r\nb NOOP\r\n",
    );
    assert_eq!(
        said,
        "a BAD Command Argument Error. 11\r\n* BYE Connection closed. 14\r\n"
    );
}
