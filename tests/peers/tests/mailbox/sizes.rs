//! Odd messages, many messages, large messages.

use aws_lc_rs::digest::{SHA256, digest};
use gatepost_mail::FolderName;
use gatepost_peers::{Dovecot, corpus, large_message};

use crate::stand::{ADA, Digested, Failure, Fetched, Stand, arrivals, everything, message};

#[tokio::test(flavor = "multi_thread")]
async fn odd_messages_arrive_as_they_are() -> Result<(), Failure> {
    let stand = Stand::new()?;
    let inbox = FolderName::inbox();
    let mut mailbox = stand.open(ADA).await?;
    let mut cursor = mailbox.present(&inbox).await?;
    for specimen in corpus() {
        stand.dovecot.deliver(ADA, "INBOX", &specimen.octets)?;
        let (keys, next) = arrivals(mailbox.as_mut(), &inbox, Some(&cursor), 1).await?;
        let mut fetched = Fetched::default();
        mailbox.fetch(&inbox, &keys, &mut fetched).await?;
        let served = Dovecot::serves(&specimen.octets);
        assert!(
            fetched.messages == [served],
            "{}: {:?}",
            specimen.name,
            fetched.messages
        );
        cursor = next;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_messages_can_be_listed() -> Result<(), Failure> {
    let stand = Stand::new()?;
    let corpus = corpus();
    for specimen in &corpus {
        stand.dovecot.deliver(ADA, "INBOX", &specimen.octets)?;
    }
    let mut mailbox = stand.open(ADA).await?;
    let listed = mailbox.list(&FolderName::inbox(), &everything()).await?;
    assert_eq!(listed.len(), corpus.len());
    let subject = |wanted: &str| {
        listed
            .iter()
            .any(|summary| summary.envelope.subject.as_deref() == Some(wanted))
    };
    assert!(subject("If you can read this you understand the example."));
    assert!(subject("你好"), "UTF-8 without encoding");
    assert!(subject("Saying Hello"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_megabytes_pass_in_small_pieces() -> Result<(), Failure> {
    const SIZE: usize = 50 * 1024 * 1024;
    let stand = Stand::new()?;
    let large = large_message(SIZE);
    stand.dovecot.deliver(ADA, "INBOX", &large)?;
    let mut mailbox = stand.open(ADA).await?;
    let inbox = FolderName::inbox();
    let (keys, _) = arrivals(mailbox.as_mut(), &inbox, None, 1).await?;
    let mut digested = Digested::new();
    mailbox.fetch(&inbox, &keys, &mut digested).await?;
    assert_eq!(digested.octets, SIZE as u64);
    assert!(
        digested.largest_chunk <= 1024 * 1024,
        "{} at once",
        digested.largest_chunk
    );
    assert_eq!(digested.finish(), digest(&SHA256, &large).as_ref());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_messages_arrive_once_and_in_order() -> Result<(), Failure> {
    const MESSAGES: usize = 10_000;
    let stand = Stand::new()?;
    for number in 0..MESSAGES {
        stand
            .dovecot
            .deliver(ADA, "INBOX", &message(&format!("number-{number:05}")))?;
    }
    let mut mailbox = stand.open(ADA).await?;
    let inbox = FolderName::inbox();
    let (keys, _) = arrivals(mailbox.as_mut(), &inbox, None, MESSAGES).await?;
    let mut fetched = Fetched::default();
    mailbox.fetch(&inbox, &keys, &mut fetched).await?;
    fetched.messages.sort_unstable();
    let expected: Vec<_> = (0..MESSAGES)
        .map(|number| message(&format!("number-{number:05}")))
        .collect();
    assert!(fetched.messages == expected, "each message once");
    Ok(())
}
