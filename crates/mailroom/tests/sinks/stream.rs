use gatepost_mailroom::Outcome;
use gatepost_mailroom::sinks::stream::{Stream, StreamTarget};

use crate::given::{Given, reason};

#[tokio::test]
async fn each_event_is_one_line_behind_a_line_that_was_cut() {
    let given = Given::message(3, b"x");
    let path = given.folder.path().join("events.ndjson");
    std::fs::write(&path, "{\"cut\":").expect("ours");
    let sink = Stream::new(StreamTarget::File(path.clone()));
    for _ in 0..2 {
        assert_eq!(given.to(&sink).await, Outcome::Done);
    }
    let text = std::fs::read_to_string(&path).expect("it was written");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!((lines.len(), lines[0]), (3, "{\"cut\":"));
    for line in &lines[1..] {
        let event: serde_json::Value = serde_json::from_str(line).expect("it is JSON");
        assert_eq!(event["id"], given.event.id.as_str());
        assert_eq!(event["sequence"], 3);
    }
}

#[tokio::test]
async fn a_file_that_cannot_be_written_is_named() {
    let given = Given::message(3, b"x");
    let sink = Stream::new(StreamTarget::File("/nowhere/events".into()));
    let reason = reason(given.to(&sink).await);
    assert!(
        reason.contains("/nowhere/events cannot be written"),
        "{reason}"
    );
}

#[tokio::test]
async fn a_full_disk_is_said_and_tried_again() {
    let given = Given::message(3, b"x");
    let sink = Stream::new(StreamTarget::File("/dev/full".into()));
    let reason = reason(given.to(&sink).await);
    assert!(reason.contains("No space left"), "{reason}");
}
