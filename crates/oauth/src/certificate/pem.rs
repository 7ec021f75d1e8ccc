//! PEM texts as `openssl` and others write them (RFC 7468), down to certificates and one PKCS#1 key.

use pkcs8::der::asn1::ObjectIdentifier;
use pkcs8::{EncryptedPrivateKeyInfoRef, PrivateKeyInfoRef};
use secrecy::ExposeSecret as _;
use x509_parser::pem::Pem;
use zeroize::Zeroize as _;

use super::{CertificateFiles, ProofProblem, pfx};

/// What stands in the files.
pub(super) struct Found {
    /// Certificates, DER.
    pub(super) certificates: Vec<Vec<u8>>,
    /// The key, PKCS#1 DER.
    pub(super) key: Vec<u8>,
}

pub(super) fn read(files: &CertificateFiles<'_>) -> Result<Found, ProofProblem> {
    let mut blocks = blocks(files.certificate, files)?;
    if let Some(key) = files.key {
        blocks.extend(self::blocks(key, files)?);
    }
    let (certificates, others): (Vec<Pem>, Vec<Pem>) = blocks
        .into_iter()
        .partition(|block| block.label == "CERTIFICATE");
    if certificates.is_empty() {
        return Err(ProofProblem::NoCertificate);
    }
    let mut keys: Vec<Pem> = others
        .into_iter()
        .filter(|block| block.label.ends_with("PRIVATE KEY"))
        .collect();
    let mut block = match (keys.pop(), keys.is_empty()) {
        (Some(block), true) => block,
        (Some(_), false) => return Err(ProofProblem::ManyKeys),
        (None, _) => return Err(ProofProblem::NoKey),
    };
    let key = pkcs1(&block, files);
    block.contents.zeroize();
    Ok(Found {
        certificates: certificates
            .into_iter()
            .map(|block| block.contents)
            .collect(),
        key: key?,
    })
}

fn blocks(text: &[u8], files: &CertificateFiles<'_>) -> Result<Vec<Pem>, ProofProblem> {
    if let Some(der) = pfx::der(text) {
        return pfx::blocks(&der, files.password);
    }
    // RFC 1421 headers inside a block: the traditional encryption of OpenSSL, with its one
    // round of MD5.
    if contains(text, b"Proc-Type:") {
        return Err(ProofProblem::OldEncryption);
    }
    Pem::iter_from_buffer(text)
        .collect::<Result<_, _>>()
        .map_err(|error| ProofProblem::NotPem(error.to_string()))
}

fn contains(text: &[u8], needle: &[u8]) -> bool {
    text.windows(needle.len()).any(|window| window == needle)
}

fn pkcs1(block: &Pem, files: &CertificateFiles<'_>) -> Result<Vec<u8>, ProofProblem> {
    match block.label.as_str() {
        "RSA PRIVATE KEY" => Ok(block.contents.clone()),
        "PRIVATE KEY" => unwrapped(&block.contents),
        "ENCRYPTED PRIVATE KEY" => {
            let password = files.password.ok_or(ProofProblem::PasswordMissing)?;
            let encrypted = EncryptedPrivateKeyInfoRef::try_from(block.contents.as_slice())
                .map_err(|_| undecryptable(&block.contents))?;
            let clear = encrypted
                .decrypt(password.expose_secret())
                .map_err(|_| undecryptable(&block.contents))?;
            unwrapped(clear.as_bytes())
        }
        "EC PRIVATE KEY" => Err(ProofProblem::NotRsa("an elliptic curve key")),
        "DSA PRIVATE KEY" => Err(ProofProblem::NotRsa("a DSA key")),
        _ => Err(ProofProblem::NotRsa("of another kind")),
    }
}

/// Takes the PKCS#1 key out of a PKCS#8 wrapping (RFC 5208 §5).
fn unwrapped(pkcs8: &[u8]) -> Result<Vec<u8>, ProofProblem> {
    let wrapped = PrivateKeyInfoRef::try_from(pkcs8)
        .map_err(|error| ProofProblem::KeyDamaged(error.to_string()))?;
    match wrapped.algorithm.oid {
        RSA => Ok(wrapped.private_key.as_bytes().to_vec()),
        EC => Err(ProofProblem::NotRsa("an elliptic curve key")),
        ED25519 => Err(ProofProblem::NotRsa("an Ed25519 key")),
        RSA_PSS => Err(ProofProblem::NotRsa("an RSA key for PSS only")),
        _ => Err(ProofProblem::NotRsa("of another kind")),
    }
}

/// PBES1 and unknown schemes are told from a wrong password by their object identifier.
fn undecryptable(der: &[u8]) -> ProofProblem {
    if contains(der, PBES2_DER) {
        ProofProblem::PasswordWrong
    } else {
        ProofProblem::OldEncryption
    }
}

const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const RSA_PSS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.10");
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
/// 1.2.840.113549.1.5.13 as DER.
const PBES2_DER: &[u8] = &[
    0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x05, 0x0d,
];
