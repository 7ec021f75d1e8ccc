use gatepost_fault::{Fault as _, Next};
use gatepost_wire::smtp::{Body, Notify, Returned};

use super::{against, envelope, offering};
use crate::contract::{Letter, Told};
use crate::{Receipt, Submit as _, SubmitError, Trace};

/// Submits one message to a server that offers `extensions` and goes on with `rest`.
async fn submitted(
    extensions: &str,
    mut letter: Letter,
    rest: &str,
) -> (Result<Receipt, SubmitError>, Told) {
    against(&offering(extensions, rest), async |session| {
        let mut session = session.expect("it is let in");
        let mut told = Told::default();
        let envelope = envelope(&["bob@contoso.com"]);
        let outcome = session.submit(&envelope, &mut letter, &mut told).await;
        (outcome, told)
    })
    .await
}

#[tokio::test(start_paused = true)]
async fn a_message_is_handed_over_with_data() {
    let letter = Letter::new(["Subject: dots\r\n\r\n.one\r", "\n..two\r\n.", "\r\nno end"]);
    let (outcome, told) = submitted(
        "SIZE 1000",
        letter,
        "C: MAIL FROM:<ada@contoso.com> SIZE=39
         S: 250 2.1.0 Sender OK
         C: RCPT TO:<bob@contoso.com>
         S: 250 2.1.5 Recipient OK
         C: DATA
         S: 354 Start mail input; end with <CRLF>.<CRLF>
         C: Subject: dots
         C:
         C: ..one
         C: ...two
         C: ..
         C: no end
         C: .
         S: 250 2.0.0 OK <1@contoso.com> [Hostname=SYBP282MB2635.AUSP282.PROD.OUTLOOK.COM]",
    )
    .await;
    let receipt = outcome.expect("it is taken");
    assert!(receipt.said.starts_with("250 2.0.0 OK <1@contoso.com>"));
    assert!(receipt.refused.is_empty());
    assert_eq!(told.begun, Some(Trace::MessageId));
}

#[tokio::test(start_paused = true)]
async fn a_message_goes_in_chunks_where_the_server_takes_them() {
    let letter = Letter::new([".one\r\n", "größe\r\n"]);
    let (outcome, _) = submitted(
        "PIPELINING, CHUNKING",
        letter,
        "C: MAIL FROM:<ada@contoso.com> BODY=8BITMIME
         C: RCPT TO:<bob@contoso.com>
         S: 250 2.1.0 Sender OK
         S: 250 2.1.5 Recipient OK
         C: BDAT 15 LAST
         C: .one
         C: größe
         S: 250 2.0.0 OK",
    )
    .await;
    assert_eq!(outcome.expect("it is taken").said, "250 2.0.0 OK");
}

#[tokio::test(start_paused = true)]
async fn a_large_message_waits_for_no_answers_on_its_way() {
    let block: &str = format!("{}\r\n", "x".repeat(64 * 1024 - 18)).leak();
    let line = block.trim_end();
    let (outcome, _) = submitted(
        "PIPELINING, CHUNKING",
        Letter::new([block, block]),
        &format!(
            "C: MAIL FROM:<ada@contoso.com>\nC: RCPT TO:<bob@contoso.com>\nS: 250 ok\nS: 250 ok\n\
             C: DATA\nS: 354 go on\nC: {line}\nC: {line}\nC: .\nS: 250 2.0.0 OK"
        ),
    )
    .await;
    assert_eq!(outcome.expect("it is taken").said, "250 2.0.0 OK");
}

