//! PFX files (PKCS#12, RFC 7292) as OpenSSL, Windows and Azure Key Vault write them: the newer
//! encryption and the older one, with and without a password, as they are or in base64.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use p12_keystore::Pkcs12Archive;
use p12_keystore::error::Error;
use secrecy::{ExposeSecret as _, SecretString};
use x509_parser::asn1_rs::{Any, FromDer as _};
use x509_parser::pem::Pem;
use zeroize::Zeroizing;

use super::ProofProblem;

/// The DER in `octets`, if they are no PEM: an environment variable holds it in base64.
pub(super) fn der(octets: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    if octets.first() == Some(&SEQUENCE) {
        return Some(Zeroizing::new(octets.to_vec()));
    }
    let dense: Zeroizing<Vec<u8>> = Zeroizing::new(
        octets
            .iter()
            .copied()
            .filter(|octet| !octet.is_ascii_whitespace())
            .collect(),
    );
    let decoded = Zeroizing::new(STANDARD.decode(&*dense).ok()?);
    (decoded.first() == Some(&SEQUENCE)).then_some(decoded)
}

/// What is in the file, as the blocks of a PEM file without encryption would hold it.
pub(super) fn blocks(
    der: &[u8],
    password: Option<&SecretString>,
) -> Result<Vec<Pem>, ProofProblem> {
    let given = password.map_or("", |password| password.expose_secret());
    let archive = Pkcs12Archive::from_pkcs12(der, given).map_err(|error| match error {
        // Without a check sum, a wrong password shows as nonsense behind the encryption.
        Error::MacError(_)
        | Error::UnpadError
        | Error::Pkcs5Error(_)
        | Error::InvalidPrivateKey => sealed(password),
        Error::DerError(_) | Error::X509Error(_) if is_whole(der) => sealed(password),
        Error::UnsupportedEncryptionScheme | Error::UnsupportedMacAlgorithm => {
            ProofProblem::PfxEncryption
        }
        other => ProofProblem::NotPfx(other.to_string()),
    })?;
    let certificates = archive.certs.iter().map(|bag| Pem {
        label: "CERTIFICATE".to_owned(),
        contents: bag.cert.as_der().to_vec(),
    });
    let keys = archive.keys.iter().map(|bag| Pem {
        label: "PRIVATE KEY".to_owned(),
        contents: bag.key.as_der().to_vec(),
    });
    Ok(certificates.chain(keys).collect())
}

/// What keeps the file shut.
fn sealed(password: Option<&SecretString>) -> ProofProblem {
    match password {
        Some(_) => ProofProblem::PasswordWrong,
        None => ProofProblem::PasswordMissing,
    }
}

/// Whether it is a PFX file from its beginning, the version 3, to its end.
fn is_whole(der: &[u8]) -> bool {
    Any::from_der(der)
        .is_ok_and(|(rest, outer)| rest.is_empty() && outer.data.starts_with(&[0x02, 0x01, 0x03]))
}

/// With this octet every DER file begins that holds anything of ours.
const SEQUENCE: u8 = 0x30;
