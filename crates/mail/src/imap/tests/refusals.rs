//! What servers refuse, and what becomes of the rest.

use gatepost_fault::{Fault as _, Next};
use gatepost_wire::imap::mailbox_name;
use jiff::SignedDuration;

use super::script::{against, inbox, keys, start};
use crate::{Changes, Cursor, FolderName, MailError, Mailbox, Pull, Query};

const OPEN: &str = "S: * OK [CAPABILITY IMAP4rev1 IDLE MOVE UIDPLUS LITERAL+] ready
    C: A1 EXAMINE \"INBOX\"
    S: * 9 EXISTS
    S: * OK [UIDVALIDITY 9] ok
    S: A1 OK [READ-ONLY] done\n";

const ONE_DAMAGED: &str = "S: * 1 FETCH (UID 2 BODY[HEADER] {14}
    S: Subject: two
    S: )
    S: A3 NO The requested message could not be converted to an RFC-822 compatible format.
    C: A4 UID FETCH 4 (UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[HEADER])
    S: A4 NO The requested message could not be converted to an RFC-822 compatible format.
    C: A5 UID FETCH 6 (UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[HEADER])
    S: * 3 FETCH (UID 6 BODY[HEADER] {14}
    S: Subject: six
    S: )
    S: A5 OK done\n";

const NO_FOLDERS: &str = "C: A3 LIST \"\" \"*\"
    S: A3 OK done";

const THREE: &str = "C: A2 UID FETCH 1:* (UID)
    S: * 1 FETCH (UID 2)
    S: * 2 FETCH (UID 4)
    S: * 3 FETCH (UID 6)
    S: A2 OK done\n";

fn everything() -> Query {
    Query::newest(10)
}

