//! A mailbox over IMAP with XOAUTH2: the driver of [`gatepost_wire::imap::client`].
//!
//! [`ImapOpener`] knows where a mailbox is and whose token opens it. Its sessions keep one
//! connection with one folder open, read bodies in streams, and wait by IDLE where the server
//! has it. What a provider does differently is data in [`Quirks`].

mod alter;
mod changes;
pub(crate) mod connect;
mod cursor;
mod fetch;
mod folders;
mod idles;
mod link;
mod list;
mod names;
mod opener;
mod overview;
mod quirks;
mod session;
mod settings;
pub(crate) mod sign_in;
mod verdict;
mod wait;

#[cfg(test)]
mod tests;

pub(crate) use link::Link;
pub use opener::ImapOpener;
pub use quirks::{Meaning, Phrase, Pushing, Quirks};
pub use settings::ImapSettings;
pub(crate) use verdict::back_off;

use gatepost_oauth::Audience;

pub use crate::connection::{Security, TimeLimits};
use crate::{Direction, Transport};

/// This transport in the list of all.
pub const TRANSPORT: Transport = Transport {
    name: "imap",
    doc: "IMAP with a token (XOAUTH2); new mail is pushed by IDLE",
    audience: Audience::Exchange,
    direction: Direction::Reads,
};
