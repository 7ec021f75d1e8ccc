use gatepost_host::SealingKey;

use super::super::{Attached, Correspondent, Draft};
use super::*;
use crate::{Kept, Spooled as _};
use gatepost_mail::content::Content;

struct Stand {
    spool: Arc<Spool>,
    folder: tempfile::TempDir,
}

fn stand() -> Stand {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let key = Arc::new(SealingKey::new(&[7; 32]));
    let spool = Spool::open(&folder.path().join("spool"), key, Chance::seeded(1));
    Stand {
        spool: Arc::new(spool.expect("a writable folder")),
        folder,
    }
}

fn wishes() -> Wishes {
    Wishes {
        mailbox: "ada@contoso.com".to_owned(),
        recipients_in_header: true,
        ..Wishes::default()
    }
}

fn now() -> Timestamp {
    "2026-11-22T10:00:00Z".parse().expect("a literal timestamp")
}

impl Stand {
    fn begin(&self, wishes: Wishes) -> Preparation {
        let begun = Preparation::begin(wishes, &self.spool, (now(), &Chance::seeded(2)));
        begun.unwrap_or_else(|error| panic!("{error}"))
    }

    async fn prepare(&self, wishes: Wishes, text: &[u8]) -> Result<Prepared, PrepareError> {
        let mut preparation = self.begin(wishes);
        for octets in text.chunks(7) {
            if !preparation.write(octets).await? {
                break;
            }
        }
        preparation.finish().await
    }

    async fn text(&self, prepared: &Prepared) -> String {
        let message = self.spool.message(prepared.submission.message.clone());
        let mut octets = Vec::new();
        let mut stream = message.open().await.expect("it is there");
        tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut octets)
            .await
            .expect("it is whole");
        assert_eq!(octets.len() as u64, prepared.submission.letter.size);
        String::from_utf8(octets).expect("a test's text")
    }
}

/// Above: what is handed over. Below: what is sent.
#[tokio::test]
async fn only_what_is_missing_is_added() {
    let stand = stand();
    for (given, sent) in [
        (
            "From: a@x.test\nTo: b@x.test\nSubject:  odd   spaces \n\nHello\n",
            "Message-ID: <ID>\r\nDate: Sun, 22 Nov 2026 10:00:00 +0000\r\nFrom: a@x.test\r\n\
             To: b@x.test\r\nSubject:  odd   spaces \r\n\r\nHello\r\n",
        ),
        (
            "date: yesterday\r\nmessage-id: <1@x>\r\nfrom: a@x.test\r\nto: b@x.test\r\n\r\n.\r\n..\r\n",
            "date: yesterday\r\nmessage-id: <1@x>\r\nfrom: a@x.test\r\nto: b@x.test\r\n\r\n.\r\n..\r\n",
        ),
        (
            "Message-ID: <1@x>\nDate: now\nFrom: a@x.test\nBcc: b@x.test,\n c@x.test\nTo: d@x.test\n\n",
            "Message-ID: <1@x>\r\nDate: now\r\nFrom: a@x.test\r\nTo: d@x.test\r\n\r\n",
        ),
        (
            "From ada Sun Nov 22\nMessage-ID: <1@x>\nDate: now\nFrom: a@x.test\nTo: d@x.test\nno field\nbody",
            "Message-ID: <1@x>\r\nDate: now\r\nFrom: a@x.test\r\nTo: d@x.test\r\n\r\nno field\r\nbody\r\n",
        ),
        (
            "Message-ID: <1@x>\nDate: now\nFrom: a@x.test\nTo: d@x.test",
            "Message-ID: <1@x>\r\nDate: now\r\nFrom: a@x.test\r\nTo: d@x.test\r\n\r\n",
        ),
    ] {
        let prepared = stand.prepare(wishes(), given.as_bytes()).await;
        let prepared = prepared.expect(given);
        let letter = &prepared.submission.letter;
        let text = stand.text(&prepared).await;
        assert_eq!(
            text.replace(&letter.message_id, "ID"),
            sent.replace("1@x", &letter.message_id)
                .replace(&letter.message_id, "ID")
        );
        assert_eq!(letter.sender.as_deref(), Some("a@x.test"));
        assert!(!letter.eight_bit);
    }
}

