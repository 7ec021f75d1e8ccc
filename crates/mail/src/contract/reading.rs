//! Folders, lists and bodies.

use gatepost_fault::Fault as _;

use super::{Collected, Collector, Counterpart, View, folder_with, message};
use crate::{FolderName, Mailbox, MessageKey, Query};

pub(super) async fn folders_are_listed_by_their_names(counterpart: &mut dyn Counterpart) {
    let text = message("counted");
    let (folder, mut session) = folder_with(counterpart, "Kunden/Überblick", &[&text]).await;
    let folders = session.folders().await.expect("the folders are listed");
    assert_eq!(folders[0].name, FolderName::inbox(), "INBOX comes first");
    let found = folders.iter().find(|found| found.name == folder);
    let found = found.expect("a name in Unicode with levels is found as it was made");
    assert!(found.selectable);
    assert_eq!((found.messages, found.unread), (Some(1), Some(1)));
    session.close().await;
}

/// Names that are special in patterns, in quoted strings, in modified UTF-7 (RFC 3501 §5.1.3) or in
/// an address of the web.
pub(super) async fn odd_names_open_their_folders(counterpart: &mut dyn Counterpart) {
    let folders = ODD_NAMES.map(FolderName::new);
    let text = message("odd");
    for folder in &folders {
        counterpart.create_folder(folder).await;
        counterpart.deliver(folder, text.as_bytes()).await;
    }
    let session = counterpart.opener().open().await;
    let mut session = session.expect("the mailbox opens");
    let listed = session.folders().await.expect("the folders are listed");
    for folder in &folders {
        let found = listed.iter().find(|found| found.name == *folder);
        let found = found.unwrap_or_else(|| panic!("{folder:?} is not listed"));
        assert_eq!(found.messages, Some(1), "{folder:?}");
        let keys = keys(session.as_mut(), folder).await;
        let mut collector = Collector::default();
        let fetched = session.fetch(folder, &keys, &mut collector).await;
        fetched.unwrap_or_else(|error| panic!("{folder:?}: {error}"));
        let whole = Collected::Message(keys[0].clone(), text.as_bytes().to_vec());
        assert_eq!(collector.collected, [whole], "{folder:?}");
        let present = session.present(folder).await;
        present.unwrap_or_else(|error| panic!("{folder:?}: {error}"));
    }
    session.close().await;
}

pub(super) async fn messages_are_listed_newest_first(counterpart: &mut dyn Counterpart) {
    let texts = ["one", "two", "three"].map(message);
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let (folder, mut session) = folder_with(counterpart, "listed", &texts).await;
    let two = Query {
        top: 2,
        ..everything()
    };
    assert_eq!(
        subjects(session.as_mut(), &folder, &two).await,
        ["three", "two"]
    );
    assert_eq!(
        subjects(session.as_mut(), &folder, &everything())
            .await
            .len(),
        3
    );
    session.close().await;
}

pub(super) async fn a_query_finds_what_it_says(counterpart: &mut dyn Counterpart) {
    let texts = ["alpha", "beta", "alphabet"].map(message);
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let (folder, mut session) = folder_with(counterpart, "searched", &texts).await;
    let found = |query: Query| (query, folder.clone());
    let cases = [
        (
            found(Query {
                subject: Some("alpha".into()),
                ..everything()
            }),
            vec!["alphabet", "alpha"],
        ),
        (
            found(Query {
                text: Some("Text of beta".into()),
                ..everything()
            }),
            vec!["beta"],
        ),
        (
            found(Query {
                from: Some("ada@".into()),
                top: 1,
                ..everything()
            }),
            vec!["alphabet"],
        ),
        (
            found(Query {
                from: Some("nobody@".into()),
                ..everything()
            }),
            vec![],
        ),
        (
            found(Query {
                message_id: Some("alpha@contract".into()),
                ..everything()
            }),
            vec!["alpha"],
        ),
        (
            found(Query {
                message_id: Some("lpha@contract".into()),
                ..everything()
            }),
            vec![],
        ),
        (
            found(Query {
                unread: true,
                subject: Some("beta".into()),
                ..everything()
            }),
            vec!["beta"],
        ),
    ];
    let whole = counterpart.view() == View::Whole;
    for ((query, folder), subjects_wanted) in cases {
        if !whole && (query.unread || query.text.is_some()) {
            continue;
        }
        assert_eq!(
            subjects(session.as_mut(), &folder, &query).await,
            subjects_wanted,
            "{query:?}"
        );
    }
    let later = Query {
        since: Some(counterpart.clock().now() + TEN_MINUTES),
        ..everything()
    };
    assert!(
        subjects(session.as_mut(), &folder, &later).await.is_empty(),
        "a time, not a day"
    );
    session.close().await;
}

