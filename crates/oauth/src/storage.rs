//! What the token keeper needs stored. `store` answers this trait.

use async_trait::async_trait;
use gatepost_fault::{After, Fault, Next, Owner};
use secrecy::SecretSlice;

/// Names a credential: a registration, a grant and, for delegated grants, a person.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CredentialId(String);

impl CredentialId {
    /// Any non-empty text that stays the same over restarts,
    /// such as `contoso/authorization_code/ada@contoso.com`.
    pub fn new(id: impl Into<String>) -> Self {
        Self(id.into())
    }

    /// The text of the id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for CredentialId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a grant keeps between runs: opaque to the store, which seals it.
#[derive(Debug, Clone)]
pub struct GrantState {
    /// The grant that wrote it, such as `authorization_code`.
    pub kind: String,
    /// The version of that grant's own format.
    pub version: u32,
    /// The state in clear, to be sealed by the store before it touches a disk.
    pub secret: SecretSlice<u8>,
}

/// Counts the replacements of one credential's state, from 1. A number is never given twice, not
/// even after the state was removed: whoever still holds one from before must not win.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Generation(pub u64);

/// Stores the state of grants. One method is one transaction.
#[async_trait]
pub trait Grants: Send + Sync + std::fmt::Debug {
    /// The newest state, or `None` if nobody signed in yet.
    async fn load(
        &self,
        id: &CredentialId,
    ) -> Result<Option<(GrantState, Generation)>, GrantStoreError>;

    /// Replaces the state, if it is still at generation `seen` (`None`: if there is none).
    /// The new state is durable when this returns. Otherwise [`GrantStoreError::Stale`].
    async fn replace(
        &self,
        id: &CredentialId,
        seen: Option<Generation>,
        state: &GrantState,
    ) -> Result<Generation, GrantStoreError>;

    /// Forgets the state: signs out.
    async fn remove(&self, id: &CredentialId) -> Result<(), GrantStoreError>;

    /// Every credential that has a state.
    async fn list(&self) -> Result<Vec<CredentialId>, GrantStoreError>;
}

/// Why the state of a grant could not be read or written.
#[derive(Debug, Clone, thiserror::Error)]
pub enum GrantStoreError {
    /// Somebody else replaced the state since it was read: load it again.
    #[error("the stored sign-in of {id} was replaced by another process; loading it again")]
    Stale {
        /// The credential concerned.
        id: CredentialId,
    },
    /// The sealed state cannot be opened with the present key.
    #[error("the stored sign-in of {id} cannot be opened with the present key: {reason}")]
    Unsealable {
        /// The credential concerned.
        id: CredentialId,
        /// What the cipher said.
        reason: String,
    },
    /// The database is busy, full or broken; the text is a whole sentence.
    #[error("{message}")]
    Storage {
        /// The stable code of the store's own fault.
        code: &'static str,
        /// The store's own sentence.
        message: String,
        /// Whose move the store says it is.
        owner: Owner,
        /// What the store says is next.
        next: Next,
    },
}

impl GrantStoreError {
    /// Every code this error answers; those of the store's own faults come on top.
    pub const CODES: &'static [&'static str] = &["sign_in_replaced", "sign_in_unsealable"];

    /// Whether the store has logged it: it is the same for all who use it until somebody acts or
    /// time passes, and is not told again by each of them.
    pub fn is_told(&self) -> bool {
        match self {
            Self::Storage { owner, next, .. } => {
                *owner == Owner::Operator && *next != Next::Discard
            }
            Self::Stale { .. } | Self::Unsealable { .. } => false,
        }
    }
}

impl Fault for GrantStoreError {
    fn code(&self) -> &'static str {
        match self {
            Self::Stale { .. } => "sign_in_replaced",
            Self::Unsealable { .. } => "sign_in_unsealable",
            Self::Storage { code, .. } => code,
        }
    }

    fn owner(&self) -> Owner {
        match self {
            Self::Stale { .. } => Owner::Gatepost,
            Self::Unsealable { .. } => Owner::Operator,
            Self::Storage { owner, .. } => *owner,
        }
    }

    fn next(&self) -> Next {
        match self {
            Self::Stale { .. } => Next::Retry(After::Backoff),
            Self::Unsealable { .. } => Next::SignIn,
            Self::Storage { next, .. } => *next,
        }
    }
}