/// The chunks before the last are answered before that, whatever the server offers. What is not
/// made of lines has no other way.
#[tokio::test(start_paused = true)]
async fn a_chunk_is_answered_before_the_last_and_where_the_server_wants_it_before_any() {
    let block: &str = format!("{}\r\n", "x".repeat(64 * 1024 - 18)).leak();
    let chunk = format!("C: BDAT 65520\nC: {}\n", block.trim_end());
    let taken = "S: 250 2.0.0 65520 octets received\n";
    let mail = "C: MAIL FROM:<ada@contoso.com> BODY=BINARYMIME";
    let rcpt = "C: RCPT TO:<bob@contoso.com>";
    let last = "C: BDAT 5 LAST\nC: one\nS: 250 2.0.0 OK";
    for (extensions, settled, chunks) in [
        (
            "BINARYMIME, CHUNKING",
            format!("{mail}\nS: 250 ok\n{rcpt}\nS: 250 ok"),
            format!("{chunk}{taken}{chunk}{taken}"),
        ),
        (
            "PIPELINING, BINARYMIME, CHUNKING",
            format!("{mail}\n{rcpt}\nS: 250 ok\nS: 250 ok"),
            format!("{chunk}{chunk}{taken}{taken}"),
        ),
    ] {
        let script = offering(extensions, &format!("{settled}\n{chunks}{last}"));
        against(&script, async |session| {
            let mut session = session.expect("it is let in");
            let mut envelope = envelope(&["bob@contoso.com"]);
            envelope.sender.body = Body::BinaryMime;
            let mut letter = Letter::new([block, block, "one\r\n"]);
            let mut told = Told::default();
            let outcome = session.submit(&envelope, &mut letter, &mut told).await;
            outcome.expect("it is taken");
        })
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_empty_message_is_one_too() {
    for (extensions, rest) in [
        ("PIPELINING", "C: DATA\nS: 354 go on\nC: .\nS: 250 OK"),
        ("PIPELINING, CHUNKING", "C: BDAT 0 LAST\nS: 250 OK"),
    ] {
        let rest = format!(
            "C: MAIL FROM:<ada@contoso.com>\nC: RCPT TO:<bob@contoso.com>\nS: 250 ok\nS: 250 ok\n{rest}"
        );
        let (outcome, _) = submitted(extensions, Letter::new([""; 0]), &rest).await;
        outcome.expect("it is taken");
    }
}

#[tokio::test(start_paused = true)]
async fn wishes_for_reports_are_passed_on_and_other_letters_need_smtputf8() {
    let script = offering(
        "PIPELINING, DSN, SMTPUTF8",
        "C: MAIL FROM:<ada@contoso.com> SMTPUTF8 RET=HDRS ENVID=one
         C: RCPT TO:<größe@contoso.com> NOTIFY=NEVER
         S: 250 ok
         S: 250 ok
         C: DATA
         S: 354 go on
         C: x
         C: .
         S: 250 OK",
    );
    against(&script, async |session| {
        let mut session = session.expect("it is let in");
        let mut envelope = envelope(&["größe@contoso.com"]);
        envelope.sender.returned = Some(Returned::Headers);
        envelope.sender.envelope_id = Some("one".to_owned());
        envelope.recipients[0].notify = Some(Notify::Never);
        let mut letter = Letter::new(["x\r\n"]);
        let outcome = session
            .submit(&envelope, &mut letter, &mut Told::default())
            .await;
        outcome.expect("it is taken");
    })
    .await;
}

/// They are left out, and that is said.
#[tokio::test(start_paused = true)]
async fn wishes_for_reports_need_a_server_that_heeds_them() {
    let script = offering(
        "PIPELINING",
        "C: MAIL FROM:<ada@contoso.com>
         C: RCPT TO:<bob@contoso.com>
         S: 250 ok
         S: 250 ok
         C: DATA
         S: 354 go on
         C: x
         C: .
         S: 250 OK",
    );
    against(&script, async |session| {
        let mut session = session.expect("it is let in");
        let mut envelope = envelope(&["bob@contoso.com"]);
        envelope.recipients[0].notify = Some(Notify::Never);
        let mut letter = Letter::new(["x\r\n"]);
        let outcome = session
            .submit(&envelope, &mut letter, &mut Told::default())
            .await;
        let said = outcome.expect("it is taken").said;
        assert!(said.starts_with("250 OK; "), "{said}");
        assert!(said.ends_with(Receipt::WITHOUT_REPORTS), "{said}");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn some_recipients_may_be_refused() {
    let script = offering(
        "PIPELINING",
        "C: MAIL FROM:<ada@contoso.com>
         C: RCPT TO:<one@contoso.com>
         C: RCPT TO:<two@contoso.com>
         C: RCPT TO:<three@contoso.com>
         S: 250 ok
         S: 550 5.1.1 no such recipient
         S: 250 ok
         S: 452 4.5.3 Too many recipients
         C: DATA
         S: 354 go on
         C: x
         C: .
         S: 250 OK
         C: MAIL FROM:<ada@contoso.com>",
    );
    against(&script, async |session| {
        let mut session = session.expect("it is let in");
        let envelope = envelope(&["one@contoso.com", "two@contoso.com", "three@contoso.com"]);
        let mut letter = Letter::new(["x\r\n"]);
        let outcome = session
            .submit(&envelope, &mut letter, &mut Told::default())
            .await;
        let refused = outcome.expect("somebody gets it").refused;
        let refused: Vec<(&str, Next)> = refused
            .iter()
            .map(|one| (one.recipient.as_str(), one.error.next()))
            .collect();
        assert_eq!(refused.len(), 2);
        assert_eq!(refused[0], ("one@contoso.com", Next::Discard));
        assert_eq!(refused[1].0, "three@contoso.com");
        assert!(refused[1].1.is_retry());
        assert!(session.is_open());
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_session_goes_on_behind_a_refusal() {
    let script = offering(
        "PIPELINING",
        "C: MAIL FROM:<ada@contoso.com>
         C: RCPT TO:<nobody@contoso.com>
         S: 250 ok
         S: 550 5.1.1 no such recipient
         C: RSET
         S: 250 2.0.0 Resetting
         C: MAIL FROM:<ada@contoso.com>
         C: RCPT TO:<bob@contoso.com>
         S: 250 ok
         S: 250 ok
         C: DATA
         S: 354 go on
         C: x
         C: .
         S: 250 OK
         C: MAIL FROM:<ada@contoso.com>
         C: RCPT TO:<bob@contoso.com>
         S: 250 ok
         S: 250 ok
         C: DATA
         S: 354 go on
         C: y
         C: .
         S: 250 OK",
    );
    against(&script, async |session| {
        let mut session = session.expect("it is let in");
        let mut told = Told::default();
        let nobody = envelope(&["nobody@contoso.com"]);
        let outcome = session
            .submit(&nobody, &mut Letter::new(["x\r\n"]), &mut told)
            .await;
        let error = outcome.expect_err("nobody is there");
        assert_eq!(
            (error.code(), error.next()),
            ("recipients_refused", Next::Discard)
        );
        assert!(
            error.to_string().contains("<nobody@contoso.com>"),
            "{error}"
        );
        assert_eq!(told.begun, None, "nothing departed");
        for text in ["x\r\n", "y\r\n"] {
            let bob = envelope(&["bob@contoso.com"]);
            let outcome = session
                .submit(&bob, &mut Letter::new([text]), &mut Told::default())
                .await;
            outcome.expect("it is taken");
        }
    })
    .await;
}

/// What this server cannot be given is found before anything is said.
#[tokio::test(start_paused = true)]
async fn what_cannot_be_said_is_not_begun() {
    let script = offering("PIPELINING, SIZE 1000", "");
    let script = script.replace("S: 250 8BITMIME", "S: 250 X-NOTHING");
    against(&script, async |session| {
        let mut session = session.expect("it is let in");
        let bob = || envelope(&["bob@contoso.com"]);
        let mut binary = bob();
        binary.sender.body = Body::BinaryMime;
        for (envelope, mut letter, code) in [
            (bob(), Letter::of_size(1001), "submission_too_large"),
            (
                bob(),
                Letter::new(["Content-Transfer-Encoding: x\r\n\r\ngröße"]),
                "submission_unsendable",
            ),
            (binary, Letter::new(["x"]), "submission_unsendable"),
            (
                envelope(&["größe@x.test"]),
                Letter::new(["x"]),
                "recipients_refused",
            ),
            (envelope(&[]), Letter::new(["x"]), "submission_unsendable"),
        ] {
            let mut told = Told::default();
            let outcome = session.submit(&envelope, &mut letter, &mut told).await;
            let error = outcome.expect_err("it cannot be said");
            assert_eq!(
                (error.code(), error.next()),
                (code, Next::Discard),
                "{error}"
            );
            assert_eq!(told.begun, None);
            assert!(session.is_open(), "{code}");
        }
    })
    .await;
}

/// Until it is recorded that a message departs, none of its octets leave.
#[tokio::test(start_paused = true)]
async fn what_is_not_recorded_does_not_depart() {
    let script = offering(
        "PIPELINING",
        "C: MAIL FROM:<ada@contoso.com>\nC: RCPT TO:<bob@contoso.com>\nS: 250 ok\nS: 250 ok\nC: DATA\nS: 354 go on\nC: nothing",
    );
    against(&script, async |session| {
        let mut session = session.expect("it is let in");
        let mut told = Told {
            is_out_of_order: true,
            ..Told::default()
        };
        let bob = envelope(&["bob@contoso.com"]);
        let outcome = session
            .submit(&bob, &mut Letter::new(["x\r\n"]), &mut told)
            .await;
        let error = outcome.expect_err("it is not recorded");
        assert_eq!(error.code(), "submission_not_recorded");
        assert!(!error.is_unknown() && !session.is_open());
    })
    .await;
}

/// The server is not told that a message is complete which could not be read to its end.
#[tokio::test(start_paused = true)]
async fn a_message_that_cannot_be_read_is_not_ended() {
    let letter = Letter::failing([Ok("x\r\n".into()), Err("the disk is gone")]);
    let (outcome, _) = submitted(
        "PIPELINING",
        letter,
        "C: MAIL FROM:<ada@contoso.com>
         C: RCPT TO:<bob@contoso.com>
         S: 250 ok
         S: 250 ok
         C: DATA
         S: 354 go on
         C: x
         C: and nothing else",
    )
    .await;
    let error = outcome.expect_err("it is not read");
    assert_eq!(error.code(), "submission_not_read");
    assert!(!error.is_unknown());
}

/// A session whose work was dropped in the middle is not used again.
#[tokio::test(start_paused = true)]
async fn what_was_dropped_in_the_middle_is_over() {
    let script = offering("PIPELINING", "C: MAIL FROM:<ada@contoso.com>");
    against(&script, async |session| {
        let mut session = session.expect("it is let in");
        let bob = envelope(&["bob@contoso.com"]);
        let (mut letter, mut told) = (Letter::new(["x\r\n"]), Told::default());
        let submitting = session.submit(&bob, &mut letter, &mut told);
        let clock = gatepost_host::Clock::starting_at(super::start());
        let waited = clock
            .within(std::time::Duration::from_secs(1), submitting)
            .await;
        waited.expect_err("the server says nothing");
        assert!(!session.is_open());
        let again = session
            .submit(&bob, &mut Letter::new(["x\r\n"]), &mut Told::default())
            .await;
        let error = again.expect_err("it is over");
        assert_eq!(error.code(), "mailbox_disconnected");
    })
    .await;
}
