//! Filters, orders and searches.

use serde_json::json;

use super::client::{ADA, Client, INBOX, told};

async fn subjects(client: &Client, query: &str) -> Vec<String> {
    let pages = client
        .pages(&format!("{INBOX}/messages?{query}&$select=subject&$top=2"))
        .await;
    for page in &pages {
        assert_eq!(page.status, 200, "{query}: {}", page.body);
    }
    pages
        .iter()
        .flat_map(|page| page.each("subject"))
        .map(str::to_owned)
        .collect()
}

async fn stocked() -> Client {
    let client = Client::app().await;
    for (at, subject) in ["Bill 1", "Pizza", "Bill 2", "bill 3", "Re: Pizza"]
        .iter()
        .enumerate()
    {
        client.deliver(subject, i64::try_from(at).expect("small") * 60);
    }
    client
}

#[tokio::test]
async fn filters_choose_and_pages_follow() {
    let client = stocked().await;
    let newest = client.newest().await;
    client
        .patch(&format!("{ADA}/messages/{newest}"), json!({"isRead": true}))
        .await;
    for (query, expected) in [
        (
            "$filter=startswith(subject,'bill')",
            vec!["bill 3", "Bill 2", "Bill 1"],
        ),
        (
            "$filter=contains(subject,'pizza') and isRead eq false",
            vec!["Pizza"],
        ),
        (
            "$filter=receivedDateTime ge 2026-01-02T12:03:00Z",
            vec!["Re: Pizza", "bill 3"],
        ),
        (
            "$filter=receivedDateTime lt 2026-01-02T12:01:00Z",
            vec!["Bill 1"],
        ),
        (
            "$filter=internetMessageId eq '<60@fabrikam.example>'",
            vec!["Pizza"],
        ),
        (
            "$filter=from/emailAddress/address eq 'NOOR@fabrikam.example' and isRead eq true",
            vec!["Re: Pizza"],
        ),
        (
            "$orderby=receivedDateTime",
            vec!["Bill 1", "Pizza", "Bill 2", "bill 3", "Re: Pizza"],
        ),
        (
            "$orderby=subject desc",
            vec!["Re: Pizza", "Pizza", "bill 3", "Bill 2", "Bill 1"],
        ),
        (
            "$filter=receivedDateTime gt 2026-01-02T12:00:00Z and contains(subject,'bill')&$orderby=receivedDateTime asc",
            vec!["Bill 2", "bill 3"],
        ),
    ] {
        assert_eq!(subjects(&client, query).await, expected, "{query}");
    }
    let counted = client
        .get(&format!(
            "{INBOX}/messages?$filter=isRead eq false&$count=true&$top=1"
        ))
        .await;
    assert_eq!(counted.body["@odata.count"], 4);
    let bare = client
        .get(&format!("{INBOX}/messages/$count?$filter=isRead eq false"))
        .await;
    assert_eq!(bare.body, 4);
}

#[tokio::test]
async fn what_exchange_finds_too_complex_is_refused() {
    let client = stocked().await;
    let refused = async |query: &str| {
        let told = client.get(&format!("{INBOX}/messages?{query}")).await;
        assert_eq!(told.status, 400, "{query}");
        told.code().to_owned()
    };
    let order = "$filter=isRead eq false&$orderby=receivedDateTime desc";
    assert_eq!(refused(order).await, "InefficientFilter");
    for query in [
        "$filter=nothing eq 1",
        "$filter=isRead eq",
        "$search=\"x\"&$filter=isRead eq true",
        "$search=\"planet:mars\"",
        "$orderby=size",
    ] {
        assert_eq!(refused(query).await, "RequestBroker--ParseUri", "{query}");
    }
}

#[tokio::test]
async fn searches_find_words_and_properties() {
    let client = stocked().await;
    for (search, expected) in [
        ("pizza", vec!["Re: Pizza", "Pizza"]),
        (
            "\"subject:bill from:noor\"",
            vec!["bill 3", "Bill 2", "Bill 1"],
        ),
        ("\"bill NOT 2\"", vec!["bill 3", "Bill 1"]),
        (
            "\"received>=2026-01-02 AND to:ada.berg\"",
            vec!["Re: Pizza", "bill 3", "Bill 2", "Pizza", "Bill 1"],
        ),
        ("\"hasAttachments:true\"", vec![]),
        ("\"\\\"It is Bill 2\\\"\"", vec!["Bill 2"]),
    ] {
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("$search", search)
            .finish();
        assert_eq!(subjects(&client, &query).await, expected, "{search}");
    }
}

