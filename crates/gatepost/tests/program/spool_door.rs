//! A door into the outbox: what a scanner hands in is durable, repaired, and sent once.

use crate::gateway::{Client, IMAP, base64, configuration, place, stand};
use crate::stand::{SUPPORT, Stand};

pub(crate) const SCANNERS: &str = "[gateway.scanners]\nprotocol = \"smtp\"\nlisten = \"127.0.0.1:0\"\n\
                        upstream = \"spool\"\nrewrite_from = true\n";

/// The same configuration, in which the mailbox sends.
pub(crate) fn sending(stand: &Stand, doors: &str) {
    let grant = "grant = \"client_credentials\"\n";
    let sends = format!("{grant}send = \"smtp\"\n");
    let text = configuration(stand, doors).replacen(grant, &sends, 1);
    stand.write("gatepost.toml", &text);
}

/// A scanner that signed in.
pub(crate) fn scanner(stand: &Stand, password: &str) -> Client {
    let mut scanner = Client::knock(place(stand, "scanners"));
    scanner.line();
    scanner.say("HELO scanner");
    assert_eq!(scanner.say("AUTH LOGIN"), "334 VXNlcm5hbWU6\r\n");
    assert_eq!(scanner.say(&base64(SUPPORT)), "334 UGFzc3dvcmQ6\r\n");
    let said = scanner.say(&base64(password));
    assert!(said.starts_with("235 "), "{said}");
    scanner
}

/// Hands a page in; answers its name in the outbox.
fn hand_in(scanner: &mut Client, page: &str) -> String {
    for (line, code) in [
        ("MAIL FROM:<scan@old.local>".to_owned(), "250 "),
        (format!("RCPT TO:<{SUPPORT}>"), "250 "),
        ("DATA".to_owned(), "354 "),
    ] {
        let said = scanner.say(&line);
        assert!(said.starts_with(code), "{said}");
    }
    let said = scanner.say(&format!(
        "From: Scanner 3 <scan@old.local>\r\nTo: {SUPPORT}\r\nSubject: scan\r\n\
         Message-ID: <1@scanner>\r\n\r\n{page}\r\n."
    ));
    let id = said.strip_prefix("250 2.0.0 Queued as ");
    let id = id.unwrap_or_else(|| panic!("it is accepted: {said}"));
    id.trim_end().to_owned()
}

#[test]
fn what_a_scanner_hands_in_is_repaired_and_sent_once() {
    let doors = format!("{IMAP}{SCANNERS}");
    let (stand, password) = stand(&doors);
    sending(&stand, &doors);
    let serve = stand.serve();
    let mut reader = Client::idles(place(&stand, "imap"), SUPPORT, &password);
    let mut scanner = scanner(&stand, &password);
    let first = hand_in(&mut scanner, "page 1");
    // It did not hear the answer, and comes again.
    assert_eq!(hand_in(&mut scanner, "page 1"), first);
    // It gives another message the same Message-ID.
    let second = hand_in(&mut scanner, "page 2");
    assert_ne!(second, first);
    reader.until("* 2 EXISTS");
    let outbox = stand.listed(&["outbox", "list"]);
    assert_eq!(outbox.len(), 2, "{outbox:?}");
    let messages = stand.listed(&["messages", SUPPORT]);
    let text = format!("{messages:?}");
    assert_eq!(messages.len(), 2, "{text}");
    assert!(
        text.contains("Scanner 3") && !text.contains("old.local"),
        "{text}"
    );
    assert!(!stand.log().contains(&password), "a password is in no log");
    assert_eq!(serve.stop(), 0, "{}", stand.log());
}

#[test]
fn a_mailbox_that_does_not_send_says_so_before_the_message_comes() {
    let (stand, password) = stand(SCANNERS);
    let serve = stand.serve();
    let mut scanner = scanner(&stand, &password);
    let said = scanner.say(&format!("MAIL FROM:<{SUPPORT}>"));
    assert!(said.starts_with("550 5.7.0 "), "{said}");
    assert!(said.contains("does not send"), "{said}");
    assert_eq!(serve.stop(), 0, "{}", stand.log());
}

#[test]
fn a_mailbox_that_cannot_get_rid_of_its_messages_says_so_before_another_comes() {
    let doors = format!("{SCANNERS}[outbox]\nmessages_per_minute = 1\ngive_up_hours = 1\n");
    let (stand, password) = stand(&doors);
    sending(&stand, &doors);
    // Nobody takes them.
    let text = std::fs::read_to_string(stand.path("gatepost.toml")).expect("it was written");
    let nowhere = text.replace(stand.variable("SMTP"), "localhost:1");
    stand.write("gatepost.toml", &nowhere);
    let serve = stand.serve();
    let mut scanner = scanner(&stand, &password);
    for number in 0..60 {
        hand_in(&mut scanner, &format!("page {number}"));
    }
    // It is looked every second.
    let mail = format!("MAIL FROM:<{SUPPORT}>");
    let refused = (0..10_000).find_map(|_| {
        let said = scanner.say(&mail);
        scanner.say("RSET");
        (!said.starts_with("250 ")).then_some(said)
    });
    let said = refused.expect("it is told");
    assert!(said.starts_with("452 4.3.0 "), "{said}");
    assert!(
        said.contains("messages of support@contoso.com wait"),
        "{said}"
    );
    assert_eq!(serve.stop(), 0, "{}", stand.log());
}

#[test]
fn a_login_of_a_whole_domain_hands_in_for_a_mailbox_that_sends_and_is_told_what_else_lacks() {
    let of_domain = "[login.\"*@contoso.com\"]\nregistration = \"contoso\"\n";
    let doors = format!("{SCANNERS}{of_domain}");
    let (stand, password) = stand(&doors);
    sending(&stand, &doors);
    let other = "invoices@contoso.com";
    let of_other = stand.printed(&["password", "add", other]);
    let serve = stand.serve();
    hand_in(&mut scanner(&stand, &password), "page 1");
    let mut scanner = Client::knock(place(&stand, "scanners"));
    scanner.line();
    scanner.say("HELO scanner");
    scanner.say("AUTH LOGIN");
    scanner.say(&base64(other));
    let said = scanner.say(&base64(of_other.trim_end()));
    assert!(said.starts_with("235 "), "{said}");
    let said = scanner.say(&format!("MAIL FROM:<{other}>"));
    assert!(said.starts_with("550 5.7.0 "), "{said}");
    assert!(said.contains("give it a [mailbox] with send"), "{said}");
    assert_eq!(serve.stop(), 0, "{}", stand.log());
}
