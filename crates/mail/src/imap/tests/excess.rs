//! Servers that say more than anybody could have asked for.

use gatepost_fault::Fault as _;

use super::super::sign_in::sign_in;
use super::script::{against, against_raw, inbox, token};
use crate::{Changes, MailError, Mailbox as _, Pull};

const OPEN: &str = "S: * OK [CAPABILITY IMAP4rev1 IDLE] ready
    C: A1 EXAMINE \"INBOX\"
    S: * 9 EXISTS
    S: * OK [UIDVALIDITY 9] ok
    S: * OK [UIDNEXT 40] ok
    S: A1 OK [READ-ONLY] done\n";

async fn changes(script: &str) -> Result<Changes, MailError> {
    against(script, |mut session, _| async move {
        let pull = Pull {
            since: None,
            limit: 10,
            octets: u64::MAX,
            news_from: None,
        };
        session.changes(&inbox(), pull).await
    })
    .await
}

/// The session is over, for what the server said cannot be.
fn assert_garbled(error: &MailError) {
    assert_eq!(error.code(), "mail_server_garbled", "{error}");
    assert!(error.is_disconnected(), "{error}");
}

#[tokio::test(start_paused = true)]
async fn one_absurd_uid_does_not_move_the_position() {
    for uid in [u32::MAX, u32::MAX - 1, 100_000] {
        let script = format!(
            "{OPEN}C: A2 UID FETCH 1:* (UID)
             S: * 1 FETCH (UID 7)
             S: * 2 FETCH (UID {uid})
             S: A2 OK done"
        );
        assert_garbled(&changes(&script).await.expect_err("nothing has this UID"));
    }
    let script = OPEN.replace("UIDNEXT 40", &format!("UIDNEXT {}", u32::MAX));
    assert_garbled(&changes(&script).await.expect_err("no UID is left"));
}

#[tokio::test(start_paused = true)]
async fn an_absurd_uid_is_refused_also_at_the_tip() {
    let script = format!(
        "{OPEN}C: A2 UID FETCH 40:* (UID FLAGS INTERNALDATE RFC822.SIZE)
         S: * 10 FETCH (UID 4294967295 RFC822.SIZE 5)
         S: A2 OK done"
    );
    let seen = against(&script, |mut session, _| async move {
        let tip = session.present(&inbox()).await.expect("it opens");
        let pull = Pull {
            since: Some(&tip),
            limit: 10,
            octets: u64::MAX,
            news_from: None,
        };
        session.changes(&inbox(), pull).await
    });
    assert_garbled(&seen.await.expect_err("nothing has this UID"));
}

#[tokio::test(start_paused = true)]
async fn more_flags_than_any_message_has_end_the_session() {
    let (many, long) = ("$a ".repeat(300), "x".repeat(2000));
    for flags in [many.trim_end(), &long] {
        let script = format!(
            "{OPEN}C: A2 UID FETCH 1:* (UID)
             S: * 1 FETCH (UID 7 FLAGS ({flags}))
             S: A2 OK done"
        );
        assert_garbled(&changes(&script).await.expect_err("no message has these"));
    }
}

#[tokio::test(start_paused = true)]
async fn folders_without_end_end_the_session() {
    let listed = "S: * LIST () \"/\" a\n".repeat(100_001);
    let script = format!(
        "S: * OK [CAPABILITY IMAP4rev1] ready
         C: A1 LIST \"\" \"*\"
         {listed}"
    );
    let folders = against(
        &script,
        |mut session, _| async move { session.folders().await },
    );
    assert_garbled(&folders.await.expect_err("nobody has so many"));
}

#[tokio::test(start_paused = true)]
async fn an_answer_without_end_ends_the_session_whatever_it_says() {
    // Each line comes well within the limit for a reply.
    let trickle = "S: * 9 EXISTS\n.. 50\n".repeat(100);
    let script = format!("{OPEN}C: A2 UID FETCH 1:* (UID)\n{trickle}");
    assert_garbled(&changes(&script).await.expect_err("it never ends"));
}

#[tokio::test(start_paused = true)]
async fn a_huge_literal_before_the_sign_in_is_refused_at_once() {
    let script = "S: * OK ready
        C: A1 CAPABILITY
        S: * LIST () \"/\" {900000000}";
    let signed_in = against_raw(script, |mut link| async move {
        link.event("the greeting").await?;
        sign_in(&mut link, &token()).await.map(|_| ())
    });
    assert_garbled(&signed_in.await.expect_err("there is no such answer"));
}
