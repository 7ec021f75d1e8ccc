//! What changed in a folder.

use reqwest::Method;
use serde_json::{Value, json};

use super::client::{ADA, Client, INBOX, Told, told};

/// A round of delta in pages of two: its rows and the link to the next round.
pub(crate) async fn round(client: &Client, start: &str) -> (Vec<Value>, String) {
    let ask = async |path: &str| -> Told {
        let request = client.request(Method::GET, path);
        told(request.header("Prefer", "odata.maxpagesize=2, IdType=\"ImmutableId\"")).await
    };
    let (mut rows, mut page) = (Vec::new(), ask(start).await);
    loop {
        assert_eq!(page.status, 200, "{}", page.body);
        assert!(page.values().len() <= 2, "as many as were preferred");
        rows.extend(page.values().iter().cloned());
        if let Some(link) = page.body["@odata.deltaLink"].as_str() {
            return (rows, link.to_owned());
        }
        let next = page.text("/@odata.nextLink").to_owned();
        page = ask(&next).await;
    }
}

pub(crate) fn start() -> String {
    format!("{INBOX}/messages/delta?$select=subject,isRead")
}

#[tokio::test]
async fn a_walk_tells_everything_and_the_next_rounds_what_happened_since() {
    let client = Client::app().await;
    for number in 0..5 {
        client.deliver(&format!("{number}"), number);
    }
    let (rows, link) = round(&client, &start()).await;
    let subjects: Vec<&str> = rows
        .iter()
        .filter_map(|row| row["subject"].as_str())
        .collect();
    assert_eq!(subjects, ["0", "1", "2", "3", "4"]);
    let (rows, link) = round(&client, &link).await;
    assert_eq!(rows, Vec::<Value>::new(), "nothing happened");

    let id = |number: usize| rows_id(&client, number);
    let (read, moved, removed) = (id(1).await, id(2).await, id(3).await);
    let path = |id: &str| format!("{ADA}/messages/{id}");
    client.patch(&path(&read), json!({"isRead": true})).await;
    client
        .post(
            &format!("{}/move", path(&moved)),
            json!({"destinationId": "archive"}),
        )
        .await;
    client
        .post(&format!("{}/permanentDelete", path(&removed)), json!({}))
        .await;
    client.deliver("5", 5);
    let (rows, link) = round(&client, &link).await;
    assert_eq!(rows.len(), 4, "{rows:?}");
    assert_eq!(
        (&rows[0]["id"], &rows[0]["isRead"]),
        (&json!(read), &json!(true))
    );
    assert_eq!(
        rows[1],
        json!({"@removed": {"reason": "deleted"}, "id": moved})
    );
    assert_eq!(
        rows[2],
        json!({"@removed": {"reason": "deleted"}, "id": removed})
    );
    assert_eq!(rows[3]["subject"], "5");

    client
        .post(
            &format!("{}/move", path(&moved)),
            json!({"destinationId": "inbox"}),
        )
        .await;
    let (rows, _) = round(&client, &link).await;
    assert_eq!(rows.len(), 1);
    assert_eq!(
        (&rows[0]["id"], &rows[0]["subject"]),
        (&json!(moved), &json!("2"))
    );
}

/// The immutable id of the message with this number.
async fn rows_id(client: &Client, number: usize) -> String {
    let request = client.request(Method::GET, &format!("{INBOX}/messages?$select=subject"));
    let list = told(request.header("Prefer", "IdType=\"ImmutableId\"")).await;
    let row = list
        .values()
        .iter()
        .find(|row| row["subject"].as_str() == Some(&*number.to_string()));
    row.expect("it is there")["id"]
        .as_str()
        .expect("an id")
        .to_owned()
}

#[tokio::test]
async fn what_happens_during_a_walk_comes_in_the_next_round() {
    let client = Client::app().await;
    for number in 0..3 {
        client.deliver(&format!("{number}"), number);
    }
    let request = client.request(Method::GET, &start());
    let first = told(request.header("Prefer", "odata.maxpagesize=2")).await;
    client.deliver("3", 3);
    client
        .patch(
            &format!("{ADA}/messages/{}", first.text("/value/0/id")),
            json!({"isRead": true}),
        )
        .await;
    let next = first.text("/@odata.nextLink").to_owned();
    let (_, link) = round(&client, &next).await;
    let (rows, _) = round(&client, &link).await;
    let told: Vec<&str> = rows
        .iter()
        .filter_map(|row| row["subject"].as_str())
        .collect();
    assert_eq!(told, ["0", "3"]);
}

#[tokio::test]
async fn a_link_is_good_in_its_own_folder_only() {
    let client = Client::app().await;
    client.deliver("one", 0);
    let (_, link) = round(&client, &start()).await;
    let elsewhere = link.replace("ada.berg@contoso.com", "support@contoso.com");
    assert_ne!(elsewhere, link);
    let refused = client.get(&elsewhere).await;
    assert_eq!(
        (refused.status.as_u16(), refused.code()),
        (400, "InvalidSyncStateData")
    );
    let garbled = format!("{INBOX}/messages/delta?$deltatoken=xyz");
    assert_eq!(client.get(&garbled).await.code(), "InvalidSyncStateData");
    let mailbox = client
        .visitor
        .sandbox
        .mailboxes()
        .open("ada.berg@contoso.com")
        .expect("hers");
    mailbox.bump_uidvalidity("INBOX").expect("it is there");
    let gone = client.get(&link).await;
    assert_eq!((gone.status.as_u16(), gone.code()), (410, "resyncRequired"));
    assert!(gone.header("location").ends_with("/messages/delta"));
}