#[tokio::test]
async fn everybody_gets_it_once_and_bcc_stays_secret() {
    let stand = stand();
    let given = "From: Ada <a@x.test>\nTo: B <b@x.test>, \"C, D\" <c@x.test>\nCc: B@X.test\n\
                 Bcc: Secret <s@x.test>\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\n\nHallo\n";
    let mut wishes = wishes();
    wishes.recipients = vec!["z@x.test".to_owned()];
    let prepared = stand.prepare(wishes, given.as_bytes()).await;
    let prepared = prepared.expect("a good message");
    assert_eq!(
        prepared.submission.recipients,
        ["z@x.test", "b@x.test", "c@x.test", "s@x.test"]
    );
    assert_eq!(prepared.submission.letter.subject.as_deref(), Some("Grüße"));
    assert!(!stand.text(&prepared).await.contains("s@x.test"));
}

#[tokio::test]
async fn what_cannot_be_sent_is_refused_in_words() {
    let stand = stand();
    let long = format!("From: a@x.test\nX: {}\n", "x".repeat(2 << 20));
    for (given, code, words) in [
        (
            "From: a@x.test\n\nHello",
            "recipient_missing",
            "no recipient",
        ),
        ("To: a@x.test\n\nHello", "sender_missing", "no sender"),
        (
            "From: a@x.test\nTo: nobody\n\n",
            "address_invalid",
            "\"nobody\"",
        ),
        ("From: nobody\nTo: a@x.test\n\n", "address_invalid", "From"),
        ("", "sender_missing", "no sender"),
        (&long, "message_too_long", "1048576"),
    ] {
        let refused = stand.prepare(wishes(), given.as_bytes()).await;
        let error = refused.map(|_| ()).expect_err(code);
        assert_eq!(gatepost_fault::Fault::code(&error), code);
        assert!(error.to_string().contains(words), "{error}");
    }
    for bad in ["a@x.test>\r\nRCPT TO:<b", "a b@x.test", "@x.test", ""] {
        let wishes = Wishes {
            recipients: vec![bad.to_owned()],
            ..wishes()
        };
        let begun = Preparation::begin(wishes, &stand.spool, (now(), &Chance::seeded(2)));
        assert!(
            matches!(begun, Err(PrepareError::Address { .. })),
            "{bad:?}"
        );
    }
    let left = std::fs::read_dir(stand.folder.path().join("spool"));
    assert_eq!(left.expect("it is there").count(), 0, "nothing is kept");
}

#[tokio::test]
async fn a_large_message_goes_to_a_file_and_keeps_its_octets() {
    let stand = stand();
    let body = "äöü 0123456789\r\n".repeat(200_000);
    let given =
        format!("Message-ID: <1@x>\r\nDate: now\r\nFrom: a@x.test\r\nTo: b@x.test\r\n\r\n{body}");
    let mut preparation = stand.begin(wishes());
    for octets in given.as_bytes().chunks(100_000) {
        assert!(preparation.write(octets).await.expect("it fits"));
    }
    let prepared = preparation.finish().await.expect("it fits");
    assert!(matches!(prepared.submission.message, Kept::File { .. }));
    assert!(prepared.submission.letter.eight_bit);
    assert!(stand.text(&prepared).await == given, "the octets differ");
}

#[tokio::test]
async fn the_same_wish_has_the_same_digest() {
    let stand = stand();
    let digest = async |wishes: Wishes, text: &str| {
        let prepared = stand.prepare(wishes, text.as_bytes()).await;
        prepared.expect("a good message").submission.digest
    };
    let text = "From: a@x.test\nTo: b@x.test\n\nHello\n";
    let first = digest(wishes(), text).await;
    assert_eq!(
        digest(wishes(), text).await,
        first,
        "though its Message-ID differs"
    );
    assert_ne!(
        digest(wishes(), &text.replace("Hello", "hello")).await,
        first
    );
    let mut other = wishes();
    other.recipients.push("c@x.test".to_owned());
    assert_ne!(digest(other, text).await, first);
}

