//! The socket of a running `gatepost serve`: other verbs ask it for tokens and for how the
//! mailboxes are, instead of doing the work beside it.
//!
//! One JSON line each way over a Unix socket in the state folder. The folder is private, the
//! socket has mode 0600, and the peer must be the same user or root.

mod client;
mod error;
mod message;
mod server;

pub use client::{ask, ask_within};
pub use error::ControlError;
pub use message::{Answer, Lockout, Question, RelayedFault, WireToken};
pub use server::{bind, serve};

use std::path::PathBuf;

use gatepost_store::StateFolder;

/// Where the socket is.
pub fn socket(state: &StateFolder) -> PathBuf {
    state.path().join("gatepost.sock")
}

/// No question and no answer is longer: ten thousand mailboxes with their health take less.
const MOST: usize = 8 * 1024 * 1024;