#[tokio::test]
async fn delta_goes_wrong_on_demand() {
    let client = Client::app().await;
    for number in 0..6 {
        client.deliver(&format!("{number}"), number);
    }
    client.order("short-delta,times=1");
    let (rows, _) = round(&client, &start()).await;
    assert_eq!(rows.len(), 2, "a walk that ended too early");
    let (_, link) = round(&client, &start()).await;
    client.order("delta-gone,times=1");
    let gone = client.get(&link).await;
    assert_eq!((gone.status.as_u16(), gone.code()), (410, "resyncRequired"));
    assert!(
        gone.header("location")
            .starts_with(&client.visitor.sandbox.graph())
    );
    client.order("sync-state-lost,times=1");
    let lost = client.get(&link).await;
    assert_eq!(
        (lost.status.as_u16(), lost.code()),
        (404, "syncStateNotFound")
    );
    client.order("replayed-delta,times=1");
    let again = client.get(&link).await;
    assert_eq!(again.each("subject"), ["5", "4", "3"], "told before");
    let (_, before) = round(&client, &start()).await;
    let id = client.newest().await;
    let away = client
        .post(
            &format!("{ADA}/messages/{id}/move"),
            json!({"destinationId": "archive"}),
        )
        .await;
    let path = format!("{ADA}/messages/{}", away.text("/id"));
    client
        .post(&format!("{path}/move"), json!({"destinationId": "inbox"}))
        .await;
    assert_eq!(
        client.get(&before).await.values().len(),
        2,
        "it went and came"
    );
    client.order("moves-unseen,times=1");
    assert_eq!(client.get(&before).await.values().len(), 1, "it went");
    client.deliver("6", 6);
    let (_, link) = round(&client, &start()).await;
    client.deliver("7", 7);
    client.order("sparse-delta,times=1");
    let sparse = client.get(&link).await;
    let names: Vec<&String> = sparse.values()[0]
        .as_object()
        .expect("a row")
        .keys()
        .collect();
    assert_eq!(names, ["@odata.etag", "id", "isRead"]);
    client.order("foreign-next-link,times=1");
    let first = told(
        client
            .request(Method::GET, &start())
            .header("Prefer", "odata.maxpagesize=2"),
    );
    let first = first.await;
    assert!(
        first
            .text("/@odata.nextLink")
            .starts_with("https://graph.microsoft.com.evil.example/v1.0/")
    );
}

#[tokio::test]
async fn a_walk_may_go_back_to_a_date_and_no_further() {
    let client = Client::app().await;
    for number in 0..5 {
        client.deliver(&format!("{number}"), number * 60);
    }
    let subjects = |rows: &[Value]| -> Vec<String> {
        rows.iter()
            .filter_map(|row| row["subject"].as_str().map(str::to_owned))
            .collect()
    };
    let back = format!("{}&$orderby=receivedDateTime desc", start());
    let (rows, _) = round(&client, &back).await;
    assert_eq!(subjects(&rows), ["4", "3", "2", "1", "0"]);
    let recent = format!(
        "{}&$filter=receivedDateTime ge 2026-01-02T12:02:00Z",
        start()
    );
    let (rows, link) = round(&client, &recent).await;
    assert_eq!(subjects(&rows), ["4", "3", "2"]);
    client.deliver("old", 30);
    client.deliver("new", 300);
    let (rows, _) = round(&client, &link).await;
    assert_eq!(subjects(&rows), ["new"], "the filter is in the link");
    for wrong in [
        "$filter=isRead eq true",
        "$filter=receivedDateTime lt 2026-01-01",
        "$orderby=subject",
        "$search=\"x\"",
        "changeType=moved",
    ] {
        let refused = client.get(&format!("{}&{wrong}", start())).await;
        assert_eq!(refused.code(), "RequestBroker--ParseUri", "{wrong}");
    }
}

#[tokio::test]
async fn one_kind_of_change_can_be_asked_for() {
    let client = Client::app().await;
    client.deliver("0", 0);
    client.deliver("1", 1);
    let mut links = Vec::new();
    for kind in ["created", "updated", "deleted"] {
        links.push(
            round(&client, &format!("{}&changeType={kind}", start()))
                .await
                .1,
        );
    }
    let (read, removed) = (rows_id(&client, 0).await, rows_id(&client, 1).await);
    client
        .patch(&format!("{ADA}/messages/{read}"), json!({"isRead": true}))
        .await;
    client
        .post(
            &format!("{ADA}/messages/{removed}/permanentDelete"),
            json!({}),
        )
        .await;
    client.deliver("2", 2);
    let created = round(&client, &links[0]).await.0;
    assert_eq!((created.len(), &created[0]["subject"]), (1, &json!("2")));
    let updated = round(&client, &links[1]).await.0;
    assert_eq!((updated.len(), &updated[0]["id"]), (1, &json!(read)));
    let deleted = round(&client, &links[2]).await.0;
    assert_eq!(
        deleted,
        [json!({"@removed": {"reason": "deleted"}, "id": removed})]
    );
}
