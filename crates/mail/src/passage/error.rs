//! Why nobody can go on.

use gatepost_fault::{Fault, Next, Owner};

use crate::{MailError, SubmitError};

/// Why a connection could not be made or signed in for somebody.
#[derive(Debug, thiserror::Error)]
pub enum PassageError {
    /// Over IMAP or POP3, or for a reason that has nothing to do with the protocol.
    #[error(transparent)]
    Mail(#[from] MailError),
    /// Over SMTP.
    #[error(transparent)]
    Submit(SubmitError),
}

impl PassageError {
    /// Whether the server refused the token, and nothing else.
    pub(super) fn is_token_refused(&self) -> bool {
        matches!(self, Self::Mail(MailError::SignInRefused { .. }))
    }
}

impl From<SubmitError> for PassageError {
    fn from(error: SubmitError) -> Self {
        match error {
            SubmitError::Session(error) => Self::Mail(error),
            error => Self::Submit(error),
        }
    }
}

impl Fault for PassageError {
    fn code(&self) -> &'static str {
        match self {
            Self::Mail(error) => error.code(),
            Self::Submit(error) => error.code(),
        }
    }

    fn owner(&self) -> Owner {
        match self {
            Self::Mail(error) => error.owner(),
            Self::Submit(error) => error.owner(),
        }
    }

    fn next(&self) -> Next {
        match self {
            Self::Mail(error) => error.next(),
            Self::Submit(error) => error.next(),
        }
    }
}
