//! What must be stored of sign-ins that another gateway left behind. `store` answers this trait.

use async_trait::async_trait;
use secrecy::SecretString;

use super::PasswordError;

/// A sign-in that another gateway sealed with the password of those who use it, until one of them
/// shows that password.
#[derive(Debug, Clone)]
pub struct Legacy {
    /// The address of the mailbox that it opens, in lower case.
    pub mailbox: String,
    /// Which form it has, such as `emailproxy/1`: who wrote it reads it.
    pub form: String,
    /// What was sealed. Whoever has it can try passwords, so it is sealed once more.
    pub sealed: SecretString,
}

/// Stores what other gateways left behind. One method is one transaction, and durable when it
/// returns.
#[async_trait]
pub trait Legacies: Send + Sync + std::fmt::Debug {
    /// Keeps one, in place of what waits for this mailbox.
    async fn keep(&self, legacy: &Legacy) -> Result<(), PasswordError>;

    /// The mailboxes for which something waits, in order.
    async fn waiting(&self) -> Result<Vec<String>, PasswordError>;

    /// What waits for this mailbox.
    async fn legacy(&self, mailbox: &str) -> Result<Option<Legacy>, PasswordError>;

    /// Forgets what waits for this mailbox; answers whether there was anything.
    async fn forget(&self, mailbox: &str) -> Result<bool, PasswordError>;
}
