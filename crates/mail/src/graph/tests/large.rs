//! Folders that one look does not go through.

use jiff::{Timestamp, ToSpan as _};

use super::super::cursor::Place;
use super::server::Answer;
use super::watching::{DELTA, LISTED, NEWEST, changes, ids, page, pull, row, watching};
use crate::{Changes, Cursor, FolderName, Pull, Resync};

/// A row whose time has minutes, too.
fn later(id: &str, at: usize) -> String {
    row(id, 0).replace("08:00:00", &format!("08:{:02}:{:02}", at / 60, at % 60))
}

fn leading_to(rows: &[String], next: &str) -> Answer {
    let rows = rows.join(",");
    Answer::json(&format!(
        r#"{{"value":[{rows}],"@odata.nextLink":"LINK/{next}"}}"#
    ))
}

fn foreign() -> Cursor {
    Cursor {
        transport: "telepathy".to_owned(),
        version: 1,
        state: "whatever".to_owned(),
    }
}

fn lost(changes: Changes) -> Resync {
    match changes {
        Changes::Lost(resync) => resync,
        Changes::Since { .. } => panic!("nothing is known by its id: {changes:?}"),
    }
}

#[tokio::test]
async fn a_walk_through_a_large_folder_goes_on_where_the_last_look_left_it() {
    let pages: Vec<String> = (0..70).map(|at| format!("GET /delta?{at}")).collect();
    let mut script = vec![(DELTA, leading_to(&[later("m", 0)], "0"))];
    for (at, question) in pages.iter().enumerate() {
        let rows = [later(&format!("m{at}"), at)];
        let answer = if at == 69 {
            changes(&rows[0], r#""@odata.deltaLink":"LINK/end""#)
        } else {
            leading_to(&rows, &(at + 1).to_string())
        };
        script.push((question, answer));
    }
    script.push((NEWEST, page(&[later("m60", 60)])));
    // One came while the walk went on.
    let new = ["m0", "m60", "new"].map(|id| match id {
        "new" => later(id, 200),
        "m60" => later(id, 60),
        _ => later(id, 0),
    });
    script.push((LISTED, page(&new)));
    script[70].1 = changes(&later("new", 200), r#""@odata.deltaLink":"LINK/end""#);
    let ((cursor, found), _) = watching(script, |mut session, _| async move {
        let inbox = FolderName::inbox();
        let cursor = session.present(&inbox).await.expect("it has begun");
        let found = pull(session.as_mut(), Some(&cursor), 9).await;
        (cursor, ids(&found.expect("it comes")))
    })
    .await;
    let place = Place::try_from(&cursor).expect("it is ours");
    assert!(place.walk.is_some(), "one look has an end");
    assert_eq!(
        (found.0.as_slice(), found.2),
        (&["graph:new".to_owned()][..], false)
    );
}

#[tokio::test]
async fn a_message_that_is_deleted_while_the_folder_is_listed_hides_no_other() {
    let script = vec![
        (
            DELTA,
            changes(&row("a", 1), r#""@odata.deltaLink":"LINK/1""#),
        ),
        (LISTED, leading_to(&[row("a", 1), row("b", 2)], "skip=2")),
        // What Graph would skip: `c` has moved up to where `b` was.
        (LISTED, page(&[row("b", 2), row("c", 3)])),
    ];
    let ((new, _, more), server) = watching(script, |mut session, _| async move {
        ids(&pull(session.as_mut(), None, 9).await.expect("it comes"))
    })
    .await;
    assert_eq!(new, ["graph:a", "graph:b", "graph:c"]);
    assert!(!more);
    let asked = server.questions();
    assert!(
        asked
            .iter()
            .any(|one| one.contains("ge 2026-11-26T08:00:02Z")),
        "{asked:?}"
    );
}

#[tokio::test]
async fn a_listing_that_was_short_takes_nothing_known_for_news_later() {
    let script = vec![
        (
            "GET /delta?1",
            changes("", r#""@odata.deltaLink":"LINK/1""#),
        ),
        // The count says two.
        (LISTED, page(&[row("b", 2)])),
        (
            "GET /delta?1",
            changes(r#"{"id":"a"}"#, r#""@odata.deltaLink":"LINK/2""#),
        ),
    ];
    let (new, _) = watching(script, |mut session, links| async move {
        let cursor = links.cursor("1", &["a", "b", "c"]);
        let first = pull(session.as_mut(), Some(&cursor), 9).await;
        let next = ids(&first.expect("it comes")).1;
        let second = pull(session.as_mut(), Some(&next), 9).await;
        ids(&second.expect("it comes")).0
    })
    .await;
    assert!(new.is_empty(), "{new:?}");
}

#[tokio::test]
async fn what_was_seen_by_other_means_is_told_apart_part_by_part_and_to_the_end() {
    let rows: Vec<String> = (0..250).map(|at| later(&format!("m{at}"), at)).collect();
    let values: Vec<String> = (0..250)
        .map(|at| format!("GET /mailFolders/IN/messages/m{at}/$value"))
        .collect();
    let mut script = vec![
        (DELTA, changes("", r#""@odata.deltaLink":"LINK/1""#)),
        (LISTED, page(&rows)),
        (LISTED, page(&rows[200..])),
    ];
    for question in &values {
        script.push((
            question,
            Answer::json("Message-ID: <x@contoso.com>\r\n\r\n"),
        ));
    }
    let ((first, second), _) = watching(script, |mut session, _| async move {
        let first = pull(session.as_mut(), Some(&foreign()), 1).await;
        let first = lost(first.expect("it comes"));
        let second = pull(session.as_mut(), Some(&first.restart), 1).await;
        (first, lost(second.expect("it comes")))
    })
    .await;
    assert_eq!((first.present.len(), first.more), (200, true));
    assert_eq!((second.present.len(), second.more), (50, false));
}

#[tokio::test]
async fn what_is_too_old_to_be_news_is_not_identified() {
    let rows = [row("old", 1), row("new", 5)];
    let script = vec![
        (
            DELTA,
            changes(&rows.join(","), r#""@odata.deltaLink":"LINK/1""#),
        ),
        (LISTED, page(&rows[1..])),
        (
            "GET /mailFolders/IN/messages/new/$value",
            Answer::json("Message-ID: <x@contoso.com>\r\n\r\n"),
        ),
    ];
    let (resync, server) = watching(script, |mut session, _| async move {
        let cursor = foreign();
        let pull = Pull {
            since: Some(&cursor),
            limit: 9,
            octets: u64::MAX,
            news_from: Some("2026-11-26T08:00:03Z".parse().expect("a time")),
        };
        let found = session.changes(&FolderName::inbox(), pull).await;
        lost(found.expect("it comes"))
    })
    .await;
    assert_eq!(resync.present.len(), 1);
    let place = Place::try_from(&resync.restart).expect("it is ours");
    assert!(place.has_seen("old", None) && place.has_seen("new", None));
    let asked = server.questions();
    assert!(
        asked
            .iter()
            .any(|one| one.contains("ge 2026-11-26T08:00:03Z"))
    );
}

#[tokio::test]
async fn too_many_changes_are_listed_also_where_one_of_them_is_taken_back() {
    let rows: Vec<String> = (0..=1_000)
        .map(|at| format!(r#"{{"id":"m{at}"}}"#))
        .collect();
    let rows = format!(
        r#"{},{{"id":"m1","@removed":{{"reason":"deleted"}}}}"#,
        rows.join(",")
    );
    let script = vec![
        (
            "GET /delta?1",
            changes(&rows, r#""@odata.deltaLink":"LINK/2""#),
        ),
        (LISTED, page(&[row("m0", 1), row("m1000", 2)])),
    ];
    let ((new, _, _), _) = watching(script, |mut session, links| async move {
        let cursor = links.cursor("1", &[]);
        ids(&pull(session.as_mut(), Some(&cursor), 9)
            .await
            .expect("it comes"))
    })
    .await;
    assert_eq!(new, ["graph:m0", "graph:m1000"]);
}

#[tokio::test]
async fn a_folder_is_compared_once_a_day_also_where_the_count_agrees() {
    let script = vec![
        (
            "GET /delta?1",
            changes("", r#""@odata.deltaLink":"LINK/1""#),
        ),
        (LISTED, page(&[row("a", 1), row("untold", 2)])),
    ];
    let ((new, _, _), _) = watching(script, |mut session, links| async move {
        let cursor = links.cursor("1", &["a", "gone"]);
        let mut place = Place::try_from(&cursor).expect("it is ours");
        place.listed_at -= 25.hours();
        let cursor = place.into();
        ids(&pull(session.as_mut(), Some(&cursor), 9)
            .await
            .expect("it comes"))
    })
    .await;
    assert_eq!(new, ["graph:untold"]);
}

#[tokio::test]
async fn the_link_of_a_quiet_folder_does_not_grow_old() {
    let quiet = |next: &str| changes("", &format!(r#""@odata.deltaLink":"LINK/{next}""#));
    let script = vec![
        ("GET /delta?1", quiet("1")),
        ("GET /delta?1", quiet("2")),
        (LISTED, page(&[row("a", 1), row("b", 2)])),
    ];
    let (place, _) = watching(script, |mut session, links| async move {
        let cursor = links.cursor("1", &["a", "b"]);
        let first = pull(session.as_mut(), Some(&cursor), 9).await;
        let mut place = Place::try_from(&ids(&first.expect("it comes")).1).expect("it is ours");
        place.linked_at -= 2.hours();
        let cursor = place.into();
        let now = gatepost_host::Clock::system().now();
        session.wait(now).await.expect("it lives");
        let second = pull(session.as_mut(), Some(&cursor), 9).await;
        Place::try_from(&ids(&second.expect("it comes")).1).expect("it is ours")
    })
    .await;
    assert!(place.link.ends_with("delta?2"), "{}", place.link);
}

#[tokio::test]
async fn below_the_floor_nothing_speaks_for_the_ids() {
    let old: Vec<String> = (0..20).map(|at| row(&format!("old{at}"), at)).collect();
    let rows = [old, vec![row("x", 40), row("y", 41)]].concat().join(",");
    let value = || Answer::json("Message-ID: <x@contoso.com>\r\n\r\n");
    let script = vec![
        ("GET /delta?1", Answer::empty(410)),
        (DELTA, changes(&rows, r#""@odata.deltaLink":"LINK/2""#)),
        (DELTA, changes(&rows, r#""@odata.deltaLink":"LINK/3""#)),
        (LISTED, page(&[row("x", 40), row("y", 41)])),
        ("GET /mailFolders/IN/messages/x/$value", value()),
        ("GET /mailFolders/IN/messages/y/$value", value()),
    ];
    let (resync, _) = watching(script, |mut session, links| async move {
        let cursor = links.cursor("1", &["another x", "another y"]);
        let mut place = Place::try_from(&cursor).expect("it is ours");
        let floor: Timestamp = "2026-11-26T08:00:30Z".parse().expect("a time");
        place.floor = Some(floor);
        let cursor = place.into();
        lost(
            pull(session.as_mut(), Some(&cursor), 9)
                .await
                .expect("it comes"),
        )
    })
    .await;
    assert_eq!(resync.present.len(), 2);
}

#[tokio::test]
async fn a_page_of_a_listing_that_leads_to_itself_is_no_end() {
    let script = vec![
        (
            DELTA,
            changes(&row("a", 1), r#""@odata.deltaLink":"LINK/1""#),
        ),
        (LISTED, leading_to(&[], "2")),
        ("GET /delta?2", leading_to(&[], "2")),
    ];
    let (found, _) = watching(script, |mut session, _| async move {
        pull(session.as_mut(), None, 9).await
    })
    .await;
    assert_eq!(super::code(&found), "mail_server_garbled");
}
