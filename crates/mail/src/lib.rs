//! One trait to read a mailbox, whatever protocol is behind it.
//!
//! [`TRANSPORTS`] lists the ways to do it: [`imap`] and [`pop3`]. A transport gets its tokens from a `TokenSource`, never refreshes
//! one, and stores nothing: what must survive is handed to the caller as a
//! [`Cursor`] or streamed into an [`Intake`].

mod beginning;
mod connection;
pub mod content;
#[doc(hidden)]
pub mod contract;
mod cursor;
mod error;
mod fingerprint;
pub mod imap;
mod mailbox;
mod message;
pub mod pop3;
#[cfg(test)]
mod scripted;
mod submit;
mod transports;

pub use cursor::{Cursor, CursorError};
pub use error::{MailError, Protocol};
pub use fingerprint::fingerprint;
pub use mailbox::{Changes, Intake, IntakeError, Mailbox, Opener, Pull, Resync, Woke};
pub use message::{
    Address, Arrival, Envelope, Flag, Folder, FolderName, MessageKey, Query, SpecialUse, Summary,
};
pub use submit::{
    Departure, DepartureError, Outgoing, OutgoingError, Receipt, RefusedRecipient, Submit,
    SubmitError, SubmitOpener, Trace,
};
pub use transports::{TRANSPORTS, Transport};
