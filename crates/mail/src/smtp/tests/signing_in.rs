use gatepost_fault::{Fault as _, Next, Owner};

use super::super::connect::start_tls;
use super::super::link::Link;
use super::{SECRET, against, against_raw, offering, settings};
use crate::{Submit as _, SubmitError};

/// How the sign-in ends behind `answer`.
async fn refused(answer: &str) -> SubmitError {
    let script = offering("", "");
    let script = script.replace("S: 235 2.7.0 Authentication successful", answer);
    let entered = against(&script, async |session| session.map(|_| ())).await;
    entered.expect_err("it is refused")
}

#[tokio::test(start_paused = true)]
async fn a_refused_sign_in_says_why() {
    for (line, code, owner, is_retried) in [
        (
            "S: 535 5.7.3 Authentication unsuccessful [SN2PR00CA0018.namprd00.prod.outlook.com]",
            "smtp_sign_in_refused",
            Owner::TenantAdmin,
            false,
        ),
        (
            "S: 535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant. Visit https://aka.ms/smtp_auth_disabled for more information.",
            "smtp_switched_off",
            Owner::TenantAdmin,
            false,
        ),
        (
            "S: 535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Mailbox. Visit https://aka.ms/smtp_auth_disabled for more information.",
            "smtp_switched_off",
            Owner::TenantAdmin,
            false,
        ),
        (
            "S: 535 5.7.139 Authentication unsuccessful, the request did not meet the criteria to be authenticated successfully. Contact your administrator.",
            "smtp_sign_in_refused",
            Owner::TenantAdmin,
            false,
        ),
        (
            "S: 454 4.7.0 Temporary authentication failure",
            "mailbox_unavailable",
            Owner::Remote,
            true,
        ),
        (
            "S: 451 4.7.500 Server busy. Please try again later from [192.0.2.1]. (AS761)",
            "mailbox_unavailable",
            Owner::Remote,
            true,
        ),
        (
            "S: 432 4.3.2 Concurrent connections limit exceeded. Visit https://aka.ms/concurrent_sending for more information.",
            "mailbox_throttled",
            Owner::Remote,
            true,
        ),
    ] {
        let error = refused(line).await;
        assert_eq!((error.code(), error.owner()), (code, owner), "{line}");
        assert_eq!(error.next().is_retry(), is_retried, "{line}");
        let sentence = error.to_string();
        let words = line.trim_start_matches("S: ");
        assert!(
            sentence.ends_with(words),
            "the server's words are last: {sentence}"
        );
        assert!(!format!("{error:?}{error}").contains(SECRET));
    }
}

#[tokio::test(start_paused = true)]
async fn a_switch_is_named_with_what_it_has_to_be() {
    let error = refused("S: 535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant.").await;
    let command = "Set-CASMailbox ada@contoso.com -SmtpClientAuthenticationDisabled $false";
    assert!(error.to_string().contains(command), "{error}");
}

