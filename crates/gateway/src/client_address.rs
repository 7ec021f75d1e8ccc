//! Where a client connects from, and what of it may be believed.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

/// Where a client connects from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientAddress {
    /// From this address: its own connection, or what a proxy says of it.
    Known(IpAddr),
    /// Through the proxy at this address, which cannot tell from where.
    Behind(IpAddr),
}

impl ClientAddress {
    /// By which it is trusted, and its wrong logins are counted. All clients of whom nobody knows
    /// where they are have the unspecified one: what may be done from the address of their proxy is
    /// not for them, and what they do is not held against the proxy's neighbours.
    pub fn trusted(self) -> IpAddr {
        match self {
            Self::Known(address) => address.to_canonical(),
            Self::Behind(_) => Ipv4Addr::UNSPECIFIED.into(),
        }
    }

    /// By which its connections are counted: one that is really there.
    pub fn counted(self) -> IpAddr {
        let (Self::Known(address) | Self::Behind(address)) = self;
        address.to_canonical()
    }
}

/// As the log has it. Of a proxy it says so in words, which no filter of fail2ban takes for the
/// address of somebody who is to be banned.
impl fmt::Display for ClientAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(address) => write!(f, "{}", address.to_canonical()),
            Self::Behind(proxy) => write!(f, "somebody behind {}", proxy.to_canonical()),
        }
    }
}
