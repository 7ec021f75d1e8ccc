//! Flags, moves and deletions.

use super::reading::{everything, keys};
use super::{Counterpart, folder_with, message};
use crate::{Flag, FolderName, Query};

pub(super) async fn flags_are_put_on_and_taken_off(counterpart: &mut dyn Counterpart) {
    let texts = ["a", "b"].map(message);
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let (folder, mut session) = folder_with(counterpart, "flagged", &texts).await;
    let keys = keys(session.as_mut(), &folder).await;
    let both = [Flag::Seen, Flag::Flagged];
    session
        .mark(&folder, &keys[..1], &both, &[])
        .await
        .expect("the flags are put on");
    let unread = Query {
        unread: true,
        ..everything()
    };
    let left = session
        .list(&folder, &unread)
        .await
        .expect("the messages are listed");
    assert_eq!(left.iter().map(|s| &s.key).collect::<Vec<_>>(), [&keys[1]]);
    session
        .mark(&folder, &keys, &[], &both)
        .await
        .expect("the flags are taken off");
    let left = session
        .list(&folder, &unread)
        .await
        .expect("the messages are listed");
    assert_eq!(left.len(), 2);
    session.close().await;
}

pub(super) async fn messages_move_and_go(counterpart: &mut dyn Counterpart) {
    let archive = FolderName::new("archived");
    counterpart.create_folder(&archive).await;
    let texts = ["moved", "deleted", "kept"].map(message);
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let (folder, mut session) = folder_with(counterpart, "moving", &texts).await;
    let all = keys(session.as_mut(), &folder).await;
    session
        .move_to(&folder, &all[..1], &archive)
        .await
        .expect("it moves");
    session.delete(&folder, &all[1..2]).await.expect("it goes");
    assert_eq!(keys(session.as_mut(), &folder).await, all[2..]);
    assert_eq!(keys(session.as_mut(), &archive).await.len(), 1);
    session
        .move_to(&folder, &all[..2], &archive)
        .await
        .expect("what is gone is skipped");
    session
        .delete(&folder, &all[..2])
        .await
        .expect("what is gone is skipped");
    session
        .mark(&folder, &all[..2], &[Flag::Seen], &[])
        .await
        .expect("what is gone is skipped");
    assert_eq!(keys(session.as_mut(), &folder).await, all[2..]);
    session.close().await;
}
