//! SMTP doors that lead to the mailbox's own server.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gatepost_gateway::Protocol;
use gatepost_gateway::door::{DoorSettings, Tls, WithoutLogin};
use gatepost_host::{Clock, Network};
use gatepost_sandbox::tenant::USER;

use crate::stand::{PASSWORD, Stand, door};

#[tokio::test]
async fn a_scanner_sends_a_message() {
    let stand = Stand::new().await;
    let address = stand.open(door(Protocol::Smtp, Tls::Off));
    let mut client = stand.knock(address).await;
    assert_eq!(client.line().await, "220 gatepost ESMTP ready\r\n");
    assert_eq!(client.say("HELO").await, "250 gatepost\r\n");
    let said = client.say("MAIL FROM:<x@contoso.com>").await;
    assert!(said.starts_with("530 "), "{said}");
    assert_eq!(client.say("AUTH LOGIN").await, "334 VXNlcm5hbWU6\r\n");
    let said = client.say("*").await;
    assert!(said.starts_with("501 "), "{said}");
    assert_eq!(client.say("AUTH LOGIN").await, "334 VXNlcm5hbWU6\r\n");
    let name = STANDARD.encode(USER);
    assert_eq!(client.say(&name).await, "334 UGFzc3dvcmQ6\r\n");
    let said = client.say("d3Jvbmc=").await;
    assert_eq!(said, "535 5.7.8 Authentication failed\r\n");
    client.say(&format!("AUTH LOGIN {name}")).await;
    // The whole message comes behind the password at once.
    let password = STANDARD.encode(PASSWORD);
    client
        .send(format!(
            "{password}\r\nMAIL FROM:<{USER}>\r\nRCPT TO:<{USER}>\r\nDATA\r\n"
        ))
        .await;
    assert_eq!(
        client.line().await,
        "235 2.7.0 Authentication successful\r\n"
    );
    for code in ["250 ", "250 ", "354 "] {
        let said = client.line().await;
        assert!(said.starts_with(code), "{said}");
    }
    client.send("Subject: scan\r\n\r\n..a dot\r\n.\r\n").await;
    let said = client.line().await;
    assert!(said.starts_with("250 "), "{said}");
    let mailbox = stand.sandbox.mailboxes().open(USER).expect("it is there");
    let messages = mailbox.messages(mailbox.inbox());
    let arrived = messages.iter().any(|message| {
        let raw = String::from_utf8_lossy(&message.raw);
        raw.contains("Subject: scan") && raw.ends_with("\r\n\r\n.a dot\r\n")
    });
    assert!(arrived);
    stand.end().await;
}

#[tokio::test]
async fn ehlo_offers_what_the_server_is_known_to_offer_and_auth_last() {
    let stand = Stand::new().await;
    let address = stand.open(door(Protocol::Smtp, Tls::Off));
    let mut client = stand.knock(address).await;
    client.line().await;
    client.send("EHLO x\r\n").await;
    let nothing_known = "250-gatepost\r\n250 AUTH LOGIN PLAIN XOAUTH2\r\n";
    assert_eq!(client.until("250 ").await, nothing_known);
    let plain = STANDARD.encode(format!("\0{USER}\0{PASSWORD}"));
    let said = client.say(&format!("AUTH PLAIN {plain}")).await;
    assert!(said.starts_with("235 "), "{said}");
    client.send("EHLO x\r\n").await;
    let said = client.until("250 ").await;
    assert!(
        said.contains("outlook") && said.contains("SMTPUTF8"),
        "the server's own: {said}"
    );
    let mut client = stand.knock(address).await;
    client.line().await;
    client.send("EHLO x\r\n").await;
    let said = client.until("250 ").await;
    assert!(
        said.contains("250-SIZE 157286400\r\n250-PIPELINING\r\n"),
        "{said}"
    );
    assert!(
        said.ends_with("\r\n250 AUTH LOGIN PLAIN XOAUTH2\r\n"),
        "{said}"
    );
    assert!(!said.contains("STARTTLS"), "{said}");
    stand.end().await;
}

#[tokio::test]
async fn a_device_of_a_named_network_sends_without_a_login_and_no_other_does() {
    let stand = Stand::new().await;
    let here = Network::one([127, 0, 0, 1].into());
    let elsewhere = Network::v4([192, 0, 2, 0], 24);
    for (network, mailbox, begins) in [
        (here, USER, "250 2.1.0 "),
        (
            here,
            "nowhere@contoso.com",
            "550 5.7.1 nowhere@contoso.com cannot be opened by smtp",
        ),
        (elsewhere, USER, "530 5.7.0 "),
    ] {
        let address = stand.open(DoorSettings {
            without_login: vec![WithoutLogin {
                networks: vec![network],
                mailbox: mailbox.to_owned(),
            }],
            ..door(Protocol::Smtp, Tls::Off)
        });
        let mut client = stand.knock(address).await;
        client.line().await;
        client.say("HELO scanner").await;
        let said = client.say(&format!("MAIL FROM:<{USER}>")).await;
        assert!(said.starts_with(begins), "{said}");
        if begins.starts_with("250") {
            let said = client.say(&format!("RCPT TO:<{USER}>")).await;
            assert!(said.starts_with("250 2.1.5"), "{said}");
        }
    }
    stand.end().await;
}

#[tokio::test]
async fn a_door_asks_the_servers_behind_it_what_they_offer() {
    let stand = Stand::asking().await;
    let address = stand.open(door(Protocol::Smtp, Tls::Off));
    let clock = Clock::system();
    let told = clock.within(Duration::from_mins(1), async {
        loop {
            let mut client = stand.knock(address).await;
            client.line().await;
            client.send("EHLO x\r\n").await;
            if client.until("250 ").await.contains("250-8BITMIME\r\n") {
                return;
            }
            clock.sleep(Duration::from_millis(20)).await;
        }
    });
    told.await
        .expect("it is known before anybody has signed in");
    stand.end().await;
}

#[tokio::test]
async fn a_device_that_is_refused_again_and_again_is_sent_away() {
    let stand = Stand::new().await;
    let address = stand.open(DoorSettings {
        without_login: vec![WithoutLogin {
            networks: vec![Network::one([127, 0, 0, 1].into())],
            mailbox: "nowhere@contoso.com".to_owned(),
        }],
        ..door(Protocol::Smtp, Tls::Off)
    });
    let mut client = stand.knock(address).await;
    client.line().await;
    client.say("HELO scanner").await;
    let mail = format!("MAIL FROM:<{USER}>\r\n");
    client.send(mail.repeat(20)).await;
    let said = client.rest().await;
    assert_eq!(said.matches("550 5.7.1 ").count(), 5, "{said}");
    stand.end().await;
}
