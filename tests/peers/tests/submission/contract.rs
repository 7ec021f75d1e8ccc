//! What every transport obeys that sends.

use gatepost_mail::contract::{Letter, SubmissionPoint as _, submits};
use gatepost_mail::imap::Security;
use gatepost_peers::Offer;

use mail_parser::{MessageParser, MimeHeaders as _};

use crate::stand::{BOB, Failure, Point, Stand, submit};

/// In chunks over STARTTLS, and with DATA over TLS from the first octet.
#[tokio::test(flavor = "multi_thread")]
async fn what_smtp_submits_is_read_by_imap_octet_for_octet() -> Result<(), Failure> {
    for (security, without) in [
        (Security::StartTls, None),
        (Security::ImplicitTls, Some("chunking")),
    ] {
        let stand = Stand::offering(Offer {
            without,
            ..Offer::default()
        })?;
        let opener = stand.opener(&stand.token()?, security)?;
        submits(&mut Point { stand, opener }).await;
    }
    Ok(())
}

/// A server that takes ASCII only delivers what says the same.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_server_does_not_take_is_recoded_and_read_by_imap() -> Result<(), Failure> {
    let stand = Stand::offering(Offer {
        without: Some("8bitmime, smtputf8, chunking"),
        ..Offer::default()
    })?;
    let opener = stand.opener(&stand.token()?, Security::StartTls)?;
    let message = "From: Größe <ada@contoso.com>\r\nTo: <bob@contoso.com>\r\nSubject: Grüße\r\n\
                   MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\
                   Content-Transfer-Encoding: 8bit\r\n\r\n\
                   --b\r\nContent-Type: text/plain; charset=utf-8\r\n\
                   Content-Transfer-Encoding: 8bit\r\n\r\nZählung \u{20ac} 12 \r\n.\r\n\r\n\
                   --b\r\nContent-Type: application/octet-stream\r\n\
                   Content-Disposition: attachment; filename=\"Größe.bin\"\r\n\
                   Content-Transfer-Encoding: 8bit\r\n\r\nü\r\n--b--\r\n";
    let mut letter = Letter::new([message]);
    submit(opener.as_ref(), &[BOB], &mut letter).await?;
    let mut point = Point { stand, opener };
    let arrived = point.arrived(1).await;
    assert!(arrived[0].is_ascii());
    let parsed = MessageParser::default().parse(&arrived[0]);
    let parsed = parsed.ok_or("it is no message")?;
    assert_eq!(parsed.subject(), Some("Grüße"));
    let from = parsed.from().and_then(|from| from.first());
    assert_eq!(from.and_then(|from| from.name()), Some("Größe"));
    assert_eq!(
        parsed.body_text(0).as_deref(),
        Some("Zählung \u{20ac} 12 \r\n.\r\n")
    );
    let file = parsed.attachment(0).ok_or("the file is lost")?;
    assert_eq!(file.attachment_name(), Some("Größe.bin"));
    assert_eq!(file.contents(), "ü".as_bytes());
    Ok(())
}
