//! A person's name and password are taken, or not.

use gatepost_sandbox::tenant::{CLIENT_ID, ClientKind, Contoso, TENANT_ID, Trouble, USER};
use secrecy::ExposeSecret as _;
use serde_json::json;

use crate::browser::Page;
use crate::visitor::{Answer, Visitor, claims};

const SCOPE: &str =
    "https://outlook.office.com/IMAP.AccessAsUser.All offline_access openid profile";

async fn ask_at(visitor: &Visitor, place: &str, username: &str, password: &str) -> Answer {
    let url = visitor.url(&format!("/{place}/oauth2/v2.0/token"));
    let form = [
        ("grant_type", "password"),
        ("client_id", CLIENT_ID),
        ("scope", SCOPE),
        ("username", username),
        ("password", password),
    ];
    visitor.ask_at(&url, &form).await
}

async fn ask(visitor: &Visitor, username: &str) -> Answer {
    let password = visitor.sandbox.password();
    ask_at(visitor, TENANT_ID, username, password.expose_secret()).await
}

/// Ada permits the app what it asks for.
async fn consent(visitor: &Visitor) {
    let mut url = url::Url::parse(&visitor.url("/common/oauth2/v2.0/authorize")).expect("a URL");
    url.query_pairs_mut().extend_pairs([
        ("client_id", CLIENT_ID),
        ("response_type", "code"),
        ("redirect_uri", "http://localhost/"),
        ("scope", SCOPE),
    ]);
    let page = Page::open(&visitor.http, url.as_str()).await;
    let password = visitor.sandbox.password();
    let filled = [("username", USER), ("password", password.expose_secret())];
    let page = page.submit(&visitor.http, &filled).await;
    page.submit(&visitor.http, &[("answer", "accept")]).await;
}

#[tokio::test]
async fn without_consent_nothing_and_then_everything() {
    let visitor = Visitor::new().await;
    let refused = ask(&visitor, USER).await;
    assert_eq!(
        (refused.code(), refused.text("suberror")),
        (65001, "consent_required")
    );
    consent(&visitor).await;
    let granted = ask(&visitor, USER).await;
    assert_eq!(granted.status, 200, "{:?}", granted.body);
    assert!(granted.body.get("refresh_token").is_some());
    assert_eq!(claims(granted.text("id_token"))["preferred_username"], USER);
    let password = visitor.sandbox.password();
    let everywhere = ask_at(&visitor, "organizations", USER, password.expose_secret()).await;
    assert_eq!(everywhere.status, 200, "{:?}", everywhere.body);

    let form = [
        ("grant_type", "password"),
        ("client_id", CLIENT_ID),
        ("resource", "https://outlook.office365.com"),
        ("scope", "openid"),
        ("username", USER),
        ("password", password.expose_secret()),
    ];
    let url = visitor.url(&format!("/{TENANT_ID}/oauth2/token"));
    let v1 = visitor.ask_at(&url, &form).await;
    assert_eq!(v1.body["expires_in"], json!("3599"), "{:?}", v1.body);
}

#[tokio::test]
async fn each_trouble_has_its_number() {
    let visitor = Visitor::new().await;
    for (_, upn, trouble) in Contoso::TROUBLED {
        let answer = ask(&visitor, upn).await;
        let (code, suberror) = match trouble {
            Trouble::SecondFactor => (50076, Some("basic_action")),
            Trouble::SecondFactorMissing => (50079, Some("basic_action")),
            Trouble::Disabled => (50057, None),
            Trouble::Locked => (50053, None),
            Trouble::PasswordExpired => (50055, Some("user_password_expired")),
            Trouble::NoPassword => (50056, None),
            Trouble::Federated => (50126, None),
            Trouble::Policy => (53003, Some("message_only")),
        };
        assert_eq!(answer.status, 400, "{upn}");
        assert_eq!(answer.text("error"), "invalid_grant", "{upn}");
        assert_eq!(answer.code(), code, "{upn}");
        assert_eq!(
            answer.body.get("suberror").and_then(|word| word.as_str()),
            suberror,
            "{upn}"
        );
    }
    assert_eq!(ask(&visitor, "nobody@contoso.com").await.code(), 50034);
    assert_eq!(
        ask_at(&visitor, TENANT_ID, USER, "wrong").await.code(),
        50126
    );
    for place in ["common", "consumers"] {
        let answer = ask_at(&visitor, place, USER, "any").await;
        assert_eq!(answer.text("error"), "invalid_request", "{place}");
    }
    assert_eq!(
        ask_at(&visitor, "common", USER, "any").await.code(),
        9_001_023
    );

    let realm = visitor
        .get("/common/userrealm/federated@contoso.com?api-version=1.0")
        .await;
    assert_eq!(realm.text("account_type"), "federated");
}

#[tokio::test]
async fn a_confidential_app_must_prove_itself_first() {
    let visitor = Visitor::new().await;
    if let Some(app) = visitor.sandbox.tenant().directory().app_mut(CLIENT_ID) {
        app.kind = ClientKind::Confidential;
    }
    let answer = ask(&visitor, USER).await;
    assert_eq!((answer.status.as_u16(), answer.code()), (401, 7_000_218));
}
