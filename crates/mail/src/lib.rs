//! One trait to read a mailbox, whatever protocol is behind it.
//!
//! Transports (IMAP first; POP3 and Microsoft Graph follow) are entries of
//! `TRANSPORTS`. A transport gets its tokens from a `TokenSource`, never refreshes
//! one, and stores nothing: what must survive is handed to the caller as a
//! [`Cursor`] or streamed into an [`Intake`].

mod cursor;
mod error;
mod fingerprint;
mod mailbox;
mod message;

pub use cursor::{Cursor, CursorError};
pub use error::MailError;
pub use fingerprint::fingerprint;
pub use mailbox::{Changes, Intake, IntakeError, Mailbox, Opener, Pull, Resync, Woke};
pub use message::{
    Address, Arrival, Envelope, Flag, Folder, FolderName, MessageKey, Query, SpecialUse, Summary,
};
