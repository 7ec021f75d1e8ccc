//! What is too large is dropped or ends the connection, and is never held in memory.

use gatepost_wire::imap::client::{Client, Event, Untagged, Violation};
use gatepost_wire::imap::codec::Bound;
use gatepost_wire::sasl::Xoauth2;
use secrecy::SecretString;

fn greeted() -> Client {
    let mut client = Client::new();
    client.receive(b"* OK ready\r\n");
    let greeting = client.next_event().expect("a greeting");
    assert!(matches!(greeting, Some(Event::Greeting(_))));
    client
}

#[test]
fn an_endless_line_ends_the_connection() {
    let mut client = greeted();
    let mut received = 0;
    let violation = loop {
        client.receive(&[b'x'; 4096]);
        received += 4096;
        match client.next_event() {
            Ok(event) => assert_eq!(event, None),
            Err(violation) => break violation,
        }
    };
    assert!(matches!(violation, Violation::Bound(Bound::Line(_))));
    assert!(received <= 5 << 20, "given up after {received} octets");
}

#[test]
fn a_huge_header_is_dropped_and_the_rest_of_the_message_counts() {
    let mut client = greeted();
    let size = 2 << 20;
    client.receive(format!("* 1 FETCH (UID 7 BODY[HEADER] {{{size}}}\r\n").as_bytes());
    for _ in 0..size / 1024 {
        client.receive(&[b'x'; 1024]);
        assert_eq!(client.next_event(), Ok(None));
        assert!(client.buffer().len() <= 1024, "what is dropped is not held");
    }
    client.receive(b" RFC822.SIZE 9)\r\n");
    let Ok(Some(Event::Untagged(Untagged::Fetched(fetched)))) = client.next_event() else {
        panic!("the message is told");
    };
    assert_eq!((fetched.uid, fetched.size), (Some(7), Some(9)));
    assert!(fetched.header.is_none_or(|header| header.is_empty()));
}

#[test]
fn a_body_passes_through_without_being_held() {
    let mut client = greeted();
    let size: u64 = 1 << 40;
    client.receive(format!("* 1 FETCH (UID 7 BODY[] {{{size}}}\r\n").as_bytes());
    let begins = Event::BodyBegins {
        seq: 1,
        uid: Some(7),
        size,
    };
    assert_eq!(client.next_event(), Ok(Some(begins)));
    for _ in 0..100 {
        client.receive(&[b'x'; 4096]);
        let Ok(Some(Event::BodyChunk(octets))) = client.next_event() else {
            panic!("the octets pass");
        };
        assert_eq!(octets.len(), 4096);
        assert!(client.buffer().is_empty(), "nothing is held");
    }
}

#[test]
fn neither_mail_nor_token_is_printed_with_the_machine() {
    let mut client = greeted();
    let token = SecretString::from("canary-token");
    let credentials = Xoauth2::new("ada@contoso.com", token).expect("a valid sample");
    client
        .authenticate(&credentials)
        .expect("nothing is in the way");
    client.receive(b"* 1 FETCH (BODY[] {99}\r\ncanary-mail");
    let printed = format!("{client:?} {credentials:?}");
    let encoded = credentials.encode();
    for canary in ["canary-token", "canary-mail", encoded.as_str()] {
        assert!(!printed.contains(canary), "{printed}");
    }
}
