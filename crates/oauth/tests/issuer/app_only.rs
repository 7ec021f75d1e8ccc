//! An app signs in as itself.

use crate::issuer::{Issuer, keeper, registration, token};
use gatepost_fault::Fault as _;
use gatepost_host::Tasks;
use gatepost_oauth::{Audience, EndpointVersion, Grant, Proof, Tenant, TokenSource as _};

fn secret() -> Proof {
    Proof::Secret("s3cret&canary=%".into())
}

fn app_only() -> &'static Grant {
    Grant::named("client_credentials").expect("it is in the list")
}

#[tokio::test]
async fn an_app_with_a_secret_gets_a_token() {
    let tasks = Tasks::new();
    let issuer = Issuer::answering([token("one"), token("two")]);
    let login = issuer.listen(&tasks).await;
    let keeper = keeper(registration(&login, secret()), app_only(), &tasks);
    let first = keeper.token(Audience::Exchange).await.expect("a token");
    assert_eq!(first.expose(), "one");
    let again = keeper.token(Audience::Exchange).await.expect("a token");
    assert_eq!(again.expose(), "one", "it is kept");
    keeper.refused(&first);
    let renewed = keeper.token(Audience::Exchange).await.expect("a token");
    assert_eq!(renewed.expose(), "two", "a refused one is not handed out");

    let posted = &issuer.posted()[0];
    assert_eq!(posted.path, "/contoso.example/oauth2/v2.0/token");
    let field = |name: &str| posted.fields.get(name).map(String::as_str);
    assert_eq!(field("grant_type"), Some("client_credentials"));
    assert_eq!(field("client_id"), Some("client-1"));
    assert_eq!(field("client_secret"), Some("s3cret&canary=%"));
    assert_eq!(
        field("scope"),
        Some("https://outlook.office365.com/.default")
    );
    assert!(posted.headers.contains_key("client-request-id"));
    tasks.end().await;
}

#[tokio::test]
async fn a_wrong_secret_is_named_with_microsofts_words() {
    let tasks = Tasks::new();
    let body = r#"{"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret provided.\r\nTrace ID: 3d8e\r\nCorrelation ID: 086c\r\nTimestamp: 2026-11-22 08:38:00Z","error_codes":[7000215],"trace_id":"3d8e","correlation_id":"086c"}"#;
    let issuer = Issuer::answering([(401, Vec::new(), body.to_owned())]);
    let login = issuer.listen(&tasks).await;
    let keeper = keeper(registration(&login, secret()), app_only(), &tasks);
    let error = keeper
        .token(Audience::Exchange)
        .await
        .expect_err("the secret is wrong");
    assert_eq!(error.code(), "secret_wrong");
    let text = error.to_string();
    for part in ["contoso", "AADSTS7000215", "3d8e", "086c"] {
        assert!(text.contains(part), "{part} is missing in: {text}");
    }
    assert!(!text.contains("canary"), "{text}");
    keeper
        .token(Audience::Exchange)
        .await
        .expect_err("it is still wrong");
    assert_eq!(issuer.posted().len(), 1, "nobody asks again at once");
    tasks.end().await;
}

#[tokio::test]
async fn v1_endpoints_take_a_resource_and_answer_in_strings() {
    let tasks = Tasks::new();
    let body = r#"{"access_token":"one","token_type":"Bearer","expires_in":"3599","expires_on":"1388452167","resource":"https://outlook.office365.com"}"#;
    let issuer = Issuer::answering([(200, Vec::new(), body.to_owned())]);
    let login = issuer.listen(&tasks).await;
    let mut registration = registration(&login, secret());
    registration.endpoints = EndpointVersion::V1;
    let keeper = keeper(registration, app_only(), &tasks);
    let token = keeper.token(Audience::Graph).await.expect("a token");
    assert_eq!(token.expose(), "one");
    let posted = &issuer.posted()[0];
    assert_eq!(posted.path, "/contoso.example/oauth2/token");
    assert_eq!(posted.fields["resource"], "https://graph.microsoft.com");
    assert!(!posted.fields.contains_key("scope"), "v1 knows no scope");
    tasks.end().await;
}

#[tokio::test]
async fn what_cannot_work_is_said_before_anything_is_sent() {
    let tasks = Tasks::new();
    let issuer = Issuer::answering([]);
    let login = issuer.listen(&tasks).await;
    let mut everywhere = registration(&login, secret());
    everywhere.tenant = Tenant::parse("common").expect("a name for many tenants");
    for (registration, code) in [
        (everywhere, "tenant_needed"),
        (registration(&login, Proof::None), "proof_missing"),
    ] {
        let keeper = keeper(registration, app_only(), &tasks);
        let error = keeper.token(Audience::Exchange).await.expect_err(code);
        assert_eq!(error.code(), code);
    }
    assert_eq!(issuer.posted().len(), 0);
    tasks.end().await;
}
