//! Who is locked out, for people who look for the reason and lift it.

use std::net::IpAddr;

use jiff::Timestamp;

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

/// Of whom wrong logins are counted anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pardoned {
    /// Whoever connects from this address, or the /64 that it is of.
    Address(IpAddr),
    /// Whoever says this login name, in lower case.
    Login(String),
}

impl Pardoned {
    /// Whom `text` names: an address, a network of IPv6 as it is listed, or a login name.
    pub fn named(text: &str) -> Self {
        let address = text.strip_suffix("/64").unwrap_or(text);
        match address.parse() {
            Ok(address) => Self::Address(neighbourhood(address)),
            Err(_) => Self::Login(text.to_lowercase()),
        }
    }

    /// Whether a lockout is of it.
    pub(super) fn covers(&self, one: &LockedOut) -> bool {
        match self {
            Self::Address(address) => one.address == Some(*address),
            Self::Login(login) => one.login.as_ref() == Some(login),
        }
    }
}
