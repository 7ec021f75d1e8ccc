//! `docs/events.md` says what sinks are told.

use gatepost_mailroom::{Event, EventType};
use serde_json::Value;

#[test]
fn every_kind_of_event_is_explained() {
    let kinds = std::iter::once(EventType::MailReceived).chain(EventType::OWN);
    for kind in kinds {
        assert!(PAGE.contains(kind.as_str()), "{} is missing", kind.as_str());
    }
}

#[test]
fn the_example_is_an_event_as_it_is_written() {
    let (_, rest) = PAGE.split_once("```json\n").expect("there is an example");
    let (example, _) = rest.split_once("```").expect("it ends");
    let mut shown: Value = serde_json::from_str(example).expect("it is JSON");
    let event: Event = serde_json::from_str(example).expect("it is an event");
    let fields = shown.as_object_mut().expect("an object");
    for of_the_delivery in ["attempt", "first_attempt_at"] {
        assert!(fields.remove(of_the_delivery).is_some());
    }
    let written = serde_json::to_value(&event).expect("an event is JSON");
    assert_eq!(written, shown);
}

const PAGE: &str = include_str!("../../../docs/events.md");
