//! The provider with its clients, and keepers for them.

use std::sync::Arc;
use std::time::Duration;

use gatepost_host::{Chance, Clock, HttpLimits, Tasks, Trust, http_client};
use gatepost_oauth::contract::MemoryGrants;
use gatepost_oauth::{
    Asking, Audience, Certificate, CertificateFiles, Cloud, Credential, CredentialId, CustomCloud,
    Grant, HttpEndpoint, PasswordFrom, Proof, Registration, Signing, Surroundings, Tenant,
    TokenKeeper,
};
use gatepost_peers::OpenIdProvider;
use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256, RsaKeySize};
use serde_json::json;

pub(crate) type Failure = Box<dyn std::error::Error>;

/// The person who signs in.
pub(crate) const ADA: &str = "ada@contoso.com";
/// A public client, which people sign in to.
pub(crate) const DESKTOP: &str = "desktop";
/// Clients that act for themselves, by how they prove who they are.
pub(crate) const SIGNS_PS256: &str = "signs-ps256";
pub(crate) const SIGNS_RS256: &str = "signs-rs256";
pub(crate) const HAS_SECRET: &str = "has-secret";
/// What the last one knows. The provider wants 32 octets or more.
pub(crate) const SECRET: &str = "a client secret & of 32 octets =%+";

/// The provider and what its clients prove themselves with.
#[derive(Debug)]
pub(crate) struct Stand {
    pub(crate) provider: OpenIdProvider,
    pub(crate) tasks: Tasks,
    clock: Clock,
    certificate: String,
    key: String,
}

impl Stand {
    pub(crate) fn new() -> Result<Self, Failure> {
        let (certificate, key) = certified()?;
        let app = |client_id: &str, proof: serde_json::Value| {
            let mut client = json!({
                "client_id": client_id,
                "grant_types": ["client_credentials"],
                "response_types": [],
                "redirect_uris": [],
                "scope": "https://outlook.office365.com/.default",
            });
            for (name, value) in proof.as_object().into_iter().flatten() {
                client[name] = value.clone();
            }
            client
        };
        let signs = |algorithm: &str| {
            json!({
                "token_endpoint_auth_method": "private_key_jwt",
                "token_endpoint_auth_signing_alg": algorithm,
                "certificate": certificate,
            })
        };
        let secret = json!({
            "token_endpoint_auth_method": "client_secret_post",
            "client_secret": SECRET,
        });
        let desktop = json!({
            "client_id": DESKTOP,
            "application_type": "native",
            "token_endpoint_auth_method": "none",
            "grant_types": [
                "authorization_code",
                "refresh_token",
                "urn:ietf:params:oauth:grant-type:device_code",
            ],
            "redirect_uris": ["http://localhost"],
            "response_types": ["code"],
            "scope": "openid profile offline_access \
                      https://outlook.office.com/IMAP.AccessAsUser.All \
                      https://outlook.office.com/POP.AccessAsUser.All \
                      https://outlook.office.com/SMTP.Send",
        });
        let provider = OpenIdProvider::start(&json!([
            desktop,
            app(SIGNS_PS256, signs("PS256")),
            app(SIGNS_RS256, signs("RS256")),
            app(HAS_SECRET, secret),
        ]))?;
        Ok(Self {
            provider,
            tasks: Tasks::new(),
            clock: Clock::starting_at(Clock::system().now()),
            certificate,
            key,
        })
    }

    /// A registration at the provider.
    pub(crate) fn registration(
        &self,
        client_id: &str,
        proof: Proof,
    ) -> Result<Registration, Failure> {
        let addresses = CustomCloud {
            login: self.provider.login_url().to_owned(),
            ..CustomCloud::default()
        };
        let cloud = Cloud::custom("oidc", &addresses)?;
        let tenant = Tenant::parse(OpenIdProvider::TENANT)?;
        Ok(Registration::new("oidc", (cloud, tenant), client_id, proof))
    }

    /// What the provider knows the public key of.
    pub(crate) fn certificate(&self, signing: Signing) -> Result<Proof, Failure> {
        proof((&self.certificate, &self.key), signing)
    }

    /// What a conversation at the provider begins with, for a person.
    pub(crate) fn asking(&self, person: &str) -> Result<Asking, Failure> {
        Ok(Asking {
            registration: Arc::new(self.registration(DESKTOP, Proof::None)?),
            proof: Proof::None,
            person: Some(person.to_owned()),
            audience: Audience::Exchange,
            challenge: None,
            chance: Chance::system(),
        })
    }

    /// A keeper for one registration.
    pub(crate) fn keeper(
        &self,
        registration: Registration,
        grant: &str,
        person: Option<&str>,
    ) -> Result<TokenKeeper, Failure> {
        let credential = Credential {
            id: CredentialId::new("oidc/test"),
            registration: Arc::new(registration),
            grant: Grant::named(grant).ok_or("it is in the list")?,
            person: person.map(ToOwned::to_owned),
            password: PasswordFrom::Nowhere,
        };
        let around = Surroundings {
            endpoint: Arc::new(self.endpoint()?),
            grants: Arc::new(MemoryGrants::default()),
            clock: self.clock.clone(),
            chance: Chance::system(),
            tasks: self.tasks.clone(),
        };
        Ok(TokenKeeper::new(credential, around))
    }

    /// An hour passes for the keepers, whose tokens expire by it. Nothing may be on the wire.
    pub(crate) async fn let_an_hour_pass(&self) {
        tokio::time::pause();
        tokio::time::advance(Duration::from_hours(1)).await;
        tokio::time::resume();
    }

    pub(crate) fn endpoint(&self) -> Result<HttpEndpoint, Failure> {
        let clock = Clock::system();
        Ok(HttpEndpoint::new(&self.trust()?, clock, Chance::system())?)
    }

    /// A client that follows no redirects, for a browser that does.
    pub(crate) fn http(&self) -> Result<reqwest::Client, Failure> {
        Ok(http_client(&self.trust()?, HttpLimits::default())?)
    }

    fn trust(&self) -> Result<Trust, Failure> {
        Ok(Trust::with_authority(
            self.provider.authority().certificate_file(),
        )?)
    }
}

/// A certificate that the provider has never seen.
pub(crate) fn unknown_certificate() -> Result<Proof, Failure> {
    let (certificate, key) = certified()?;
    proof((&certificate, &key), Signing::Ps256)
}

fn certified() -> Result<(String, String), Failure> {
    let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048)?;
    let certificate = CertificateParams::new([])?.self_signed(&key)?;
    Ok((certificate.pem(), key.serialize_pem()))
}

fn proof((certificate, key): (&str, &str), signing: Signing) -> Result<Proof, Failure> {
    let mut certificate = Certificate::read(&CertificateFiles {
        name: "app.pem",
        certificate: certificate.as_bytes(),
        key: Some(key.as_bytes()),
        password: None,
    })?;
    certificate.signing = signing;
    Ok(Proof::Certificate(Box::new(certificate)))
}
