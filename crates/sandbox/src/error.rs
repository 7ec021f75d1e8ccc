//! Why a sandbox does not start.

use std::io;
use std::net::SocketAddr;

use gatepost_fault::{Fault, Next, Owner};
use gatepost_host::FileError;

use crate::mailboxes::MailboxError;

/// The sandbox cannot start.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The address is taken, or may not be used.
    #[error(
        "the sandbox cannot listen on {address}: {source}; choose another --port-base, or none \
         for free ports"
    )]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the operating system said.
        source: io::Error,
    },
    /// A file of the sandbox cannot be read or written.
    #[error("the sandbox's own file: {0}")]
    File(#[from] FileError),
    /// A mailbox that it starts with cannot be made or filled.
    #[error(transparent)]
    Mailbox(#[from] MailboxError),
    /// A key or a certificate cannot be made or read.
    #[error("the sandbox cannot use {what}: {reason}; remove its state folder to start afresh")]
    Key {
        /// Which one.
        what: &'static str,
        /// What the cryptographic library said.
        reason: String,
    },
    /// The passwords of an earlier run cannot be understood.
    #[error(
        "the sandbox cannot read the passwords that it kept: {reason}; remove its state folder to \
         start afresh"
    )]
    Passwords {
        /// What the parser said; it names no value.
        reason: String,
    },
}

impl SandboxError {
    /// Every code this error answers; those of [`FileError`] and of
    /// [`MailboxError`] come on top.
    pub const CODES: &'static [&'static str] = &["sandbox_cannot_listen", "sandbox_state_unusable"];
}

impl Fault for SandboxError {
    fn code(&self) -> &'static str {
        match self {
            Self::Listen { .. } => "sandbox_cannot_listen",
            Self::File(file) => file.code(),
            Self::Mailbox(mailbox) => mailbox.code(),
            Self::Key { .. } | Self::Passwords { .. } => "sandbox_state_unusable",
        }
    }

    fn owner(&self) -> Owner {
        match self {
            Self::File(file) => file.owner(),
            Self::Mailbox(mailbox) => mailbox.owner(),
            _ => Owner::Operator,
        }
    }

    fn next(&self) -> Next {
        match self {
            Self::File(file) => file.next(),
            Self::Mailbox(mailbox) => mailbox.next(),
            _ => Next::Reconfigure,
        }
    }
}
