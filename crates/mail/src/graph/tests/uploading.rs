//! Large files in ranges: what is lost on the way goes once more, and nothing twice.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use gatepost_fault::Fault as _;
use gatepost_host::Clock;

use super::super::attachments::NewAttachment;
use super::server::{Answer, Server};
use super::settings;
use crate::contract::Letter;
use crate::{Outgoing, OutgoingError, SubmitError};

/// Eight times 320 KiB.
const RANGE: usize = 8 * 320 * 1024;
const SIZE: usize = 2 * RANGE + 5;
const START: &str = "POST /messages/D/attachments/createUploadSession";
const LIST: &str = "GET /messages/D/attachments?";
const PUT: &str = "PUT /upload";
const ASK: &str = "GET /upload";

/// What came of hanging a file on a draft, answered in this way, and the ranges that were put.
async fn uploaded(
    script: &[(&str, Answer)],
) -> (Result<(), SubmitError>, Vec<(usize, Vec<u8>)>, Server) {
    let server = taking(script).await;
    let graph = super::Graph::new(settings(&server, &std::sync::Arc::default()));
    let octets = octets();
    // Cut elsewhere than ranges are.
    let mut letter = Letter::new([octets.slice(..1000), octets.slice(1000..)]);
    let done = server.serve(graph.attach("D", &file(), &mut letter)).await;
    let seen = server.seen().into_iter();
    let puts = seen.filter(|seen| seen.question.starts_with(PUT));
    let puts = puts.map(|put| {
        let head = put.head.to_lowercase();
        assert!(!head.contains("authorization"), "{head}");
        let range = head.split("content-range: bytes ").nth(1).expect("a range");
        let range = range.split("\r\n").next().expect("a line");
        let (first, rest) = range.split_once('-').expect("two ends");
        let first: usize = first.parse().expect("a number");
        let last = first + put.body.len() - 1;
        assert_eq!(rest, format!("{last}/{SIZE}"));
        (first, put.body)
    });
    let puts = puts.collect();
    (done, puts, server)
}

