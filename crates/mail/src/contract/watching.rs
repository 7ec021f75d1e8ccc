//! Changes, cursors and waiting.

use std::time::Duration;

use super::reading::{everything, keys};
use super::{Collected, Collector, Counterpart, View, folder_with, message};
use crate::{Changes, Cursor, FolderName, Mailbox, MessageKey, Pull, Woke, fingerprint};

pub(super) async fn changes_come_oldest_first_in_pages(counterpart: &mut dyn Counterpart) {
    let texts = ["1", "2", "3", "4", "5"].map(message);
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let (folder, mut session) = folder_with(counterpart, "paged", &texts).await;
    let wanted = keys(session.as_mut(), &folder).await;
    let mut since: Option<Cursor> = None;
    let mut pages = Vec::new();
    loop {
        let (page, next, more) = pull(session.as_mut(), &folder, since.as_ref()).await;
        pages.push(page);
        // A cursor is good in any later session, too.
        session.close().await;
        session = counterpart
            .opener()
            .open()
            .await
            .expect("the mailbox opens");
        since = Some(next);
        if !more {
            break;
        }
    }
    let sizes: Vec<usize> = pages.iter().map(Vec::len).collect();
    assert_eq!(sizes, [2, 2, 1]);
    assert_eq!(pages.concat(), wanted);
    session.close().await;
}

pub(super) async fn what_is_present_is_behind_the_cursor(counterpart: &mut dyn Counterpart) {
    let text = message("old");
    let (folder, mut session) = folder_with(counterpart, "present", &[&text]).await;
    let present = session.present(&folder).await.expect("there is a cursor");
    let (none, same, _) = pull(session.as_mut(), &folder, Some(&present)).await;
    assert_eq!(
        (none.len(), &same),
        (0, &present),
        "nothing is new, and the cursor stays"
    );
    for subject in ["new", "newer"] {
        counterpart
            .deliver(&folder, message(subject).as_bytes())
            .await;
    }
    let (new, next, more) = pull(session.as_mut(), &folder, Some(&present)).await;
    assert_eq!((new.len(), more), (2, false));
    let (none, _, _) = pull(session.as_mut(), &folder, Some(&next)).await;
    assert!(none.is_empty());
    session.close().await;
}

/// What is deleted or moved away by others between two looks is told once at most, loses nothing
/// else, and is gone when it is asked for.
pub(super) async fn what_goes_while_it_is_watched_harms_nothing(counterpart: &mut dyn Counterpart) {
    let whole = counterpart.view() == View::Whole;
    let aside = FolderName::new("aside");
    if whole {
        counterpart.create_folder(&aside).await;
    }
    let (folder, mut session) = folder_with(counterpart, "in-mid-watch", &[]).await;
    let present = session.present(&folder).await.expect("there is a cursor");
    for subject in ["a", "b", "c", "d", "e"] {
        let text = message(subject);
        counterpart.deliver(&folder, text.as_bytes()).await;
    }
    let (mut told, since, more) = pull(session.as_mut(), &folder, Some(&present)).await;
    assert_eq!((told.len(), more), (2, true));
    let all = keys(session.as_mut(), &folder).await;
    assert_eq!(told, all[..2]);
    if !whole {
        // Where one session locks the mailbox.
        session.close().await;
    }
    let other = counterpart.opener().open().await;
    let mut other = other.expect("the mailbox opens");
    // One that was told and one that was not; and of the others one leaves.
    let deleted = [all[0].clone(), all[2].clone()];
    let done = other.delete(&folder, &deleted).await;
    done.expect("they are deleted");
    let mut left = vec![all[4].clone()];
    if whole {
        let moved = other.move_to(&folder, &all[3..4], &aside).await;
        moved.expect("it moves");
    } else {
        left.insert(0, all[3].clone());
    }
    other.close().await;
    if !whole {
        let again = counterpart.opener().open().await;
        session = again.expect("the mailbox opens");
    }

    let (rest, since) = drained(session.as_mut(), &folder, since).await;
    told.extend(rest);
    // A server may show a session for a while what others took away (RFC 3501 §7.4.1).
    let wanted: Vec<_> = all.iter().filter(|key| told.contains(key)).collect();
    assert_eq!(
        told.iter().collect::<Vec<_>>(),
        wanted,
        "each once, in order"
    );
    assert!(left.iter().all(|key| told.contains(key)), "{told:?}");
    session.close().await;
    session = counterpart.opener().open().await.expect("it opens again");
    let mut collector = Collector::default();
    let fetched = session.fetch(&folder, &all, &mut collector).await;
    fetched.expect("what is gone is no error");
    let came = collector.collected.iter().filter_map(|one| match one {
        Collected::Message(key, _) => Some(key),
        Collected::Gone(_) => None,
    });
    let stayed: Vec<_> = all[1..2].iter().chain(&left).collect();
    assert_eq!(came.collect::<Vec<_>>(), stayed);
    assert_eq!(collector.collected.len(), all.len(), "the others are gone");
    // A session by POP3 shows first what was there when it was opened.
    let (none, since) = drained(session.as_mut(), &folder, since).await;
    assert!(none.is_empty(), "{none:?}");
    let text = message("afterwards");
    counterpart.deliver(&folder, text.as_bytes()).await;
    let (news, since) = drained(session.as_mut(), &folder, since).await;
    assert_eq!(news.len(), 1, "the watch goes on");
    let (none, _) = drained(session.as_mut(), &folder, since).await;
    assert!(none.is_empty());
    session.close().await;
}

