//! A server that takes questions and answers none in time.

use std::sync::Arc;
use std::time::Duration;

use gatepost_fault::Fault as _;

use super::super::submit::GraphSubmitter;
use super::sending::{BOB, MESSAGE, SEND, accepted};
use super::server::{Answer, Server};
use super::{ADA, GraphOpener, INBOX, Tokens, code, settings};
use crate::contract::{Letter, Told, envelope};
use crate::scripted;
use crate::{FolderName, MessageKey, Opener as _, Query, SubmitOpener as _};

/// Longer than any test is patient.
const LATE: Duration = Duration::from_mins(10);
const PATIENCE: Duration = Duration::from_millis(200);

fn late(answer: Answer) -> Answer {
    Answer {
        delay: LATE,
        ..answer
    }
}

#[tokio::test]
async fn a_mailbox_that_does_not_answer_is_silent() {
    let server = Server::new(&[]).await;
    server.knows("GET /mailFolders/inbox?", Answer::json(INBOX));
    server.knows("GET /mailFolders/IN?", Answer::json(INBOX));
    server.knows("GET /mailFolders/IN/messages", late(Answer::json("{}")));
    let mut settings = settings(&server, &Arc::default());
    settings.reply = PATIENCE;
    let opener = GraphOpener::new(settings);
    let talk = async {
        let mut session = opener.open().await.expect("the mailbox opens");
        let inbox = FolderName::inbox();
        let listed = session.list(&inbox, &Query::newest(1)).await;
        assert_eq!(code(&listed), "mail_server_silent");
        let sentence = listed.expect_err("nobody answers").to_string();
        assert!(sentence.contains(ADA), "{sentence}");
        let key = MessageKey::Graph { id: "a".to_owned() };
        let told = scripted::Told::default();
        let fetched = session.fetch(&inbox, &[key], &mut told.clone()).await;
        assert_eq!(code(&fetched), "mail_server_silent");
        assert!(told.all().is_empty(), "{:?}", told.all());
    };
    server.serve(talk).await;
}

#[tokio::test]
async fn a_mailbox_that_does_not_open_in_time_is_silent() {
    let server = Server::new(&[]).await;
    server.knows("GET /mailFolders/inbox?", late(Answer::json(INBOX)));
    let mut settings = settings(&server, &Arc::default());
    settings.reply = PATIENCE;
    let opener = GraphOpener::new(settings);
    let outcome = server.serve(opener.open()).await;
    let error = outcome.err().expect("nobody answers");
    assert_eq!(error.code(), "mail_server_silent");
    assert!(error.next().is_retry());
}

/// It may have been sent.
#[tokio::test]
async fn a_message_whose_answer_does_not_come_in_time_is_unknown() {
    let server = Server::new(&[(SEND, late(accepted()))]).await;
    server.knows("GET /mailFolders/inbox?", Answer::json(INBOX));
    let mut settings = settings(&server, &Arc::new(Tokens::default()));
    settings.reply = PATIENCE;
    let opener = GraphSubmitter::new(settings);
    let mut told = Told::default();
    let talk = async {
        let mut session = opener.open().await.expect("the token is taken");
        let mut letter = Letter::new(MESSAGE);
        session
            .submit(&envelope(ADA, &[BOB]), &mut letter, &mut told)
            .await
    };
    let error = server.serve(talk).await.expect_err("nobody answers");
    assert!(error.is_unknown(), "{error}");
    assert!(told.begun.is_some(), "it departed");
    let sent = server.questions();
    let sent = sent.iter().filter(|asked| asked.starts_with(SEND)).count();
    assert_eq!(sent, 1, "and is not sent again");
}
