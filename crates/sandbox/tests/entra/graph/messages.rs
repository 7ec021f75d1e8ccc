//! Listing, reading, marking, moving and deleting messages.

use reqwest::Method;
use serde_json::json;

use super::client::{ADA, Client, INBOX, told};

#[tokio::test]
async fn a_listing_is_newest_first_in_pages_whose_links_lead_on() {
    let client = Client::app().await;
    for number in 0..25 {
        client.deliver(&format!("number {number}"), number);
    }
    let pages = client
        .pages(&format!("{INBOX}/messages?$select=subject&$count=true"))
        .await;
    let sizes: Vec<usize> = pages.iter().map(|page| page.values().len()).collect();
    assert_eq!(sizes, [10, 10, 5]);
    assert_eq!(pages[0].body["@odata.count"], 25);
    let subjects: Vec<&str> = pages.iter().flat_map(|page| page.each("subject")).collect();
    let expected: Vec<String> = (0..25)
        .rev()
        .map(|number| format!("number {number}"))
        .collect();
    assert_eq!(subjects, expected);
    let first = pages[0].values()[0].as_object().expect("a message");
    let names: Vec<&String> = first.keys().collect();
    assert_eq!(
        names,
        ["@odata.etag", "id", "subject"],
        "what was selected, and the id"
    );
    let large = client
        .get(&format!("{ADA}/messages?$top=1000&$skip=20"))
        .await;
    assert_eq!(large.values().len(), 5);
    assert!(large.body.get("@odata.nextLink").is_none());
}

#[tokio::test]
async fn a_message_is_read_as_json_and_octet_for_octet() {
    let client = Client::app().await;
    let raw = "From: =?utf-8?q?J=C3=B6rg?= <joerg@fabrikam.example>\r\n\
               To: Ada <ada.berg@contoso.com>, b@contoso.com\r\nCc: c@contoso.com\r\n\
               Subject: =?utf-8?b?w4RwZmVs?=\r\nMessage-ID: <x@y>\r\nImportance: high\r\n\
               Date: Fri, 2 Jan 2026 10:00:00 +0100\r\nX-Own: kept\r\n\r\nBirnen  \r\n.\r\n";
    client.deliver_raw(raw, 0);
    let id = client.newest().await;
    let prefer = "outlook.body-content-type=\"text\"";
    let request = client.request(Method::GET, &format!("{ADA}/messages/{id}"));
    let message = told(request.header("Prefer", prefer)).await;
    assert_eq!(message.header("preference-applied"), prefer);
    assert_eq!(message.text("/subject"), "Äpfel");
    assert_eq!(message.text("/from/emailAddress/name"), "Jörg");
    assert_eq!(
        message.text("/toRecipients/1/emailAddress/address"),
        "b@contoso.com"
    );
    assert_eq!(message.text("/internetMessageId"), "<x@y>");
    assert_eq!(message.text("/receivedDateTime"), "2026-01-02T12:00:00Z");
    assert_eq!(message.text("/sentDateTime"), "2026-01-02T09:00:00Z");
    assert_eq!(message.text("/importance"), "high");
    assert_eq!(message.text("/body/contentType"), "text");
    assert_eq!(message.text("/body/content"), "Birnen  \r\n.\r\n");
    assert_eq!(message.body["isRead"], false);
    assert!(
        message.body.get("internetMessageHeaders").is_none(),
        "only on request"
    );
    let select = "$select=internetMessageHeaders";
    let headers = client.get(&format!("{INBOX}/messages/{id}?{select}")).await;
    assert!(
        headers.body["internetMessageHeaders"]
            .as_array()
            .expect("a list")
            .contains(&json!({"name": "X-Own", "value": "kept"}))
    );
    let mime = client.request(Method::GET, &format!("{ADA}/messages/{id}/$value"));
    let mime = mime
        .send()
        .await
        .expect("it answers")
        .bytes()
        .await
        .expect("whole");
    assert_eq!(mime, raw);
}

#[tokio::test]
async fn marks_are_the_flags_of_imap() {
    let client = Client::app().await;
    client.deliver("to mark", 0);
    let path = format!("{ADA}/messages/{}", client.newest().await);
    let before = client.get(&path).await;
    let change = json!({
        "isRead": true,
        "flag": {"flagStatus": "flagged"},
        "categories": ["Red category", "Mine"],
        "importance": "low",
    });
    let marked = client.patch(&path, change).await;
    assert_eq!(marked.status, 200, "{}", marked.body);
    assert_eq!(marked.body["isRead"], true);
    assert_eq!(marked.text("/flag/flagStatus"), "flagged");
    assert_eq!(marked.body["categories"], json!(["Red category", "Mine"]));
    assert_ne!(marked.text("/changeKey"), before.text("/changeKey"));
    let mailbox = client
        .visitor
        .sandbox
        .mailboxes()
        .open("ada.berg@contoso.com")
        .expect("hers");
    let flags = mailbox.messages(mailbox.inbox())[0].flags;
    assert_eq!(flags.to_string(), "\\Seen \\Flagged");
    let done = client
        .patch(&path, json!({"flag": {"flagStatus": "complete"}}))
        .await;
    assert_eq!(done.text("/flag/flagStatus"), "complete");
    let stale = client
        .request(Method::PATCH, &path)
        .json(&json!({"isRead": false}));
    let stale = told(stale.header("If-Match", before.text("/@odata.etag"))).await;
    assert_eq!(
        (stale.status.as_u16(), stale.code()),
        (412, "ErrorIrresolvableConflict")
    );
    let stale = client.request(Method::DELETE, &path);
    let stale = told(stale.header("If-Match", before.text("/@odata.etag"))).await;
    assert_eq!(stale.status, 412);
    assert_eq!(mailbox.messages(mailbox.inbox()).len(), 1, "it stays");
    let sent = client.patch(&path, json!({"subject": "another"})).await;
    assert_eq!(
        (sent.status.as_u16(), sent.code()),
        (400, "ErrorInvalidPropertySet")
    );
}

