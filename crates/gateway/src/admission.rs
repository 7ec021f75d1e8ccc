//! Who may come in.
//!
//! A login name leads to a mailbox ([`Logins`], which is configuration), and a mailbox has app
//! passwords ([`AppPasswords`], which are stored). A [`Login`] that shows one of them becomes a
//! [`Guest`]; any other is [`Turned`] away, and changes nothing but counters.

mod app_password;
#[doc(hidden)]
pub mod contract;
mod error;
mod failures;
mod gatekeeper;
mod guests;
mod hashing;
mod inheritance;
mod known;
mod legacies;
mod locked_out;
mod logins;
mod making;
mod memory;
mod proven;
mod record;
mod storage;
mod turned;

use std::net::IpAddr;

use async_trait::async_trait;
use secrecy::SecretString;
use tokio_util::sync::CancellationToken;

pub use app_password::{AppPassword, LastUse, PasswordId, Verifier};
pub use error::PasswordError;
pub use failures::Lockout;
pub use gatekeeper::{Gatehouse, Gatekeeper, Rules};
pub use guests::Presence;
pub use hashing::Cost;
pub use inheritance::{Inheritance, Inherited};
pub use legacies::{Legacies, Legacy};
pub use locked_out::{LockedOut, Pardoned};
pub use logins::{Logins, Opens};
pub use making::{Maker, Wanted};
pub use memory::MemoryPasswords;
pub use storage::{AppPasswords, Edition, Use};
pub use turned::Turned;

use crate::{ClientAddress, Protocol};

/// Somebody at a door who says a name and a password.
#[derive(Debug)]
pub struct Login {
    /// What is spoken at the door.
    pub protocol: Protocol,
    /// What the client says it is called, as it came.
    pub name: String,
    /// What it shows.
    pub password: SecretString,
    /// Where it connects from.
    pub from: ClientAddress,
}

/// Somebody who was admitted.
#[derive(Debug, Clone)]
pub struct Guest {
    /// The app password that was shown; `None` where the network opens the door.
    pub password: Option<PasswordId>,
    /// The login name, in lower case.
    pub login: String,
    /// The address of the mailbox that is opened, in lower case.
    pub mailbox: String,
    /// The addresses that may be written from, in lower case; the mailbox's own is not among them
    /// unless it is meant.
    pub senders: Vec<String>,
    /// Cancelled when the app password is revoked, or the name opens something else: the session
    /// ends then.
    pub revoked: CancellationToken,
    /// Kept for as long as the session lasts.
    pub presence: Presence,
}

/// Decides who may come in.
#[async_trait]
pub trait Admission: Send + Sync + std::fmt::Debug {
    /// Whether this login may come in. It takes its time when it was wrong before, and about the
    /// same time whether the name is known or not. Whoever is turned away is logged here.
    async fn admit(&self, login: &Login) -> Result<Guest, Turned>;

    /// The mailbox that a login of this name opens if its password proves right, to connect ahead
    /// while the password is looked at. `None` for names that are not known, and for those that
    /// are turned away at present: for these nobody should be bothered.
    fn expected(&self, protocol: Protocol, name: &str, address: IpAddr) -> Option<String>;
}
