//! What was recoded says the same.

use mail_parser::{Message, MessageParser, MimeHeaders as _};
use proptest::prelude::*;

use super::*;
use crate::contract::Letter;

/// Recodes `message`, which comes in pieces of `size` octets.
async fn recoded_by(message: &[u8], recoding: Recoding, size: usize) -> Result<Vec<u8>, String> {
    let mut letter = Letter::new(message.chunks(size).map(<[u8]>::to_vec));
    let survey = survey(&mut letter)
        .await
        .map_err(|error| error.to_string())?;
    let recoded = SevenBit::new(&mut letter, survey, recoding).await;
    let mut recoded = recoded.map_err(|error| error.to_string())?;
    let mut octets = Vec::new();
    while let Some(chunk) = recoded.chunk().await.expect("it is read") {
        octets.extend_from_slice(&chunk);
    }
    assert_eq!(octets.len() as u64, recoded.size(), "its size is known");
    Ok(octets)
}

/// Recodes all of `message`, whose lines may end in LF; it is the same wherever it is cut.
async fn recoded(message: &str) -> String {
    let message = message.replace('\n', "\r\n");
    let whole = recoded_by(message.as_bytes(), Recoding::Both, 64 * 1024).await;
    let whole = whole.expect("nothing stands against it");
    for size in [1, 7] {
        let cut = recoded_by(message.as_bytes(), Recoding::Both, size).await;
        assert_eq!(cut.as_ref(), Ok(&whole), "by {size}");
    }
    assert!(whole.is_ascii(), "{}", String::from_utf8_lossy(&whole));
    let whole = String::from_utf8(whole).expect("ASCII");
    let longest = whole.lines().map(str::len).max();
    assert!(longest <= Some(78), "{whole}");
    whole.replace("\r\n", "\n")
}

fn parsed(octets: &str) -> Message<'_> {
    MessageParser::default().parse(octets).expect("a message")
}

#[tokio::test]
async fn a_text_becomes_quoted_printable_and_says_so() {
    let message = "Subject: x\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n\
                   Content-Transfer-Encoding: 8bit\nX-Last: y\n\nGröße = 1 \n--\n.\n";
    assert_eq!(
        recoded(message).await,
        "Subject: x\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n\
         Content-Transfer-Encoding: quoted-printable\nX-Last: y\n\n\
         Gr=C3=B6=C3=9Fe =3D 1=20\n--\n.\n"
    );
}

#[tokio::test]
async fn a_message_that_says_nothing_of_its_text_says_it_then() {
    let found = recoded("Subject: x\n\nGröße\n").await;
    assert_eq!(
        found,
        "Subject: x\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n\
         Content-Transfer-Encoding: quoted-printable\n\nGr=C3=B6=C3=9Fe\n"
    );
    let latin = recoded_by(b"Subject: x\r\n\r\n\xe9\r\n", Recoding::Both, 100).await;
    let latin = String::from_utf8(latin.expect("it is recoded")).expect("ASCII");
    assert!(latin.contains("charset=unknown-8bit\r\n"), "{latin}");
    assert!(latin.ends_with("\r\n\r\n=E9\r\n"), "{latin}");
}

