//! Messages that were built to do harm. None may end the process or take it for long: with a
//! quadratic reading these would run for hours.

use std::fmt::Write as _;

use proptest::prelude::*;

use super::{Content, envelope};

/// Everything that is ever asked of a message.
fn read_all(octets: &[u8]) -> (Option<String>, usize) {
    let content = Content::parse(octets);
    let _ = (content.preview(), content.envelope(), envelope(octets));
    let attachments = content.attachments();
    let taken: usize = attachments.iter().map(|one| one.octets.len()).sum();
    // Another character set may take three times the room.
    assert!(taken <= 3 * octets.len() * attachments.len());
    (content.text(), attachments.len())
}

#[test]
fn multiparts_in_multiparts_are_taken() {
    for ends in [false, true] {
        let mut message = "Subject: deep\r\n".to_owned();
        for depth in 0..10_000 {
            let _ = write!(
                message,
                "Content-Type: multipart/mixed; boundary=b{depth}\r\n\r\n--b{depth}\r\n"
            );
        }
        message.push_str("\r\ntext\r\n");
        for depth in (0..10_000).rev().filter(|_| ends) {
            let _ = write!(message, "--b{depth}--\r\n");
        }
        read_all(message.as_bytes());
        let envelope = Content::parse(message.as_bytes()).envelope();
        assert_eq!(envelope.subject.as_deref(), Some("deep"));
    }
}

#[test]
fn messages_in_messages_are_taken() {
    for kind in [
        "message/rfc822",
        "message/global",
        "Message (a) / (b) RFC822",
    ] {
        let chain = format!("Content-Type: {kind}\r\n\r\n").repeat(50_000);
        read_all(format!("Subject: deep\r\n{chain}").as_bytes());
    }
    let digest = "Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n\r\n".repeat(20_000);
    read_all(digest.as_bytes());
}

#[test]
fn a_chain_within_an_encoded_message_is_not_followed() {
    let chain = "Content-Type: message/rfc822\r\n\r\n".repeat(50_000);
    let encoded = format!(
        "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nhello\r\n--b\r\nContent-Transfer-Encoding: quoted-printable\r\nContent-Type: message/rfc822\r\n\r\n{chain}\r\n--b--\r\n"
    );
    let (text, _) = read_all(encoded.as_bytes());
    assert_eq!(text.as_deref().map(str::trim), Some("hello"));
    let digest = encoded
        .replace("multipart/mixed", "multipart/digest")
        .replacen("Content-Type: message/rfc822\r\n", "", 1);
    read_all(digest.as_bytes());
}

#[test]
fn boundaries_that_never_come_are_not_looked_for_for_ever() {
    let part = "--b\r\nContent-Type: multipart/mixed; boundary=nowhere\r\n\r\nx\r\n";
    let message = format!(
        "Content-Type: multipart/mixed; boundary=b\r\n\r\n{}--b--\r\n",
        part.repeat(60_000)
    );
    read_all(message.as_bytes());
}

#[test]
fn parts_and_headers_without_number_are_taken() {
    let parts = "--b\n\n".repeat(1_000_000);
    read_all(format!("Content-Type: multipart/mixed; boundary=b\n\n{parts}").as_bytes());
    read_all("a:\n".repeat(1_000_000).as_bytes());
    let parameters = "; a*1=b".repeat(100_000);
    read_all(format!("Content-Type: text/plain{parameters}\n\ntext").as_bytes());
    for value in [
        "=?utf-8?q?",
        "=?utf-8?q?a?= ",
        "(",
        "<",
        "\"",
        "a@b,",
        "a:;",
    ] {
        let value = value.repeat(100_000);
        for name in ["Subject", "From", "References", "Date", "Received"] {
            read_all(format!("{name}: {value}\n\ntext").as_bytes());
        }
    }
}

#[test]
fn html_without_end_is_read() {
    for html in [
        "<p>",
        "<table><tr><td>",
        "<",
        "&",
        "&#x1F600;",
        "<!--",
        "<b ",
        "</",
        "&amp",
    ] {
        let html = html.repeat(100_000);
        read_all(format!("Content-Type: text/html\r\n\r\n{html}").as_bytes());
    }
}

#[test]
fn an_ordinary_forward_is_taken_apart_whole() {
    let message = "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nsee below\r\n--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\ninner text\r\n--b\r\nContent-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n\r\nAAEC\r\n--b--\r\n";
    let content = Content::parse(message.as_bytes());
    let attachments = content.attachments();
    let kinds: Vec<&str> = attachments
        .iter()
        .map(|one| one.media_type.as_str())
        .collect();
    assert_eq!(kinds, ["message/rfc822", "application/pdf"]);
    assert_eq!(attachments[1].octets, [0, 1, 2]);
}

proptest! {
    #[test]
    fn any_pile_of_markup_is_taken(pieces in prop::collection::vec(prop::sample::select(PIECES), 0..200)) {
        read_all(pieces.concat().as_bytes());
    }
}

const PIECES: &[&str] = &[
    "Content-Type: multipart/mixed; boundary=b\r\n",
    "Content-Type: multipart/digest; boundary=c\n",
    "Content-Type: multipart/alternative; boundary=\"\"\n",
    "Content-Type: message/rfc822\r\n",
    "Content-Type: text/html; charset=utf-16\r\n",
    "Content-Type: text/html\n",
    "\r\n",
    "\n",
    "--b",
    "--c",
    "--",
    "-",
    "Content-Transfer-Encoding: base64\r\n",
    "Content-Transfer-Encoding: quoted-printable\n",
    "<",
    ">",
    "</p>",
    "<script>",
    "</script>",
    "<!--",
    "-->",
    "&",
    ";",
    "&nbsp;",
    "&#xD800;",
    "é",
    "=",
    "=C3",
    " ",
    "x",
];
