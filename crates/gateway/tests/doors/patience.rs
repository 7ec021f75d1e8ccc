//! Clients that take their time before they sign in: they are told, and do not keep their place.

use std::time::Duration;

use gatepost_gateway::Protocol;
use gatepost_gateway::door::Tls;
use jiff::SignedDuration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::spool;
use crate::stand::{Client, Stand, doors_for_one, farewell};

/// What is said up to the end of the connection, and after how long that comes. Time is held: it
/// goes on to what somebody waits for, when nobody has anything to do. Every so often until then
/// the client sends an octet, if it does so at all.
async fn heard(
    stand: &Stand,
    client: Client<TcpStream>,
    every: Option<Duration>,
) -> (String, SignedDuration) {
    let (mut reading, mut writing) = client.stream.into_split();
    tokio::time::pause();
    let began = stand.clock.now();
    let trickling = async {
        if let Some(every) = every {
            for _ in 0..60 {
                stand.clock.sleep(every).await;
                let _ = writing.write_all(b"x").await;
            }
        }
        std::future::pending::<()>().await;
    };
    let mut said = String::new();
    tokio::select! {
        read = reading.read_to_string(&mut said) => read.expect("text and an end"),
        () = trickling => unreachable!("it never ends"),
    };
    let lasted = stand.clock.now().duration_since(began);
    tokio::time::resume();
    (said, lasted)
}

#[tokio::test]
async fn a_client_that_does_not_sign_in_is_told_so_in_time_and_its_place_is_free() {
    let (stand, _) = spool::stand().await;
    for settings in doors_for_one(Tls::Off) {
        let (name, protocol) = (settings.name.clone(), settings.protocol);
        let address = stand.open(settings);
        for every in [None, Some(Duration::from_secs(10))] {
            let mut client = stand.knock(address).await;
            let greeting = client.line().await;
            assert!(greeting.contains("ready"), "{name}: {greeting}");
            let said = stand.knock(address).await.line().await;
            let words = farewell(protocol, "Too many connections, try again later");
            assert_eq!(said, words, "{name}");
            let (said, lasted) = heard(&stand, client, every).await;
            let words = farewell(protocol, "Too long without a login, closing");
            assert_eq!(said, words, "{name}, an octet every {every:?}");
            let in_time = SignedDuration::from_secs(119)..SignedDuration::from_secs(180);
            assert!(in_time.contains(&lasted), "{name}, {every:?}: {lasted}");
        }
        let next = stand.knock(address).await.line().await;
        assert!(next.contains("ready"), "{name}: the place is free: {next}");
    }
    stand.end().await;
}

/// Asks for TLS where that is asked for.
async fn ask_for_tls(client: &mut Client<TcpStream>, protocol: Protocol) {
    client.line().await;
    let (line, answer) = match protocol {
        Protocol::Imap => ("a STARTTLS", "a OK "),
        Protocol::Pop3 => ("STLS", "+OK "),
        Protocol::Smtp => {
            client.send("EHLO scanner\r\n").await;
            client.until("250 ").await;
            ("STARTTLS", "220 ")
        }
    };
    let said = client.say(line).await;
    assert!(said.starts_with(answer), "{said}");
}

#[tokio::test]
async fn a_handshake_that_stands_still_is_given_up_and_its_place_is_free() {
    let (stand, _) = spool::stand().await;
    for tls in [Tls::StartTls, Tls::Implicit, Tls::Auto] {
        for settings in doors_for_one(tls) {
            let (name, protocol) = (settings.name.clone(), settings.protocol);
            let address = stand.open(settings);
            let mut client = stand.knock(address).await;
            if tls == Tls::StartTls {
                ask_for_tls(&mut client, protocol).await;
            }
            // A record that holds a ClientHello begins so (RFC 8446 §5.1).
            client.send([22, 3, 1, 2, 0, 1]).await;
            let (said, lasted) = heard(&stand, client, None).await;
            assert_eq!(said, "", "{name} {tls:?}");
            let in_time = SignedDuration::from_secs(14)..SignedDuration::from_secs(60);
            assert!(in_time.contains(&lasted), "{name} {tls:?}: {lasted}");
            let next = if tls == Tls::StartTls {
                stand.knock(address).await.line().await
            } else {
                stand.knock_tls(address).await.line().await
            };
            assert!(next.contains("ready"), "{name} {tls:?}: {next}");
        }
    }
    stand.end().await;
}
