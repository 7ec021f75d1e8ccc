//! Tokens in the form Fernet, sealed with a key that is derived from a password: version 0x80,
//! time, initialization vector, AES-128-CBC with PKCS#7 padding, HMAC-SHA-256 over all before it.

use std::num::NonZeroU32;

use aws_lc_rs::cipher::{AES_128, DecryptionContext, PaddedBlockDecryptingKey, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;
use aws_lc_rs::{hmac, pbkdf2};
use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

/// A key that a password was made into.
pub(crate) struct Key {
    signing: hmac::Key,
    encryption: Zeroizing<[u8; 16]>,
}

/// Why a token does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unopened {
    /// It was sealed with another key: the password is another, or the number of rounds.
    OtherKey,
    /// It does not have the form.
    Malformed,
}

impl Key {
    /// Derives the key from a password (PBKDF2 with HMAC-SHA-256, RFC 8018 §5.2).
    pub(crate) fn derive(password: &SecretString, salt: &[u8], rounds: NonZeroU32) -> Self {
        let mut key = Zeroizing::new([0; 32]);
        let password = password.expose_secret().as_bytes();
        pbkdf2::derive(
            pbkdf2::PBKDF2_HMAC_SHA256,
            rounds,
            salt,
            password,
            &mut *key,
        );
        let (signing, encryption) = key.split_at(16);
        let mut half = Zeroizing::new([0; 16]);
        half.copy_from_slice(encryption);
        Self {
            signing: hmac::Key::new(hmac::HMAC_SHA256, signing),
            encryption: half,
        }
    }

    /// Opens a token. Nothing is decrypted before the whole of it is known to be genuine.
    pub(crate) fn open(&self, token: &str) -> Result<SecretString, Unopened> {
        let octets = BASE64
            .decode(token.trim())
            .map(Zeroizing::new)
            .map_err(|_| Unopened::Malformed)?;
        let length = octets.len();
        if length < HEAD + BLOCK + MAC
            || octets[0] != VERSION
            || !(length - HEAD - MAC).is_multiple_of(BLOCK)
        {
            return Err(Unopened::Malformed);
        }
        let (signed, mac) = octets.split_at(length - MAC);
        hmac::verify(&self.signing, signed, mac).map_err(|_| Unopened::OtherKey)?;
        let mut vector = [0; BLOCK];
        vector.copy_from_slice(&signed[HEAD - BLOCK..HEAD]);
        let mut text = Zeroizing::new(signed[HEAD..].to_vec());
        let clear = UnboundCipherKey::new(&AES_128, &*self.encryption)
            .and_then(PaddedBlockDecryptingKey::cbc_pkcs7)
            .and_then(|key| {
                let context = DecryptionContext::Iv128(FixedLength::from(vector));
                key.decrypt(&mut text, context)
            })
            .map_err(|_| Unopened::Malformed)?;
        let clear = std::str::from_utf8(clear).map_err(|_| Unopened::Malformed)?;
        Ok(SecretString::from(clear))
    }
}

/// With or without padding, which Python insists on and hand-made copies lose.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);
const VERSION: u8 = 0x80;
/// Version, time and initialization vector.
const HEAD: usize = 1 + 8 + BLOCK;
const BLOCK: usize = 16;
const MAC: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    /// The key of the format's own test vectors, as if a password had led to it.
    fn vector_key() -> Key {
        let standard = GeneralPurpose::new(&alphabet::URL_SAFE, GeneralPurposeConfig::new());
        let key = standard
            .decode("cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=")
            .expect("it is base64");
        let mut encryption = Zeroizing::new([0; 16]);
        encryption.copy_from_slice(&key[16..]);
        Key {
            signing: hmac::Key::new(hmac::HMAC_SHA256, &key[..16]),
            encryption,
        }
    }

    const TOKEN: &str = "gAAAAAAdwJ6wAAECAwQFBgcICQoLDA0ODy021cpGVWKZ_eEwCGM4BLLF_5CV9dOPmrhuVUPgJobwOz7JcbmrR64jVmpU4IwqDA==";

    #[test]
    fn the_token_of_the_formats_specification_opens() {
        let clear = vector_key().open(TOKEN).expect("it is genuine");
        assert_eq!(clear.expose_secret(), "hello");
    }

    #[test]
    fn nothing_that_was_changed_opens() {
        let octets = BASE64.decode(TOKEN).expect("it is base64");
        for index in 0..octets.len() {
            let mut changed = octets.clone();
            changed[index] ^= 1;
            let opened = vector_key().open(&BASE64.encode(&changed));
            let expected = if index == 0 {
                Unopened::Malformed
            } else {
                Unopened::OtherKey
            };
            assert_eq!(opened.expect_err("it was changed"), expected, "{index}");
        }
    }

    #[test]
    fn what_is_no_token_is_told_apart() {
        for wrong in ["", "gAAA", "?", &TOKEN[..TOKEN.len() - 8], &TOKEN.repeat(2)] {
            let opened = vector_key().open(wrong);
            assert_eq!(
                opened.expect_err("no token"),
                Unopened::Malformed,
                "{wrong}"
            );
        }
    }

    #[test]
    fn another_password_is_another_key() {
        let rounds = NonZeroU32::new(1).expect("not zero");
        let key = Key::derive(&SecretString::from("other"), b"salt", rounds);
        assert_eq!(key.open(TOKEN).expect_err("other"), Unopened::OtherKey);
    }
}
