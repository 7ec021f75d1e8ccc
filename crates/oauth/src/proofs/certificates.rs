//! Certificates that are renewed in their files while Gatepost runs.

use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use gatepost_host::files::{self, FileStamp};
use gatepost_host::{Clock, SecretSource};
use jiff::Timestamp;
use secrecy::SecretString;

use super::Proofs;
use crate::{Certificate, CertificateFiles, Proof, ProofError, Signing, TokenError};

/// Where a certificate and its key are found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateSource {
    /// The certificate: PEM, or a PFX file.
    pub certificate: SecretSource,
    /// The key, if it is not beside the certificate.
    pub private_key: Option<SecretSource>,
    /// The password of the key or of the PFX file.
    pub password: Option<SecretSource>,
}

/// The certificates of one registration: mostly one, and two while one follows the other.
#[derive(Debug)]
pub struct Certificates {
    registration: String,
    signing: Signing,
    clock: Clock,
    /// Never held over an await.
    held: Mutex<Vec<Held>>,
}

/// What was read of one source.
#[derive(Debug, Clone)]
struct Held {
    source: CertificateSource,
    stamps: Stamps,
    /// How the files looked when it was last told that they cannot be used.
    told: Stamps,
    current: Certificate,
    /// The one that stood there before. Entra may not know the new one yet.
    before: Option<Certificate>,
}

/// How the files of a source looked.
type Stamps = Vec<Option<FileStamp>>;

impl Certificates {
    /// Reads the certificates of `sources`. Whether they are in their time is asked at each use.
    pub async fn read(
        registration: impl Into<String>,
        sources: Vec<CertificateSource>,
        signing: Signing,
        clock: Clock,
    ) -> Result<Self, TokenError> {
        let this = Self {
            registration: registration.into(),
            signing,
            clock,
            held: Mutex::default(),
        };
        let mut held = Vec::with_capacity(sources.len());
        for source in sources {
            let stamps = source.stamps();
            let current = this.load(&source).await?;
            held.push(Held {
                source,
                stamps,
                told: Stamps::new(),
                current,
                before: None,
            });
        }
        *this.held() = held;
        Ok(this)
    }

    /// Every certificate, the newest first.
    pub fn all(&self) -> Vec<Certificate> {
        let mut all: Vec<Certificate> = Vec::new();
        for held in &*self.held() {
            for one in std::iter::once(&held.current).chain(&held.before) {
                let thumbprint = one.sha256_thumbprint();
                if all
                    .iter()
                    .all(|known| known.sha256_thumbprint() != thumbprint)
                {
                    all.push(one.clone());
                }
            }
        }
        all.sort_by_key(|one| std::cmp::Reverse(one.not_before));
        all
    }

    fn held(&self) -> MutexGuard<'_, Vec<Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Those that are valid, the newest first; if none is, what is wrong with the newest.
    fn presentable(&self, now: Timestamp) -> Result<Vec<Certificate>, ProofError> {
        let (valid, others): (Vec<_>, Vec<_>) = self
            .all()
            .into_iter()
            .partition(|one| one.check_validity(now).is_ok());
        match (valid.is_empty(), others.first()) {
            (true, Some(newest)) => newest.check_validity(now).map(|()| valid),
            _ => Ok(valid),
        }
    }

    /// Reads again what has changed. What cannot be read leaves the old one in its place, and
    /// is told once.
    async fn look_again(&self) {
        let held = self.held().clone();
        for (at, known) in held.into_iter().enumerate() {
            let stamps = known.source.stamps();
            if stamps == known.stamps {
                continue;
            }
            let loaded = self.load(&known.source).await;
            let mut held = self.held();
            // Another keeper of the registration has read it meanwhile. To count its new one as
            // the one of before would lose the one that Entra knows.
            if held[at].stamps != known.stamps {
                continue;
            }
            let held = &mut held[at];
            match loaded {
                Ok(new) => {
                    held.stamps = stamps;
                    self.follow(held, new);
                }
                Err(error) => {
                    if held.told != stamps {
                        held.told.clone_from(&stamps);
                        self.tell(&error);
                    }
                    if is_final(&error, &stamps) {
                        held.stamps = stamps;
                    }
                }
            }
        }
    }

    fn follow(&self, held: &mut Held, new: Certificate) {
        if new.sha256_thumbprint() == held.current.sha256_thumbprint() {
            return;
        }
        tracing::info!(
            registration = self.registration,
            "a renewed certificate was found, valid until {}",
            new.not_after
        );
        held.before = Some(std::mem::replace(&mut held.current, new));
    }

    fn tell(&self, error: &TokenError) {
        tracing::warn!(
            registration = self.registration,
            code = gatepost_fault::Fault::code(error),
            "the certificate has changed and cannot be used; the one of before stays in use: \
             {error}"
        );
    }

    async fn load(&self, source: &CertificateSource) -> Result<Certificate, TokenError> {
        let what = |thing: &str| format!("the {thing} of registration {}", self.registration);
        let clock = &self.clock;
        let certificate = match (&source.certificate, &source.private_key) {
            // Without its key a certificate is no secret.
            (SecretSource::File(path), Some(_)) => files::read_public(path, MOST)
                .map_err(|error| TokenError::secret(&what("certificate"), &error))?,
            (found, _) => found.fetch_octets(clock, &what("certificate")).await?,
        };
        let key = match &source.private_key {
            Some(found) => Some(found.fetch_octets(clock, &what("private key")).await?),
            None => None,
        };
        let password = match &source.password {
            Some(found) => Some(found.fetch(clock, &what("private key's password")).await?),
            None => None,
        };
        let mut read = Certificate::read(&CertificateFiles {
            name: &format!("registration {}, {}", self.registration, source.place()),
            certificate: &certificate,
            key: key.as_deref().map(Vec::as_slice),
            password: password.as_ref(),
        })?;
        read.signing = self.signing;
        Ok(read)
    }
}

#[async_trait]
impl Proofs for Certificates {
    async fn present(&self, now: Timestamp) -> Result<Vec<Proof>, TokenError> {
        self.look_again().await;
        let certificates = self.presentable(now)?;
        Ok(certificates
            .into_iter()
            .map(|certificate| Proof::Certificate(Box::new(certificate)))
            .collect())
    }

    fn at_hand(&self) -> Option<Proof> {
        let newest = self.all().into_iter().next();
        newest.map(|newest| Proof::Certificate(Box::new(newest)))
    }

    fn mark(&self) -> SecretString {
        let all = self.all();
        let thumbprints: Vec<_> = all.iter().map(Certificate::sha256_thumbprint).collect();
        SecretString::from(thumbprints.join(" "))
    }
}

impl CertificateSource {
    /// Where it is found, for a sentence.
    fn place(&self) -> String {
        match &self.private_key {
            Some(key) => format!("{} with {key}", self.certificate),
            None => self.certificate.to_string(),
        }
    }

    fn stamps(&self) -> Stamps {
        let sources = std::iter::once(&self.certificate)
            .chain(&self.private_key)
            .chain(&self.password);
        sources
            .map(|source| files::stamp(&source.path()?))
            .collect()
    }
}

/// Whether to read the same files again would lead to the same error. One that could not be
/// read, and a program that gave no password or another one, may do better next time.
fn is_final(error: &TokenError, stamps: &Stamps) -> bool {
    matches!(error, TokenError::Proof(_)) && stamps.iter().all(Option::is_some)
}

/// A certificate with its chain and its key has a tenth of this.
const MOST: usize = 64 * 1024;

#[cfg(test)]
mod tests;
