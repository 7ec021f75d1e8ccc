//! Many requests in one.

use serde_json::{Value, json};

use super::client::{ADA, Client, INBOX};

#[tokio::test]
async fn each_request_of_a_batch_has_its_own_answer() {
    let client = Client::app().await;
    client.deliver("one", 0);
    let id = client.newest().await;
    let requests = json!({"requests": [
        {"id": "a", "method": "PATCH", "url": format!("{ADA}/messages/{id}"), "body": {"isRead": true},
         "headers": {"Content-Type": "application/json"}},
        {"id": "b", "method": "GET", "url": format!("{INBOX}/messages?$select=isRead"), "dependsOn": ["a"]},
        {"id": "c", "method": "GET", "url": format!("{ADA}/messages/{id}/$value")},
        {"id": "d", "method": "GET", "url": "/users/board@contoso.com/messages"},
        {"id": "e", "method": "GET", "url": ADA, "dependsOn": ["d"]},
    ]});
    let told = client.post("/$batch", requests).await;
    assert_eq!(told.status, 200, "{}", told.body);
    let all = told.body["responses"].as_array().expect("responses");
    let of = |id: &str| -> &Value { all.iter().find(|one| one["id"] == id).expect("answered") };
    let statuses: Vec<u64> = ["a", "b", "c", "d", "e"]
        .map(|id| of(id)["status"].as_u64().expect("a number"))
        .to_vec();
    assert_eq!(statuses, [200, 200, 200, 403, 424]);
    assert_eq!(of("b")["body"]["value"][0]["isRead"], true);
    assert!(
        of("c")["body"]
            .as_str()
            .expect("base64")
            .starts_with("RnJvbTog")
    );
    assert_eq!(of("d")["body"]["error"]["code"], "ErrorAccessDenied");
    assert_ne!(all[0]["id"], "a", "in any order");
}

#[tokio::test]
async fn requests_of_a_batch_are_throttled_one_by_one() {
    let client = Client::app().await;
    client.order("throttle,times=1");
    let request = |id: &str| json!({"id": id, "method": "GET", "url": INBOX});
    let told = client
        .post("/$batch", json!({"requests": [request("1"), request("2")]}))
        .await;
    let all = told.body["responses"].as_array().expect("responses");
    let mut statuses: Vec<u64> = all
        .iter()
        .filter_map(|one| one["status"].as_u64())
        .collect();
    statuses.sort_unstable();
    assert_eq!((told.status.as_u16(), statuses), (200, vec![200, 429]));
    let refused = all
        .iter()
        .find(|one| one["status"] == 429)
        .expect("one was");
    assert_eq!(refused["headers"]["retry-after"], "1.5");
}

#[tokio::test]
async fn a_malformed_batch_is_refused_as_a_whole() {
    let client = Client::app().await;
    let request = |id: usize| json!({"id": id.to_string(), "method": "GET", "url": INBOX});
    let many: Vec<Value> = (0..21).map(request).collect();
    for body in [
        json!({"requests": many}),
        json!({"requests": []}),
        json!({"requests": [request(1), request(1)]}),
        json!({"requests": [{"id": "1", "method": "GET"}]}),
        json!({"requests": [{"id": "1", "method": "GET", "url": INBOX, "dependsOn": ["9"]}]}),
    ] {
        assert_eq!(
            client.post("/$batch", body.clone()).await.status,
            400,
            "{body}"
        );
    }
}
