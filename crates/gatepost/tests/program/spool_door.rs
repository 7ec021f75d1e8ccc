//! A door into the outbox: what a scanner hands in is durable, repaired, and sent once.

use gatepost_host::Clock;
use jiff::SignedDuration;

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

/// What one line of the log says that has all of these words, once it is there.
fn logged(stand: &Stand, words: &[&str]) -> String {
    loop {
        let log = stand.log();
        let mut lines = log.lines();
        let line = lines.find(|line| words.iter().all(|word| line.contains(word)));
        if let Some(line) = line {
            return line.to_owned();
        }
        std::thread::yield_now();
    }
}

#[test]
fn each_session_that_ends_is_one_line_of_the_log() {
    let fax = format!(
        "[gateway.fax]\nprotocol = \"smtp\"\nlisten = \"127.0.0.1:0\"\nupstream = \"spool\"\n\
         rewrite_from = true\nwithout_login = [{{ networks = [\"127.0.0.0/8\"], mailbox = \"{SUPPORT}\" }}]\n"
    );
    // The mailbox must send before a device may send for it.
    let (stand, password) = stand(&format!("{IMAP}{SCANNERS}"));
    let doors = format!("{IMAP}{SCANNERS}{fax}");
    sending(&stand, &doors);
    let serve = stand.serve();
    let mut reader = Client::idles(place(&stand, "imap"), SUPPORT, &password);
    reader.say("DONE");
    reader.say("d LOGOUT");
    drop(reader);
    let whose = format!("login=\"{SUPPORT}\" mailbox=\"{SUPPORT}\"");
    let ended = [
        "INFO",
        "the session ended: ",
        "protocol=imap",
        "client=127.0.0.1",
        &whose,
    ];
    let line = logged(&stand, &ended);
    for word in [
        "the session ended: closed",
        "door=\"imap\"",
        " up=",
        " down=",
        " lasted=",
    ] {
        assert!(line.contains(word), "{word}: {line}");
    }
    assert!(
        !line.contains(" up=0") && !line.contains("accepted"),
        "{line}"
    );

    let mut scanner = scanner(&stand, &password);
    hand_in(&mut scanner, "page 1");
    let mut idles = Client::idles(place(&stand, "imap"), SUPPORT, &password);
    stand.printed(&["password", "revoke", "printer"]);
    // Both hear why.
    let said = scanner.line();
    assert!(
        said.starts_with("421 ") && said.contains("not valid any more"),
        "{said}"
    );
    idles.until("* BYE Authentication is not valid any more");
    let revoked = "the session ended: its app password was revoked or is over";
    logged(&stand, &[revoked, "door=\"imap\"", &whose]);
    let line = logged(&stand, &[revoked, "door=\"scanners\"", &whose]);
    assert!(line.contains(" accepted=1 "), "{line}");
    // A device of its network is in without a login, and told of in the same words.
    let signed_in = ["signed in without a login", "door=\"fax\"", "protocol=smtp"];
    let mut fax = Client::knock(place(&stand, "fax"));
    fax.line();
    fax.say("HELO fax");
    hand_in(&mut fax, "page 2");
    fax.say("QUIT");
    let of_fax = format!("login=\"127.0.0.1\" mailbox=\"{SUPPORT}\"");
    logged(&stand, &[&signed_in[..], &[&of_fax]].concat());
    logged(&stand, &["signed in ", "door=\"scanners\" protocol=smtp"]);
    logged(
        &stand,
        &["the session ended: closed", "door=\"fax\"", &of_fax],
    );
    // Whoever never was anybody ends without a line.
    drop(Client::knock(place(&stand, "imap")));
    assert_eq!(serve.stop(), 0, "{}", stand.log());
    assert_eq!(stand.log().matches("the session ended").count(), 4);
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
    let clock = Clock::system();
    let begun = clock.now();
    let said = loop {
        let said = scanner.say(&mail);
        scanner.say("RSET");
        if !said.starts_with("250 ") {
            break said;
        }
        let waited = clock.now().duration_since(begun);
        assert!(waited < SignedDuration::from_secs(30), "it is told");
    };
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
