use proptest::prelude::*;
use tokio_util::sync::CancellationToken;

use super::*;

fn guest() -> Guest {
    Guest {
        password: None,
        login: "printer3".to_owned(),
        mailbox: "support@contoso.com".to_owned(),
        senders: vec!["support@contoso.com".to_owned()],
        revoked: CancellationToken::new(),
        presence: crate::admission::Presence::default(),
    }
}

fn applied(header: &str, rewrite_from: bool) -> Result<String, Refused> {
    let guest = guest();
    let rules = Rules {
        guest: &guest,
        rewrite_from,
    };
    let applied = rules.apply(header.as_bytes().to_vec())?;
    Ok(String::from_utf8(applied).expect("it stays text"))
}

#[test]
fn a_header_ends_before_its_empty_line_however_it_is_cut() {
    for (message, header, rest) in [
        ("A: b\r\n\r\nbody", "A: b\r\n", "\r\nbody"),
        ("A: b\n\nbody", "A: b\r\n", "\r\nbody"),
        ("A: b\r\rbody", "A: b\r\n", "\r\nbody"),
        ("A: b\rC: d\r\n\n", "A: b\r\nC: d\r\n", "\r\n"),
        ("\r\nbody", "", "\r\nbody"),
        ("\nbody", "", "\r\nbody"),
        ("\rbody", "", "\r\nbody"),
    ] {
        for size in 1..message.len() {
            let mut beginning = Beginning::default();
            let mut pieces = message.as_bytes().chunks(size);
            let complete = pieces.any(|piece| beginning.push(piece).expect("it is short"));
            assert!(complete, "{message:?} in pieces of {size}");
            let (head, mut tail) = beginning.split();
            assert_eq!(String::from_utf8(head).expect("text"), header);
            tail.extend(pieces.flatten());
            let tail = String::from_utf8(tail).expect("text");
            assert_eq!(tail, rest, "{message:?} in pieces of {size}");
        }
    }
}

#[test]
fn a_from_behind_a_bare_cr_is_seen() {
    for header in [
        "Subject: x\rFrom: ceo@contoso.com\r\nTo: x@y.example\r\n\r\n",
        "From: support@contoso.com\rFrom: ceo@contoso.com\r\n\r\n",
        "Subject: x\rFrom: ceo@contoso.com\r",
    ] {
        let mut beginning = Beginning::default();
        beginning.push(header.as_bytes()).expect("it is short");
        let (header, _) = beginning.split();
        let header = String::from_utf8(header).expect("it stays text");
        let refused = applied(&header, false).expect_err("the ceo is somebody else");
        assert_eq!(refused.why, Why::Sender);
        let rewritten = applied(&header, true).expect("it is rewritten");
        assert!(!rewritten.contains("ceo@contoso.com>"), "{rewritten}");
        assert!(rewritten.contains("<support@contoso.com>"), "{rewritten}");
        assert!(!rewritten.replace("\r\n", "").contains('\r'));
    }
}

#[test]
fn a_header_without_an_end_is_bounded() {
    let mut beginning = Beginning::default();
    let line = b"X: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n".repeat(1000);
    let refused = (0..100).find_map(|_| beginning.push(&line).err());
    assert_eq!(refused.expect("it is too long").why, Why::Content);
}

#[test]
fn what_may_be_sent_stays_as_it_is() {
    for header in [
        "From: Support <Support@contoso.com>\r\nTo: a@x.test\r\n",
        "Subject: x\r\nfrom :\r\n support@contoso.com\r\n",
        "To: a@x.test\r\n",
        "",
    ] {
        assert_eq!(applied(header, false).expect("it may"), header);
        assert_eq!(applied(header, true).expect("it may"), header);
    }
}

