//! A certificate with its private key, as an app proves itself with, read from PEM or PFX.

mod pem;
mod pfx;
mod self_signed;
mod thumbprint;

use std::sync::Arc;

use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::KeyPair as _;
use gatepost_fault::{Fault, Next, Owner};
use jiff::Timestamp;
use secrecy::SecretString;
use x509_parser::prelude::{FromDer as _, X509Certificate};
use zeroize::Zeroizing;

pub use self_signed::{Order, RsaSize, SelfSigned};
pub use thumbprint::Thumbprint;

/// A certificate and its RSA key. The key cannot be printed.
#[derive(Clone)]
pub struct Certificate {
    name: String,
    /// The subject, as OpenSSL writes it.
    pub subject: String,
    der: Vec<u8>,
    /// Read and checked once: both take longer than to sign.
    key: Arc<KeyPair>,
    sha256: String,
    sha1: String,
    /// From when it is valid.
    pub not_before: Timestamp,
    /// Until when it is valid.
    pub not_after: Timestamp,
    /// How assertions are signed with it.
    pub signing: Signing,
}

/// How assertions are signed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Signing {
    /// PS256 and the SHA-256 thumbprint, as Entra documents it today.
    #[default]
    Ps256,
    /// RS256 and the SHA-1 thumbprint, as servers of old want it.
    Rs256,
}

/// The files a certificate is read from: PEM texts, or PFX files.
#[derive(Debug, Clone, Copy)]
pub struct CertificateFiles<'a> {
    /// What errors call it: the path, or both paths.
    pub name: &'a str,
    /// The certificate, and perhaps the key.
    pub certificate: &'a [u8],
    /// The key, if it is not beside the certificate.
    pub key: Option<&'a [u8]>,
    /// The password of an encrypted key or of a PFX file.
    pub password: Option<&'a SecretString>,
}

impl Certificate {
    /// Reads certificate and key and checks that they belong together. The first certificate
    /// that belongs to the key is taken; others may stand beside it.
    pub fn read(files: &CertificateFiles<'_>) -> Result<Self, ProofError> {
        let fail = |reason| ProofError {
            name: files.name.to_owned(),
            reason,
        };
        let found = pem::read(files).map_err(fail)?;
        let key = Zeroizing::new(found.key);
        let pair = KeyPair::from_der(&key)
            .map_err(|error| fail(ProofProblem::KeyDamaged(error.to_string())))?;
        let pair = Arc::new(pair);
        let public = pair.public_key().as_ref();
        let mut damaged = None;
        for der in &found.certificates {
            match X509Certificate::from_der(der) {
                Ok((_, certificate))
                    if *certificate.public_key().subject_public_key.data == *public =>
                {
                    let key = Arc::clone(&pair);
                    return Self::of(files.name, key, (der, &certificate)).map_err(fail);
                }
                Ok(_) => {}
                Err(error) => damaged = Some(error.to_string()),
            }
        }
        Err(fail(damaged.map_or(
            ProofProblem::Mismatch,
            ProofProblem::CertificateDamaged,
        )))
    }

    fn of(
        name: &str,
        key: Arc<KeyPair>,
        (der, certificate): (&[u8], &X509Certificate<'_>),
    ) -> Result<Self, ProofProblem> {
        let at = |time: x509_parser::time::ASN1Time| {
            Timestamp::from_second(time.timestamp())
                .map_err(|error| ProofProblem::CertificateDamaged(error.to_string()))
        };
        Ok(Self {
            name: name.to_owned(),
            subject: certificate.subject().to_string(),
            der: der.to_vec(),
            key,
            sha256: Thumbprint::sha256(der).base64url(),
            sha1: Thumbprint::sha1(der).base64url(),
            not_before: at(certificate.validity().not_before)?,
            not_after: at(certificate.validity().not_after)?,
            signing: Signing::default(),
        })
    }

    /// What errors call it: the path, or both paths.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Refuses a certificate outside its validity at `now`.
    pub fn check_validity(&self, now: Timestamp) -> Result<(), ProofError> {
        let fail = |reason| {
            Err(ProofError {
                name: self.name.clone(),
                reason,
            })
        };
        if self.not_after <= now {
            fail(ProofProblem::Expired(self.not_after))
        } else if now < self.not_before {
            fail(ProofProblem::NotYetValid(self.not_before))
        } else {
            Ok(())
        }
    }

    /// The SHA-256 thumbprint, unpadded base64url (`x5t#S256`, RFC 7515 §4.1.8).
    pub fn sha256_thumbprint(&self) -> &str {
        &self.sha256
    }

    /// The SHA-1 thumbprint, unpadded base64url (`x5t`, RFC 7515 §4.1.7).
    pub fn sha1_thumbprint(&self) -> &str {
        &self.sha1
    }

    /// The SHA-1 thumbprint, to be written in any alphabet.
    pub fn sha1(&self) -> Thumbprint {
        Thumbprint::sha1(&self.der)
    }

    /// The SHA-256 thumbprint, to be written in any alphabet.
    pub fn sha256(&self) -> Thumbprint {
        Thumbprint::sha256(&self.der)
    }

    /// The certificate itself, without its key: what is uploaded to a registration.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    pub(crate) fn key(&self) -> &KeyPair {
        &self.key
    }

