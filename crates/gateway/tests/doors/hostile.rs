//! Clients that mean no good.

use std::time::Duration;

use gatepost_gateway::Protocol;
use gatepost_gateway::door::{DoorSettings, Tls};
use gatepost_sandbox::tenant::USER;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::stand::{PASSWORD, Stand, door};

/// An honest client comes in, whatever others do.
async fn assert_serves(stand: &Stand, address: std::net::SocketAddr) {
    let mut client = stand.knock(address).await;
    client.line().await;
    let said = client.say(&format!("z LOGIN {USER} \"{PASSWORD}\"")).await;
    assert!(said.starts_with("z OK"), "{said}");
}

#[tokio::test]
async fn a_flood_without_an_end_of_line_is_cut_off() {
    let stand = Stand::new().await;
    for protocol in Protocol::ALL {
        let address = stand.open(door(protocol, Tls::Off));
        let mut stream = TcpStream::connect(address).await.expect("the door is open");
        let (mut taken, chunk) = (0_usize, vec![b'x'; 64 * 1024]);
        while taken < 50 * 1024 * 1024 {
            let writing = tokio::time::timeout(Duration::from_secs(10), stream.write(&chunk));
            match writing.await {
                Ok(Ok(octets)) => taken += octets,
                _ => break,
            }
        }
        assert!(
            taken < 8 * 1024 * 1024,
            "{protocol}: {taken} octets were taken"
        );
    }
    stand.end().await;
}

#[tokio::test]
async fn what_no_client_says_is_answered_in_order() {
    let stand = Stand::new().await;
    let address = stand.open(door(Protocol::Imap, Tls::Off));
    let long = "x".repeat(64 * 1024);
    for (sent, said) in [
        (format!("a LOGIN {long} y\r\n"), "a BAD "),
        ("a LOGIN {9223372036854775808}\r\n".to_owned(), "a BAD "),
        ("a LOGIN {9223372036854775808+}\r\n".to_owned(), "a BAD "),
        ("a LOGIN {65537}\r\n".to_owned(), "a BAD "),
        ("a LOGIN x\0 y\r\n".to_owned(), "a BAD "),
        ("\0\0\0\r\n".to_owned(), "* BAD "),
        ("\r\n".to_owned(), "* BAD "),
    ] {
        let mut client = stand.knock(address).await;
        client.line().await;
        client.send(&sent).await;
        let answer = client.line().await;
        let shown = &sent[..sent.len().min(40)];
        assert!(answer.starts_with(said), "{shown:?}: {answer}");
    }
    let address = stand.open(door(Protocol::Smtp, Tls::Off));
    let mut client = stand.knock(address).await;
    client.line().await;
    let said = client.say(&format!("EHLO {long}")).await;
    assert!(said.starts_with("500 "), "{said}");
    let said = client.say("EHLO x\0y").await;
    assert!(said.starts_with('5') || said.starts_with("250"), "{said}");
    assert_serves(&stand, stand.open(door(Protocol::Imap, Tls::Off))).await;
    stand.end().await;
}

#[tokio::test]
async fn a_thousand_that_only_hold_the_line_leave_room_for_others() {
    let stand = Stand::new().await;
    let crowded = DoorSettings {
        connections: 300,
        connections_per_address: 250,
        ..door(Protocol::Imap, Tls::Off)
    };
    let address = stand.open(crowded);
    let mut held = Vec::new();
    for _ in 0..1000 {
        let mut stream = TcpStream::connect(address).await.expect("the door is open");
        let _ = stream.write_all(b"a LOG").await;
        held.push(stand_client(stream));
    }
    // Those beyond the bound are told so, and are gone.
    let mut last = held.pop().expect("there are many");
    let said = last.rest().await;
    let words = "* BYE Too many connections, try again later\r\n";
    assert!(said.is_empty() || said == words, "{said}");
    // Others are served at another door all the while, and here when there is room again.
    assert_serves(&stand, stand.open(door(Protocol::Imap, Tls::Off))).await;
    drop(held);
    for _ in 0..5000 {
        let mut client = stand.knock(address).await;
        if client.line().await.starts_with("* OK") {
            return stand.end().await;
        }
    }
    panic!("there is room again");
}

fn stand_client(stream: TcpStream) -> crate::stand::Client<TcpStream> {
    crate::stand::Client::new(stream)
}

#[tokio::test]
async fn a_client_that_only_errs_is_sent_away() {
    let stand = Stand::new().await;
    let address = stand.open(door(Protocol::Pop3, Tls::Off));
    let mut client = stand.knock(address).await;
    for _ in 0..20 {
        let _ = client.stream.write_all(b"NONSENSE\r\n").await;
    }
    let said = client.rest().await;
    assert_eq!(said.matches("-ERR Unknown").count(), 10, "{said}");
    stand.end().await;
}
