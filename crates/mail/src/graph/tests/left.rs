//! Drafts that a try left in the mailbox: they are taken away, or known to be sent, before the
//! message goes once more.

use std::sync::Arc;

use gatepost_fault::Fault as _;
use serde_json::{Value, json};

use super::super::drafts::Withdrawal;
use super::super::submit::GraphSubmitter;
use super::sending::{BOB, LOOK, draft, large, rebuilt};
use super::server::{Answer, Server};
use super::{ADA, INBOX, Tokens, asked, settings};
use crate::contract::{Told, envelope};
use crate::{SubmitOpener as _, Trace};

const EVE: &str = "eve@fabrikam.com";

/// Nobody else knows of it, and it may have files of a hundred megabytes.
#[tokio::test]
async fn a_draft_that_a_killed_process_left_is_taken_away_first() {
    let lost = Answer::refusal(413, "ErrorMessageSizeExceeded");
    let script = [
        (
            "GET /messages/OLD",
            Answer::json(r#"{"id":"OLD","isDraft":true,"@odata.etag":"v1"}"#),
        ),
        ("DELETE /messages/OLD", Answer::empty(204)),
        ("POST /messages", Answer::json(r#"{"id":"D"}"#)),
        ("POST /messages/D/attachments", lost),
    ];
    let server = Server::new(&script).await;
    server.knows("GET /mailFolders/inbox?", Answer::json(INBOX));
    server.knows(LOOK, draft());
    server.knows("DELETE /messages/D", Answer::empty(204));
    let opener = GraphSubmitter::new(settings(&server, &Arc::new(Tokens::default())));
    let mut told = Told {
        left_draft: Some("OLD".to_owned()),
        ..Told::default()
    };
    let talk = async {
        let mut session = opener.open().await.expect("the token is taken");
        let all = envelope(ADA, &[BOB]);
        session.submit(&all, &mut large(), &mut told).await
    };
    server.serve(talk).await.expect_err("it is too large");
    let asked = server.questions();
    let place = |question: &str| asked.iter().position(|one| one == question);
    assert!(
        place("DELETE /messages/OLD") < place("POST /messages"),
        "{asked:?}"
    );
    assert!(place("DELETE /messages/OLD").is_some(), "{asked:?}");
    assert_eq!(
        told.drafts,
        ["D"],
        "it is noted before its files hang on it"
    );
    assert_eq!(
        told.withdrawn, 2,
        "the old one, and the one that is too large"
    );
    assert_eq!(told.begun, None);
}

/// An upload takes minutes, in which the draft lies in Drafts for everybody to send. What is taken
/// away behind a failure must not be the copy of that, and the next try has to know of it.
#[tokio::test]
async fn a_draft_that_somebody_sent_during_a_try_stays_noted() {
    let sent = Answer::json(r#"{"id":"D","isDraft":false,"@odata.etag":"v2"}"#);
    let gone = Answer::refusal(404, "ErrorItemNotFound");
    for seen in [sent, gone] {
        let lost = Answer::refusal(413, "ErrorMessageSizeExceeded");
        let script = [
            ("POST /messages", Answer::json(r#"{"id":"D"}"#)),
            ("POST /messages/D/attachments", lost),
            (LOOK, seen),
        ];
        let server = Server::new(&script).await;
        server.knows("GET /mailFolders/inbox?", Answer::json(INBOX));
        let opener = GraphSubmitter::new(settings(&server, &Arc::new(Tokens::default())));
        let mut told = Told::default();
        let talk = async {
            let mut session = opener.open().await.expect("the token is taken");
            let all = envelope(ADA, &[BOB]);
            session.submit(&all, &mut large(), &mut told).await
        };
        server.serve(talk).await.expect_err("it is too large");
        assert_eq!((told.withdrawn, told.drafts.last()), (0, Some(&"D".into())));
        let asked = server.questions();
        let deleted = asked.iter().any(|one| one.starts_with("DELETE"));
        assert!(!deleted, "{asked:?}");
    }
}

/// Between a look and the act behind it Exchange may send it, and what is taken away then is the
/// copy of what was sent.
#[tokio::test]
async fn a_draft_is_withdrawn_only_as_it_was_seen() {
    let draft = || Answer::json(r#"{"id":"D","isDraft":true,"@odata.etag":"W/\"v1\""}"#);
    let other = || Answer::json(r#"{"id":"D","isDraft":true,"@odata.etag":"W/\"v2\""}"#);
    let sent = || Answer::json(r#"{"id":"D","isDraft":false,"@odata.etag":"W/\"v2\""}"#);
    let gone = || Answer::refusal(404, "ErrorItemNotFound");
    let changed = || Answer::refusal(412, "ErrorIrresolvableConflict");
    for (looks, answer, expected) in [
        (
            vec![draft()],
            Some(Answer::empty(204)),
            Withdrawal::Withdrawn,
        ),
        (vec![draft(), sent()], Some(changed()), Withdrawal::Sent),
        (vec![draft(), gone()], Some(changed()), Withdrawal::Gone),
        (vec![draft(), other()], Some(changed()), Withdrawal::Changed),
        (vec![draft()], Some(gone()), Withdrawal::Gone),
        (vec![sent()], None, Withdrawal::Sent),
        (vec![gone()], None, Withdrawal::Gone),
    ] {
        let looks = looks.into_iter().map(|seen| ("GET /messages/D", seen));
        let mut script: Vec<_> = looks.collect();
        script.extend(answer.map(|answer| ("DELETE /messages/D", answer)));
        let (withdrawn, server) =
            asked(&script, async |graph, _| graph.withdraw_draft("D").await).await;
        assert_eq!(withdrawn.expect("it is told"), expected);
        let seen = server.seen().into_iter();
        for one in seen.filter(|one| one.question.starts_with("DELETE")) {
            assert!(one.head.contains("if-match: W/\"v1\""), "{}", one.head);
        }
    }
}

/// What we deleted ourselves is gone at the next look, which must not be taken for somebody else's
/// doing.
#[tokio::test]
async fn a_draft_whose_deletion_was_not_answered_is_withdrawn_if_it_is_gone() {
    let draft = || Answer::json(r#"{"id":"D","isDraft":true,"@odata.etag":"W/\"v1\""}"#);
    let gone = || Answer::refusal(404, "ErrorItemNotFound");
    let hangs_up = || Answer {
        hangs_up: true,
        ..Answer::default()
    };
    for lost in [
        Answer::refusal(503, ""),
        Answer::refusal(504, "").header("retry-after", "0.01"),
        hangs_up(),
    ] {
        for (behind, is_withdrawn) in [
            (vec![gone()], true),
            // Exchange was not done yet.
            (vec![draft(), gone()], true),
            (vec![draft(), draft()], false),
            (vec![hangs_up()], false),
        ] {
            let mut script = vec![
                ("GET /messages/D", draft()),
                ("DELETE /messages/D", lost.clone()),
            ];
            script.extend(behind.into_iter().map(|seen| ("GET /messages/D", seen)));
            let (withdrawn, server) =
                asked(&script, async |graph, _| graph.withdraw_draft("D").await).await;
            match withdrawn {
                Ok(fate) => assert_eq!((fate, is_withdrawn), (Withdrawal::Withdrawn, true)),
                Err(error) => assert!(error.next().is_retry() && !is_withdrawn, "{error}"),
            }
            let asked = server.questions();
            let deleted = asked.iter().filter(|one| one.starts_with("DELETE"));
            assert_eq!(deleted.count(), 1, "{asked:?}");
        }
    }
}

/// What is asked of a draft that a person sent, besides whether it was sent.
const ADDRESSEES: &str = "GET /messages/OLD?$select=toRecipients";
const FILES: &str = "GET /messages/OLD/attachments";

fn sent_from_drafts() -> (&'static str, Answer) {
    (
        "GET /messages/OLD?$select=id",
        Answer::json(r#"{"id":"OLD","isDraft":false,"@odata.etag":"v2"}"#),
    )
}

fn files(names: &[&str]) -> (&'static str, Answer) {
    let files = names.iter().map(|name| json!({ "id": name, "name": name }));
    let files: Vec<Value> = files.collect();
    (FILES, Answer::json(&json!({ "value": files }).to_string()))
}

fn addressed(to: &[&str], bcc: &[&str]) -> (&'static str, Answer) {
    let people = |all: &[&str]| -> Vec<Value> {
        let all = all.iter();
        all.map(|one| json!({ "emailAddress": { "name": "x", "address": one } }))
            .collect()
    };
    let found = json!({ "toRecipients": people(to), "bccRecipients": people(bcc) });
    (ADDRESSEES, Answer::json(&found.to_string()))
}

fn left() -> Told {
    Told {
        left_draft: Some("OLD".to_owned()),
        ..Told::default()
    }
}

/// A person saw it in Drafts, and sent it there.
#[tokio::test]
async fn a_left_draft_that_was_sent_whole_from_the_mailbox_is_not_sent_once_more() {
    for (to, bcc) in [
        (vec![BOB], vec![EVE]),
        (vec!["BOB@contoso.com", EVE], vec![]),
    ] {
        let script = [
            sent_from_drafts(),
            files(&["signature.png", "a.pdf"]),
            addressed(&to, &bcc),
        ];
        let (sent, begun, server) = rebuilt(&script, left()).await;
        let said = sent.expect("it was sent").said;
        assert!(said.contains("somebody sent its draft"), "{said}");
        assert!(said.contains("OLD"), "{said}");
        assert_eq!(begun, Some(Trace::Draft { id: "OLD".into() }));
        let asked = server.questions();
        let changes = asked.iter().filter(|one| !one.starts_with("GET"));
        assert_eq!(changes.count(), 0, "{asked:?}");
    }
}

/// It is noted before its files hang on it, and a person may have changed to whom it goes. Nothing
/// is sent twice by itself then, and nothing of it is forgotten.
#[tokio::test]
async fn a_left_draft_that_was_not_sent_whole_is_for_a_person_to_decide() {
    for (answers, words) in [
        (
            [files(&[]), addressed(&[BOB], &[EVE])],
            "it went without 1 of its 1 files;",
        ),
        (
            [files(&["a.pdf"]), addressed(&[BOB], &[])],
            "it went not to 1 of its 2 recipients;",
        ),
        (
            [
                files(&["b.pdf"]),
                addressed(&[BOB, "mallory@x.test"], &[EVE]),
            ],
            "it went without 1 of its 1 files and to 1 whom it did not name;",
        ),
        (
            [
                (FILES, Answer::refusal(403, "ErrorAccessDenied")),
                addressed(&[BOB], &[EVE]),
            ],
            "what it is cannot be seen",
        ),
    ] {
        let mut script = vec![sent_from_drafts()];
        script.extend(answers);
        let (sent, begun, server) = rebuilt(&script, left()).await;
        let error = sent.expect_err("not all of it was sent");
        assert!(error.is_unknown(), "{error}");
        assert_eq!(error.code(), "submission_draft_altered");
        for part in [words, "immutable id OLD"] {
            assert!(error.to_string().contains(part), "{error}");
        }
        let Some(Trace::Altered { id, lacks }) = begun else {
            panic!("{begun:?}")
        };
        assert_eq!(id, "OLD");
        assert!(words.starts_with(lacks.split(':').next().unwrap_or_default()));
        let asked = server.questions();
        let changes = asked.iter().filter(|one| !one.starts_with("GET"));
        assert_eq!(changes.count(), 0, "{asked:?}");
    }
}

/// Its copy may be with a delegate who sent it, not be there yet, or be deleted.
#[tokio::test]
async fn a_left_draft_that_is_gone_may_have_been_sent() {
    let gone = || Answer::refusal(404, "ErrorItemNotFound");
    let version = Answer::json(r#"{"id":"OLD","isDraft":true,"@odata.etag":"v1"}"#);
    for script in [
        vec![("GET /messages/OLD", gone())],
        vec![
            ("GET /messages/OLD", version),
            ("DELETE /messages/OLD", gone()),
        ],
    ] {
        let (sent, begun, server) = rebuilt(&script, left()).await;
        let error = sent.expect_err("nobody knows");
        assert!(error.to_string().contains("sent or deleted"), "{error}");
        assert!(error.is_unknown(), "{error}");
        assert!(error.to_string().contains("immutable id OLD"), "{error}");
        assert_eq!(begun, Some(Trace::Draft { id: "OLD".into() }));
        let asked = server.questions();
        assert!(
            !asked.iter().any(|one| one.starts_with("POST")),
            "{asked:?}"
        );
    }
}

/// Whoever has it open may send it, and ours would be the second.
#[tokio::test]
async fn a_left_draft_that_somebody_changes_stays_noted_and_nothing_is_sent() {
    let version = |etag: &str| {
        let found = json!({ "id": "OLD", "isDraft": true, "@odata.etag": etag });
        ("GET /messages/OLD", Answer::json(&found.to_string()))
    };
    let refused = |status| ("DELETE /messages/OLD", Answer::refusal(status, "Conflict"));
    for script in [
        vec![version("v1"), refused(412), version("v2")],
        vec![version("v1"), refused(409), version("v1")],
        vec![
            version("v1"),
            refused(412),
            version("v1"),
            refused(412),
            version("v2"),
        ],
    ] {
        let mut told = left();
        let server = Server::new(&script).await;
        server.knows("GET /mailFolders/inbox?", Answer::json(INBOX));
        let opener = GraphSubmitter::new(settings(&server, &Arc::new(Tokens::default())));
        let talk = async {
            let mut session = opener.open().await.expect("the token is taken");
            let all = envelope(ADA, &[BOB, EVE]);
            session.submit(&all, &mut large(), &mut told).await
        };
        let error = server.serve(talk).await.expect_err("nothing is sent");
        assert!(!error.is_unknown() && error.next().is_retry(), "{error}");
        assert_eq!(error.code(), "submission_draft_changed");
        assert!(error.to_string().contains("immutable id OLD"), "{error}");
        assert_eq!(told.begun, None);
        assert_eq!(told.drafts, Vec::<String>::new(), "no other id is noted");
        let asked = server.questions();
        assert!(
            !asked.iter().any(|one| one.starts_with("POST")),
            "{asked:?}"
        );
    }
}

/// Otherwise every try would leave another.
#[tokio::test]
async fn a_draft_whose_version_never_matches_is_withdrawn_behind_a_last_look() {
    let version = || {
        let found = r#"{"id":"D","isDraft":true,"@odata.etag":"W/\"v1\""}"#;
        ("GET /messages/D", Answer::json(found))
    };
    let refused = || ("DELETE /messages/D", Answer::refusal(412, "Conflict"));
    let script = [
        version(),
        refused(),
        version(),
        refused(),
        version(),
        ("DELETE /messages/D", Answer::empty(204)),
    ];
    let (withdrawn, server) =
        asked(&script, async |graph, _| graph.withdraw_draft("D").await).await;
    assert_eq!(withdrawn.expect("it is told"), Withdrawal::Withdrawn);
    let seen = server.seen().into_iter();
    let deletions = seen.filter(|one| one.question.starts_with("DELETE"));
    let conditions: Vec<bool> = deletions.map(|one| one.head.contains("if-match")).collect();
    assert_eq!(conditions, [true, true, false]);
}
