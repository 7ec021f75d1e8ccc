//! The configuration as it is meant: every name leads somewhere, every value is possible.

mod gateway;

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use gatepost_host::{Network, SecretSource};
use gatepost_mailroom::outbox::{BounceTo, SendLimits};
use gatepost_mailroom::{EventType, Ordering, UnknownThen};
use gatepost_oauth::{
    Cloud, EndpointVersion, HostPort, PasswordFrom, Signing, Tenant, WhichIdentity,
};
use gatepost_store::{KeySource, StateFolder};
use jiff::Timestamp;
use url::Url;

pub use gateway::{
    DoorCertificate, DoorSettings, DoorTls, DoorUpstream, GatewaySettings, ListenAt,
    LockoutSettings, LoginSettings, WithoutLogin,
};

use super::{HostError, Place};
use crate::token_form::{TokenForm, TokenUse};

/// A checked configuration.
#[derive(Debug, Clone)]
pub struct Config {
    /// The file it was read from.
    pub file: PathBuf,
    /// The folder with database, key, spool and socket.
    pub state: StateFolder,
    /// Where the sealing key is found.
    pub key: KeySource,
    /// What is logged, and how.
    pub log: Log,
    /// When watching pauses.
    pub limits: Limits,
    /// Registrations by name.
    pub registrations: BTreeMap<String, RegistrationSettings>,
    /// Mailboxes by address, in lower case.
    pub mailboxes: BTreeMap<String, MailboxSettings>,
    /// Sinks by name.
    pub sinks: BTreeMap<String, SinkSettings>,
    /// Where Gatepost's own events go, if that is said.
    pub events: Option<EventSettings>,
    /// How messages are sent.
    pub outbox: OutboxSettings,
    /// Folders under observation, in the order of the file.
    pub watches: Vec<WatchSettings>,
    /// The doors of the gateway, and who may come in.
    pub gateway: GatewaySettings,
    /// Files with tokens, in the order of the file.
    pub token_files: Vec<TokenFileSettings>,
}

impl Config {
    /// The registration of that name, which a mailbox of this configuration names.
    pub fn registration(&self, name: &str) -> &RegistrationSettings {
        self.registrations
            .get(name)
            .expect("the check refused names that lead nowhere")
    }
}

/// What is logged, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// Directives as `tracing_subscriber::EnvFilter` takes them.
    pub level: String,
    /// The form of a line.
    pub format: LogFormat,
}

/// The form of a line of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// When watching pauses because too much waits to be delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Undelivered events of one mailbox.
    pub undelivered: u64,
    /// Octets of mail that is kept for them.
    pub spool: u64,
}

/// An app registered in Microsoft Entra ID, its secrets not fetched yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistrationSettings {
    /// The cloud of its tenant.
    pub cloud: Cloud,
    /// Authorities trusted in that cloud besides the system's.
    pub ca_file: Option<PathBuf>,
    /// The tenant.
    pub tenant: Tenant,
    /// The application (client) id.
    pub client_id: String,
    /// How it proves to be the app.
    pub proof: ProofSource,
    /// When the client secret ends, if that is known.
    pub secret_expires: Option<Timestamp>,
    /// Which token endpoints it uses.
    pub endpoints: EndpointVersion,
}

impl RegistrationSettings {
    /// Whether nothing proves that it is the app.
    pub fn is_public(&self) -> bool {
        matches!(self.proof, ProofSource::Public)
    }

    /// Where Microsoft Graph of its cloud is.
    pub fn graph(&self) -> Result<&Url, HostError> {
        self.cloud.graph.as_ref().ok_or_else(|| HostError {
            cloud: self.cloud.name.clone(),
            missing: "Microsoft Graph is".to_owned(),
            key: "graph = \"https://HOST\"",
        })
    }
}

/// How a registration proves to be the app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProofSource {
    /// Not at all: a public client.
    Public,
    /// By a client secret.
    Secret(SecretSource),
    /// By an assertion signed with the key of a certificate.
    Certificate {
        /// Where it is named.
        at: Place,
        /// The certificate, and with it the key unless `private_key` is given.
        certificate: SecretSource,
        /// The private key in PEM.
        private_key: Option<SecretSource>,
        /// The password of the private key or of the PFX file.
        password: Option<SecretSource>,
        /// The certificate of before, with its key.
        previous: Option<SecretSource>,
        /// How the assertion is signed.
        signing: Signing,
    },
    /// By the token of another issuer.
    Assertion(SecretSource),
    /// By the statement that an identity of this machine makes for the app.
    FederatedIdentity(WhichIdentity),
    /// By the identity of this machine.
    Machine(WhichIdentity),
}

