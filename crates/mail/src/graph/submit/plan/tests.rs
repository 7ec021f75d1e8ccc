//! What drafts are made of, for messages of many kinds.

use super::super::files::Files;
use super::*;
use crate::contract::{Letter, envelope};

const MESSAGE: &str = "From: Ada <ada@contoso.com>\r\nTo: Bob <bob@contoso.com>\r\nSubject: =?utf-8?q?M=C3=A4rz?=\r\nMessage-ID: <1@contoso.com>\r\nIn-Reply-To: <0@fabrikam.com>\r\nX-Ticket: 7\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: multipart/related; boundary=r\r\n\r\n--r\r\nContent-Type: multipart/alternative; boundary=a\r\n\r\n--a\r\n\r\nHi\r\n--a\r\nContent-Type: text/html; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n<b>M=E4rz</b>\r\n--a--\r\n--r\r\nContent-Type: image/png\r\nContent-ID: <logo>\r\nContent-Transfer-Encoding: base64\r\n\r\nAAEC\r\n--r--\r\n--b\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; filename*=utf-8''M%C3%A4rz.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\nJVBERg==\r\n--b\r\nContent-Type: text/plain\r\n\r\n1 < 2\r\n--b\r\nContent-Type: text/plain; name=notes.txt\r\n\r\nnotes\r\n\r\n--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: x\r\nContent-Type: multipart/mixed; boundary=b2\r\n\r\n--b2\r\n\r\n--b2--\r\n--b--\r\n";

fn bob() -> Envelope {
    envelope("ada@contoso.com", &["bob@contoso.com", "eve@fabrikam.com"])
}

async fn planned(message: &str) -> Result<Plan, String> {
    let mut letter = Letter::new([message.to_owned()]);
    let header = message.split("\r\n\r\n").next().expect("a header");
    let plan = Plan::of((header.as_bytes(), &mut letter), &bob()).await;
    plan.map_err(|error| match error {
        Unplanned::Unsendable(reason) => reason,
        Unplanned::Unread(error) => panic!("it can be read: {error}"),
    })
}

#[tokio::test]
async fn a_message_is_taken_apart_and_nobody_is_forgotten() {
    let plan = planned(MESSAGE).await.expect("it can be");
    let mail = &plan.mail;
    assert_eq!(mail.subject, "M\u{e4}rz");
    let html = "<b>M\u{e4}rz</b><br><pre>1 &lt; 2</pre>";
    assert_eq!(mail.body, MailBody::Html(html.to_owned()));
    assert_eq!(
        (mail.to[0].address.as_str(), mail.bcc.len()),
        ("bob@contoso.com", 1)
    );
    assert_eq!(mail.bcc[0].address, "eve@fabrikam.com");
    assert_eq!(mail.message_id.as_deref(), Some("<1@contoso.com>"));
    assert_eq!(mail.in_reply_to.as_deref(), Some("<0@fabrikam.com>"));
    assert_eq!(mail.headers, [("X-Ticket".to_owned(), "7".to_owned())]);
}

#[tokio::test]
async fn every_part_that_is_no_text_is_a_file_as_it_was_before_its_way() {
    let plan = planned(MESSAGE).await.expect("it can be");
    let pieces = MESSAGE.as_bytes().chunks(11).map(<[u8]>::to_vec);
    let mut letter = Letter::new(pieces);
    let mut files = Files::of(&mut letter);
    let expected: [(&str, &str, Option<&str>, &[u8]); 4] = [
        ("attachment-1.bin", "image/png", Some("logo"), &[0, 1, 2]),
        ("M\u{e4}rz.pdf", "application/pdf", None, b"%PDF"),
        ("notes.txt", "text/plain", None, b"notes\r\n"),
        (
            "attachment-4.eml",
            "message/rfc822",
            None,
            b"Subject: x\r\nContent-Type: multipart/mixed; boundary=b2\r\n\r\n--b2\r\n\r\n--b2--",
        ),
    ];
    assert_eq!(plan.files.len(), expected.len());
    for (planned, (name, kind, id, octets)) in plan.files.iter().zip(expected) {
        let file = &planned.file;
        assert_eq!(
            (file.name.as_str(), file.content_type.as_str()),
            (name, kind)
        );
        assert_eq!(file.content_id.as_deref(), id, "{name}");
        assert_eq!(planned.size, octets.len() as u64, "{name}");
        // The second time from its beginning.
        for _ in 0..2 {
            let mut one = files.file(planned);
            let mut found = Vec::new();
            one.begin_again().await.expect("it is there");
            while let Some(piece) = one.chunk().await.expect("it is there") {
                found.extend_from_slice(&piece);
            }
            assert_eq!(found, octets, "{name}");
        }
    }
}

#[tokio::test]
async fn small_files_behind_each_other_come_in_one_pass() {
    let plan = planned(MESSAGE).await.expect("it can be");
    let mut letter = Letter::new([MESSAGE.to_owned()]);
    let mut files = Files::of(&mut letter);
    let mut sizes = Vec::new();
    for planned in &plan.files {
        let mut one = files.file(planned);
        let mut size = 0;
        while let Some(piece) = one.chunk().await.expect("it is there") {
            size += piece.len() as u64;
        }
        sizes.push(size);
    }
    let planned = plan.files.iter().map(|planned| planned.size);
    assert_eq!(sizes, planned.collect::<Vec<_>>());
}

