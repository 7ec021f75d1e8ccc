//! What proves an app, looked at anew before each conversation: certificates are renewed while
//! Gatepost runs, and the statements of another issuer live for an hour.

mod assertion_file;
mod certificates;
mod machine_assertion;

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use secrecy::SecretString;

pub use assertion_file::AssertionFile;
pub use certificates::{CertificateSource, Certificates};
pub use machine_assertion::MachineAssertion;

use crate::{Proof, TokenError};

/// Where the proof of an app comes from.
#[async_trait]
pub trait Proofs: Send + Sync + std::fmt::Debug {
    /// What the app shows now. Of several, the next is tried only where the issuer does not
    /// know the one before.
    async fn present(&self, now: Timestamp) -> Result<Vec<Proof>, TokenError>;

    /// The proof as it is now, where that takes no look elsewhere.
    fn at_hand(&self) -> Option<Proof> {
        None
    }

    /// What tells this proof from another one: a stored token that was had with another proof
    /// must not hide that the present one is wrong.
    fn mark(&self) -> SecretString;
}

/// A proof that stays what it is.
#[async_trait]
impl Proofs for Proof {
    async fn present(&self, _now: Timestamp) -> Result<Vec<Proof>, TokenError> {
        Ok(vec![self.clone()])
    }

    fn at_hand(&self) -> Option<Proof> {
        Some(self.clone())
    }

    fn mark(&self) -> SecretString {
        match self {
            Self::Secret(secret) | Self::Assertion(secret) => secret.clone(),
            Self::Certificate(certificate) => certificate.sha256_thumbprint().into(),
            Self::Machine(identity) => identity.mark().into(),
            Self::None => SecretString::default(),
        }
    }
}

impl From<Proof> for Arc<dyn Proofs> {
    fn from(proof: Proof) -> Self {
        Arc::new(proof)
    }
}

impl From<Certificates> for Arc<dyn Proofs> {
    fn from(certificates: Certificates) -> Self {
        Arc::new(certificates)
    }
}

impl From<AssertionFile> for Arc<dyn Proofs> {
    fn from(file: AssertionFile) -> Self {
        Arc::new(file)
    }
}

impl From<MachineAssertion> for Arc<dyn Proofs> {
    fn from(assertion: MachineAssertion) -> Self {
        Arc::new(assertion)
    }
}
