//! How much one app may ask of one mailbox, and how much a mailbox may send.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gatepost_sandbox::{SandboxConfig, SendingLimits};
use reqwest::Method;
use serde_json::json;

use super::client::{ADA, Client, INBOX, Told, told};

#[track_caller]
fn assert_waits(told: &Told, limit: &str, most: u64) {
    assert_eq!(
        (told.status.as_u16(), told.code()),
        (429, "ApplicationThrottled")
    );
    assert!(told.body.to_string().contains(limit), "{}", told.body);
    let wait: u64 = told.header("retry-after").parse().expect("whole seconds");
    assert!((1..=most).contains(&wait), "{wait}");
}

#[tokio::test]
async fn requests_are_counted_for_each_app_and_mailbox() {
    let config = SandboxConfig {
        graph_requests: 3,
        ..SandboxConfig::default()
    };
    let mut client = Client::in_limits(config).await;
    for _ in 0..3 {
        assert_eq!(client.get(INBOX).await.status, 200);
    }
    assert_waits(&client.get(INBOX).await, "request rate", 600);
    let other = "/users/jun.tanaka@contoso.com/mailFolders/inbox";
    assert_eq!(client.get(other).await.status, 200);
    // Those of a batch are counted one by one.
    let requests: Vec<_> = (1..=3)
        .map(|id| json!({"id": id.to_string(), "method": "GET", "url": other}))
        .collect();
    let batch = client.post("/$batch", json!({"requests": requests})).await;
    let answers = batch.body["responses"].as_array().expect("answers");
    let refused = answers.iter().filter(|one| one["status"] == 429);
    assert_eq!(refused.count(), 1, "{}", batch.body);
    client.become_ada(&["Mail.Read"]);
    assert_eq!(
        client.get("/me/mailFolders/inbox").await.status,
        429,
        "it is the same app"
    );
}

#[tokio::test]
async fn a_request_has_four_million_octets_at_most() {
    let client = Client::app().await;
    let path = format!("{ADA}/messages");
    let around = json!({"subject": ""}).to_string().len();
    for (octets, status) in [(4_000_000, 201), (4_000_001, 413)] {
        let subject = "x".repeat(octets - around);
        let answer = client.post(&path, json!({"subject": subject})).await;
        assert_eq!(answer.status, status, "{octets}");
    }
}

/// A message as MIME is one, in base64.
#[tokio::test]
async fn a_message_in_one_request_has_three_million_octets_at_most() {
    let client = Client::app().await;
    let head = "From: ada.berg@contoso.com\r\nTo: jun.tanaka@contoso.com\r\n\r\n";
    for (octets, taken) in [(3_000_000, true), (3_000_001, false)] {
        let message = format!("{head}{}", "x".repeat(octets - head.len()));
        let message = STANDARD.encode(message);
        for (path, success) in [("sendMail", 202), ("messages", 201)] {
            let request = client
                .request(Method::POST, &format!("{ADA}/{path}"))
                .header("Content-Type", "text/plain");
            let answer = told(request.body(message.clone())).await;
            let status = if taken { success } else { 413 };
            assert_eq!(answer.status, status, "{path}: {octets}");
        }
    }
}

#[tokio::test]
async fn a_mailbox_sends_so_many_messages_in_a_minute() {
    let config = SandboxConfig {
        sending: SendingLimits {
            messages_a_minute: 2,
            recipients_a_day: 3,
            ..SendingLimits::EXCHANGE_ONLINE
        },
        ..SandboxConfig::default()
    };
    let client = Client::in_limits(config).await;
    let message = |count: usize| {
        let to: Vec<_> = (0..count)
            .map(|at| json!({"emailAddress": {"address": format!("{at}@example.com")}}))
            .collect();
        json!({"message": {"subject": "x", "toRecipients": to}})
    };
    let send = format!("{ADA}/sendMail");
    assert_eq!(client.post(&send, message(1)).await.status, 202);
    let many = client.post(&send, message(3)).await;
    assert_eq!(
        (many.status.as_u16(), many.code()),
        (403, "ErrorExceededMessageLimit")
    );
    let draft = message(1)["message"].clone();
    let draft = client.post(&format!("{ADA}/messages"), draft).await;
    let leave = format!("{ADA}/messages/{}/send", draft.text("/id"));
    assert_eq!(client.post(&leave, json!({})).await.status, 202);
    assert_waits(&client.post(&send, message(1)).await, "message rate", 60);
}
