//! What is too large is dropped or ends the connection, and is never held in memory.

use gatepost_wire::LineTooLong;
use gatepost_wire::pop3::client::{Client, Command, Event, InitialResponse, Unsendable, Violation};
use gatepost_wire::sasl::Xoauth2;
use secrecy::SecretString;

use crate::server::Conversation;

fn greeted() -> Client {
    let mut client = Client::new();
    client.receive(b"+OK ready\r\n");
    let greeting = client.next_event().expect("a greeting");
    assert!(matches!(greeting, Some(Event::Greeting(_))));
    client
}

#[test]
fn an_endless_line_ends_the_connection() {
    let mut client = greeted();
    client.send(&Command::Uidl).expect("nothing is in the way");
    client.receive(b"+OK\r\n1 ");
    client.receive(&[b'x'; 10_000]);
    assert_eq!(client.next_event(), Err(Violation::Line(LineTooLong(8192))));
}

#[test]
fn an_endless_list_of_capabilities_ends_the_connection() {
    let mut client = greeted();
    client
        .send(&Command::Capabilities)
        .expect("nothing is in the way");
    client.receive(b"+OK\r\n");
    client.receive("X-MORE\r\n".repeat(300).as_bytes());
    assert_eq!(client.next_event(), Err(Violation::Capabilities(256)));
}

#[test]
fn a_message_passes_through_without_being_held() {
    let mut client = greeted();
    client
        .send(&Command::Retrieve(1))
        .expect("nothing is in the way");
    client.receive(b"+OK\r\n");
    assert_eq!(
        client.next_event(),
        Ok(Some(Event::BodyBegins { number: 1 }))
    );
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
fn a_name_cannot_write_another_command() {
    for (user, password) in [("a\r\nDELE 1", "b"), ("a", "b\r\nDELE 1"), ("", "b")] {
        let mut client = greeted();
        let sent = client.sign_in(user, SecretString::from(password));
        assert_eq!(sent, Err(Unsendable::ControlCharacter));
        assert!(client.take_output().is_empty());
    }
}

#[test]
fn a_secret_goes_only_where_it_is_wanted() {
    let credentials =
        Xoauth2::new("a@x.test", SecretString::from("canary-token")).expect("a valid sample");
    let listed = Some(Unsendable::NotListed);
    let tls = Some(Unsendable::TlsFirst);
    for (capabilities, token, password) in [
        ("STLS\r\nUSER\r\nSASL XOAUTH2\r\n", tls, tls),
        ("SASL PLAIN\r\n", listed, listed),
        ("SASL PLAIN XOAUTH2\r\n", None, listed),
        ("USER\r\n", listed, None),
    ] {
        let listed = || {
            let mut client = greeted();
            client
                .send(&Command::Capabilities)
                .expect("nothing is in the way");
            client.receive(format!("+OK\r\n{capabilities}.\r\n").as_bytes());
            while client
                .next_event()
                .expect("the server keeps to it")
                .is_some()
            {}
            client.take_output();
            client
        };
        let mut client = listed();
        let sent = client.authenticate(&credentials, InitialResponse::IfItFits);
        assert_eq!(sent.err(), token, "{capabilities}");
        assert_eq!(client.take_output().is_empty(), token.is_some());

        let mut client = listed();
        let sent = client.sign_in("a@x.test", SecretString::from("canary"));
        assert_eq!(sent.err(), password, "{capabilities}");
        assert_eq!(client.take_output().is_empty(), password.is_some());
    }
}

#[test]
fn a_token_that_does_not_fit_goes_in_a_line_of_its_own() {
    for (length, in_one_line) in [(100, true), (3000, false)] {
        let mut client = greeted();
        let token = SecretString::from("t".repeat(length));
        let credentials = Xoauth2::new("a@x.test", token).expect("a valid sample");
        client
            .authenticate(&credentials, InitialResponse::IfItFits)
            .expect("nothing is in the way");
        let sent = client.take_output();
        assert!(sent.len() <= 255, "{} octets", sent.len());
        assert_eq!(sent.len() > "AUTH XOAUTH2\r\n".len(), in_one_line);
    }
}

#[test]
fn neither_mail_nor_token_is_printed_with_the_machine() {
    let mut client = greeted();
    let credentials =
        Xoauth2::new("a@x.test", SecretString::from("canary-token")).expect("a valid sample");
    client
        .authenticate(&credentials, InitialResponse::Never)
        .expect("nothing is in the way");
    client.receive(b"canary-mail");
    assert!(!format!("{client:?}").contains("canary"), "{client:?}");

    let mut conversation = Conversation::new();
    conversation.server.push(b"USER a\r\nPASS canary");
    conversation.go_on();
    assert!(!format!("{:?}", conversation.server).contains("canary"));
}

#[test]
fn an_overlong_command_is_refused_and_the_next_is_heard() {
    let mut conversation = Conversation::new();
    conversation.go_on();
    conversation.written.clear();
    let long = format!("USER {}\r\nCAPA\r\n", "x".repeat(20_000));
    for octets in long.as_bytes().chunks(1000) {
        conversation.server.push(octets);
        conversation.go_on();
        assert!(conversation.server.buffer().len() <= 1000);
    }
    let said = String::from_utf8_lossy(&conversation.written);
    assert!(
        said.starts_with("-ERR Protocol error.\r\n+OK\r\nTOP\r\n"),
        "{said}"
    );
}

#[test]
fn a_long_token_is_taken_in_a_line_of_its_own() {
    let mut conversation = Conversation::new();
    let token = SecretString::from("t".repeat(8000));
    let message = Xoauth2::new("a@x.test", token).expect("a valid sample");
    let line = format!("AUTH XOAUTH2\r\n{}\r\n", *message.encode());
    conversation.server.push(line.as_bytes());
    conversation.go_on();
    let said = String::from_utf8_lossy(&conversation.written);
    assert!(
        said.ends_with(
            "+ \r\n-ERR [AUTH] Authentication failure: unknown user name or bad password.\r\n"
        ),
        "{said}"
    );
}

#[test]
fn a_client_that_only_errs_is_sent_away() {
    let mut conversation = Conversation::new();
    conversation.server.push("WHAT\r\n".repeat(100).as_bytes());
    conversation.go_on();
    assert!(conversation.closed);
    let said = String::from_utf8_lossy(&conversation.written);
    assert_eq!(said.matches("-ERR Protocol error.").count(), 10);
    assert!(said.ends_with("-ERR Connection is closed.\r\n"), "{said}");
}
