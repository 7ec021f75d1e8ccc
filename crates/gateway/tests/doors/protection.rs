//! Doors with TLS, and doors behind proxies.

use std::net::{Ipv6Addr, SocketAddr};

use gatepost_gateway::Protocol;
use gatepost_gateway::door::{DoorSettings, Tls};
use gatepost_host::Network;
use gatepost_sandbox::tenant::USER;
use gatepost_wire::InClear;

use crate::stand::{Client, Octets, PASSWORD, Stand, door};

/// Signs in over IMAP on a connection whose greeting was heard.
async fn signs_in(client: &mut Client<impl Octets>) {
    let said = client.say(&format!("z LOGIN {USER} \"{PASSWORD}\"")).await;
    assert!(said.starts_with("z OK"), "{said}");
    let said = client.say("z NOOP").await;
    assert!(said.starts_with("z OK"), "{said}");
}

#[tokio::test]
async fn every_protocol_starts_tls_and_beyond_this_machine_has_to() {
    let stand = Stand::new().await;
    let behind_proxy = |protocol| DoorSettings {
        proxies: vec![Network::one([127, 0, 0, 1].into())],
        ..door(protocol, Tls::StartTls)
    };
    for (protocol, refused, asked, agreed, afterwards) in [
        (
            Protocol::Imap,
            "a LOGIN x y",
            "b STARTTLS",
            "b OK",
            "c CAPABILITY",
        ),
        (Protocol::Pop3, "USER x", "STLS", "+OK", "CAPA"),
        (Protocol::Smtp, "AUTH LOGIN", "STARTTLS", "220 ", "EHLO x"),
    ] {
        let address = stand.open(behind_proxy(protocol));
        let mut client = stand.knock(address).await;
        client.send("PROXY TCP4 192.0.2.7 192.0.2.1 1 2\r\n").await;
        let greeting = client.line().await;
        if protocol == Protocol::Imap {
            assert!(greeting.contains("STARTTLS LOGINDISABLED]"), "{greeting}");
        }
        if protocol == Protocol::Smtp {
            client.send("EHLO x\r\n").await;
            assert!(client.until("250 ").await.ends_with("STARTTLS\r\n"));
        }
        let said = client.say(refused).await;
        let no = ["a NO ", "-ERR ", "530 "];
        assert!(no.iter().any(|no| said.starts_with(no)), "{said}");
        if protocol == Protocol::Imap {
            // RFC 5530 §3.
            assert!(said.starts_with("a NO [PRIVACYREQUIRED] "), "{said}");
            let said = client.say("a2 AUTHENTICATE PLAIN").await;
            assert!(said.starts_with("a2 NO [PRIVACYREQUIRED] "), "{said}");
        }
        let said = client.say(asked).await;
        assert!(said.starts_with(agreed), "{said}");
        let mut client = Client::new(stand.protect(client.stream).await);
        client.send(format!("{afterwards}\r\n")).await;
        let end = match protocol {
            Protocol::Imap => "c OK",
            Protocol::Pop3 => ".\r\n",
            Protocol::Smtp => "250 ",
        };
        let said = client.until(end).await;
        assert!(said.contains("PLAIN"), "{said}");
        assert!(
            !said.contains("STARTTLS") && !said.contains("STLS"),
            "{said}"
        );
        if protocol == Protocol::Imap {
            assert!(!said.contains("LOGINDISABLED"), "{said}");
            signs_in(&mut client).await;
        }
    }
    stand.end().await;
}

#[tokio::test]
async fn on_this_machine_and_where_the_network_is_trusted_tls_is_a_choice() {
    let stand = Stand::new().await;
    let address = stand.open(door(Protocol::Imap, Tls::StartTls));
    let mut client = stand.knock(address).await;
    assert!(client.line().await.contains("STARTTLS AUTH=PLAIN"));
    signs_in(&mut client).await;
    let trusting = DoorSettings {
        proxies: vec![Network::one([127, 0, 0, 1].into())],
        in_clear: InClear::Accepted,
        ..door(Protocol::Imap, Tls::StartTls)
    };
    let address = stand.open(trusting);
    let mut client = stand.knock(address).await;
    client.send("PROXY TCP4 192.0.2.7 192.0.2.1 1 2\r\n").await;
    client.line().await;
    signs_in(&mut client).await;
    stand.end().await;
}

#[tokio::test]
async fn one_port_tells_tls_from_clear() {
    let stand = Stand::new().await;
    let address = stand.open(door(Protocol::Imap, Tls::Auto));
    let mut client = stand.knock_tls(address).await;
    let greeting = client.line().await;
    assert!(!greeting.contains("STARTTLS"), "{greeting}");
    signs_in(&mut client).await;
    let mut client = stand.knock(address).await;
    assert!(client.line().await.contains("STARTTLS"));
    signs_in(&mut client).await;
    let mut client = stand.knock(address).await;
    // A client that speaks first, and no TLS.
    client.send("a NOOP\r\n").await;
    client.line().await;
    assert_eq!(client.line().await, "a OK NOOP completed\r\n");
    stand.end().await;
}

#[tokio::test]
async fn tls_from_the_first_octet_on_both_families_of_addresses() {
    let stand = Stand::new().await;
    let on_ipv6: SocketAddr = (Ipv6Addr::LOCALHOST, 0).into();
    for address in [
        stand.open(door(Protocol::Imap, Tls::Implicit)),
        stand.open_on(on_ipv6, door(Protocol::Imap, Tls::Implicit)),
    ] {
        let mut client = stand.knock_tls(address).await;
        client.line().await;
        signs_in(&mut client).await;
        // Somebody who speaks no TLS hears nothing of the mailbox.
        let mut client = stand.knock(address).await;
        client.send("a NOOP\r\nb NOOP\r\n").await;
        assert!(!client.rest().await.contains("OK"));
    }
    stand.end().await;
}

#[tokio::test]
async fn nobody_but_a_proxy_says_who_a_client_is() {
    let stand = Stand::new().await;
    let address = stand.open(door(Protocol::Imap, Tls::Off));
    let mut client = stand.knock(address).await;
    client.line().await;
    let said = client.say("PROXY TCP4 192.0.2.7 192.0.2.1 1 2").await;
    assert!(said.contains("BAD"), "{said}");
    let behind_proxy = DoorSettings {
        proxies: vec![Network::one([127, 0, 0, 1].into())],
        ..door(Protocol::Imap, Tls::Off)
    };
    let address = stand.open(behind_proxy);
    let mut client = stand.knock(address).await;
    client.send("a NOOP and something\r\n").await;
    assert_eq!(client.rest().await, "", "there is no header");
    stand.end().await;
}
