//! Requests that make no sense.

use reqwest::Method;
use serde_json::json;

use super::client::{ADA, Client, INBOX, told};

/// Answered as a mistake of the client, in Graph's form, and the next request is served.
async fn is_refused(client: &Client, method: Method, path: &str, body: &str) {
    let request = client.request(method.clone(), path).body(body.to_owned());
    let told = told(request.header("Content-Type", "application/json")).await;
    assert!(
        told.status.is_client_error(),
        "{method} {path} {body}: {told:?}"
    );
    assert!(!told.code().is_empty());
}

#[tokio::test]
async fn odd_addresses_are_refused() {
    let client = Client::app().await;
    client.deliver("one", 0);
    let id = client.newest().await;
    for path in [
        "/x",
        "/users",
        "/users/%00/messages",
        "/users/%FF/messages",
        "/users('')/messages",
        "/applications",
        "/applications(appId='')",
        "/applications(id='x')",
        &format!("{ADA}/messages/{}", &id[..id.len() - 1]),
        &format!("{ADA}/messages/{}", id.to_lowercase()),
        &format!("{ADA}/messages/{id}/attachments/{id}/$value"),
        &format!("{ADA}/messages/{id}/nothing"),
        &format!("{ADA}/mailFolders/{id}"),
        &format!("{ADA}/mailFolders/msgfolderroot/messages"),
        &format!("{ADA}/messages/delta"),
        &format!("{INBOX}/messages/delta?$deltatoken="),
        &format!("{INBOX}/messages/delta?$skiptoken=e30"),
        &format!("{INBOX}/messages?$top=-1"),
        &format!("{INBOX}/messages?$top=99999999999999999999999"),
        &format!("{INBOX}/messages?$skip=x"),
        &format!("{INBOX}/messages?$top=1&$top=2"),
        &format!("{INBOX}/messages?$expand=everything"),
        &format!("{INBOX}/messages?$search=%22%22"),
        &format!("{INBOX}/messages?$filter=%28%28%28"),
        &format!("{ADA}/events/{id}"),
        &format!("{ADA}/calendars/x/events"),
        &format!("{ADA}/contacts/{id}"),
        &format!("{ADA}/contactFolders/x"),
        &format!("{ADA}/calendarView?startDateTime=x&endDateTime=y"),
    ] {
        is_refused(&client, Method::GET, path, "").await;
    }
    assert_eq!(
        client.get(&format!("{ADA}/messages/{id}/")).await.status,
        200
    );
}

/// Every body of a request to an address.
async fn are_refused(client: &Client, method: Method, path: String, bodies: &[&str]) {
    for body in bodies {
        is_refused(client, method.clone(), &path, body).await;
    }
}

#[tokio::test]
async fn odd_bodies_about_mail_are_refused() {
    let client = Client::app().await;
    client.deliver("one", 0);
    let message = format!("{ADA}/messages/{}", client.newest().await);
    let draft = client
        .post(&format!("{ADA}/messages"), json!({"subject": "x"}))
        .await;
    let draft = format!("{ADA}/messages/{}", draft.text("/id"));
    let post = async |path: String, bodies: &[&str]| {
        are_refused(&client, Method::POST, path, bodies).await;
    };
    let marks = [
        "[]",
        "{",
        "\"x\"",
        r#"{"isRead":1}"#,
        r#"{"flag":5}"#,
        r#"{"categories":[1]}"#,
        r#"{"importance":"utmost"}"#,
    ];
    are_refused(&client, Method::PATCH, message.clone(), &marks).await;
    are_refused(&client, Method::PUT, message.clone(), &["{}"]).await;
    are_refused(&client, Method::DELETE, INBOX.to_owned(), &[""]).await;
    let places = [
        "{}",
        r#"{"destinationId":"nowhere"}"#,
        r#"{"destinationId":7}"#,
        r#"{"destinationId":"msgfolderroot"}"#,
    ];
    post(format!("{message}/move"), &places).await;
    let names = [
        "{}",
        r#"{"displayName":""}"#,
        r#"{"displayName":"a/b"}"#,
        r#"{"displayName":"Files"}"#,
    ];
    post(format!("{ADA}/mailFolders"), &names).await;
    let mails = [
        "{}",
        r#"{"message":[]}"#,
        r#"{"message":{"toRecipients":"x"}}"#,
        r#"{"message":{"nothing":1}}"#,
        r#"{"message":{},"saveToSentItems":7}"#,
    ];
    post(format!("{ADA}/sendMail"), &mails).await;
    let drafts = [
        r#"{"body":{"contentType":"rtf"}}"#,
        r#"{"attachments":[{"@odata.type":"microsoft.graph.referenceAttachment"}]}"#,
    ];
    post(format!("{ADA}/messages"), &drafts).await;
    post(
        format!("{draft}/attachments"),
        &["{}", r#"{"name":"x","contentBytes":"%%%"}"#],
    )
    .await;
    let sessions = [
        "{}",
        r#"{"AttachmentItem":{}}"#,
        r#"{"AttachmentItem":{"name":"x","size":-1}}"#,
    ];
    post(
        format!("{draft}/attachments/createUploadSession"),
        &sessions,
    )
    .await;
    post(format!("{message}/send"), &["{}"]).await;
    post(
        format!("{message}/attachments"),
        &[r#"{"name":"x","contentBytes":"AA=="}"#],
    )
    .await;
}

#[tokio::test]
async fn odd_bodies_about_the_rest_are_refused() {
    let client = Client::app().await;
    let post = async |path: String, bodies: &[&str]| {
        are_refused(&client, Method::POST, path, bodies).await;
    };
    post(
        format!("{ADA}/events"),
        &["{}", r#"{"start":{"dateTime":"x"},"end":{}}"#],
    )
    .await;
    post(format!("{ADA}/calendars"), &["{}"]).await;
    post(format!("{ADA}/contactFolders"), &["{}"]).await;
    let ids = [
        "{}",
        r#"{"inputIds":[1],"sourceIdType":"restId","targetIdType":"restId"}"#,
    ];
    post(format!("{ADA}/translateExchangeIds"), &ids).await;
    let batches = [
        "{}",
        r#"{"requests":[{"id":"1","method":"GET","url":"::"},5]}"#,
    ];
    post("/$batch".to_owned(), &batches).await;
    let inner = json!({"id": "1", "method": "POST", "url": "/$batch", "body": {"requests": []}});
    let told = client.post("/$batch", json!({"requests": [inner]})).await;
    assert_eq!(told.body["responses"][0]["status"], 400, "{}", told.body);
}
