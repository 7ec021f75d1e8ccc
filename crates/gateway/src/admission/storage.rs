//! What must be stored of app passwords. `store` answers this trait.

use async_trait::async_trait;

use super::{AppPassword, LastUse, PasswordError, PasswordId};

/// Counts the changes to what app passwords there are, by whichever process. Uses do not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Edition(pub u64);

/// An app password that was of use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Use {
    /// Which one.
    pub id: PasswordId,
    /// When, from where, and for what.
    pub last: LastUse,
}

/// Stores app passwords. One method is one transaction, and durable when it returns.
#[async_trait]
pub trait AppPasswords: Send + Sync + std::fmt::Debug {
    /// The present edition. It costs little: it is asked often.
    async fn edition(&self) -> Result<Edition, PasswordError>;

    /// Every app password, by mailbox and name, with the edition that they are of.
    async fn all(&self) -> Result<(Edition, Vec<AppPassword>), PasswordError>;

    /// Stores a new one; [`PasswordError::NameTaken`] if its name is given to another.
    async fn add(&self, password: &AppPassword) -> Result<(), PasswordError>;

    /// Like [`Self::add`], of a password with which something that another gateway left behind was
    /// opened: what waits for its mailbox ([`super::Legacies`]) is forgotten in the same
    /// transaction, so that a password that is revoked later opens nothing any more.
    async fn take_over(&self, password: &AppPassword) -> Result<(), PasswordError>;

    /// Forgets one; answers whether there was one.
    async fn revoke(&self, id: &PasswordId) -> Result<bool, PasswordError>;

    /// Remembers uses, unless a later one is remembered. Those that were revoked meanwhile are
    /// passed over.
    async fn used(&self, uses: &[Use]) -> Result<(), PasswordError>;
}
