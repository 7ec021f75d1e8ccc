//! A small identity endpoint whose tokens Dovecot accepts: discovery, keys, tokens.

mod assertion;
mod ledger;
mod listener;
mod routes;
mod signer;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use gatepost_host::{Chance, Clock};
use jiff::Timestamp;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::{Authority, PeerError, folder};
use ledger::Ledger;
use signer::Signer;

/// An HTTPS token endpoint in this process, on loopback, under a certificate of its own
/// authority. It answers Entra ID's v2 paths for one tenant.
#[derive(Debug)]
pub struct IdentityEndpoint {
    _folder: TempDir,
    keys: PathBuf,
    address: SocketAddr,
    shared: Arc<Shared>,
    authority: Authority,
    /// Its own runtime: tests may block on a child process without starving it.
    runtime: Option<Runtime>,
}

/// An app that the endpoint knows.
#[derive(Debug, Clone)]
pub struct App {
    /// Its client id.
    pub client_id: String,
    /// What it must prove itself with.
    pub proof: Proof,
}

/// What an app proves itself with.
#[derive(Debug, Clone)]
pub enum Proof {
    /// A client secret.
    Secret(String),
    /// A certificate (PEM) whose key signs the client assertion.
    Certificate(String),
    /// Nothing: a public client. It gets no app-only tokens.
    Public,
}

/// What the request handlers know.
#[derive(Debug)]
struct Shared {
    login: String,
    apps: BTreeMap<String, App>,
    signer: Signer,
    ledger: Ledger,
    clock: Clock,
    chance: Chance,
}

impl IdentityEndpoint {
    /// The one tenant.
    pub const TENANT: &'static str = "6f1b0e5c-3a52-4c0f-9d36-2a7f4f6f0c11";
    /// The app of [`IdentityEndpoint::start`].
    pub const CLIENT_ID: &'static str = "bcdb5ae8-1ab8-47c3-b0b2-6756048e2ddc";
    /// Its secret.
    pub const CLIENT_SECRET: &'static str = "peers-secret~not~a~real~one";
    /// The password of everybody, for clients that exchange one.
    pub const PASSWORD: &'static str = "peers-password~not~a~real~one";

    /// Starts with one app that has a secret.
    pub fn start() -> Result<Self, PeerError> {
        Self::start_with(vec![App {
            client_id: Self::CLIENT_ID.to_owned(),
            proof: Proof::Secret(Self::CLIENT_SECRET.to_owned()),
        }])
    }

    /// Starts with the apps given. It listens when this returns.
    pub fn start_with(apps: Vec<App>) -> Result<Self, PeerError> {
        let folder = folder::temporary("gatepost-identity-")?;
        let authority = Authority::new(folder.path())?;
        let signer = Signer::new()?;
        let keys = folder.path().join("keys");
        for app in &apps {
            signer.publish(&keys, &app.client_id)?;
        }
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("identity-endpoint")
            .enable_all()
            .build()
            .map_err(PeerError::system("cannot start the identity endpoint"))?;
        let tls = authority.issue(&["localhost", "127.0.0.1"])?.tls_server()?;
        let socket =
            listener::bind().map_err(PeerError::system("cannot bind the identity endpoint"))?;
        let address = socket
            .local_addr()
            .map_err(PeerError::system("cannot read the bound address"))?;
        let shared = Arc::new(Shared {
            login: format!("https://localhost:{}", address.port()),
            apps: apps
                .into_iter()
                .map(|app| (app.client_id.clone(), app))
                .collect(),
            signer,
            ledger: Ledger::default(),
            clock: Clock::system(),
            chance: Chance::system(),
        });
        runtime.spawn(listener::serve(
            socket,
            tls,
            routes::router(Arc::clone(&shared)),
        ));
        Ok(Self {
            _folder: folder,
            keys,
            address,
            shared,
            authority,
            runtime: Some(runtime),
        })
    }

    /// What stands in the place of `https://login.microsoftonline.com`.
    pub fn login_url(&self) -> &str {
        &self.shared.login
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The authority of its certificate, and of the certificates of its Dovecots.
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// The folder of public keys, as Dovecot's local validation reads it.
    pub fn published_keys(&self) -> &Path {
        &self.keys
    }

    /// How long access tokens live from now on; an hour at the start.
    pub fn set_token_lifetime(&self, lifetime: Duration) {
        self.shared.ledger.set_lifetime(lifetime);
    }

    /// An access token that opens every mailbox, without asking over HTTPS.
    pub fn app_only_token(&self, client_id: &str) -> Result<String, PeerError> {
        self.shared.access_token(client_id, signer::Bearer::App)
    }

    /// An access token of one person, without asking over HTTPS.
    pub fn delegated_token(&self, client_id: &str, user: &str) -> Result<String, PeerError> {
        self.shared
            .access_token(client_id, signer::Bearer::Person(user))
    }

    /// An access token that would have opened every mailbox until an hour ago.
    pub fn expired_token(&self, client_id: &str) -> Result<String, PeerError> {
        let lifetime = self.shared.ledger.lifetime();
        let issued_at = self.shared.clock.now() - lifetime - Duration::from_hours(1);
        self.shared
            .signed(client_id, signer::Bearer::App, issued_at)
    }

    /// A refresh token as if the person had signed in a moment ago.
    pub fn sign_in(&self, client_id: &str, user: &str) -> String {
        self.shared
            .ledger
            .issue(&self.shared.chance, client_id, user)
    }

    /// Refuses every refresh token of a person from now on.
    pub fn revoke(&self, user: &str) {
        self.shared.ledger.revoke(user);
    }

    /// How many token requests were answered with a token.
    pub fn tokens_issued(&self) -> u64 {
        self.shared.ledger.answered()
    }
}

impl Drop for IdentityEndpoint {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // A plain drop would block, which panics inside an asynchronous test.
            runtime.shutdown_background();
        }
    }
}

impl Shared {
    fn access_token(
        &self,
        client_id: &str,
        bearer: signer::Bearer<'_>,
    ) -> Result<String, PeerError> {
        self.signed(client_id, bearer, self.clock.now())
    }

    fn signed(
        &self,
        client_id: &str,
        bearer: signer::Bearer<'_>,
        issued_at: Timestamp,
    ) -> Result<String, PeerError> {
        self.signer.sign(&signer::Wanted {
            issuer: format!("{}/{}/v2.0", self.login, IdentityEndpoint::TENANT),
            client_id,
            bearer,
            issued_at,
            lifetime: self.ledger.lifetime(),
            id: self.chance.token(16),
        })
    }
}
