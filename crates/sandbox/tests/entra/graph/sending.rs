//! Mail that goes out.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use reqwest::Method;
use serde_json::{Value, json};

use super::client::{ADA, Client, Told, told};

fn to(addresses: &[&str]) -> Value {
    let all = addresses.iter();
    all.map(|address| json!({"emailAddress": {"address": address}}))
        .collect()
}

async fn send_mime(client: &Client, path: &str, mime: &str) -> Told {
    let request = client
        .request(Method::POST, path)
        .header("Content-Type", "text/plain");
    told(request.body(STANDARD.encode(mime))).await
}

/// The messages of a folder.
fn messages(client: &Client, address: &str, folder: &str) -> Vec<Bytes> {
    let mailbox = client
        .visitor
        .sandbox
        .mailboxes()
        .open(address)
        .expect("it is there");
    let folder = mailbox.find(folder).expect("it is there");
    mailbox
        .messages(folder)
        .into_iter()
        .map(|message| message.raw)
        .collect()
}

const JUN: &str = "jun.tanaka@contoso.com";
const MARTA: &str = "marta.kowalska@contoso.com";
const USER: &str = "ada.berg@contoso.com";

#[tokio::test]
async fn mime_is_delivered_octet_for_octet_and_kept() {
    let client = Client::app().await;
    let mime = "From: Ada <ada.berg@contoso.com>\r\nTo: jun.tanaka@contoso.com\r\n\
                Date: Fri, 2 Jan 2026 10:00:00 +0100\r\nMessage-ID: <own@contoso.com>\r\n\
                X-Odd:  spaced \r\n\r\nline  \r\n.\r\n\tend";
    let sent = send_mime(&client, &format!("{ADA}/sendMail"), mime).await;
    assert_eq!(
        (sent.status.as_u16(), &sent.body),
        (202, &Value::Null),
        "{sent:?}"
    );
    assert_eq!(messages(&client, JUN, "INBOX"), [mime]);
    assert_eq!(messages(&client, USER, "Sent Items"), [mime]);
    let request = client.request(Method::POST, &format!("{ADA}/sendMail"));
    let odd = told(
        request
            .header("Content-Type", "text/plain")
            .body("From: no base64"),
    )
    .await;
    assert_eq!(
        (odd.status.as_u16(), odd.code()),
        (400, "ErrorMimeContentInvalidBase64String")
    );
    assert_eq!(
        odd.text("/error/message"),
        "Invalid base64 string for MIME content."
    );
}

#[tokio::test]
async fn json_becomes_a_message_that_hides_who_was_told_blindly() {
    let client = Client::app().await;
    let message = json!({
        "subject": "Grüße\r\nBcc: eve@contoso.com",
        "body": {"contentType": "html", "content": "<p>Žluťoučký kůň</p>"},
        "toRecipients": to(&[JUN]),
        "bccRecipients": to(&[MARTA]),
        "importance": "high",
        "internetMessageHeaders": [{"name": "X-Ticket", "value": "4711"}],
        "attachments": [{
            "@odata.type": "#microsoft.graph.fileAttachment", "name": "ä.txt",
            "contentType": "text/plain", "contentBytes": STANDARD.encode("bare\nlines\n"),
        }],
    });
    let body = json!({"message": message, "saveToSentItems": false});
    assert_eq!(
        client.post(&format!("{ADA}/sendMail"), body).await.status,
        202
    );
    assert!(messages(&client, USER, "Sent Items").is_empty());
    for address in [JUN, MARTA] {
        let path = format!("/users/{address}/mailFolders/inbox/messages");
        let list = client.get(&path).await;
        assert_eq!(list.values().len(), 1);
        let one = &list.values()[0];
        assert_eq!(
            one["subject"], "Grüße  Bcc: eve@contoso.com",
            "still one line"
        );
        assert_eq!(one["bccRecipients"], json!([]));
        assert_eq!(one["importance"], "high");
        assert_eq!(one["from"]["emailAddress"]["address"], USER);
        assert!(
            one["body"]["content"]
                .as_str()
                .expect("html")
                .contains("Žluťoučký kůň")
        );
        let id = one["id"].as_str().expect("an id");
        let attached = client
            .get(&format!("/users/{address}/messages/{id}/attachments"))
            .await;
        assert_eq!(attached.text("/value/0/name"), "ä.txt");
        assert_eq!(
            attached.text("/value/0/contentBytes"),
            STANDARD.encode("bare\nlines\n")
        );
        assert_eq!(attached.body["value"][0]["size"], 11);
    }
}