#[tokio::test]
async fn a_text_that_no_request_takes_is_a_file() {
    let long = "All work and no play.\r\n".repeat(60_000);
    let message = format!("To: <bob@contoso.com>\r\n\r\n{long}");
    let plan = planned(&message).await.expect("it can be");
    assert_eq!(plan.mail.body, MailBody::default());
    assert_eq!(plan.files[0].size, long.len() as u64);
    assert_eq!(plan.files[0].file.name, "attachment-1.txt");
}

#[tokio::test]
async fn what_is_signed_stays_whole() {
    for part in [
        "multipart/mixed",
        "multipart/alternative",
        "application/pdf",
    ] {
        let sealed = MESSAGE.replace(part, "multipart/signed");
        let refused = planned(&sealed).await.expect_err("it is not taken apart");
        assert!(refused.contains("signed"), "{refused}");
    }
}

#[tokio::test]
async fn what_is_sealed_as_a_whole_may_be_a_file() {
    let kind = "Content-Type: application/pkcs7-mime; name=smime.p7m\r\n\r\nx\r\n";
    let refused = planned(kind).await.expect_err("it is all of the message");
    assert!(refused.contains("signed"), "{refused}");
    let attached = MESSAGE.replace("application/pdf", "application/pkcs7-mime");
    let plan = planned(&attached).await.expect("it is a file like others");
    assert_eq!(plan.files[1].file.content_type, "application/pkcs7-mime");
}

/// Its header ends with the first line that is no field, as it does for who reads mail.
#[tokio::test]
async fn a_part_without_an_empty_line_has_a_body() {
    let line = "All work and no play.\r\n".repeat(60_000);
    let message = format!(
        "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: application/pdf\r\n{line}--b--"
    );
    let plan = planned(&message).await.expect("it has a short header");
    assert_eq!(plan.files[0].size, line.len() as u64 - 2);
}

#[tokio::test]
async fn parts_without_number_are_refused() {
    let parts = "--b\r\n\r\n".repeat(300);
    let many = format!("Content-Type: multipart/mixed; boundary=b\r\n\r\n{parts}--b--\r\n");
    let refused = planned(&many).await.expect_err("there are too many");
    assert!(refused.contains("250"), "{refused}");
}

/// `&` has five octets in HTML, and a control character six in JSON.
#[tokio::test]
async fn what_is_long_only_in_a_request_goes_as_files_too() {
    for (letter, html) in [("&", "<p>x</p>"), ("\u{1}", "x")] {
        let long = letter.repeat(900_000);
        let message = format!(
            "To: <bob@contoso.com>\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n{long}\r\n--b\r\nContent-Type: text/html\r\n\r\n{html}\r\n--b\r\nContent-Type: application/pdf\r\n\r\n%PDF\r\n--b--\r\n"
        );
        let plan = planned(&message).await.expect("it can be");
        assert_eq!(plan.mail.body, MailBody::Html(html.to_owned()));
        assert!(plan.mail.json().to_string().len() < 4_000_000);
        let sizes = plan.files.iter().map(|file| (file.part, file.size));
        assert_eq!(sizes.collect::<Vec<_>>(), [(0, 900_000), (2, 4)]);
        assert_eq!(plan.files[0].file.name, "attachment-1.txt");
    }
}

#[tokio::test]
async fn the_plain_form_stands_in_for_html_that_no_request_takes() {
    let html = format!("<p>{}</p>", "\u{1}".repeat(900_000));
    let message = format!(
        "To: <bob@contoso.com>\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\n\r\nHi\r\n--b\r\nContent-Type: text/html\r\n\r\n{html}\r\n--b--\r\n"
    );
    let plan = planned(&message).await.expect("it can be");
    assert_eq!(plan.mail.body, MailBody::Text("Hi".to_owned()));
    assert_eq!(plan.files[0].size, html.len() as u64);
    assert_eq!(plan.left_out, [""; 0]);
}

#[tokio::test]
async fn a_header_that_no_request_takes_is_refused_with_a_way_out() {
    let names = "\u{1}".repeat(700_000);
    let message = format!("To: \"{names}\" <bob@contoso.com>\r\n\r\nx\r\n");
    let refused = planned(&message).await.expect_err("it is too long");
    assert!(refused.contains("send it by SMTP"), "{refused}");
}

/// Exchange sends receipts to whoever it is from, and to nobody whose address only looks like his.
#[tokio::test]
async fn who_else_wanted_a_receipt_is_named() {
    for (wanted_by, is_left_out) in [
        ("Ada <ADA@contoso.com>", false),
        ("desk@contoso.com, ada@contoso.com", false),
        ("(her) \"Ada\" <ada@contoso.com>", false),
        ("not-ada@contoso.com", true),
        ("ada@contoso.com.example", true),
    ] {
        let message = format!(
            "From: Ada <ada@contoso.com>\r\nTo: Bob <bob@contoso.com>\r\n\
             Disposition-Notification-To: {wanted_by}\r\n\r\nHi\r\n"
        );
        let plan = planned(&message).await.expect("it can be");
        let named = "the address in Disposition-Notification-To".to_owned();
        assert_eq!(plan.left_out.contains(&named), is_left_out, "{wanted_by}");
    }
}

