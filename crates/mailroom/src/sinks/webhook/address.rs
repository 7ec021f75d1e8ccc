//! Which addresses a webhook may lead to. A name that resolves to the inside of the network, or
//! to a cloud's metadata, is refused when it is connected to, unless the operator allowed it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use gatepost_host::Network;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

/// Lets through the addresses that may be reached.
#[derive(Debug, Clone)]
pub struct AddressGuard {
    allow: Arc<[Network]>,
}

impl AddressGuard {
    /// A guard that lets through public addresses, and those in `allow`.
    pub fn new(allow: Vec<Network>) -> Self {
        Self {
            allow: allow.into(),
        }
    }

    /// The guard of one URL. Whoever writes a loopback address or `localhost` as the host means
    /// this machine, so it may be reached; a name that only leads here may not.
    pub(super) fn of(url: &Url, mut allow: Vec<Network>) -> Self {
        let here = match url.host() {
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            // RFC 6761 §6.3.
            Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
            None => false,
        };
        if here {
            allow.extend(LOOPBACK);
        }
        Self::new(allow)
    }

    /// Whether this address may be reached.
    pub fn permits(&self, address: IpAddr) -> bool {
        let address = embedded(address);
        let allowed = self.allow.iter().any(|network| network.holds(address));
        allowed || !REFUSED.iter().any(|network| network.holds(address))
    }

    /// Checks an address that stands in the URL itself.
    pub(super) fn check_host(&self, url: &Url) -> Result<(), String> {
        let address = match url.host() {
            Some(Host::Ipv4(address)) => IpAddr::V4(address),
            Some(Host::Ipv6(address)) => IpAddr::V6(address),
            Some(Host::Domain(_)) | None => return Ok(()),
        };
        if self.permits(address) {
            Ok(())
        } else {
            Err(refusal(&address.to_string(), &[address]))
        }
    }
}

impl Resolve for AddressGuard {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.clone();
        Box::pin(async move {
            let host = name.as_str();
            let found: Vec<_> = tokio::net::lookup_host((host, 0)).await?.collect();
            let (permitted, refused): (Vec<_>, Vec<_>) = found
                .into_iter()
                .partition(|address| guard.permits(address.ip()));
            if permitted.is_empty() {
                let refused: Vec<IpAddr> = refused.iter().map(std::net::SocketAddr::ip).collect();
                return Err(refusal(host, &refused).into());
            }
            let permitted: Addrs = Box::new(permitted.into_iter());
            Ok(permitted)
        })
    }
}

fn refusal(host: &str, addresses: &[IpAddr]) -> String {
    let addresses: Vec<String> = addresses.iter().map(IpAddr::to_string).collect();
    format!(
        "{host} leads to {}, which is inside the network and not allowed for webhooks; if that is meant, add it to the sink's allow list",
        addresses.join(" and ")
    )
}

/// The IPv4 address within an IPv6 address that leads to one: mapped (RFC 4291 §2.5.5.2),
/// translated (RFC 6052 §2.1) or 6to4 (RFC 3056 §2).
fn embedded(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else {
        return address;
    };
    let v4 = |high: u16, low: u16| {
        IpAddr::V4(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)))
    };
    match v6.segments() {
        [0, 0, 0, 0, 0, 0xffff, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x2002, high, low, ..] => v4(high, low),
        _ => address,
    }
}

const LOOPBACK: [Network; 2] = [
    Network::v4([127, 0, 0, 0], 8),
    Network::one(IpAddr::V6(Ipv6Addr::LOCALHOST)),
];

