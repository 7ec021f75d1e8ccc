//! A person signs in on another device.

use gatepost_sandbox::faults::{FaultKind, FaultOrder};
use gatepost_sandbox::tenant::{CLIENT_ID, TENANT_ID, USER};
use secrecy::ExposeSecret as _;
use serde_json::json;

use crate::browser::Page;
use crate::visitor::{Answer, Visitor, claims};

const SCOPE: &str =
    "https://outlook.office.com/IMAP.AccessAsUser.All offline_access openid profile";
const URN: &str = "urn:ietf:params:oauth:grant-type:device_code";

async fn begin(visitor: &Visitor) -> Answer {
    let url = visitor.url(&format!("/{TENANT_ID}/oauth2/v2.0/devicecode"));
    let answer = visitor
        .ask_at(&url, &[("client_id", CLIENT_ID), ("scope", SCOPE)])
        .await;
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    answer
}

async fn poll(visitor: &Visitor, grant: &str, fields: &[(&str, &str)]) -> Answer {
    let mut form = vec![("grant_type", grant), ("client_id", CLIENT_ID)];
    form.extend_from_slice(fields);
    visitor.ask(&form).await
}

/// Enters the code and gives the page that comes then.
async fn enter(visitor: &Visitor, begun: &Answer) -> Page {
    let page = Page::open(&visitor.http, begun.text("verification_uri")).await;
    page.submit(&visitor.http, &[("otc", begun.text("user_code"))])
        .await
}

async fn sign_in(visitor: &Visitor, begun: &Answer) -> Page {
    let page = enter(visitor, begun).await;
    let password = visitor.sandbox.password();
    let filled = [("username", USER), ("password", password.expose_secret())];
    let page = page.submit(&visitor.http, &filled).await;
    if page.html().contains("Permissions requested") {
        return page.submit(&visitor.http, &[("answer", "accept")]).await;
    }
    page
}

#[tokio::test]
async fn until_the_person_is_through_the_answer_is_pending() {
    let visitor = Visitor::new().await;
    let begun = begin(&visitor).await;
    assert_eq!(begun.body["expires_in"], json!(900));
    assert!(begun.text("message").contains(begun.text("user_code")));
    assert!(begun.body.get("verification_uri_complete").is_none());
    let code = begun.text("device_code");
    let pending = poll(&visitor, URN, &[("device_code", code)]).await;
    assert_eq!(pending.status, 400);
    assert_eq!(pending.text("error"), "authorization_pending");
    assert_eq!(pending.code(), 70016);
    assert_eq!(pending.header("x-ms-clitelem"), "1,70016,0,,");
    assert!(
        pending.text("error_description").starts_with(
            "AADSTS70016: OAuth 2.0 device flow error. Authorization is pending. Continue polling."
        ),
        "{:?}",
        pending.body
    );

    let page = sign_in(&visitor, &begun).await;
    assert!(
        page.html().contains("You have signed in"),
        "{}",
        page.html()
    );
    let granted = poll(&visitor, URN, &[("device_code", code)]).await;
    assert_eq!(granted.status, 200, "{:?}", granted.body);
    assert!(granted.body.get("refresh_token").is_some());
    let id = claims(granted.text("id_token"));
    assert_eq!(id["preferred_username"], USER);
    assert!(id.get("nonce").is_none(), "nobody gave one");

    let again = poll(&visitor, URN, &[("device_code", code)]).await;
    assert_eq!((again.status.as_u16(), again.code()), (400, 70018));
}

#[tokio::test]
async fn clients_spell_it_in_three_ways() {
    let visitor = Visitor::new().await;
    for (grant, names) in [
        (URN, &["device_code"][..]),
        ("device_code", &["device_code"]),
        (URN, &["device_code", "code"]),
        ("device_code", &["code"]),
    ] {
        let begun = begin(&visitor).await;
        sign_in(&visitor, &begun).await;
        let code = begun.text("device_code");
        let fields: Vec<_> = names.iter().map(|name| (*name, code)).collect();
        let granted = poll(&visitor, grant, &fields).await;
        assert_eq!(granted.status, 200, "{grant} {names:?} {:?}", granted.body);
    }
    let bare = poll(&visitor, URN, &[]).await;
    assert_eq!(bare.code(), 900_144);
}

#[tokio::test]
async fn version_1_writes_strings_and_other_names() {
    let visitor = Visitor::new().await;
    let url = visitor.url("/organizations/oauth2/devicecode");
    let form = [
        ("client_id", CLIENT_ID),
        ("resource", "https://outlook.office365.com"),
    ];
    let begun = visitor.ask_at(&url, &form).await;
    assert_eq!(begun.body["expires_in"], json!("900"));
    let page = Page::open(&visitor.http, begun.text("verification_url")).await;
    let page = page
        .submit(&visitor.http, &[("otc", begun.text("user_code"))])
        .await;
    let password = visitor.sandbox.password();
    let filled = [("username", USER), ("password", password.expose_secret())];
    let page = page.submit(&visitor.http, &filled).await;
    page.submit(&visitor.http, &[("answer", "accept")]).await;
    let poll = [
        ("grant_type", "device_code"),
        ("client_id", CLIENT_ID),
        ("code", begun.text("device_code")),
        ("resource", "https://outlook.office365.com"),
    ];
    let token_url = visitor.url("/organizations/oauth2/token");
    let granted = visitor.ask_at(&token_url, &poll).await;
    assert_eq!(
        granted.body["expires_in"],
        json!("3599"),
        "{:?}",
        granted.body
    );
    assert!(granted.body.get("refresh_token").is_some());
}

#[tokio::test]
async fn a_refusal_a_wrong_code_and_a_hurry_have_words_of_their_own() {
    let visitor = Visitor::new().await;
    let begun = begin(&visitor).await;
    let code = begun.text("device_code");
    let page = enter(&visitor, &begun).await;
    let page = page.submit(&visitor.http, &[("answer", "cancel")]).await;
    assert!(page.html().contains("cancelled"), "{}", page.html());
    let declined = poll(&visitor, URN, &[("device_code", code)]).await;
    assert_eq!(declined.text("error"), "authorization_declined");

    let wrong = poll(&visitor, URN, &[("device_code", "D1")]).await;
    assert_eq!(wrong.text("error"), "bad_verification_code");

    let faults = visitor.sandbox.faults();
    faults.order(FaultOrder::everywhere(FaultKind::SlowDown));
    let hurried = poll(&visitor, URN, &[("device_code", code)]).await;
    assert_eq!(hurried.text("error"), "slow_down");

    let url = visitor.url(&format!("/{TENANT_ID}/oauth2/v2.0/devicecode"));
    let nobody = visitor
        .ask_at(&url, &[("client_id", "nobody"), ("scope", SCOPE)])
        .await;
    assert_eq!(nobody.code(), 700_016);
}
