//! The sandbox's own certificate authority, and what it certifies.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_RSA_SHA256, RsaKeySize, SanType,
};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::error::SandboxError;
use crate::state_folder::StateFolder;
use crate::tenant::{AppCertificate, TokenKeys};

/// The authority's certificate and the keys it vouches for.
pub(crate) struct Authority {
    /// The certificate to trust, PEM.
    pub(crate) ca_pem: String,
    server: Arc<ServerConfig>,
}

impl Authority {
    /// Reads the authority from `folder`, or makes it there.
    pub(crate) fn open(folder: &StateFolder, now: Timestamp) -> Result<Self, SandboxError> {
        let key = folder.key("ca.key", KeyPair::generate)?;
        let ca_pem = folder.certificate(CA_FILE, || {
            Ok(ca_params(now).self_signed(&key).map_err(unusable)?.pem())
        })?;
        // Of a kept authority only the name and the key count, and both are the same again.
        let issuer = Issuer::new(ca_params(now), key);
        let server_key = folder.key("server.key", KeyPair::generate)?;
        let certificate = server_params(now)?
            .signed_by(&server_key, &issuer)
            .map_err(unusable)?
            .der()
            .clone();
        let server = server_config(certificate, &server_key)?;
        Ok(Self { ca_pem, server })
    }

    /// How a listener speaks TLS; `alpn` names its protocols, the preferred first.
    pub(crate) fn server_config(&self, alpn: &[&[u8]]) -> Arc<ServerConfig> {
        let mut config = (*self.server).clone();
        config.alpn_protocols = alpn.iter().map(|protocol| protocol.to_vec()).collect();
        Arc::new(config)
    }
}

/// The tenant's key for tokens, from `folder` or made there.
pub(crate) fn token_keys(folder: &StateFolder, now: Timestamp) -> Result<TokenKeys, SandboxError> {
    let key = folder.key("signing.key", rsa)?;
    let pem = folder.certificate("signing.pem", || {
        self_signed("accounts.accesscontrol.windows.net", now, &key)
    })?;
    TokenKeys::new(key.serialized_der(), &der(&pem)?)
}

/// The keys of the issuer that is trusted beside the app's certificate, from `folder` or made
/// there.
pub(crate) fn workload_keys(
    folder: &StateFolder,
    now: Timestamp,
) -> Result<TokenKeys, SandboxError> {
    let key = folder.key("workload.key", rsa)?;
    let pem = folder.certificate("workload.pem", || self_signed("cluster", now, &key))?;
    TokenKeys::new(key.serialized_der(), &der(&pem)?)
}

/// The certificate of the sandbox's app, from `folder` or made there.
pub(crate) fn app_certificate(
    folder: &StateFolder,
    now: Timestamp,
) -> Result<AppCertificate, SandboxError> {
    let key = folder.key(APP_KEY_FILE, rsa)?;
    let pem = folder.certificate(APP_CERTIFICATE_FILE, || {
        self_signed("Gatepost sandbox app", now, &key)
    })?;
    AppCertificate::from_der(&der(&pem)?).ok_or_else(|| SandboxError::Key {
        what: "the app's certificate",
        reason: "it is no X.509 certificate".to_owned(),
    })
}

fn rsa() -> Result<KeyPair, rcgen::Error> {
    KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048)
}

fn self_signed(name: &str, now: Timestamp, key: &KeyPair) -> Result<String, SandboxError> {
    Ok(named(name, now).self_signed(key).map_err(unusable)?.pem())
}

fn ca_params(now: Timestamp) -> CertificateParams {
    let mut params = named("Gatepost sandbox CA", now);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn server_params(now: Timestamp) -> Result<CertificateParams, SandboxError> {
    let mut params = named("localhost", now);
    params.use_authority_key_identifier_extension = true;
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    let localhost = "localhost".try_into().map_err(unusable)?;
    params.subject_alt_names = vec![
        SanType::DnsName(localhost),
        SanType::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        SanType::IpAddress(IpAddr::V6(Ipv6Addr::LOCALHOST)),
    ];
    Ok(params)
}

fn named(name: &str, now: Timestamp) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    let moment = |timestamp: Timestamp| {
        let date = timestamp.to_zoned(jiff::tz::TimeZone::UTC).date();
        let (month, day) = (date.month().unsigned_abs(), date.day().unsigned_abs());
        rcgen::date_time_ymd(i32::from(date.year()), month, day)
    };
    // Wide on both sides: the peers of a sandbox in virtual time live in real time.
    params.not_before = moment(now.checked_sub(YEAR).unwrap_or(now));
    params.not_after = moment(now.checked_add(YEAR * 10).unwrap_or(now));
    params
}

fn server_config(
    certificate: CertificateDer<'static>,
    key: &KeyPair,
) -> Result<Arc<ServerConfig>, SandboxError> {
    let key = PrivateKeyDer::try_from(key.serialize_der()).map_err(unusable)?;
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| {
            builder
                .with_no_client_auth()
                .with_single_cert(vec![certificate], key)
        })
        .map_err(unusable)?;
    Ok(Arc::new(config))
}

fn der(pem: &str) -> Result<CertificateDer<'static>, SandboxError> {
    CertificateDer::from_pem_slice(pem.as_bytes()).map_err(unusable)
}

fn unusable(error: impl std::fmt::Display) -> SandboxError {
    SandboxError::Key {
        what: "a certificate",
        reason: error.to_string(),
    }
}

/// The certificate to trust, in the state folder.
pub(crate) const CA_FILE: &str = "ca.pem";

/// The app's certificate, in the state folder.
pub(crate) const APP_CERTIFICATE_FILE: &str = "app.pem";

/// The token of the workload that is the app, in the state folder.
pub(crate) const WORKLOAD_TOKEN_FILE: &str = "workload.token";

/// The app's private key, in the state folder.
pub(crate) const APP_KEY_FILE: &str = "app.key";

const YEAR: Duration = Duration::from_hours(24 * 365);