/// Everything that is not the public network (RFC 6890): among it the metadata of the clouds at
/// 169.254.169.254 and `fd00:ec2::254`.
const REFUSED: &[Network] = &[
    Network::v4([0, 0, 0, 0], 8),
    Network::v4([10, 0, 0, 0], 8),
    Network::v4([100, 64, 0, 0], 10),
    Network::v4([127, 0, 0, 0], 8),
    Network::v4([169, 254, 0, 0], 16),
    Network::v4([172, 16, 0, 0], 12),
    Network::v4([192, 0, 0, 0], 24),
    Network::v4([192, 0, 2, 0], 24),
    Network::v4([192, 88, 99, 0], 24),
    Network::v4([192, 168, 0, 0], 16),
    Network::v4([198, 18, 0, 0], 15),
    Network::v4([198, 51, 100, 0], 24),
    Network::v4([203, 0, 113, 0], 24),
    Network::v4([224, 0, 0, 0], 4),
    Network::v4([240, 0, 0, 0], 4),
    Network::v6([0, 0, 0], 96),
    // A network's own translation to IPv4 (RFC 8215), wherever in it the address stands.
    Network::v6([0x64, 0xff9b, 1], 48),
    Network::v6([0x100, 0, 0], 64),
    // Teredo, which leads to an IPv4 address, and the like (RFC 2928).
    Network::v6([0x2001, 0, 0], 23),
    Network::v6([0x2001, 0xdb8, 0], 32),
    Network::v6([0xfc00, 0, 0], 7),
    Network::v6([0xfe80, 0, 0], 10),
    Network::v6([0xfec0, 0, 0], 10),
    Network::v6([0xff00, 0, 0], 8),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().expect("a literal address")
    }

    #[test]
    fn the_inside_is_refused_in_every_disguise() {
        let guard = AddressGuard::new(Vec::new());
        for inside in [
            "127.0.0.1",
            "10.1.2.3",
            "172.31.255.255",
            "192.168.0.1",
            "169.254.169.254",
            "100.100.100.200",
            "0.0.0.0",
            "255.255.255.255",
            "224.0.0.1",
            "::1",
            "::",
            "fd00:ec2::254",
            "fe80::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "64:ff9b::10.0.0.1",
            "2002:7f00:1::",
            "64:ff9b:1::1",
            "2001:0:4136:e378:8000:63bf:3fff:fdd2",
            "2001:db8::1",
            "203.0.113.9",
        ] {
            assert!(!guard.permits(address(inside)), "{inside}");
        }
        for outside in [
            "1.1.1.1",
            "172.32.0.1",
            "100.128.0.1",
            "2606:4700::1111",
            "64:ff9b::1.1.1.1",
        ] {
            assert!(guard.permits(address(outside)), "{outside}");
        }
    }

    #[test]
    fn what_is_allowed_is_let_through_and_nothing_else() {
        let allow = ["192.168.7.0/24", "10.0.0.9", "::1"];
        let allow = allow.map(|text| text.parse().expect("a network"));
        let guard = AddressGuard::new(allow.to_vec());
        for allowed in ["192.168.7.1", "10.0.0.9", "::1", "::ffff:10.0.0.9"] {
            assert!(guard.permits(address(allowed)), "{allowed}");
        }
        for refused in ["192.168.8.1", "10.0.0.8", "127.0.0.1"] {
            assert!(!guard.permits(address(refused)), "{refused}");
        }
        let everything: Network = "0.0.0.0/0".parse().expect("a network");
        assert!(AddressGuard::new(vec![everything]).permits(address("10.0.0.1")));
    }

    #[test]
    fn who_writes_this_machine_into_the_url_means_it() {
        let permits = |url: &str, to: &str| {
            let url = Url::parse(url).expect("a literal URL");
            AddressGuard::of(&url, Vec::new()).permits(address(to))
        };
        for here in [
            "http://localhost:3000/incoming",
            "http://app.localhost/",
            "http://127.0.0.1:3000/",
            "http://127.9.9.9/",
            "http://[::1]/",
        ] {
            assert!(permits(here, "127.0.0.1"), "{here}");
            assert!(permits(here, "::1"), "{here}");
            assert!(!permits(here, "10.0.0.1"), "{here}");
            assert!(!permits(here, "169.254.169.254"), "{here}");
        }
        for elsewhere in [
            "http://hooks.example/",
            "http://localhost.example/",
            "http://notlocalhost/",
            "http://0.0.0.0/",
            "http://[::ffff:127.0.0.1]/",
            "http://10.0.0.1/",
        ] {
            assert!(!permits(elsewhere, "127.0.0.1"), "{elsewhere}");
            assert!(!permits(elsewhere, "::1"), "{elsewhere}");
        }
    }
}
