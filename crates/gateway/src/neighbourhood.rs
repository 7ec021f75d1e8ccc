//! Which addresses are counted as one.

use std::net::{IpAddr, Ipv6Addr};

/// What is counted in place of an address: of IPv6 the network, since whoever has one address of it
/// has all of its last 64 bits. An IPv4 address in the clothes of IPv6 is itself.
pub(crate) fn neighbourhood(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let network = address.to_bits() & !u128::from(u64::MAX);
            IpAddr::V6(Ipv6Addr::from_bits(network))
        }
    }
}