impl ProofSource {
    /// Whether everything that it takes is in files: then a look at it starts no program.
    pub fn is_in_files(&self) -> bool {
        let is_file = |source: &SecretSource| matches!(source, SecretSource::File(_));
        match self {
            Self::Public | Self::FederatedIdentity(_) | Self::Machine(_) => true,
            Self::Secret(source) | Self::Assertion(source) => is_file(source),
            Self::Certificate {
                certificate,
                private_key,
                password,
                previous,
                ..
            } => {
                let others = private_key.iter().chain(password).chain(previous);
                is_file(certificate) && others.into_iter().all(is_file)
            }
        }
    }
}

/// A mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailboxSettings {
    /// The address, in lower case.
    pub address: String,
    /// The name of the registration that opens it.
    pub registration: String,
    /// How its token is obtained.
    pub grant: GrantSettings,
    /// How it is read.
    pub read: ReadBy,
    /// How it sends, if it does.
    pub send: Option<SendBy>,
    /// What else is looked at.
    pub also: BTreeSet<Also>,
    /// What a person is asked to permit at Exchange, if that is not what is needed.
    pub ask_for: Option<BTreeSet<AskFor>>,
}

/// How a token is obtained.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GrantSettings {
    /// The app acts in its own name.
    ClientCredentials,
    /// A person signed in with a browser.
    AuthorizationCode {
        /// The address of the person, in lower case.
        person: String,
    },
    /// A person signed in on another device.
    DeviceCode {
        /// The address of the person, in lower case.
        person: String,
    },
    /// A person signed in with name and password.
    Password {
        /// The address of the person, in lower case.
        person: String,
        /// Where the password is when nobody is there to be asked for it.
        password: PasswordFrom,
    },
}

impl GrantSettings {
    /// What the configuration and the list of grants call it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::ClientCredentials => "client_credentials",
            Self::AuthorizationCode { .. } => "authorization_code",
            Self::DeviceCode { .. } => "device_code",
            Self::Password { .. } => "password",
        }
    }

    /// The address of the person who signs in, if anybody does.
    pub fn person(&self) -> Option<&str> {
        match self {
            Self::ClientCredentials => None,
            Self::AuthorizationCode { person }
            | Self::DeviceCode { person }
            | Self::Password { person, .. } => Some(person),
        }
    }
}

impl MailboxSettings {
    /// Whether it may send by this way.
    pub fn may_send_by(&self, way: SendBy) -> bool {
        self.send.is_some_and(|by| by.ways().contains(&way))
    }
}

/// How a mailbox is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadBy {
    /// By IMAP.
    Imap,
    /// By POP3.
    Pop3,
    /// By Microsoft Graph.
    Graph,
    /// By the first way that is open.
    Auto,
}

impl ReadBy {
    /// The ways that are tried, the best first: IMAP tells of new mail at once, and POP3 shows the
    /// inbox alone.
    pub fn ways(self) -> &'static [Self] {
        match self {
            Self::Imap => &[Self::Imap],
            Self::Pop3 => &[Self::Pop3],
            Self::Graph => &[Self::Graph],
            Self::Auto => &[Self::Imap, Self::Graph, Self::Pop3],
        }
    }

    /// What the configuration and the list of transports call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Imap => gatepost_mail::imap::TRANSPORT.name,
            Self::Pop3 => gatepost_mail::pop3::TRANSPORT.name,
            Self::Graph => gatepost_mail::graph::TRANSPORT.name,
            Self::Auto => "auto",
        }
    }

    /// Where it answers in a cloud, if anywhere.
    pub fn host(self, cloud: &Cloud) -> Option<String> {
        match self {
            Self::Imap => cloud.imap.as_ref().map(HostPort::to_string),
            Self::Pop3 => cloud.pop3.as_ref().map(HostPort::to_string),
            Self::Graph => cloud.graph.as_ref().map(Url::to_string),
            Self::Auto => {
                let hosts = self.ways().iter().filter_map(|way| way.host(cloud));
                hosts.reduce(|all, host| format!("{all} {host}"))
            }
        }
    }

    /// The key of a cloud that says where it answers, with what it takes.
    pub fn host_key(self) -> &'static str {
        match self {
            Self::Imap => "imap = \"HOST:PORT\"",
            Self::Pop3 => "pop3 = \"HOST:PORT\"",
            Self::Graph => "graph = \"https://HOST\"",
            Self::Auto => "imap = \"HOST:PORT\", graph = \"https://HOST\" or pop3 = \"HOST:PORT\"",
        }
    }
}

/// How a mailbox sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SendBy {
    /// By SMTP submission.
    Smtp,
    /// By Microsoft Graph.
    Graph,
    /// By the first way that is open.
    Auto,
}

