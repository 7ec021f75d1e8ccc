//! Doors that take messages themselves: what a scanner says and hears, octet for octet.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use gatepost_gateway::Protocol;
use gatepost_gateway::admission::Guest;
use gatepost_gateway::door::{DoorSettings, LeadsTo, Tls, WithoutLogin};
use gatepost_gateway::spool::{Acceptance, Intake, Parcel, Receipt, Refused, Why};
use gatepost_sandbox::tenant::USER;

use crate::stand::{Client, Octets, PASSWORD, Stand, door};

/// An outbox that lasts as long as the test.
#[derive(Debug, Default)]
pub(crate) struct Shelf(Arc<Mutex<Vec<(Parcel, String)>>>);

impl Shelf {
    fn kept(&self) -> Vec<(Parcel, String)> {
        self.0.lock().expect("nobody panicked").clone()
    }
}

#[async_trait]
impl Acceptance for Shelf {
    fn largest(&self) -> u64 {
        100_000
    }

    async fn permits(&self, guest: &Guest) -> Result<(), Refused> {
        if guest.mailbox == USER {
            Ok(())
        } else {
            Err(Refused::new(Why::Mailbox, "it does not send"))
        }
    }

    async fn begin(&self, parcel: Parcel) -> Result<Box<dyn Intake>, Refused> {
        if parcel.recipients.iter().any(|one| one.starts_with("full@")) {
            return Err(Refused::new(Why::Temporary, "the disk is full"));
        }
        Ok(Box::new(Sheet {
            shelf: Arc::clone(&self.0),
            parcel,
            octets: Vec::new(),
        }))
    }
}

struct Sheet {
    shelf: Arc<Mutex<Vec<(Parcel, String)>>>,
    parcel: Parcel,
    octets: Vec<u8>,
}

#[async_trait]
impl Intake for Sheet {
    async fn write(&mut self, octets: &[u8]) -> Result<(), Refused> {
        self.octets.extend_from_slice(octets);
        Ok(())
    }

    async fn finish(self: Box<Self>) -> Result<Receipt, Refused> {
        let text = String::from_utf8_lossy(&self.octets).into_owned();
        let mut kept = self.shelf.lock().expect("nobody panicked");
        kept.push((self.parcel, text));
        Ok(Receipt {
            id: format!("sheet{}", kept.len()),
        })
    }
}

/// In front of a shelf as well.
pub(crate) async fn stand() -> (Stand, Arc<Shelf>) {
    let mut stand = Stand::new().await;
    let shelf = Arc::new(Shelf::default());
    stand.gateway = stand.gateway.clone().with_acceptance(shelf.clone());
    (stand, shelf)
}

fn spooling(rewrite_from: bool) -> DoorSettings {
    DoorSettings {
        leads_to: LeadsTo::Spool { rewrite_from },
        ..door(Protocol::Smtp, Tls::Off)
    }
}

/// AUTH LOGIN as printers do it, word for word.
async fn sign_in(client: &mut Client<impl Octets>) {
    use base64::Engine as _;
    let base64 = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
    assert_eq!(client.say("AUTH LOGIN").await, "334 VXNlcm5hbWU6\r\n");
    assert_eq!(
        client.say(&base64("Printer3")).await,
        "334 UGFzc3dvcmQ6\r\n"
    );
    let said = client.say(&base64(PASSWORD)).await;
    assert!(said.starts_with("235 "), "{said}");
}

#[tokio::test]
async fn a_scanner_says_helo_signs_in_and_sends() {
    let (stand, shelf) = stand().await;
    let address = stand.open(spooling(false));
    let mut client = stand.knock(address).await;
    assert!(client.line().await.starts_with("220 "));
    assert_eq!(client.say("HELO scanner").await, "250 gatepost\r\n");
    let said = client.say(&format!("MAIL FROM:<{USER}>")).await;
    assert!(said.starts_with("530 "), "{said}");
    sign_in(&mut client).await;
    // Blanks and missing brackets, as devices have them.
    let said = client.say(&format!("MAIL FROM: {USER}")).await;
    assert!(said.starts_with("250 "), "{said}");
    for to in ["a@example.com", "hidden@example.com"] {
        let said = client.say(&format!("RCPT TO:<{to}>")).await;
        assert!(said.starts_with("250 "), "{said}");
    }
    assert!(client.say("DATA").await.starts_with("354 "));
    let header =
        format!("From: Scanner <{USER}>\r\nTo: a@example.com\r\nMessage-ID: <1@scanner>\r\n");
    let said = client
        .say(&format!("{header}\r\n..one dot\r\n\x01\r\n."))
        .await;
    assert_eq!(said, "250 2.0.0 Queued as sheet1\r\n");
    assert!(client.say("QUIT").await.starts_with("221 "));
    let kept = shelf.kept();
    let (parcel, text) = &kept[0];
    assert_eq!(*text, format!("{header}\r\n.one dot\r\n\x01\r\n"));
    assert_eq!(parcel.mailbox, USER);
    assert_eq!(parcel.sender.as_deref(), Some(USER));
    assert_eq!(parcel.recipients, ["a@example.com", "hidden@example.com"]);
    assert!(
        parcel
            .repetition
            .as_ref()
            .is_some_and(|key| key.contains("1@scanner"))
    );
    stand.end().await;
}

