//! A mailbox over POP3 with XOAUTH2: the driver of [`gatepost_wire::pop3::client`].
//!
//! A session of POP3 shows the mailbox as it was at the sign-in and may keep everybody else out,
//! so a [`Pop3Opener`]'s sessions hold no connection while they wait: every look signs in anew.
//! Nothing is deleted unless [`Mailbox::delete`](crate::Mailbox::delete) is called.

mod changes;
pub(crate) mod connect;
mod cursor;
mod fetch;
mod headers;
mod link;
mod list;
mod maildrop;
mod opener;
mod session;
mod settings;
pub(crate) mod sign_in;
mod verdict;

#[cfg(test)]
mod tests;

pub(crate) use link::Link;
pub use opener::Pop3Opener;
pub use settings::Pop3Settings;

use gatepost_oauth::Audience;

pub use crate::connection::{Security, TimeLimits};
use crate::{Direction, Transport};

/// This transport in the list of all.
pub const TRANSPORT: Transport = Transport {
    name: "pop3",
    doc: "POP3 with a token (XOAUTH2), for mailboxes where IMAP is off; the inbox only, and asked for new mail from time to time",
    audience: Audience::Exchange,
    direction: Direction::Reads,
};