#[tokio::test]
async fn a_draft_is_read_as_it_was_meant() {
    let stand = stand();
    let path = stand.folder.path().join("Rechnung März.pdf");
    let content: Vec<u8> = (0..200_000_u32)
        .map(|number| number.to_le_bytes()[0])
        .collect();
    std::fs::write(&path, &content).expect("a writable folder");
    let draft = Draft {
        from: Correspondent::parse("Ada Lovelace <ada@contoso.com>"),
        to: vec![Correspondent::parse("\"Müller, Jürgen\" <j@x.test>")],
        bcc: vec![Correspondent::parse("s@x.test")],
        subject: Some("Grüße aus Köln: ".to_owned() + &"lang ".repeat(30)),
        text: Some("Hallo Jürgen,\n\nanbei die Rechnung.\n".to_owned()),
        html: Some("<p>Hallo Jürgen</p>".to_owned()),
        fields: vec![("X-Ticket".to_owned(), "4711".to_owned())],
        answers: vec!["1@x.test".to_owned(), "2@x.test".to_owned()],
        attachments: vec![Attached {
            path,
            name: "Rechnung März.pdf".to_owned(),
        }],
        ..Draft::default()
    };
    let mut texts = Vec::new();
    for _ in 0..2 {
        let mut preparation = stand.begin(wishes());
        let written = draft.write_to(&mut preparation).await;
        written.expect("everything can be read");
        let prepared = preparation.finish().await.expect("a good message");
        assert_eq!(prepared.submission.recipients, ["j@x.test", "s@x.test"]);
        texts.push(stand.text(&prepared).await);
    }
    assert_eq!(texts[0], texts[1], "the same parts make the same octets");
    let text = &texts[0];
    assert!(
        text.is_ascii()
            && text
                .split("\r\n")
                .all(|line| line.len() <= 998 && !line.contains('\n'))
    );
    let read = Content::parse(text.as_bytes());
    let envelope = gatepost_mail::content::envelope(text.as_bytes());
    assert_eq!(
        envelope.subject.as_deref().map(str::trim),
        draft.subject.as_deref().map(str::trim)
    );
    assert_eq!(envelope.to[0].name.as_deref(), Some("Müller, Jürgen"));
    assert_eq!(envelope.in_reply_to.as_deref(), Some("2@x.test"));
    assert_eq!(envelope.references, ["1@x.test", "2@x.test"]);
    assert!(text.contains("X-Ticket: 4711\r\n"));
    let attachments = read.attachments();
    assert_eq!(attachments[0].name.as_deref(), Some("Rechnung März.pdf"));
    assert!(attachments[0].octets == content, "the attachment differs");
    assert!(
        read.text()
            .is_some_and(|text| text.contains("anbei die Rechnung"))
    );
}

