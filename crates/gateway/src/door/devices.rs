//! Devices that a door lets in because of their network, and for how long that holds.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use gatepost_host::Network;
use tokio_util::sync::CancellationToken;

use super::DoorSettings;

/// The networks whose devices a door lets in, each with the mailbox that it opens to them. Clones are
/// the same ones.
#[derive(Debug, Clone, Default)]
pub(crate) struct Devices(Arc<Mutex<BTreeMap<(Network, String), CancellationToken>>>);

impl Devices {
    /// From now on those of `door`, and no others: the sessions of others end.
    pub(super) fn become_those_of(&self, door: &DoorSettings) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut before = std::mem::take(&mut *known);
        for devices in &door.without_login {
            for network in &devices.networks {
                let key = (*network, devices.mailbox.clone());
                let revoked = before.remove(&key).unwrap_or_default();
                known.entry(key).or_insert(revoked);
            }
        }
        for revoked in before.into_values() {
            revoked.cancel();
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
        let revoked = known.get(&(network, mailbox.to_owned()))?.clone();
        Some((mailbox, revoked))
    }
}
