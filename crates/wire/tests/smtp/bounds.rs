//! What is too large is dropped or ends the connection, and is never held in memory; and what
//! cannot be sent is not.

use gatepost_wire::LineTooLong;
use gatepost_wire::sasl::Xoauth2;
use gatepost_wire::smtp::client::{Client, Event, Unsendable, Violation};
use gatepost_wire::smtp::server::{Persona, SignIn};
use gatepost_wire::smtp::{
    BadReply, Body, Envelope, Extension, Extensions, Headers, Path, Recipient, ReversePath, Sender,
    Transfer,
};
use secrecy::SecretString;

use crate::server::{Conversation, persona};

/// A client that was greeted, and whose EHLO was answered with these lines.
fn greeted(offered: &[&str]) -> Client {
    let mut client = Client::new();
    client.receive(b"220 ready\r\n");
    drain(&mut client);
    client.hello("x.test").expect("nothing is in the way");
    client.receive(b"250-hello\r\n");
    for line in offered {
        client.receive(format!("250-{line}\r\n").as_bytes());
    }
    client.receive(b"250 HELP\r\n");
    drain(&mut client);
    client.take_output();
    client
}

fn drain(client: &mut Client) -> Vec<Event> {
    let mut events = Vec::new();
    while let Some(event) = client.next_event().expect("the server keeps to it") {
        events.push(event);
    }
    events
}

fn envelope(to: &str) -> Envelope {
    let path = |text| Path::parse(text).expect("an address");
    Envelope {
        sender: Sender::new(ReversePath::Address(path("a@x.test"))),
        recipients: vec![Recipient::new(path(to))],
    }
}

#[test]
fn an_endless_line_or_reply_ends_the_connection() {
    let mut client = greeted(&[]);
    client.noop().expect("nothing is in the way");
    client.receive("2".repeat(20_000).as_bytes());
    assert_eq!(
        client.next_event(),
        Err(Violation::Line(LineTooLong(16 * 1024)))
    );

    let mut client = greeted(&[]);
    client.noop().expect("nothing is in the way");
    client.receive("250-more\r\n".repeat(300).as_bytes());
    assert_eq!(
        client.next_event(),
        Err(Violation::Reply(BadReply::Endless(256)))
    );
}

#[test]
fn what_the_server_cannot_take_is_not_sent() {
    let mut client = greeted(&["SIZE 100"]);
    let plain = envelope("b@x.test");
    let with = |change: fn(&mut Envelope)| {
        let mut changed = plain.clone();
        change(&mut changed);
        changed
    };
    for (envelope, why) in [
        (
            with(|e| e.sender.size = Some(101)),
            Unsendable::TooLarge { limit: 100 },
        ),
        (
            with(|e| e.sender.body = Body::EightBitMime),
            Unsendable::NoEightBit,
        ),
        (
            with(|e| e.sender.headers = Headers::Utf8),
            Unsendable::NoUtf8,
        ),
        (
            with(|e| e.sender.envelope_id = Some("=".repeat(34))),
            Unsendable::ParameterTooLong,
        ),
        (
            with(|e| e.recipients[0].original = Some("x".repeat(500))),
            Unsendable::ParameterTooLong,
        ),
        (with(|e| e.recipients.clear()), Unsendable::NoRecipient),
        (envelope("größe@x.test"), Unsendable::NoUtf8),
    ] {
        assert_eq!(client.send_envelope(&envelope), Err(why));
        assert!(client.take_output().is_empty());
    }
    assert_eq!(
        client.begin_message(Transfer::Data),
        Err(Unsendable::NoRecipient)
    );
    for name in ["", "a b", "a\r\nQUIT"] {
        assert_eq!(client.hello(name), Err(Unsendable::Name));
    }
}

#[test]
fn within_a_message_nothing_else_is_sent() {
    let mut client = greeted(&["PIPELINING", "CHUNKING"]);
    client
        .send_envelope(&envelope("b@x.test"))
        .expect("nothing is in the way");
    assert_eq!(client.begin_message(Transfer::Data), Err(Unsendable::Busy));
    client.receive(b"250 ok\r\n250 ok\r\n");
    drain(&mut client);
    client
        .begin_message(Transfer::Data)
        .expect("somebody gets it");
    assert_eq!(client.message_octets(b"x"), Err(Unsendable::NotListening));
    client.receive(b"354 go on\r\n");
    drain(&mut client);
    client.message_octets(b"x").expect("it is awaited");
    assert_eq!(client.noop(), Err(Unsendable::Busy));
    assert_eq!(client.reset(), Err(Unsendable::Busy));
    assert_eq!(client.quit(), Err(Unsendable::Busy));
}

