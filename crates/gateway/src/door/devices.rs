//! Devices that a door lets in because of their network, and for how long that holds.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use gatepost_host::Network;
use tokio_util::sync::CancellationToken;

use super::DoorSettings;

/// The networks whose devices a door lets in, each with the mailbox that it opens to them. Clones are
/// the same ones.
#[derive(Debug, Clone, Default)]
pub(crate) struct Devices(Arc<Mutex<BTreeMap<Led, Entered>>>);

/// A network, and the mailbox that it is led to.
type Led = (Network, String);

/// Those of a network who may be in.
#[derive(Debug, Default)]
struct Entered {
    /// What goes before it for some of its addresses, and leads elsewhere.
    yields_to: BTreeSet<Led>,
    revoked: CancellationToken,
}

impl Devices {
    /// From now on those of `door`, and no others: the sessions of others end, and those of a
    /// network of which others may have been led elsewhere now.
    pub(super) fn become_those_of(&self, door: &DoorSettings) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut before = std::mem::take(&mut *known);
        let mut earlier: Vec<Led> = Vec::new();
        for devices in &door.without_login {
            for network in &devices.networks {
                let led = (*network, devices.mailbox.clone());
                if known.contains_key(&led) {
                    continue;
                }
                let elsewhere = earlier.iter().filter(|(other, mailbox)| {
                    *mailbox != devices.mailbox && other.overlaps(*network)
                });
                let yields_to: BTreeSet<Led> = elsewhere.cloned().collect();
                let entered = match before.remove(&led) {
                    Some(stays) if yields_to.is_subset(&stays.yields_to) => Entered {
                        yields_to,
                        revoked: stays.revoked,
                    },
                    leaves => {
                        if let Some(leaves) = leaves {
                            leaves.revoked.cancel();
                        }
                        Entered {
                            yields_to,
                            revoked: CancellationToken::new(),
                        }
                    }
                };
                earlier.push(led.clone());
                known.insert(led, entered);
            }
        }
        for entered in before.into_values() {
            entered.revoked.cancel();
        }
    }

    /// The mailbox that `door` opens to a device at this address, and what is cancelled when it
    /// does so no more.
    pub(crate) fn admit<'d>(
        &self,
        door: &'d DoorSettings,
        address: IpAddr,
    ) -> Option<(&'d str, CancellationToken)> {
        let (network, mailbox) = door.network_of(address)?;
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // The door may have changed since the device connected.
        let entered = known.get(&(network, mailbox.to_owned()))?;
        Some((mailbox, entered.revoked.clone()))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use gatepost_wire::InClear;

    use super::super::{LeadsTo, Tls, WithoutLogin};
    use super::*;
    use crate::Protocol;

    fn door(led: &[(&str, &str)]) -> DoorSettings {
        let led = led.iter().map(|(network, mailbox)| WithoutLogin {
            networks: vec![network.parse().expect("a network")],
            mailbox: (*mailbox).to_owned(),
        });
        DoorSettings {
            name: "scanners".to_owned(),
            protocol: Protocol::Smtp,
            tls: Tls::Off,
            in_clear: InClear::Refused,
            proxies: Vec::new(),
            connections: 1,
            connections_per_address: 1,
            idle: Duration::from_mins(1),
            leads_to: LeadsTo::Server,
            without_login: led.collect(),
        }
    }

    #[test]
    fn who_is_led_elsewhere_has_to_leave_and_who_is_not_stays() {
        let (all, some) = (("10.0.0.0/8", "a@x.y"), ("10.1.0.0/16", "b@x.y"));
        let other = ("192.168.7.0/24", "c@x.y");
        let address: IpAddr = "10.1.0.5".parse().expect("an address");
        let elsewhere: IpAddr = "192.168.7.9".parse().expect("an address");
        let devices = Devices::default();
        let before = door(&[all, other]);
        devices.become_those_of(&before);
        let (mailbox, first) = devices.admit(&before, address).expect("it is let in");
        assert_eq!(mailbox, "a@x.y");
        let (_, of_other) = devices.admit(&before, elsewhere).expect("it is let in");
        // Behind the one that leads there, it changes nothing.
        devices.become_those_of(&door(&[all, some, other]));
        assert!(!first.is_cancelled());
        let changed = door(&[some, all, other]);
        devices.become_those_of(&changed);
        assert!(first.is_cancelled(), "its mailbox is another now");
        assert!(!of_other.is_cancelled());
        let (mailbox, second) = devices.admit(&changed, address).expect("it is let in");
        assert_eq!(mailbox, "b@x.y");
        // The same again ends nothing, and neither does a network that is named twice.
        devices.become_those_of(&door(&[some, some, all, other]));
        assert!(!second.is_cancelled() && !of_other.is_cancelled());
    }
}
