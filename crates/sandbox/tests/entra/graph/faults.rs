//! Limits, and what goes wrong on demand.

use super::client::{Client, INBOX};

#[tokio::test]
async fn the_fifth_request_at_a_time_is_throttled() {
    let client = Client::app().await;
    client.order("slow-reply,times=4");
    let one = || client.get(INBOX);
    let told = tokio::join!(one(), one(), one(), one(), one());
    let mut all = [told.0, told.1, told.2, told.3, told.4];
    all.sort_by_key(|told| told.status);
    let statuses: Vec<u16> = all.iter().map(|told| told.status.as_u16()).collect();
    assert_eq!(statuses, [200, 200, 200, 200, 429]);
    assert_eq!(all[4].code(), "ApplicationThrottled");
    assert_eq!(all[4].header("retry-after"), "1");
    assert_eq!(one().await.status, 200);
}

#[tokio::test]
async fn each_order_strikes_as_it_is_called() {
    let client = Client::app().await;
    for (order, status, code) in [
        ("throttle", 429, "ApplicationThrottled"),
        ("server-error", 503, "serviceNotAvailable"),
        ("gateway-timeout", 504, "UnknownError"),
        ("claims-challenge", 401, "InvalidAuthenticationToken"),
    ] {
        client.order(&format!("{order},mailbox=ada.berg@contoso.com,times=1"));
        let told = client.get(INBOX).await;
        assert_eq!(
            (told.status.as_u16(), told.code()),
            (status, code),
            "{order}"
        );
        if status == 401 {
            let challenge = told.header("www-authenticate");
            assert!(
                challenge.contains("error=\"insufficient_claims\", claims=\"eyJ"),
                "{challenge}"
            );
        }
        assert_eq!(client.get(INBOX).await.status, 200, "once");
    }
    client.order("foreign-redirect,times=1");
    let led = client.get(INBOX).await;
    assert_eq!(led.status, 307);
    assert!(
        led.header("location")
            .starts_with("https://graph.microsoft.com.evil.example/v1.0/users/")
    );
}

#[tokio::test]
async fn a_policy_wants_claims_that_the_token_lacks() {
    let mut client = Client::ada(&["Mail.Read"]).await;
    client.order("require-claims");
    let told = client.get("/me/mailFolders/inbox").await;
    assert_eq!(told.status, 401);
    assert!(
        told.header("www-authenticate")
            .contains("insufficient_claims")
    );
    client.become_app_with(&["Mail.Read"]);
    assert_eq!(
        client.get(INBOX).await.status,
        200,
        "policies are for people"
    );
}

#[tokio::test]
async fn a_body_is_cut_in_the_middle() {
    let client = Client::app().await;
    client.order("cut-body,times=1");
    let response = client
        .request(reqwest::Method::GET, INBOX)
        .send()
        .await
        .expect("it begins");
    assert_eq!(response.status(), 200);
    assert!(response.bytes().await.is_err(), "and does not end");
    assert_eq!(client.get(INBOX).await.status, 200);
}
