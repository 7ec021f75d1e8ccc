//! What another gateway left behind, and opens with a password that is not known here yet.

use async_trait::async_trait;
use secrecy::SecretString;

use super::PasswordError;

/// Sign-ins that were taken over sealed with the passwords of those who use them. The first login
/// that shows the right one opens it, and its password becomes an app password.
#[async_trait]
pub trait Inheritance: Send + Sync + std::fmt::Debug {
    /// Whether something waits for the password of this mailbox. It is asked at every login, and
    /// must be quick.
    fn waits_for(&self, mailbox: &str) -> bool;

    /// Looks anew at what waits: another process may have taken something over. It is asked every few
    /// seconds.
    async fn look(&self) -> Result<(), PasswordError>;

    /// Tries to open what waits for this mailbox. What is opened is durable and in its place when
    /// this returns. At most as many run at once as passwords are looked at; what takes long is
    /// to be done off the reactor.
    async fn open(
        &self,
        mailbox: &str,
        password: &SecretString,
    ) -> Result<Inherited, PasswordError>;

    /// The password that opened it is an app password now, durably, and with that what waited is
    /// forgotten ([`super::AppPasswords::take_over`]): it opens no more when that app password is
    /// revoked. Nothing waits for the mailbox any more.
    async fn settled(&self, mailbox: &str) -> Result<(), PasswordError>;
}

/// What became of an attempt to open what was inherited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inherited {
    /// Nothing waits for this mailbox.
    Nothing,
    /// It is another password.
    OtherPassword,
    /// It is open, and the password is proven.
    Opened,
}
