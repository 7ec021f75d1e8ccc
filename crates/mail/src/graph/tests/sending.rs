//! Submission: what departs when, and what is known of it afterwards.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gatepost_fault::{After, Fault, Next, Owner};
use serde_json::Value;

use super::super::drafts::{NewMail, SentCopy};
use super::super::submit::GraphSubmitter;
use super::server::{Answer, Server};
use super::{ADA, INBOX, Tokens, asked, settings};
use crate::contract::{Letter, Told, envelope};
use crate::{Receipt, SubmitError, SubmitOpener as _, Trace};

pub(super) const SEND: &str = "POST /sendMail";
pub(super) const BOB: &str = "bob@contoso.com";
pub(super) const MESSAGE: [&str; 3] = [
    "To: bob@contoso.com\r\nSub",
    "ject: x\r\n",
    "\r\nHello.\r\n",
];

/// What became of a message to Bob and others, and whether it was told that it departs.
pub(super) async fn sent(
    answers: &[Answer],
    (mut letter, recipients): (Letter, &[&str]),
    mut told: Told,
) -> (Result<Receipt, SubmitError>, Option<Trace>, Server) {
    let answers: Vec<(&str, Answer)> = answers.iter().map(|one| (SEND, one.clone())).collect();
    let server = Server::new(&answers).await;
    server.knows("GET /mailFolders/inbox?", Answer::json(INBOX));
    let opener = GraphSubmitter::new(settings(&server, &Arc::new(Tokens::default())));
    let talk = async {
        let mut session = opener.open().await.expect("the token is taken");
        session
            .submit(&envelope(ADA, recipients), &mut letter, &mut told)
            .await
    };
    let sent = server.serve(talk).await;
    (sent, told.begun, server)
}

pub(super) fn accepted() -> Answer {
    Answer::empty(202).header("request-id", "r-9")
}

#[tokio::test]
async fn a_message_goes_as_it_is_in_base64() {
    let all = [BOB, "eve@fabrikam.com"];
    // That it wants to be left in peace for a while does not undo that it took the message.
    let answer = accepted().header("retry-after", "2");
    let letter = Letter::new(MESSAGE);
    let (sent, begun, server) = sent(&[answer], (letter, &all), Told::default()).await;
    assert_eq!(sent.expect("it is taken").said, "HTTP 202, request-id r-9");
    assert_eq!(begun, Some(Trace::MessageId));
    let seen = server.seen().pop().expect("it was sent");
    assert!(
        seen.head.contains("content-type: text/plain\r\n"),
        "{}",
        seen.head
    );
    let message = STANDARD
        .decode(seen.body)
        .expect("base64 without line ends");
    let message = String::from_utf8(message).expect("text");
    assert_eq!(
        message,
        format!("Bcc: <eve@fabrikam.com>\r\n{}", MESSAGE.concat())
    );
}

#[tokio::test]
async fn nobody_is_sent_what_only_the_header_says() {
    let letter = Letter::new(["To: bob@contoso.com, carol@contoso.com\r\n\r\n"]);
    let (sent, begun, server) = sent(&[], (letter, &[BOB]), Told::default()).await;
    let error = sent.expect_err("carol would get it");
    assert_eq!(error.code(), "submission_unsendable");
    assert!(error.to_string().contains("carol@contoso.com"), "{error}");
    assert_eq!((begun, server.questions().len()), (None, 1));
}

#[tokio::test]
async fn a_lost_answer_leaves_it_unknown() {
    let hangs_up = Answer {
        hangs_up: true,
        ..Answer::default()
    };
    for answer in [
        hangs_up,
        Answer::refusal(504, ""),
        Answer::refusal(502, ""),
        Answer::refusal(500, "ErrorInternalServerError"),
    ] {
        let letter = Letter::new(MESSAGE);
        let (sent, begun, _) = sent(&[answer], (letter, &[BOB]), Told::default()).await;
        assert!(sent.expect_err("no answer").is_unknown());
        assert_eq!(begun, Some(Trace::MessageId));
    }
}

