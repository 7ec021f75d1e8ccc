//! What every Gatepost error answers: its code, whose move it is, and what to do next.
//!
//! Retry loops match on [`Fault::next`]; HTTP statuses and exit codes derive from
//! [`Fault::owner`] and [`Fault::next`]; people look up [`Fault::code`] in `docs/codes/`.
//! Nowhere else is it decided whether an error is transient.
//!
//! This crate performs no I/O and knows no other crate of ours.

mod exit;

use std::time::Duration;

pub use exit::Exit;

/// An error that says who must act and what happens next.
pub trait Fault: std::error::Error + Send + Sync + 'static {
    /// The stable name of this fault, in `snake_case`; `docs/codes/<code>.md` explains it.
    fn code(&self) -> &'static str;

    /// Whose move it is.
    fn owner(&self) -> Owner;

    /// What the program does next.
    fn next(&self) -> Next;

    /// How the process ends when this fault ends it.
    fn exit(&self) -> Exit {
        Exit::of(self.owner(), self.next())
    }
}

/// Whose move it is after a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Owner {
    /// The person whose mailbox it is: sign in, consent, choose another password.
    Person,
    /// Whoever runs Gatepost: configuration, files, disk, network.
    Operator,
    /// The administrator of the Microsoft 365 tenant: permissions, policies, licences.
    TenantAdmin,
    /// The server at the other end.
    Remote,
    /// Us: a bug in Gatepost.
    Gatepost,
}

/// What the program does after a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Next {
    /// The same request may succeed later.
    Retry(After),
    /// Nothing works until a person signs in again.
    SignIn,
    /// Nothing works until the configuration, a permission or a policy is changed.
    Reconfigure,
    /// This one item can never work; carry on with the others.
    Discard,
}

impl Next {
    /// Whether trying the same thing again, unchanged, can help.
    pub fn is_retry(self) -> bool {
        matches!(self, Self::Retry(_))
    }
}

/// When a retry makes sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum After {
    /// The caller's own back-off decides.
    Backoff,
    /// Not before this much time has passed: the server said so.
    AtLeast(Duration),
}