#[tokio::test]
async fn who_may_send_as_whom_is_the_tenants_word() {
    let mut client = Client::ada(&["Mail.Send", "Mail.Send.Shared"]).await;
    let send = async |client: &Client, path: &str, from: &str| {
        let message = json!({
            "subject": "x", "toRecipients": to(&[JUN]),
            "from": {"emailAddress": {"address": from}},
        });
        client.post(path, json!({"message": message})).await
    };
    assert_eq!(
        send(&client, "/me/sendMail", "support@contoso.com")
            .await
            .status,
        202
    );
    assert_eq!(
        send(&client, "/me/sendMail", "invoices@contoso.com")
            .await
            .status,
        202
    );
    assert_eq!(
        send(
            &client,
            "/users/support@contoso.com/sendMail",
            "support@contoso.com"
        )
        .await
        .status,
        202
    );
    let inbox = messages(&client, JUN, "INBOX");
    let said = |at: usize, text: &str| String::from_utf8_lossy(&inbox[at]).contains(text);
    assert!(!said(0, "Sender:"), "as if support had sent it");
    assert!(
        said(1, "Sender: ada.berg@contoso.com\r\n"),
        "on behalf of invoices"
    );
    assert_eq!(
        messages(&client, "support@contoso.com", "Sent Items").len(),
        1
    );
    let denied = send(&client, "/me/sendMail", JUN).await;
    assert_eq!(
        (denied.status.as_u16(), denied.code()),
        (403, "ErrorSendAsDenied")
    );
    client.become_ada(&["Mail.ReadWrite"]);
    assert_eq!(
        send(&client, "/me/sendMail", USER).await.code(),
        "ErrorAccessDenied"
    );
}

#[tokio::test]
async fn bad_recipients_stop_a_message_before_it_leaves() {
    let client = Client::app().await;
    for recipients in [
        json!([]),
        to(&["nobody"]),
        to(&["a@b.example\r\nBcc: c@d.example"]),
    ] {
        let message = json!({"subject": "x", "toRecipients": recipients});
        let told = client
            .post(&format!("{ADA}/sendMail"), json!({"message": message}))
            .await;
        assert_eq!(
            (told.status.as_u16(), told.code()),
            (400, "ErrorInvalidRecipients")
        );
    }
    assert!(messages(&client, USER, "Sent Items").is_empty());
    let message = json!({"subject": "x", "toRecipients": to(&["lost@contoso.com"])});
    client
        .post(&format!("{ADA}/sendMail"), json!({"message": message}))
        .await;
    let report = client
        .get(&format!("{ADA}/mailFolders/inbox/messages"))
        .await;
    assert_eq!(report.text("/value/0/subject"), "Undeliverable message");
    let header = json!({"subject": "x", "internetMessageHeaders": [{"name": "Bcc", "value": "x"}]});
    let header = client.post(&format!("{ADA}/messages"), header).await;
    assert_eq!(header.code(), "InvalidInternetMessageHeader");
}

#[tokio::test]
async fn an_answer_may_lie_about_what_was_sent() {
    let client = Client::app().await;
    let message = json!({"message": {"subject": "x", "toRecipients": to(&[JUN])}});
    client.order("sent-then-timeout,times=1");
    let lost = client
        .post(&format!("{ADA}/sendMail"), message.clone())
        .await;
    assert_eq!(lost.status, 504);
    assert_eq!(
        messages(&client, JUN, "INBOX").len(),
        1,
        "it went out all the same"
    );
    client.order("gateway-timeout,times=1");
    assert_eq!(
        client
            .post(&format!("{ADA}/sendMail"), message.clone())
            .await
            .status,
        504
    );
    assert_eq!(
        messages(&client, JUN, "INBOX").len(),
        1,
        "and this one did not"
    );
    client.order("send-throttled,times=1");
    let late = client.post(&format!("{ADA}/sendMail"), message).await;
    assert_eq!(
        (late.status.as_u16(), late.header("retry-after")),
        (202, "2")
    );
    assert_eq!(messages(&client, JUN, "INBOX").len(), 2);
}

