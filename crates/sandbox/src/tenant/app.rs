//! An app registered in the tenant.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aws_lc_rs::digest;
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use subtle::ConstantTimeEq as _;
use url::Url;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::{Resource, TokenKeys};

/// An app registration with its enterprise application.
#[derive(Debug, Clone)]
pub struct App {
    /// Its application (client) id.
    pub client_id: String,
    /// The object id of its enterprise application, which Exchange knows it by.
    pub object_id: String,
    /// What the consent page calls it.
    pub name: String,
    /// Whether it can and must prove who it is.
    pub kind: ClientKind,
    /// Its secrets.
    pub secrets: Vec<ClientSecret>,
    /// Its certificates.
    pub certificates: Vec<AppCertificate>,
    /// Other issuers whose word counts as its proof.
    pub federated: Vec<FederatedCredential>,
    /// Where sign-ins may return to.
    pub redirect_uris: Vec<RedirectUri>,
    /// The application permissions that an administrator granted.
    pub roles: BTreeMap<Resource, BTreeSet<String>>,
    /// The delegated permissions in its registration, which `.default` asks for.
    pub permissions: BTreeMap<Resource, BTreeSet<&'static str>>,
}

/// Whether an app can keep a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientKind {
    /// It never proves who it is.
    Public,
    /// It always proves who it is.
    Confidential,
    /// It may do either: "allow public client flows" is on.
    Both,
}

impl App {
    /// An app without permissions, secrets or addresses.
    pub fn new(client_id: &str, object_id: &str, name: &str, kind: ClientKind) -> Self {
        Self {
            client_id: client_id.to_owned(),
            object_id: object_id.to_owned(),
            name: name.to_owned(),
            kind,
            secrets: Vec::new(),
            certificates: Vec::new(),
            federated: Vec::new(),
            redirect_uris: Vec::new(),
            roles: BTreeMap::new(),
            permissions: BTreeMap::new(),
        }
    }

    /// Whether a sign-in may return to `wanted`.
    pub fn may_return_to(&self, wanted: &Url) -> bool {
        self.redirect_uris.iter().any(|known| known.covers(wanted))
    }

    /// The certificate with this thumbprint.
    pub fn certificate(&self, thumbprint: &Thumbprint) -> Option<&AppCertificate> {
        self.certificates.iter().find(|known| match thumbprint {
            Thumbprint::Sha1(octets) => known.sha1 == *octets,
            Thumbprint::Sha256(octets) => known.sha256 == *octets,
        })
    }
}

/// An issuer whose word about one subject is a proof of the app (Graph's
/// `federatedIdentityCredential`).
#[derive(Debug, Clone)]
pub struct FederatedCredential {
    /// Who says it, to the letter.
    pub issuer: String,
    /// About whom, to the letter.
    pub subject: String,
    /// To whom, to the letter.
    pub audience: String,
    /// The issuer's keys, as Entra would fetch them from it.
    pub keys: IssuerKeys,
}

/// With whose keys the word of an issuer is checked.
#[derive(Debug, Clone)]
pub enum IssuerKeys {
    /// Those of another issuer.
    Foreign(Arc<TokenKeys>),
    /// The tenant's own: a managed identity of it is the issuer's subject.
    Own,
}

/// A password of an app.
#[derive(Debug, Clone)]
pub struct ClientSecret {
    value: SecretString,
    expires_at: Timestamp,
}

impl ClientSecret {
    /// A secret that works until `expires_at`.
    pub fn new(value: SecretString, expires_at: Timestamp) -> Self {
        Self { value, expires_at }
    }

    /// Whether `offered` is this secret, in a time that says nothing about it.
    pub fn is(&self, offered: &str) -> bool {
        bool::from(
            self.value
                .expose_secret()
                .as_bytes()
                .ct_eq(offered.as_bytes()),
        )
    }

    /// Until when it works.
    pub fn expires_at(&self) -> Timestamp {
        self.expires_at
    }

    /// Its first three characters, by which people tell it from others.
    pub fn hint(&self) -> String {
        self.value.expose_secret().chars().take(3).collect()
    }

    /// Whether it no longer works.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at <= now
    }
}

/// A certificate uploaded to an app: the public half of its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppCertificate {
    sha1: Vec<u8>,
    sha256: Vec<u8>,
    /// The RSA public key, PKCS#1 DER (RFC 8017 §A.1.1).
    pub public_key: Vec<u8>,
    /// When the certificate ends, in seconds since 1970.
    pub not_after: i64,
}

/// How an assertion names the certificate (RFC 7515 §4.1.7 and §4.1.8).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Thumbprint {
    /// `x5t`.
    Sha1(Vec<u8>),
    /// `x5t#S256`.
    Sha256(Vec<u8>),
}

impl AppCertificate {
    /// Reads a DER certificate; `None` if it is none.
    pub fn from_der(der: &[u8]) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        Some(Self {
            sha1: digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, der)
                .as_ref()
                .to_vec(),
            sha256: digest::digest(&digest::SHA256, der).as_ref().to_vec(),
            public_key: certificate.public_key().subject_public_key.data.to_vec(),
            not_after: certificate.validity().not_after.timestamp(),
        })
    }
}

/// An address that a sign-in may return to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedirectUri(Url);

impl RedirectUri {
    /// Parses an absolute URL.
    pub fn parse(text: &str) -> Option<Self> {
        Url::parse(text).ok().map(Self)
    }

    /// Whether `wanted` is this address. On loopback the port does not count, nor does the path
    /// when none is registered (RFC 8252 §7.3).
    fn covers(&self, wanted: &Url) -> bool {
        if self.0 == *wanted {
            return true;
        }
        let loopback = matches!(self.0.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
        loopback
            && self.0.scheme() == "http"
            && wanted.scheme() == "http"
            && self.0.host_str() == wanted.host_str()
            && (self.0.path() == "/" || self.0.path() == wanted.path())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covers(registered: &str, wanted: &str) -> bool {
        let registered = RedirectUri::parse(registered).expect("a URL");
        registered.covers(&Url::parse(wanted).expect("a URL"))
    }

    #[test]
    fn on_loopback_any_port_will_do() {
        assert!(covers("http://localhost", "http://localhost:49152/"));
        assert!(covers("http://localhost", "http://localhost:1/callback"));
        assert!(!covers("http://localhost", "http://127.0.0.1:49152/"));
        assert!(!covers("http://localhost", "https://localhost:49152/"));
        assert!(!covers("http://localhost/a", "http://localhost:1/b"));
    }

    #[test]
    fn elsewhere_everything_counts() {
        assert!(covers("https://app.example/cb", "https://app.example/cb"));
        assert!(!covers(
            "https://app.example/cb",
            "https://app.example:8443/cb"
        ));
        assert!(!covers(
            "https://app.example/cb",
            "https://app.example/cb/x"
        ));
        assert!(!covers("https://app.example/cb", "https://evil.example/cb"));
    }
}