#[test]
fn what_may_not_is_refused_or_rewritten_with_its_name() {
    for (from, rewritten) in [
        (
            "From: Scanner 3 <scan@old.local>\r\n",
            "From: \"Scanner 3\" <support@contoso.com>\r\n",
        ),
        (
            "From: scan@old.local\r\n",
            "From: \"scan\" <support@contoso.com>\r\n",
        ),
        (
            "From: \"scan@old.local\" <scan@old.local>\r\n",
            "From: \"scan\" <support@contoso.com>\r\n",
        ),
        (
            "From: \"Third floor (scan@old.local)\" <scan@old.local>\r\n",
            "From: \"Third floor\" <support@contoso.com>\r\n",
        ),
        (
            "From: \"A \\\"B\\\" C\" <scan@old.local>\r\n",
            "From: \"A \\\"B\\\" C\" <support@contoso.com>\r\n",
        ),
        (
            "From: =?ISO-8859-1?Q?B=FCro?=\r\n <scan@old.local>\r\n",
            "From: =?UTF-8?B?QsO8cm8=?=\r\n <support@contoso.com>\r\n",
        ),
    ] {
        let header = format!("To: a@x.test\r\n{from}Subject: x\r\n");
        let refused = applied(&header, false).expect_err("it may not");
        assert_eq!(refused.why, Why::Sender);
        assert!(refused.said.contains("scan@old.local"), "{refused}");
        let expected = format!("To: a@x.test\r\n{rewritten}Subject: x\r\n");
        assert_eq!(applied(&header, true).expect("rewritten"), expected);
    }
}

#[test]
fn a_second_from_does_not_slip_through() {
    let header = "From: support@contoso.com\r\nTo: a@x.test\r\nFrom: boss@contoso.com\r\nX: y\r\n";
    let refused = applied(header, false).expect_err("two of them");
    assert!(refused.to_string().ends_with(" section 3.6)"), "{refused}");
    let one = applied(header, true).expect("rewritten");
    assert_eq!(
        one,
        "From: <support@contoso.com>\r\nTo: a@x.test\r\nX: y\r\n"
    );
    applied("From: support@contoso.com, boss@contoso.com\r\n", false).expect_err("two in one");
}

#[test]
fn a_foreign_sender_goes_where_from_is_repaired() {
    let ours = "From: support@contoso.com\r\nTo: a@x.test\r\n";
    for (sender, stays) in [
        ("Sender: scan@old.local\r\n", false),
        ("SENDER : Scanner\r\n <scan@old.local>\r\n", false),
        ("Sender:\r\n", false),
        ("Sender: Support <Support@contoso.com>\r\n", true),
        ("X-Sender: scan@old.local\r\n", true),
    ] {
        let header = format!("{sender}{ours}");
        assert_eq!(applied(&header, false).expect("From is good"), header);
        let expected = if stays { &header } else { ours };
        assert_eq!(&applied(&header, true).expect("it is repaired"), expected);
    }
    let both = "Sender: s@y.test\r\nFrom: Scan <scan@old.local>\r\nSender: t@y.test\r\n";
    let expected = "From: \"Scan\" <support@contoso.com>\r\n";
    assert_eq!(applied(both, true).expect("it is repaired"), expected);
}

#[test]
fn the_same_message_to_the_same_people_is_known_again() {
    let header = b"Message-ID: <a@x.test>\r\n";
    let to = ["b@x.test".to_owned()];
    let known = repetition(header, None, &to).expect("it has a Message-ID");
    let again = repetition(header, None, &["B@x.test".to_owned()]);
    assert_eq!(again, Some(known.clone()));
    let other = repetition(header, Some("c@x.test"), &to);
    assert_ne!(other, Some(known.clone()));
    let other = repetition(header, None, &["c@x.test".to_owned()]);
    assert_ne!(other, Some(known));
    assert_eq!(repetition(b"Subject: x\r\n", None, &to), None);
}

proptest! {
    #[test]
    fn whatever_comes_a_rewritten_header_has_one_from_that_may_be_sent(
        name in "\\PC{0,300}", before in "X-[A-Za-z]{1,9}: [ -~]{0,40}"
    ) {
        let name = name.replace(['<', '>'], "");
        let header = format!("{before}\r\nFrom: {name} <boss@contoso.com>\r\nTo: a@x.test\r\n");
        if let Ok(rewritten) = applied(&header, true) {
            let from = envelope(rewritten.as_bytes()).from;
            prop_assert_eq!(from.len(), 1, "{}", rewritten);
            prop_assert_eq!(&from[0].address, "support@contoso.com");
            prop_assert!(rewritten.lines().all(|line| line.len() <= 998));
        }
    }
}
