//! The JSON that sinks are told.

use jiff::Timestamp;

use crate::{Event, Handover};

/// The event as JSON, with the number of the attempt and the time of the first one.
pub fn payload(handover: &Handover<'_>) -> Vec<u8> {
    let payload = Payload {
        event: handover.event,
        attempt: handover.attempt,
        first_attempt_at: handover.first_attempt_at,
    };
    serde_json::to_vec(&payload).expect("an event has string keys and no value that JSON lacks")
}

#[derive(serde::Serialize)]
struct Payload<'a> {
    #[serde(flatten)]
    event: &'a Event,
    attempt: u32,
    first_attempt_at: Timestamp,
}
