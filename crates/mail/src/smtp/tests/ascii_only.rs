//! Servers that take ASCII only get what says the same.

use gatepost_fault::{Fault as _, Next};

use super::{SECRET, against, envelope};
use crate::contract::{Letter, Told};
use crate::{Receipt, Submit as _, SubmitError};

/// Submits one message to a server that offers these extensions besides the sign-in, and no other.
async fn submitted(
    extensions: &str,
    (message, recipients): (impl AsRef<[u8]>, &[&str]),
    rest: &str,
) -> Result<Receipt, SubmitError> {
    let offered = extensions.replace(", ", "\nS: 250-");
    let script = format!(
        "S: 220 ready
         C: EHLO [192.0.2.1]
         S: 250-hello
         S: 250-{offered}
         S: 250 AUTH XOAUTH2
         C: AUTH XOAUTH2 {SECRET}
         S: 235 2.7.0 Authentication successful
         {rest}"
    );
    let lines = message.as_ref().split_inclusive(|octet| *octet == b'\n');
    let lines = lines.map(|line| [line.trim_ascii_end(), b"\r\n"].concat());
    let mut letter = Letter::new(lines);
    against(&script, async |session| {
        let mut session = session.expect("it is let in");
        let envelope = envelope(recipients);
        session
            .submit(&envelope, &mut letter, &mut Told::default())
            .await
    })
    .await
}

const BOB: &[&str] = &["bob@contoso.com"];
const GERMAN: &str = "Subject: x\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n\
                      Content-Transfer-Encoding: 8bit\n\nGröße\n.\n";

#[tokio::test(start_paused = true)]
async fn a_body_is_recoded_and_its_size_is_known() {
    let outcome = submitted(
        "SIZE 1000",
        (GERMAN, BOB),
        "C: MAIL FROM:<ada@contoso.com> SIZE=139
         S: 250 ok
         C: RCPT TO:<bob@contoso.com>
         S: 250 ok
         C: DATA
         S: 354 go on
         C: Subject: x
         C: MIME-Version: 1.0
         C: Content-Type: text/plain; charset=utf-8
         C: Content-Transfer-Encoding: quoted-printable
         C:
         C: Gr=C3=B6=C3=9Fe
         C: ..
         C: .
         S: 250 OK",
    )
    .await;
    outcome.expect("it is taken");
}

