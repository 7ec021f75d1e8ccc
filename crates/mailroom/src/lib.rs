//! Watches mailboxes and hands out what arrives, at least once, each message under one
//! stable event id. Declares what must be stored ([`Cursors`], [`Deliveries`]); stores nothing
//! itself, speaks no SQL and no mail protocol.

mod event;
mod sink;
mod storage;

pub use event::{Attachment, Event, EventData, EventId, EventType, MessageData, MessageIds};
pub use sink::{Handover, Outcome, Sink, SinkName, Spooled};
pub use storage::{
    Advance, Cursors, Deliveries, Delivery, DeliveryFilter, DeliveryState, Due, Fingerprint, Kept,
    Lease, NewEvent, Settled, Standing, StorageError, WatchKey,
};
