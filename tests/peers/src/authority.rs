//! A certificate authority of the test's own.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose,
};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::{PeerError, folder};

/// A certificate authority that exists for one test.
#[derive(Debug)]
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate_pem: String,
    certificate_file: PathBuf,
}

impl Authority {
    /// Makes a key and a certificate, and writes the certificate into `folder`.
    pub(crate) fn new(folder: &Path) -> Result<Self, PeerError> {
        let making = "cannot make the test's certificate authority";
        let key = KeyPair::generate().map_err(PeerError::unexpected(making))?;
        let mut params = CertificateParams::new([]).map_err(PeerError::unexpected(making))?;
        params.distinguished_name = named("Gatepost test authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params
            .self_signed(&key)
            .map_err(PeerError::unexpected(making))?;
        let certificate_pem = certificate.pem();
        let certificate_file = folder.join("authority.pem");
        folder::write(&certificate_file, &certificate_pem)?;
        Ok(Self {
            issuer: Issuer::new(params, key),
            certificate_pem,
            certificate_file,
        })
    }

    /// The PEM file to trust.
    pub fn certificate_file(&self) -> &Path {
        &self.certificate_file
    }

    /// The same as text.
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// Issues a server certificate for `names` (DNS names and addresses).
    pub fn issue(&self, names: &[&str]) -> Result<Identity, PeerError> {
        let making = "cannot make a server certificate";
        let key = KeyPair::generate().map_err(PeerError::unexpected(making))?;
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).map_err(PeerError::unexpected(making))?;
        params.distinguished_name = named("Gatepost test server");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let certificate = params
            .signed_by(&key, &self.issuer)
            .map_err(PeerError::unexpected(making))?;
        Ok(Identity {
            certificate_pem: certificate.pem(),
            key_pem: key.serialize_pem(),
        })
    }
}

/// A certificate with its private key, both PEM.
pub struct Identity {
    /// The certificate.
    pub certificate_pem: String,
    /// Its private key, PKCS#8.
    pub key_pem: String,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identity").finish_non_exhaustive()
    }
}

impl Identity {
    /// A TLS server that shows this certificate.
    pub(crate) fn tls_server(&self) -> Result<Arc<ServerConfig>, PeerError> {
        let making = "cannot set up TLS for a test server";
        let certificate = CertificateDer::from_pem_slice(self.certificate_pem.as_bytes())
            .map_err(PeerError::unexpected(making))?;
        let key = PrivateKeyDer::from_pem_slice(self.key_pem.as_bytes())
            .map_err(PeerError::unexpected(making))?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(PeerError::unexpected(making))?
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .map_err(PeerError::unexpected(making))?;
        Ok(Arc::new(config))
    }
}

fn named(common_name: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common_name);
    name
}
