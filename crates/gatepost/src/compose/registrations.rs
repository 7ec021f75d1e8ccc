//! Registrations, with their secrets fetched and their certificates looked at.

use gatepost_host::{Clock, SecretSource, files};
use gatepost_oauth::{Certificate, CertificateFiles, Proof, Registration};
use secrecy::ExposeSecret as _;
use zeroize::Zeroizing;

use crate::config::{ProofSource, RegistrationSettings};
use crate::failure::Failure;
use crate::setup::SetupError;

/// Builds the registration `name`.
pub(super) async fn fetch(
    name: &str,
    settings: &RegistrationSettings,
    clock: &Clock,
) -> Result<Registration, Failure> {
    let proof = proof(name, &settings.proof, clock).await?;
    let home = (settings.cloud.clone(), settings.tenant.clone());
    let mut registration = Registration::new(name, home, &settings.client_id, proof);
    registration.endpoints = settings.endpoints;
    Ok(registration)
}

/// The certificate of a registration; `None` if it proves itself otherwise.
pub async fn certificate(
    (name, settings): (&str, &RegistrationSettings),
    clock: &Clock,
) -> Result<Option<Certificate>, Failure> {
    let ProofSource::Certificate {
        certificate,
        private_key,
        ..
    } = &settings.proof
    else {
        return Ok(None);
    };
    for source in [Some(certificate), private_key.as_ref()] {
        if let Some(SecretSource::File(file)) = source
            && !file.exists()
        {
            return Err(Failure::from(SetupError::NoCertificate {
                registration: name.to_owned(),
                file: file.clone(),
            }));
        }
    }
    match proof(name, &settings.proof, clock).await? {
        Proof::Certificate(certificate) => {
            certificate.check_validity(clock.now())?;
            Ok(Some(*certificate))
        }
        Proof::Secret(_) | Proof::None => Ok(None),
    }
}

/// Fetches what `source` says and makes a proof of it. Whether a certificate is in its time is
/// asked when it signs: who builds a registration may wait for that, and others work meanwhile.
pub(super) async fn proof(
    name: &str,
    source: &ProofSource,
    clock: &Clock,
) -> Result<Proof, Failure> {
    let what = |thing: &str| format!("the {thing} of registration {name}");
    let (certificate, private_key, password, signing) = match source {
        ProofSource::Public => return Ok(Proof::None),
        ProofSource::Secret(source) => {
            return Ok(Proof::Secret(
                source.fetch(clock, &what("client secret")).await?,
            ));
        }
        ProofSource::Certificate {
            certificate,
            private_key,
            password,
            signing,
            at: _,
        } => (certificate, private_key, password, signing),
    };
    let certificate_pem = match (certificate, private_key) {
        // Without its key a certificate is no secret.
        (SecretSource::File(path), Some(_)) => files::read_public(path, MOST)?,
        (source, _) => pem(source, clock, &what("certificate")).await?,
    };
    let key_pem = match private_key {
        Some(source) => Some(pem(source, clock, &what("private key")).await?),
        None => None,
    };
    let password = match password {
        Some(source) => Some(source.fetch(clock, &what("private key's password")).await?),
        None => None,
    };
    let place = match private_key {
        Some(key) => format!("{} with {}", place(certificate), place(key)),
        None => place(certificate),
    };
    let mut certificate = Certificate::read(&CertificateFiles {
        name: &format!("registration {name}, {place}"),
        certificate: &certificate_pem,
        key: key_pem.as_ref().map(|pem| pem.as_slice()),
        password: password.as_ref(),
    })?;
    certificate.signing = *signing;
    Ok(Proof::Certificate(Box::new(certificate)))
}

async fn pem(
    source: &SecretSource,
    clock: &Clock,
    what: &str,
) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let text = source.fetch(clock, what).await?;
    Ok(Zeroizing::new(text.expose_secret().as_bytes().to_vec()))
}

/// Where something is found, for a sentence.
fn place(source: &SecretSource) -> String {
    match source {
        SecretSource::Env(name) => format!("the environment variable {name}"),
        SecretSource::File(path) => path.display().to_string(),
        SecretSource::Command(words) => {
            format!("the program {}", words.first().map_or("", String::as_str))
        }
        SecretSource::Systemd(name) => format!("the systemd credential {name}"),
    }
}

/// A certificate with its chain and its key has a tenth of this.
const MOST: usize = 64 * 1024;
