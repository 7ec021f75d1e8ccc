//! Whom we trust when we connect. No check is ever switched off.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use gatepost_fault::{Fault, Next, Owner};
use rustls::ClientConfig;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use rustls_platform_verifier::Verifier;

use crate::{FileError, files};

/// Whose certificates are accepted: those of the system's roots and of one further authority.
#[derive(Debug, Clone, Default)]
pub struct Trust {
    extra: Vec<CertificateDer<'static>>,
}

impl Trust {
    /// The roots of the system.
    pub fn system() -> Self {
        Self::default()
    }

    /// The roots of the system and the certificates in a PEM file (`ca_file`).
    pub fn with_authority(ca_file: &Path) -> Result<Self, TrustError> {
        let pem = files::read_public(ca_file, MOST)?;
        let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
        match certificates {
            Ok(extra) if !extra.is_empty() => Ok(Self { extra }),
            Ok(_) => Err(TrustError::NoCertificate {
                path: ca_file.to_owned(),
            }),
            Err(error) => Err(TrustError::Unreadable {
                path: ca_file.to_owned(),
                reason: error.to_string(),
            }),
        }
    }

    /// How rustls connects under this trust.
    pub fn client_config(&self) -> Result<Arc<ClientConfig>, TrustError> {
        let provider = Arc::new(default_provider());
        let unusable = |error: rustls::Error| TrustError::Unusable {
            reason: error.to_string(),
        };
        let verifier =
            Verifier::new_with_extra_roots(self.extra.iter().cloned(), Arc::clone(&provider))
                .map_err(unusable)?;
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(unusable)?
            // The platform verifier checks chain and name; the word only says it is not rustls's own.
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth();
        Ok(Arc::new(config))
    }
}

/// Why a trust cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// The file cannot be read.
    #[error("the ca_file: {0}")]
    File(#[from] FileError),
    /// There is no certificate in it.
    #[error("the ca_file {} holds no PEM certificate", path.display())]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// It is damaged.
    #[error("the ca_file {} is no PEM file of certificates: {reason}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the parser said.
        reason: String,
    },
    /// The system's roots or the certificates do not work.
    #[error(
        "the trusted certificates cannot be used: {reason}; on Debian, install ca-certificates"
    )]
    Unusable {
        /// What the TLS library said.
        reason: String,
    },
}

impl TrustError {
    /// Every code this error answers; those of [`FileError`] come on top.
    pub const CODES: &'static [&'static str] = &["ca_file_unusable"];
}

impl Fault for TrustError {
    fn code(&self) -> &'static str {
        match self {
            Self::File(file) => file.code(),
            _ => "ca_file_unusable",
        }
    }

    fn owner(&self) -> Owner {
        Owner::Operator
    }

    fn next(&self) -> Next {
        Next::Reconfigure
    }
}

/// A file of all the world's authorities has less than half of this.
const MOST: usize = 1024 * 1024;
