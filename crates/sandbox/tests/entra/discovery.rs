//! What clients ask first.

use gatepost_sandbox::tenant::TENANT_ID;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use serde_json::Value;

use crate::visitor::{Answer, EXCHANGE, Visitor};

#[tokio::test]
async fn a_tenant_is_found_by_its_id_and_by_its_domains() {
    let visitor = Visitor::new().await;
    for name in [TENANT_ID, "contoso.com", "CONTOSO.onmicrosoft.com"] {
        let answer = visitor
            .get(&format!("/{name}/v2.0/.well-known/openid-configuration"))
            .await;
        assert_eq!(
            answer.text("issuer"),
            visitor.url(&format!("/{TENANT_ID}/v2.0"))
        );
        assert_eq!(answer.text("token_endpoint"), visitor.token_url());
    }
    let common = visitor
        .get("/common/v2.0/.well-known/openid-configuration")
        .await;
    assert_eq!(common.text("issuer"), visitor.url("/{tenantid}/v2.0"));
    assert_eq!(common.body["tenant_region_scope"], Value::Null);
}

#[tokio::test]
async fn an_unknown_tenant_is_a_bad_request() {
    let visitor = Visitor::new().await;
    let answer = visitor
        .get("/fabrikam.com/v2.0/.well-known/openid-configuration")
        .await;
    assert_eq!(answer.status, 400);
    assert_eq!(answer.text("error"), "invalid_tenant");
    assert_eq!(answer.code(), 90002);
}

#[tokio::test]
async fn a_foreign_library_verifies_a_token_with_the_published_keys() {
    let visitor = Visitor::new().await;
    let token = visitor
        .ask_with_secret(&[("grant_type", "client_credentials"), ("scope", EXCHANGE)])
        .await;
    let keys = visitor.get("/common/discovery/v2.0/keys").await;
    let keys: JwkSet = serde_json::from_value(keys.body).expect("a key set");
    let token = token.text("access_token");
    let header = jsonwebtoken::decode_header(token).expect("a JWT");
    let key = keys
        .find(&header.kid.expect("it names its key"))
        .expect("a published key");
    let mut validation = Validation::new(Algorithm::RS256);
    validation.set_audience(&["https://outlook.office365.com"]);
    let key = DecodingKey::from_jwk(key).expect("an RSA key");
    let claims = decode::<Value>(token, &key, &validation)
        .expect("a good signature")
        .claims;
    assert_eq!(claims["tid"], TENANT_ID);
    assert_eq!(
        claims["iss"],
        format!("https://sts.windows.net/{TENANT_ID}/")
    );
}

#[tokio::test]
async fn instances_and_realms_are_known() {
    let visitor = Visitor::new().await;
    let own = visitor.url("/common/oauth2/v2.0/authorize");
    let path = |endpoint: &str| {
        format!("/common/discovery/instance?api-version=1.1&authorization_endpoint={endpoint}")
    };
    let answer = visitor.get(&path(&own)).await;
    assert_eq!(
        answer.text("tenant_discovery_endpoint"),
        visitor.url("/common/v2.0/.well-known/openid-configuration")
    );
    let foreign = visitor
        .get(&path("https://login.example/common/oauth2/v2.0/authorize"))
        .await;
    assert_eq!((foreign.status.as_u16(), foreign.code()), (400, 50049));
    let realm = visitor
        .get("/common/userrealm/ada.berg@contoso.com?api-version=1.0")
        .await;
    assert_eq!(realm.text("account_type"), "Managed");
}

#[tokio::test]
async fn a_client_finds_the_name_that_it_used_and_no_strangers() {
    let visitor = Visitor::new().await;
    let port = visitor.sandbox.addresses().https.port();
    let path = format!("/{TENANT_ID}/v2.0/.well-known/openid-configuration");
    let by_number = visitor.http.get(format!("https://127.0.0.1:{port}{path}"));
    let answer = Answer::of(by_number.send().await.expect("the sandbox answers")).await;
    let own = format!("https://127.0.0.1:{port}/");
    assert!(answer.text("issuer").starts_with(&own), "{:?}", answer.body);
    assert!(answer.text("token_endpoint").starts_with(&own));
    let forged = visitor
        .http
        .get(visitor.url(&path))
        .version(reqwest::Version::HTTP_11)
        .header("Host", format!("evil.example:{port}"));
    let answer = Answer::of(forged.send().await.expect("the sandbox answers")).await;
    assert!(
        answer.text("issuer").starts_with(&visitor.url("/")),
        "{:?}",
        answer.body
    );
}