/// All that is new behind a cursor, and the cursor behind that.
async fn drained(
    session: &mut dyn Mailbox,
    folder: &FolderName,
    mut since: Cursor,
) -> (Vec<MessageKey>, Cursor) {
    let mut all = Vec::new();
    loop {
        let (page, next, more) = pull(session, folder, Some(&since)).await;
        all.extend(page);
        since = next;
        if !more {
            return (all, since);
        }
    }
}

pub(super) async fn looking_changes_nothing(counterpart: &mut dyn Counterpart) {
    let text = message("unread");
    let (folder, mut session) = folder_with(counterpart, "untouched", &[&text]).await;
    pull(session.as_mut(), &folder, None).await;
    let keys = keys(session.as_mut(), &folder).await;
    session
        .fetch(&folder, &keys, &mut Collector::default())
        .await
        .expect("the body comes");
    let listed = session
        .list(&folder, &everything())
        .await
        .expect("the messages are listed");
    assert_eq!(listed[0].flags, [], "it is as unread as before");
    session.close().await;
}

pub(super) async fn a_wait_ends_with_an_arrival_or_with_its_time(
    counterpart: &mut dyn Counterpart,
) {
    let (folder, mut session) = folder_with(counterpart, "waited", &[]).await;
    let clock = counterpart.clock();
    let present = session.present(&folder).await.expect("there is a cursor");
    let soon = clock.now() + Duration::from_millis(200);
    assert_eq!(
        session.wait(soon).await.expect("the server lives"),
        Woke::TimeOver
    );
    assert!(clock.now() >= soon);

    // Delivered between two looks, and delivered while waiting: both end the wait.
    for subject in ["before", "while"] {
        let late = clock.now() + Duration::from_mins(5);
        let text = message(subject);
        let woke = if subject == "before" {
            counterpart.deliver(&folder, text.as_bytes()).await;
            session.wait(late).await
        } else {
            tokio::join!(
                session.wait(late),
                counterpart.deliver(&folder, text.as_bytes())
            )
            .0
        };
        assert_eq!(
            woke.expect("the server lives"),
            Woke::Changed,
            "delivered {subject}"
        );
        let seen = pull(session.as_mut(), &folder, Some(&present))
            .await
            .0
            .len();
        assert_eq!(seen, if subject == "before" { 1 } else { 2 });
    }
    session.close().await;
}

pub(super) async fn forgotten_keys_are_told_with_fingerprints(counterpart: &mut dyn Counterpart) {
    let texts = ["first", "second"].map(message);
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let (folder, mut session) = folder_with(counterpart, "forgotten", &texts).await;
    let before = session.present(&folder).await.expect("there is a cursor");
    session.close().await;
    counterpart.forget_keys(&folder).await;

    let session = counterpart.opener().open().await;
    let mut session = session.expect("the mailbox opens");
    everything_is_told_apart(session.as_mut(), (&folder, &before), &texts).await;
    session.close().await;
}

pub(super) async fn a_cursor_of_another_transport_is_answered_with_fingerprints(
    counterpart: &mut dyn Counterpart,
) {
    let texts = ["third", "fourth"].map(message);
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let (folder, mut session) = folder_with(counterpart, "changed-over", &texts).await;
    let foreign = Cursor {
        transport: "telepathy".to_owned(),
        version: 7,
        state: "whatever".to_owned(),
    };
    everything_is_told_apart(session.as_mut(), (&folder, &foreign), &texts).await;
    session.close().await;
}

/// Asks with a cursor that is of no use: the answer is what is there, by its fingerprints.
async fn everything_is_told_apart(
    session: &mut dyn Mailbox,
    (folder, useless): (&FolderName, &Cursor),
    texts: &[&str],
) {
    let wanted = Pull {
        since: Some(useless),
        limit: 1,
        octets: u64::MAX,
        news_from: None,
    };
    let changes = session.changes(folder, wanted).await;
    let Changes::Lost(resync) = changes.expect("there is an answer") else {
        panic!("nothing is known of the cursor, and that is said")
    };
    let mut found: Vec<[u8; 32]> = resync.present.iter().map(|(_, print)| *print).collect();
    let mut expected: Vec<[u8; 32]> = texts.iter().map(|t| fingerprint(t.as_bytes())).collect();
    found.sort_unstable();
    expected.sort_unstable();
    assert_eq!(
        found, expected,
        "whatever the limit, all that is there is told apart"
    );
    let (none, _, _) = pull(session, folder, Some(&resync.restart)).await;
    assert!(none.is_empty(), "the new cursor is behind all of it");
}

async fn pull(
    session: &mut dyn Mailbox,
    folder: &FolderName,
    since: Option<&Cursor>,
) -> (Vec<MessageKey>, Cursor, bool) {
    let changes = session
        .changes(
            folder,
            Pull {
                since,
                limit: 2,
                octets: u64::MAX,
                news_from: None,
            },
        )
        .await;
    match changes.expect("there is an answer") {
        Changes::Since {
            arrivals,
            next,
            more,
        } => (
            arrivals.into_iter().map(|arrival| arrival.key).collect(),
            next,
            more,
        ),
        Changes::Lost(_) => panic!("the server remembers"),
    }
}
