//! The POP3 machines in front of peers that send anything.

use bytes::Bytes;

use crate::pop3::client::{Client, Command, Event};
use crate::pop3::server::{
    Answer, Ask, InClear, InitialResponse, Letter, Limits, Mechanism, Persona, Server, Texts, Want,
};
use crate::pop3::{Capabilities, Capability};

/// What a client with every kind of command in flight makes of these octets.
pub(super) fn heard(input: &[u8], read: usize) -> Vec<String> {
    let mut client = Client::new();
    client.receive(b"+OK ready\r\n");
    let mut seen = Vec::new();
    let mut body = Vec::new();
    let mut reads = input.chunks(read);
    let mut next = 0_u32;
    loop {
        // Busy is an answer too: the machine decides what may be in flight.
        while client.in_flight() == 0 && client.send(&command(next)).is_ok() {
            next += 1;
        }
        match client.next_event() {
            Ok(None) => match reads.next() {
                Some(octets) => client.receive(octets),
                None => return seen,
            },
            Ok(Some(Event::BodyChunk(octets))) => body.extend_from_slice(&octets),
            Ok(Some(Event::BodyEnds)) => seen.push(format!("{:?}", body.split_off(0))),
            Ok(Some(event)) => seen.push(format!("{event:?}")),
            Err(violation) => {
                seen.push(violation.to_string());
                return seen;
            }
        }
    }
}

fn command(turn: u32) -> Command {
    match turn % 8 {
        0 => Command::Capabilities,
        1 => Command::Stat,
        2 => Command::List,
        3 => Command::Uidl,
        4 => Command::Retrieve(1),
        5 => Command::UidlOne(1),
        6 => Command::Mechanisms,
        _ => Command::Top {
            number: 1,
            lines: 0,
        },
    }
}

/// What the server says to a client that sends these octets, so many at a time.
pub(super) fn said(input: &[u8], read: usize) -> Vec<u8> {
    let mut server = Server::new(persona());
    let mut reads = input.chunks(read);
    let mut said = Vec::new();
    let mut chunks = 0;
    loop {
        match server.want() {
            Want::Write(octets) => said.extend_from_slice(&octets),
            Want::Ask(ask) => {
                let answer = match ask {
                    Ask::SignIn(_) => Answer::Maildrop(vec![Letter {
                        octets: 7,
                        unique: "u1".to_owned(),
                    }]),
                    Ask::Message(_) => Answer::Chunk(Bytes::from_static(b"a: b\r\n\r\n.x\n")),
                    Ask::More => {
                        chunks += 1;
                        if chunks % 2 == 0 {
                            Answer::End
                        } else {
                            Answer::Chunk(Bytes::from_static(b"..\r"))
                        }
                    }
                    Ask::Update(_) => Answer::Done,
                };
                server.answer(answer);
            }
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
    let listed = [
        Capability::Uidl,
        Capability::User,
        Capability::sasl([Mechanism::Plain, Mechanism::Xoauth2, Mechanism::Login]),
    ];
    Persona {
        texts: Texts {
            greeting: "ready".to_owned(),
            authenticated: "authenticated",
            logged_on: "logged on",
            sign_in_failed: "failed",
            initial_response_refused: "not in one line",
            sign_in_cancelled: "cancelled",
            starting_tls: "begin",
            goodbye: "bye",
            bad_command: "bad command",
            no_such_message: "no such message",
            closed: "closed",
        },
        capabilities: Capabilities::new(listed.clone()),
        capabilities_signed_in: Capabilities::new(listed),
        in_clear: InClear::default(),
        initial_response: InitialResponse::Accept,
        limits: Limits::default(),
    }
}
