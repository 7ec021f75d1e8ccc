//! One trait to read a mailbox and one to submit messages, whatever protocol is behind them.
//!
//! [`TRANSPORTS`] lists the ways to do it: [`imap`], [`pop3`], [`smtp`] and [`graph`]. A transport gets its
//! tokens from a `TokenSource`, never refreshes one, and stores nothing: what must survive is
//! handed to the caller as a [`Cursor`] or streamed into an [`Intake`].

mod auto;
mod beginning;
mod connection;
pub mod content;
#[doc(hidden)]
pub mod contract;
mod cursor;
mod error;
mod fingerprint;
pub mod graph;
pub mod imap;
mod mailbox;
mod message;
mod near;
pub mod passage;
pub mod pop3;
mod protocol;
#[cfg(test)]
mod scripted;
pub mod smtp;
pub mod submission;
mod submit;
mod transports;

pub use auto::{AutoOpener, AutoSubmitOpener, NoWay};
pub use connection::addresses::Addresses;
pub use cursor::{Cursor, CursorError};
pub use error::MailError;
pub use fingerprint::fingerprint;
pub use mailbox::{Changes, Intake, IntakeError, Mailbox, Opener, Pull, Resync, Woke};
pub use message::{
    Address, Arrival, Envelope, Flag, Folder, FolderName, MessageKey, Query, SpecialUse, Summary,
};
pub use protocol::Protocol;
pub use submit::{
    Departure, DepartureError, Outgoing, OutgoingError, Receipt, RefusedRecipient, Submit,
    SubmitError, SubmitOpener, Trace,
};
pub use transports::{Direction, TRANSPORTS, Transport};
