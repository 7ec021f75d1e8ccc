//! The control API.

use gatepost_sandbox::SandboxConfig;
use gatepost_sandbox::mailboxes::{Kept, Leaving};
use gatepost_sandbox::mailset::Mail;
use gatepost_sandbox::tenant::USER;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::visitor::{Answer, EXCHANGE, Visitor};

async fn control(visitor: &Visitor, method: Method, path: &str, body: &str) -> Answer {
    let env = visitor.sandbox.env();
    let base = env.get("GATEPOST_SANDBOX_CONTROL").expect("an address");
    let token = env.get("GATEPOST_SANDBOX_CONTROL_TOKEN").expect("a token");
    let request = visitor.http.request(method, format!("{base}{path}"));
    let request = request.bearer_auth(token).body(body.to_owned());
    Answer::of(request.send().await.expect("the sandbox answers")).await
}

#[tokio::test]
async fn a_message_is_delivered_with_whole_line_ends() {
    let visitor = Visitor::new().await;
    let raw = "From: a@b.example\nSubject: hi\n\nhello\n";
    let answer = control(
        &visitor,
        Method::POST,
        "/deliver?to=Support@contoso.com",
        raw,
    )
    .await;
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    let mailbox = visitor
        .sandbox
        .mailboxes()
        .open("support@contoso.com")
        .expect("it is there");
    let messages = mailbox.messages(mailbox.inbox());
    assert_eq!(messages.len(), 1);
    assert_eq!(answer.body["uid"], json!(messages[0].uid));
    assert_eq!(messages[0].raw, raw.replace('\n', "\r\n"));
    let nowhere = control(&visitor, Method::POST, "/deliver?to=x@contoso.com", raw).await;
    assert_eq!(nowhere.status, StatusCode::NOT_FOUND);
    assert_eq!(nowhere.text("code"), "sandbox_mailbox_unknown");
    let fault = "throttle,mailbox=nobody@contoso.com";
    let nobody = control(&visitor, Method::POST, "/faults", fault).await;
    assert_eq!(nobody.status, StatusCode::NOT_FOUND);
    assert_eq!(nobody.text("code"), "sandbox_mailbox_unknown");
    let ordered = control(&visitor, Method::GET, "/faults", "").await;
    assert_eq!(ordered.body["faults"], json!([]));
}

#[tokio::test]
async fn what_left_the_tenant_can_be_looked_at() {
    let visitor = Visitor::new().await;
    let mailboxes = visitor.sandbox.mailboxes();
    let ada = mailboxes.open(USER).expect("it is there");
    let leaving = Leaving {
        raw: "Subject: one\r\n\r\n".into(),
        recipients: vec!["eve@elsewhere.example".to_owned()],
        on_behalf: None,
        kept: Kept::Nowhere,
    };
    let at = "2026-01-02T03:04:05Z".parse().expect("a literal timestamp");
    mailboxes.leave(&ada, leaving, at).expect("it leaves");
    let listed = control(&visitor, Method::GET, "/departed", "").await;
    let expected = json!([{
        "number": 0,
        "mailbox": USER,
        "recipients": ["eve@elsewhere.example"],
        "at": "2026-01-02T03:04:05Z",
        "octets": 16,
    }]);
    assert_eq!(listed.body["departed"], expected);
    let nothing = control(&visitor, Method::GET, "/departed/1", "").await;
    assert_eq!(nothing.status, StatusCode::NOT_FOUND);
    assert_eq!(nothing.text("code"), "sandbox_departed_unknown");
}

#[tokio::test]
async fn faults_are_ordered_listed_and_taken_back() {
    let visitor = Visitor::new().await;
    let token = [("grant_type", "client_credentials"), ("scope", EXCHANGE)];
    let answer = control(&visitor, Method::POST, "/faults", "server-error,times=2").await;
    assert_eq!(
        answer.body.pointer("/faults/0/order"),
        Some(&json!("server-error,times=2"))
    );
    assert_eq!(visitor.ask_with_secret(&token).await.status, 503);
    let listed = control(&visitor, Method::GET, "/faults", "").await;
    assert_eq!(listed.body.pointer("/faults/0/left"), Some(&json!(1)));
    let cleared = control(&visitor, Method::DELETE, "/faults/server-error", "").await;
    assert_eq!(cleared.body["faults"], json!([]));
    assert_eq!(visitor.ask_with_secret(&token).await.status, 200);
    let wrong = control(&visitor, Method::POST, "/faults", "nonsense").await;
    assert_eq!(
        (wrong.status, wrong.text("code")),
        (StatusCode::BAD_REQUEST, "sandbox_fault_unknown")
    );
}

#[tokio::test]
async fn the_state_tells_what_there_is() {
    let config = SandboxConfig {
        mail: Mail::Demo,
        ..SandboxConfig::default()
    };
    let visitor = Visitor::of(config).await;
    let state = control(&visitor, Method::GET, "/state", "").await;
    let mailboxes = state.body["mailboxes"].as_array().expect("a list");
    let support = mailboxes
        .iter()
        .find(|mailbox| mailbox["address"] == "support@contoso.com")
        .expect("the support mailbox");
    let folders = support["folders"].as_array().expect("a list");
    let inbox = folders
        .iter()
        .find(|folder| folder["name"] == "INBOX")
        .expect("an inbox");
    assert!(inbox["messages"].as_u64() > Some(10), "{inbox}");
}

#[tokio::test]
async fn nobody_comes_in_without_the_token() {
    let visitor = Visitor::new().await;
    for token in ["", "wrong"] {
        let request = visitor
            .http
            .get(visitor.url("/sandbox/state"))
            .bearer_auth(token);
        let answer = Answer::of(request.send().await.expect("the sandbox answers")).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        assert_eq!(answer.body.get("mailboxes"), None::<&Value>);
    }
    let unknown = visitor
        .http
        .get(visitor.url("/common/oauth2/v2.0/nothing"))
        .send()
        .await;
    assert_eq!(unknown.expect("an answer").status(), StatusCode::NOT_FOUND);
}
