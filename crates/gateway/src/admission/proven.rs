//! Passwords that were proven lately, so that a client which polls costs nothing.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;

use aws_lc_rs::hmac;
use gatepost_host::Chance;
use secrecy::{ExposeSecret as _, SecretString};

use super::PasswordId;

/// Remembers which password was proven for which mailbox from which address, by a keyed digest
/// with a key of this process. As many as [`MOST`]; the oldest goes first.
pub(super) struct Proven {
    key: hmac::Key,
    proofs: BTreeMap<Proof, (Place, PasswordId)>,
    order: VecDeque<Proof>,
    /// How many proofs there are of each place.
    places: BTreeMap<Place, usize>,
}

/// A mailbox, and an address from which it was opened.
type Place = (String, IpAddr);

/// What is remembered of a password.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Proof([u8; 32]);

impl Proven {
    pub(super) fn new(chance: &Chance) -> Self {
        let mut key = zeroize::Zeroizing::new([0; 32]);
        chance.fill(key.as_mut_slice());
        Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, key.as_slice()),
            proofs: BTreeMap::new(),
            order: VecDeque::new(),
            places: BTreeMap::new(),
        }
    }

    /// What would be remembered.
    pub(super) fn proof(&self, mailbox: &str, address: IpAddr, password: &SecretString) -> Proof {
        let mut context = hmac::Context::with_key(&self.key);
        // No address of a mailbox or of a machine holds a zero octet, a password may.
        context.update(mailbox.as_bytes());
        context.update(&[0]);
        context.update(address.to_string().as_bytes());
        context.update(&[0]);
        context.update(password.expose_secret().as_bytes());
        let mut digest = [0; 32];
        digest.copy_from_slice(context.sign().as_ref());
        Proof(digest)
    }

    pub(super) fn find(&self, proof: Proof) -> Option<PasswordId> {
        self.proofs.get(&proof).map(|(_, id)| id.clone())
    }

    /// Whether any password was proven for this mailbox from this address.
    pub(super) fn has_any(&self, mailbox: &str, address: IpAddr) -> bool {
        self.places.contains_key(&(mailbox.to_owned(), address))
    }

    /// Remembers a proof of a password that opened this mailbox from this address.
    pub(super) fn remember(
        &mut self,
        proof: Proof,
        (mailbox, address): (&str, IpAddr),
        id: PasswordId,
    ) {
        let place = (mailbox.to_owned(), address);
        let before = self.proofs.insert(proof, (place.clone(), id));
        if before.is_some() {
            return;
        }
        *self.places.entry(place).or_default() += 1;
        self.order.push_back(proof);
        if self.order.len() > MOST
            && let Some(oldest) = self.order.pop_front()
            && let Some((place, _)) = self.proofs.remove(&oldest)
        {
            self.leave(&place);
        }
    }

    fn leave(&mut self, place: &Place) {
        if let Some(count) = self.places.get_mut(place) {
            *count -= 1;
            if *count == 0 {
                self.places.remove(place);
            }
        }
    }

    /// Forgets those that are not among the passwords any more.
    pub(super) fn keep_only(&mut self, is_valid: impl Fn(&PasswordId) -> bool) {
        let gone = self.proofs.extract_if(.., |_, (_, id)| !is_valid(id));
        let gone: Vec<Place> = gone.map(|(_, (place, _))| place).collect();
        for place in &gone {
            self.leave(place);
        }
        let Self { proofs, order, .. } = self;
        order.retain(|proof| proofs.contains_key(proof));
    }
}

impl std::fmt::Debug for Proven {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Proven({} of them)", self.proofs.len())
    }
}

/// More devices than that do not poll one gateway.
const MOST: usize = 8_192;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_are_remembered_as_there_is_room_for() {
        let mut proven = Proven::new(&Chance::seeded(1));
        let address = IpAddr::from([127, 0, 0, 1]);
        let proof = |proven: &Proven, number: usize| {
            proven.proof(&format!("{number}@x.test"), address, &"p".into())
        };
        for number in 0..=MOST {
            let proof = proof(&proven, number);
            let mailbox = format!("{number}@x.test");
            for _ in 0..2 {
                let id = PasswordId::new(number.to_string());
                proven.remember(proof, (&mailbox, address), id);
            }
        }
        assert_eq!(proven.order.len(), MOST);
        assert_eq!(proven.find(proof(&proven, 0)), None);
        assert!(proven.find(proof(&proven, MOST)).is_some());
        assert!(proven.has_any("1@x.test", address) && !proven.has_any("0@x.test", address));
        proven.keep_only(|id| id.as_str() == "1");
        assert_eq!((proven.order.len(), proven.proofs.len()), (1, 1));
        assert!(proven.has_any("1@x.test", address) && !proven.has_any("2@x.test", address));
        assert_eq!(proven.places.len(), 1, "nothing is kept");
    }

    #[test]
    fn a_proof_is_of_one_mailbox_one_address_and_one_password() {
        let proven = Proven::new(&Chance::seeded(1));
        let here = IpAddr::from([127, 0, 0, 1]);
        let proof = |mailbox: &str, address, password: &str| {
            proven.proof(mailbox, address, &password.into()).0
        };
        let one = proof("a@x.test", here, "p");
        assert_eq!(one, proof("a@x.test", here, "p"));
        assert_ne!(one, proof("b@x.test", here, "p"));
        assert_ne!(one, proof("a@x.test", IpAddr::from([127, 0, 0, 2]), "p"));
        assert_ne!(one, proof("a@x.test", here, "q"));
    }
}
