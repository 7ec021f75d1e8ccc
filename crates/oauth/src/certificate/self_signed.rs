//! Making a key and its certificate, for an app that has none yet.

use std::time::Duration;

use gatepost_host::Chance;
use jiff::Timestamp;
use pkcs8::PrivateKeyInfoRef;
use pkcs8::der::pem::{LineEnding, PemLabel as _};
use pkcs8::pkcs5::pbes2;
use rcgen::{
    CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose,
    PKCS_RSA_SHA256, RsaKeySize,
};
use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

/// A key with its self-signed certificate, as PEM texts. The key cannot be printed.
#[derive(Debug)]
pub struct SelfSigned {
    /// The private key, PKCS#8; encrypted if the order had a password.
    pub key: SecretString,
    /// The certificate, which is no secret.
    pub certificate: String,
}

/// What a self-signed certificate is to be.
#[derive(Debug, Clone, Copy)]
pub struct Order<'a> {
    /// The common name of its subject. What is longer than X.509 allows is cut off.
    pub name: &'a str,
    /// The size of its key.
    pub key: RsaSize,
    /// From when it is valid.
    pub not_before: Timestamp,
    /// Until when it is valid.
    pub not_after: Timestamp,
    /// The password that the key is encrypted with, if it is.
    pub password: Option<&'a SecretString>,
}

/// The size of an RSA key. Entra takes no other kind of key for an app.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RsaSize {
    /// 2048 bits: the fastest, and the least that Entra takes.
    Rsa2048,
    /// 3072 bits: as strong as a 128-bit cipher.
    Rsa3072,
    /// 4096 bits.
    Rsa4096,
}

impl SelfSigned {
    /// Makes a new key and certifies it with itself.
    pub fn make(order: &Order<'_>, chance: &Chance) -> Self {
        let size = match order.key {
            RsaSize::Rsa2048 => RsaKeySize::_2048,
            RsaSize::Rsa3072 => RsaKeySize::_3072,
            RsaSize::Rsa4096 => RsaKeySize::_4096,
        };
        let pair = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, size)
            .expect("RSA keys of these sizes are always made");
        let certificate = params(order)
            .self_signed(&pair)
            .expect("an RSA key signs, and the subject is UTF-8");
        let key = match order.password {
            None => SecretString::from(pair.serialize_pem()),
            Some(password) => {
                let der = Zeroizing::new(pair.serialize_der());
                encrypted(&der, password, chance)
                    .expect("the key and the parameters were made a moment ago")
            }
        };
        Self {
            key,
            certificate: certificate.pem(),
        }
    }
}

fn params(order: &Order<'_>) -> CertificateParams {
    let mut params = CertificateParams::default();
    let name: String = order.name.chars().take(MOST_NAME).collect();
    params.distinguished_name.push(DnType::CommonName, name);
    // It vouches for nobody but its own key.
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let at = |time: Timestamp| {
        let seconds = u64::try_from(time.as_second()).unwrap_or_default();
        rcgen::date_time_ymd(1970, 1, 1) + Duration::from_secs(seconds)
    };
    params.not_before = at(order.not_before);
    params.not_after = at(order.not_after);
    params
}

/// PBES2 with scrypt and AES-256-CBC, as `openssl pkcs8 -topk8 -scrypt` writes it (RFC 7914 §7).
fn encrypted(
    der: &[u8],
    password: &SecretString,
    chance: &Chance,
) -> Result<SecretString, pkcs8::Error> {
    let (mut salt, mut vector) = ([0; 16], [0; 16]);
    chance.fill(&mut salt);
    chance.fill(&mut vector);
    let cost = pkcs8::pkcs5::scrypt::Params::new(SCRYPT_LOG_N, SCRYPT_R, SCRYPT_P)
        .expect("the costs are those that scrypt's authors recommend");
    let parameters = pbes2::Parameters::generate_scrypt_aes256cbc(cost, &salt, vector)
        .map_err(pkcs8::Error::EncryptedPrivateKey)?;
    let document = PrivateKeyInfoRef::try_from(der)?
        .encrypt_with_params(parameters, password.expose_secret())?;
    let pem = document.to_pem(pkcs8::EncryptedPrivateKeyInfoRef::PEM_LABEL, LineEnding::LF)?;
    Ok(SecretString::from(pem.as_str()))
}

/// `ub-common-name` of RFC 5280 §A.1.
const MOST_NAME: usize = 64;
/// 16 MiB and about 50 ms for each guess at the password.
const SCRYPT_LOG_N: u8 = 14;
const SCRYPT_R: u32 = 8;
const SCRYPT_P: u32 = 1;

#[cfg(test)]
mod tests {
    use super::super::{Certificate, CertificateFiles, ProofError};
    use super::*;

    fn order(password: Option<&SecretString>) -> Order<'_> {
        let at = |text: &str| text.parse().expect("a literal timestamp");
        Order {
            name: "Gatepost contoso",
            key: RsaSize::Rsa2048,
            not_before: at("2026-11-22T10:00:01Z"),
            not_after: at("2028-11-21T10:00:02Z"),
            password,
        }
    }

    fn read(made: &SelfSigned, password: Option<&SecretString>) -> Result<Certificate, ProofError> {
        Certificate::read(&CertificateFiles {
            name: "app.pem",
            certificate: made.certificate.as_bytes(),
            key: Some(made.key.expose_secret().as_bytes()),
            password,
        })
    }

    #[test]
    fn what_is_made_is_read_and_valid_to_the_second() {
        let order = order(None);
        let made = SelfSigned::make(&order, &Chance::seeded(1));
        let certificate = read(&made, None).expect("our own reader takes it");
        assert_eq!(certificate.not_before, order.not_before);
        assert_eq!(certificate.not_after, order.not_after);
        let key = made.key.expose_secret();
        assert!(key.starts_with("-----BEGIN PRIVATE KEY-----"), "PKCS#8");
    }

    #[test]
    fn a_key_is_encrypted_with_the_password_it_is_read_with() {
        let password = SecretString::from("correct horse é");
        let order = order(Some(&password));
        let made = SelfSigned::make(&order, &Chance::seeded(1));
        read(&made, Some(&password)).expect("the password opens it");
        let wrong = SecretString::from("wrong");
        read(&made, Some(&wrong)).expect_err("no other password does");
        read(&made, None).expect_err("and none does not");
    }

    #[test]
    fn a_name_is_as_long_as_x509_allows() {
        let name = "é".repeat(100);
        let long = Order {
            name: &name,
            ..order(None)
        };
        let made = SelfSigned::make(&long, &Chance::seeded(1));
        read(&made, None).expect("our own reader takes it");
    }
}
