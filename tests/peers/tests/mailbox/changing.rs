//! Marking, moving, deleting.

use gatepost_mail::{Flag, FolderName, MessageKey, Query};

use crate::stand::{ADA, Failure, Fetched, Stand, arrivals, everything, message};

#[tokio::test(flavor = "multi_thread")]
async fn what_was_marked_is_marked() -> Result<(), Failure> {
    let stand = Stand::new()?;
    stand.dovecot.deliver(ADA, "INBOX", &message("one"))?;
    let mut mailbox = stand.open(ADA).await?;
    let inbox = FolderName::inbox();
    let (keys, _) = arrivals(mailbox.as_mut(), &inbox, None, 1).await?;
    mailbox
        .mark(&inbox, &keys, &[Flag::Seen, Flag::Flagged], &[])
        .await?;
    mailbox.mark(&inbox, &keys, &[], &[Flag::Flagged]).await?;
    let listed = mailbox.list(&inbox, &everything()).await?;
    assert!(listed[0].flags.contains(&Flag::Seen));
    assert!(!listed[0].flags.contains(&Flag::Flagged));
    let unread = mailbox
        .list(
            &inbox,
            &Query {
                unread: true,
                ..everything()
            },
        )
        .await?;
    assert_eq!(unread, []);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_moved_is_elsewhere() -> Result<(), Failure> {
    let stand = Stand::new()?;
    stand.dovecot.create_folder(ADA, "Done/2026")?;
    for subject in ["stays", "goes"] {
        stand.dovecot.deliver(ADA, "INBOX", &message(subject))?;
    }
    let mut mailbox = stand.open(ADA).await?;
    let (inbox, done) = (FolderName::inbox(), FolderName::new("Done/2026"));
    let listed = mailbox.list(&inbox, &everything()).await?;
    let goes = listed
        .iter()
        .find(|summary| summary.envelope.subject.as_deref() == Some("goes"))
        .ok_or("the message is listed")?;
    mailbox
        .move_to(&inbox, std::slice::from_ref(&goes.key), &done)
        .await?;
    assert_eq!(mailbox.list(&inbox, &everything()).await?.len(), 1);
    let moved = mailbox.list(&done, &everything()).await?;
    assert_eq!(moved[0].envelope.subject.as_deref(), Some("goes"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn deleting_takes_only_what_was_named() -> Result<(), Failure> {
    let stand = Stand::new()?;
    for subject in ["one", "two", "three"] {
        stand.dovecot.deliver(ADA, "INBOX", &message(subject))?;
    }
    let mut mailbox = stand.open(ADA).await?;
    let inbox = FolderName::inbox();
    let (keys, _) = arrivals(mailbox.as_mut(), &inbox, None, 3).await?;
    // Somebody else marked another message as deleted: it is not ours to remove.
    mailbox
        .mark(&inbox, &keys[..1], &[Flag::Deleted], &[])
        .await?;
    mailbox.delete(&inbox, &keys[1..2]).await?;
    let (left, _) = arrivals(mailbox.as_mut(), &inbox, None, 2).await?;
    assert_eq!(left, [keys[0].clone(), keys[2].clone()]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_gone_is_no_error() -> Result<(), Failure> {
    let stand = Stand::new()?;
    for subject in ["one", "two"] {
        stand.dovecot.deliver(ADA, "INBOX", &message(subject))?;
    }
    let mut mailbox = stand.open(ADA).await?;
    let inbox = FolderName::inbox();
    let (keys, _) = arrivals(mailbox.as_mut(), &inbox, None, 2).await?;
    let mut other = stand.open(ADA).await?;
    other.delete(&inbox, &keys[..1]).await?;
    let mut fetched = Fetched::default();
    mailbox.fetch(&inbox, &keys, &mut fetched).await?;
    assert_eq!(fetched.messages.len(), 1);
    assert_eq!(fetched.gone, keys[..1]);
    let never: &[MessageKey] = &keys[..1];
    mailbox.mark(&inbox, never, &[Flag::Seen], &[]).await?;
    mailbox.delete(&inbox, never).await?;
    Ok(())
}
