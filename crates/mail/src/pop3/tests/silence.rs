//! Servers that fall silent, and a connection in clear that stays so.

use gatepost_fault::Fault as _;

use super::super::connect::start_tls;
use super::super::link::Link;
use super::{against, against_raw, keys, settings, with_three};
use crate::scripted::Told;
use crate::{FolderName, MailError, Mailbox as _};

#[tokio::test(start_paused = true)]
async fn a_silent_server_is_given_up_in_time() {
    let asked = "S: +OK ready\nC: CAPA";
    let signing_in = "S: +OK ready\nC: CAPA\nS: +OK\nS: SASL XOAUTH2\nS: .\nC: AUTH XOAUTH2";
    for script in ["", asked, signing_in] {
        let entered = against(script, async |session| session.map(|_| ())).await;
        let error = entered.expect_err("nobody answers");
        assert_eq!(error.code(), "mail_server_silent", "{script}");
        assert!(error.to_string().contains("within 60 seconds"), "{error}");
        assert!(error.next().is_retry());
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_that_stops_in_the_middle_is_no_whole_one() {
    let stops = "C: RETR 1\nS: +OK\nS: Subject: one\nS: ";
    // Each line comes in time, and the message never ends.
    let drips = format!("{stops}\n{}", ".. 50\nS: x\n".repeat(20));
    for (rest, code) in [
        ("C: RETR 1", "mail_server_silent"),
        (stops, "mail_server_silent"),
        (&drips, "mail_server_garbled"),
    ] {
        let told = Told::default();
        let mut intake = told.clone();
        let error = against(&with_three("TOP, UIDL", rest), async |session| {
            let mut session = session.expect("it is let in");
            let inbox = FolderName::inbox();
            let fetched = session.fetch(&inbox, &keys(&["one"]), &mut intake).await;
            fetched.expect_err("it does not come to its end")
        })
        .await;
        assert_eq!(error.code(), code, "{error}");
        let is_whole = |told: &String| told.ends_with('.');
        assert!(!told.all().iter().any(is_whole), "{:?}", told.all());
    }
}

/// A deletion is done when QUIT is answered, and not before (RFC 1939 §6).
#[tokio::test(start_paused = true)]
async fn a_deletion_without_an_answer_is_not_called_done() {
    for rest in ["C: DELE 1", "C: DELE 1\nS: +OK\nC: QUIT"] {
        let error = against(&with_three("TOP, UIDL", rest), async |session| {
            let mut session = session.expect("it is let in");
            let deleted = session.delete(&FolderName::inbox(), &keys(&["one"])).await;
            deleted.expect_err("nobody says that it is")
        })
        .await;
        assert_eq!(error.code(), "mail_server_silent", "{error}");
    }
}

async fn in_clear(script: &str) -> Result<(), MailError> {
    against_raw(script, async |stream, clock| {
        let settings = settings(&clock);
        start_tls(&mut Link::new(stream, &settings), &settings).await
    })
    .await
}

#[tokio::test(start_paused = true)]
async fn nothing_is_said_in_clear_where_tls_does_not_start() {
    let greeted = "S: +OK ready\nC: CAPA\nS: +OK\nS: SASL XOAUTH2\n";
    for (rest, code) in [
        ("S: .", "mail_starttls_missing"),
        (
            "S: STLS\nS: .\nC: STLS\nS: -ERR not now",
            "mail_starttls_missing",
        ),
        (
            "S: STLS\nS: .\nC: STLS\nS: +OK go\nS: +OK said before TLS",
            "mail_server_garbled",
        ),
    ] {
        let error = in_clear(&format!("{greeted}{rest}")).await;
        let error = error.expect_err("TLS does not start");
        assert_eq!(error.code(), code, "{rest}");
    }
    let good = "S: STLS\nS: .\nC: STLS\nS: +OK Begin TLS negotiation.";
    let asked = in_clear(&format!("{greeted}{good}")).await;
    asked.expect("the handshake can begin");
}