pub(super) async fn bodies_come_octet_for_octet_in_the_order_asked(
    counterpart: &mut dyn Counterpart,
) {
    let odd = "Subject: odd\r\n\r\n.\r\n..dots\r\n{5}\r\n)\r\nA1 OK no answer\r\nÜmläut\r\n";
    let long = format!("Subject: long\r\n\r\n{}\r\n", "x".repeat(300_000));
    let (folder, mut session) = folder_with(counterpart, "fetched", &[odd, &long, "\r\n"]).await;
    let keys = keys(session.as_mut(), &folder).await;
    let order = [keys[2].clone(), keys[0].clone(), keys[1].clone()];
    let mut collector = Collector::default();
    session
        .fetch(&folder, &order, &mut collector)
        .await
        .expect("the bodies come");
    let wanted = [
        ("\r\n", &keys[2]),
        (odd, &keys[0]),
        (long.as_str(), &keys[1]),
    ]
    .map(|(text, key)| Collected::Message(key.clone(), text.as_bytes().to_vec()));
    assert!(collector.collected == wanted, "octet for octet, in order");
    session.close().await;
}

/// Neither an empty message nor a malformed one is changed, or holds up another.
pub(super) async fn what_is_no_good_message_comes_as_it_is(counterpart: &mut dyn Counterpart) {
    let (folder, mut session) = folder_with(counterpart, "malformed", &[]).await;
    session.close().await;
    for octets in NO_GOOD_MESSAGES {
        counterpart.deliver(&folder, octets).await;
    }
    counterpart
        .deliver(&folder, message("sound").as_bytes())
        .await;
    session = counterpart.opener().open().await.expect("it opens again");
    let listed = subjects(session.as_mut(), &folder, &everything()).await;
    assert_eq!(listed.len(), NO_GOOD_MESSAGES.len() + 1);
    assert_eq!(listed[0], "sound");
    let keys = keys(session.as_mut(), &folder).await;
    let mut collector = Collector::default();
    let fetched = session.fetch(&folder, &keys, &mut collector).await;
    fetched.expect("the bodies come");
    for ((key, octets), collected) in keys.iter().zip(NO_GOOD_MESSAGES).zip(&collector.collected) {
        let whole = |octets: &[u8]| Collected::Message(key.clone(), octets.to_vec());
        let sent = String::from_utf8_lossy(octets);
        // POP3 hands out lines, of which the last one has an end, too (RFC 1939 §3).
        let ended = [octets, &b"\r\n"[..]].concat();
        let may_be_ended = counterpart.view() == View::Inbox && !octets.ends_with(b"\r\n");
        let is_whole = *collected == whole(octets) || may_be_ended && *collected == whole(&ended);
        assert!(is_whole, "{sent:?} came as {collected:?}");
        let header = session.header(&folder, key).await;
        let header = header.unwrap_or_else(|error| panic!("{sent:?}: {error}"));
        let header = header.unwrap_or_else(|| panic!("{sent:?} is gone"));
        assert!(ended.starts_with(&header), "{sent:?}: {header:?}");
    }
    assert_eq!(collector.collected.len(), keys.len());
    session.close().await;
}

