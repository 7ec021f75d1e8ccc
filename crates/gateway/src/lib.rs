//! The gateway: programs that know host, port, user and password are let into mailboxes of
//! Microsoft 365, which wants OAuth.
//!
//! [`admission`] decides who may come in. What must be stored for that is declared in
//! [`AppPasswords`](admission::AppPasswords) and answered by `store`. Nothing here reads a
//! configuration or looks into what is relayed after the login.

pub mod admission;
mod protocol;

pub use protocol::{Protocol, Protocols, UnknownProtocol};