#[test]
fn a_token_goes_only_where_it_is_wanted() {
    let token = SecretString::from("canary-token");
    let credentials = Xoauth2::new("a@x.test", token).expect("a valid sample");
    for (offered, why) in [
        (&["STARTTLS"][..], Some(Unsendable::TlsFirst)),
        (&["STARTTLS", "AUTH XOAUTH2"], Some(Unsendable::TlsFirst)),
        (&["AUTH LOGIN PLAIN"], Some(Unsendable::NoSuchMechanism)),
        (&[], Some(Unsendable::NoSuchMechanism)),
        (&["AUTH LOGIN XOAUTH2"], None),
    ] {
        let mut client = greeted(offered);
        assert_eq!(client.authenticate(&credentials).err(), why, "{offered:?}");
        assert_eq!(client.take_output().is_empty(), why.is_some());
    }
}

/// The client knows no more of an envelope than the server does.
#[test]
fn an_envelope_that_the_server_forgot_is_forgotten() {
    let in_chunks = || {
        let mut client = greeted(&["PIPELINING", "CHUNKING"]);
        client
            .send_envelope(&envelope("b@x.test"))
            .expect("nothing is in the way");
        client.receive(b"250 ok\r\n250 ok\r\n");
        drain(&mut client);
        client
            .begin_message(Transfer::Chunks)
            .expect("somebody gets it");
        client
    };
    let gone = |client: &mut Client| {
        assert_eq!(client.message_octets(b"x"), Err(Unsendable::NotListening));
        for transfer in [Transfer::Data, Transfer::Chunks] {
            assert_eq!(client.begin_message(transfer), Err(Unsendable::NoRecipient));
        }
        client
            .send_envelope(&envelope("b@x.test"))
            .expect("nothing is in the way");
    };

    let mut client = in_chunks();
    let another = envelope("c@x.test");
    assert_eq!(client.send_envelope(&another), Err(Unsendable::Busy));
    for transfer in [Transfer::Data, Transfer::Chunks] {
        assert_eq!(client.begin_message(transfer), Err(Unsendable::Busy));
    }
    client.message_octets(b"one").expect("it is awaited");
    client.receive(b"552 5.3.4 too large\r\n");
    drain(&mut client);
    gone(&mut client);

    let mut client = in_chunks();
    client.hello("x.test").expect("nothing is in the way");
    assert_eq!(client.message_octets(b"x"), Err(Unsendable::NotListening));
    client.receive(b"250 hello\r\n");
    drain(&mut client);
    gone(&mut client);
}

/// Without PIPELINING a chunk waits for the reply to the last.
#[test]
fn chunks_wait_where_they_have_to() {
    let mut client = greeted(&["CHUNKING"]);
    client
        .send_envelope(&envelope("b@x.test"))
        .expect("nothing is in the way");
    client.receive(b"250 ok\r\n");
    drain(&mut client);
    client.receive(b"250 ok\r\n");
    drain(&mut client);
    client
        .begin_message(Transfer::Chunks)
        .expect("somebody gets it");
    client.message_octets(b"one").expect("nothing is in flight");
    assert_eq!(client.message_octets(b"two"), Err(Unsendable::Busy));
    assert_eq!(client.end_message(), Err(Unsendable::Busy));
    client.receive(b"250 ok\r\n");
    drain(&mut client);
    client.end_message().expect("nothing is in flight");
    assert!(client.take_output().ends_with(b"BDAT 2 LAST\r\n\r\n"));
}

#[test]
fn neither_mail_nor_token_is_printed_with_the_machines() {
    let mut client = greeted(&["AUTH XOAUTH2"]);
    let token = SecretString::from("canary-token");
    let credentials = Xoauth2::new("a@x.test", token).expect("a valid sample");
    client
        .authenticate(&credentials)
        .expect("nothing is in the way");
    assert!(!format!("{client:?}").contains("canary"), "{client:?}");

    let mut conversation = Conversation::new();
    conversation.server.push(b"EHLO x\r\nAUTH LOGIN\r\ncanary");
    conversation.go_on();
    assert!(!format!("{:?}", conversation.server).contains("canary"));
}

