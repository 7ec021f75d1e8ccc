//! Who is locked out, for people who look for the reason and lift it.

use std::net::IpAddr;

use jiff::Timestamp;

use super::failures::counted_as;
use crate::neighbourhood::neighbourhood;

/// An address, a login name, or both together, of which no password is looked at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LockedOut {
    /// The address; of IPv6 the first of its /64. The unspecified one stands for all clients of whom
    /// no proxy knows where they are. `None` is everywhere.
    pub address: Option<IpAddr>,
    /// The login name, in lower case. `None` is each.
    pub login: Option<String>,
    /// How often it was wrong.
    pub wrong: u32,
    /// When it may try again.
    pub until: Timestamp,
}

/// Of whom wrong logins are counted anew: whoever connects from the address, or the /64 that it is
/// of, and whoever says the login name. A name may read as an address, as where devices log in
/// under theirs, and then means both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pardoned {
    address: Option<IpAddr>,
    login: String,
}

impl Pardoned {
    /// Whom `text` names: an address, a network of IPv6 as it is listed, or a login name.
    pub fn named(text: &str) -> Self {
        let network = text.strip_suffix("/64");
        let network = network.and_then(|network| network.parse().ok());
        let address = match network {
            Some(IpAddr::V6(network)) => Some(IpAddr::V6(network)),
            // Of IPv4 each address is counted by itself.
            Some(IpAddr::V4(_)) => None,
            None => text.parse().ok(),
        };
        Self {
            address: address.map(neighbourhood),
            login: counted_as(&text.to_lowercase()),
        }
    }

    /// Whether what is counted under this address and this login name is of it.
    pub(super) fn covers(&self, address: Option<IpAddr>, login: Option<&str>) -> bool {
        (self.address.is_some() && self.address == address) || login == Some(&self.login)
    }
}