#[tokio::test]
async fn only_parts_that_need_it_are_recoded_however_deep_they_are() {
    let inner = "From: <a@x.test>\nSubject: inner\nMIME-Version: 1.0\n\
                 Content-Type: multipart/alternative; boundary=abc\n\
                 Content-Transfer-Encoding: 8bit\n\n\
                 --abc\n\nplain as it is  \n--abc\nContent-Type: text/html; charset=utf-8\n\n<p>Größe</p>\n--abc--\n";
    let message = format!(
        "Subject: outer\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=\"a b\"\n\
         Content-Transfer-Encoding: binary\n\npreamble größe\n\
         --a b\nContent-Type: message/rfc822\nContent-Transfer-Encoding: 8bit\n\n{inner}\n\
         --a b  \nContent-Type: application/octet-stream; name=x\nContent-Transfer-Encoding: 8bit\n\n\
         Ünrecognisable\n--abc\n\n--a b\nContent-Transfer-Encoding: base64\n\nSGFsbG8=\n--a b--\nepilogue\n"
    );
    let found = recoded(&message).await;
    for piece in [
        "Content-Transfer-Encoding: 7bit\n\npreamble gr????e\n--a b\n",
        "Content-Type: message/rfc822\nContent-Transfer-Encoding: 7bit\n\nFrom:",
        "boundary=abc\nContent-Transfer-Encoding: 7bit\n\n--abc\n\nplain as it is  \n--abc\n",
        "Content-Transfer-Encoding: quoted-printable\n\n<p>Gr=C3=B6=C3=9Fe</p>\n--abc--\n",
        "name=x\nContent-Transfer-Encoding: base64\n\nw5xucmVjb2duaXNhYmxlDQotLWFiYw0K\n--a b\n",
        "base64\n\nSGFsbG8=\n--a b--\nepilogue\n",
    ] {
        assert!(found.contains(piece), "{piece:?} is not in {found}");
    }
    let (before, after) = (parsed(&message), parsed(&found));
    let texts = |message: &Message<'_>| -> Vec<Vec<u8>> {
        let inner = message.attachments().filter_map(|part| part.message());
        let inner = inner.flat_map(|inner| {
            let parts = inner.parts.iter().map(|part| part.contents().to_vec());
            parts.collect::<Vec<_>>()
        });
        inner.collect()
    };
    assert_eq!(texts(&after).len(), texts(&before).len());
    assert!(
        texts(&after)
            .iter()
            .any(|text| text == "<p>Größe</p>".as_bytes())
    );
}

#[tokio::test]
async fn a_signature_is_never_broken() {
    let signed = |text: &str| {
        format!(
            "Subject: x\nContent-Type: multipart/signed; boundary=s;\n protocol=\"application/pgp-signature\"\n\n\
             --s\nContent-Type: text/plain\nContent-Transfer-Encoding: 8bit\n\n{text}\n--s\n\
             Content-Type: application/pgp-signature\n\nabc\n--s--\n"
        )
    };
    let message = signed("Größe").replace('\n', "\r\n");
    let refused = recoded_by(message.as_bytes(), Recoding::Bodies, 100).await;
    let refused = refused.expect_err("it would be broken");
    assert!(
        refused.contains("is signed") && refused.contains("8BITMIME"),
        "{refused}"
    );
    let around = format!(
        "Subject: x\nContent-Type: multipart/mixed; boundary=m\n\n--m\n{}\n--m\n\nGröße\n--m--\n",
        signed("as it is")
    );
    let found = recoded(&around).await;
    assert!(found.contains(&signed("as it is")), "{found}");
    assert!(found.contains("Gr=C3=B6=C3=9Fe"), "{found}");
}

#[tokio::test]
async fn what_cannot_be_undone_is_refused() {
    for (head, word) in [
        ("Content-Transfer-Encoding: x-uuencode", "x-uuencode"),
        ("Content-Type: message/partial; id=1", "message/partial"),
        ("Content-Type: multipart/mixed", "multipart/mixed"),
    ] {
        let message = format!("Subject: x\r\n{head}\r\n\r\nGröße\r\n");
        let refused = recoded_by(message.as_bytes(), Recoding::Bodies, 100).await;
        let refused = refused.expect_err("nobody could undo it");
        assert!(refused.contains(word), "{refused}");
    }
    let deep = "Content-Type: message/rfc822\r\n\r\n".repeat(1_000);
    let refused = recoded_by(deep.as_bytes(), Recoding::Bodies, 4_096).await;
    assert!(refused.is_err_and(|error| error.contains("nested")));
}

/// It is not shown by everybody, but somebody wrote it.
/// The last line need not end.
#[tokio::test]
async fn a_last_delimiter_is_none_of_the_text_before_it() {
    let found = recoded(
        "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: image/x\n\nö\n--b--",
    )
    .await;
    assert!(found.ends_with("\n\nw7Y=\n--b--\n"), "{found}");
}

