//! What Exchange Online answers, as it was seen and as Microsoft documents it, in every phase in
//! which it can come.

use std::fmt::Write as _;

use gatepost_fault::{Fault as _, Next, Owner};

use super::{against, envelope, offering};
use crate::contract::{Letter, Told};
use crate::{Submit as _, SubmitError};

/// Where a reply comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    SignIn,
    Mail,
    Data,
    Message,
}

/// What a client makes of it.
struct Meant {
    code: &'static str,
    owner: Owner,
    is_retry: bool,
    advice: &'static str,
}

/// What becomes of a submission to a server that says `reply` at this place, and whether it had
/// begun.
async fn refused(at: At, reply: &str) -> (SubmitError, bool) {
    let script = match at {
        At::SignIn => {
            let whole = offering("", "");
            let (before, _) = whole.split_once("S: 235").expect("it lets us in");
            format!("{before}S: {reply}")
        }
        At::Mail => offering("", &format!("{MAIL}S: {reply}")),
        At::Data => {
            let begun = format!("{MAIL}S: 250 ok\n{RECIPIENT}S: 250 ok\n");
            offering("", &format!("{begun}C: DATA\nS: {reply}"))
        }
        At::Message => {
            let begun = format!("{MAIL}S: 250 ok\n{RECIPIENT}S: 250 ok\nC: DATA\nS: 354 go on\n");
            offering("", &format!("{begun}C: x\nC: .\nS: {reply}"))
        }
    };
    against(&script, async |session| {
        let mut told = Told::default();
        let outcome = async {
            let mut session = session?;
            let bob = envelope(&["bob@contoso.com"]);
            let mut letter = Letter::new(["x\r\n"]);
            session.submit(&bob, &mut letter, &mut told).await
        };
        let error = outcome.await.expect_err("it is refused");
        (error, told.begun.is_some())
    })
    .await
}

