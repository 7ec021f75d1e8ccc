//! The digest of a certificate, by which an assertion and a directory name it.

use aws_lc_rs::digest::{Algorithm, Digest, SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

/// The digest of a certificate's DER.
#[derive(Debug, Clone, Copy)]
pub struct Thumbprint(Digest);

impl Thumbprint {
    /// By SHA-1, as the Entra admin center shows it.
    pub fn sha1(der: &[u8]) -> Self {
        Self::of(&SHA1_FOR_LEGACY_USE_ONLY, der)
    }

    /// By SHA-256.
    pub fn sha256(der: &[u8]) -> Self {
        Self::of(&SHA256, der)
    }

    fn of(algorithm: &'static Algorithm, der: &[u8]) -> Self {
        Self(digest(algorithm, der))
    }

    /// The octets themselves: 20 or 32.
    pub fn octets(&self) -> &[u8] {
        self.0.as_ref()
    }

    /// In upper-case hexadecimal digits without separators, as PowerShell and Windows write it.
    pub fn hex(&self) -> String {
        use std::fmt::Write as _;

        self.octets().iter().fold(String::new(), |mut text, octet| {
            let _ = write!(text, "{octet:02X}");
            text
        })
    }

    /// In unpadded base64url, as an assertion carries it (RFC 7515 §4.1.7, §4.1.8).
    pub fn base64url(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// In padded base64, as `customKeyIdentifier` carries it.
    pub fn base64(&self) -> String {
        STANDARD.encode(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thumbprint_is_written_in_three_alphabets() {
        // The digests of nothing, as `openssl dgst` prints them.
        let (old, new) = (Thumbprint::sha1(b""), Thumbprint::sha256(b""));
        assert_eq!(old.hex(), "DA39A3EE5E6B4B0D3255BFEF95601890AFD80709");
        assert_eq!(old.base64url(), "2jmj7l5rSw0yVb_vlWAYkK_YBwk");
        assert_eq!(old.base64(), "2jmj7l5rSw0yVb/vlWAYkK/YBwk=");
        assert_eq!(
            new.base64url(),
            "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"
        );
    }
}
