//! Proofs that are no secret: the word of another issuer, and the identity of a machine.

use std::sync::Arc;

use gatepost_sandbox::tenant::{CLIENT_ID, FederatedCredential, HeaderForm, IssuerKeys, TokenKeys};
use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256, RsaKeySize};
use serde_json::{Value, json};

use crate::visitor::{Answer, EXCHANGE, Visitor, claims};

fn keys() -> TokenKeys {
    let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).expect("a key");
    let certificate = CertificateParams::default().self_signed(&key);
    let certificate = certificate.expect("a certificate");
    TokenKeys::new(key.serialized_der(), certificate.der()).expect("an RSA key")
}

fn statement() -> Value {
    json!({
        "iss": "https://token.actions.example",
        "sub": "repo:contoso/mail:ref:refs/heads/main",
        "aud": "api://AzureADTokenExchange",
        "exp": 4_000_000_000_i64,
    })
}

async fn ask(visitor: &Visitor, assertion: &str) -> Answer {
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", CLIENT_ID),
        ("scope", EXCHANGE),
        (
            "client_assertion_type",
            "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        ),
        ("client_assertion", assertion),
    ];
    visitor.ask(&form).await
}

#[tokio::test]
async fn the_sandboxs_own_workload_is_the_app() {
    let visitor = Visitor::new().await;
    let token = std::fs::read_to_string(visitor.sandbox.workload_token_file());
    let granted = ask(&visitor, &token.expect("it is written")).await;
    assert_eq!(granted.status, 200, "{:?}", granted.body);
    assert_eq!(claims(granted.text("access_token"))["appidacr"], "2");
}

#[tokio::test]
async fn the_word_of_another_issuer_is_judged_by_its_keys_and_to_the_letter() {
    let visitor = Visitor::new().await;
    let ours = Arc::new(keys());
    let credential = FederatedCredential {
        issuer: "https://token.actions.example".to_owned(),
        subject: "repo:contoso/mail:ref:refs/heads/main".to_owned(),
        audience: "api://AzureADTokenExchange".to_owned(),
        keys: IssuerKeys::Foreign(Arc::clone(&ours)),
    };
    if let Some(app) = visitor.sandbox.tenant().directory().app_mut(CLIENT_ID) {
        app.federated = vec![credential];
    }
    let signed = |claims: &Value| ours.sign(HeaderForm::V2, claims);
    let granted = ask(&visitor, &signed(&statement())).await;
    assert_eq!(granted.status, 200, "{:?}", granted.body);

    let forged = keys().sign(HeaderForm::V2, &statement());
    assert_eq!(ask(&visitor, &forged).await.code(), 50013);
    for (name, value) in [
        ("sub", json!("repo:contoso/mail:ref:refs/heads/other")),
        ("iss", json!("https://token.actions.example/")),
        ("aud", json!("https://github.com/contoso")),
        ("aud", json!(["api://AzureADTokenExchange", "another"])),
    ] {
        let mut changed = statement();
        changed[name] = value;
        let refused = ask(&visitor, &signed(&changed)).await;
        assert_eq!(
            (refused.status.as_u16(), refused.code()),
            (401, 700_213),
            "{name}"
        );
    }
    let mut over = statement();
    over["exp"] = json!(1_000_000_000);
    assert_eq!(ask(&visitor, &signed(&over)).await.code(), 700_024);

    if let Some(app) = visitor.sandbox.tenant().directory().app_mut(CLIENT_ID) {
        app.federated.clear();
    }
    let none = ask(&visitor, &signed(&statement())).await;
    assert_eq!((none.status.as_u16(), none.code()), (401, 70025));
}

#[tokio::test]
async fn a_machine_has_one_identity_and_gives_it_to_itself_only() {
    let visitor = Visitor::new().await;
    let get = async |query: &str, headers: &[(&str, &str)]| {
        let path = format!("/metadata/identity/oauth2/token?{query}");
        let mut request = visitor.http.get(visitor.url(&path));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Answer::of(request.send().await.expect("the sandbox answers")).await
    };
    let metadata = [("Metadata", "true")];
    let usual = "api-version=2018-02-01&resource=https%3A%2F%2Foutlook.office365.com";
    let granted = get(usual, &metadata).await;
    assert_eq!(granted.status, 200, "{:?}", granted.body);
    for name in ["expires_in", "expires_on", "not_before"] {
        granted
            .text(name)
            .parse::<i64>()
            .expect("a number in a string");
    }
    let token = claims(granted.text("access_token"));
    assert_eq!(token["aud"], "https://outlook.office365.com");

    let by_id = format!("{usual}&client_id={CLIENT_ID}");
    assert_eq!(get(&by_id, &metadata).await.status, 200);
    for (query, headers) in [
        (usual.to_owned(), &[][..]),
        (
            usual.to_owned(),
            &[("Metadata", "true"), ("X-Forwarded-For", "10.0.0.1")],
        ),
        (
            "resource=https%3A%2F%2Foutlook.office365.com".to_owned(),
            &metadata,
        ),
        ("api-version=2018-02-01".to_owned(), &metadata),
        (format!("{usual}&client_id=another"), &metadata),
        (format!("{by_id}&object_id=both"), &metadata),
    ] {
        let refused = get(&query, headers).await;
        assert_eq!(refused.status, 400, "{query}");
        assert_eq!(refused.text("error"), "invalid_request", "{query}");
    }
}
