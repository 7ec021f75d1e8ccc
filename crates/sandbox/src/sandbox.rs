//! Starting and stopping the whole.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use gatepost_host::{Chance, Clock, Tasks, files};
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use tokio::net::TcpListener;

use crate::ca::{self, Authority};
use crate::config::{Ports, SandboxConfig};
use crate::control::Control;
use crate::entra::{Entra, FlowKey, Platform};
use crate::env_file::EnvFile;
use crate::error::SandboxError;
use crate::faults::Faults;
use crate::graph::{
    AddressBooks, Agendas, Exchange, Graph, MAILBOX_CONCURRENCY, Rate, Uploads, furnish,
};
use crate::https::{self, Listener};
use crate::imap::{self, Imap};
use crate::mailboxes::{MailboxKind, Mailboxes};
use crate::mailset::{self, Mail};
use crate::places::Places;
use crate::pop3::{self, Pop3};
use crate::sending::Meter;
use crate::smtp::{self, Smtp};
use crate::state_folder::{Passwords, StateFolder};
use crate::tenant::{
    CLIENT_ID, Contoso, HeaderForm, Surroundings, TENANT_ID, Tenant, TokenKeys, USER,
    WORKLOAD_ISSUER, WORKLOAD_SUBJECT,
};

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
    /// POP3 with implicit TLS.
    pub pop3: SocketAddr,
    /// SMTP submission with implicit TLS.
    pub smtp: SocketAddr,
    /// SMTP submission with STARTTLS.
    pub smtp_starttls: SocketAddr,
}

impl Sandbox {
    /// Starts a sandbox; when this returns, everything listens and the env file is written.
    pub async fn start(
        config: SandboxConfig,
        clock: Clock,
        chance: Chance,
        tasks: &Tasks,
    ) -> Result<Self, SandboxError> {
        let now = clock.now();
        let ground = Ground::lay(config.state, chance.clone(), now).await?;
        let faults = Faults::new(clock.clone());
        let mailboxes = contoso_mailboxes()?;
        mailset::fill(&mailboxes, config.mail, now)?;
        let workload = workload_token(&ground.contoso.workload, now);
        files::write_private(
            &ground.folder.file(ca::WORKLOAD_TOKEN_FILE),
            workload.as_bytes(),
        )?;
        let surroundings = Surroundings {
            clock: clock.clone(),
            chance: chance.clone(),
            faults: faults.clone(),
            keys: ground.keys,
        };
        let tenant = Tenant::new(
            surroundings,
            ground.contoso.directory(now),
            Contoso::rights(),
        );
        let (https_socket, https) = bind(config.ports, 0).await?;
        let (imap_socket, imap) = bind(config.ports, 1).await?;
        let (pop3_socket, pop3) = bind(config.ports, 2).await?;
        let (smtp_socket, smtp) = bind(config.ports, 3).await?;
        let (starttls_socket, smtp_starttls) = bind(config.ports, 4).await?;
        let sandbox = Self {
            addresses: Addresses {
                https,
                imap,
                pop3,
                smtp,
                smtp_starttls,
            },
            ca_pem: ground.authority.ca_pem.clone(),
            tenant,
            mailboxes,
            faults,
            passwords: ground.passwords,
            folder: ground.folder,
            tasks: tasks.child(),
        };
        let platform = Platform {
            tenant: sandbox.tenant.clone(),
            faults: sandbox.faults.clone(),
            clock: clock.clone(),
            flow_key: FlowKey::new(&chance),
            chance,
            port: https.port(),
            token_lifetime: config.token_lifetime,
        };
        let authority = &ground.authority;
        let listener = Listener::new(https_socket, authority.server_config(&[b"http/1.1"]));
        let meter = Meter::new(config.sending);
        let limits = GraphLimits {
            requests: config.graph_requests,
            mime: config.graph_mime,
            meter: meter.clone(),
        };
        sandbox.serve_https(listener, platform, (config.mail, limits));
        let listener = Listener::new(imap_socket, authority.server_config(&[]));
        sandbox.serve_imap(listener, clock.clone());
        let listener = Listener::new(pop3_socket, authority.server_config(&[]));
        sandbox.serve_pop3(listener, clock.clone());
        let server = sandbox.smtp(meter, config.sending.connections, clock);
        let listener = Listener::new(smtp_socket, authority.server_config(&[]));
        smtp::serve(listener, server.clone(), &sandbox.tasks);
        let listener = Listener::new(starttls_socket, authority.server_config(&[]));
        smtp::serve_starttls(listener, server, &sandbox.tasks);
        if let Some(path) = config.env_file {
            sandbox.env().write(&path)?;
        }
        Ok(sandbox)
    }

