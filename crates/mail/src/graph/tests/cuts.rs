//! Answers that are cut at every octet, their heads included.

use gatepost_fault::Fault as _;

use super::sending::{BOB, MESSAGE, accepted, sent};
use super::server::Answer;
use super::watching::{changes, ids, message, pull, watching};
use crate::contract::{Letter, Told};

/// Until its last octet is there nobody can tell whether the message was sent.
#[tokio::test]
async fn a_message_whose_answer_is_cut_is_unknown() {
    let mut at = 0;
    loop {
        let answer = Answer {
            cut_at: Some(at),
            ..accepted()
        };
        let (sent, begun, server) =
            sent(&[answer], (Letter::new(MESSAGE), &[BOB]), Told::default()).await;
        assert!(begun.is_some(), "{at}");
        assert_eq!(server.questions().len(), 2, "{at}: it is sent once");
        match sent {
            Ok(_) => break,
            Err(error) => assert!(error.is_unknown(), "{at}: {error}"),
        }
        at += 1;
    }
    assert!(
        at > "HTTP/1.1 202 Said\r\nrequest-id: r-9\r\n".len(),
        "{at}"
    );
}

/// A page that is not whole brings neither messages nor a cursor.
#[tokio::test]
async fn a_page_of_changes_that_is_cut_is_none() {
    let mut at = 0;
    loop {
        let page = Answer {
            cut_at: Some(at),
            ..changes(r#"{"id":"new"}"#, r#""@odata.deltaLink":"LINK/2""#)
        };
        let script = vec![
            ("GET /delta?1", page),
            ("GET /messages/new?", message("new", 1)),
        ];
        let (pulled, _) = watching(script, |mut session, links| async move {
            let cursor = links.cursor("1", &[]);
            pull(session.as_mut(), Some(&cursor), 9).await
        })
        .await;
        match pulled {
            Ok(pulled) => {
                assert_eq!(ids(&pulled).0, ["graph:new"]);
                break;
            }
            Err(error) => {
                assert!(error.next().is_retry(), "{at}: {error}");
                assert_eq!(error.code(), "mailbox_disconnected", "{at}");
            }
        }
        at += 1;
    }
    assert!(at > 100, "{at}");
}