#[tokio::test]
async fn no_part_of_a_draft_writes_a_field() {
    let stand = stand();
    let good = || Draft {
        from: Correspondent::parse("ada@contoso.com"),
        to: vec![Correspondent::parse("b@x.test")],
        ..Draft::default()
    };
    let bad = "x\r\nBcc: evil@x.test".to_owned();
    let person = Correspondent {
        name: Some(bad.clone()),
        address: "b@x.test".to_owned(),
    };
    for draft in [
        Draft {
            subject: Some(bad.clone()),
            ..good()
        },
        Draft {
            to: vec![person],
            ..good()
        },
        Draft {
            fields: vec![("X-Ticket".to_owned(), bad.clone())],
            ..good()
        },
        Draft {
            fields: vec![("X: y\r\nBcc".to_owned(), "x".to_owned())],
            ..good()
        },
        Draft {
            answers: vec![bad.clone()],
            ..good()
        },
        Draft {
            to: vec![Correspondent {
                name: None,
                address: bad.clone(),
            }],
            ..good()
        },
        Draft {
            attachments: vec![Attached {
                path: stand.folder.path().join("any"),
                name: "a\r\nBcc: evil@x.test\r\n.pdf".to_owned(),
            }],
            ..good()
        },
    ] {
        let mut preparation = stand.begin(wishes());
        let error = draft.write_to(&mut preparation).await;
        let error = error.expect_err("it would write a field").to_string();
        if !draft.attachments.is_empty() {
            let which = r#"the name of the attachment "a\r\nBcc: evil@x.test\r\n.pdf" holds"#;
            assert!(error.starts_with(which), "{error}");
        }
    }
}

/// A second one makes a message that Exchange refuses, or that is read otherwise than it was meant.
#[tokio::test]
async fn no_field_of_a_draft_is_there_twice() {
    let stand = stand();
    let fields = |fields: &[(&str, &str)]| {
        let fields = fields.iter();
        let fields = fields.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Draft {
            from: Correspondent::parse("ada@contoso.com"),
            to: vec![Correspondent::parse("b@x.test")],
            fields: fields.collect(),
            ..Draft::default()
        }
    };
    let answer = Draft {
        answers: vec!["1@x.test".to_owned()],
        ..fields(&[("references", "<2@x.test>")])
    };
    for (draft, words) in [
        (
            fields(&[("From", "evil@x.test")]),
            "From is written by Gatepost: say who sends",
        ),
        (
            fields(&[("BCC", "evil@x.test")]),
            "BCC is written by Gatepost: say who gets",
        ),
        (fields(&[("Subject", "two")]), "with --subject"),
        (
            fields(&[("Content-Type", "text/html")]),
            "with --text, --html",
        ),
        (
            fields(&[("MIME-Version", "1.0")]),
            "the same in every message",
        ),
        (answer, "references is written by Gatepost"),
        (
            fields(&[
                ("Reply-To", "a@x.test"),
                ("X-A", "1"),
                ("reply-to", "b@x.test"),
            ]),
            "reply-to is there twice",
        ),
    ] {
        let mut preparation = stand.begin(wishes());
        let error = draft.write_to(&mut preparation).await;
        let error = error.expect_err("it would be there twice");
        assert_eq!(gatepost_fault::Fault::code(&error), "header_invalid");
        assert!(error.to_string().contains(words), "{error}");
    }
    let draft = fields(&[
        ("X-Tag", "1"),
        ("X-Tag", "2"),
        ("Reply-To", "a@x.test"),
        ("References", "<1@x.test>"),
        ("Content-Language", "de"),
    ]);
    let mut preparation = stand.begin(wishes());
    let written = draft.write_to(&mut preparation).await;
    written.expect("these may be there");
}

/// A name stays a name: neither a path nor what would end the parameter gets further.
#[tokio::test]
async fn an_odd_name_of_an_attachment_stays_one() {
    let stand = stand();
    let path = stand.folder.path().join("any");
    std::fs::write(&path, "content").expect("a writable folder");
    for name in [
        "../../etc/passwd",
        "..\\x.exe",
        "\"; filename=\"evil.exe",
        "semi;colon=1.txt",
        "Zählung \u{202e}fdp.exe",
        "%2e%2e%2fx",
        "",
    ] {
        let draft = Draft {
            from: Correspondent::parse("ada@contoso.com"),
            to: vec![Correspondent::parse("b@x.test")],
            attachments: vec![Attached {
                path: path.clone(),
                name: name.to_owned(),
            }],
            ..Draft::default()
        };
        let mut preparation = stand.begin(wishes());
        let written = draft.write_to(&mut preparation).await;
        written.expect("it can be read");
        let prepared = preparation.finish().await.expect("a good message");
        let text = stand.text(&prepared).await;
        let read = Content::parse(text.as_bytes());
        let attachments = read.attachments();
        let [attachment] = &attachments[..] else {
            panic!("one part is attached: {text}")
        };
        assert_eq!(attachment.octets, b"content");
        // Who reads it takes the last level of a path, if any.
        let found = attachment.name.clone().unwrap_or_default();
        assert!(!found.contains(['/', '\r', '\n']), "{name:?}: {found:?}");
        assert!(
            !found.contains("evil") || name == found,
            "{name:?}: {found:?}"
        );
        let header = text.split("\r\n\r\n").next().unwrap_or_default();
        assert!(!header.contains("evil"), "{text}");
    }
}