#[tokio::test]
async fn a_move_changes_the_id_but_not_the_immutable_one() {
    let client = Client::app().await;
    client.deliver("to move", 0);
    let immutable = |path: String| {
        client
            .request(Method::GET, &path)
            .header("Prefer", "IdType=\"ImmutableId\"")
    };
    let list = told(immutable(format!("{INBOX}/messages"))).await;
    assert_eq!(list.header("preference-applied"), "IdType=\"ImmutableId\"");
    let lasting = list.text("/value/0/id").to_owned();
    let id = client.newest().await;
    assert_ne!(lasting, id);
    let to = json!({"destinationId": "archive"});
    let moved = client
        .post(&format!("{ADA}/messages/{id}/move"), to.clone())
        .await;
    assert_eq!(moved.status, 201);
    assert_ne!(moved.text("/id"), id);
    let gone = client.get(&format!("{ADA}/messages/{id}")).await;
    assert_eq!(
        (gone.status.as_u16(), gone.code()),
        (404, "ErrorItemNotFound")
    );
    let found = told(immutable(format!("{ADA}/messages/{lasting}"))).await;
    assert_eq!(found.text("/id"), lasting);
    let archive = client.get(&format!("{ADA}/mailFolders/archive")).await;
    assert_eq!(found.text("/parentFolderId"), archive.text("/id"));
    let copy = client
        .post(
            &format!("{ADA}/messages/{lasting}/copy"),
            json!({"destinationId": archive.text("/id")}),
        )
        .await;
    assert_eq!(copy.status, 201);
    let archive = client.get(&format!("{ADA}/mailFolders/archive")).await;
    assert_eq!(archive.body["totalItemCount"], 2);
}

#[tokio::test]
async fn what_is_deleted_goes_to_deleted_items_and_then_for_good() {
    let client = Client::app().await;
    client.deliver("to delete", 0);
    let path = format!("{ADA}/messages/{}", client.newest().await);
    assert_eq!(client.delete(&path).await.status, 204);
    assert_eq!(client.delete(&path).await.status, 404);
    let trash = format!("{ADA}/mailFolders/deleteditems/messages");
    let there = client.get(&trash).await;
    let path = format!("{ADA}/messages/{}", there.text("/value/0/id"));
    assert_eq!(client.delete(&path).await.status, 204);
    assert!(client.get(&trash).await.values().is_empty());
}

#[tokio::test]
async fn refusals_have_graphs_form() {
    let client = Client::app().await;
    client.deliver("one", 0);
    let id = client.newest().await;
    let other = client
        .get(&format!("/users/support@contoso.com/messages/{id}"))
        .await;
    assert_eq!(
        (other.status.as_u16(), other.code()),
        (404, "ErrorItemNotFound")
    );
    for (path, status, code) in [
        (
            "/messages/AAMkAGUAAAwTW09AAA=",
            400,
            "ErrorInvalidIdMalformed",
        ),
        ("/messages?$top=1001", 400, "RequestBroker--ParseUri"),
        ("/messages?$skip=some", 400, "RequestBroker--ParseUri"),
        ("/messages?$select=nothing", 400, "RequestBroker--ParseUri"),
        ("/messages?$fliter=isRead", 400, "RequestBroker--ParseUri"),
        ("/mailFolders/clutter", 404, "ErrorFolderNotFound"),
        ("/nothing", 400, "BadRequest"),
    ] {
        let told = client.get(&format!("{ADA}{path}")).await;
        assert_eq!(
            (told.status.as_u16(), told.code()),
            (status, code),
            "{path}"
        );
    }
    let number = "9c2d8a1e-0000-4000-8000-000000000001";
    let request = client.request(Method::GET, &format!("{ADA}/messages/x"));
    let told = told(request.header("client-request-id", number)).await;
    assert_eq!(told.header("client-request-id"), number);
    assert_eq!(told.text("/error/innerError/client-request-id"), number);
    assert_eq!(
        told.text("/error/innerError/request-id"),
        told.header("request-id")
    );
    assert!(told.header("x-ms-ags-diagnostic").contains("ServerInfo"));
}
