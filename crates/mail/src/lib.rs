//! One trait to read a mailbox, whatever protocol is behind it.
//!
//! [`TRANSPORTS`] lists the ways to do it; the first is [`imap`]. A transport gets its tokens from a `TokenSource`, never refreshes
//! one, and stores nothing: what must survive is handed to the caller as a
//! [`Cursor`] or streamed into an [`Intake`].

mod beginning;
pub mod content;
#[doc(hidden)]
pub mod contract;
mod cursor;
mod error;
mod fingerprint;
pub mod imap;
mod mailbox;
mod message;
mod transports;

pub use cursor::{Cursor, CursorError};
pub use error::MailError;
pub use fingerprint::fingerprint;
pub use mailbox::{Changes, Intake, IntakeError, Mailbox, Opener, Pull, Resync, Woke};
pub use message::{
    Address, Arrival, Envelope, Flag, Folder, FolderName, MessageKey, Query, SpecialUse, Summary,
};
pub use transports::{TRANSPORTS, Transport};