impl SendBy {
    /// The ways that are tried, the best first: SMTP keeps a message octet for octet, of any size
    /// that Exchange takes.
    pub fn ways(self) -> &'static [Self] {
        match self {
            Self::Smtp => &[Self::Smtp],
            Self::Graph => &[Self::Graph],
            Self::Auto => &[Self::Smtp, Self::Graph],
        }
    }

    /// What the configuration and the list of transports call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Smtp => gatepost_mail::smtp::TRANSPORT.name,
            Self::Graph => gatepost_mail::graph::TRANSPORT.name,
            Self::Auto => "auto",
        }
    }

    /// Where it answers in a cloud, if anywhere.
    pub fn host(self, cloud: &Cloud) -> Option<String> {
        match self {
            Self::Smtp => cloud.smtp.as_ref().map(HostPort::to_string),
            Self::Graph => cloud.graph.as_ref().map(Url::to_string),
            Self::Auto => {
                let hosts = self.ways().iter().filter_map(|way| way.host(cloud));
                hosts.reduce(|all, host| format!("{all} {host}"))
            }
        }
    }

    /// The key of a cloud that says where it answers, with what it takes.
    pub fn host_key(self) -> &'static str {
        match self {
            Self::Smtp => "smtp = \"HOST:PORT\"",
            Self::Graph => "graph = \"https://HOST\"",
            Self::Auto => "smtp = \"HOST:PORT\" or graph = \"https://HOST\"",
        }
    }
}

/// Where events go, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SinkSettings {
    /// Where it is named: its program, or its table.
    pub at: Place,
    /// Where.
    pub target: SinkTarget,
    /// Whether an event may overtake another.
    pub ordering: Ordering,
    /// How many are on their way at once.
    pub parallel: NonZeroUsize,
}

/// Where events go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SinkTarget {
    /// A program.
    Command(CommandSettings),
    /// A folder in Maildir form.
    Maildir(MaildirSettings),
    /// Lines of JSON.
    Stream(StreamSettings),
    /// An HTTP endpoint.
    Webhook(WebhookSettings),
}

/// A program, started once for each event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandSettings {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// How long it may run.
    pub timeout: Duration,
}

/// A folder in Maildir form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MaildirSettings {
    /// The folder.
    pub path: PathBuf,
}

/// Lines of JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamSettings {
    /// Where they go.
    pub target: StreamTarget,
}

/// Where lines of JSON go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StreamTarget {
    /// Standard output.
    StandardOutput,
    /// The end of a file.
    File(PathBuf),
}

/// An HTTP endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookSettings {
    /// Where events are posted.
    pub url: Url,
    /// Where the signing secret is found.
    pub secret: Option<SecretSource>,
    /// Where the signing secret of before is found, while receivers change to the new one.
    pub previous_secret: Option<SecretSource>,
    /// Networks that may be posted to though they are not public, by their text.
    pub allow: BTreeMap<String, Network>,
    /// Authorities trusted besides the system's.
    pub ca_file: Option<PathBuf>,
}

/// How messages are sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxSettings {
    /// The mailbox that sends what comes from an address that is no mailbox here.
    pub default: Option<String>,
    /// Who gets what is sent to a name without a domain.
    pub local: Option<String>,
    /// What follows when nobody knows whether a message was sent.
    pub on_unknown: UnknownThen,
    /// Who is told of a message that was not sent, besides the sinks.
    pub bounce: BounceTo,
    /// How long a message is tried.
    pub give_up_after: Duration,
    /// How fast a mailbox may send.
    pub limits: SendLimits,
}

/// Where Gatepost's own events go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventSettings {
    /// The names of the sinks.
    pub sinks: Vec<String>,
    /// Which kinds go there.
    pub kinds: BTreeSet<EventType>,
}

/// A folder under observation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchSettings {
    /// The address of the mailbox, in lower case.
    pub mailbox: String,
    /// The folder.
    pub folder: String,
    /// The names of the sinks.
    pub sinks: Vec<String>,
    /// Where it begins.
    pub from: Begin,
    /// What is done with a message once every sink has it.
    pub after: Option<After>,
    /// The longest pause between two looks.
    pub poll: Duration,
    /// How long the server may prove nothing.
    pub stalled_after: Duration,
}

/// Where a new watch begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begin {
    /// With what arrives from now on.
    Now,
    /// With everything that is there.
    Beginning,
    /// With what arrived at this time or later.
    Time(Timestamp),
}

/// A file with a token that is kept fresh.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenFileSettings {
    /// The address of the mailbox, in lower case.
    pub mailbox: String,
    /// The file.
    pub path: PathBuf,
    /// What the token is for.
    pub purpose: TokenUse,
    /// How it is written.
    pub form: TokenForm,
    /// Who may read it.
    pub readers: Readers,
}

/// Who may read a file with a token.
pub type Readers = super::raw::RawReaders;

/// What is done with a message once every sink has it.
pub type After = super::raw::RawAfter;

/// What a mailbox has besides mail.
pub type Also = super::raw::RawAlso;

/// What a person may be asked to permit at Exchange.
pub type AskFor = super::raw::RawAskFor;
