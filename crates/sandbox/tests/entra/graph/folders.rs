//! Folders of mail.

use serde_json::json;

use super::client::{ADA, Client};

#[tokio::test]
async fn well_known_folders_are_listed_with_their_figures() {
    let client = Client::app().await;
    client.deliver("unread", 0);
    let folders = client.get(&format!("{ADA}/mailFolders?$top=50")).await;
    let names = folders.each("displayName");
    for name in [
        "Inbox",
        "Drafts",
        "Sent Items",
        "Deleted Items",
        "Junk Email",
        "Archive",
    ] {
        assert!(names.contains(&name), "{names:?}");
    }
    assert!(!names.contains(&"Calendar"), "appointments are no mail");
    let inbox = client.get(&format!("{ADA}/mailFolders('INBOX')")).await;
    assert_eq!(
        (
            &inbox.body["unreadItemCount"],
            &inbox.body["totalItemCount"]
        ),
        (&json!(1), &json!(1))
    );
    let root = client
        .get(&format!("{ADA}/mailFolders/msgfolderroot"))
        .await;
    assert_eq!(inbox.text("/parentFolderId"), root.text("/id"));
    let pages = client
        .pages(&format!("{ADA}/mailFolders?$top=3&$select=displayName"))
        .await;
    let followed: Vec<&str> = pages
        .iter()
        .flat_map(|page| page.each("displayName"))
        .collect();
    assert_eq!(followed, names);
}

#[tokio::test]
async fn folders_are_made_at_any_depth_renamed_moved_and_deleted() {
    let client = Client::app().await;
    let make = async |path: &str, name: &str| {
        let told = client.post(path, json!({"displayName": name})).await;
        assert_eq!(told.status, 201, "{}", told.body);
        told.text("/id").to_owned()
    };
    let top = make(&format!("{ADA}/mailFolders"), "Projekte & Ähnliches").await;
    let mut deepest = top.clone();
    for level in 0..5 {
        deepest = make(
            &format!("{ADA}/mailFolders/{deepest}/childFolders"),
            &format!("{level}"),
        )
        .await;
    }
    let twice = client
        .post(
            &format!("{ADA}/mailFolders"),
            json!({"displayName": "projekte & ähnliches"}),
        )
        .await;
    assert_eq!(
        (twice.status.as_u16(), twice.code()),
        (409, "ErrorFolderExists")
    );
    let children = client
        .get(&format!("{ADA}/mailFolders/{top}/childFolders"))
        .await;
    assert_eq!(children.each("displayName"), ["0"]);
    assert_eq!(children.body["value"][0]["childFolderCount"], 1);
    let renamed = client
        .patch(
            &format!("{ADA}/mailFolders/{top}"),
            json!({"displayName": "P"}),
        )
        .await;
    assert_eq!(
        (renamed.text("/displayName"), renamed.text("/id")),
        ("P", top.as_str())
    );
    let to = json!({"destinationId": "inbox"});
    let moved = client
        .post(&format!("{ADA}/mailFolders/{deepest}/move"), to)
        .await;
    assert_eq!(
        (moved.status.as_u16(), moved.text("/displayName")),
        (201, "4")
    );
    assert_eq!(
        client
            .delete(&format!("{ADA}/mailFolders/{top}"))
            .await
            .status,
        204
    );
    assert_eq!(
        client.get(&format!("{ADA}/mailFolders/{top}")).await.status,
        404
    );
    assert_eq!(
        client
            .get(&format!("{ADA}/mailFolders/{deepest}"))
            .await
            .status,
        200
    );
    let inbox = client.delete(&format!("{ADA}/mailFolders/inbox")).await;
    assert_eq!(inbox.code(), "ErrorDeleteDistinguishedFolder");
}
