//! Attachments, at once and in ranges, and messages that are too large for one request.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gatepost_fault::Fault as _;
use gatepost_mail::contract::{Letter, Told, envelope};
use gatepost_mail::graph::{Graph, GraphSettings, MailBody, NewAttachment, NewMail};
use gatepost_mail::{Address, Outgoing as _, SubmitOpener as _, Trace};

use crate::stand::{ADA, JUN, Stand};

/// More than two ranges of eight times 320 KiB.
const SIZE: usize = 6_000_000;

/// No two parts of it are alike.
fn octets() -> Vec<u8> {
    let octets = (0..SIZE).map(|at| u8::try_from(at / 4096 % 251).expect("below 256"));
    octets.collect()
}

fn file(name: &str) -> NewAttachment {
    NewAttachment {
        name: name.to_owned(),
        content_type: "application/octet-stream".to_owned(),
        content_id: None,
    }
}

async fn draft(graph: &Graph) -> String {
    let mail = NewMail {
        subject: "files".to_owned(),
        body: MailBody::Text("See the files.".to_owned()),
        to: vec![Address {
            name: None,
            address: JUN.to_owned(),
        }],
        ..NewMail::default()
    };
    graph.write_draft(&mail).await.expect("it is made")
}

/// The names of what hangs on a message, and its octets.
async fn hung(graph: &Graph, message: &str) -> Vec<(String, Vec<u8>)> {
    let mut hung = Vec::new();
    for one in graph.attachments(message).await.expect("they are listed") {
        let mut download = graph.download(message, &one.id).await.expect("it is there");
        let mut octets = Vec::new();
        while let Some(chunk) = download.chunk().await.expect("it comes") {
            octets.extend_from_slice(&chunk);
        }
        hung.push((one.name.unwrap_or_default(), octets));
    }
    hung
}

#[tokio::test(flavor = "multi_thread")]
async fn files_hang_on_a_draft_whatever_is_lost_on_the_way() {
    let stand = Stand::new().await;
    let ada = stand.graph(ADA);
    let octets = octets();
    for order in [
        "",
        "lost-upload-answer,times=1",
        // Also that to the last range.
        "lost-upload-answer,times=3",
        "expired-upload,times=1",
        "server-error,times=1",
    ] {
        let draft = draft(&ada).await;
        let mut small = Letter::new([&b"small"[..], b" file"]);
        ada.attach(&draft, &file("small.bin"), &mut small)
            .await
            .expect("it hangs on it");
        if !order.is_empty() {
            stand.order(order);
        }
        let (first, second) = octets.split_at(1_000_001);
        let pieces = [first.to_vec(), second.to_vec()];
        let mut large = Letter::new(pieces);
        let attached = ada.attach(&draft, &file("large.bin"), &mut large).await;
        attached.unwrap_or_else(|error| panic!("{order}: {error}"));
        stand.sandbox.faults().clear_all();
        let hung = hung(&ada, &draft).await;
        let names: Vec<&str> = hung.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["small.bin", "large.bin"], "{order}: each once");
        assert_eq!(hung[0].1, b"small file", "{order}");
        assert!(hung[1].1 == octets, "{order}: octet by octet");
    }
    stand.sandbox.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_always_expires_is_given_up() {
    let stand = Stand::new().await;
    let ada = stand.graph(ADA);
    let draft = draft(&ada).await;
    stand.order("expired-upload");
    let mut large = Letter::new([octets()]);
    let error = ada.attach(&draft, &file("large.bin"), &mut large).await;
    let error = error.expect_err("it never gets anywhere").to_string();
    assert!(error.contains("3 uploads of it expired"), "{error}");
    assert!(hung(&ada, &draft).await.is_empty());
    stand.sandbox.end().await;
}

