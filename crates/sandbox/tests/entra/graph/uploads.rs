//! Large attachments in ranges.

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::client::{ADA, Client, Told, told};

const SIZE: usize = 3_500_000;
const MOST: usize = 2_000_000;

struct Upload {
    client: Client,
    draft: String,
    url: String,
}

async fn begin() -> Upload {
    let client = Client::app().await;
    let made = client
        .post(&format!("{ADA}/messages"), json!({"subject": "large"}))
        .await;
    let draft = format!("{ADA}/messages/{}", made.text("/id"));
    let item = json!({"AttachmentItem": {
        "attachmentType": "file", "name": "flower.bin", "size": SIZE, "contentType": "image/x-flower",
    }});
    let session = client
        .post(&format!("{draft}/attachments/createUploadSession"), item)
        .await;
    assert_eq!(session.status, 201, "{}", session.body);
    assert_eq!(session.body["nextExpectedRanges"], json!(["0-"]));
    assert!(session.text("/expirationDateTime").ends_with('Z'));
    let url = session.text("/uploadUrl").to_owned();
    Upload { client, draft, url }
}

impl Upload {
    fn put(&self, first: usize, octets: &[u8]) -> RequestBuilder {
        let last = first + octets.len() - 1;
        self.client
            .visitor
            .http
            .put(&self.url)
            .header("Content-Range", format!("bytes {first}-{last}/{SIZE}"))
            .body(octets.to_vec())
    }

    async fn progress(&self) -> Told {
        told(self.client.visitor.http.get(&self.url)).await
    }
}

fn octets() -> Vec<u8> {
    (0..SIZE)
        .map(|at| u8::try_from(at % 251).expect("small"))
        .collect()
}

#[tokio::test]
async fn ranges_make_an_attachment_octet_for_octet() {
    let upload = begin().await;
    let octets = octets();
    assert!(
        !upload
            .url
            .starts_with(&upload.client.visitor.sandbox.graph()),
        "another host"
    );
    let first = told(upload.put(0, &octets[..MOST])).await;
    assert_eq!(
        (first.status.as_u16(), &first.body["NextExpectedRanges"]),
        (200, &json!(["2000000"]))
    );
    assert!(
        first.body["ExpirationDateTime"].is_string(),
        "in capitals here"
    );
    let resumed = upload.progress().await;
    assert_eq!(resumed.body["NextExpectedRanges"], json!(["2000000"]));
    let finished = told(upload.put(MOST, &octets[MOST..])).await;
    assert_eq!(
        (finished.status.as_u16(), &finished.body),
        (201, &Value::Null)
    );
    assert!(finished.header("location").contains("/Attachments('"));
    let list = upload
        .client
        .get(&format!(
            "{}/attachments?$select=name,size,contentType",
            upload.draft
        ))
        .await;
    assert_eq!(list.values().len(), 1);
    assert_eq!(list.body["value"][0]["size"], SIZE);
    assert_eq!(list.text("/value/0/contentType"), "image/x-flower");
    assert!(list.body["value"][0].get("contentBytes").is_none());
    let path = format!(
        "{}/attachments/{}/$value",
        upload.draft,
        list.text("/value/0/id")
    );
    let got = upload
        .client
        .request(Method::GET, &path)
        .send()
        .await
        .expect("it answers");
    assert_eq!(got.headers()["content-type"], "image/x-flower");
    assert_eq!(got.bytes().await.expect("whole"), octets);
    assert_eq!(upload.progress().await.status, 404, "it is over");
}

#[tokio::test]
async fn ranges_that_do_not_fit_are_refused_and_change_nothing() {
    let upload = begin().await;
    let octets = octets();
    assert_eq!(
        told(upload.put(10, &octets[10..20])).await.status,
        416,
        "a gap"
    );
    assert_eq!(told(upload.put(0, &octets[..10])).await.status, 200);
    assert_eq!(
        told(upload.put(0, &octets[..10])).await.status,
        416,
        "once more"
    );
    let short = upload.client.visitor.http.put(&upload.url).body(vec![0; 4]);
    let short = short.header("Content-Range", format!("bytes 10-20/{SIZE}"));
    assert_eq!(
        told(short).await.status,
        400,
        "eleven octets were announced"
    );
    let without = upload.client.visitor.http.put(&upload.url).body(vec![0; 4]);
    assert_eq!(told(without).await.code(), "ErrorInvalidRange");
    let rest = told(upload.put(10, &vec![0; 3_499_990][..])).await;
    assert_eq!(rest.status, 201, "less than four megabytes at once");
    assert_eq!(upload.progress().await.status, 404, "it was all");
    let again = begin().await;
    let with_token = again.put(0, &octets[..10]).bearer_auth("secret");
    assert_eq!(told(with_token).await.status, 401);
    assert_eq!(
        told(again.client.visitor.http.delete(&again.url))
            .await
            .status,
        204
    );
    assert_eq!(again.progress().await.status, 404);
}

#[tokio::test]
async fn an_upload_expires_and_small_files_need_none() {
    let upload = begin().await;
    upload.client.order("expired-upload,times=1");
    let octets = octets();
    let expired = told(upload.put(0, &octets[..10])).await;
    assert_eq!(
        (expired.status.as_u16(), expired.code()),
        (404, "ErrorItemNotFound")
    );
    assert_eq!(upload.progress().await.status, 404);
    for (size, code) in [
        (
            2_097_151,
            "ErrorAttachmentSizeShouldNotBeLessThanMinimumSize",
        ),
        (200_000_000, "ErrorAttachmentSizeLimitExceeded"),
    ] {
        let item = json!({"AttachmentItem": {"attachmentType": "file", "name": "x", "size": size}});
        let path = format!("{}/attachments/createUploadSession", upload.draft);
        assert_eq!(upload.client.post(&path, item).await.code(), code);
    }
    let item =
        json!({"AttachmentItem": {"attachmentType": "file", "name": "x", "size": 2_097_152}});
    let path = format!("{}/attachments/createUploadSession", upload.draft);
    assert_eq!(upload.client.post(&path, item).await.status, 201);
}

#[tokio::test]
async fn an_upload_goes_on_where_it_was_after_a_bad_moment() {
    let upload = begin().await;
    let octets = octets();
    for (order, status) in [
        ("throttle", 429),
        ("server-error", 503),
        ("gateway-timeout", 504),
    ] {
        upload
            .client
            .order(&format!("{order},mailbox=ada.berg@contoso.com,times=1"));
        assert_eq!(
            told(upload.put(0, &octets[..MOST])).await.status,
            status,
            "{order}"
        );
        let progress = upload.progress().await;
        assert_eq!(
            progress.body["NextExpectedRanges"],
            json!(["0"]),
            "{order} took nothing"
        );
    }
    upload.client.order("lost-upload-answer,times=1");
    assert_eq!(told(upload.put(0, &octets[..MOST])).await.status, 504);
    assert_eq!(
        upload.progress().await.body["NextExpectedRanges"],
        json!(["2000000"]),
        "it was taken"
    );
    upload.client.order("lost-upload-answer,times=1");
    assert_eq!(told(upload.put(MOST, &octets[MOST..])).await.status, 504);
    assert_eq!(upload.progress().await.status, 404, "it is over");
    let path = format!("{}/attachments?$select=name,size", upload.draft);
    let attached = upload.client.get(&path).await;
    assert_eq!(
        (attached.values().len(), &attached.body["value"][0]["size"]),
        (1, &json!(SIZE))
    );
}