#[tokio::test]
async fn every_refusal_says_whether_another_try_may_help() {
    let throttled = Answer::refusal(429, "ApplicationThrottled").header("retry-after", "30");
    let wait = Next::Retry(After::AtLeast(std::time::Duration::from_secs(30)));
    let backoff = Next::Retry(After::Backoff);
    for (answer, code, owner, next) in [
        (
            Answer::refusal(403, "ErrorSendAsDenied"),
            "send_as_denied",
            Owner::TenantAdmin,
            Next::Reconfigure,
        ),
        (
            Answer::refusal(403, "ErrorAccessDenied"),
            "graph_access_denied",
            Owner::TenantAdmin,
            Next::Reconfigure,
        ),
        (
            Answer::refusal(400, "ErrorInvalidRecipients"),
            "submission_refused",
            Owner::Remote,
            Next::Discard,
        ),
        (
            Answer::refusal(413, "ErrorMessageSizeExceeded"),
            "submission_refused",
            Owner::Person,
            Next::Discard,
        ),
        (
            Answer::refusal(403, "ErrorQuotaExceeded"),
            "submission_refused",
            Owner::Person,
            backoff,
        ),
        (
            Answer::refusal(507, "ErrorQuotaExceeded"),
            "submission_refused",
            Owner::Person,
            backoff,
        ),
        (
            Answer::refusal(403, "ErrorExceededMessageLimit"),
            "submission_refused",
            Owner::Person,
            backoff,
        ),
        (throttled, "mailbox_throttled", Owner::Remote, wait),
        (
            Answer::refusal(503, "serviceNotAvailable"),
            "mailbox_unavailable",
            Owner::Remote,
            backoff,
        ),
        (
            Answer::refusal(401, "InvalidAuthenticationToken"),
            "mailbox_disconnected",
            Owner::Remote,
            backoff,
        ),
    ] {
        let letter = Letter::new(MESSAGE);
        let (sent, _, _) = sent(&[answer], (letter, &[BOB]), Told::default()).await;
        let error = sent.expect_err("it is refused");
        assert!(!error.is_unknown(), "{error}");
        assert_eq!((error.code(), error.owner()), (code, owner), "{error}");
        assert_eq!(error.next(), next, "{error}");
    }
}

#[tokio::test]
async fn what_cannot_be_read_or_recorded_does_not_depart() {
    let pieces = [
        Ok("To: bob@contoso.com\r\n\r\n".into()),
        Ok("some".into()),
        Err("the disk is gone"),
    ];
    let (sent, begun, _) = sent(&[], (Letter::failing(pieces), &[BOB]), Told::default()).await;
    assert_eq!(
        sent.expect_err("it is cut off").code(),
        "submission_not_read"
    );
    assert_eq!(begun, None);

    let told = Told {
        is_out_of_order: true,
        ..Told::default()
    };
    let (sent, _, server) = self::sent(&[], (Letter::new(MESSAGE), &[BOB]), told).await;
    assert_eq!(
        sent.expect_err("nobody knows").code(),
        "submission_not_recorded"
    );
    let asked = server.questions();
    assert!(
        !asked.contains(&SEND.to_owned()),
        "Graph never had all of it: {asked:?}"
    );
}

#[tokio::test]
async fn a_message_that_is_too_large_is_not_begun() {
    let letter = Letter::of_size(151 << 20);
    let (sent, begun, server) = sent(&[], (letter, &[BOB]), Told::default()).await;
    let error = sent.expect_err("it is too large");
    assert_eq!(error.code(), "submission_too_large");
    assert_eq!((begun, server.questions().len()), (None, 1));
}

/// A message of more than a thousand octets, which is more than these settings send at once.
pub(super) fn large() -> Letter {
    let file = STANDARD.encode([b'x'; 900]);
    Letter::new([format!(
        "From: <{ADA}>\r\nTo: <{BOB}>\r\nSubject: large\r\nPrecedence: bulk\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nHello.\r\n--b\r\nContent-Type: application/pdf; name=a.pdf\r\nContent-Disposition: attachment\r\nContent-Transfer-Encoding: base64\r\n\r\n{file}\r\n--b--\r\n"
    )])
}

/// What became of a large message, answered in this way.
/// What is asked of a draft before it is taken away.
pub(super) const LOOK: &str = "GET /messages/D?$select=id";

