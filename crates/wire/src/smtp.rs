//! SMTP as it is spoken for submission (RFC 6409): RFC 5321 with AUTH (RFC 4954), STARTTLS
//! (RFC 3207), SIZE (RFC 1870), PIPELINING (RFC 2920), CHUNKING (RFC 3030), 8BITMIME
//! (RFC 6152), SMTPUTF8 (RFC 6531), DSN (RFC 3461) and enhanced status codes (RFC 2034,
//! RFC 3463).

pub mod client;
mod envelope;
pub mod exchange;
mod extension;
mod parameter;
mod path;
mod phase;
mod reply;
pub mod server;
mod status;

pub use envelope::{
    Body, Envelope, Headers, Notify, Occasion, Occasions, Recipient, Returned, Sender,
};
pub use extension::{Extension, Extensions};
pub use path::{Path, PathError, ReversePath};
pub use phase::Phase;
pub use reply::{BadReply, Reply, Severity};
pub use status::EnhancedStatus;

pub(crate) use reply::ReplyReader;

/// How the octets of a message are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transfer {
    /// DATA, with a dot at the end (RFC 5321 §4.1.1.4).
    Data,
    /// BDAT, with the length of each chunk before it (RFC 3030 §2).
    Chunks,
}

/// A reply that is read of a text is written and read the same.
pub(crate) fn assert_reply_round_trip(input: &[u8]) {
    if let Ok(text) = std::str::from_utf8(input) {
        reply::assert_round_trip(text);
    }
}

/// So are the arguments of MAIL and RCPT; answers whether the text was either.
pub(crate) fn assert_arguments_round_trip(input: &[u8]) -> bool {
    std::str::from_utf8(input).is_ok_and(parameter::assert_round_trip)
}