    /// Where it listens.
    pub fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// The address of the identity platform, without a trailing slash.
    pub fn login(&self) -> String {
        format!("https://localhost:{}", self.addresses.https.port())
    }

    /// The address of Microsoft Graph, without the version and a trailing slash.
    pub fn graph(&self) -> String {
        self.login()
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

    /// The token of the workload whose word is a proof of the app, as a file.
    pub fn workload_token_file(&self) -> PathBuf {
        self.folder.file(ca::WORKLOAD_TOKEN_FILE)
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
        self.passwords.client_secret.clone()
    }

    /// The password of every person.
    pub fn password(&self) -> SecretString {
        self.passwords.person.clone()
    }

    /// The variables that tell another program how to use this sandbox.
    pub fn env(&self) -> EnvFile {
        let (certificate, key) = self.app_files();
        let path = |path: PathBuf| path.display().to_string();
        EnvFile::of(vec![
            ("AUTHORITY", format!("{}/{TENANT_ID}", self.login())),
            ("LOGIN", self.login()),
            ("TENANT", TENANT_ID.to_owned()),
            ("CLIENT_ID", CLIENT_ID.to_owned()),
            (
                "CLIENT_SECRET",
                self.passwords.client_secret.expose_secret().to_owned(),
            ),
            ("CERTIFICATE", path(certificate)),
            ("PRIVATE_KEY", path(key)),
            ("FEDERATED_TOKEN", path(self.workload_token_file())),
            ("GRAPH", self.graph()),
            ("IMAP", format!("localhost:{}", self.addresses.imap.port())),
            ("POP3", format!("localhost:{}", self.addresses.pop3.port())),
            ("SMTP", format!("localhost:{}", self.addresses.smtp.port())),
            (
                "SMTP_STARTTLS",
                format!("localhost:{}", self.addresses.smtp_starttls.port()),
            ),
            ("CA", path(self.ca_file())),
            ("USER", USER.to_owned()),
            ("PASSWORD", self.passwords.person.expose_secret().to_owned()),
            ("CONTROL", format!("{}/sandbox", self.login())),
            (
                "CONTROL_TOKEN",
                self.passwords.control.expose_secret().to_owned(),
            ),
        ])
    }

    /// Stops listening and waits until every connection is closed.
    pub async fn end(self) {
        self.tasks.end().await;
    }

    fn serve_https(
        &self,
        listener: Listener,
        platform: Platform,
        (mail, limits): (Mail, GraphLimits),
    ) {
        let clock = platform.clock.clone();
        let control = Control {
            tenant: self.tenant.clone(),
            mailboxes: self.mailboxes.clone(),
            faults: self.faults.clone(),
            clock: clock.clone(),
            token: self.passwords.control.clone(),
        };
        let (agendas, address_books) = (Agendas::default(), AddressBooks::default());
        if mail == Mail::Demo {
            furnish(&agendas, &address_books, clock.now());
        }
        let graph = Graph::new(Exchange {
            tenant: self.tenant.clone(),
            mailboxes: self.mailboxes.clone(),
            faults: self.faults.clone(),
            clock: clock.clone(),
            chance: platform.chance.clone(),
            port: platform.port,
            tasks: self.tasks.clone(),
            places: Places::of(MAILBOX_CONCURRENCY),
            rate: Rate::of(limits.requests),
            largest_mime: limits.mime,
            meter: limits.meter,
            uploads: Uploads::default(),
            agendas,
            address_books,
        });
        let router = Entra::new(platform)
            .router()
            .merge(control.router())
            .merge(graph.router());
        https::serve(listener, router, clock, &self.tasks);
    }

    fn serve_imap(&self, listener: Listener, clock: Clock) {
        let server = Imap {
            tenant: self.tenant.clone(),
            mailboxes: self.mailboxes.clone(),
            faults: self.faults.clone(),
            clock,
        };
        imap::serve(listener, server, &self.tasks);
    }

    fn smtp(&self, meter: Meter, connections: usize, clock: Clock) -> Smtp {
        Smtp {
            tenant: self.tenant.clone(),
            mailboxes: self.mailboxes.clone(),
            faults: self.faults.clone(),
            meter,
            places: Places::of(connections),
            clock,
        }
    }

    fn serve_pop3(&self, listener: Listener, clock: Clock) {
        let server = Pop3 {
            tenant: self.tenant.clone(),
            mailboxes: self.mailboxes.clone(),
            faults: self.faults.clone(),
            clock,
        };
        pop3::serve(listener, server, &self.tasks);
    }
}

/// What limits those who ask Graph.
struct GraphLimits {
    requests: usize,
    mime: usize,
    meter: Meter,
}

/// What a sandbox stands on: keys, certificates and passwords, kept or new.
struct Ground {
    folder: StateFolder,
    passwords: Passwords,
    authority: Authority,
    contoso: Contoso,
    keys: TokenKeys,
}

impl Ground {
    /// Making RSA keys takes a while; it is done off the reactor.
    async fn lay(
        state: Option<PathBuf>,
        chance: Chance,
        now: Timestamp,
    ) -> Result<Self, SandboxError> {
        let laying = tokio::task::spawn_blocking(move || {
            let folder = StateFolder::open(state.as_deref(), &chance)?;
            let passwords = folder.passwords(&chance)?;
            Ok(Self {
                authority: Authority::open(&folder, now)?,
                keys: ca::token_keys(&folder, now)?,
                contoso: Contoso {
                    password: passwords.person.clone(),
                    client_secret: passwords.client_secret.clone(),
                    certificate: ca::app_certificate(&folder, now)?,
                    workload: Arc::new(ca::workload_keys(&folder, now)?),
                },
                folder,
                passwords,
            })
        });
        laying.await.unwrap_or_else(|error| {
            Err(SandboxError::Key {
                what: "its keys",
                reason: error.to_string(),
            })
        })
    }
}

/// What the cluster says of the workload. A real one writes a new one every hour; this one
/// outlives the sandbox.
fn workload_token(keys: &TokenKeys, now: Timestamp) -> String {
    let now = now.as_second();
    let claims = json!({
        "iss": WORKLOAD_ISSUER,
        "sub": WORKLOAD_SUBJECT,
        "aud": ["api://AzureADTokenExchange"],
        "iat": now,
        "nbf": now,
        "exp": now.saturating_add(WORKLOAD_LIFE),
    });
    keys.sign(HeaderForm::V2, &claims)
}

/// A year, in seconds.
const WORKLOAD_LIFE: i64 = 365 * 86_400;

/// A mailbox for everybody in Contoso.
fn contoso_mailboxes() -> Result<Mailboxes, SandboxError> {
    let mailboxes = Mailboxes::new();
    for (_, upn, _) in Contoso::PEOPLE {
        mailboxes.add(upn, MailboxKind::User)?;
    }
    for address in Contoso::SHARED {
        mailboxes.add(address, MailboxKind::Shared)?;
    }
    for (alias, address) in Contoso::ALIASES {
        mailboxes.add_alias(alias, address)?;
    }
    Ok(mailboxes)
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
