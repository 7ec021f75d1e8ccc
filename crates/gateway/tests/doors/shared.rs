//! A shared mailbox behind a door: who reads opens the mailbox itself, and who sends signs in as the
//! person whose token it is.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gatepost_gateway::Protocol;
use gatepost_gateway::door::Tls;
use gatepost_host::Clock;

use crate::stand::{PASSWORD, SHARED, Stand, door};

#[tokio::test]
async fn who_reads_finds_what_lies_in_the_shared_mailbox() {
    let stand = Stand::new().await;
    let (mailboxes, letter) = (stand.sandbox.mailboxes(), "Subject: for all\r\n\r\nx\r\n");
    let now = Clock::system().now();
    let filed = mailboxes.deliver(SHARED, letter, now);
    filed.expect("the mailbox is there");
    let mut imap = stand
        .knock(stand.open(door(Protocol::Imap, Tls::Off)))
        .await;
    imap.line().await;
    let said = imap.say(&format!("a LOGIN {SHARED} \"{PASSWORD}\"")).await;
    assert!(said.starts_with("a OK"), "{said}");
    imap.send("b SELECT INBOX\r\n").await;
    let selected = imap.until("b OK").await;
    assert!(selected.contains("* 1 EXISTS\r\n"), "{selected}");
    let mut pop3 = stand
        .knock(stand.open(door(Protocol::Pop3, Tls::Off)))
        .await;
    pop3.line().await;
    pop3.say(&format!("USER {SHARED}")).await;
    let said = pop3.say(&format!("PASS {PASSWORD}")).await;
    assert!(said.starts_with("+OK"), "{said}");
    let said = pop3.say("STAT").await;
    assert!(said.starts_with("+OK 1 "), "{said}");
    stand.end().await;
}

#[tokio::test]
async fn who_sends_signs_in_as_the_person() {
    let stand = Stand::new().await;
    let mut client = stand
        .knock(stand.open(door(Protocol::Smtp, Tls::Off)))
        .await;
    client.line().await;
    client.say("HELO scanner").await;
    let shown = STANDARD.encode(format!("\0{SHARED}\0{PASSWORD}"));
    let said = client.say(&format!("AUTH PLAIN {shown}")).await;
    assert!(said.starts_with("235 "), "{said}");
    for line in [
        format!("MAIL FROM:<{SHARED}>"),
        format!("RCPT TO:<{SHARED}>"),
    ] {
        let said = client.say(&line).await;
        assert!(said.starts_with("250 "), "{line}: {said}");
    }
    assert!(client.say("DATA").await.starts_with("354 "));
    let said = client.say("Subject: by her\r\n\r\nx\r\n.").await;
    assert!(said.starts_with("250 "), "{said}");
    let mailboxes = stand.sandbox.mailboxes();
    let mailbox = mailboxes.open(SHARED).expect("it is there");
    assert_eq!(mailbox.messages(mailbox.inbox()).len(), 1, "it arrived");
    stand.end().await;
}
