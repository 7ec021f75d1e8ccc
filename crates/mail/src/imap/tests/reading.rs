use async_trait::async_trait;
use gatepost_fault::{Fault as _, Next};

use super::script::{LIMITS, Told, against, against_through, inbox, keys};
use crate::{
    Changes, Cursor, FolderName, Intake, IntakeError, MailError, Mailbox as _, MessageKey, Pull,
    Query,
};

const OPEN: &str = "S: * OK [CAPABILITY IMAP4rev1 IDLE] ready
    C: A1 EXAMINE \"INBOX\"
    S: * 9 EXISTS
    S: * OK [UIDVALIDITY 9] ok
    S: A1 OK [READ-ONLY] done\n";

/// Fetches these messages and answers what the intake was told.
async fn fetched(rest: &str, uids: &[u32]) -> (Vec<String>, Result<(), MailError>) {
    let told = Told::default();
    let mut intake = told.clone();
    let result = against(&(OPEN.to_owned() + rest), |mut session, _| async move {
        session.fetch(&inbox(), &keys(uids), &mut intake).await
    })
    .await;
    (told.all(), result)
}

#[tokio::test(start_paused = true)]
async fn bodies_come_whole_and_what_is_missing_is_gone() {
    let (told, result) = fetched(
        "C: A2 UID FETCH 3:5 (UID BODY.PEEK[])
         S: * 1 FETCH (UID 3 BODY[] {5}
         S: one
         S: )
         S: * 7 FETCH (FLAGS (\\Seen))
         S: * 2 FETCH (UID 5 BODY[] {0}
         S: )
         S: A2 OK done",
        &[3, 4, 5],
    )
    .await;
    result.expect("it works");
    assert_eq!(
        told,
        ["imap:9:3 (5) one\r\n.", "imap:9:5 (0) .", "imap:9:4 gone"]
    );
}

