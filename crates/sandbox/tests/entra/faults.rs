//! What goes wrong on demand.

use std::time::Duration;

use gatepost_sandbox::SandboxConfig;
use gatepost_sandbox::faults::{FaultKind, FaultOrder};
use gatepost_sandbox::tenant::{CLIENT_ID, MailProtocol, TokenRefused};

use crate::visitor::{Answer, EXCHANGE, Visitor};

async fn token(visitor: &Visitor) -> Answer {
    visitor
        .ask_with_secret(&[("grant_type", "client_credentials"), ("scope", EXCHANGE)])
        .await
}

fn order(visitor: &Visitor, text: &str) {
    visitor
        .sandbox
        .faults()
        .order(text.parse().expect("a well-formed order"));
}

#[tokio::test]
async fn a_throttled_app_is_told_when_to_come_back() {
    let visitor = Visitor::new().await;
    order(&visitor, &format!("throttle,app={CLIENT_ID},times=1"));
    let throttled = token(&visitor).await;
    assert_eq!(throttled.status, 429);
    assert_eq!(throttled.header("retry-after"), "1.5");
    assert_eq!(token(&visitor).await.status, 200);
}

#[tokio::test]
async fn a_fault_of_another_app_is_not_felt() {
    let visitor = Visitor::new().await;
    order(
        &visitor,
        "server-error,app=00000000-0000-4000-8000-000000000000",
    );
    assert_eq!(token(&visitor).await.status, 200);
    order(&visitor, "server-error");
    let broken = token(&visitor).await;
    assert_eq!((broken.status.as_u16(), broken.code()), (503, 90033));
    visitor.sandbox.faults().clear_all();
    assert_eq!(token(&visitor).await.status, 200);
}

#[tokio::test]
async fn a_web_page_may_stand_in_for_json() {
    let visitor = Visitor::new().await;
    order(&visitor, "html-answer,times=1");
    let answer = visitor
        .http
        .post(visitor.token_url())
        .form(&[("grant_type", "x")])
        .send()
        .await;
    let answer = answer.expect("an answer");
    assert_eq!(answer.status(), 200);
    assert!(
        answer
            .text()
            .await
            .expect("text")
            .starts_with("<!DOCTYPE html>")
    );
}

#[tokio::test]
async fn an_expired_secret_says_so() {
    let visitor = Visitor::new().await;
    order(&visitor, "secret-expired");
    let answer = token(&visitor).await;
    assert_eq!((answer.status.as_u16(), answer.code()), (401, 7_000_222));
}

#[tokio::test]
async fn tokens_from_before_an_order_expire_and_later_ones_do_not() {
    let visitor = Visitor::new().await;
    let tenant = visitor.sandbox.tenant();
    let before = token(&visitor).await;
    order(&visitor, "expire-tokens");
    let after = token(&visitor).await;
    let admit = |answer: &Answer| tenant.admit(answer.text("access_token"), MailProtocol::Imap);
    assert_eq!(admit(&before), Err(TokenRefused::Revoked));
    assert!(admit(&after).is_ok());
}

#[tokio::test]
async fn tokens_end_by_themselves() {
    let config = SandboxConfig {
        token_lifetime: Duration::ZERO,
        ..SandboxConfig::default()
    };
    let visitor = Visitor::of(config).await;
    let answer = token(&visitor).await;
    let admitted = visitor
        .sandbox
        .tenant()
        .admit(answer.text("access_token"), MailProtocol::Imap);
    assert_eq!(admitted, Err(TokenRefused::Expired));
}

#[tokio::test]
async fn a_token_for_another_resource_or_with_a_broken_signature_opens_nothing() {
    let visitor = Visitor::new().await;
    let tenant = visitor.sandbox.tenant();
    let graph = visitor
        .ask_with_secret(&[
            ("grant_type", "client_credentials"),
            ("scope", "https://graph.microsoft.com/.default"),
        ])
        .await;
    let admitted = tenant.admit(graph.text("access_token"), MailProtocol::Imap);
    assert_eq!(admitted, Err(TokenRefused::Audience));
    let good = token(&visitor).await;
    let (message, _) = good
        .text("access_token")
        .rsplit_once('.')
        .expect("three parts");
    assert_eq!(
        tenant.admit(message, MailProtocol::Imap),
        Err(TokenRefused::Foreign)
    );
    let unsigned = format!("{message}.");
    assert_eq!(
        tenant.admit(&unsigned, MailProtocol::Imap),
        Err(TokenRefused::Foreign)
    );
}

#[tokio::test]
async fn the_platforms_clock_can_be_ahead() {
    let visitor = Visitor::new().await;
    let before = token(&visitor).await;
    let at = |answer: &Answer| crate::visitor::claims(answer.text("access_token"))["iat"].as_i64();
    visitor
        .sandbox
        .faults()
        .order(FaultOrder::everywhere(FaultKind::SkewedClock));
    let after = token(&visitor).await;
    let ahead = at(&after)
        .zip(at(&before))
        .map(|(after, before)| after - before);
    assert!(ahead.is_some_and(|ahead| ahead >= 15 * 60), "{ahead:?}");
}

#[tokio::test]
async fn a_platform_that_hangs_holds_up_only_those_it_shall() {
    let visitor = Visitor::new().await;
    let stranger = "00000000-0000-4000-8000-000000000000";
    order(&visitor, &format!("hang,app={stranger}"));
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", stranger),
    ];
    tokio::select! {
        answer = visitor.ask(&form) => panic!("it should hang: {answer:?}"),
        answer = token(&visitor) => assert_eq!(answer.status, 200),
    }
}
