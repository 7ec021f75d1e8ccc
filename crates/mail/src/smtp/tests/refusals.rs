use gatepost_fault::{Fault as _, Next, Owner};
use gatepost_wire::smtp::Body;

use super::{against, envelope, offering};
use crate::contract::{Letter, Told};
use crate::{Submit as _, SubmitError};

const ENVELOPE: &str =
    "C: MAIL FROM:<ada@contoso.com>\nC: RCPT TO:<bob@contoso.com>\nS: 250 ok\nS: 250 ok\n";
const MESSAGE: &str = "C: DATA\nS: 354 go on\nC: x\nC: .\n";

/// How a submission ends behind `rest`, whether it had begun, and whether the session goes on.
async fn refused(extensions: &str, rest: &str) -> (SubmitError, bool, bool) {
    against(&offering(extensions, rest), async |session| {
        let mut session = session.expect("it is let in");
        let mut told = Told::default();
        let bob = envelope(&["bob@contoso.com"]);
        let outcome = session
            .submit(&bob, &mut Letter::new(["x\r\n"]), &mut told)
            .await;
        let error = outcome.expect_err("it is refused");
        (error, told.begun.is_some(), session.is_open())
    })
    .await
}

#[tokio::test(start_paused = true)]
async fn a_refusal_at_the_end_of_the_message_says_which_permission_lacks() {
    for (line, code, advice) in [
        (
            "430 4.2.0 STOREDRV; mailbox logon failure; STOREDRV.Submission.Exception:MapiExceptionLogonFailed; AuthenticationContext has no rights on this session",
            "smtp_not_connected",
            "Add-MailboxPermission FullAccess",
        ),
        (
            "554 5.2.252 SendAsDenied; ada@contoso.com not allowed to send as bob@contoso.com; STOREDRV.Submission.Exception:SendAsDeniedException.MapiExceptionSendAsDenied; Failed to process message",
            "send_as_denied",
            "the permission SendAs",
        ),
        (
            "550 5.7.60 SMTP; Client does not have permissions to send as this sender",
            "send_as_denied",
            "the permission SendAs",
        ),
    ] {
        let rest = format!("{ENVELOPE}{MESSAGE}S: {line}");
        let (error, begun, open) = refused("PIPELINING", &rest).await;
        assert_eq!(error.code(), code);
        assert_eq!(
            (error.owner(), error.next()),
            (Owner::TenantAdmin, Next::Reconfigure)
        );
        assert!(!error.is_unknown() && begun && open);
        let sentence = error.to_string();
        assert!(
            sentence.contains("the message after it was sent"),
            "{sentence}"
        );
        assert!(
            sentence.contains(advice) && sentence.ends_with(line),
            "{sentence}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn what_exchange_says_is_tried_again_or_not_as_it_means_it() {
    for (line, next_is_retry, owner) in [
        (
            "554 5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException",
            true,
            Owner::Person,
        ),
        (
            "554 5.2.2 mailbox full; STOREDRV.Submission.Exception:QuotaExceededException",
            true,
            Owner::Person,
        ),
        (
            "552 5.3.4 Message size exceeds fixed maximum message size",
            false,
            Owner::Person,
        ),
        (
            "550 5.7.705 Access denied, tenant has exceeded threshold",
            false,
            Owner::TenantAdmin,
        ),
        (
            "451 4.7.500 Server busy. Please try again later from [192.0.2.1]. (AS761)",
            true,
            Owner::Remote,
        ),
        ("451 4.3.0 something", true, Owner::Remote),
        ("554 5.6.0 something", false, Owner::Remote),
    ] {
        let rest = format!("{ENVELOPE}{MESSAGE}S: {line}");
        let (error, _, _) = refused("PIPELINING", &rest).await;
        assert_eq!(
            (error.next().is_retry(), error.owner()),
            (next_is_retry, owner),
            "{line}"
        );
        assert_eq!(error.code(), "submission_refused");
    }
}

/// The phase decides what can have happened.
#[tokio::test(start_paused = true)]
async fn nothing_departs_before_the_server_waits_for_it() {
    for rest in [
        "C: MAIL FROM:<ada@contoso.com>\nC: RCPT TO:<bob@contoso.com>\nS: 550 5.7.60 SMTP; Client does not have permissions to send as this sender\nS: 503 5.5.1 no".to_owned(),
        "C: MAIL FROM:<ada@contoso.com>\nC: RCPT TO:<bob@contoso.com>\nS: 250 ok\nS: 550 5.1.1 no".to_owned(),
        format!("{ENVELOPE}C: DATA\nS: 432 4.3.2 Concurrent connections limit exceeded. Visit https://aka.ms/concurrent_sending for more information."),
    ] {
        let (error, begun, open) = refused("PIPELINING", &rest).await;
        assert!(!begun && open && !error.is_unknown(), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn behind_a_goodbye_nothing_is_begun() {
    for rest in [
        "C: MAIL FROM:<ada@contoso.com>\nC: RCPT TO:<bob@contoso.com>\nS: 421 4.3.2 going down\n!"
            .to_owned(),
        format!("{ENVELOPE}{MESSAGE}S: 421 4.3.2 going down\n!"),
    ] {
        let (error, _, open) = refused("PIPELINING", &rest).await;
        assert_eq!(error.code(), "submission_refused");
        assert!(
            error.next().is_retry() && !open && !error.is_unknown(),
            "{error}"
        );
    }
}

/// A chunk that is refused ends the message: its end is not said.
#[tokio::test(start_paused = true)]
async fn a_refused_chunk_is_the_reason() {
    let line = "552 5.3.4 Message size exceeds fixed maximum message size";
    let rest = format!("{ENVELOPE}C: BDAT 3 LAST\nC: x\nS: {line}\nC: and nothing else");
    let (error, begun, open) = refused("PIPELINING, CHUNKING", &rest).await;
    assert!(error.to_string().ends_with(line), "{error}");
    assert!(begun && open && !error.is_unknown());
}

/// The answers to the chunks behind it would be taken for those to the next message.
#[tokio::test(start_paused = true)]
async fn a_session_with_chunks_on_their_way_is_over() {
    let block: &str = format!("{}\r\n", "x".repeat(64 * 1024 - 18)).leak();
    let chunk = format!("C: BDAT 65520\nC: {}\n", block.trim_end());
    let envelope_of_octets = ENVELOPE.replace(
        "FROM:<ada@contoso.com>",
        "FROM:<ada@contoso.com> BODY=BINARYMIME",
    );
    let rest =
        format!("{envelope_of_octets}{chunk}{chunk}S: 552 5.3.4 too large\nC: and nothing else");
    let script = offering("PIPELINING, BINARYMIME, CHUNKING", &rest);
    against(&script, async |session| {
        let mut session = session.expect("it is let in");
        let mut bob = envelope(&["bob@contoso.com"]);
        bob.sender.body = Body::BinaryMime;
        let mut letter = Letter::new([block, block]);
        let outcome = session
            .submit(&bob, &mut letter, &mut Told::default())
            .await;
        let error = outcome.expect_err("it is refused");
        assert!(error.to_string().ends_with("too large"), "{error}");
        assert!(!session.is_open());
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_does_not_come_leaves_it_unknown() {
    for (end, why) in [
        ("", "within 600 seconds"),
        ("!", "was lost"),
        ("S: what?", "cannot be read"),
    ] {
        let rest = format!("{ENVELOPE}{MESSAGE}{end}");
        let (error, begun, open) = refused("PIPELINING", &rest).await;
        assert_eq!(error.code(), "submission_unknown");
        assert!(error.is_unknown() && begun && !open);
        assert!(error.to_string().contains(why), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_says_nothing_before_the_message_is_silent() {
    for (rest, limit) in [
        ("C: MAIL FROM:<ada@contoso.com>".to_owned(), "300"),
        (format!("{ENVELOPE}C: DATA"), "120"),
    ] {
        let (error, begun, open) = refused("PIPELINING", &rest).await;
        assert_eq!(error.code(), "mail_server_silent");
        assert!(
            error
                .to_string()
                .contains(&format!("within {limit} seconds")),
            "{error}"
        );
        assert!(!begun && !open);
    }
}
