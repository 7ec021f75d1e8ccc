use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use futures_util::future::join_all;
use gatepost_mailroom::sinks::maildir::Maildir;
use gatepost_mailroom::{Outcome, Sink as _};

use crate::given::{Given, reason};

fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(folder).expect("the folder");
    entries
        .map(|entry| {
            let path = entry.expect("an entry").path();
            let name = path
                .file_name()
                .expect("a name")
                .to_string_lossy()
                .into_owned();
            (name, std::fs::read(path).expect("a file"))
        })
        .collect()
}

#[tokio::test]
async fn many_messages_arrive_whole_and_private() {
    let many: Vec<Given> = (0..50)
        .map(|uid| Given::message(uid, format!("message {uid}").as_bytes()))
        .collect();
    let root = many[0].folder.path().join("mail");
    let sink = Maildir::open(&root).expect("the folder is ours");
    let outcomes = join_all(many.iter().map(|given| given.to(&sink))).await;
    assert!(outcomes.iter().all(|outcome| *outcome == Outcome::Done));
    let mut contents: Vec<_> = files(&root.join("new")).into_values().collect();
    contents.sort();
    let mut wanted: Vec<_> = (0..50)
        .map(|uid| format!("message {uid}").into_bytes())
        .collect();
    wanted.sort();
    assert_eq!(contents, wanted);
    assert!(files(&root.join("tmp")).is_empty());
    for folder in ["tmp", "new", "cur"] {
        let metadata = std::fs::metadata(root.join(folder)).expect("the folder");
        assert_eq!(metadata.permissions().mode() & 0o777, 0o700);
    }
}

#[tokio::test]
async fn a_redelivery_changes_nothing_even_after_the_message_was_read() {
    let given = Given::message(1, b"once");
    let root = given.folder.path().join("mail");
    let sink = Maildir::open(&root).expect("the folder is ours");
    for attempt in 1..4 {
        assert_eq!(sink.deliver(given.handover(attempt)).await, Outcome::Done);
        assert_eq!(files(&root.join("new")).len(), 1);
    }
    let (name, _) = files(&root.join("new")).pop_first().expect("one file");
    assert!(name.contains(given.event.id.as_str()), "{name}");
    assert!(name.ends_with(",S=4"), "{name}");
    let read = root.join("cur").join(format!("{name}:2,S"));
    std::fs::rename(root.join("new").join(&name), read).expect("ours");
    assert_eq!(sink.deliver(given.handover(4)).await, Outcome::Done);
    assert!(files(&root.join("new")).is_empty());
}

#[tokio::test]
async fn a_maildir_that_is_gone_is_named_and_tried_again() {
    let given = Given::message(1, b"x");
    let root = given.folder.path().join("mail");
    let sink = Maildir::open(&root).expect("the folder is ours");
    std::fs::remove_dir_all(&root).expect("ours");
    let reason = reason(given.to(&sink).await);
    assert!(reason.contains("mail cannot be used"), "{reason}");
    assert!(matches!(sink.probe().await, Outcome::Retry { .. }));
}

#[tokio::test]
async fn an_event_without_a_message_is_no_mail() {
    let mut given = Given::message(1, b"x");
    let root = given.folder.path().join("mail");
    let sink = Maildir::open(&root).expect("the folder is ours");
    let never_fetched = gatepost_mailroom::Handover {
        message: None,
        ..given.handover(1)
    };
    let refused = sink.deliver(never_fetched).await;
    assert!(matches!(refused, Outcome::Refused { .. }), "{refused:?}");
    given.event.kind = gatepost_mailroom::EventType::MailboxStalled;
    let trouble = gatepost_mailroom::Handover {
        message: None,
        ..given.handover(1)
    };
    assert_eq!(sink.deliver(trouble).await, Outcome::Done);
    assert!(files(&root.join("new")).is_empty());
}
