//! A door that takes the place of another.

use std::net::Ipv4Addr;

use gatepost_gateway::Protocol;
use gatepost_gateway::door::{Behind, DoorSettings, Tls, WithoutLogin};
use gatepost_host::Network;
use gatepost_sandbox::tenant::USER;

use crate::stand::{PASSWORD, Stand, door};

#[tokio::test]
async fn those_who_came_through_the_door_before_are_counted() {
    let stand = Stand::new().await;
    let behind = Behind::default();
    let for_two = DoorSettings {
        connections_per_address: 2,
        ..door(Protocol::Imap, Tls::Off)
    };
    let open = |settings| {
        let anywhere = (Ipv4Addr::LOCALHOST, 0).into();
        stand.open_in_place_of(behind.clone(), (anywhere, settings))
    };
    let mut before = stand.knock(open(for_two.clone())).await;
    before.line().await;
    let other = DoorSettings {
        connections: 1999,
        ..for_two
    };
    let address = open(other);
    let mut second = stand.knock(address).await;
    assert!(second.line().await.starts_with("* OK"));
    let said = stand.knock(address).await.line().await;
    assert_eq!(said, "* BYE Too many connections, try again later\r\n");
    let said = before.say(&format!("a LOGIN {USER} \"{PASSWORD}\"")).await;
    assert!(said.starts_with("a OK"), "who is in stays: {said}");
    stand.end().await;
}

#[tokio::test]
async fn a_device_whose_network_is_let_in_no_more_has_to_leave() {
    let stand = Stand::new().await;
    let behind = Behind::default();
    let here = Network::one([127, 0, 0, 1].into());
    let elsewhere = Network::v4([192, 0, 2, 0], 24);
    let scanners = |networks: &[Network]| DoorSettings {
        without_login: vec![WithoutLogin {
            networks: networks.to_vec(),
            mailbox: USER.to_owned(),
        }],
        ..door(Protocol::Smtp, Tls::Off)
    };
    let open = |settings| {
        let anywhere = (Ipv4Addr::LOCALHOST, 0).into();
        stand.open_in_place_of(behind.clone(), (anywhere, settings))
    };
    let mut scanner = stand.knock(open(scanners(&[here]))).await;
    scanner.line().await;
    scanner.say("HELO scanner").await;
    let said = scanner.say(&format!("MAIL FROM:<{USER}>")).await;
    assert!(said.starts_with("250 "), "{said}");
    // Others are let in as well: it stays.
    open(scanners(&[elsewhere, here]));
    let said = scanner.say(&format!("RCPT TO:<{USER}>")).await;
    assert!(said.starts_with("250 "), "{said}");
    open(scanners(&[elsewhere]));
    assert_eq!(scanner.rest().await, "");
    stand.end().await;
}