#[tokio::test]
async fn text_that_belongs_to_no_part_is_never_overwritten() {
    let head = "Subject: x\nContent-Type: multipart/mixed; boundary=x\n\n";
    for body in [
        "--y\n\nGröße\n--y--\n",
        "--x\n\nplain\n--x--\nGröße\n",
        "Größe\n--x--\n",
        "Größe",
        "--x\nContent-Type: multipart/mixed; boundary=z\n\nGröße\n--x--\n",
        "--x\nContent-Type: multipart/mixed; boundary=z\n\n--z\n\n--z--\nGröße\n--x\n\n--x--\n",
        "--x\nContent-Type: multipart/mixed; boundary=\"ö\"\n\n--ö\n\na\n--ö--\n--x--\n",
    ] {
        let message = format!("{head}{body}").replace('\n', "\r\n");
        for size in [1, 10_000] {
            let refused = recoded_by(message.as_bytes(), Recoding::Bodies, size).await;
            let refused = refused.expect_err("it would be overwritten");
            assert!(refused.contains("none of its parts"), "{refused}");
        }
    }
    let padded = "Subject: x\nContent-Type: multipart/mixed; boundary=\"x \"\n\n\
                  --x \n\nGröße\n--x --\n";
    let found = recoded(padded).await;
    assert!(found.contains("Gr=C3=B6=C3=9Fe\n--x --\n"), "{found}");
}

#[tokio::test]
async fn damaged_encodings_are_mended() {
    let found = recoded(
        "Subject: x\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\nGr=C3=B6ße\n",
    )
    .await;
    assert!(
        found.ends_with("quoted-printable\n\nGr=C3=B6=C3=9Fe\n"),
        "{found}"
    );
    let found = recoded(
        "Subject: x\nContent-Type: a/b\nContent-Transfer-Encoding: base64\n\nSGF\u{a0}sbG8=\n",
    )
    .await;
    assert!(found.ends_with("base64\n\nSGFsbG8=\n"), "{found}");
}

#[tokio::test]
async fn headers_become_ascii_and_are_read_as_before() {
    let long = "schöne Grüße aus der großen weiten Welt ".repeat(6);
    let message = format!(
        "Subject: {long}\n\
         From: \"Größe, Ada\" <ada@x.test>\n\
         To: Jörg Müller (Büro) <j@bücher.test>,\n Bob <b@x.test>, c@bücher.test\n\
         Comments: =?utf-8?B?eA==?= ö\n\
         Date: Sun, 22 Nov 2026 08:00:00 +0100 (Mitteleuropäische Zeit)\n\
         Message-ID: <1@x.test>\n\
         Content-Type: text/plain; charset=utf-8; name=\"Größe; 1.txt\"\n\
         Content-Disposition: attachment; filename=\"{}.txt\"\n\nx\n",
        "Größe".repeat(20)
    );
    let found = recoded(&message).await;
    let (before, after) = (parsed(&message), parsed(&found));
    assert_eq!(after.subject(), Some(long.trim()), "{found}");
    let name = |message: &Message<'_>| {
        message.from().and_then(|from| from.first()).map(|one| {
            (
                one.name().map(str::to_owned),
                one.address().map(str::to_owned),
            )
        })
    };
    assert_eq!(name(&after), name(&before));
    let to = after.to().expect("somebody");
    let to: Vec<_> = to.iter().map(|one| (one.name(), one.address())).collect();
    assert_eq!(
        to,
        [
            (Some("Jörg Müller (Büro)"), Some("j@xn--bcher-kva.test")),
            (Some("Bob"), Some("b@x.test")),
            (None, Some("c@xn--bcher-kva.test")),
        ],
        "{found}"
    );
    assert_eq!(
        after.header("Comments").and_then(|value| value.as_text()),
        Some("x ö")
    );
    assert_eq!(
        after.date().map(mail_parser::DateTime::to_rfc3339),
        before.date().map(mail_parser::DateTime::to_rfc3339)
    );
    assert_eq!(
        after.content_type().and_then(|kind| kind.attribute("name")),
        Some("Größe; 1.txt")
    );
    assert_eq!(after.attachment_name(), before.attachment_name());
    assert!(found.contains("Message-ID: <1@x.test>\n"));
    assert!(found.ends_with("\n\nx\n"));
}

