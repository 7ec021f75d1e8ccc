//! Sealing of what rests on disk: AES-256-GCM with a random nonce, bound to its place.

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::digest::{SHA256, digest};
use gatepost_fault::{Fault, Next, Owner};
use zeroize::{Zeroize as _, Zeroizing};

use crate::Chance;

/// A key that seals and opens. What was sealed says which key sealed it.
///
/// A sealed box is `version(1) | key id(8) | nonce(12) | ciphertext and tag`.
/// The place (table, row, column, or file and chunk) is authenticated with it, so that a box
/// moved elsewhere does not open.
pub struct SealingKey {
    id: [u8; ID],
    key: RandomizedNonceKey,
}

impl SealingKey {
    /// How many octets a key has.
    pub const LENGTH: usize = 32;
    /// How many octets a sealed box has more than its content.
    pub const OVERHEAD: usize = 1 + ID + NONCE_LEN + 16;

    /// Takes the octets of a key.
    pub fn new(octets: &[u8; Self::LENGTH]) -> Self {
        let mut id = [0; ID];
        let named = Zeroizing::new([b"gatepost key id ", &octets[..]].concat());
        id.copy_from_slice(&digest(&SHA256, &named).as_ref()[..ID]);
        let key = RandomizedNonceKey::new(&AES_256_GCM, octets)
            .expect("AES-256-GCM takes any key of 32 octets");
        Self { id, key }
    }

    /// Makes the octets of a new key.
    pub fn generate(chance: &Chance) -> Zeroizing<[u8; Self::LENGTH]> {
        let mut octets = Zeroizing::new([0; Self::LENGTH]);
        chance.fill(&mut *octets);
        octets
    }

    /// Seals `content` for `place`.
    pub fn seal(&self, place: &str, content: &[u8]) -> Vec<u8> {
        let mut body = content.to_vec();
        let nonce = self
            .key
            .seal_in_place_append_tag(Aad::from(place.as_bytes()), &mut body)
            .expect("AES-GCM seals anything shorter than 64 GiB");
        let mut sealed = Vec::with_capacity(content.len() + Self::OVERHEAD);
        sealed.push(VERSION);
        sealed.extend_from_slice(&self.id);
        sealed.extend_from_slice(nonce.as_ref());
        sealed.append(&mut body);
        sealed
    }

    /// Whether this key sealed a box, of which the beginning is enough. It may be damaged.
    pub fn has_sealed(&self, sealed: &[u8]) -> bool {
        sealed.len() > ID && sealed[0] == VERSION && sealed[1..=ID] == self.id
    }

    /// Opens what was sealed for `place`.
    pub fn open(&self, place: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
        if sealed.len() < Self::OVERHEAD || sealed[0] != VERSION {
            return Err(SealError::Damaged);
        }
        let (id, rest) = sealed[1..].split_at(ID);
        if id != self.id {
            return Err(SealError::OtherKey);
        }
        let (nonce, body) = rest.split_at(NONCE_LEN);
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SealError::Damaged)?;
        let mut body = body.to_vec();
        let opened = self
            .key
            .open_in_place(nonce, Aad::from(place.as_bytes()), &mut body);
        let Ok(length) = opened.map(|content| content.len()) else {
            body.zeroize();
            return Err(SealError::Damaged);
        };
        body.truncate(length);
        Ok(Zeroizing::new(body))
    }
}

impl std::fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SealingKey(id {:016x})", u64::from_be_bytes(self.id))
    }
}

/// Why a sealed box does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// Another key sealed it.
    #[error(
        "it was sealed with another key; restore the key file that belongs to this state folder"
    )]
    OtherKey,
    /// It is damaged, or was moved from its place.
    #[error("it is damaged or was moved from its place; restore it from a backup or sign in again")]
    Damaged,
}

impl SealError {
    /// Every code this error answers.
    pub const CODES: &'static [&'static str] = &["sealed_with_other_key", "sealed_data_damaged"];
}

impl Fault for SealError {
    fn code(&self) -> &'static str {
        match self {
            Self::OtherKey => "sealed_with_other_key",
            Self::Damaged => "sealed_data_damaged",
        }
    }

    fn owner(&self) -> Owner {
        Owner::Operator
    }

    fn next(&self) -> Next {
        Next::Reconfigure
    }
}

const VERSION: u8 = 1;
const ID: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    fn key(seed: u64) -> SealingKey {
        SealingKey::new(&SealingKey::generate(&Chance::seeded(seed)))
    }

    #[test]
    fn a_box_opens_in_its_place_with_its_key_only() {
        let sealed = key(1).seal("grants/a", b"refresh token");
        assert_eq!(
            key(1)
                .open("grants/a", &sealed)
                .expect("its own")
                .as_slice(),
            b"refresh token"
        );
        assert_eq!(key(1).open("grants/b", &sealed), Err(SealError::Damaged));
        assert_eq!(key(2).open("grants/a", &sealed), Err(SealError::OtherKey));
    }

    #[test]
    fn no_damage_goes_unnoticed() {
        let sealed = key(1).seal("p", b"content");
        for at in 0..sealed.len() {
            let mut damaged = sealed.clone();
            damaged[at] ^= 1;
            key(1).open("p", &damaged).expect_err("one bit was turned");
        }
        for length in 0..sealed.len() {
            key(1).open("p", &sealed[..length]).expect_err("it was cut");
        }
    }

    #[test]
    fn the_same_content_never_looks_the_same() {
        assert_ne!(key(1).seal("p", b"content"), key(1).seal("p", b"content"));
    }
}
