//! Argon2id (RFC 9106): what makes a guess cost memory and time.

use argon2::{Algorithm, Argon2, Block, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use gatepost_host::Chance;
use secrecy::{ExposeSecret as _, SecretString};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::Verifier;

/// What one look at a password costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// Memory, in KiB.
    pub memory: u32,
    /// Passes over it.
    pub passes: u32,
}

impl Cost {
    /// Under 50 ms on a small machine, and what OWASP's Password Storage Cheat Sheet asks for at
    /// least.
    pub const USUAL: Self = Self {
        memory: 19_456,
        passes: 2,
    };
}

/// How passwords are hashed: two that have it in common are looked at in one go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Recipe {
    cost: Cost,
    salt: Vec<u8>,
}

/// What came of hashing a password.
#[derive(Clone)]
pub(super) struct Hash(Zeroizing<[u8; HASH]>);

impl Recipe {
    /// One that nothing has in common with yet.
    pub(super) fn new(cost: Cost, chance: &Chance) -> Self {
        let mut salt = vec![0; SALT];
        chance.fill(&mut salt);
        Self { cost, salt }
    }

    /// Whether it costs this much.
    pub(super) fn costs(&self, cost: Cost) -> bool {
        self.cost == cost
    }

    /// Hashes a password. It takes a while and must not be done on the reactor. `None` if the
    /// recipe is none that Argon2 knows, or there is no memory for it.
    pub(super) fn hash(&self, password: &SecretString) -> Option<Hash> {
        let Cost { memory, passes } = self.cost;
        let params = Params::new(memory, passes, LANES, Some(HASH)).ok()?;
        let mut hash = Zeroizing::new([0; HASH]);
        let blocks = room(params.block_count())?;
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into_with_memory(
                password.expose_secret().as_bytes(),
                &self.salt,
                hash.as_mut_slice(),
                blocks,
            )
            .ok()?;
        Some(Hash(hash))
    }

    /// The string by which a password with this hash is recognised.
    pub(super) fn verifier(&self, hash: &Hash) -> Verifier {
        let Cost { memory, passes } = self.cost;
        let salt = STANDARD_NO_PAD.encode(&self.salt);
        let hash = Zeroizing::new(STANDARD_NO_PAD.encode(hash.0.as_slice()));
        Verifier::new(SecretString::from(format!(
            "$argon2id$v=19$m={memory},t={passes},p={LANES}${salt}${}",
            *hash
        )))
    }
}

/// Memory for one look at a password, which the system has back when it is dropped.
///
/// glibc maps by itself whatever is larger than 32 MiB, and gives it back at once (`mallopt(3)`,
/// `M_MMAP_THRESHOLD`). What is smaller stays with the arena of the thread that freed it, and a look
/// is taken on any of many threads: each of them would keep as much. So more is reserved than is
/// used; memory that is never touched costs none.
fn room(blocks: usize) -> Option<Vec<Block>> {
    let mut memory = Vec::new();
    memory
        .try_reserve_exact(blocks.max(MAPPED / size_of::<Block>()))
        .ok()?;
    memory.resize(blocks, Block::default());
    Some(memory)
}

impl Hash {
    /// Whether it is the same, in a time that tells nothing.
    pub(super) fn is(&self, other: &Self) -> bool {
        self.0.as_slice().ct_eq(other.0.as_slice()).into()
    }
}

impl Verifier {
    /// What the string says; `None` if it is none of ours, or costs more than anybody asked for.
    pub(super) fn read(&self) -> Option<(Recipe, Hash)> {
        let mut parts = self.expose().strip_prefix("$argon2id$v=19$")?.split('$');
        let (cost, salt, hash) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() {
            return None;
        }
        let mut costs = cost.split(',');
        let mut number = |name: &str| costs.next()?.strip_prefix(name)?.parse::<u32>().ok();
        let (memory, passes, lanes) = (number("m=")?, number("t=")?, number("p=")?);
        if memory > MOST_MEMORY || passes > MOST_PASSES || lanes != LANES {
            return None;
        }
        let recipe = Recipe {
            cost: Cost { memory, passes },
            salt: STANDARD_NO_PAD.decode(salt).ok()?,
        };
        let decoded = Zeroizing::new(STANDARD_NO_PAD.decode(hash).ok()?);
        let hash = <[u8; HASH]>::try_from(decoded.as_slice()).ok()?;
        Some((recipe, Hash(Zeroizing::new(hash))))
    }
}

/// In octets.
const MAPPED: usize = 33 * 1024 * 1024;
const SALT: usize = 16;
const HASH: usize = 32;
const LANES: u32 = 1;
/// A stored string that costs more is damaged: 1 GiB, or an hour.
const MOST_MEMORY: u32 = 1024 * 1024;
const MOST_PASSES: u32 = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_recognised_by_what_is_stored_of_it_and_no_other_is() {
        let cost = Cost {
            memory: 64,
            passes: 1,
        };
        let recipe = Recipe::new(cost, &Chance::seeded(1));
        let hash = recipe.hash(&SecretString::from("hunter2")).expect("a hash");
        let verifier = recipe.verifier(&hash);
        assert!(!verifier.expose().contains("hunter2"));
        let (read, stored) = verifier.read().expect("it is ours");
        assert_eq!(read, recipe);
        assert!(stored.is(&read.hash(&SecretString::from("hunter2")).expect("a hash")));
        assert!(!stored.is(&read.hash(&SecretString::from("hunter3")).expect("a hash")));
    }

    #[test]
    fn it_is_the_argon2id_that_others_know() {
        // `printf hunter2 | argon2 somesalt -id -t 2 -k 1024 -p 1 -l 32` of Debian's argon2.
        let foreign = Verifier::new(SecretString::from(FOREIGN));
        let (recipe, stored) = foreign.read().expect("the same form");
        let hash = recipe.hash(&SecretString::from("hunter2")).expect("a hash");
        assert!(stored.is(&hash));
    }

    #[test]
    fn what_is_no_such_string_is_not_believed() {
        for text in [
            "",
            "$argon2i$v=19$m=64,t=1,p=1$AAAA$AAAA",
            "$argon2id$v=19$m=64,t=1,p=1$AAAA",
            "$argon2id$v=19$m=4294967295,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAA",
            "$argon2id$v=19$m=64,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAA",
        ] {
            assert!(Verifier::new(text.into()).read().is_none(), "{text}");
        }
    }

    const FOREIGN: &str =
        "$argon2id$v=19$m=1024,t=2,p=1$c29tZXNhbHQ$3kQ5ryPr9QFuzLjXgtI/O18UnL8ZsQqNfc9EcLQ4aEY";
}
