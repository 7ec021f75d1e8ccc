//! An administrator permits the app for everybody.

use gatepost_sandbox::tenant::{ADMINISTRATOR, CLIENT_ID, TENANT_ID};
use secrecy::ExposeSecret as _;

use crate::browser::Page;
use crate::visitor::Visitor;

const BACK: &str = "http://localhost:49152/";
const SCOPE: &str = "https://ps.outlook.com/.default";
const JUN: &str = "jun.tanaka@contoso.com";

fn address(visitor: &Visitor, path: &str, more: &[(&str, &str)]) -> String {
    let mut url = url::Url::parse(&visitor.url(path)).expect("an address");
    url.query_pairs_mut()
        .append_pair("client_id", CLIENT_ID)
        .append_pair("redirect_uri", BACK)
        .append_pair("state", "12345")
        .extend_pairs(more);
    url.into()
}

async fn answered(visitor: &Visitor, address: &str, person: &str, answer: &str) -> Page {
    let page = Page::open(&visitor.http, address).await;
    let password = visitor.sandbox.password();
    let filled = [("username", person), ("password", password.expose_secret())];
    let page = page.submit(&visitor.http, &filled).await;
    if page.html().contains("Permissions requested") {
        return page.submit(&visitor.http, &[("answer", answer)]).await;
    }
    page
}

async fn by_password(visitor: &Visitor) -> u16 {
    let password = visitor.sandbox.password();
    let form = [
        ("grant_type", "password"),
        ("client_id", CLIENT_ID),
        (
            "scope",
            "https://outlook.office.com/IMAP.AccessAsUser.All offline_access",
        ),
        ("username", JUN),
        ("password", password.expose_secret()),
    ];
    visitor.ask(&form).await.status.as_u16()
}

#[tokio::test]
async fn what_an_administrator_permits_everybody_has_permitted() {
    let visitor = Visitor::new().await;
    assert_eq!(by_password(&visitor).await, 400, "nobody consented yet");
    let address = address(
        &visitor,
        "/organizations/v2.0/adminconsent",
        &[("scope", SCOPE)],
    );
    let page = answered(&visitor, &address, ADMINISTRATOR, "accept").await;
    let brought = |name| page.parameter(name);
    assert_eq!(brought("admin_consent").as_deref(), Some("True"));
    assert_eq!(brought("tenant").as_deref(), Some(TENANT_ID));
    assert_eq!(brought("state").as_deref(), Some("12345"));
    assert!(brought("scope").is_some());
    assert_eq!(by_password(&visitor).await, 200);
}

#[tokio::test]
async fn a_refusal_has_two_forms() {
    let visitor = Visitor::new().await;
    let now = address(
        &visitor,
        &format!("/{TENANT_ID}/v2.0/adminconsent"),
        &[("scope", SCOPE)],
    );
    let page = answered(&visitor, &now, ADMINISTRATOR, "cancel").await;
    assert_eq!(page.parameter("admin_consent").as_deref(), Some("True"));
    assert_eq!(page.parameter("error").as_deref(), Some("consent_required"));
    let words = page.parameter("error_description").expect("words");
    assert!(words.starts_with("AADSTS65004"), "{words}");

    let legacy = address(&visitor, &format!("/{TENANT_ID}/adminconsent"), &[]);
    let page = answered(&visitor, &legacy, ADMINISTRATOR, "cancel").await;
    assert_eq!(page.parameter("admin_consent"), None);
    assert_eq!(
        page.parameter("error").as_deref(),
        Some("permission_denied")
    );
    let page = answered(&visitor, &legacy, ADMINISTRATOR, "accept").await;
    assert_eq!(page.parameter("admin_consent").as_deref(), Some("True"));
    assert_eq!(page.parameter("scope"), None);
}

#[tokio::test]
async fn only_an_administrator_may_and_only_for_what_exists() {
    let visitor = Visitor::new().await;
    let path = format!("/{TENANT_ID}/v2.0/adminconsent");
    let usual = address(&visitor, &path, &[("scope", SCOPE)]);
    let page = answered(&visitor, &usual, JUN, "accept").await;
    assert!(page.html().contains("AADSTS90094"), "{}", page.html());
    assert_eq!(by_password(&visitor).await, 400);
    let unknown = address(&visitor, &path, &[("scope", "https://x.example/.default")]);
    let page = Page::open(&visitor.http, &unknown).await;
    assert!(page.html().contains("AADSTS"), "{}", page.html());
}