/// Google and Dovecot tell the reason as a challenge before the refusal.
#[tokio::test(start_paused = true)]
async fn a_challenge_with_the_reason_is_told() {
    let error = refused("S: 334 eyJzdGF0dXMiOiI0MDEifQ==\nC:\nS: 535 5.7.8 no").await;
    assert_eq!(error.code(), "smtp_sign_in_refused");
    assert!(
        error
            .to_string()
            .ends_with("535 5.7.8 no {\"status\":\"401\"}"),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_server_that_takes_no_such_tokens_is_told_none() {
    for offered in ["AUTH PLAIN LOGIN OAUTHBEARER", "SIZE 1000"] {
        let script = format!(
            "S: 220 ready
             C: EHLO [192.0.2.1]
             S: 250-hello
             S: 250 {offered}"
        );
        let entered = against(&script, async |session| session.map(|_| ())).await;
        let error = entered.expect_err("there is no way in");
        assert_eq!(error.code(), "smtp_no_token_sign_in", "{offered}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_knows_no_ehlo_is_told_no_token() {
    let script = "S: 220 ready
         C: EHLO [192.0.2.1]
         S: 502 5.5.1 what?
         C: HELO [192.0.2.1]
         S: 250 hello";
    let entered = against(script, async |session| session.map(|_| ())).await;
    assert_eq!(
        entered.expect_err("there is no way in").code(),
        "smtp_no_token_sign_in"
    );
}

/// Longer than a command line may be: the token goes in a line of its own (RFC 4954 §4).
#[tokio::test(start_paused = true)]
async fn a_long_token_has_a_line_of_its_own() {
    use gatepost_oauth::{AccessToken, Audience};
    use jiff::Timestamp;

    let token = AccessToken::new("t".repeat(2000).into(), Audience::Exchange, Timestamp::MAX);
    let message = gatepost_wire::sasl::Xoauth2::new("ada@contoso.com", token.expose().into());
    let message = message.expect("a good token").encode();
    let script = format!(
        "S: 220 ready
         C: EHLO [192.0.2.1]
         S: 250-hello
         S: 250 AUTH XOAUTH2
         C: AUTH XOAUTH2
         S: 334
         C: {}
         S: 235 2.7.0 OK",
        *message
    );
    let signed_in = against_raw(&script, async |stream, clock| {
        let mut link = Link::new(stream, &settings(&clock));
        super::greeting(&mut link).await?;
        super::hello(&mut link, "[192.0.2.1]").await?;
        super::sign_in(&mut link, "ada@contoso.com", &token).await
    });
    signed_in.await.expect("it is let in");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_refuses_to_talk_is_tried_again_if_that_can_help() {
    for (line, next_is_retry) in [
        (
            "451 4.7.500 Server busy. Please try again later from [192.0.2.1]. (AS761)",
            true,
        ),
        ("421 4.3.2 Service not available", true),
        (
            "550 5.7.708 Service unavailable. Access denied, traffic not accepted from this IP. AS(7910)",
            false,
        ),
        ("554 5.3.2 no SMTP here", false),
    ] {
        let script = format!("S: {line}");
        let entered = against(&script, async |session| session.map(|_| ())).await;
        let error = entered.expect_err("it does not talk");
        assert_eq!(error.next().is_retry(), next_is_retry, "{line}");
        assert!(error.to_string().ends_with(line), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_server_is_given_up_in_time() {
    for script in ["", "S: 220 ready\nC: EHLO [192.0.2.1]\nS: 250-hello"] {
        let entered = against(script, async |session| session.map(|_| ())).await;
        let error = entered.expect_err("nobody answers");
        assert_eq!(error.code(), "mail_server_silent");
        assert!(error.to_string().contains("within 300 seconds"), "{error}");
    }
}

async fn in_clear(script: &str) -> Result<(), SubmitError> {
    against_raw(script, async |stream, clock| {
        let mut link = Link::new(stream, &settings(&clock));
        start_tls(&mut link, "[192.0.2.1]").await
    })
    .await
}

#[tokio::test(start_paused = true)]
async fn nothing_is_said_in_clear_where_tls_does_not_start() {
    let greeted = "S: 220 ready\nC: EHLO [192.0.2.1]\nS: 250-hello\n";
    for (rest, code) in [
        ("S: 250 AUTH XOAUTH2", "mail_starttls_missing"),
        (
            "S: 250 STARTTLS\nC: STARTTLS\nS: 454 4.7.0 not now",
            "mail_starttls_missing",
        ),
        (
            "S: 250 STARTTLS\nC: STARTTLS\nS: 220 2.0.0 go\nS: 250 AUTH XOAUTH2",
            "mail_server_garbled",
        ),
    ] {
        let error = in_clear(&format!("{greeted}{rest}")).await;
        let error = error.expect_err("TLS does not start");
        assert_eq!(error.code(), code, "{rest}");
    }
    let good = "S: 250 STARTTLS\nC: STARTTLS\nS: 220 2.0.0 SMTP server ready";
    let asked = in_clear(&format!("{greeted}{good}")).await;
    asked.expect("the handshake can begin");
}

#[tokio::test(start_paused = true)]
async fn a_session_says_goodbye() {
    let script = offering("PIPELINING", "C: QUIT\nS: 221 2.0.0 bye");
    against(&script, async |session| {
        let mut session = session.expect("it is let in");
        assert!(session.is_open());
        session.close().await;
        assert!(!session.is_open());
    })
    .await;
    let again = refused("S: 535 5.7.3 Authentication unsuccessful").await;
    assert_eq!(again.next(), Next::Reconfigure);
}
