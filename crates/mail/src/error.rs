//! What can go wrong with a mailbox, as sentences that say what to do.

use gatepost_fault::{After, Fault, Next, Owner};
use gatepost_oauth::TokenError;

/// Why something could not be done with a mailbox.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// There is no token to sign in with.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The connection is gone.
    #[error("the connection to {host} for {mailbox} was lost: {reason}; it is opened again")]
    Disconnected {
        /// The server.
        host: String,
        /// The mailbox.
        mailbox: String,
        /// What the operating system or the server said.
        reason: String,
    },
}

impl MailError {
    /// Whether the session is finished and another must be opened.
    pub fn is_disconnected(&self) -> bool {
        matches!(self, Self::Disconnected { .. })
    }
}

impl Fault for MailError {
    fn code(&self) -> &'static str {
        match self {
            Self::Token(token) => token.code(),
            Self::Disconnected { .. } => "mailbox_disconnected",
        }
    }

    fn owner(&self) -> Owner {
        match self {
            Self::Token(token) => token.owner(),
            Self::Disconnected { .. } => Owner::Remote,
        }
    }

    fn next(&self) -> Next {
        match self {
            Self::Token(token) => token.next(),
            Self::Disconnected { .. } => Next::Retry(After::Backoff),
        }
    }
}
