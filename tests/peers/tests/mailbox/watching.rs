//! Waiting for mail, and what happens to a folder meanwhile.

use std::time::Duration;

use gatepost_host::Clock;
use gatepost_mail::{Changes, Cursor, FolderName, Pull, Resync, Woke};

use crate::stand::{ADA, Failure, LONG, Stand, arrivals, is_disconnected, message};

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_ends_the_wait() -> Result<(), Failure> {
    let stand = Stand::new()?;
    let mut mailbox = stand.open(ADA).await?;
    let inbox = FolderName::inbox();
    let present = mailbox.present(&inbox).await?;
    assert!(mailbox.is_pushed(), "Dovecot has IDLE");
    let mut cursor = present;
    for round in ["one", "two", "three"] {
        stand.dovecot.deliver(ADA, "INBOX", &message(round))?;
        (_, cursor) = arrivals(mailbox.as_mut(), &inbox, Some(&cursor), 1).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_missed_between_the_look_and_the_wait() -> Result<(), Failure> {
    let stand = Stand::new()?;
    let mut mailbox = stand.open(ADA).await?;
    let inbox = FolderName::inbox();
    let (_, cursor) = arrivals(mailbox.as_mut(), &inbox, None, 0).await?;
    // Delivered after the look and before IDLE: the server may tell of it on either command.
    stand
        .dovecot
        .deliver(ADA, "INBOX", &message("in between"))?;
    assert_eq!(
        mailbox.wait(Clock::system().now() + LONG).await?,
        Woke::Changed
    );
    arrivals(mailbox.as_mut(), &inbox, Some(&cursor), 1).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_ends_in_time_with_proof_of_life() -> Result<(), Failure> {
    let stand = Stand::new()?;
    let mut mailbox = stand.open(ADA).await?;
    mailbox.present(&FolderName::inbox()).await?;
    let until = Clock::system().now() + Duration::from_millis(200);
    assert_eq!(mailbox.wait(until).await?, Woke::TimeOver);
    assert_eq!(mailbox.wait(Clock::system().now()).await?, Woke::TimeOver);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_of_the_server_ends_the_session_and_no_cursor() -> Result<(), Failure> {
    let mut stand = Stand::new()?;
    let inbox = FolderName::inbox();
    let mut mailbox = stand.open(ADA).await?;
    stand.dovecot.deliver(ADA, "INBOX", &message("before"))?;
    let (_, cursor) = arrivals(mailbox.as_mut(), &inbox, None, 1).await?;
    let wait = mailbox.wait(Clock::system().now() + LONG);
    let restart = tokio::task::spawn_blocking(move || stand.dovecot.restart().map(|()| stand));
    let (waited, stand) = tokio::join!(wait, restart);
    let stand = stand??;
    assert!(is_disconnected(&waited));

    stand.dovecot.deliver(ADA, "INBOX", &message("after"))?;
    let mut mailbox = stand.open(ADA).await?;
    arrivals(mailbox.as_mut(), &inbox, Some(&cursor), 1).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renumbered_folder_is_recognised_by_its_messages() -> Result<(), Failure> {
    let stand = Stand::new()?;
    let folder = FolderName::new("Projects");
    stand.dovecot.create_folder(ADA, "Projects")?;
    for subject in ["one", "two"] {
        stand.dovecot.deliver(ADA, "Projects", &message(subject))?;
    }
    let mut mailbox = stand.open(ADA).await?;
    let (before, cursor) = arrivals(mailbox.as_mut(), &folder, None, 2).await?;
    mailbox.close().await;

    stand.dovecot.renumber_folder(ADA, "Projects")?;
    let first = lost(&stand, &folder, &cursor).await?;
    assert_eq!(first.present.len(), 2);
    assert!(
        first
            .present
            .iter()
            .all(|(arrival, _)| !before.contains(&arrival.key))
    );

    stand.dovecot.renumber_folder(ADA, "Projects")?;
    let second = lost(&stand, &folder, &first.restart).await?;
    let prints = |resync: &Resync| {
        resync
            .present
            .iter()
            .map(|(_, print)| *print)
            .collect::<Vec<_>>()
    };
    assert_eq!(prints(&first), prints(&second));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recreated_folder_starts_again() -> Result<(), Failure> {
    let stand = Stand::new()?;
    let folder = FolderName::new("Projects");
    stand.dovecot.create_folder(ADA, "Projects")?;
    stand.dovecot.deliver(ADA, "Projects", &message("old"))?;
    let mut mailbox = stand.open(ADA).await?;
    let (_, cursor) = arrivals(mailbox.as_mut(), &folder, None, 1).await?;
    mailbox.close().await;

    stand.dovecot.recreate_folder(ADA, "Projects")?;
    let resync = lost(&stand, &folder, &cursor).await?;
    assert_eq!(resync.present, []);
    stand.dovecot.deliver(ADA, "Projects", &message("new"))?;
    let mut mailbox = stand.open(ADA).await?;
    arrivals(mailbox.as_mut(), &folder, Some(&resync.restart), 1).await?;
    Ok(())
}

/// What the server still knows once it has forgotten the cursor.
async fn lost(stand: &Stand, folder: &FolderName, cursor: &Cursor) -> Result<Resync, Failure> {
    let mut mailbox = stand.open(ADA).await?;
    let changes = mailbox
        .changes(
            folder,
            Pull {
                since: Some(cursor),
                limit: 100,
                octets: u64::MAX,
                news_from: None,
            },
        )
        .await?;
    mailbox.close().await;
    match changes {
        Changes::Lost(resync) => Ok(resync),
        Changes::Since { .. } => Err("the server should have forgotten the cursor".into()),
    }
}
