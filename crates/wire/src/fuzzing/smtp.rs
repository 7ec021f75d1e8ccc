//! The SMTP machines in front of peers that send anything.

use secrecy::SecretString;

use crate::sasl::Xoauth2;
use crate::smtp::client::{Client, Unsendable};
use crate::smtp::server::{
    Answer, Ask, InClear, Limits, Mechanism, Persona, Replies, Server, SignIn, Want,
};
use crate::smtp::{
    Envelope, Extension, Extensions, Path, Recipient, Reply, ReversePath, Sender, Transfer,
};

/// What a client that sends one command of every kind after the other makes of these octets,
/// and what it sent.
pub(super) fn heard(input: &[u8], read: usize) -> Vec<String> {
    let mut client = Client::new();
    client.receive(b"220 ready\r\n");
    let mut seen = Vec::new();
    let mut sent = Vec::new();
    let mut reads = input.chunks(read);
    let mut turn = 0_u32;
    loop {
        // Busy is an answer too: the machine decides what may be in flight.
        while client.in_flight() == 0 && act(&mut client, turn).is_ok() {
            turn += 1;
        }
        sent.extend_from_slice(&client.take_output());
        match client.next_event() {
            Ok(None) => match reads.next() {
                Some(octets) => client.receive(octets),
                None => break,
            },
            Ok(Some(event)) => seen.push(format!("{event:?}")),
            Err(violation) => {
                seen.push(violation.to_string());
                break;
            }
        }
    }
    sent.extend_from_slice(&client.take_output());
    seen.push(sent.escape_ascii().to_string());
    seen
}

fn act(client: &mut Client, turn: u32) -> Result<(), Unsendable> {
    if client.message_octets(b".x\n").is_ok() {
        return client.end_message();
    }
    match turn % 5 {
        0 => client.hello("x.test"),
        1 => client
            .authenticate(
                &Xoauth2::new("a@x.test", SecretString::from("t")).expect("a valid sample"),
            )
            .or_else(|_| client.noop()),
        2 => {
            let path = Path::parse("a@x.test").expect("an address");
            client.send_envelope(&Envelope {
                sender: Sender::new(ReversePath::Null),
                recipients: vec![Recipient::new(path.clone()), Recipient::new(path)],
            })
        }
        3 => client
            .begin_message(Transfer::Data)
            .or_else(|_| client.noop()),
        _ => client.reset(),
    }
}

/// What the server says to a client that sends these octets, so many at a time.
pub(super) fn said(input: &[u8], read: usize) -> Vec<u8> {
    let mut server = Server::new(persona());
    let mut reads = input.chunks(read);
    let mut said = Vec::new();
    let mut message = Vec::new();
    loop {
        match server.want() {
            Want::Write(octets) => said.extend_from_slice(&octets),
            Want::Ask(ask) => server.answer(match ask {
                Ask::MessageOctets(octets) => {
                    message.extend_from_slice(&octets);
                    Answer::Done
                }
                Ask::MessageEnds => {
                    let text = message.escape_ascii().to_string();
                    message.clear();
                    Answer::Accepted(Reply::new(250, text))
                }
                Ask::Abandon => {
                    message.clear();
                    Answer::Done
                }
                _ => Answer::Done,
            }),
            Want::Read => match reads.next() {
                Some(octets) => server.push(octets),
                None => return said,
            },
            Want::StartTls | Want::Close | Want::HandOver(_) => return said,
            Want::Answer => unreachable!("every question was answered at once"),
        }
    }
}

pub(super) fn persona() -> Persona {
    let offered = [
        Extension::Size(Some(64)),
        Extension::Pipelining,
        Extension::Dsn,
        Extension::Chunking,
        Extension::SmtpUtf8,
        Extension::auth([Mechanism::Plain, Mechanism::Xoauth2, Mechanism::Login]),
    ];
    Persona {
        greeting: Reply::new(220, "ready"),
        hello: "hello".to_owned(),
        extensions: Extensions::new(offered),
        in_clear: InClear::default(),
        sign_in: SignIn::Optional,
        replies: Replies::default(),
        limits: Limits::default(),
    }
}
