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

const TEN_MINUTES: std::time::Duration = std::time::Duration::from_mins(10);
