//! Why a file of another program cannot be read.

use gatepost_fault::{Fault, Next, Owner};

/// Why a file of another program cannot be read. No sentence repeats a value of the file: any
/// could be a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// The file does not have the form that its program reads.
    #[error("line {line}: {reason}")]
    Malformed {
        /// Counted from 1.
        line: usize,
        /// What is wrong there.
        reason: String,
    },
    /// The cache store is no JSON object of accounts.
    #[error(
        "it is neither a configuration nor a JSON object with an object of texts for each account: \
         {reason}"
    )]
    NotAccounts {
        /// What the JSON parser said, without what stands there.
        reason: String,
    },
    /// A line of the file with passwords is not an address and a password.
    #[error("line {line}: {reason}; write `address password` or `address:password`")]
    PasswordLine {
        /// Counted from 1.
        line: usize,
        /// What is wrong there.
        reason: &'static str,
    },
}

impl ImportError {
    /// Every code this error answers.
    pub const CODES: &'static [&'static str] = &["import_unreadable", "passwords_unreadable"];
}

impl Fault for ImportError {
    fn code(&self) -> &'static str {
        match self {
            Self::Malformed { .. } | Self::NotAccounts { .. } => "import_unreadable",
            Self::PasswordLine { .. } => "passwords_unreadable",
        }
    }

    fn owner(&self) -> Owner {
        Owner::Operator
    }

    fn next(&self) -> Next {
        Next::Discard
    }
}