#[test]
fn a_long_token_is_taken_and_a_long_command_is_not() {
    let mut conversation = Conversation::new();
    let token = SecretString::from("t".repeat(8000));
    let message = Xoauth2::new("a@x.test", token).expect("a valid sample");
    let lines = format!(
        "EHLO x\r\nAUTH XOAUTH2 {}\r\nAUTH XOAUTH2\r\n{}\r\nNOOP {}\r\nNOOP\r\n",
        *message.encode(),
        *message.encode(),
        "x".repeat(20_000)
    );
    for octets in lines.as_bytes().chunks(1000) {
        conversation.server.push(octets);
        conversation.go_on();
        assert!(conversation.server.buffer().len() <= 13_000);
    }
    let said = String::from_utf8_lossy(&conversation.written);
    assert!(
        said.ends_with(
            "XOAUTH2\r\n535 5.7.3 Authentication unsuccessful\r\n334 \r\n\
             535 5.7.3 Authentication unsuccessful\r\n500 5.5.2 Line too long\r\n250 2.0.0 OK\r\n"
        ),
        "{said}"
    );
}

#[test]
fn a_message_passes_through_without_being_held() {
    let mut conversation = Conversation::of(Persona {
        sign_in: SignIn::Optional,
        extensions: Extensions::new([Extension::Size(None), Extension::Chunking]),
        ..persona()
    });
    let begin = b"EHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<b@x.test>\r\n";
    for how in [b"DATA\r\n".as_slice(), b"BDAT 409602 LAST\r\n"] {
        conversation.server.push(begin);
        conversation.server.push(how);
        conversation.go_on();
        for _ in 0..100 {
            conversation.server.push(&[b'x'; 4096]);
            conversation.go_on();
            assert!(conversation.server.buffer().is_empty(), "nothing is held");
        }
        conversation.server.push(b"\r\n");
        if how.starts_with(b"DATA") {
            conversation.server.push(b".\r\n");
        }
        conversation.go_on();
        let taken = conversation.owner.taken.pop().expect("a message");
        assert_eq!(taken.message.len(), 409_602);
    }
}

/// What an envelope says is forgotten with it, and its owner hears so once.
#[test]
fn an_abandoned_envelope_is_told() {
    let mut conversation = Conversation::of(Persona {
        sign_in: SignIn::Optional,
        ..persona()
    });
    conversation
        .server
        .push(b"EHLO x\r\nRSET\r\nMAIL FROM:<>\r\nRSET\r\nRSET\r\nMAIL FROM:<>\r\nQUIT\r\n");
    conversation.go_on();
    assert_eq!(conversation.owner.abandoned, 2);
    assert!(conversation.closed);
}

/// Nobody makes us read without end: not a stranger, not with an announced size, not with many
/// chunks that nobody wants.
#[test]
fn chunks_out_of_sequence_end_the_connection() {
    let sign_in = "EHLO x\r\nAUTH PLAIN AGFAeC50ZXN0AHR3byB3b3Jkcw==\r\n";
    let envelope = "MAIL FROM:<a@x.test>\r\nRCPT TO:<b@x.test>\r\n";
    for (said, last) in [
        (
            "EHLO x\r\nBDAT 7\r\n".to_owned(),
            "503 5.5.1 Bad sequence of commands\r\n",
        ),
        (
            format!("{sign_in}{envelope}BDAT 201\r\n"),
            "552 5.3.4 Message size exceeds fixed maximum message size\r\n",
        ),
        (
            format!("{sign_in}BDAT 18446744073709551615 LAST\r\n"),
            "552 5.3.4 Message size exceeds fixed maximum message size\r\n",
        ),
        (
            format!("{sign_in}{}", "BDAT 1\r\nx".repeat(10)),
            "421 4.7.0 Too many errors, closing transmission channel\r\n",
        ),
    ] {
        let mut conversation = Conversation::new();
        conversation.server.push(said.as_bytes());
        conversation.go_on();
        assert!(conversation.closed, "{said}");
        let written = String::from_utf8_lossy(&conversation.written);
        assert!(written.ends_with(last), "{said}: {written}");
    }
}
