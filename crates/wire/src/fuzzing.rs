//! What the fuzz targets and the corpus test run: one function per decoder, each of which
//! panics when an invariant is broken and otherwise says nothing.

mod gate;
mod pop3;
mod server;
mod smtp;

use crate::imap::client::{Client, Command, Event};
use crate::imap::codec::{self, Assembler, Bounds, Part, Treatment};
use crate::imap::mailbox_name;
use crate::sasl::Xoauth2;

/// A SASL response that is read can be written and read again.
pub fn sasl(input: &[u8]) {
    if let Ok(parsed) = Xoauth2::parse(input) {
        let again = Xoauth2::parse(parsed.encode().as_bytes()).expect("what was written is read");
        assert_eq!(again.user(), parsed.user(), "the user survives");
    }
}

/// Decoding a mailbox name never fails, and encoding what was decoded is stable.
pub fn mailbox_names(input: &[u8]) {
    let name = mailbox_name::decode(input);
    let wire = mailbox_name::encode_utf7(&name);
    assert_eq!(
        mailbox_name::decode(wire.as_bytes()),
        name,
        "decode(encode(name)) is name"
    );
}

/// The assembler keeps its bounds and cuts the same parts however the octets arrive.
pub fn assembler(input: &[u8]) {
    let whole = cut(input, input.len().max(1));
    let octetwise = cut(input, 1);
    assert_eq!(whole, octetwise, "the cut does not depend on the reads");
}

/// Our client takes any octets a server may send, however they arrive, within its bounds.
pub fn client(input: &[u8]) {
    let whole = heard(input, input.len().max(1));
    let octetwise = heard(input, 1);
    assert_eq!(
        whole, octetwise,
        "what is understood does not depend on the reads"
    );
}

/// Our server takes any octets a client may send, and says the same however they arrive.
pub fn server(input: &[u8]) {
    let whole = server::said(input, input.len().max(1));
    let octetwise = server::said(input, 1);
    assert_eq!(
        whole, octetwise,
        "what is said does not depend on the reads"
    );
}

/// A body that is written is read again, and no octets that are read can end it early.
pub fn body(input: &[u8]) {
    crate::dots::assert_transparent(input);
}

/// Our POP3 client takes any octets a server may send, however they arrive.
pub fn pop3_client(input: &[u8]) {
    let whole = pop3::heard(input, input.len().max(1));
    let octetwise = pop3::heard(input, 1);
    assert_eq!(
        whole, octetwise,
        "what is understood does not depend on the reads"
    );
}

/// Our POP3 server takes any octets a client may send, and says the same however they arrive.
pub fn pop3_server(input: &[u8]) {
    let whole = pop3::said(input, input.len().max(1));
    let octetwise = pop3::said(input, 1);
    assert_eq!(
        whole, octetwise,
        "what is said does not depend on the reads"
    );
}

/// Our SMTP client takes any octets a server may send, however they arrive.
pub fn smtp_client(input: &[u8]) {
    let whole = smtp::heard(input, input.len().max(1));
    let octetwise = smtp::heard(input, 1);
    assert_eq!(
        whole, octetwise,
        "what is understood does not depend on the reads"
    );
}

/// Our SMTP server takes any octets a client may send, and says the same however they arrive.
pub fn smtp_server(input: &[u8]) {
    let whole = smtp::said(input, input.len().max(1));
    let octetwise = smtp::said(input, 1);
    assert_eq!(
        whole, octetwise,
        "what is said does not depend on the reads"
    );
}

/// Our IMAP server lets people in, and what they send behind their sign-in is passed on whole.
pub fn imap_gate(input: &[u8]) {
    let whole = gate::imap(input, input.len().max(1));
    assert_eq!(whole, gate::imap(input, 1), "the reads make no difference");
}

/// The same of POP3.
pub fn pop3_gate(input: &[u8]) {
    let whole = gate::pop3(input, input.len().max(1));
    assert_eq!(whole, gate::pop3(input, 1), "the reads make no difference");
}

/// The same of SMTP.
pub fn smtp_gate(input: &[u8]) {
    let whole = gate::smtp(input, input.len().max(1));
    assert_eq!(whole, gate::smtp(input, 1), "the reads make no difference");
}

/// What is read of replies, and of the arguments of MAIL and RCPT, is written and read the same.
pub fn smtp_texts(input: &[u8]) {
    crate::smtp::assert_reply_round_trip(input);
    smtp_arguments(input);
}

/// The arguments of MAIL or RCPT are written and read the same; answers whether they were read.
pub fn smtp_arguments(input: &[u8]) -> bool {
    crate::smtp::assert_arguments_round_trip(input)
}

/// What decodes as a response is written, read and written the same.
pub fn response(input: &[u8]) {
    codec::assert_response_round_trip(input);
}

/// What decodes as a command is written, read and written the same.
pub fn command(input: &[u8]) {
    codec::assert_command_round_trip(input);
}

/// What a client with a few commands in flight makes of these octets.
fn heard(input: &[u8], read: usize) -> Vec<String> {
    let mut client = Client::new();
    client.receive(b"* OK ready\r\n");
    let mut seen = Vec::new();
    let mut body = Vec::new();
    let mut reads = input.chunks(read);
    loop {
        match client.next_event() {
            Ok(None) => match reads.next() {
                Some(octets) => client.receive(octets),
                None => return seen,
            },
            Ok(Some(Event::Greeting(_))) => {
                // Busy is an answer too: the machine decides what may be in flight.
                let _ = client.send(&Command::Noop);
                let _ = client.idle();
            }
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

fn cut(input: &[u8], read: usize) -> Vec<String> {
    let bounds = Bounds {
        line: 64,
        literal: 16,
        literals: 3,
    };
    let mut assembler = Assembler::new(bounds);
    let mut seen = Vec::new();
    let mut streamed = Vec::new();
    for octets in input.chunks(read) {
        assembler.push(octets);
        loop {
            match assembler.next_part() {
                Ok(None) => break,
                Ok(Some(Part::Announced(announced))) => {
                    let treatment = if announced.length <= 16 {
                        Treatment::Keep
                    } else {
                        Treatment::Stream
                    };
                    seen.push(format!("{announced:?}"));
                    if let Err(bound) = assembler.accept(treatment) {
                        seen.push(bound.to_string());
                        assembler
                            .accept(Treatment::Discard)
                            .expect("what is dropped needs no room");
                    }
                }
                Ok(Some(Part::Chunk(chunk))) => streamed.extend_from_slice(&chunk),
                Ok(Some(Part::LiteralEnd)) => seen.push(format!("{:?}", streamed.split_off(0))),
                Ok(Some(Part::Message(message))) => seen.push(format!("{message:?}")),
                Err(bound) => seen.push(bound.to_string()),
            }
        }
    }
    seen
}
