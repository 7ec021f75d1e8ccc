use gatepost_fault::{After, Fault as _, Next};

use super::super::sign_in::sign_in;
use super::script::{against_raw, token};
use crate::MailError;
use crate::imap::link::Link;

const SECRET: &str = "dXNlcj1hZGFAY29udG9zby5jb20BYXV0aD1CZWFyZXIgc2VjcmV0AQE=";

async fn sign(mut link: Link) -> Result<(), MailError> {
    link.event("the greeting").await?;
    sign_in(&mut link, &token()).await.map(|_| ())
}

async fn refused(rest: &str) -> MailError {
    let script = format!(
        "S: * OK [CAPABILITY IMAP4rev1 AUTH=XOAUTH2 SASL-IR NAMESPACE] ready
         C: A1 AUTHENTICATE XOAUTH2 {SECRET}
         {rest}"
    );
    against_raw(&script, sign).await.expect_err("it is refused")
}

#[tokio::test(start_paused = true)]
async fn exchange_lets_us_in() {
    let script = format!(
        "S: * OK The Microsoft Exchange IMAP4 service is ready.
         C: A1 CAPABILITY
         S: * CAPABILITY IMAP4rev1 AUTH=XOAUTH2 LOGINDISABLED SASL-IR
         S: A1 OK CAPABILITY completed.
         C: A2 AUTHENTICATE XOAUTH2 {SECRET}
         S: A2 OK AUTHENTICATE completed.
         C: A3 CAPABILITY
         S: * CAPABILITY IMAP4rev1 AUTH=XOAUTH2 MOVE ID NAMESPACE
         S: A3 OK CAPABILITY completed.
         C: A4 ID (\"name\" \"gatepost\" \"version\" \"{}\")
         C: A5 NAMESPACE
         S: * ID NIL
         S: A4 OK ID completed
         S: * NAMESPACE ((\"\" \"/\")) NIL NIL
         S: A5 OK NAMESPACE completed.",
        env!("CARGO_PKG_VERSION")
    );
    against_raw(&script, sign).await.expect("it is let in");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_tells_the_servers_reason() {
    let error = refused(
        "S: + eyJzdGF0dXMiOiI0MDEifQ==
         C:
         S: A1 NO [AUTHENTICATIONFAILED] Authentication failed.",
    )
    .await;
    assert_eq!(error.code(), "imap_sign_in_refused");
    assert!(
        error
            .to_string()
            .ends_with("Authentication failed. {\"status\":\"401\"}"),
        "{error}"
    );
    assert!(!format!("{error:?}{error}").contains("secret"));
}

#[tokio::test(start_paused = true)]
async fn let_in_and_not_connected_is_a_matter_of_permissions() {
    let error = refused(
        "S: A1 OK [CAPABILITY IMAP4rev1 NAMESPACE] AUTHENTICATE completed.
         C: A2 NAMESPACE
         S: A2 BAD User is authenticated but not connected.
         S: * BYE Connection closed. 14
         !",
    )
    .await;
    assert_eq!(
        (error.code(), error.next()),
        ("imap_not_connected", Next::Reconfigure)
    );
}

#[tokio::test(start_paused = true)]
async fn it_is_also_seen_at_the_introduction() {
    let error = refused(&format!(
        "S: A1 OK [CAPABILITY IMAP4rev1 ID NAMESPACE] AUTHENTICATE completed.
         C: A2 ID (\"name\" \"gatepost\" \"version\" \"{}\")
         C: A3 NAMESPACE
         S: A2 BAD User is authenticated but not connected.
         !",
        env!("CARGO_PKG_VERSION")
    ))
    .await;
    assert_eq!(error.code(), "imap_not_connected");
}

#[tokio::test(start_paused = true)]
async fn throttling_is_no_refusal() {
    let error =
        refused("S: A1 NO Request is throttled. Suggested Backoff Time: 5000 milliseconds").await;
    let wait = std::time::Duration::from_secs(5);
    assert_eq!(error.next(), Next::Retry(After::AtLeast(wait)));
}

#[tokio::test(start_paused = true)]
async fn imap_that_is_switched_off_is_named_so() {
    let error = refused("S: A1 NO IMAP access is disabled for your mailbox.").await;
    assert_eq!(error.code(), "imap_switched_off");
}

#[tokio::test(start_paused = true)]
async fn a_server_without_token_sign_in_is_not_told_the_token() {
    let script = "S: * OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] ready";
    let error = against_raw(script, sign)
        .await
        .expect_err("there is no way");
    assert_eq!(error.code(), "imap_no_token_sign_in");
}

#[tokio::test(start_paused = true)]
async fn something_that_is_no_imap_is_left() {
    let error = against_raw("S: HTTP/1.1 400 Bad Request", sign)
        .await
        .expect_err("it is no IMAP");
    assert_eq!(error.code(), "mail_server_garbled");
    assert!(error.to_string().contains("HTTP/1.1 400"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_silent_server_is_left() {
    let error = against_raw("", sign).await.expect_err("it says nothing");
    assert_eq!(error.code(), "mail_server_silent");
}