#[tokio::test]
async fn what_may_not_be_sent_is_refused_where_it_is_known_and_the_session_goes_on() {
    let (stand, shelf) = stand().await;
    let address = stand.open(spooling(false));
    let mut client = stand.knock(address).await;
    client.line().await;
    client.send("EHLO erp\r\n").await;
    let offered = client.until("250 ").await;
    assert!(offered.contains("250-SIZE 100000\r\n"), "{offered}");
    assert!(
        offered.ends_with("250 AUTH LOGIN PLAIN XOAUTH2\r\n"),
        "{offered}"
    );
    sign_in(&mut client).await;
    let said = client.say("MAIL FROM:<boss@contoso.com>").await;
    assert!(
        said.starts_with("550 5.7.1 printer3 may not send"),
        "{said}"
    );
    let said = client.say(&format!("MAIL FROM:<{USER}> SIZE=100001")).await;
    assert!(
        said.starts_with("552 5.3.4 ") || said.starts_with("552 "),
        "{said}"
    );
    for (to, from, expected) in [
        ("a@example.com", "boss@contoso.com", "550 5.7.1 "),
        ("full@example.com", USER, "452 4.3.0 the disk is full"),
        ("a@example.com", USER, "250 2.0.0 "),
    ] {
        // All in one breath, as PIPELINING allows.
        client
            .send(format!("MAIL FROM:<{USER}>\r\nRCPT TO:<{to}>\r\nDATA\r\n"))
            .await;
        client.until("354 ").await;
        let said = client
            .say(&format!("From: <{from}>\r\n\r\nhello\r\n."))
            .await;
        assert!(said.starts_with(expected), "{said}");
    }
    assert_eq!(shelf.kept().len(), 1);
    stand.end().await;
}

#[tokio::test]
async fn a_from_is_rewritten_where_that_is_asked_for() {
    let (stand, shelf) = stand().await;
    let address = stand.open(spooling(true));
    let mut client = stand.knock(address).await;
    client.line().await;
    client.say("HELO scanner").await;
    sign_in(&mut client).await;
    client.say("MAIL FROM:<scan@old.local>").await;
    client.say("RCPT TO:<a@example.com>").await;
    client.say("DATA").await;
    let said = client
        .say("From: Scanner 3 <scan@old.local>\r\n\r\nhello\r\n.")
        .await;
    assert!(said.starts_with("250 "), "{said}");
    let kept = shelf.kept();
    assert_eq!(kept[0].0.sender.as_deref(), Some(USER));
    assert_eq!(
        kept[0].1,
        format!("From: \"Scanner 3\" <{USER}>\r\n\r\nhello\r\n")
    );
    stand.end().await;
}

#[tokio::test]
async fn a_device_of_its_network_needs_no_login_and_one_of_another_does() {
    let (stand, shelf) = stand().await;
    for (network, begins) in [("127.0.0.0/8", "250 "), ("10.0.0.0/8", "530 ")] {
        let address = stand.open(DoorSettings {
            without_login: vec![WithoutLogin {
                networks: vec![network.parse().expect("a network")],
                mailbox: USER.to_owned(),
            }],
            ..spooling(false)
        });
        let mut client = stand.knock(address).await;
        client.line().await;
        client.say("HELO fax").await;
        let said = client.say(&format!("MAIL FROM:<{USER}>")).await;
        assert!(said.starts_with(begins), "{said}");
        if begins == "250 " {
            client.say("RCPT TO:<a@example.com>").await;
            client.say("DATA").await;
            let said = client.say("Subject: x\r\n\r\nhello\r\n.").await;
            assert!(said.starts_with("250 "), "{said}");
        }
    }
    assert_eq!(shelf.kept().len(), 1);
    stand.end().await;
}