/// No message is larger than Exchange Online lets a tenant allow.
#[tokio::test]
async fn what_is_too_large_is_refused_while_it_comes() {
    let stand = stand();
    let mut preparation = stand.begin(wishes());
    let head = b"From: a@x.test\r\nTo: b@x.test\r\n\r\n";
    assert!(preparation.write(head).await.expect("it fits"));
    let line = [&[b'x'; 998][..], b"\r\n"].concat();
    let block = line.repeat(1_000);
    let mut written = head.len();
    let refused = loop {
        match preparation.write(&block).await {
            Ok(more) => assert!(more),
            Err(error) => break error,
        }
        written += block.len();
        assert!(written <= 150 * 1024 * 1024, "it is too large by now");
    };
    assert!(written > 149 * 1024 * 1024, "{written} octets would fit");
    assert_eq!(gatepost_fault::Fault::code(&refused), "message_too_long");
    assert!(refused.to_string().contains("157286400"), "{refused}");
    drop(preparation);
    let left = std::fs::read_dir(stand.folder.path().join("spool"));
    assert_eq!(left.expect("it is there").count(), 0, "nothing is kept");
}

/// What cron calls itself is no address; the mailbox stands for it.
#[tokio::test]
async fn a_user_of_this_machine_is_no_sender_elsewhere() {
    let stand = stand();
    let wishes = || Wishes {
        from: Some("\"CronDaemon\" <ada@contoso.com>".to_owned()),
        ..wishes()
    };
    let given = "From: root (Cron Daemon)\nTo: b@x.test\nSubject: ran\n\nx\n";
    let prepared = stand.prepare(wishes(), given.as_bytes()).await;
    let prepared = prepared.expect("cron writes so");
    let sender = prepared.submission.letter.sender.clone();
    assert_eq!(sender.as_deref(), Some("ada@contoso.com"));
    let text = stand.text(&prepared).await;
    assert!(!text.contains("root"), "{text}");
    assert!(
        text.contains("From: \"CronDaemon\" <ada@contoso.com>\r\n"),
        "{text}"
    );
    let given = "From: Web <web@contoso.com>\nTo: b@x.test\n\nx\n";
    let prepared = stand.prepare(wishes(), given.as_bytes()).await;
    let text = stand.text(&prepared.expect("a good message")).await;
    assert!(text.contains("From: Web <web@contoso.com>\r\n"), "{text}");
}

#[tokio::test]
async fn failures_are_told_to_whom_the_sender_says() {
    let stand = stand();
    let given = "From: Web <web@contoso.com>\nTo: b@x.test\n\nx\n";
    for (sender, expected) in [
        (ReturnTo::From, Some("web@contoso.com")),
        (
            ReturnTo::Address("ops@contoso.com".to_owned()),
            Some("ops@contoso.com"),
        ),
        (ReturnTo::Nobody, None),
    ] {
        let wishes = Wishes { sender, ..wishes() };
        let prepared = stand.prepare(wishes, given.as_bytes()).await;
        let prepared = prepared.expect("a good message");
        assert_eq!(prepared.submission.letter.sender.as_deref(), expected);
        let text = stand.text(&prepared).await;
        assert!(text.contains("From: Web <web@contoso.com>\r\n"), "{text}");
    }
}
