//! Who may do what.

use serde_json::json;

use super::client::{ADA, Client, INBOX};

#[tokio::test]
async fn an_app_needs_the_role_and_no_policy_against_it() {
    let mut client = Client::app().await;
    let board = client.get("/users/board@contoso.com/messages").await;
    assert_eq!(
        (board.status.as_u16(), board.code()),
        (403, "ErrorAccessDenied")
    );
    assert_eq!(board.text("/error/message"), "Access to OData is disabled.");
    let me = client.get("/me/messages").await;
    assert_eq!(me.status, 400, "an app is nobody");
    client.deliver("one", 0);
    client.become_app_with(&["Mail.Read"]);
    let path = format!("{ADA}/messages/{}", client.newest().await);
    assert_eq!(
        client.patch(&path, json!({"isRead": true})).await.code(),
        "ErrorAccessDenied"
    );
    client.become_app_with(&["Mail.Send"]);
    assert_eq!(client.get(&format!("{INBOX}/messages")).await.status, 403);
}

#[tokio::test]
async fn a_person_reads_their_own_mail_and_what_is_shared_with_them() {
    let mut client = Client::ada(&["Mail.Read"]).await;
    assert_eq!(client.get("/me/messages").await.status, 200);
    assert_eq!(client.get(&format!("{ADA}/messages")).await.status, 200);
    assert_eq!(
        client
            .get("/users/support@contoso.com/messages")
            .await
            .status,
        403
    );
    client.become_ada(&["Mail.Read.Shared"]);
    assert_eq!(
        client
            .get("/users/support@contoso.com/messages")
            .await
            .status,
        200
    );
    assert_eq!(client.get("/me/messages").await.status, 200);
    let invoices = client.get("/users/invoices@contoso.com/messages").await;
    assert_eq!(
        invoices.code(),
        "ErrorAccessDenied",
        "nobody shared it with her"
    );
}

#[tokio::test]
async fn who_has_no_mailbox_and_who_is_not_there_read_differently() {
    let client = Client::app().await;
    for (who, status, code) in [
        ("nobody@contoso.com", 404, "ErrorInvalidUser"),
        ("ada@elsewhere.example", 404, "Request_ResourceNotFound"),
        ("2f4c5d0e-9f0b-4d3a-8a55-0a4f7a3b1c01", 200, ""),
    ] {
        let told = client.get(&format!("/users/{who}/messages")).await;
        assert_eq!(told.status, status, "{who}");
        assert!(status == 200 || told.code() == code, "{}", told.body);
    }
}

#[tokio::test]
async fn a_token_that_opens_nothing_is_401() {
    let client = Client::app().await;
    let url = format!("{}/v1.0{INBOX}/messages", client.visitor.sandbox.graph());
    for (header, message) in [
        (None, "Access token is empty."),
        (
            Some("Bearer abc"),
            "CompactToken validation failed with reason code: 80049228.",
        ),
    ] {
        let mut request = client.visitor.http.get(&url);
        if let Some(header) = header {
            request = request.header("Authorization", header);
        }
        let told = super::client::told(request).await;
        assert_eq!(
            (told.status.as_u16(), told.code()),
            (401, "InvalidAuthenticationToken")
        );
        assert_eq!(told.text("/error/message"), message);
    }
}