#[tokio::test]
async fn a_page_of_the_web_sends_no_mail_where_nobody_has_to_log_in() {
    let (stand, shelf) = stand().await;
    for leads_to in [spooling(false).leads_to, LeadsTo::Server] {
        let address = stand.open(DoorSettings {
            leads_to,
            without_login: vec![WithoutLogin {
                networks: vec!["127.0.0.0/8".parse().expect("a network")],
                mailbox: USER.to_owned(),
            }],
            ..door(Protocol::Smtp, Tls::Off)
        });
        for request in [
            "GET / HTTP/1.1",
            "POST /x HTTP/1.1",
            "PUT / HTTP/1.1",
            "CONNECT mail.example:25 HTTP/1.1",
            "host: printer.example",
        ] {
            let mut client = stand.knock(address).await;
            let body = format!(
                "HELO x\r\nMAIL FROM:<{USER}>\r\nRCPT TO:<victim@example.com>\r\nDATA\r\n\
                 From: {USER}\r\n\r\nBuy!\r\n.\r\nQUIT\r\n"
            );
            let headers = "Host: 127.0.0.1:2525\r\nContent-Type: text/plain\r\n\r\n";
            client.send(format!("{request}\r\n{headers}{body}")).await;
            assert_eq!(
                client.rest().await,
                "220 gatepost ESMTP ready\r\n421 4.7.0 This is no web server, closing\r\n",
                "{request} {leads_to:?}"
            );
        }
    }
    assert!(shelf.kept().is_empty());
    stand.end().await;
}

#[tokio::test]
async fn whoever_signed_in_before_tls_is_forgotten() {
    let (stand, shelf) = stand().await;
    let address = stand.open(DoorSettings {
        without_login: vec![WithoutLogin {
            networks: vec!["127.0.0.0/8".parse().expect("a network")],
            mailbox: "fax@contoso.com".to_owned(),
        }],
        tls: Tls::StartTls,
        ..spooling(false)
    });
    let mut client = stand.knock(address).await;
    client.line().await;
    client.say("HELO fax").await;
    sign_in(&mut client).await;
    let said = client.say("STARTTLS").await;
    assert!(said.starts_with("220 "), "{said}");
    let mut client = Client::new(stand.protect(client.stream).await);
    client.say("HELO fax").await;
    // The device's own mailbox is asked now, which does not send.
    let said = client.say(&format!("MAIL FROM:<{USER}>")).await;
    assert!(said.contains("it does not send"), "{said}");
    sign_in(&mut client).await;
    let said = client.say(&format!("MAIL FROM:<{USER}>")).await;
    assert!(said.starts_with("250 "), "{said}");
    assert!(shelf.kept().is_empty());
    stand.end().await;
}

#[tokio::test]
async fn a_revoked_password_ends_the_session_and_half_a_message_is_none() {
    let (stand, shelf) = stand().await;
    let address = stand.open(spooling(false));
    let mut client = stand.knock(address).await;
    client.line().await;
    client.say("HELO scanner").await;
    sign_in(&mut client).await;
    client.say(&format!("MAIL FROM:<{USER}>")).await;
    client.say("RCPT TO:<a@example.com>").await;
    client.say("DATA").await;
    client
        .send(format!("From: {USER}\r\n\r\nhalf a mess"))
        .await;
    stand.revoked.cancel();
    assert_eq!(client.rest().await, "");
    assert!(shelf.kept().is_empty());
    stand.end().await;
}

#[tokio::test]
async fn no_more_than_a_few_large_headers_are_in_memory_at_once() {
    let (stand, shelf) = stand().await;
    let address = stand.open(spooling(false));
    let header = format!("X-Large: {}\r\n", "x".repeat(60)).repeat(1_000);
    let begins = async || {
        let mut client = stand.knock(address).await;
        client.line().await;
        client.say("HELO x").await;
        sign_in(&mut client).await;
        for line in [
            format!("MAIL FROM:<{USER}>"),
            "RCPT TO:<x@example.com>".to_owned(),
        ] {
            let said = client.say(&line).await;
            assert!(said.starts_with("250 "), "{said}");
        }
        client
            .send(format!("BDAT {}\r\n{header}", header.len()))
            .await;
        client
    };
    let mut held = Vec::new();
    for _ in 0..8 {
        let mut client = begins().await;
        let said = client.line().await;
        assert!(said.starts_with("250 "), "{said}");
        held.push(client);
    }
    let mut waits = begins().await;
    let early = tokio::time::timeout(Duration::from_millis(300), waits.line()).await;
    assert!(early.is_err(), "it has to wait: {early:?}");
    // Others, whose headers are like most, do not.
    let mut small = stand.knock(address).await;
    small.line().await;
    small.say("HELO x").await;
    sign_in(&mut small).await;
    small.say(&format!("MAIL FROM:<{USER}>")).await;
    small.say("RCPT TO:<x@example.com>").await;
    small.say("DATA").await;
    let said = small.say("Subject: small\r\n\r\nx\r\n.").await;
    assert!(said.starts_with("250 "), "{said}");
    drop(held.pop());
    let said = waits.line().await;
    assert!(said.starts_with("250 "), "there is room again: {said}");
    let said = waits.say("BDAT 5 LAST\r\n\r\nx").await;
    assert!(said.starts_with("250 "), "{said}");
    assert_eq!(shelf.kept().len(), 2);
    stand.end().await;
}