#[tokio::test(start_paused = true)]
async fn a_meaningful_goodbye_is_told_and_then_the_session_is_over() {
    let script = OPEN.replace("S: A1 OK", "S: * OK [UIDNEXT 4] ok\nS: A1 OK")
        + "C: A2 IDLE
           S: + idling
           S: * BYE Request is throttled. Suggested Backoff Time: 5000 milliseconds
           !";
    against(&script, |mut session, _| async move {
        session.present(&inbox()).await.expect("it opens");
        let until = start() + SignedDuration::from_mins(1);
        let why = session.wait(until).await.expect_err("it is gone");
        assert_eq!(why.code(), "mailbox_throttled");
        let after = session.present(&inbox()).await.expect_err("still gone");
        assert!(after.is_disconnected(), "{after}");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn who_does_not_push_says_so() {
    for (capabilities, pushed) in [("IDLE", true), ("MOVE", false)] {
        let script = format!("S: * OK [CAPABILITY IMAP4rev1 {capabilities}] ready");
        against(&script, |session, _| async move {
            let mailbox: &dyn Mailbox = &session;
            assert_eq!(mailbox.is_pushed(), pushed, "{capabilities}");
        })
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn one_damaged_message_hides_no_other_from_a_resync() {
    let script = OPEN.to_owned()
        + THREE
        + "C: A3 UID FETCH 2,4,6 (UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[HEADER])\n"
        + ONE_DAMAGED;
    against(&script, |mut session, _| async move {
        let old = Cursor {
            transport: "imap".to_owned(),
            version: 1,
            state: "{\"uidvalidity\":8,\"next\":5}".to_owned(),
        };
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
        let prints = ["Subject: two", "", "Subject: six"];
        let prints = prints.map(|header| crate::fingerprint(header.as_bytes()));
        let present: Vec<[u8; 32]> = resync.present.iter().map(|(_, print)| *print).collect();
        assert_eq!(present, prints);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn one_damaged_message_hides_no_other_from_a_list() {
    let script = OPEN.to_owned()
        + "C: A2 FETCH 1:9 (UID)
           S: * 1 FETCH (UID 2)
           S: * 2 FETCH (UID 4)
           S: * 3 FETCH (UID 6)
           S: A2 OK done
           C: A3 UID FETCH 2,4,6 (UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[HEADER])\n"
        + ONE_DAMAGED;
    against(&script, |mut session, _| async move {
        let listed = session.list(&inbox(), &everything()).await;
        let listed = listed.expect("the others are listed");
        let subjects: Vec<_> = listed.iter().map(|one| &one.envelope.subject).collect();
        assert_eq!(subjects, [&Some("six".to_owned()), &Some("two".to_owned())]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn one_damaged_message_does_not_hold_up_a_watch() {
    let script = OPEN.to_owned()
        + THREE
        + "C: A3 UID FETCH 2,4,6 (UID FLAGS INTERNALDATE RFC822.SIZE)
           S: * 1 FETCH (UID 2 RFC822.SIZE 5)
           S: A3 NO The requested message could not be converted.
           C: A4 UID FETCH 4 (UID FLAGS INTERNALDATE RFC822.SIZE)
           S: A4 NO The requested message could not be converted.
           C: A5 UID FETCH 6 (UID FLAGS INTERNALDATE RFC822.SIZE)
           S: * 3 FETCH (UID 6 RFC822.SIZE 7)
           S: A5 OK done";
    against(&script, |mut session, _| async move {
        let pull = Pull {
            since: None,
            limit: 10,
            octets: u64::MAX,
            news_from: None,
        };
        let changes = session.changes(&inbox(), pull).await.expect("it works");
        let Changes::Since { arrivals, .. } = changes else {
            panic!("the server remembers")
        };
        let sizes: Vec<Option<u64>> = arrivals.iter().map(|one| one.size_hint).collect();
        assert_eq!(sizes, [Some(5), None, Some(7)]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_search_is_sifted_here_whatever_words_refuse_its_character_set() {
    for refusal in ["BAD Command Argument Error. 11", "NO Unknown charset"] {
        let script = OPEN.to_owned()
            + &format!(
                "C: A2 UID SEARCH CHARSET UTF-8 SUBJECT {{6+}}
                 C: Grüß
                 S: A2 {refusal}
                 C: A3 UID SEARCH ALL
                 S: * SEARCH 2
                 S: A3 OK done
                 C: A4 UID FETCH 2 (UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[HEADER])
                 S: * 1 FETCH (UID 2 BODY[HEADER] {{38}}
                 S: Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=
                 S: )
                 S: A4 OK done"
            );
        let query = Query {
            subject: Some("Grüß".to_owned()),
            ..everything()
        };
        let found = against(&script, |mut session, _| async move {
            session.list(&inbox(), &query).await
        });
        assert_eq!(found.await.expect("it works").len(), 1, "{refusal}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_text_that_the_server_cannot_search_is_a_sentence_and_is_not_tried_again() {
    let script = OPEN.to_owned()
        + "C: A2 UID SEARCH CHARSET UTF-8 TEXT {6+}
           C: Grüß
           S: A2 NO [BADCHARSET (US-ASCII)] The specified charset is not supported.
           C: A3 UID SEARCH CHARSET UTF-8 TEXT {6+}
           C: Grüß
           S: A3 NO [BADCHARSET (US-ASCII)] The specified charset is not supported.";
    let query = Query {
        text: Some("Grüß".to_owned()),
        ..everything()
    };
    let error = against(&script, |mut session, _| async move {
        session
            .list(&inbox(), &query)
            .await
            .expect_err("only ASCII")
    });
    let error = error.await;
    assert_eq!(error.code(), "search_ascii_only");
    assert_eq!(error.next(), Next::Reconfigure);
    assert!(error.to_string().contains("--subject"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_uidnext_of_zero_is_none() {
    let script = OPEN.replace("S: A1 OK", "S: * OK [UIDNEXT 0] odd\nS: A1 OK")
        + "C: A2 UID FETCH 4294967295:* (UID)
           S: * 9 FETCH (UID 12)
           S: A2 OK done";
    against(&script, |mut session, _| async move {
        let cursor = session.present(&inbox()).await.expect("it works");
        assert_eq!(cursor.state, r#"{"uidvalidity":9,"next":13}"#);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_name_that_is_no_modified_utf7_is_sent_back_as_it_was_listed() {
    for (listed, name) in [
        ("R&D", "R&D"),
        ("Entw\u{fc}rfe", "Entw\u{fc}rfe"),
        ("&AGE-", "&AGE-"),
    ] {
        let encoded = mailbox_name::encode_utf7(name);
        let script = format!(
            "S: * OK [CAPABILITY IMAP4rev1] ready
             C: A1 EXAMINE \"{encoded}\"
             S: A1 NO none
             C: A2 LIST \"\" \"*\"
             S: * LIST () \"/\" \"{listed}\"
             S: A2 OK done
             C: A3 EXAMINE \"{listed}\"
             S: * OK [UIDVALIDITY 9] ok
             S: * OK [UIDNEXT 4] ok
             S: A3 OK done"
        );
        against(&script, |mut session, _| async move {
            let opened = session.present(&FolderName::new(name)).await;
            opened.expect("it opens");
        })
        .await;
    }
}

/// Moves a message to the archive where the server answers this.
async fn moved(answers: &str) -> Result<(), MailError> {
    let script = OPEN.replace("EXAMINE", "SELECT") + "C: A2 UID MOVE 3 \"Archive\"\n" + answers;
    against(&script, |mut session, _| async move {
        let to = FolderName::new("Archive");
        session.move_to(&inbox(), &keys(&[3]), &to).await
    })
    .await
}

#[tokio::test(start_paused = true)]
async fn a_refused_move_means_a_missing_folder_only_where_the_server_says_so() {
    for (answer, code) in [
        // After these two the folders are looked through for one that is written otherwise.
        ("NO [TRYCREATE] none", "folder_missing"),
        ("NO Archive doesn't exist.", "folder_missing"),
        ("NO [OVERQUOTA] full", "mailbox_command_refused"),
        ("NO try later", "mailbox_command_refused"),
        ("BAD Command Argument Error. 12", "mailbox_command_refused"),
    ] {
        let error = moved(&format!("S: A2 {answer}\n{NO_FOLDERS}"))
            .await
            .expect_err(answer);
        assert_eq!(error.code(), code, "{answer}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_move_is_tried_again_once_the_server_has_told_what_is_gone() {
    moved(
        "S: A2 NO [EXPUNGEISSUED] Some of the requested messages no longer exist.
         C: A3 NOOP
         S: * 3 EXPUNGE
         S: A3 OK done
         C: A4 UID MOVE 3 \"Archive\"
         S: A4 OK nothing",
    )
    .await
    .expect("what is gone is skipped");
}