#[tokio::test]
async fn a_name_before_the_at_is_refused_and_named() {
    for (field, word) in [
        ("To: größe@x.test", "größe@x.test in To"),
        ("Cc: Bob <größe@x.test>", "größe@x.test in Cc"),
        ("From: \"größe\"@x.test", "in From"),
        ("References: <größe@x.test>", "References"),
    ] {
        let message = format!("Subject: x\r\n{field}\r\n\r\nx\r\n");
        let refused = recoded_by(message.as_bytes(), Recoding::Headers, 100).await;
        let refused = refused.expect_err("it has no form in ASCII");
        assert!(
            refused.contains(word) && refused.contains("8BITMIME is not offered"),
            "{refused}"
        );
    }
}

/// A line that is no field begins the body, also where it is the last and has no end.
#[tokio::test]
async fn what_is_no_field_is_recoded_as_a_body() {
    for message in ["ö:", "Subject: x\r\nö:", "Subject: x\r\nö: y\r\n"] {
        let found = recoded_by(message.as_bytes(), Recoding::Both, 3).await;
        let found = String::from_utf8(found.expect("it is recoded")).expect("UTF-8");
        assert!(found.is_ascii(), "{found}");
        assert_eq!(found.contains("Subject: x\r\n"), message.len() > 3);
        let text = parsed(&found).body_text(0).expect("a text").into_owned();
        assert!(text.starts_with("ö:"), "{found}");
    }
}

#[tokio::test]
async fn a_header_that_is_no_utf_8_says_so() {
    let message = b"Subject: caf\xe9 au lait\r\n\r\nx\r\n";
    let found = recoded_by(message, Recoding::Headers, 5).await;
    let found = String::from_utf8(found.expect("it is recoded")).expect("ASCII");
    assert_eq!(
        found,
        "Subject: =?unknown-8bit?B?Y2Fm6Q==?= au lait\r\n\r\nx\r\n"
    );
}

proptest! {
    /// Whatever it is, it becomes ASCII or is refused, and is no other wherever it is cut.
    #[test]
    fn anything_is_recoded_or_refused(message in hostile(), size in 1_usize..40) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(async {
            let whole = recoded_by(&message, Recoding::Both, message.len().max(1)).await;
            let cut = recoded_by(&message, Recoding::Both, size).await;
            prop_assert_eq!(&whole, &cut);
            if let Ok(octets) = whole {
                prop_assert!(octets.is_ascii(), "{}", String::from_utf8_lossy(&octets));
            }
            Ok(())
        })?;
    }

    /// A text says the same behind its encoding.
    #[test]
    fn every_text_is_read_as_it_was(lines in prop::collection::vec("[ -~ö€\t]{0,120}", 1..8)) {
        let text = lines.join("\r\n");
        let message = format!("Content-Type: text/plain; charset=utf-8\r\n\r\nö{text}\r\n");
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let found = runtime.block_on(recoded_by(message.as_bytes(), Recoding::Bodies, 50));
        let found = String::from_utf8(found.expect("it is recoded")).expect("ASCII");
        let parsed = parsed(&found);
        prop_assert_eq!(parsed.body_text(0).expect("a text"), format!("ö{text}\r\n"));
        prop_assert!(found.lines().all(|line| line.len() <= 76));
    }
}

/// Pieces of messages in any order.
fn hostile() -> impl Strategy<Value = Vec<u8>> {
    let pieces = prop::sample::select(vec![
        &b"Content-Type: multipart/mixed; boundary=b\r\n"[..],
        b"Content-Type: multipart/signed; boundary=s\r\n",
        b"Content-Type: message/rfc822\r\n",
        b"Content-Type: text/plain; name=\"\xc3\xb6\"\r\n",
        b"Content-Transfer-Encoding: 8bit\r\n",
        b"Content-Transfer-Encoding: base64\r\n",
        b"Content-Disposition: attachment; filename=\xe9\r\n",
        b"Subject: \xc3\xb6 \xe9\r\n",
        b"To: \xc3\xb6 <a@\xc3\xb6.test>\r\n",
        b"From: (\xc3\xb6 \"<\r\n",
        b" \xc3\xb6\r\n",
        b"\r\n",
        b"--b\r\n",
        b"--b--\r\n",
        b"--s \r\n",
        b"\xc3\xb6",
        b"\xe9\r\n",
        b"plain\r\n",
        b"\r",
        b"\n",
        b":",
    ]);
    prop::collection::vec(pieces, 0..24).prop_map(|pieces| pieces.concat())
}
