//! An app password, without the password.

use std::fmt;
use std::net::IpAddr;

use gatepost_host::Network;
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};

use crate::{Protocol, Protocols};

/// Names an app password in commands and in the log. It is no secret.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PasswordId(String);

impl PasswordId {
    /// Takes a name that was given out.
    pub fn new(id: impl Into<String>) -> Self {
        Self(id.into())
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PasswordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// An app password: what it opens, for whom, and how it is recognised.
#[derive(Debug, Clone)]
pub struct AppPassword {
    /// Its name in commands and in the log.
    pub id: PasswordId,
    /// What people call it, such as `printer-3`. No two have the same.
    pub name: String,
    /// The address of the mailbox that it opens, in lower case.
    pub mailbox: String,
    /// The only login name that it is good for, in lower case; `None` for every name that leads
    /// to the mailbox.
    pub login: Option<String>,
    /// How it is recognised.
    pub verifier: Verifier,
    /// The protocols that it is good for.
    pub protocols: Protocols,
    /// The networks that it is good in; none is everywhere.
    pub networks: Vec<Network>,
    /// The addresses that may be written from, in lower case; none is what the login name has.
    pub senders: Vec<String>,
    /// When it was made.
    pub created: Timestamp,
    /// When it ends, if it does.
    pub expires: Option<Timestamp>,
    /// When it was last of use.
    pub last_use: Option<LastUse>,
}

/// When an app password was of use, and to whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastUse {
    /// When.
    pub at: Timestamp,
    /// From where.
    pub address: IpAddr,
    /// At which door.
    pub protocol: Protocol,
}

/// What an app password is recognised by: an Argon2id string in the PHC form, such as
/// `$argon2id$v=19$m=19456,t=2,p=1$…$…`.
#[derive(Clone)]
pub struct Verifier(SecretString);

impl Verifier {
    /// Takes one that was stored.
    pub fn new(phc: SecretString) -> Self {
        Self(phc)
    }

    /// As it is stored, sealed.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Verifier(..)")
    }
}