/// A server that begins uploads, and answers as written.
async fn taking(script: &[(&str, Answer)]) -> Server {
    let server = Server::new(script).await;
    let upload = format!("{}v1.0/upload?authtoken=x", server.base());
    let session = format!(r#"{{"uploadUrl":"{upload}","nextExpectedRanges":["0-"]}}"#);
    server.knows(START, Answer::json(&session));
    server.knows(LIST, Answer::json(r#"{"value":[]}"#));
    server
}

/// No two ranges are alike.
fn octets() -> Bytes {
    let octets = (0..SIZE).map(|at| u8::try_from(at / 1000 % 251).expect("below 256"));
    octets.collect()
}

fn file() -> NewAttachment {
    NewAttachment {
        name: "a.bin".into(),
        content_type: "application/octet-stream".into(),
        content_id: None,
    }
}

fn next(at: usize) -> Answer {
    Answer::json(&format!(r#"{{"NextExpectedRanges":["{at}"]}}"#))
}

fn hangs_up() -> Answer {
    Answer {
        hangs_up: true,
        ..Answer::default()
    }
}

#[track_caller]
fn assert_put(puts: &[(usize, Vec<u8>)], expected: &[(usize, usize)]) {
    let octets = octets();
    let found: Vec<_> = puts.iter().map(|(at, put)| (*at, put.len())).collect();
    assert_eq!(found, expected);
    for (at, put) in puts {
        assert!(octets[*at..][..put.len()] == put[..], "the octets at {at}");
    }
}

#[tokio::test]
async fn a_large_file_goes_in_ranges_without_a_token() {
    let script = [
        (PUT, next(RANGE)),
        (PUT, next(2 * RANGE)),
        (PUT, Answer::empty(201)),
    ];
    let (done, puts, server) = uploaded(&script).await;
    done.expect("all of it is taken");
    assert_put(&puts, &[(0, RANGE), (RANGE, RANGE), (2 * RANGE, 5)]);
    let body: serde_json::Value = serde_json::from_slice(&server.seen()[1].body).expect("JSON");
    assert_eq!(body["AttachmentItem"]["size"], SIZE);
}

/// Gives what is behind the first range while a range waits for its answer.
struct Meanwhile<'a> {
    letter: Letter,
    given: usize,
    server: &'a Server,
}

#[async_trait]
impl Outgoing for Meanwhile<'_> {
    fn size(&self) -> u64 {
        self.letter.size()
    }

    fn is_eight_bit(&self) -> bool {
        self.letter.is_eight_bit()
    }

    async fn chunk(&mut self) -> Result<Option<Bytes>, OutgoingError> {
        let mut looks = 0;
        while self.given >= RANGE && self.server.open() == 0 {
            looks += 1;
            if looks > 3_000 {
                return Err(OutgoingError("no range is on its way".into()));
            }
            Clock::system().sleep(Duration::from_millis(1)).await;
        }
        let piece = self.letter.chunk().await?;
        self.given += piece.as_ref().map_or(0, Bytes::len);
        Ok(piece)
    }

    async fn begin_again(&mut self) -> Result<(), OutgoingError> {
        self.given = 0;
        self.letter.begin_again().await
    }
}

#[tokio::test]
async fn while_a_range_is_on_its_way_the_next_is_made_ready() {
    let late = |answer: Answer| Answer {
        delay: Duration::from_millis(300),
        ..answer
    };
    let script = [
        (PUT, late(next(RANGE))),
        (PUT, late(next(2 * RANGE))),
        (PUT, Answer::empty(201)),
    ];
    let server = taking(&script).await;
    let octets = octets();
    let pieces = [(0, RANGE), (RANGE, 2 * RANGE), (2 * RANGE, SIZE)];
    let mut letter = Meanwhile {
        letter: Letter::new(pieces.map(|(from, until)| octets.slice(from..until))),
        given: 0,
        server: &server,
    };
    let graph = super::Graph::new(settings(&server, &std::sync::Arc::default()));
    let done = server.serve(graph.attach("D", &file(), &mut letter)).await;
    done.expect("all of it is taken");
    let put = server.seen().into_iter();
    let put = put.filter(|seen| seen.question.starts_with(PUT));
    let put: Vec<u8> = put.flat_map(|seen| seen.body).collect();
    assert!(put == octets, "octet by octet");
}

#[tokio::test]
async fn a_range_whose_answer_is_lost_goes_on_where_graph_expects_it() {
    let script = [
        // It was taken, but the answer is lost.
        (PUT, hangs_up()),
        (ASK, next(RANGE)),
        // Half of it was taken.
        (PUT, Answer::refusal(504, "")),
        (ASK, next(RANGE + 7)),
        (PUT, next(2 * RANGE)),
        // Nothing of it was taken, and nobody says how far it is.
        (PUT, Answer::refusal(503, "").header("retry-after", "0.01")),
        (ASK, Answer::refusal(405, "")),
        (PUT, Answer::empty(201)),
    ];
    let (done, puts, _) = uploaded(&script).await;
    done.expect("all of it is taken");
    assert_put(
        &puts,
        &[
            (0, RANGE),
            (RANGE, RANGE),
            (RANGE + 7, RANGE - 7),
            (2 * RANGE, 5),
            (2 * RANGE, 5),
        ],
    );
}

#[tokio::test]
async fn a_range_that_is_said_to_begin_elsewhere_is_put_where_it_is_wanted() {
    let script = [
        (PUT, next(RANGE)),
        (PUT, Answer::refusal(416, "ErrorInvalidRange")),
        (ASK, next(RANGE + 3)),
        (PUT, next(2 * RANGE)),
        (PUT, Answer::empty(201)),
    ];
    let (done, puts, _) = uploaded(&script).await;
    done.expect("all of it is taken");
    assert_put(&puts[2..3], &[(RANGE + 3, RANGE - 3)]);
}

#[tokio::test]
async fn an_upload_that_is_over_begins_anew_from_the_first_octet() {
    for over in [
        Answer::refusal(404, "ErrorItemNotFound"),
        Answer::refusal(403, "ErrorAccessDenied"),
        Answer::refusal(401, "Unauthorized"),
        Answer::empty(410),
    ] {
        let script = [
            (PUT, next(RANGE)),
            (PUT, over),
            (PUT, next(RANGE)),
            (PUT, next(2 * RANGE)),
            (PUT, Answer::empty(201)),
        ];
        let (done, puts, _) = uploaded(&script).await;
        done.expect("all of it is taken");
        assert_put(&puts[2..], &[(0, RANGE), (RANGE, RANGE), (2 * RANGE, 5)]);
    }
}

#[tokio::test]
async fn a_last_range_whose_answer_is_lost_does_not_hang_the_file_on_it_twice() {
    let hung = r#"{"value":[{"id":"A","name":"a.bin","size":5242885}]}"#;
    let script = [
        (LIST, Answer::json(r#"{"value":[]}"#)),
        (PUT, next(RANGE)),
        (PUT, next(2 * RANGE)),
        (PUT, hangs_up()),
        (ASK, Answer::refusal(404, "ErrorItemNotFound")),
        (LIST, Answer::json(hung)),
    ];
    let (done, puts, server) = uploaded(&script).await;
    done.expect("it hangs there");
    assert_eq!(puts.len(), 3);
    let questions = server.questions();
    let begun = questions.iter().filter(|one| *one == START).count();
    assert_eq!(begun, 1, "{questions:?}");
}

#[tokio::test]
async fn an_upload_that_never_gets_anywhere_is_given_up() {
    let over = || (PUT, Answer::refusal(404, "ErrorItemNotFound"));
    let (done, _, _) = uploaded(&[over(), over(), over()]).await;
    let error = done.expect_err("it is over each time");
    assert_eq!(error.code(), "submission_upload_expired", "{error}");
    assert!(error.next().is_retry(), "nothing is lost");
    let words = error.to_string();
    assert!(words.contains("3 uploads of it expired"), "{words}");
    assert!(!words.contains("authtoken"), "{words}");

    let script = [
        (PUT, next(RANGE)),
        (PUT, Answer::json(r#"{"NextExpectedRanges":["99999999"]}"#)),
    ];
    let (done, _, _) = uploaded(&script).await;
    assert_eq!(
        done.expect_err("that is behind the end").code(),
        "mail_server_garbled"
    );
}

#[tokio::test]
async fn an_upload_that_is_taken_and_does_not_advance_is_given_up() {
    let stands: Vec<_> = (0..40).map(|_| (PUT, next(0))).collect();
    // It goes to and fro within its first range.
    let sways = (0..40).map(|round| (PUT, next([7, 0][round % 2])));
    let sways: Vec<_> = sways.collect();
    for (script, most) in [(stands, 4), (sways, 5)] {
        let (done, puts, _) = uploaded(&script).await;
        let error = done.expect_err("it gets nowhere");
        assert_eq!(error.code(), "mail_server_garbled", "{error}");
        assert!(error.to_string().contains("does not go on"), "{error}");
        assert_eq!(puts.len(), most);
    }
}

#[tokio::test]
async fn an_upload_leads_to_no_unprotected_place() {
    let open = r#"{"uploadUrl":"http://outlook.example/u?authtoken=x"}"#;
    let (done, puts, _) = uploaded(&[(START, Answer::json(open))]).await;
    let error = done.expect_err("it is in clear");
    assert_eq!((error.code(), puts.len()), ("mail_server_garbled", 0));
}