#[tokio::test(start_paused = true)]
async fn keys_of_another_uidvalidity_are_gone() {
    let told = Told::default();
    let mut intake = told.clone();
    against(OPEN, |mut session, _| async move {
        let key = MessageKey::Imap {
            uidvalidity: 8,
            uid: 1,
        };
        session
            .fetch(&inbox(), &[key], &mut intake)
            .await
            .expect("it works");
    })
    .await;
    assert_eq!(told.all(), ["imap:8:1 gone"]);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_names_the_message_behind_its_body_is_asked_one_by_one() {
    let (told, result) = fetched(
        "C: A2 UID FETCH 3:4 (UID BODY.PEEK[])
         S: * 1 FETCH (BODY[] {3}
         S: x
         S:  UID 3)
         S: * 2 FETCH (BODY[] {3}
         S: y
         S:  UID 4)
         S: A2 OK done
         C: A3 UID FETCH 3 (UID BODY.PEEK[])
         C: A4 UID FETCH 4 (UID BODY.PEEK[])
         S: * 1 FETCH (BODY[] {3}
         S: x
         S:  UID 3)
         S: A3 OK done
         S: * 2 FETCH (BODY[] {3}
         S: y
         S:  UID 4)
         S: A4 OK done",
        &[3, 4],
    )
    .await;
    result.expect("it works");
    assert_eq!(told, ["imap:9:3 (3) x\r\n.", "imap:9:4 (3) y\r\n."]);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_turns_out_to_be_anothers_ends_the_session() {
    let (_, result) = fetched(
        "C: A2 UID FETCH 3 (UID BODY.PEEK[])
         S: * 1 FETCH (BODY[] {3}
         S: x
         S:  UID 4)
         S: A2 OK done",
        &[3],
    )
    .await;
    assert_eq!(
        result.expect_err("it is another").code(),
        "mail_server_garbled"
    );
}

#[tokio::test(start_paused = true)]
async fn a_message_that_is_refused_in_company_does_not_hold_up_the_others() {
    let (told, result) = fetched(
        "C: A2 UID FETCH 3:4 (UID BODY.PEEK[])
         S: * 1 FETCH (UID 3 BODY[] {3}
         S: x
         S: )
         S: A2 NO Some of the requested messages no longer exist.
         C: A3 UID FETCH 4 (UID BODY.PEEK[])
         S: A3 OK done",
        &[3, 4],
    )
    .await;
    result.expect("it works");
    assert_eq!(told, ["imap:9:3 (3) x\r\n.", "imap:9:4 gone"]);
}

#[tokio::test(start_paused = true)]
async fn a_message_that_is_too_large_is_left_out_and_told_at_the_end() {
    let large = "x".repeat(1001);
    let script = format!(
        "C: A2 UID FETCH 3:4 (UID BODY.PEEK[])
         S: * 1 FETCH (UID 3 BODY[] {{1003}}
         S: {large}
         S: )
         S: * 1 FETCH (UID 4 BODY[] {{3}}
         S: y
         S: )
         S: A2 OK done"
    );
    let (told, result) = fetched(&script, &[3, 4]).await;
    let error = result.expect_err("one is too large");
    assert_eq!(
        (error.code(), error.next()),
        ("message_too_large", Next::Discard)
    );
    assert!(!error.is_disconnected(), "the session goes on");
    assert_eq!(told, ["imap:9:4 (3) y\r\n."]);
}

#[tokio::test(start_paused = true)]
async fn a_message_beyond_all_measure_ends_the_session() {
    let (told, result) = fetched(
        "C: A2 UID FETCH 3 (UID BODY.PEEK[])
         S: * 1 FETCH (UID 3 BODY[] {99999999999999}",
        &[3],
    )
    .await;
    assert!(result.expect_err("it never ends").is_disconnected());
    assert!(told.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_message_that_the_server_cannot_hand_out_is_refused_and_not_gone() {
    for answer in [
        "S: * 1 FETCH (UID 3 BODY[] NIL)\nS: A3 OK done",
        "S: A3 NO It is damaged.",
    ] {
        let script = format!(
            "C: A2 UID FETCH 3:4 (UID BODY.PEEK[])
             S: A2 NO Some messages could not be fetched.
             C: A3 UID FETCH 3 (UID BODY.PEEK[])
             C: A4 UID FETCH 4 (UID BODY.PEEK[])
             {answer}
             S: * 2 FETCH (UID 4 BODY[] {{3}}
             S: y
             S: )
             S: A4 OK done"
        );
        let (told, result) = fetched(&script, &[3, 4]).await;
        let error = result.expect_err("one cannot be had");
        assert_eq!(
            (error.code(), error.next()),
            ("message_refused", Next::Discard)
        );
        assert!(error.to_string().contains("UID 3"), "{error}");
        assert_eq!(told, ["imap:9:4 (3) y\r\n."]);
    }
}

#[derive(Debug)]
struct Full;

#[async_trait]
impl Intake for Full {
    async fn begin(&mut self, _: &MessageKey, _: Option<u64>) -> Result<(), IntakeError> {
        Err(IntakeError("the disk is full".into()))
    }
    async fn chunk(&mut self, _: &[u8]) -> Result<(), IntakeError> {
        Ok(())
    }
    async fn end(&mut self) -> Result<(), IntakeError> {
        Ok(())
    }
    async fn gone(&mut self, _: &MessageKey) -> Result<(), IntakeError> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn an_intake_that_cannot_go_on_ends_the_session() {
    let script = OPEN.to_owned()
        + "C: A2 UID FETCH 3 (UID BODY.PEEK[])
           S: * 1 FETCH (UID 3 BODY[] {5}
           S: one
           S: )
           S: A2 OK done";
    let result = against(&script, |mut session, _| async move {
        session.fetch(&inbox(), &keys(&[3]), &mut Full).await
    })
    .await;
    let error = result.expect_err("the disk is full");
    assert!(
        error.is_disconnected() && error.to_string().ends_with("the disk is full"),
        "{error}"
    );
}

fn cursor(uidvalidity: u32, next: u32) -> Cursor {
    let state = format!("{{\"uidvalidity\":{uidvalidity},\"next\":{next}}}");
    Cursor {
        transport: "imap".to_owned(),
        version: 1,
        state,
    }
}

#[tokio::test(start_paused = true)]
async fn a_backlog_comes_in_pages_and_the_tip_in_one_question() {
    let script = OPEN.to_owned()
        + "C: A2 UID FETCH 5:* (UID)
           S: * 1 FETCH (UID 5)
           S: * 2 FETCH (UID 7)
           S: * 3 FETCH (UID 9)
           S: A2 OK done
           C: A3 UID FETCH 5,7 (UID FLAGS INTERNALDATE RFC822.SIZE)
           S: * 1 FETCH (UID 5 FLAGS (\\Seen) RFC822.SIZE 1)
           S: A3 OK done
           C: A4 UID FETCH 9 (UID FLAGS INTERNALDATE RFC822.SIZE)
           S: * 3 FETCH (UID 9)
           S: A4 OK done
           C: A5 UID FETCH 10:* (UID FLAGS INTERNALDATE RFC822.SIZE)
           S: * 3 FETCH (UID 9 INTERNALDATE \"22-Nov-2026 05:54:10 +0000\")
           S: A5 OK done
           C: A6 NOOP
           S: * 10 EXISTS
           S: A6 OK done
           C: A7 UID FETCH 10:* (UID FLAGS INTERNALDATE RFC822.SIZE)
           S: * 10 FETCH (UID 10 INTERNALDATE \"22-Nov-2026 05:54:10 +0000\")
           S: A7 OK done";
    against(&script, |mut session, _| async move {
        let mut since = cursor(9, 5);
        let mut seen = Vec::new();
        for _ in 0..3 {
            let pull = Pull {
                since: Some(&since),
                limit: 2,
                octets: u64::MAX,
                news_from: None,
            };
            let changes = session.changes(&inbox(), pull).await.expect("it works");
            let Changes::Since {
                arrivals,
                next,
                more,
            } = changes
            else {
                panic!("the server remembers");
            };
            let keys: Vec<String> = arrivals.iter().map(|a| a.key.to_string()).collect();
            seen.push((keys.join(" "), next.state.clone(), more));
            since = next;
        }
        let at = |next: u32| cursor(9, next).state;
        assert_eq!(
            seen,
            [
                ("imap:9:5 imap:9:7".to_owned(), at(8), true),
                ("imap:9:9".to_owned(), at(10), false),
                ("imap:9:10".to_owned(), at(11), false),
            ]
        );
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_message_that_cannot_be_named_is_not_passed_over() {
    let script = OPEN.to_owned()
        + "C: A2 UID FETCH 5:* (UID)
           S: * 1 FETCH (FLAGS (\\Seen))
           S: * 2 FETCH (UID seven)
           S: * 3 FETCH (UID 9)
           S: A2 OK done";
    let error = against(&script, |mut session, _| async move {
        let since = cursor(9, 5);
        let pull = Pull {
            since: Some(&since),
            limit: 2,
            octets: u64::MAX,
            news_from: None,
        };
        session
            .changes(&inbox(), pull)
            .await
            .expect_err("one of them is unknown")
    })
    .await;
    assert_eq!(error.code(), "mail_server_garbled");
}

#[tokio::test(start_paused = true)]
async fn a_changed_uidvalidity_is_told_with_fingerprints() {
    let script = OPEN.to_owned()
        + "C: A2 UID FETCH 1:* (UID)
           S: * 1 FETCH (UID 2)
           S: A2 OK done
           C: A3 UID FETCH 2 (UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[HEADER])
           S: * 1 FETCH (UID 2 FLAGS () BODY[HEADER] {21}
           S: Message-ID: <1@x>
           S:
           S: )
           S: A3 OK done";
    against(&script, |mut session, _| async move {
        let old = cursor(8, 5);
        let pull = Pull {
            since: Some(&old),
            limit: 2,
            octets: u64::MAX,
            news_from: None,
        };
        let changes = session.changes(&inbox(), pull).await.expect("it works");
        let Changes::Lost(resync) = changes else {
            panic!("the server forgot")
        };
        assert_eq!(resync.restart, cursor(9, 3));
        assert_eq!(resync.present.len(), 1);
        assert_eq!(
            resync.present[0].1,
            crate::fingerprint(b"Message-ID: <1@x>\r\n\r\n")
        );
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_missing_folder_is_named() {
    let script = "S: * OK [CAPABILITY IMAP4rev1] ready
        C: A1 EXAMINE \"Entw&APw-rfe\"
        S: A1 NO Entw&APw-rfe doesn't exist.
        C: A2 LIST \"\" \"*\"
        S: * LIST () \"/\" INBOX
        S: A2 OK done";
    let error = against(script, |mut session, _| async move {
        session
            .present(&FolderName::new("Entwürfe"))
            .await
            .expect_err("there is none")
    })
    .await;
    assert_eq!(error.code(), "folder_missing");
    assert!(error.to_string().contains("no folder Entwürfe"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn what_the_server_cannot_search_is_sifted_here() {
    let script = OPEN.replace("IDLE", "LITERAL+")
        + "C: A2 UID SEARCH CHARSET UTF-8 UNSEEN SUBJECT {6+}
           C: Grüß
           S: A2 NO [BADCHARSET (US-ASCII)] The specified charset is not supported.
           C: A3 UID SEARCH UNSEEN
           S: * SEARCH 2 4
           S: A3 OK done
           C: A4 UID FETCH 2,4 (UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[HEADER])
           S: * 1 FETCH (UID 2 BODY[HEADER] {40}
           S: Subject: =?utf-8?q?GR=C3=9C=C3=9Fe?=
           S:
           S: )
           S: * 3 FETCH (UID 4 BODY[HEADER] \"Subject: other\")
           S: A4 OK done";
    let query = Query {
        unread: true,
        subject: Some("Grüß".to_owned()),
        ..Query::newest(10)
    };
    let found = against(&script, |mut session, _| async move {
        session.list(&inbox(), &query).await.expect("it works")
    })
    .await;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].envelope.subject.as_deref(), Some("GRÜße"));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_answers_before_it_reads_on_is_not_waited_for() {
    // Every second UID, so that nothing is written as a range.
    let uids: Vec<u32> = (1..=600).map(|n| n * 2).collect();
    let commands: Vec<String> = uids
        .chunks(250)
        .zip(2..)
        .map(|(some, tag)| {
            let some: Vec<String> = some.iter().map(u32::to_string).collect();
            format!("A{tag} UID FETCH {} (UID BODY.PEEK[])", some.join(","))
        })
        .collect();
    let body = "x".repeat(998);
    let answers = commands.iter().zip(2..).map(|(command, tag)| {
        let uid = (tag - 1) * 400;
        format!(
            "C: {command}
             S: * 1 FETCH (UID {uid} BODY[] {{1000}}
             S: {body}
             S: )
             S: A{tag} OK done\n"
        )
    });
    let script = OPEN.to_owned() + &answers.collect::<String>();
    let told = Told::default();
    let mut intake = told.clone();
    against_through(&script, (LIMITS, 256), |mut session, _| async move {
        let fetched = session.fetch(&inbox(), &keys(&uids), &mut intake).await;
        fetched.expect("nobody waits for the other");
    })
    .await;
    assert_eq!(told.all().len(), 600, "each came or is gone");
}