/// The largest message that Graph takes in one request goes as it is, and one more octet makes it a
/// draft: neither is refused.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_goes_as_it_is_as_long_as_one_request_holds_it() {
    let stand = Stand::new().await;
    let head = format!(
        "From: <{ADA}>\r\nTo: <{JUN}>\r\nSubject: at the border\r\nMIME-Version: 1.0\r\n\
         Content-Type: application/octet-stream; name=a.bin\r\n\r\n"
    );
    for (more, as_it_is) in [(0, true), (1, false)] {
        let octets = usize::try_from(GraphSettings::LARGEST_MIME).expect("a few million") + more;
        let mut message = head.clone().into_bytes();
        message.resize(octets, b'x');
        let mut letter = Letter::new([message.clone()]);
        let mut told = Told::default();
        let mut session = stand.submitter(ADA).open().await.expect("it lets us in");
        let sent = session
            .submit(&envelope(ADA, &[JUN]), &mut letter, &mut told)
            .await;
        sent.expect("it is taken");
        assert_eq!(told.begun == Some(Trace::MessageId), as_it_is, "{octets}");
        let arrived = stand.folder(JUN, "Inbox");
        let arrived = arrived.last().expect("it arrived");
        assert_eq!(arrived.raw.ends_with(&message[head.len()..]), as_it_is);
    }
    assert_eq!(stand.folder(JUN, "Inbox").len(), 2);
    stand.sandbox.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_message_is_sent_with_the_same_parts() {
    let stand = Stand::new().await;
    let octets = octets();
    let lines = STANDARD.encode(&octets);
    let lines: Vec<&[u8]> = lines.as_bytes().chunks(76).collect();
    let lines = lines.join(&b"\r\n"[..]);
    let head = format!(
        "From: <{ADA}>\r\nTo: <{JUN}>\r\nSubject: large\r\nMessage-ID: <large@contoso.com>\r\n\
         MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\
         Content-Type: text/plain; charset=utf-8\r\n\r\nGr\u{fc}\u{df}e\r\n--b\r\n\
         Content-Type: application/pdf; name=a.pdf\r\nContent-Disposition: attachment\r\n\
         Content-Transfer-Encoding: base64\r\n\r\n"
    );
    let rest = "\r\n--b\r\nContent-Type: text/csv; name=b.csv\r\n\r\n1;2\r\n--b--\r\n";
    let message = [head.as_bytes(), &lines, rest.as_bytes()].concat();
    // Cut into pieces as a file is read.
    let pieces = message.chunks(65_536).map(<[u8]>::to_vec);
    let mut letter = Letter::new(pieces);
    stand.order("lost-upload-answer,times=1");
    let mut told = Told::default();
    let mut session = stand.submitter(ADA).open().await.expect("it lets us in");
    let all = envelope(ADA, &[JUN, "support@contoso.com"]);
    let receipt = session.submit(&all, &mut letter, &mut told).await;
    receipt.expect("it is taken");
    assert!(matches!(told.begun, Some(Trace::Draft { .. })));
    assert_eq!(stand.folder(ADA, "Drafts").len(), 0);
    assert_eq!(stand.folder("support@contoso.com", "Inbox").len(), 1);

    let arrived = stand.folder(JUN, "Inbox");
    assert_eq!(arrived.len(), 1);
    let content = gatepost_mail::content::Content::parse(&arrived[0].raw);
    assert_eq!(
        content.envelope().message_id.as_deref(),
        Some("large@contoso.com")
    );
    let text = content.text().expect("it has one");
    assert_eq!(text.trim(), "Gr\u{fc}\u{df}e");
    let files = content.attachments();
    let names: Vec<_> = files.iter().map(|one| one.name.as_deref()).collect();
    assert_eq!(names, [Some("a.pdf"), Some("b.csv")]);
    assert!(files[0].octets == octets, "octet by octet");

    // As if a person had sent it while its process was gone: it is compared, and not sent again.
    let Some(Trace::Draft { id }) = told.begun else {
        panic!("it was a draft: {told:?}")
    };
    for (to, code) in [
        (&[JUN, "support@contoso.com"][..], None),
        (&[JUN], Some("submission_draft_altered")),
    ] {
        let mut told = Told {
            left_draft: Some(id.clone()),
            ..Told::default()
        };
        letter.begin_again().await.expect("it is in memory");
        let all = envelope(ADA, to);
        let sent = session.submit(&all, &mut letter, &mut told);
        let sent = sent.await.map_err(|error| error.code());
        assert_eq!(sent.err(), code, "{to:?}");
        assert_eq!(stand.folder(JUN, "Inbox").len(), 1);
    }
    stand.sandbox.end().await;
}
