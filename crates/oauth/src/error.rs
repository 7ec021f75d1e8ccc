//! What can go wrong on the way to a token, as sentences that say what to do.

use gatepost_fault::{Fault, Next, Owner};

use crate::GrantStoreError;

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// What was stored of the grant cannot be read or written.
    #[error(transparent)]
    Store(#[from] GrantStoreError),
}

impl Fault for TokenError {
    fn code(&self) -> &'static str {
        match self {
            Self::Store(store) => store.code(),
        }
    }

    fn owner(&self) -> Owner {
        match self {
            Self::Store(store) => store.owner(),
        }
    }

    fn next(&self) -> Next {
        match self {
            Self::Store(store) => store.next(),
        }
    }
}
