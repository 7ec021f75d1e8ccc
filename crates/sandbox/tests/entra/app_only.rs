//! An app in its own name, with a secret.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gatepost_sandbox::tenant::{CLIENT_ID, MailProtocol, Principal, TENANT_ID};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use crate::visitor::{Answer, EXCHANGE, Visitor, claims};

const GRANT: (&str, &str) = ("grant_type", "client_credentials");

#[tokio::test]
async fn a_secret_gives_a_token_that_opens_mailboxes() {
    let visitor = Visitor::new().await;
    let answer = visitor
        .ask_with_secret(&[GRANT, ("scope", EXCHANGE), ("client_info", "1")])
        .await;
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    assert_eq!(answer.body["expires_in"], json!(3599));
    let names: Vec<&String> = answer.body.as_object().expect("an object").keys().collect();
    assert_eq!(
        names,
        ["access_token", "expires_in", "ext_expires_in", "token_type"]
    );

    let claims = claims(answer.text("access_token"));
    assert_eq!(claims["aud"], "https://outlook.office365.com");
    assert_eq!(
        (&claims["appid"], &claims["appidacr"]),
        (&json!(CLIENT_ID), &json!("1"))
    );
    assert_eq!(claims["ver"], "1.0");

    let tenant = visitor.sandbox.tenant();
    let principal = tenant
        .admit(answer.text("access_token"), MailProtocol::Imap)
        .expect("the token opens IMAP");
    assert!(matches!(principal, Principal::App { .. }));
    assert!(tenant.may_open(&principal, "support@contoso.com"));
    assert!(!tenant.may_open(&principal, "board@contoso.com"));
}

#[tokio::test]
async fn http_basic_will_do_as_well() {
    let visitor = Visitor::new().await;
    let secret = visitor.sandbox.client_secret();
    let encoded = secret
        .expose_secret()
        .replace('~', "%7E")
        .replace('.', "%2e");
    let basic = STANDARD.encode(format!("{CLIENT_ID}:{encoded}"));
    let request = visitor
        .http
        .post(visitor.token_url())
        .header("Authorization", format!("Basic {basic}"))
        .form(&[GRANT, ("scope", EXCHANGE)]);
    let answer = Answer::of(request.send().await.expect("the sandbox answers")).await;
    assert_eq!(answer.status, 200, "{:?}", answer.body);
}

#[tokio::test]
async fn version_1_speaks_of_resources_and_writes_numbers_as_strings() {
    let visitor = Visitor::new().await;
    let secret = visitor.sandbox.client_secret();
    let form = [
        GRANT,
        ("client_id", CLIENT_ID),
        ("client_secret", secret.expose_secret()),
        ("resource", "https://outlook.office365.com/"),
    ];
    let url = visitor.url("/contoso.com/oauth2/token?api-version=1.0");
    let answer = visitor.ask_at(&url, &form).await;
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    assert_eq!(answer.text("expires_in"), "3599");
    assert!(answer.text("expires_on").parse::<i64>().is_ok());
    assert_eq!(answer.text("resource"), "https://outlook.office365.com/");
    assert_eq!(
        claims(answer.text("access_token"))["aud"],
        "https://outlook.office365.com/"
    );
}

#[tokio::test]
async fn the_callers_number_comes_back() {
    let visitor = Visitor::new().await;
    let number = "086813c5-1111-4222-8333-444455556666";
    let request = visitor
        .http
        .post(visitor.token_url())
        .header("client-request-id", number)
        .form(&[GRANT]);
    let answer = Answer::of(request.send().await.expect("the sandbox answers")).await;
    assert_eq!(answer.text("correlation_id"), number);
    assert_eq!(answer.text("trace_id"), answer.header("x-ms-request-id"));
    let in_field = visitor.ask(&[GRANT, ("client-request-id", number)]).await;
    assert_eq!(in_field.text("correlation_id"), number);
    let in_query = format!("{}?client-request-id={number}", visitor.token_url());
    let in_query = visitor.ask_at(&in_query, &[GRANT]).await;
    assert_eq!(in_query.text("correlation_id"), number);
}

/// Every refusal in its exact form; what differs from run to run is replaced.
#[tokio::test]
async fn refusals_have_entras_exact_form() {
    let visitor = Visitor::new().await;
    let cases: &[(&str, &[(&str, &str)])] = &[
        ("no grant", &[("client_id", CLIENT_ID)]),
        ("no client", &[GRANT, ("scope", EXCHANGE)]),
        (
            "unknown grant",
            &[("grant_type", "saml2"), ("client_id", CLIENT_ID)],
        ),
        (
            "unknown app",
            &[GRANT, ("client_id", "00000000-0000-4000-8000-000000000000")],
        ),
        (
            "no proof",
            &[GRANT, ("client_id", CLIENT_ID), ("scope", EXCHANGE)],
        ),
        (
            "wrong secret",
            &[GRANT, ("client_id", CLIENT_ID), ("client_secret", "no")],
        ),
        (
            "resource at v2",
            &[GRANT, ("client_id", CLIENT_ID), ("resource", "https://x/")],
        ),
        ("twice", &[GRANT, GRANT]),
    ];
    for (name, form) in cases {
        let answer = visitor.ask(form).await;
        snapshot(name, &answer);
    }
    let scopes = [
        ("no scope", ""),
        (
            "no default",
            "https://outlook.office365.com/IMAP.AccessAsApp",
        ),
        (
            "two resources",
            "https://outlook.office365.com/.default https://graph.microsoft.com/.default",
        ),
        ("unknown resource", "https://api.example/.default"),
    ];
    for (name, scope) in scopes {
        snapshot(
            name,
            &visitor.ask_with_secret(&[GRANT, ("scope", scope)]).await,
        );
    }
}

#[tokio::test]
async fn an_app_needs_to_name_the_tenant() {
    let visitor = Visitor::new().await;
    let secret = visitor.sandbox.client_secret();
    let form = [
        GRANT,
        ("client_id", CLIENT_ID),
        ("client_secret", secret.expose_secret()),
        ("scope", EXCHANGE),
    ];
    for (name, code) in [
        ("common", 50059),
        ("consumers", 9_002_346),
        ("fabrikam.com", 90002),
    ] {
        let answer = visitor
            .ask_at(&visitor.url(&format!("/{name}/oauth2/v2.0/token")), &form)
            .await;
        assert_eq!(answer.code(), code, "{:?}", answer.body);
    }
    let get = visitor
        .get(&format!("/{TENANT_ID}/oauth2/v2.0/token"))
        .await;
    assert_eq!(get.code(), 900_561);
}

fn snapshot(name: &str, answer: &Answer) {
    let mut body = answer.body.clone();
    let varying = ["trace_id", "correlation_id", "timestamp"];
    for field in varying {
        let value = answer.text(field).to_owned();
        body[field] = json!(format!("[{field}]"));
        let description = body["error_description"].as_str().expect("a description");
        body["error_description"] = json!(description.replace(&value, &format!("[{field}]")));
    }
    let uri = answer
        .text("error_uri")
        .rsplit_once("/error")
        .expect("an address")
        .1;
    body["error_uri"] = Value::String(format!("[login]/error{uri}"));
    let text = serde_json::to_string_pretty(&body).expect("JSON");
    let shown = format!(
        "HTTP {}\nx-ms-clitelem: {}\n{text}",
        answer.status.as_u16(),
        answer.header("x-ms-clitelem")
    );
    insta::assert_snapshot!(name.replace(' ', "_"), shown);
}
