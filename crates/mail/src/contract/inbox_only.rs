//! What a transport that shows the inbox alone does instead.

use gatepost_fault::Fault as _;

use super::reading::{everything, keys};
use super::{Counterpart, folder_with, message};
use crate::{Flag, FolderName, Query};

pub(super) async fn it_is_the_only_folder(counterpart: &mut dyn Counterpart) {
    let text = message("counted");
    let (folder, mut session) = folder_with(counterpart, "counted", &[&text]).await;
    let folders = session.folders().await.expect("the folders are listed");
    let names: Vec<&FolderName> = folders.iter().map(|found| &found.name).collect();
    assert_eq!(names, [&folder]);
    assert_eq!((folders[0].messages, folders[0].unread), (Some(1), None));
    assert!(!session.is_pushed(), "it has to be asked");
    session.close().await;
}

pub(super) async fn what_it_has_not_is_refused(counterpart: &mut dyn Counterpart) {
    let text = message("kept");
    let (folder, mut session) = folder_with(counterpart, "kept", &[&text]).await;
    let keys = keys(session.as_mut(), &folder).await;
    let unread = Query {
        unread: true,
        ..everything()
    };
    let within = Query {
        text: Some("kept".into()),
        ..everything()
    };
    let elsewhere = FolderName::new("elsewhere");
    let refusals = [
        session.list(&folder, &unread).await.map(|_| ()),
        session.list(&folder, &within).await.map(|_| ()),
        session.mark(&folder, &keys, &[Flag::Seen], &[]).await,
        session.move_to(&folder, &keys, &elsewhere).await,
    ];
    for refusal in refusals {
        assert_eq!(refusal.expect_err("there is none").code(), "not_in_pop3");
    }
    assert_eq!(super::reading::keys(session.as_mut(), &folder).await, keys);
    session.close().await;
}

pub(super) async fn messages_go(counterpart: &mut dyn Counterpart) {
    let texts = ["deleted", "kept"].map(message);
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let (folder, mut session) = folder_with(counterpart, "deleting", &texts).await;
    let all = keys(session.as_mut(), &folder).await;
    for _ in 0..2 {
        let deleted = session.delete(&folder, &all[..1]).await;
        deleted.expect("it goes, and what is gone is skipped");
    }
    assert_eq!(keys(session.as_mut(), &folder).await, all[1..]);
    session.close().await;
}
