//! Every line of every dialogue that decodes is stable when it is encoded and decoded again.

use gatepost_wire::fuzzing;

use crate::dialogue::{self, Step};

#[test]
fn every_line_of_every_dialogue_survives_the_round_trip() {
    for dialogue in dialogue::all("imap") {
        for step in dialogue.steps {
            match step {
                Step::Client(octets) => fuzzing::command(&octets),
                Step::Server(octets) => fuzzing::response(&octets),
                Step::Wait(_) | Step::Drop => {}
            }
        }
    }
}