#[tokio::test]
async fn a_draft_is_written_changed_and_sent_under_one_lasting_id() {
    let client = Client::app().await;
    let lasting = |method: Method, path: &str| {
        client
            .request(method, path)
            .header("Prefer", "IdType=\"ImmutableId\"")
    };
    let given = json!({"subject": "first", "toRecipients": to(&[JUN])});
    let made = told(lasting(Method::POST, &format!("{ADA}/messages")).json(&given)).await;
    assert_eq!(
        (made.status.as_u16(), &made.body["isDraft"]),
        (201, &json!(true))
    );
    assert!(
        made.header("location")
            .ends_with(&format!("/messages('{}')", made.text("/id")))
    );
    let path = format!("{ADA}/messages/{}", made.text("/id"));
    let file = json!({
        "@odata.type": "#microsoft.graph.fileAttachment", "name": "a.bin", "contentBytes": STANDARD.encode([0, 255, 10]),
    });
    let first = client
        .post(&format!("{path}/attachments"), file.clone())
        .await;
    assert_eq!(first.status, 201, "{}", first.body);
    let mut other = file.clone();
    other["name"] = json!("b.bin");
    client.post(&format!("{path}/attachments"), other).await;
    let change = json!({"subject": "second", "ccRecipients": to(&[MARTA]), "categories": ["Mine"],
                        "body": {"contentType": "text", "content": "two\r\n"}});
    let changed = told(lasting(Method::PATCH, &path).json(&change)).await;
    assert_eq!(
        (changed.text("/id"), changed.text("/subject")),
        (made.text("/id"), "second")
    );
    assert_eq!(
        changed.text("/internetMessageId"),
        made.text("/internetMessageId")
    );
    let removed = client
        .delete(&format!("{path}/attachments/{}", first.text("/id")))
        .await;
    assert_eq!(removed.status, 204);
    let left = client.get(&format!("{path}/attachments")).await;
    assert_eq!(left.each("name"), ["b.bin"]);
    let one = format!("{path}/attachments/{}", left.text("/value/0/id"));
    let octets = client
        .request(Method::GET, &format!("{one}/$value"))
        .send()
        .await
        .expect("it answers");
    assert_eq!(
        octets.bytes().await.expect("whole"),
        [0, 255, 10].as_slice()
    );

    let sent = client
        .request(Method::POST, &format!("{path}/send"))
        .header("Content-Length", "0");
    assert_eq!(told(sent).await.status, 202);
    let there = told(lasting(Method::GET, &path)).await;
    assert_eq!(
        (there.status.as_u16(), &there.body["isDraft"]),
        (200, &json!(false))
    );
    let folder = client.get(&format!("{ADA}/mailFolders/sentitems")).await;
    assert_eq!(there.text("/parentFolderId"), folder.text("/id"));
    assert_eq!(there.body["categories"], json!(["Mine"]));
    assert_eq!(
        messages(&client, JUN, "INBOX"),
        messages(&client, MARTA, "INBOX")
    );
    assert_eq!(messages(&client, JUN, "INBOX").len(), 1);
    let twice = client.post(&format!("{path}/send"), json!({})).await;
    assert_eq!(twice.status, 400, "it is no draft any more");
}

#[tokio::test]
async fn a_draft_of_mime_is_sent_as_it_was_given() {
    let client = Client::app().await;
    let mime = "From: ada.berg@contoso.com\r\nTo: jun.tanaka@contoso.com\r\nBcc: marta.kowalska@contoso.com\r\n\
                Date: Fri, 2 Jan 2026 10:00:00 +0100\r\nMessage-ID: <d@contoso.com>\r\n\r\nexactly  \r\n";
    let made = send_mime(&client, &format!("{ADA}/messages"), mime).await;
    assert_eq!(made.status, 201, "{}", made.body);
    assert_eq!(made.text("/bccRecipients/0/emailAddress/address"), MARTA);
    let path = format!("{ADA}/messages/{}", made.text("/id"));
    assert_eq!(
        client.post(&format!("{path}/send"), json!({})).await.status,
        202
    );
    assert_eq!(messages(&client, USER, "Sent Items"), [mime]);
    let open = mime.replace("Bcc: marta.kowalska@contoso.com\r\n", "");
    let [jun, marta] = [JUN, MARTA].map(|address| messages(&client, address, "INBOX"));
    assert_eq!(jun, [open]);
    assert_eq!(marta, jun);
    let gone = client.get(&path).await;
    assert_eq!(
        gone.status, 404,
        "an id that does not last changed with the folder"
    );
}

