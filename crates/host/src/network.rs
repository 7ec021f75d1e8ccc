//! Networks of addresses, as people write them.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// A network such as `192.168.0.0/16`, or one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

impl Network {
    /// The network of the first `prefix` bits of these octets; no more than 32.
    pub const fn v4(octets: [u8; 4], prefix: u8) -> Self {
        let [a, b, c, d] = octets;
        Self {
            address: IpAddr::V4(Ipv4Addr::new(a, b, c, d)),
            prefix: if prefix > 32 { 32 } else { prefix },
        }
    }

    /// The network of the first `prefix` bits of these groups, behind which there are zeros; no
    /// more than 128.
    pub const fn v6([first, second, third]: [u16; 3], prefix: u8) -> Self {
        Self {
            address: IpAddr::V6(Ipv6Addr::new(first, second, third, 0, 0, 0, 0, 0)),
            prefix: if prefix > 128 { 128 } else { prefix },
        }
    }

    /// The network of one address.
    pub const fn one(address: IpAddr) -> Self {
        let prefix = match address {
            IpAddr::V4(_) => 32,
            IpAddr::V6(_) => 128,
        };
        Self { address, prefix }
    }

    /// Whether it holds this address. An IPv4 address within an IPv6 one is another address: see
    /// [`IpAddr::to_canonical`].
    pub fn holds(self, address: IpAddr) -> bool {
        let (mine, theirs, width) = match (self.address, address) {
            (IpAddr::V4(mine), IpAddr::V4(theirs)) => {
                (u128::from(mine.to_bits()), u128::from(theirs.to_bits()), 32)
            }
            (IpAddr::V6(mine), IpAddr::V6(theirs)) => (mine.to_bits(), theirs.to_bits(), 128),
            _ => return false,
        };
        let host_bits = width - u32::from(self.prefix);
        // A shift by the whole width is none that Rust would do.
        mine.checked_shr(host_bits) == theirs.checked_shr(host_bits)
    }
}

impl Network {
    /// Whether there is an address that both hold.
    pub fn overlaps(self, other: Self) -> bool {
        self.holds(other.address) || other.holds(self.address)
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let error = || NetworkError {
            text: text.to_owned(),
        };
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| error())?;
        let width = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => width,
            Some(prefix) => prefix.parse().map_err(|_| error())?,
        };
        if prefix > width {
            return Err(error());
        }
        Ok(Self { address, prefix })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::one(self.address) {
            self.address.fmt(f)
        } else {
            write!(f, "{}/{}", self.address, self.prefix)
        }
    }
}

/// A text that names no network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text} is no network; write it as 192.168.0.0/16, fd00::/8 or 10.1.2.3")]
pub struct NetworkError {
    text: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_network_is_named() {
        for text in ["", "localhost", "10.0.0.0/33", "10.0.0.0/x", "::/129"] {
            let error = text.parse::<Network>().expect_err("it is none");
            assert!(error.to_string().contains("192.168.0.0/16"), "{error}");
        }
    }

    #[test]
    fn a_network_is_written_as_it_is_read_and_holds_its_own() {
        for (text, inside, outside) in [
            ("192.168.7.0/24", "192.168.7.255", "192.168.8.0"),
            ("10.1.2.3", "10.1.2.3", "10.1.2.4"),
            ("fd00::/8", "fdff::1", "fe00::1"),
            ("0.0.0.0/0", "1.2.3.4", "::1"),
        ] {
            let network: Network = text.parse().expect("a network");
            assert_eq!(network.to_string(), text);
            assert!(network.holds(inside.parse().expect("an address")), "{text}");
            assert!(
                !network.holds(outside.parse().expect("an address")),
                "{text}"
            );
        }
    }
}