    pub(crate) fn unsignable(&self, reason: String) -> ProofError {
        ProofError {
            name: self.name.clone(),
            reason: ProofProblem::KeyDamaged(reason),
        }
    }
}

impl std::fmt::Debug for Certificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Certificate")
            .field("name", &self.name)
            .field("sha256", &self.sha256)
            .field("not_after", &self.not_after)
            .finish_non_exhaustive()
    }
}

/// A certificate or key is unusable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name}: {reason}")]
pub struct ProofError {
    /// The file or files.
    pub name: String,
    /// What is wrong.
    pub reason: ProofProblem,
}

/// What is wrong with a certificate or key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProofProblem {
    /// There is no certificate.
    #[error("there is no certificate in it: neither PEM (BEGIN CERTIFICATE) nor PFX")]
    NoCertificate,
    /// There is no PEM key.
    #[error(
        "there is no private key in it; export it with its key, name the key's file as private_key, or put both into one file"
    )]
    NoKey,
    /// There is more than one key.
    #[error(
        "there is more than one private key in it; leave the one that belongs to the certificate"
    )]
    ManyKeys,
    /// The PEM text is damaged.
    #[error("it is not a PEM file: {0}")]
    NotPem(String),
    /// The PFX file is damaged, or is none.
    #[error("it is not a PFX file: {0}")]
    NotPfx(String),
    /// The PFX file is encrypted in a way that nobody uses.
    #[error(
        "it is a PFX file that is encrypted in a way that is not read here; write it anew with: openssl pkcs12 -in OLD -nodes -out NEW.pem"
    )]
    PfxEncryption,
    /// The certificate is damaged.
    #[error("its certificate is damaged: {0}")]
    CertificateDamaged(String),
    /// The key is damaged or of an unusable size.
    #[error("its private key is unusable: {0}")]
    KeyDamaged(String),
    /// The key is encrypted and no password was given.
    #[error(
        "its private key is encrypted; say where its password is found as private_key_password"
    )]
    PasswordMissing,
    /// The password is wrong.
    #[error("the password does not open its private key")]
    PasswordWrong,
    /// The encryption is one of old that nothing should read any more.
    #[error(
        "its private key is encrypted in an old way that is not read here; convert it once with: openssl pkcs8 -topk8 -v2 aes-256-cbc -in KEY -out NEW"
    )]
    OldEncryption,
    /// The key is not an RSA key.
    #[error(
        "its private key is {0}, and Entra accepts RSA only; make another certificate with: openssl req -x509 -newkey rsa:3072 -keyout KEY -out CERTIFICATE -days 365"
    )]
    NotRsa(&'static str),
    /// They do not belong together.
    #[error("its certificate does not belong to its private key")]
    Mismatch,
    /// The certificate is over.
    #[error("its certificate expired on {0}; make a new one and upload it to the registration")]
    Expired(Timestamp),
    /// The certificate is not valid yet.
    #[error("its certificate is not valid before {0}; check the clock of this machine")]
    NotYetValid(Timestamp),
}

impl ProofError {
    /// Every code this error answers.
    pub const CODES: &'static [&'static str] = &[
        "certificate_unreadable",
        "certificate_key_unreadable",
        "certificate_key_not_rsa",
        "certificate_key_mismatch",
        "certificate_expired",
        "certificate_not_yet_valid",
    ];
}

impl Fault for ProofError {
    fn code(&self) -> &'static str {
        match self.reason {
            ProofProblem::NoCertificate
            | ProofProblem::NotPem(_)
            | ProofProblem::NotPfx(_)
            | ProofProblem::CertificateDamaged(_) => "certificate_unreadable",
            ProofProblem::NoKey
            | ProofProblem::ManyKeys
            | ProofProblem::KeyDamaged(_)
            | ProofProblem::PasswordMissing
            | ProofProblem::PasswordWrong
            | ProofProblem::OldEncryption
            | ProofProblem::PfxEncryption => "certificate_key_unreadable",
            ProofProblem::NotRsa(_) => "certificate_key_not_rsa",
            ProofProblem::Mismatch => "certificate_key_mismatch",
            ProofProblem::Expired(_) => "certificate_expired",
            ProofProblem::NotYetValid(_) => "certificate_not_yet_valid",
        }
    }

    fn owner(&self) -> Owner {
        Owner::Operator
    }

    fn next(&self) -> Next {
        Next::Reconfigure
    }
}

#[cfg(test)]
mod tests;
