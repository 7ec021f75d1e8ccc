//! The gateway: programs that know host, port, user and password are let into mailboxes of
//! Microsoft 365, which wants OAuth.
//!
//! [`admission`] decides who may come in. What must be stored for that is declared in
//! [`AppPasswords`](admission::AppPasswords) and answered by `store`. Nothing here reads a
//! configuration or looks into what is relayed after the login.
//!
//! A client knocks at a [`Door`](door::Door). Until it is signed in, the gateway itself is the
//! server; then its octets and those of the mailbox's server, where [`Upstream`](upstream::Upstream)
//! says that is, are relayed.

pub mod admission;
mod client_address;
pub mod door;
mod gateway;
mod neighbourhood;
mod one_line;
mod protocol;
mod quiet;
mod relay;
mod session;
pub mod spool;
pub mod upstream;

pub use client_address::ClientAddress;
pub use gateway::Gateway;
pub use protocol::{Protocol, Protocols, UnknownProtocol};
