//! Clients that mean no good.

use std::time::Duration;

use gatepost_gateway::Protocol;
use gatepost_gateway::door::{DoorSettings, Tls};
use gatepost_sandbox::tenant::USER;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::spool;
use crate::stand::{Client, PASSWORD, Stand, door, doors_for_one, farewell};

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
            match writing.await.expect("it is taken or cut off") {
                Ok(octets) => taken += octets,
                Err(_) => break,
            }
        }
        // The door reads far less; this is what the sockets hold.
        assert!(
            taken < 8 * 1024 * 1024,
            "{protocol}: {taken} octets were taken"
        );
    }
    stand.end().await;
}

/// Nothing is said, though all that was sent is read: time that is held goes on when nobody has
/// anything to do.
async fn assert_hears_nothing(client: &mut Client<TcpStream>, stand: &Stand, why: &str) {
    tokio::time::pause();
    let hearing = client.stream.read_u8();
    let heard = stand.clock.within(Duration::from_secs(1), hearing).await;
    tokio::time::resume();
    assert!(heard.is_err(), "{why}: {heard:?}");
}

#[tokio::test]
async fn a_line_and_all_that_comes_before_the_login_are_bounded_to_the_octet() {
    const LINE: usize = 8 * 1024;
    const ALL: usize = 512 * 1024;
    let (stand, _) = spool::stand().await;
    for settings in doors_for_one(Tls::Off) {
        let (name, protocol) = (settings.name.clone(), settings.protocol);
        let address = stand.open(settings);
        let mut client = stand.knock(address).await;
        client.line().await;
        client.send(vec![b'x'; LINE]).await;
        assert_hears_nothing(&mut client, &stand, &name).await;
        client.send("x").await;
        let said = client.line().await;
        let words = match protocol {
            Protocol::Imap => "* BAD Too long, or the arguments are wrong\r\n",
            Protocol::Pop3 => "-ERR Unknown command, or not now\r\n",
            Protocol::Smtp => "500 5.5.2 Line too long\r\n",
        };
        assert_eq!(said, words, "{name}");
        // It is told once, and what follows is read and dropped, up to a bound.
        client.send(vec![b'x'; ALL - LINE - 1]).await;
        assert_hears_nothing(&mut client, &stand, &name).await;
        client.send("x").await;
        let said = client.rest().await;
        let words = farewell(protocol, "Too much without a login, closing");
        assert_eq!(said, words, "{name}");
        let next = stand.knock(address).await.line().await;
        assert!(next.contains("ready"), "{name}: the place is free: {next}");
    }
    stand.end().await;
}

/// Lines that are good by themselves come to an end, too.
#[tokio::test]
async fn whoever_says_much_and_never_signs_in_is_told_so() {
    let (stand, _) = spool::stand().await;
    for settings in doors_for_one(Tls::Off) {
        let (name, protocol) = (settings.name.clone(), settings.protocol);
        let address = stand.open(settings);
        let mut client = stand.knock(address).await;
        client.line().await;
        let filled = "x".repeat(1000);
        let (line, answer) = match protocol {
            Protocol::Imap => (format!("a ID (\"name\" \"{filled}\")\r\n"), "a OK "),
            Protocol::Pop3 => (format!("USER {filled}\r\n"), "+OK"),
            Protocol::Smtp => (format!("NOOP {filled}\r\n"), "250 "),
        };
        for _ in 0..512 * 1024 / line.len() {
            client.send(&line).await;
            client.until(answer).await;
        }
        client.send(&line).await;
        let said = client.line().await;
        let words = farewell(protocol, "Too much without a login, closing");
        assert_eq!(said, words, "{name}");
        assert_eq!(client.rest().await, "", "{name}");
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
        held.push(stream);
    }
    // Those beyond the bound are told so, and are gone. Whoever has said something that nobody
    // read may find its connection reset instead; this one has not.
    let said = stand.knock(address).await.rest().await;
    assert_eq!(said, "* BYE Too many connections, try again later\r\n");
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