#[tokio::test(start_paused = true)]
async fn every_reply_that_was_recorded_is_understood_in_each_phase_of_it() {
    let mut wrong = String::new();
    for (reply, places, meant) in RECORDED {
        for at in *places {
            for suffix in ["", SUFFIX] {
                let line = format!("{reply}{suffix}");
                let (error, begun) = refused(*at, &line).await;
                let found = (error.code(), error.owner(), error.next().is_retry());
                let wanted = (meant.code, meant.owner, meant.is_retry);
                let sentence = error.to_string();
                // The server's own words are last.
                let is_told = sentence.contains(meant.advice) && sentence.ends_with(&line);
                let is_true = !error.is_unknown() && begun == (*at == At::Message);
                if found != wanted || !is_told || !is_true {
                    let _ = writeln!(wrong, "{at:?} {found:?} {wanted:?} {begun} {sentence}");
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// A mailbox that is full does not send, and who owns it is told what to do.
#[tokio::test(start_paused = true)]
async fn a_full_mailbox_is_told_to_be_emptied() {
    let reply = "554 5.2.2 mailbox full; STOREDRV.Submission.Exception:QuotaExceededException.MapiExceptionShutoffQuotaExceeded";
    let (error, _) = refused(At::Message, reply).await;
    assert_eq!(error.owner(), Owner::Person);
    assert!(matches!(error.next(), Next::Retry(_)), "it may be emptied");
    let sentence = error.to_string();
    assert!(sentence.contains("Empty the mailbox"), "{sentence}");
}

const MAIL: &str = "C: MAIL FROM:<ada@contoso.com>\n";
const RECIPIENT: &str = "C: RCPT TO:<bob@contoso.com>\n";
/// What stands behind replies of Exchange Online.
const SUFFIX: &str =
    " [SN2PR00CA0018.namprd00.prod.outlook.com 2026-11-26T20:59:57.214Z 08DBB276B7E699C4]";
const SENDING: &[At] = &[At::Mail, At::Data, At::Message];

const fn meant(code: &'static str, owner: Owner, is_retry: bool, advice: &'static str) -> Meant {
    Meant {
        code,
        owner,
        is_retry,
        advice,
    }
}

const MESSAGE: &[At] = &[At::Message];

#[rustfmt::skip]
const RECORDED: &[(&str, &[At], Meant)] = &[
    ("535 5.7.3 Authentication unsuccessful", &[At::SignIn],
        meant("smtp_sign_in_refused", Owner::TenantAdmin, false, "SMTP.SendAsApp")),
    ("535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant. Visit https://aka.ms/smtp_auth_disabled for more information.", &[At::SignIn],
        meant("smtp_switched_off", Owner::TenantAdmin, false, "SmtpClientAuthenticationDisabled")),
    ("535 5.7.139 Authentication unsuccessful, basic authentication is disabled.", &[At::SignIn],
        meant("smtp_sign_in_refused", Owner::Operator, false, "Sign in with a token (XOAUTH2)")),
    ("535 5.7.139 Authentication unsuccessful, the request did not meet the criteria to be authenticated successfully. Contact your administrator.", &[At::SignIn],
        meant("smtp_sign_in_refused", Owner::TenantAdmin, false, "Look at the sign-in log")),
    ("530 5.7.57 Client not authenticated to send mail.", &[At::Mail],
        meant("submission_refused", Owner::Operator, false, "Sign in before sending")),
    ("530 5.7.1 SMTP; Client was not authenticated to send anonymous mail during MAIL FROM", &[At::Mail],
        meant("submission_refused", Owner::Operator, false, "Sign in before sending")),
    ("430 4.2.0 STOREDRV; mailbox logon failure; STOREDRV.Submission.Exception:MapiExceptionLogonFailed; AuthenticationContext has no rights on this session", MESSAGE,
        meant("smtp_not_connected", Owner::TenantAdmin, false, "Add-MailboxPermission")),
    ("554 5.2.252 SendAsDenied; ada@contoso.com not allowed to send as bob@contoso.com; STOREDRV.Submission.Exception:SendAsDeniedException.MapiExceptionSendAsDenied; Failed to process message", MESSAGE,
        meant("send_as_denied", Owner::TenantAdmin, false, "SendAs")),
    ("550 5.7.60 SMTP; Client does not have permissions to send as this sender", SENDING,
        meant("send_as_denied", Owner::TenantAdmin, false, "SendAs")),
    ("432 4.3.2 Concurrent connections limit exceeded. Visit https://aka.ms/concurrent_sending for more information.", SENDING,
        meant("submission_refused", Owner::Remote, true, "Send over fewer connections")),
    ("432 4.3.2 STOREDRV.ClientSubmit; sender thread limit exceeded", SENDING,
        meant("submission_refused", Owner::Remote, true, "Send over fewer connections")),
    ("554 5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException", SENDING,
        meant("submission_refused", Owner::Person, true, "Wait until tomorrow")),
    ("554 5.2.2 mailbox full; STOREDRV.Submission.Exception:QuotaExceededException", MESSAGE,
        meant("submission_refused", Owner::Person, true, "Empty the mailbox")),
    ("451 4.7.500 Server busy. Please try again later from [192.0.2.1]. (AS761)", SENDING,
        meant("submission_refused", Owner::Remote, true, "Wait and try again")),
    ("550 5.7.708 Service unavailable. Access denied, traffic not accepted from this IP. AS(7910)", SENDING,
        meant("submission_refused", Owner::TenantAdmin, false, "Send from another network address")),
    ("550 5.7.705 Access denied, tenant has exceeded threshold", SENDING,
        meant("submission_refused", Owner::TenantAdmin, false, "ask Microsoft's support to lift the block")),
    ("550 5.7.750 Service unavailable. Client blocked from sending from unregistered domains", SENDING,
        meant("submission_refused", Owner::TenantAdmin, false, "verify the tenant's domains")),
    ("550 5.1.8 Access denied, bad outbound sender AS(42004)", SENDING,
        meant("submission_refused", Owner::TenantAdmin, false, "Secure the account")),
    ("550 5.7.501 Access denied, spam abuse detected from the account", SENDING,
        meant("submission_refused", Owner::TenantAdmin, false, "Secure the account")),
    ("550 5.7.502 Access denied, banned sender", SENDING,
        meant("submission_refused", Owner::TenantAdmin, false, "Secure the account")),
    ("550 5.7.503 Access denied, banned sender", SENDING,
        meant("submission_refused", Owner::TenantAdmin, false, "Secure the account")),
];
