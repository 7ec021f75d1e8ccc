//! What Postfix refuses, and what is said of it.

use gatepost_fault::{Fault as _, Next};
use gatepost_mail::contract::{Letter, SubmissionPoint as _};
use gatepost_mail::imap::Security;
use gatepost_peers::Offer;

use crate::stand::{BOB, Failure, Point, Stand, submit};

#[tokio::test]
async fn a_token_that_is_not_taken_is_named() -> Result<(), Failure> {
    let stand = Stand::offering(Offer::default())?;
    for token in ["no token".to_owned(), "t".repeat(3_000)] {
        let opener = stand.opener(&token, Security::StartTls)?;
        let error = opener.open().await.err().ok_or("it is let in")?;
        assert_eq!(error.code(), "smtp_sign_in_refused", "{error}");
        assert!(!error.to_string().contains(&token), "{error}");
    }
    Ok(())
}

/// No token goes to a server that takes it in a form that Gatepost does not speak.
#[tokio::test]
async fn a_server_that_wants_oauthbearer_is_told_no_token() -> Result<(), Failure> {
    let stand = Stand::offering(Offer {
        mechanism: Some("oauthbearer"),
        ..Offer::default()
    })?;
    let opener = stand.opener(&stand.token()?, Security::ImplicitTls)?;
    let error = opener.open().await.err().ok_or("it is let in")?;
    assert_eq!(error.code(), "smtp_no_token_sign_in", "{error}");
    Ok(())
}

/// The others get it.
#[tokio::test(flavor = "multi_thread")]
async fn a_recipient_that_is_refused_holds_up_no_other() -> Result<(), Failure> {
    let stand = Stand::offering(Offer::default())?;
    let opener = stand.opener(&stand.token()?, Security::StartTls)?;
    let recipients = ["not.an.address@-x-", BOB];
    let mut letter = Letter::new(["Subject: one\r\n\r\n"]);
    let receipt = submit(opener.as_ref(), &recipients, &mut letter).await?;
    let refused: Vec<&str> = receipt
        .refused
        .iter()
        .map(|one| one.recipient.as_str())
        .collect();
    assert_eq!(refused, recipients[..1]);
    let mut letter = Letter::new(["Subject: two\r\n\r\n"]);
    let error = submit(opener.as_ref(), &recipients[..1], &mut letter).await;
    let error = error.err().ok_or("it was taken")?;
    assert_eq!(
        (error.code(), error.next()),
        ("recipients_refused", Next::Discard)
    );
    let mut point = Point { stand, opener };
    let arrived = point.arrived(1).await;
    assert_eq!(arrived, [b"Subject: one\r\n\r\n"]);
    Ok(())
}

#[tokio::test]
async fn what_is_too_large_is_not_begun() -> Result<(), Failure> {
    let stand = Stand::offering(Offer::default())?;
    let opener = stand.opener(&stand.token()?, Security::StartTls)?;
    let mut letter = Letter::of_size(200 * 1024 * 1024);
    let error = submit(opener.as_ref(), &[BOB], &mut letter).await;
    let error = error.err().ok_or("it was taken")?;
    assert_eq!(error.code(), "submission_too_large", "{error}");
    Ok(())
}