#[tokio::test]
async fn what_a_draft_has_a_place_for_is_kept_and_the_rest_is_named() {
    let message = "From: Ada <ada@contoso.com>, Eve <eve@contoso.com>\r\nSender: Bot <bot@contoso.com>\r\nTo: Bob <bob@contoso.com>\r\nSubject: x\r\nDate: Thu, 26 Nov 2026 08:00:00 +0000\r\nMIME-Version: 1.0\r\nX-Priority: 1 (Highest)\r\nX-MSMail-Priority: High\r\nDisposition-Notification-To: Desk <desk@contoso.com>\r\nReturn-Receipt-To: ada@contoso.com\r\nAuto-Submitted: auto-generated\r\nList-Unsubscribe: <https://contoso.com/>\r\nX-1: 1\r\nX-2: 2\r\nX-3: 3\r\nX-4: 4\r\nX-5: 5\r\nX-6: 6\r\nauto-submitted: no\r\nContent-Type: multipart/alternative; boundary=a\r\n\r\n--a\r\n\r\nHi\r\n--a\r\nContent-Type: text/html\r\n\r\n<b>Hi</b>\r\n--a--\r\n";
    let plan = planned(message).await.expect("it can be");
    assert_eq!(
        plan.left_out,
        [
            "Auto-Submitted",
            "List-Unsubscribe",
            "X-6",
            "all of From but the first",
            "the address in Disposition-Notification-To",
            "the plain text beside the HTML"
        ]
    );
    let json = plan.mail.json();
    assert_eq!(json["importance"], "high");
    let sender = &json["sender"]["emailAddress"]["address"];
    assert_eq!(sender, "bot@contoso.com");
    assert_eq!(json["isReadReceiptRequested"], true);
    assert_eq!(json["isDeliveryReceiptRequested"], true);
    let own = json["internetMessageHeaders"].as_array().map(Vec::len);
    assert_eq!(own, Some(5), "as many as Graph takes");
}

#[tokio::test]
async fn importance_is_read_as_it_is_written() {
    for (field, importance) in [
        ("Importance: High", Some("high")),
        ("Importance: low\r\nX-Priority: 1", Some("low")),
        ("X-Priority: 3", Some("normal")),
        ("X-Priority: 5 (Lowest)", Some("low")),
        ("Priority: non-urgent", Some("low")),
        ("Priority: urgent", Some("high")),
        ("Importance: very", None),
        ("X-Ticket: 1", None),
    ] {
        let plan = planned(&format!("{field}\r\n\r\nx\r\n")).await;
        let json = plan.expect("it can be").mail.json();
        assert_eq!(json["importance"].as_str(), importance, "{field}");
    }
}

#[tokio::test]
async fn an_invitation_is_not_made_a_file() {
    let part = "Content-Type: text/calendar; method=REQUEST; charset=utf-8\r\n";
    let message = MESSAGE.replace("Content-Type: image/png\r\n", part);
    let refused = planned(&message)
        .await
        .expect_err("it is no invitation any more");
    assert!(refused.contains("invitation"), "{refused}");
    let attached = format!("{part}Content-Disposition: attachment; filename=x.ics\r\n");
    let message = MESSAGE.replace("Content-Type: image/png\r\n", &attached);
    planned(&message).await.expect("it was a file");
}

/// Some programs give an id to every file, and some call what they show attached.
#[tokio::test]
async fn a_file_is_shown_where_the_text_shows_it() {
    let message = |html: &str, place: &str| {
        format!(
            "Content-Type: multipart/{place}; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n{html}\r\n--b\r\nContent-Type: image/png; name=x.png\r\nContent-Disposition: attachment\r\nContent-ID: <x@y>\r\n\r\nx\r\n--b--\r\n"
        )
    };
    for (html, place, id) in [
        ("<img src=\"cid:x@y\">", "mixed", Some("x@y")),
        ("<b>x@y</b>", "mixed", None),
        ("<b>x</b>", "related", Some("x@y")),
    ] {
        let plan = planned(&message(html, place)).await.expect("it can be");
        assert_eq!(
            plan.files[0].file.content_id.as_deref(),
            id,
            "{html} {place}"
        );
    }
}

#[tokio::test]
async fn a_name_is_no_longer_than_a_file_may_have() {
    let message = format!(
        "Content-Type: application/pdf; name=\"{}.pdf\"\r\n\r\nx\r\n",
        "x".repeat(2_000)
    );
    let plan = planned(&message).await.expect("it can be");
    let name = &plan.files[0].file.name;
    assert!(name.len() <= 255, "{name}");
    assert!(name.contains("xx.pdf"), "{name}");
}