pub(super) async fn a_header_comes_alone(counterpart: &mut dyn Counterpart) {
    let long = format!("Subject: long\r\n\r\n{}\r\n", "x".repeat(300_000));
    let many = format!("{}\r\nbody\r\n", "X-Many: a header\r\n".repeat(20_000));
    let texts = [long.as_str(), many.as_str(), "Subject: gone\r\n\r\n"];
    let (folder, mut session) = folder_with(counterpart, "headers", &texts).await;
    let keys = keys(session.as_mut(), &folder).await;
    let headers = [
        "Subject: long\r\n\r\n",
        &many[..many.len() - "body\r\n".len()],
    ];
    for (key, wanted) in keys.iter().zip(headers) {
        let header = session.header(&folder, key).await.expect("it comes");
        assert!(header.as_deref() == Some(wanted.as_bytes()), "{key}");
    }
    let deleted = session.delete(&folder, &keys[2..]).await;
    deleted.expect("it is deleted");
    let gone = session.header(&folder, &keys[2]).await;
    assert_eq!(gone.expect("that is no error"), None);
    if counterpart.view() == View::Whole {
        let unread = Query {
            unread: true,
            ..everything()
        };
        let unread = subjects(session.as_mut(), &folder, &unread).await;
        assert_eq!(unread.len(), 2, "nothing is marked as read");
    }
    session.close().await;
}

pub(super) async fn a_missing_message_is_gone_and_a_missing_folder_is_named(
    counterpart: &mut dyn Counterpart,
) {
    let text = message("kept");
    let (folder, mut session) = folder_with(counterpart, "missing", &[&text, &text]).await;
    let keys = keys(session.as_mut(), &folder).await;
    session
        .delete(&folder, &keys[..1])
        .await
        .expect("it is deleted");
    let mut collector = Collector::default();
    session
        .fetch(&folder, &keys, &mut collector)
        .await
        .expect("a missing message is no error");
    assert!(
        collector
            .collected
            .contains(&Collected::Gone(keys[0].clone()))
    );
    assert_eq!(collector.collected.len(), 2);

    let error = session
        .present(&FolderName::new("no such folder"))
        .await
        .expect_err("none");
    assert_eq!(error.code(), "folder_missing");
    assert!(error.to_string().contains("no such folder"), "{error}");
    session.present(&folder).await.expect("the session goes on");
    session.close().await;
}

pub(super) async fn keys(session: &mut dyn Mailbox, folder: &FolderName) -> Vec<MessageKey> {
    let listed = session
        .list(folder, &everything())
        .await
        .expect("the messages are listed");
    listed
        .into_iter()
        .rev()
        .map(|summary| summary.key)
        .collect()
}

pub(super) fn everything() -> Query {
    Query::newest(1000)
}

async fn subjects(session: &mut dyn Mailbox, folder: &FolderName, query: &Query) -> Vec<String> {
    let listed = session
        .list(folder, query)
        .await
        .expect("the messages are listed");
    listed
        .into_iter()
        .map(|summary| summary.envelope.subject.unwrap_or_default())
        .collect()
}

const ODD_NAMES: [&str; 18] = [
    "R&D",
    "&-",
    "&AOQ-",
    "100 %",
    "a*b",
    "\"quoted\"",
    "back\\slash",
    "it's (here)",
    "{5}",
    "a+b;c,d",
    "q?x#y=z",
    "50%25",
    "\u{1f600} \u{65e5}\u{672c}\u{8a9e}",
    "e\u{301}t\u{e9}",
    " leading",
    "trailing ",
    "two  blanks",
    "INBOX2",
];
const NO_GOOD_MESSAGES: [&[u8]; 9] = [
    b"",
    b"\r\n",
    b"no header at all\r\n",
    b"Subject\r\nFrom\r\n\r\nno colons\r\n",
    b"Subject: no end of the header\r\n",
    b": no name\r\n\r\nbody\r\n",
    b" continued from nowhere\r\nSubject: x\r\n\r\nbody\r\n",
    b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type\r\n",
    b"Date: never\r\nFrom: <<>,;:@\r\nSubject: =?utf-8?b?!?=\r\nSubject: \xff\r\n\r\n\xff\xfe\r\n",
];
const TEN_MINUTES: std::time::Duration = std::time::Duration::from_mins(10);
