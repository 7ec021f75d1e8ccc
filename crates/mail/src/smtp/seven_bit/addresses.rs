//! Addresses in ASCII.

use url::Host;

/// The address in ASCII: its domain in A-labels (RFC 5890 §2.3.2.1). `None` if it has no such
/// form, since the part before the @ has none (RFC 6531 §3.2).
pub fn ascii_address(address: &str) -> Option<String> {
    if address.is_ascii() {
        return Some(address.to_owned());
    }
    let (local, domain) = address.rsplit_once('@')?;
    let Host::Domain(domain) = Host::parse(domain).ok().filter(|_| !domain.contains('%'))? else {
        return None;
    };
    (local.is_ascii() && domain.is_ascii()).then(|| format!("{local}@{domain}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_becomes_ascii_and_a_name_does_not() {
        for (address, expected) in [
            ("a@x.test", Some("a@x.test")),
            ("a@bücher.test", Some("a@xn--bcher-kva.test")),
            ("\"a b\"@bücher.test", Some("\"a b\"@xn--bcher-kva.test")),
            ("größe@x.test", None),
            ("größe@bücher.test", None),
            ("bücher", None),
            ("a@bü%63her.test", None),
            ("a@bü cher.test", None),
        ] {
            assert_eq!(ascii_address(address).as_deref(), expected, "{address}");
        }
    }
}
