//! Changes, cursors and waiting.

use std::future::Future;

use jiff::ToSpan as _;

use super::super::cursor::Place;
use super::server::{Answer, Server};
use super::{ADA, INBOX, code, opened};
use crate::{
    Changes, Cursor, FolderName, MailError, Mailbox, Opener as _, Pull, Woke, fingerprint,
};

pub(super) const DELTA: &str = "GET /mailFolders/IN/messages/delta?$select=receivedDateTime";
pub(super) const LISTED: &str = "GET /mailFolders/IN/messages?$filter=";
pub(super) const NEWEST: &str = "GET /mailFolders/IN/messages?$select=id,receivedDateTime&$top=100&$orderby=receivedDateTime desc";

/// A page of changes; `LINK/` in it leads to the changes of the server itself.
pub(super) fn changes(rows: &str, next: &str) -> Answer {
    Answer::json(&format!(r#"{{"value":[{rows}],{next}}}"#))
}

pub(super) fn message(id: &str, second: u32) -> Answer {
    Answer::json(&row(id, second))
}

pub(super) fn row(id: &str, second: u32) -> String {
    format!(
        r#"{{"id":"{id}","parentFolderId":"IN","receivedDateTime":"2026-11-26T08:00:{second:02}Z","isRead":false}}"#
    )
}

pub(super) fn page(rows: &[String]) -> Answer {
    Answer::json(&format!("{{\"value\":[{}]}}", rows.join(",")))
}

/// A session of a server that gives out links to itself.
pub(super) async fn watching<F: Future>(
    script: Vec<(&str, Answer)>,
    client: impl FnOnce(Box<dyn Mailbox>, Links) -> F,
) -> (F::Output, Server) {
    let server = Server::new(&[]).await;
    let base = server.base();
    let links = Links(base.as_str().to_owned());
    for (question, mut answer) in script {
        let body = String::from_utf8(answer.body).expect("text");
        answer.body = body.replace("LINK/", &links.to("")).into_bytes();
        server.adds(question, answer);
    }
    server.knows("GET /mailFolders/inbox?", Answer::json(INBOX));
    server.knows("GET /mailFolders/IN?", Answer::json(INBOX));
    let opener = super::GraphOpener::new(super::settings(&server, &std::sync::Arc::default()));
    let talk = async {
        let session = opener.open().await.expect("the mailbox opens");
        client(session, links).await
    };
    let done = server.serve(talk).await;
    (done, server)
}

/// Links to the server's changes of the inbox.
#[derive(Clone)]
pub(super) struct Links(pub(super) String);

impl Links {
    pub(super) fn to(&self, state: &str) -> String {
        format!("{}v1.0/users/{ADA}/delta?{state}", self.0)
    }

    /// A cursor with the link `state` that has seen these ids.
    pub(super) fn cursor(&self, state: &str, seen: &[&str]) -> Cursor {
        let now = gatepost_host::Clock::system().now();
        let mut place = Place::before_all((ADA, "IN"), self.to(state), now);
        place.behind = None;
        for id in seen {
            place.see(id, None);
        }
        place.into()
    }
}

pub(super) async fn pull(
    session: &mut dyn Mailbox,
    since: Option<&Cursor>,
    limit: usize,
) -> Result<Changes, MailError> {
    let pull = Pull {
        since,
        limit,
        octets: u64::MAX,
        news_from: None,
    };
    session.changes(&FolderName::inbox(), pull).await
}

pub(super) fn ids(changes: &Changes) -> (Vec<String>, Cursor, bool) {
    let Changes::Since {
        arrivals,
        next,
        more,
    } = changes
    else {
        panic!("the ids are known: {changes:?}")
    };
    let ids = arrivals.iter().map(|one| one.key.to_string()).collect();
    (ids, next.clone(), *more)
}

#[tokio::test]
async fn rows_are_looked_up_and_what_was_seen_is_no_news() {
    let rows = r#"{"id":"old","isRead":true},{"id":"new2"},{"id":"gone","@removed":{"reason":"deleted"}},{"id":"new1"},{"id":"moved"},{"id":"new1"}"#;
    let moved = r#"{"id":"moved","parentFolderId":"ELSEWHERE"}"#;
    let script = vec![
        (
            "GET /delta?1",
            changes(r#"{"id":"lost"}"#, r#""@odata.nextLink":"LINK/1b""#),
        ),
        (
            "GET /delta?1b",
            changes(rows, r#""@odata.deltaLink":"LINK/2""#),
        ),
        (
            "GET /messages/lost?",
            Answer::refusal(404, "ErrorItemNotFound"),
        ),
        ("GET /messages/new1?", message("new1", 1)),
        ("GET /messages/new2?", message("new2", 2)),
        ("GET /messages/moved?", Answer::json(moved)),
        (
            "GET /delta?2",
            changes("", r#""@odata.deltaLink":"LINK/3""#),
        ),
        // The folder's count says two.
        (
            LISTED,
            page(&[row("old", 0), row("new1", 1), row("new2", 2)]),
        ),
    ];
    let ((first, second, third), _) = watching(script, |mut session, links| async move {
        let cursor = links.cursor("1", &["old", "gone"]);
        let first = pull(session.as_mut(), Some(&cursor), 9)
            .await
            .expect("it comes");
        let next = ids(&first).1;
        let second = pull(session.as_mut(), Some(&next), 9)
            .await
            .expect("it comes");
        let next = ids(&second).1;
        let third = pull(session.as_mut(), Some(&next), 9)
            .await
            .expect("it comes");
        (first, second, third)
    })
    .await;
    let (new, next, more) = ids(&first);
    assert_eq!(new, ["graph:new1", "graph:new2"], "oldest first");
    assert!(
        more,
        "what came does not put off the comparison with the count"
    );
    let place = Place::try_from(&next).expect("it is ours");
    assert!(!place.has_seen("gone", None) && place.has_seen("old", None));
    assert!(place.link.ends_with("delta?2"), "{}", place.link);
    let (none, next, more) = ids(&second);
    assert_eq!((none, more), (vec![], false));
    assert_eq!(
        ids(&third),
        (vec![], next, false),
        "nothing new, and nothing to store"
    );
}

#[tokio::test]
async fn everything_from_the_beginning_comes_oldest_first_in_pages() {
    let rows: Vec<String> = [("a", 1), ("b", 1), ("c", 3)]
        .map(|(id, at)| row(id, at))
        .to_vec();
    let script = vec![
        (
            DELTA,
            changes(
                &rows.concat().replace("}{", "},{"),
                r#""@odata.deltaLink":"LINK/1""#,
            ),
        ),
        (LISTED, page(&rows)),
        (LISTED, page(&rows[..])),
    ];
    let ((first, second), server) = watching(script, |mut session, _| async move {
        let first = pull(session.as_mut(), None, 2).await.expect("it comes");
        let next = ids(&first).1;
        (
            first,
            pull(session.as_mut(), Some(&next), 2)
                .await
                .expect("it comes"),
        )
    })
    .await;
    let (new, _, more) = ids(&first);
    assert_eq!(
        (new.as_slice(), more),
        (&["graph:a".to_owned(), "graph:b".to_owned()][..], true)
    );
    let (new, _, more) = ids(&second);
    assert_eq!((new.as_slice(), more), (&["graph:c".to_owned()][..], false));
    let asked = server.questions();
    let listed: Vec<&String> = asked.iter().filter(|one| one.starts_with(LISTED)).collect();
    assert!(
        listed[0].contains("ge 1970-01-01T00:00:00Z&$orderby=receivedDateTime asc"),
        "{}",
        listed[0]
    );
    assert!(
        listed[1].contains("ge 2026-11-26T08:00:03Z&"),
        "{}",
        listed[1]
    );
}

#[tokio::test]
async fn a_walk_that_was_cut_short_is_noticed_by_the_count() {
    let short = row("a", 1);
    let both = [row("a", 1), row("b", 2)];
    let script = vec![
        (DELTA, changes(&short, r#""@odata.deltaLink":"LINK/1""#)),
        (NEWEST, page(&both[1..])),
        (LISTED, page(&both)),
    ];
    let (cursor, _) = watching(script, |mut session, _| async move {
        session
            .present(&FolderName::inbox())
            .await
            .expect("there is a cursor")
    })
    .await;
    let place = Place::try_from(&cursor).expect("it is ours");
    assert!(place.has_seen("a", None) && place.has_seen("b", None));
}

#[tokio::test]
async fn a_message_that_no_change_told_of_is_found_by_the_count() {
    let both = [row("a", 1), row("b", 2)];
    let script = vec![
        (
            "GET /delta?1",
            changes("", r#""@odata.deltaLink":"LINK/2""#),
        ),
        (LISTED, page(&both)),
    ];
    let (found, _) = watching(script, |mut session, links| async move {
        let cursor = links.cursor("1", &["a"]);
        pull(session.as_mut(), Some(&cursor), 9)
            .await
            .expect("it comes")
    })
    .await;
    assert_eq!(ids(&found).0, ["graph:b"]);
}

#[tokio::test]
async fn a_forgotten_link_brings_what_is_new_and_nothing_else() {
    for refusal in [
        Answer::empty(410),
        Answer::refusal(404, "syncStateNotFound"),
        Answer::refusal(400, "resyncRequired"),
    ] {
        let rows = [row("a", 1), row("b", 2)].join(",");
        let script = vec![
            ("GET /delta?1", refusal),
            (DELTA, changes(&rows, r#""@odata.deltaLink":"LINK/2""#)),
            (LISTED, page(&[row("a", 1), row("b", 2)])),
        ];
        let (found, _) = watching(script, |mut session, links| async move {
            let cursor = links.cursor("1", &["a", "gone"]);
            pull(session.as_mut(), Some(&cursor), 9)
                .await
                .expect("it comes")
        })
        .await;
        let (new, next, more) = ids(&found);
        assert_eq!((new.as_slice(), more), (&["graph:b".to_owned()][..], false));
        let place = Place::try_from(&next).expect("it is ours");
        assert!(place.link.ends_with("delta?2"));
        assert_eq!(place.known(), Some(2), "one is gone");
    }
}

#[tokio::test]
async fn where_all_ids_are_others_the_headers_tell() {
    let rows = [row("b", 2), row("a", 1)].join(",");
    let header = |id: &str| format!("Message-ID: <{id}@contoso.com>\r\n\r\n");
    let value = |id: &str| Answer::json(&format!("{}body", header(id)));
    let script = vec![
        ("GET /delta?1", Answer::empty(410)),
        (DELTA, changes(&rows, r#""@odata.deltaLink":"LINK/2""#)),
        (DELTA, changes(&rows, r#""@odata.deltaLink":"LINK/3""#)),
        (LISTED, page(&[row("a", 1), row("b", 2)])),
        ("GET /mailFolders/IN/messages/a/$value", value("a")),
        ("GET /mailFolders/IN/messages/b/$value", value("b")),
    ];
    let (found, _) = watching(script, |mut session, links| async move {
        let cursor = links.cursor("1", &["of another time"]);
        pull(session.as_mut(), Some(&cursor), 1)
            .await
            .expect("it comes")
    })
    .await;
    let Changes::Lost(resync) = found else {
        panic!("none of the ids is known")
    };
    let prints: Vec<[u8; 32]> = resync.present.iter().map(|(_, print)| *print).collect();
    let wanted = ["a", "b"].map(|id| fingerprint(header(id).as_bytes()));
    assert_eq!(prints, wanted, "oldest first");
    let place = Place::try_from(&resync.restart).expect("it is ours");
    assert!(place.has_seen("a", None) && place.has_seen("b", None));
}

#[tokio::test]
async fn a_cursor_of_another_mailbox_is_refused_and_a_link_elsewhere_is_not_followed() {
    let script = vec![
        (
            DELTA,
            changes(&row("a", 1), r#""@odata.deltaLink":"LINK/2""#),
        ),
        (LISTED, page(&[row("a", 1), row("b", 2)])),
    ];
    let found = watching(script, |mut session, links| async move {
        let cursor = links.cursor("1", &["a"]);
        let edited = |what: &str, with: &str| Cursor {
            state: cursor.state.replace(what, with),
            ..cursor.clone()
        };
        let other = edited("\"mailbox\":\"ada@", "\"mailbox\":\"bob@");
        let away = edited(&links.0, "https://evil.example/");
        let other = pull(session.as_mut(), Some(&other), 9).await;
        (other, pull(session.as_mut(), Some(&away), 9).await)
    })
    .await;
    let ((other, away), server) = found;
    assert_eq!(code(&other), "cursor_unusable");
    assert!(
        other
            .expect_err("it fails")
            .to_string()
            .contains("bob@contoso.com")
    );
    let (new, next, _) = ids(&away.expect("it starts again here"));
    assert_eq!(new, ["graph:b"]);
    let place = Place::try_from(&next).expect("it is ours");
    assert!(!place.link.contains("evil"), "{}", place.link);
    let asked = server.questions();
    let walks = asked.iter().filter(|one| one.contains("delta"));
    assert_eq!(walks.count(), 1, "{asked:?}");
}

/// The token of an app opens the other mailbox, too: following the link would lose what came here.
#[tokio::test]
async fn a_link_to_the_changes_of_another_mailbox_is_not_followed() {
    let link = r#""@odata.deltaLink":"LINK/2""#;
    let script = vec![
        (DELTA, changes(&row("a", 1), link)),
        (LISTED, page(&[row("a", 1), row("b", 2)])),
        ("GET /delta?2", changes("", link)),
    ];
    let (found, server) = watching(script, |mut session, links| async move {
        let cursor = links.cursor("1", &["a"]);
        let cursor = Cursor {
            state: cursor
                .state
                .replace("users/ada@contoso.com", "users('Bob%40contoso.com')"),
            ..cursor
        };
        assert!(cursor.state.contains("Bob"), "{}", cursor.state);
        let (new, next, _) = ids(&pull(session.as_mut(), Some(&cursor), 9).await?);
        let (none, _, _) = ids(&pull(session.as_mut(), Some(&next), 9).await?);
        Ok::<_, MailError>((new, none))
    })
    .await;
    let (new, none) = found.expect("it starts again here");
    assert_eq!((new, none.len()), (vec!["graph:b".to_owned()], 0));
    let asked = server.questions();
    assert!(!asked.iter().any(|one| one.contains("bob")), "{asked:?}");
}

/// Graph may call the mailbox otherwise than we do, which is no reason to begin anew each time.
#[tokio::test]
async fn a_mailbox_may_have_another_name_in_the_links_of_graph() {
    let called = |state: &str| {
        format!(r#""@odata.deltaLink":"BASEv1.0/users('ada.berg@contoso.com')/delta?{state}""#)
    };
    let server = Server::new(&[]).await;
    let base = server.base();
    let answer = |rows: &str, state: &str| {
        let link = called(state).replace("BASE", base.as_str());
        changes(rows, &link)
    };
    server.adds(DELTA, answer(&row("a", 1), "2"));
    server.adds(LISTED, page(&[row("a", 1)]));
    server.adds(
        "GET /users('ada.berg@contoso.com')/delta?2",
        answer("", "3"),
    );
    server.knows("GET /mailFolders/inbox?", Answer::json(INBOX));
    server.knows("GET /mailFolders/IN?", Answer::json(INBOX));
    let opener = super::GraphOpener::new(super::settings(&server, &std::sync::Arc::default()));
    let talk = async {
        let mut session = opener.open().await?;
        let (new, next, _) = ids(&pull(session.as_mut(), None, 9).await?);
        let (none, _, _) = ids(&pull(session.as_mut(), Some(&next), 9).await?);
        Ok::<_, MailError>((new, none.len()))
    };
    let found = server.serve(talk).await.expect("it works");
    assert_eq!(found, (vec!["graph:a".to_owned()], 0));
}

#[tokio::test]
async fn a_page_of_changes_that_leads_nowhere_is_no_end() {
    for next in [r#""x":1"#, r#""@odata.nextLink":"LINK/1""#] {
        let script = vec![("GET /delta?1", changes("", next))];
        let (found, _) = watching(script, |mut session, links| async move {
            let cursor = links.cursor("1", &[]);
            pull(session.as_mut(), Some(&cursor), 9).await
        })
        .await;
        assert_eq!(code(&found), "mail_server_garbled", "{next}");
    }
}

#[tokio::test]
async fn a_wait_looks_until_something_changed() {
    let quiet = || changes("", r#""@odata.deltaLink":"LINK/1""#);
    let news = || changes(r#"{"id":"new"}"#, r#""@odata.deltaLink":"LINK/2""#);
    let rows = [row("a", 1), row("b", 2)].join(",");
    let script = vec![
        (DELTA, changes(&rows, r#""@odata.deltaLink":"LINK/1""#)),
        ("GET /delta?1", quiet()),
        ("GET /delta?1", quiet()),
        ("GET /delta?1", news()),
        ("GET /delta?1", news()),
        ("GET /messages/new?", message("new", 9)),
    ];
    let ((woke, new), server) = watching(script, |mut session, _| async move {
        let cursor = session
            .present(&FolderName::inbox())
            .await
            .expect("there is a cursor");
        let until = gatepost_host::Clock::system().now() + 1.minute();
        let woke = session.wait(until).await.expect("it wakes");
        let new = pull(session.as_mut(), Some(&cursor), 9)
            .await
            .expect("it comes");
        (woke, ids(&new).0)
    })
    .await;
    assert_eq!(
        (woke, new.as_slice()),
        (Woke::Changed, &["graph:new".to_owned()][..])
    );
    let looks = server
        .questions()
        .into_iter()
        .filter(|one| one == "GET /delta?1");
    assert_eq!(looks.count(), 4);
}

#[tokio::test]
async fn a_look_right_after_a_quiet_wait_asks_nothing_again() {
    let rows = [row("a", 1), row("b", 2)].join(",");
    let script = vec![
        (DELTA, changes(&rows, r#""@odata.deltaLink":"LINK/1""#)),
        (
            "GET /delta?1",
            changes("", r#""@odata.deltaLink":"LINK/1""#),
        ),
    ];
    let ((found, cursor), _) = watching(script, |mut session, _| async move {
        let cursor = session
            .present(&FolderName::inbox())
            .await
            .expect("there is a cursor");
        let now = gatepost_host::Clock::system().now();
        assert_eq!(session.wait(now).await.expect("it lives"), Woke::TimeOver);
        let found = pull(session.as_mut(), Some(&cursor), 9)
            .await
            .expect("it comes");
        (ids(&found), cursor)
    })
    .await;
    assert_eq!(found, (vec![], cursor, false));
}

#[tokio::test]
async fn a_folder_that_is_not_there_is_named_with_those_that_may_be_meant() {
    let missing = || Answer::refusal(404, "ErrorItemNotFound");
    let script = [
        ("GET /mailFolders/archive", missing()),
        ("GET /mailFolders/deleteditems", missing()),
        ("GET /mailFolders/drafts", missing()),
        ("GET /mailFolders/junkemail", missing()),
        ("GET /mailFolders/sentitems", missing()),
        (
            "GET /mailFolders?$top=100",
            page(&[r#"{"id":"R","displayName":"Rechnungen"}"#.to_owned()]),
        ),
    ];
    let (found, _) = opened(&script, |mut session| async move {
        session.present(&FolderName::new("Rechnung")).await
    })
    .await;
    assert_eq!(code(&found), "folder_missing");
    let sentence = found.expect_err("it is not there").to_string();
    assert!(sentence.contains("did you mean Rechnungen?"), "{sentence}");
}
