//! Submission by SMTP with XOAUTH2 (RFC 6409): the driver of [`gatepost_wire::smtp::client`].
//!
//! A message is read once from its beginning while it leaves, and never held as a whole. Before
//! its first octet leaves, [`Departure::begins`](crate::Departure::begins) is awaited. A
//! connection that is lost before the end of the message was given to it has sent nothing, since
//! a server cancels what was not completed (RFC 5321 §4.1.1.10); one that is lost behind it and
//! before the answer may have sent the message, and that is
//! [`SubmitError::Unknown`](crate::SubmitError::Unknown).

pub(crate) mod connect;
mod fitting;
mod link;
mod opener;
mod session;
mod settings;
pub(crate) mod seven_bit;
pub(crate) mod sign_in;
mod transmission;
mod verdict;

#[cfg(test)]
mod tests;

pub(crate) use link::Link;
pub use opener::SmtpOpener;
pub use settings::{SmtpSettings, SmtpTimeLimits};

use gatepost_oauth::Audience;

pub use crate::connection::Security;
use crate::{Direction, Transport};

/// This transport in the list of all.
pub const TRANSPORT: Transport = Transport {
    name: "smtp",
    doc: "SMTP submission with a token (XOAUTH2), which a tenant or a mailbox may have switched off",
    audience: Audience::Exchange,
    direction: Direction::Sends,
};
