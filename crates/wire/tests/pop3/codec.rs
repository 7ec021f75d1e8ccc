//! The third way through the dialogues: what a server answers is read, written and the same.

use gatepost_wire::pop3::Reply;

use crate::dialogue::{self, Step};

#[test]
fn every_answer_of_every_dialogue_is_written_as_it_was_read() {
    let mut count = 0;
    for dialogue in dialogue::all("pop3") {
        for step in &dialogue.steps {
            let Step::Server(octets) = step else { continue };
            let line = String::from_utf8_lossy(octets);
            let line = line.trim_end();
            if let Some(reply) = Reply::parse(line) {
                assert_eq!(reply.to_string(), line, "in {}", dialogue.name);
                count += 1;
            }
        }
    }
    assert!(count > 100, "the dialogues hold answers: {count}");
}
