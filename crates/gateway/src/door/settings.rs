//! What a door is like.

use std::time::Duration;

use gatepost_host::Network;
use gatepost_wire::InClear;

use crate::Protocol;

/// What a door is like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DoorSettings {
    /// What it is called in the configuration and in the log.
    pub name: String,
    /// What is spoken there.
    pub protocol: Protocol,
    /// How connections are protected.
    pub tls: Tls,
    /// Whether somebody beyond this machine may sign in unprotected. Whoever connects from this
    /// machine may.
    pub in_clear: InClear,
    /// Who says in front of each connection whom it is for (the PROXY protocol).
    pub proxies: Vec<Network>,
    /// How many connections there may be.
    pub connections: usize,
    /// How many from one address, or from one /64 of IPv6.
    pub connections_per_address: usize,
    /// How long a session may be silent.
    pub idle: Duration,
}

/// How the connections of a door are protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tls {
    /// Not at all.
    Off,
    /// The client asks for it.
    StartTls,
    /// From the first octet.
    Implicit,
    /// As the first octet of the client says: TLS, or none, which the client may ask for.
    Auto,
}
