//! The third way through the dialogues: what a server replies, and what a client says of an
//! envelope, is read, written and the same.

use gatepost_wire::fuzzing;
use gatepost_wire::smtp::Reply;

use crate::dialogue::{self, Step};

#[test]
fn every_reply_of_every_dialogue_is_written_as_it_was_read() {
    let mut count = 0;
    for dialogue in dialogue::all("smtp") {
        let mut reply = String::new();
        for step in &dialogue.steps {
            let Step::Server(octets) = step else {
                reply.clear();
                continue;
            };
            reply.push_str(&String::from_utf8_lossy(octets));
            if let Some(read) = Reply::parse(&reply) {
                // A code may stand alone; we always write the space.
                let written = read.to_string();
                assert_eq!(written.trim_end(), reply.trim_end(), "in {}", dialogue.name);
                reply.clear();
                count += 1;
            }
        }
    }
    assert!(count > 150, "the dialogues hold replies: {count}");
}

/// What our client says must be read; what a client of our server says may be wrong.
#[test]
fn every_envelope_of_every_dialogue_survives() {
    let mut count = 0;
    for dialogue in dialogue::all("smtp") {
        for step in &dialogue.steps {
            let Step::Client(octets) = step else { continue };
            let line = octets.trim_ascii_end();
            for verb in [b"MAIL ", b"RCPT "] {
                let Some(arguments) = line.strip_prefix(verb) else {
                    continue;
                };
                let read = fuzzing::smtp_arguments(arguments);
                let said = String::from_utf8_lossy(line);
                assert!(read || !dialogue.for_client, "{}: {said}", dialogue.name);
                count += usize::from(read);
            }
        }
    }
    assert!(count > 50, "the dialogues hold envelopes: {count}");
}
