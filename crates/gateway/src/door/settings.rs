//! What a door is like.

use std::net::IpAddr;
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
    /// Where it leads.
    pub leads_to: LeadsTo,
    /// Over SMTP: networks whose devices send without a login.
    pub without_login: Vec<WithoutLogin>,
}

/// Where a door leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeadsTo {
    /// To the server of the mailbox, with which the client talks.
    Server,
    /// Over SMTP, into the spool of whoever takes messages for the gateway.
    Spool {
        /// Whether a From that may not be sent from is replaced, its name kept. Otherwise the
        /// message is refused.
        rewrite_from: bool,
    },
}

/// Networks whose devices send without a login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WithoutLogin {
    /// The networks.
    pub networks: Vec<Network>,
    /// The address of the mailbox that sends for them, in lower case.
    pub mailbox: String,
}

impl DoorSettings {
    /// The network by which a device at this address sends without a login, if it may, and the
    /// mailbox that it sends from.
    pub(crate) fn network_of(&self, address: IpAddr) -> Option<(Network, &str)> {
        // That is nobody in particular.
        if address.is_unspecified() {
            return None;
        }
        self.without_login.iter().find_map(|devices| {
            let mut networks = devices.networks.iter();
            let network = networks.find(|network| network.holds(address))?;
            Some((*network, devices.mailbox.as_str()))
        })
    }
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
