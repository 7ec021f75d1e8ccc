//! The gateway as it is meant.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use gatepost_gateway::Protocol;
use gatepost_host::Network;

use super::super::Place;

/// The gateway: its doors, and who may come in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GatewaySettings {
    /// Doors by name.
    pub doors: BTreeMap<String, DoorSettings>,
    /// Login names besides the addresses of mailboxes, in lower case.
    pub logins: BTreeMap<String, LoginSettings>,
    /// Domains whose addresses open the mailboxes that they name, in lower case, with the name of
    /// the registration that opens them acting alone.
    pub domains: BTreeMap<String, String>,
    /// When logins are not looked at any more.
    pub lockout: LockoutSettings,
}

/// A door.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DoorSettings {
    /// Where it is named.
    pub at: Place,
    /// What is spoken there.
    pub protocol: Protocol,
    /// Where it listens; never empty.
    pub listen: Vec<ListenAt>,
    /// How TLS is had.
    pub tls: DoorTls,
    /// What it shows of itself; there is one unless TLS is off.
    pub certificate: Option<DoorCertificate>,
    /// Whether passwords may come unprotected from beyond this machine.
    pub clear_beyond_loopback: bool,
    /// Proxies that say who is connecting.
    pub proxies: Vec<Network>,
    /// Where it leads.
    pub upstream: DoorUpstream,
    /// How many connections it takes at once.
    pub connections: u32,
    /// How many of one address.
    pub connections_per_address: u32,
    /// How long a session may be silent after the login.
    pub idle: Duration,
    /// Networks whose devices send without a login.
    pub without_login: Vec<WithoutLogin>,
}

/// Where a door listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListenAt {
    /// At this address and port.
    Address(SocketAddr),
    /// At the sockets that systemd made under this name.
    Systemd(String),
}

/// How TLS is had at a door.
pub type DoorTls = super::super::raw::RawDoorTls;

/// What a door shows of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DoorCertificate {
    /// One that is made for it.
    SelfSigned,
    /// One from PEM files.
    Files {
        /// The certificate, and those that lead to its authority.
        certificate: PathBuf,
        /// Its private key.
        key: PathBuf,
    },
}

/// Where a door leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DoorUpstream {
    /// To the server of the mailbox's cloud.
    Native,
    /// Into the outbox.
    Spool {
        /// Whether a From that may not be sent from is replaced.
        rewrite_from: bool,
    },
}

/// Networks whose devices send without a login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WithoutLogin {
    /// The networks.
    pub networks: Vec<Network>,
    /// The mailbox that sends for them, in lower case.
    pub mailbox: String,
}

/// What a login name opens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginSettings {
    /// The mailbox, in lower case.
    pub mailbox: String,
    /// The addresses that may be written from, in lower case; never empty.
    pub senders: Vec<String>,
}

/// When logins are not looked at any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LockoutSettings {
    /// How often a login name, or an address, may be wrong.
    pub failures: u32,
    /// Within which time.
    pub within: Duration,
    /// How long it is locked out then.
    pub lasts: Duration,
}
