//! Starting and stopping the whole.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use gatepost_host::{Chance, Clock, Tasks};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::net::TcpListener;

use crate::ca::{self, Authority};
use crate::entra::{Entra, FlowKey, Platform};
use crate::error::SandboxError;
use crate::faults::Faults;
use crate::https::{self, Listener};
use crate::imap::{self, Imap};
use crate::mailboxes::{MailboxKind, Mailboxes};
use crate::state_folder::{Passwords, StateFolder};
use crate::tenant::{Contoso, Surroundings, Tenant};

/// How a sandbox shall be.
#[derive(Debug, Clone)]
pub struct SandboxConfig {
    /// Where it listens.
    pub ports: Ports,
    /// Where keys, certificates and passwords are kept for the next run; without it they are
    /// new each time.
    pub state: Option<PathBuf>,
    /// How long an access token lives. Entra's live 60 to 90 minutes.
    pub token_lifetime: Duration,
}

/// The ports of a sandbox, all on loopback.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ports {
    /// Whatever is free.
    Free,
    /// This one for HTTPS, the next for IMAP.
    From(u16),
}

impl Default for SandboxConfig {
    fn default() -> Self {
        Self {
            ports: Ports::Free,
            state: None,
            token_lifetime: TOKEN_LIFETIME,
        }
    }
}

/// A running sandbox. It ends with [`Sandbox::end`], or with the tasks it was given.
#[derive(Debug)]
pub struct Sandbox {
    addresses: Addresses,
    ca_pem: String,
    tenant: Tenant,
    mailboxes: Mailboxes,
    faults: Faults,
    passwords: Passwords,
    folder: StateFolder,
    tasks: Tasks,
}

/// Where a sandbox listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Addresses {
    /// The identity platform and the control API.
    pub https: SocketAddr,
    /// IMAP with implicit TLS.
    pub imap: SocketAddr,
}

impl Sandbox {
    /// Starts a sandbox; when this returns, everything listens.
    pub async fn start(
        config: SandboxConfig,
        clock: Clock,
        chance: Chance,
        tasks: &Tasks,
    ) -> Result<Self, SandboxError> {
        let tasks = tasks.child();
        let now = clock.now();
        let folder = StateFolder::open(config.state.as_deref(), &chance)?;
        let passwords = folder.passwords(&chance)?;
        let authority = Authority::open(&folder, now)?;
        let faults = Faults::new(clock.clone());
        let contoso = Contoso {
            password: passwords.person.clone(),
            client_secret: passwords.client_secret.clone(),
            certificate: ca::app_certificate(&folder, now)?,
        };
        let surroundings = Surroundings {
            clock: clock.clone(),
            chance: chance.clone(),
            faults: faults.clone(),
            keys: ca::token_keys(&folder, now)?,
        };
        let tenant = Tenant::new(surroundings, contoso.directory(now), Contoso::rights());
        let mailboxes = contoso_mailboxes();
        let (socket, address) = bind(config.ports, 0).await?;
        let (imap_socket, imap) = bind(config.ports, 1).await?;
        let platform = Platform {
            tenant: tenant.clone(),
            faults: faults.clone(),
            clock: clock.clone(),
            flow_key: FlowKey::new(&chance),
            chance,
            port: address.port(),
            token_lifetime: config.token_lifetime,
        };
        let listener = Listener {
            socket,
            tls: authority.server_config(&[b"h2", b"http/1.1"]),
        };
        https::serve(
            listener,
            Entra::new(platform).router(),
            clock.clone(),
            &tasks,
        );
        let listener = Listener {
            socket: imap_socket,
            tls: authority.server_config(&[]),
        };
        let server = Imap {
            tenant: tenant.clone(),
            mailboxes: mailboxes.clone(),
            faults: faults.clone(),
            clock,
        };
        imap::serve(listener, server, &tasks);
        Ok(Self {
            addresses: Addresses {
                https: address,
                imap,
            },
            ca_pem: authority.ca_pem,
            tenant,
            mailboxes,
            faults,
            passwords,
            folder,
            tasks,
        })
    }

    /// Where it listens.
    pub fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// The address of the identity platform, without a trailing slash.
    pub fn login(&self) -> String {
        format!("https://localhost:{}", self.addresses.https.port())
    }

    /// The certificate to trust, PEM.
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// The certificate to trust, as a file. It ends with the sandbox unless its state is kept.
    pub fn ca_file(&self) -> PathBuf {
        self.folder.file(ca::CA_FILE)
    }

    /// The certificate and the private key of the app, as files.
    pub fn app_files(&self) -> (PathBuf, PathBuf) {
        (
            self.folder.file(ca::APP_CERTIFICATE_FILE),
            self.folder.file(ca::APP_KEY_FILE),
        )
    }

    /// The tenant.
    pub fn tenant(&self) -> &Tenant {
        &self.tenant
    }

    /// Everybody's mail. [`Mailboxes::deliver`] brings more.
    pub fn mailboxes(&self) -> &Mailboxes {
        &self.mailboxes
    }

    /// What goes wrong on demand.
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// The secret of the app.
    pub fn client_secret(&self) -> SecretString {
        self.passwords.client_secret.expose_secret().into()
    }

    /// The password of every person.
    pub fn password(&self) -> SecretString {
        self.passwords.person.expose_secret().into()
    }

    /// Stops listening and waits until every connection is closed.
    pub async fn end(self) {
        self.tasks.end().await;
    }
}

/// A mailbox for everybody in Contoso.
fn contoso_mailboxes() -> Mailboxes {
    let mailboxes = Mailboxes::new();
    let people = Contoso::PEOPLE
        .iter()
        .map(|(_, upn, _)| (*upn, MailboxKind::User));
    let shared = Contoso::SHARED
        .iter()
        .map(|address| (*address, MailboxKind::Shared));
    for (address, kind) in people.chain(shared) {
        mailboxes
            .add(address, kind)
            .expect("nobody in Contoso has the address of another");
    }
    mailboxes
}

async fn bind(ports: Ports, offset: u16) -> Result<(TcpListener, SocketAddr), SandboxError> {
    let port = match ports {
        Ports::Free => 0,
        Ports::From(base) => base.saturating_add(offset),
    };
    let wanted = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let refused = |source| SandboxError::Listen {
        address: wanted,
        source,
    };
    let socket = TcpListener::bind(wanted).await.map_err(refused)?;
    let address = socket.local_addr().map_err(refused)?;
    Ok((socket, address))
}

/// What Entra says most often: an hour less a second.
const TOKEN_LIFETIME: Duration = Duration::from_secs(3599);