#[tokio::test]
async fn answers_go_to_whom_they_should_and_keep_the_thread() {
    let client = Client::app().await;
    let raw = "From: Noor <noor@fabrikam.example>\r\nReply-To: desk@fabrikam.example\r\n\
               To: ada.berg@contoso.com, jun.tanaka@contoso.com\r\nCc: marta.kowalska@contoso.com\r\n\
               Subject: Re: parcel\r\nMessage-ID: <q@fabrikam.example>\r\nReferences: <p@fabrikam.example>\r\n\
               Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: text/plain\r\n\r\nWhere?\r\n\
               --x\r\nContent-Type: application/pdf; name=a.pdf\r\nContent-Disposition: attachment\r\n\r\n%PDF\r\n--x--\r\n";
    client.deliver_raw(raw, 0);
    let path = format!("{ADA}/messages/{}", client.newest().await);
    let all = client
        .post(
            &format!("{path}/createReplyAll"),
            json!({"comment": "Soon & <b>"}),
        )
        .await;
    assert_eq!(
        (all.status.as_u16(), all.text("/subject")),
        (201, "Re: parcel")
    );
    assert_eq!(
        all.body["toRecipients"].as_array().map(Vec::len),
        Some(2),
        "{}",
        all.body
    );
    assert_eq!(
        all.text("/toRecipients/0/emailAddress/address"),
        "desk@fabrikam.example"
    );
    assert_eq!(all.text("/toRecipients/1/emailAddress/address"), JUN);
    assert_eq!(all.text("/ccRecipients/0/emailAddress/address"), MARTA);
    assert!(all.text("/body/content").contains("Soon &amp; &lt;b&gt;"));
    let original = client.get(&path).await;
    assert_eq!(
        all.text("/conversationId"),
        original.text("/conversationId")
    );
    let own =
        json!({"message": {"subject": "Own", "body": {"contentType": "text", "content": "Here."}}});
    let reply = client.post(&format!("{path}/reply"), own).await;
    assert_eq!(reply.status, 202);
    let sent = String::from_utf8_lossy(&messages(&client, USER, "Sent Items")[0]).into_owned();
    assert!(
        sent.contains("In-Reply-To: <q@fabrikam.example>\r\n"),
        "{sent}"
    );
    assert!(sent.contains("<p@fabrikam.example>"), "{sent}");
    let forward = json!({"comment": "see", "toRecipients": to(&[MARTA])});
    assert_eq!(
        client
            .post(&format!("{path}/forward"), forward)
            .await
            .status,
        202
    );
    let list = client
        .get(&format!("/users/{MARTA}/mailFolders/inbox/messages"))
        .await;
    assert_eq!(list.text("/value/0/subject"), "FW: Re: parcel");
    assert_eq!(list.body["value"][0]["hasAttachments"], true);
    let nobody = client
        .post(&format!("{path}/forward"), json!({"comment": "x"}))
        .await;
    assert_eq!(nobody.code(), "ErrorInvalidRecipients");
    let drafts = messages(&client, USER, "Drafts");
    assert_eq!(drafts.len(), 1, "the one that was to be a draft");
}

#[tokio::test]
async fn the_copy_may_come_late_and_under_the_same_lasting_id() {
    let client = Client::app().await;
    let request = client.request(Method::POST, &format!("{ADA}/messages"));
    let given = json!({"subject": "late", "toRecipients": to(&[JUN])});
    let request = request
        .header("Prefer", "IdType=\"ImmutableId\"")
        .json(&given);
    let path = format!("{ADA}/messages/{}", told(request).await.text("/id"));
    client.order("sent-items-late,times=2");
    assert_eq!(
        client.post(&format!("{path}/send"), json!({})).await.status,
        202
    );
    assert_eq!(
        messages(&client, JUN, "INBOX").len(),
        1,
        "it went out at once"
    );
    assert!(messages(&client, USER, "Sent Items").is_empty());
    assert_eq!(messages(&client, USER, "Outbox").len(), 1);
    let message = json!({"message": given});
    assert_eq!(
        client
            .post(&format!("{ADA}/sendMail"), message)
            .await
            .status,
        202
    );
    let mailbox = client.visitor.sandbox.mailboxes().open(USER).expect("hers");
    let mut changes = mailbox.watch();
    while messages(&client, USER, "Sent Items").len() < 2 {
        changes.changed().await.expect("the mailbox lives");
    }
    let sent = client.get(&format!("{ADA}/mailFolders/sentitems")).await;
    assert_eq!(
        client.get(&path).await.text("/parentFolderId"),
        sent.text("/id")
    );
}

#[tokio::test]
async fn a_large_message_goes_out_and_comes_back_whole() {
    let client = Client::app().await;
    let line =
        |number| format!("{number:>8} and so on, for as long as a line may be in a mail\r\n");
    let mime: String = std::iter::once(
        "From: ada.berg@contoso.com\r\nTo: jun.tanaka@contoso.com\r\nSubject: large\r\n\
         Date: Fri, 2 Jan 2026 10:00:00 +0100\r\nMessage-ID: <large@contoso.com>\r\n\r\n"
            .to_owned(),
    )
    .chain((0..48_000).map(line))
    .collect();
    let sent = send_mime(&client, &format!("{ADA}/sendMail"), &mime).await;
    assert_eq!(sent.status, 202);
    let list = client
        .get("/users/jun.tanaka@contoso.com/mailFolders/inbox/messages?$select=id")
        .await;
    let path = format!("/users/{JUN}/messages/{}/$value", list.text("/value/0/id"));
    let got = client
        .request(Method::GET, &path)
        .send()
        .await
        .expect("it answers");
    assert!(got.bytes().await.expect("whole") == mime, "octet for octet");
}
