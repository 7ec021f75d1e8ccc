//! The app registered in Entra ID, as a value.

use std::sync::Arc;

use secrecy::SecretString;
use url::Url;

use crate::{Certificate, Cloud, EndpointVersion, ManagedIdentity, Proofs, Tenant};

/// An app registered in Entra ID: where, under which id, and how it proves itself.
#[derive(Debug, Clone)]
pub struct Registration {
    /// What the configuration calls it; errors name it.
    pub name: String,
    /// The cloud it is registered in.
    pub cloud: Cloud,
    /// The tenant it signs in to.
    pub tenant: Tenant,
    /// The application (client) id.
    pub client_id: String,
    /// How it proves that it is this app.
    pub proof: Arc<dyn Proofs>,
    /// Which generation of endpoints it uses.
    pub endpoints: EndpointVersion,
    /// What a person is asked to permit.
    pub permissions: Permissions,
}

/// How an app proves that it is the registered one.
#[derive(Debug, Clone)]
pub enum Proof {
    /// A client secret.
    Secret(SecretString),
    /// A certificate whose public part is uploaded to the registration.
    Certificate(Box<Certificate>),
    /// The signed statement of another issuer that Entra trusts for this app.
    Assertion(SecretString),
    /// The machine it runs on has an identity.
    Machine(ManagedIdentity),
    /// Nothing: a public client.
    None,
}

/// The delegated permissions a person is asked for, by their short names in Entra.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permissions {
    /// At Exchange Online, such as `IMAP.AccessAsUser.All`.
    pub exchange: Vec<String>,
    /// At Microsoft Graph, such as `Mail.ReadWrite`.
    pub graph: Vec<String>,
}

impl Default for Permissions {
    fn default() -> Self {
        let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        Self {
            exchange: names(&["IMAP.AccessAsUser.All", "POP.AccessAsUser.All", "SMTP.Send"]),
            graph: names(&["Mail.ReadWrite", "Mail.Send"]),
        }
    }
}

impl Registration {
    /// A registration with v2 endpoints and the usual permissions.
    pub fn new(
        name: impl Into<String>,
        home: (Cloud, Tenant),
        client_id: impl Into<String>,
        proof: impl Into<Arc<dyn Proofs>>,
    ) -> Self {
        Self {
            name: name.into(),
            cloud: home.0,
            tenant: home.1,
            client_id: client_id.into(),
            proof: proof.into(),
            endpoints: EndpointVersion::default(),
            permissions: Permissions::default(),
        }
    }

    /// Where this registration asks for tokens.
    pub fn token_endpoint(&self) -> Url {
        self.cloud.token_endpoint(&self.tenant, self.endpoints)
    }

    /// Where a person's browser is sent to sign in.
    pub fn authorize_endpoint(&self) -> Url {
        self.cloud.authorize_endpoint(&self.tenant, self.endpoints)
    }

    /// What anybody may read of where it signs in (OpenID Connect Discovery §4).
    pub fn discovery_document(&self) -> Url {
        self.cloud.discovery_document(&self.tenant)
    }

    /// Where a sign-in on another device begins.
    pub fn device_code_endpoint(&self) -> Url {
        self.cloud
            .device_code_endpoint(&self.tenant, self.endpoints)
    }
}
