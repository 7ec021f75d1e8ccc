use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use base64::Engine as _;
use gatepost_host::{Clock, Tasks, Trust};
use gatepost_mailroom::Outcome;
use gatepost_mailroom::sinks::webhook::{SigningSecret, Webhook, WebhookSettings};
use secrecy::SecretString;

use crate::given::{Given, reason};

/// A receiver that answers as it is told and keeps what it got.
#[derive(Clone)]
struct Receiver {
    answer: Arc<dyn Fn() -> Response + Send + Sync>,
    got: Arc<Mutex<Vec<(HeaderMap, Bytes)>>>,
}

impl Receiver {
    fn answering<A: IntoResponse>(answer: impl Fn() -> A + Send + Sync + 'static) -> Self {
        Self {
            answer: Arc::new(move || answer().into_response()),
            got: Arc::default(),
        }
    }

    fn got(&self) -> Vec<(HeaderMap, Bytes)> {
        self.got
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Listens on a free port; returns the port.
    async fn listen(&self, tasks: &Tasks) -> u16 {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let app = Router::new()
            .route("/", post(receive))
            .with_state(self.clone());
        let stop = tasks.stop();
        tasks.start("receiver", async move {
            let served = axum::serve(listener, app);
            stop.or(served.into_future()).await;
        });
        port
    }
}

async fn receive(State(receiver): State<Receiver>, headers: HeaderMap, body: Bytes) -> Response {
    let mut got = receiver.got.lock().unwrap_or_else(PoisonError::into_inner);
    got.push((headers, body));
    (receiver.answer)()
}

fn webhook(url: &str, allow: &[&str]) -> Webhook {
    let secret = SecretString::from("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    let secret = SigningSecret::parse(&secret).expect("a secret");
    let settings = WebhookSettings {
        url: url.parse().expect("a URL"),
        secrets: vec![secret],
        allow: allow
            .iter()
            .map(|text| text.parse().expect("a network"))
            .collect(),
        trust: Trust::system(),
    };
    Webhook::new(settings, Clock::system()).expect("a client can be made")
}

async fn answered<A: IntoResponse>(answer: impl Fn() -> A + Send + Sync + 'static) -> Outcome {
    let tasks = Tasks::new();
    let port = Receiver::answering(answer).listen(&tasks).await;
    let sink = webhook(&format!("http://127.0.0.1:{port}/"), &["127.0.0.1"]);
    let outcome = Given::message(1, b"x").to(&sink).await;
    tasks.end().await;
    outcome
}

#[tokio::test]
async fn the_event_is_posted_and_signed() {
    let tasks = Tasks::new();
    let receiver = Receiver::answering(|| StatusCode::ACCEPTED);
    let port = receiver.listen(&tasks).await;
    let sink = webhook(
        &format!("http://localhost:{port}/"),
        &["127.0.0.0/8", "::1"],
    );
    let given = Given::message(5, b"the message itself stays here");
    assert_eq!(given.to(&sink).await, Outcome::Done);
    let (headers, body) = receiver.got().remove(0);
    let header = |name: &str| headers[name].to_str().expect("text").to_owned();
    assert_eq!(header("webhook-id"), given.event.id.as_str());
    assert_eq!(header("content-type"), "application/json");
    let event: serde_json::Value = serde_json::from_slice(&body).expect("it is JSON");
    assert_eq!(event["id"], given.event.id.as_str());
    assert!(!String::from_utf8_lossy(&body).contains("stays here"));
    // Checked as a receiver would: HMAC over id, time and body.
    let base64 = base64::engine::general_purpose::STANDARD;
    let key = base64
        .decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
        .expect("base64");
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &key);
    let signed = [
        header("webhook-id").as_bytes(),
        b".",
        header("webhook-timestamp").as_bytes(),
        b".",
        &body,
    ]
    .concat();
    let signature = header("webhook-signature");
    let signature = signature.strip_prefix("v1,").expect("version 1");
    let signature = base64.decode(signature).expect("base64");
    aws_lc_rs::hmac::verify(&key, &signed, &signature).expect("it is ours");
    tasks.end().await;
}

#[tokio::test]
async fn the_status_decides() {
    assert_eq!(answered(|| StatusCode::NO_CONTENT).await, Outcome::Done);
    let gone = answered(|| StatusCode::GONE).await;
    assert!(matches!(gone, Outcome::SinkGone { .. }), "{gone:?}");
    for status in [
        StatusCode::BAD_REQUEST,
        StatusCode::NOT_FOUND,
        StatusCode::INTERNAL_SERVER_ERROR,
    ] {
        let outcome = answered(move || (status, "because")).await;
        assert!(reason(outcome).ends_with("and said: because"));
    }
}

#[tokio::test]
async fn a_receiver_in_trouble_is_left_alone_as_long_as_it_asks() {
    let asked = |seconds: &'static str| {
        move || {
            let headers = [("retry-after", HeaderValue::from_static(seconds))];
            (StatusCode::TOO_MANY_REQUESTS, headers)
        }
    };
    for (seconds, wanted) in [
        ("90", Duration::from_secs(90)),
        ("never", Duration::from_secs(5)),
    ] {
        match answered(asked(seconds)).await {
            Outcome::Retry { after, .. } => assert_eq!(after, Some(wanted)),
            other => panic!("it is not tried again: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = [("location", HeaderValue::from_static("http://127.0.0.1:1/"))];
    let outcome = answered(move || (StatusCode::FOUND, elsewhere.clone())).await;
    let reason = reason(outcome);
    assert!(reason.contains("redirects are not followed"), "{reason}");
}

#[tokio::test]
async fn the_inside_of_the_network_is_not_reached_unless_allowed() {
    let tasks = Tasks::new();
    let receiver = Receiver::answering(|| StatusCode::OK);
    let port = receiver.listen(&tasks).await;
    for host in ["[::ffff:127.0.0.1]", "0.0.0.0", "0", "192.168.0.1"] {
        let sink = webhook(&format!("http://{host}:{port}/"), &["10.0.0.0/8"]);
        let reason = reason(Given::message(1, b"x").to(&sink).await);
        assert!(
            reason.contains("not allowed for webhooks"),
            "{host}: {reason}"
        );
    }
    assert!(receiver.got().is_empty(), "nothing was sent");
    tasks.end().await;
}

#[tokio::test]
async fn this_machine_is_reached_by_those_who_name_it() {
    let tasks = Tasks::new();
    let receiver = Receiver::answering(|| StatusCode::OK);
    let port = receiver.listen(&tasks).await;
    for host in ["127.0.0.1", "localhost", "0x7f.1"] {
        let sink = webhook(&format!("http://{host}:{port}/"), &[]);
        let outcome = Given::message(1, b"x").to(&sink).await;
        assert_eq!(outcome, Outcome::Done, "{host}");
    }
    assert_eq!(receiver.got().len(), 3);
    tasks.end().await;
}

#[tokio::test]
async fn nobody_at_home_is_said_with_its_cause() {
    let sink = webhook("http://127.0.0.1:1/", &["127.0.0.1"]);
    let reason = reason(Given::message(1, b"x").to(&sink).await);
    assert!(reason.contains("refused"), "{reason}");
}
