//! Registrations, with their secrets fetched and their certificates looked at.

use std::sync::Arc;

use gatepost_host::{Chance, Clock, SecretSource, environment};
use gatepost_oauth::{
    AssertionFile, Certificate, CertificateSource, Certificates, IdentityHost, MachineAssertion,
    ManagedIdentity, Proof, Proofs, Registration, WhichIdentity,
};
use url::Url;

use super::reach::Reach;
use crate::config::{ProofSource, RegistrationSettings};
use crate::failure::Failure;
use crate::setup::SetupError;

/// Builds the registration `name`.
pub(super) async fn fetch(
    name: &str,
    settings: &RegistrationSettings,
    clock: &Clock,
) -> Result<Registration, Failure> {
    let proof = proof(name, settings, clock).await?;
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
    let read = certificates(name, &settings.proof, clock).await?;
    let Some(newest) = read.and_then(|read| read.all().into_iter().next()) else {
        return Ok(None);
    };
    newest.check_validity(clock.now())?;
    Ok(Some(newest))
}

/// Fetches what `source` says and makes a proof of it, to be looked at. Whether a certificate is
/// in its time is asked when it signs: who builds a registration may wait for that, and others
/// work meanwhile. What others write anew at all times is not looked at.
pub(super) async fn examined(
    name: &str,
    source: &ProofSource,
    clock: &Clock,
) -> Result<Proof, Failure> {
    if let Some(read) = certificates(name, source, clock).await? {
        let newest = read.all().into_iter().next();
        return Ok(newest.map_or(Proof::None, |newest| Proof::Certificate(Box::new(newest))));
    }
    match source {
        ProofSource::Secret(source) => {
            let what = format!("the client secret of registration {name}");
            Ok(Proof::Secret(source.fetch(clock, &what).await?))
        }
        ProofSource::Machine(which) => Ok(Proof::Machine(machine(which))),
        ProofSource::Public
        | ProofSource::Assertion(_)
        | ProofSource::FederatedIdentity(_)
        | ProofSource::Certificate { .. } => Ok(Proof::None),
    }
}

async fn proof(
    name: &str,
    settings: &RegistrationSettings,
    clock: &Clock,
) -> Result<Arc<dyn Proofs>, Failure> {
    let source = &settings.proof;
    if let Some(certificates) = certificates(name, source, clock).await? {
        return Ok(Arc::new(certificates));
    }
    match source {
        ProofSource::Public | ProofSource::Certificate { .. } => Ok(Proof::None.into()),
        ProofSource::Secret(source) => {
            let what = format!("the client secret of registration {name}");
            Ok(Proof::Secret(source.fetch(clock, &what).await?).into())
        }
        ProofSource::Assertion(source) => {
            let file = AssertionFile::new(name, source.clone(), clock.clone());
            Ok(Arc::new(file))
        }
        ProofSource::FederatedIdentity(which) => {
            let reach = Reach::new(settings.ca_file.clone(), clock, &Chance::system());
            let (cloud, identity) = (&settings.cloud, machine(which));
            let vouching = MachineAssertion::new(name, cloud, identity, Arc::new(reach));
            Ok(Arc::new(vouching))
        }
        ProofSource::Machine(which) => Ok(Proof::Machine(machine(which)).into()),
    }
}

/// The certificates of a registration that proves itself with them.
async fn certificates(
    name: &str,
    source: &ProofSource,
    clock: &Clock,
) -> Result<Option<Certificates>, Failure> {
    let ProofSource::Certificate {
        certificate,
        private_key,
        password,
        previous,
        signing,
        at: _,
    } = source
    else {
        return Ok(None);
    };
    let mut sources = vec![CertificateSource {
        certificate: certificate.clone(),
        private_key: private_key.clone(),
        password: password.clone(),
    }];
    sources.extend(previous.iter().map(|previous| CertificateSource {
        certificate: previous.clone(),
        private_key: None,
        password: password.clone(),
    }));
    let read = Certificates::read(name, sources, *signing, clock.clone()).await?;
    Ok(Some(read))
}

/// The identity of this machine, where its environment says that it is found.
fn machine(which: &WhichIdentity) -> ManagedIdentity {
    let address = |name| Url::parse(&environment::text(name)?).ok();
    let app_service = address("IDENTITY_ENDPOINT").zip(environment::text("IDENTITY_HEADER"));
    let host = match app_service {
        Some((endpoint, header)) => IdentityHost::AppService {
            endpoint,
            header: header.into(),
        },
        // Microsoft's libraries know this variable, too.
        None => address("AZURE_POD_IDENTITY_AUTHORITY_HOST")
            .map_or_else(IdentityHost::imds, IdentityHost::Imds),
    };
    ManagedIdentity {
        host,
        which: which.clone(),
    }
}