#[tokio::test]
async fn ten_thousand_messages_are_paged_in_a_time_that_grows_with_them() {
    let client = Client::app().await;
    for number in 0..10_000 {
        client.deliver(&format!("{number}"), number);
    }
    let pages = client
        .pages(&format!("{INBOX}/messages?$select=id&$top=1000"))
        .await;
    let mut ids: Vec<&str> = pages.iter().flat_map(|page| page.each("id")).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!((pages.len(), ids.len()), (10, 10_000));
}

#[tokio::test]
async fn ids_are_translated_one_into_the_other() {
    let client = stocked().await;
    let id = client.newest().await;
    let translate = async |ids: &[&str], from: &str, to: &str| {
        let body = json!({"inputIds": ids, "sourceIdType": from, "targetIdType": to});
        client
            .post(&format!("{ADA}/translateExchangeIds"), body)
            .await
    };
    let lasting = translate(&[&id, "AAMkAA"], "restId", "restImmutableEntryId").await;
    assert_eq!(
        lasting.text("/value/1/errorDetails/code"),
        "ErrorInvalidIdMalformed"
    );
    let target = lasting.text("/value/0/targetId");
    let back = translate(&[target], "restImmutableEntryId", "restId").await;
    assert_eq!(back.text("/value/0/targetId"), id);
    let request = client.request(reqwest::Method::GET, &format!("{ADA}/messages/{target}"));
    let found = told(request.header("Prefer", "IdType=\"ImmutableId\"")).await;
    assert_eq!(found.text("/id"), target);
}

#[tokio::test]
async fn attachments_are_shown_with_their_message_on_request() {
    let client = Client::app().await;
    let raw = "Subject: x\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nhi\r\n--b\r\n\
               Content-Type: message/rfc822\r\nContent-Disposition: attachment; filename=in.eml\r\n\r\nSubject: inner\r\n\r\nbody\r\n\
               --b\r\nContent-Type: image/png\r\nContent-ID: <pic>\r\nContent-Disposition: inline; filename=\"../p.png\"\r\n\
               Content-Transfer-Encoding: base64\r\n\r\niVBORw0K\r\n--b--\r\n";
    client.deliver_raw(raw, 0);
    let list = client
        .get(&format!(
            "{INBOX}/messages?$expand=attachments&$select=hasAttachments"
        ))
        .await;
    let all = &list.body["value"][0]["attachments"];
    assert_eq!(all[0]["@odata.type"], "#microsoft.graph.itemAttachment");
    assert_eq!(
        (&all[0]["name"], all[0].get("contentBytes")),
        (&json!("in.eml"), None)
    );
    assert_eq!(all[1]["@odata.type"], "#microsoft.graph.fileAttachment");
    assert_eq!(
        (&all[1]["contentId"], &all[1]["isInline"]),
        (&json!("pic"), &json!(true))
    );
    assert_eq!(
        (&all[1]["contentBytes"], &all[1]["name"]),
        (&json!("iVBORw0K"), &json!("../p.png"))
    );
    let (id, inner) = (
        list.text("/value/0/id"),
        all[0]["id"].as_str().expect("an id"),
    );
    let path = format!("{ADA}/messages/{id}/attachments/{inner}/$value");
    let mime = client
        .request(reqwest::Method::GET, &path)
        .send()
        .await
        .expect("it answers");
    assert_eq!(
        mime.bytes().await.expect("whole"),
        "Subject: inner\r\n\r\nbody"
    );
    let missing = client
        .get(&format!("{ADA}/messages/{id}/attachments/{id}"))
        .await;
    assert_eq!(missing.code(), "ErrorInvalidIdMalformed");
}

#[tokio::test]
async fn exchange_knows_times_more_exactly_than_it_shows_them() {
    let client = Client::app().await;
    let mailboxes = client.visitor.sandbox.mailboxes();
    let at = "2026-01-02T12:00:00.5Z".parse().expect("a time");
    mailboxes
        .deliver("ada.berg@contoso.com", "Subject: half\r\n\r\n", at)
        .expect("hers");
    let list = client.get(&format!("{INBOX}/messages")).await;
    assert_eq!(
        list.text("/value/0/receivedDateTime"),
        "2026-01-02T12:00:00Z"
    );
    let after = "$filter=receivedDateTime gt 2026-01-02T12:00:00Z";
    assert_eq!(subjects(&client, after).await, ["half"], "once more");
    let until = "$filter=receivedDateTime le 2026-01-02T12:00:00Z";
    assert!(subjects(&client, until).await.is_empty());
}
