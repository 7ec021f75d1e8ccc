//! The same messages are told alike, by whichever way a mailbox is watched.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::stand::{Running, SUPPORT, Stand};

#[test]
fn the_same_messages_give_the_same_events_by_every_way() {
    let stand = Stand::with_mail();
    for odd in ODD {
        stand.deliver_as_it_is(SUPPORT, &odd.replace('\n', "\r\n"));
    }
    let count = stand.listed(&["messages", SUPPORT, "--top", "1000"]).len();
    assert!(
        count > 5 + ODD.len(),
        "the sandbox's letters are odd as well"
    );
    let by_imap = events(&stand, "imap", count);
    let with_files = by_imap.values().filter(|event| {
        let files = event["data"]["attachments"].as_array();
        files.is_some_and(|files| !files.is_empty())
    });
    assert!(with_files.count() > 0, "some have attachments");
    for by in ["graph", "pop3"] {
        let others = events(&stand, by, count);
        let keys = |events: &BTreeMap<String, Value>| events.keys().cloned().collect::<Vec<_>>();
        assert_eq!(keys(&others), keys(&by_imap), "{by}: the octets differ");
        for (digest, event) in &others {
            assert_eq!(event, &by_imap[digest], "{by}");
        }
    }
}

/// What a watch by this way tells of everything that is there, by the digest of the message, without
/// what is the way's own.
fn events(stand: &Stand, by: &str, count: usize) -> BTreeMap<String, Value> {
    stand.configure_by(by, "");
    let mut command = stand.command();
    command.args(["watch", SUPPORT, "--from-beginning", "--json"]);
    let mut watch = Running::start(command);
    let mut events = BTreeMap::new();
    while events.len() < count {
        let line = watch.line().expect("the watch goes on");
        let mut event: Value = serde_json::from_str(&line).expect("an event on each line");
        assert_eq!(event["type"], "mail.received", "{by}: {event}");
        assert_eq!(event["data"]["ids"]["key"]["by"], by);
        for own in ["id", "timestamp", "sequence", "attempt", "first_attempt_at"] {
            let taken = event.as_object_mut().expect("an object").remove(own);
            assert!(taken.is_some(), "{by}: {own}");
        }
        let data = event["data"].as_object_mut().expect("an object");
        if by == "pop3" {
            assert_eq!(data["flags"], Value::Array(Vec::new()), "it knows none");
        }
        // POP3 knows neither, so they are compared by the others alone.
        data.remove("received_at");
        data.remove("flags");
        let ids = data["ids"].as_object_mut().expect("an object");
        ids.remove("key");
        let digest = data["sha256"].as_str().expect("a digest").to_owned();
        let twice = events.insert(digest, event);
        assert!(twice.is_none(), "{by}: {twice:?}");
    }
    events
}

/// Messages that are understood badly, or differently by whoever reads them first.
const ODD: &[&str] = &[
    "From: =?utf-8?q?J=C3=BCrgen?= <j@example.com>\nTo: \"Help, and more\" <support@contoso.com>\nCc: group: a@example.com, b@example.com;\nSubject: =?utf-8?q?M=C3=A4rz?=\nMessage-ID: <odd.1@example.com>\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: quoted-printable\n\nGr=FC=DFe\n--b\nContent-Type: application/pdf\nContent-Disposition: attachment; filename*=utf-8''..%2FM%C3%A4rz.pdf\nContent-Transfer-Encoding: base64\n\nJVBERi0xLjcKAAEC/w==\n--b\nContent-Type: message/rfc822\n\nSubject: within\n\ntext\n--b--\n",
    "Subject: nobody wrote this\n\n",
    "From: a@example.com\nMessage-ID: <odd.2@example.com>\nContent-Type: multipart/alternative; boundary=never\n\nThere is no part at all.\n",
    "From: a@example.com, b@example.com\nSender: b@example.com\nSubject: Gr\u{fc}\u{df}e, raw\nDate: whenever\n\n.\n..\nFrom here\n",
];