pub(super) fn draft() -> Answer {
    Answer::json(r#"{"id":"D","isDraft":true,"@odata.etag":"v1"}"#)
}

pub(super) async fn rebuilt(
    script: &[(&str, Answer)],
    mut told: Told,
) -> (Result<Receipt, SubmitError>, Option<Trace>, Server) {
    let server = Server::new(script).await;
    server.knows("GET /mailFolders/inbox?", Answer::json(INBOX));
    server.knows(LOOK, draft());
    server.knows("DELETE /messages/D", Answer::empty(204));
    let opener = GraphSubmitter::new(settings(&server, &Arc::new(Tokens::default())));
    let talk = async {
        let mut session = opener.open().await.expect("the token is taken");
        let all = envelope(ADA, &[BOB, "eve@fabrikam.com"]);
        session.submit(&all, &mut large(), &mut told).await
    };
    let sent = server.serve(talk).await;
    (sent, told.begun, server)
}

#[tokio::test]
async fn what_is_too_large_for_one_request_goes_as_a_draft() {
    let script = [
        ("POST /messages", Answer::json(r#"{"id":"D"}"#)),
        (
            "POST /messages/D/attachments",
            Answer::json(r#"{"id":"A"}"#),
        ),
        ("POST /messages/D/send", accepted()),
    ];
    let (sent, begun, server) = rebuilt(&script, Told::default()).await;
    let said = sent.expect("it is taken").said;
    assert!(
        said.starts_with("sent, with the immutable id D; ") && said.contains("Precedence"),
        "{said}"
    );
    assert_eq!(begun, Some(Trace::Draft { id: "D".into() }));
    let seen = server.seen();
    let body = |at: usize| -> Value { serde_json::from_slice(&seen[at].body).expect("JSON") };
    assert_eq!(body(1)["toRecipients"][0]["emailAddress"]["address"], BOB);
    assert_eq!(
        body(1)["bccRecipients"][0]["emailAddress"]["address"],
        "eve@fabrikam.com"
    );
    assert_eq!(body(1)["body"]["content"], "Hello.");
    assert_eq!(body(2)["contentBytes"], STANDARD.encode([b'x'; 900]));
    assert_eq!(body(2)["name"], "a.pdf");
}

#[tokio::test]
async fn a_draft_that_is_not_sent_is_thrown_away() {
    let made = || ("POST /messages", Answer::json(r#"{"id":"D"}"#));
    let refused = (
        "POST /messages/D/attachments",
        Answer::refusal(413, "ErrorMessageSizeExceeded"),
    );
    let (sent, begun, server) = rebuilt(&[made(), refused], Told::default()).await;
    let error = sent.expect_err("it is too large");
    assert!(!error.is_unknown() && begun.is_none(), "{error}");
    assert_eq!(
        server.questions().pop().as_deref(),
        Some("DELETE /messages/D")
    );

    let attached = ("POST /messages/D/attachments", Answer::json("{}"));
    let lost = Answer {
        hangs_up: true,
        ..Answer::default()
    };
    let script = [made(), attached, ("POST /messages/D/send", lost)];
    let (sent, begun, server) = rebuilt(&script, Told::default()).await;
    assert!(sent.expect_err("the answer is lost").is_unknown());
    assert!(begun.is_some(), "the draft tells what became of it");
    assert!(
        !server
            .questions()
            .iter()
            .any(|one| one.starts_with("DELETE"))
    );

    let denied = ("POST /messages", Answer::refusal(403, "ErrorAccessDenied"));
    let (sent, begun, _) = rebuilt(&[denied], Told::default()).await;
    let error = sent.expect_err("it may not write");
    let kind = (error.code(), error.owner(), error.next());
    let expected = ("graph_access_denied", Owner::TenantAdmin, Next::Reconfigure);
    assert_eq!(kind, expected);
    for words in ["Mail.ReadWrite", "more than the 1000 octets"] {
        assert!(error.to_string().contains(words), "{error}");
    }
    let is_of_message = matches!(error, SubmitError::DraftDenied { .. });
    assert!(is_of_message, "smaller ones may be sent: {error:?}");
    assert_eq!(begun, None);
}

#[tokio::test]
async fn a_session_that_was_lost_while_a_draft_was_made_is_not_used_again() {
    let hangs_up = Answer {
        hangs_up: true,
        ..Answer::default()
    };
    let server = Server::new(&[("POST /messages", hangs_up)]).await;
    server.knows("GET /mailFolders/inbox?", Answer::json(INBOX));
    let opener = GraphSubmitter::new(settings(&server, &Arc::new(Tokens::default())));
    let talk = async {
        let mut session = opener.open().await.expect("the token is taken");
        let all = envelope(ADA, &[BOB]);
        let sent = session
            .submit(&all, &mut large(), &mut Told::default())
            .await;
        (sent, session.is_open())
    };
    let (sent, is_open) = server.serve(talk).await;
    assert!(matches!(sent, Err(SubmitError::Session(_))), "{sent:?}");
    assert!(!is_open);
}

/// Graph wants to hear nothing for a minute, so it stays for now.
#[tokio::test]
async fn a_draft_that_cannot_be_thrown_away_is_noted_for_the_next_try() {
    let throttled = Answer::refusal(429, "ApplicationThrottled").header("retry-after", "60");
    let script = [
        ("POST /messages", Answer::json(r#"{"id":"D"}"#)),
        ("POST /messages/D/attachments", Answer::json("{}")),
        ("POST /messages/D/send", throttled),
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
    let error = server.serve(talk).await.expect_err("it is refused");
    assert!(!error.is_unknown(), "{error}");
    assert_eq!(told.begun, Some(Trace::Draft { id: "D".into() }));
    assert_eq!(
        told.drafts,
        ["D", "D"],
        "when it was made, and when it was left"
    );
}

/// Each try would leave another in the mailbox, and a person could send it.
#[tokio::test]
async fn a_draft_whose_sending_is_refused_is_thrown_away() {
    for refused in [
        Answer::refusal(429, "ApplicationThrottled"),
        Answer::refusal(403, "ErrorAccessDenied"),
        Answer::refusal(403, "ErrorSendAsDenied"),
        Answer::refusal(429, "ErrorExceededMessageLimit"),
    ] {
        let refused = refused.header("retry-after", "0.01");
        let mut script = vec![
            ("POST /messages", Answer::json(r#"{"id":"D"}"#)),
            ("POST /messages/D/attachments", Answer::json("{}")),
        ];
        // Some are asked several times.
        script.extend((0..5).map(|_| ("POST /messages/D/send", refused.clone())));
        let (sent, _, server) = rebuilt(&script, Told::default()).await;
        let error = sent.expect_err("it is refused");
        assert!(!error.is_unknown(), "{error}");
        let last = server.questions().pop();
        assert_eq!(last.as_deref(), Some("DELETE /messages/D"), "{error}");
    }
}

#[tokio::test]
async fn a_message_goes_as_json_with_or_without_a_copy() {
    let mail = NewMail {
        subject: "Soup".into(),
        to: vec![crate::Address {
            name: Some("Bob".into()),
            address: BOB.into(),
        }],
        ..NewMail::default()
    };
    let lost = || Answer {
        hangs_up: true,
        ..Answer::default()
    };
    let script = [
        (SEND, accepted()),
        (SEND, accepted()),
        (SEND, Answer::refusal(403, "ErrorSendAsDenied")),
        (SEND, Answer::refusal(504, "")),
        (SEND, lost()),
    ];
    let (done, server) = asked(&script, |graph, _| async move {
        let mut done = Vec::new();
        for copy in [SentCopy::Kept, SentCopy::Dropped, SentCopy::Kept] {
            done.push(graph.send_mail(&mail, copy).await);
        }
        for _ in 0..2 {
            done.push(graph.send_mail(&mail, SentCopy::Kept).await);
        }
        done
    })
    .await;
    let codes = done.iter().map(|one| one.as_ref().err().map(Fault::code));
    let unknown = Some("submission_unknown");
    let expected = [None, None, Some("send_as_denied"), unknown, unknown];
    assert_eq!(codes.collect::<Vec<_>>(), expected, "{done:?}");
    let seen = server.seen();
    assert_eq!(seen.len(), 5, "none is sent again by itself");
    let bodies = seen.iter().take(2).map(|one| {
        let body: Value = serde_json::from_slice(&one.body).expect("JSON");
        let to = &body["message"]["toRecipients"][0]["emailAddress"];
        assert_eq!(to, &serde_json::json!({"name": "Bob", "address": BOB}));
        assert_eq!(body["message"]["subject"], "Soup");
        body["saveToSentItems"].as_bool()
    });
    assert_eq!(bodies.collect::<Vec<_>>(), [Some(true), Some(false)]);
}

#[tokio::test]
async fn a_token_that_is_not_taken_is_exchanged_before_anything_departs() {
    let server = Server::new(&[
        (
            "GET /mailFolders/inbox?",
            Answer::refusal(401, "InvalidAuthenticationToken"),
        ),
        (
            "GET /mailFolders/inbox?",
            Answer::refusal(403, "ErrorAccessDenied"),
        ),
        (SEND, accepted()),
    ])
    .await;
    let tokens = Arc::new(Tokens::default());
    let opener = GraphSubmitter::new(settings(&server, &tokens));
    let talk = async {
        let mut session = opener.open().await.expect("it need not be allowed to read");
        let (mut letter, mut told) = (Letter::new(MESSAGE), Told::default());
        session
            .submit(&envelope(ADA, &[BOB]), &mut letter, &mut told)
            .await
    };
    server.serve(talk).await.expect("it is taken");
    assert_eq!(tokens.complaints(), ["token-0 refused"]);
    assert!(
        server
            .seen()
            .pop()
            .expect("it was sent")
            .head
            .contains("token-1")
    );
}