#[tokio::test(start_paused = true)]
async fn chunks_are_of_what_was_recoded() {
    let outcome = submitted(
        "PIPELINING, CHUNKING",
        ("Content-Type: text/plain\n\nö\n", BOB),
        "C: MAIL FROM:<ada@contoso.com>
         C: RCPT TO:<bob@contoso.com>
         S: 250 ok
         S: 250 ok
         C: BDAT 100 LAST
         C: Content-Type: text/plain
         C: MIME-Version: 1.0
         C: Content-Transfer-Encoding: quoted-printable
         C:
         C: =C3=B6
         S: 250 OK",
    )
    .await;
    outcome.expect("it is taken");
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_recoded_is_refused_before_anything_is_said() {
    let message = "Content-Type: multipart/signed; boundary=s\n\n--s\n\nGröße\n--s--\n";
    let error = submitted("SIZE 1000", (message, BOB), "").await;
    let error = error.expect_err("it would be broken");
    assert_eq!(
        (error.code(), error.next()),
        ("submission_unsendable", Next::Discard)
    );
    assert!(error.to_string().contains("multipart/signed"), "{error}");
}

/// To refuse them would help nobody, and whoever takes octets in a body passes them on in a header.
#[tokio::test(start_paused = true)]
async fn headers_that_cannot_be_recoded_leave_as_they_are_where_octets_are_taken() {
    let signed = "Content-Type: multipart/signed; boundary=s\n\n--s\nContent-Disposition: attachment; filename=\"Müll.pdf\"\n\nx\n--s--\n";
    let odd = "Subject: x\nReferences: <größe@x.test>\n\nx\n";
    let address = "Subject: x\nReply-To: größe@x.test\n\nx\n";
    // Latin-1 is neither ASCII nor what SMTPUTF8 is for, and no string: each octet is one
    // character that the script cannot show.
    let latin: Vec<u8> = signed
        .chars()
        .map(|c| u8::try_from(c).expect("in Latin-1"))
        .collect();
    let shown = String::from_utf8_lossy(&latin);
    for (extensions, message, shown) in [
        ("PIPELINING, 8BITMIME", signed.as_bytes(), signed),
        ("PIPELINING, 8BITMIME", odd.as_bytes(), odd),
        ("PIPELINING, 8BITMIME", address.as_bytes(), address),
        ("PIPELINING, 8BITMIME, SMTPUTF8", &latin, &*shown),
    ] {
        let lines = shown.lines().map(|line| format!("C: {line}"));
        let lines = lines.collect::<Vec<_>>().join("\n");
        let rest = format!(
            "C: MAIL FROM:<ada@contoso.com> BODY=8BITMIME
             C: RCPT TO:<bob@contoso.com>
             S: 250 ok
             S: 250 ok
             C: DATA
             S: 354 go on
             {lines}
             C: .
             S: 250 OK"
        );
        let outcome = submitted(extensions, (message, BOB), &rest).await;
        outcome.expect("it is taken");
    }
}

#[tokio::test(start_paused = true)]
async fn what_lacks_is_said_truly() {
    for message in [
        "Subject: x\nReferences: <größe@x.test>\n\nx\n",
        "Subject: x\nReply-To: größe@x.test\n\nx\n",
        "Content-Type: multipart/signed; boundary=s\n\n--s\nContent-Description: ö\n\nx\n--s--\n",
    ] {
        let error = submitted("SMTPUTF8", (message, BOB), "").await;
        let error = error.expect_err("it takes ASCII only").to_string();
        assert!(error.contains("8BITMIME is not offered"), "{error}");
        assert!(!error.contains("SMTPUTF8"), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_header_in_utf_8_asks_for_smtputf8_where_that_is_offered() {
    let outcome = submitted(
        "PIPELINING, 8BITMIME, SMTPUTF8",
        ("Subject: Größe\n\nx\n", BOB),
        "C: MAIL FROM:<ada@contoso.com> BODY=8BITMIME SMTPUTF8
         C: RCPT TO:<bob@contoso.com>
         S: 250 ok
         S: 250 ok
         C: DATA
         S: 354 go on
         C: Subject: Größe
         C:
         C: x
         C: .
         S: 250 OK",
    )
    .await;
    outcome.expect("it is taken");
}

#[tokio::test(start_paused = true)]
async fn a_header_in_utf_8_is_encoded_where_smtputf8_is_not_offered() {
    let outcome = submitted(
        "PIPELINING, 8BITMIME",
        (
            "Subject: Größe\nTo: Jörg <j@bücher.test>\n\nGröße\n",
            &["j@bücher.test"],
        ),
        "C: MAIL FROM:<ada@contoso.com> BODY=8BITMIME
         C: RCPT TO:<j@xn--bcher-kva.test>
         S: 250 ok
         S: 250 ok
         C: DATA
         S: 354 go on
         C: Subject: =?utf-8?B?R3LDtsOfZQ==?=
         C: To: =?utf-8?B?SsO2cmc=?= <j@xn--bcher-kva.test>
         C:
         C: Größe
         C: .
         S: 250 OK",
    )
    .await;
    outcome.expect("it is taken");
}

#[tokio::test(start_paused = true)]
async fn a_recipient_who_cannot_be_written_holds_up_no_other() {
    let receipt = submitted(
        "PIPELINING",
        ("Subject: x\n\nx\n", &["größe@x.test", "j@bücher.test"]),
        "C: MAIL FROM:<ada@contoso.com>
         C: RCPT TO:<j@xn--bcher-kva.test>
         S: 250 ok
         S: 250 ok
         C: DATA
         S: 354 go on
         C: Subject: x
         C:
         C: x
         C: .
         S: 250 OK",
    )
    .await;
    let refused = receipt.expect("the other gets it").refused;
    let [one] = &refused[..] else {
        panic!("{refused:?}")
    };
    assert_eq!(one.recipient.as_str(), "größe@x.test");
    assert_eq!(one.error.next(), Next::Discard);
    assert!(one.error.to_string().contains("SMTPUTF8"), "{}", one.error);
    let none = submitted("SIZE 1000", ("Subject: x\n\nx\n", &["größe@x.test"]), "").await;
    assert!(matches!(none, Err(SubmitError::NoRecipient(_))), "{none:?}");
}

/// Reports name whom the sender wrote to.
#[tokio::test(start_paused = true)]
async fn reports_are_asked_for_by_the_address_as_it_was_written() {
    let receipt = submitted(
        "PIPELINING, DSN",
        ("Subject: x\n\nx\n", &["j+1@bücher.test", "bob@contoso.com"]),
        "C: MAIL FROM:<ada@contoso.com>
         C: RCPT TO:<j+1@xn--bcher-kva.test> ORCPT=utf-8;j\\x{2B}1@b\\x{FC}cher.test
         C: RCPT TO:<bob@contoso.com>
         S: 250 ok
         S: 250 ok
         S: 250 ok
         C: DATA
         S: 354 go on
         C: Subject: x
         C:
         C: x
         C: .
         S: 250 OK",
    )
    .await;
    receipt.expect("both get it");
}

/// He is named as he was written, not as he is sent to.
#[tokio::test(start_paused = true)]
async fn who_is_refused_is_named_as_he_was_written() {
    let receipt = submitted(
        "PIPELINING",
        ("Subject: x\n\nx\n", &["j@bücher.test", "bob@contoso.com"]),
        "C: MAIL FROM:<ada@contoso.com>
         C: RCPT TO:<j@xn--bcher-kva.test>
         C: RCPT TO:<bob@contoso.com>
         S: 250 ok
         S: 550 5.1.1 no such recipient
         S: 250 ok
         C: DATA
         S: 354 go on
         C: Subject: x
         C:
         C: x
         C: .
         S: 250 OK",
    )
    .await;
    let refused = receipt.expect("the other gets it").refused;
    assert_eq!(refused[0].recipient.as_str(), "j@bücher.test");
}
