//! The one place where dice are thrown.

#![expect(
    clippy::disallowed_methods,
    reason = "this is the module that the others are sent to"
)]

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::SecretString;

/// Gives random octets. Cheap to clone; clones of a seeded one share one sequence.
#[derive(Clone)]
pub struct Chance(Source);

#[derive(Clone)]
enum Source {
    System,
    Seeded(Arc<Mutex<u64>>),
}

impl Chance {
    /// The operating system's generator, fit for keys and secrets.
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A repeatable sequence, for tests and simulations. Never fit for secrets.
    pub fn seeded(seed: u64) -> Self {
        Self(Source::Seeded(Arc::new(Mutex::new(seed))))
    }

    /// Fills `octets`.
    pub fn fill(&self, octets: &mut [u8]) {
        match &self.0 {
            Source::System => aws_lc_rs::rand::fill(octets)
                .expect("the operating system gives random octets; without them nothing is safe"),
            Source::Seeded(state) => {
                let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
                for chunk in octets.chunks_mut(8) {
                    let word = split_mix(&mut state).to_le_bytes();
                    chunk.copy_from_slice(&word[..chunk.len()]);
                }
            }
        }
    }

    /// An evenly spread number.
    pub fn number(&self) -> u64 {
        let mut octets = [0; 8];
        self.fill(&mut octets);
        u64::from_le_bytes(octets)
    }

    /// A number from 0 up to but not including `bound`; 0 if `bound` is 0.
    pub fn below(&self, bound: u64) -> u64 {
        // The high half of a 128-bit product is even but for 2^-64.
        let wide = u128::from(self.number()) * u128::from(bound);
        u64::try_from(wide >> 64).unwrap_or_default()
    }

    /// A time evenly spread between nothing and `most`.
    pub fn up_to(&self, most: Duration) -> Duration {
        let nanos = u64::try_from(most.as_nanos()).unwrap_or(u64::MAX);
        Duration::from_nanos(self.below(nanos.saturating_add(1)))
    }

    /// `octets` random octets as unpadded base64url: verifiers, states, nonces, passwords.
    pub fn secret(&self, octets: usize) -> SecretString {
        SecretString::from(self.token(octets))
    }

    /// `octets` random octets as unpadded base64url, for names that are no secret.
    pub fn token(&self, octets: usize) -> String {
        let mut buffer = zeroize::Zeroizing::new(vec![0; octets]);
        self.fill(&mut buffer);
        URL_SAFE_NO_PAD.encode(&*buffer)
    }

    /// A random (version 4) UUID in its usual text form.
    pub fn uuid(&self) -> String {
        let mut octets = [0; 16];
        self.fill(&mut octets);
        octets[6] = (octets[6] & 0x0f) | 0x40;
        octets[8] = (octets[8] & 0x3f) | 0x80;
        let number = format!("{:032x}", u128::from_be_bytes(octets));
        let parts = [
            &number[..8],
            &number[8..12],
            &number[12..16],
            &number[16..20],
            &number[20..],
        ];
        parts.join("-")
    }
}

impl fmt::Debug for Chance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Source::System => "Chance::system()",
            Source::Seeded(_) => "Chance::seeded(..)",
        })
    }
}

/// `SplitMix64`, the generator that seeds others: small, known, repeatable.
fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_throws_the_same_dice() {
        let throw = |seed| {
            let chance = Chance::seeded(seed);
            (
                chance.number(),
                chance.below(6),
                chance.token(5),
                chance.uuid(),
            )
        };
        assert_eq!(throw(7), throw(7));
        assert_ne!(throw(7), throw(8));
    }

    #[test]
    fn below_stays_below_and_reaches_all() {
        let chance = Chance::seeded(1);
        let mut seen = [false; 6];
        for _ in 0..1000 {
            seen[usize::try_from(chance.below(6)).expect("less than six")] = true;
        }
        assert_eq!(seen, [true; 6]);
        assert_eq!(chance.below(0), 0);
    }

    #[test]
    fn a_uuid_says_its_version() {
        let uuid = Chance::system().uuid();
        assert_eq!(uuid.len(), 36);
        assert_eq!(&uuid[14..15], "4");
        assert!(["8", "9", "a", "b"].contains(&&uuid[19..20]));
    }
}
