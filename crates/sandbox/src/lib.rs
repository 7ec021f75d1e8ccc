//! A small Microsoft 365 in this process: the identity platform and the mailboxes of an
//! imaginary tenant, with faults on demand.
//!
//! It is an independent judge: it shares the wire formats of IMAP, POP3 and SMTP with the rest of the
//! workspace and nothing of the clients it judges.

mod ca;
mod config;
mod control;
mod door;
mod entra;
mod env_file;
mod error;
pub mod faults;
mod graph;
#[cfg(test)]
mod house;
mod https;
mod imap;
pub mod mailboxes;
pub mod mailset;
mod places;
mod pop3;
mod sandbox;
mod sending;
mod smtp;
mod state_folder;
pub mod tenant;

pub use config::{Ports, SandboxConfig};
pub use control::ControlRefused;
pub use env_file::EnvFile;
pub use error::SandboxError;
pub use sandbox::{Addresses, Sandbox};
pub use sending::SendingLimits;
