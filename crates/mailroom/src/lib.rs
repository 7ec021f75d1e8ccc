//! Watches mailboxes and hands out what arrives, at least once, each message under one
//! stable event id. Declares what must be stored ([`Cursors`], [`Deliveries`]); stores nothing
//! itself, speaks no SQL and no mail protocol.
//!
//! A [`Mailroom`] holds what all share. Its [`Listener`]s watch one folder each, its [`Courier`]s
//! take deliveries to one [`Sink`] each, its [`Watchman`] reports who is in trouble, its
//! [`Caretaker`] what becomes of credentials, its [`Sweeper`] removes what is no longer needed.

mod courier;
mod durable;
mod event;
mod export;
mod health;
mod listener;
mod message;
pub mod outbox;
mod report_to;
mod room;
mod sink;
pub mod sinks;
mod spool;
mod storage;
mod watch;

pub use courier::{Bell, Call, Courier, Ear, Ordering, Route, Schedule};
pub use event::{
    Attachment, CredentialData, Event, EventData, EventId, EventType, MessageData, MessageIds,
    SendData, UnknownThen,
};
pub use export::{
    Estimate, Export, ExportError, FolderProof, Format, Progress, Proof, Skipped, Verification,
};
pub use health::{
    Board, Caretaker, CredentialHealth, CredentialStatus, Credentials, ExpiringPart, Expiry,
    LastError, MailboxStatus, SinkState, SinkStatus, WatchState, Watchman,
};
pub use listener::{ListenError, Listener};
pub use report_to::ReportTo;
pub use room::Mailroom;
pub use sink::{Handover, Outcome, Sink, SinkName, Spooled};
pub use spool::{Pinned, Resealed, Spool, SpoolError, SpooledMessage, Sweeper, Unproven};
#[doc(hidden)]
pub use storage::contract;
pub use storage::{
    Accepted, Addressee, Advance, Cursors, DamagedDue, Decision, Deliveries, Delivery,
    DeliveryFilter, DeliveryState, DsnRequest, Due, DueNow, DueSubmission, Fate, Fingerprint,
    Forgone, FormerTries, Holder, Horizon, Kept, Lease, LeftBy, Letter, MemoryStorage, NewEvent,
    NewSubmission, Notices, Notify, Occasion, Outbox, Priority, RecipientFate, Recovered,
    Resolution, Returned, SendLease, Settled, Settlement, Standing, StorageError, Submission,
    SubmissionFilter, SubmissionId, SubmissionState, Term, Traffic, WatchKey,
};
pub use watch::{Marks, Pace, PostAction, StartFrom, Watch, Watermarks};
