//! The configuration as it is typed: shapes and places, no meaning yet. The JSON Schema in
//! `docs/gatepost.schema.json` is made from these types and their comments.

mod events;
mod gateway;
mod outbox;
mod placed;
mod secret;
mod sink;
mod token_file;
mod watch;

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

pub use events::RawEvents;
pub use gateway::{
    RawCertificateFiles, RawDoorCertificate, RawDoorTls, RawDoorUpstream, RawGateway, RawListen,
    RawLockout, RawLogin, RawProtocol, RawSelfSigned, RawWithoutLogin,
};
pub use outbox::{RawBounce, RawOutbox, RawUnknown};
pub use placed::Placed;
pub use secret::{INLINE_SECRET, RawSecret};
pub use sink::{RawCommand, RawMaildir, RawOrdering, RawSink, RawStream, RawWebhook, SINK_KINDS};
pub use token_file::{RawReaders, RawTokenFile};
pub use watch::{RawAfter, RawWatch};

/// The configuration of Gatepost. Paths are relative to the file; `~/` is the home folder.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawConfig {
    /// The folder with database, key, spool and socket. Otherwise `$STATE_DIRECTORY`, otherwise
    /// `~/.local/state/gatepost`, and for root `/var/lib/gatepost`.
    pub state: Option<PathBuf>,
    /// Where the key is found that seals what is stored: 32 octets, or base64 of 32
    /// octets. Otherwise a key file is made in the state folder on first use.
    pub key: Option<RawSecret>,
    /// What is logged, and how.
    #[serde(default)]
    pub log: RawLog,
    /// When watching pauses because too much waits to be delivered.
    #[serde(default)]
    pub limits: RawLimits,
    /// Clouds besides `global`, `usgov`, `usgov-dod` and `china`.
    #[serde(default)]
    pub cloud: BTreeMap<Placed<String>, RawCloud>,
    /// Apps registered in Microsoft Entra ID, each under a name of your choice.
    #[serde(default)]
    pub registration: BTreeMap<Placed<String>, RawRegistration>,
    /// Mailboxes, each under its address.
    #[serde(default)]
    pub mailbox: BTreeMap<Placed<String>, RawMailbox>,
    /// Where events go, each under a name of your choice.
    #[serde(default, deserialize_with = "sink::skip")]
    pub sink: BTreeMap<Placed<String>, RawSink>,
    /// Where Gatepost's own events go. Without it, those of a watch go to the watch's own sinks,
    /// and those of a delivery or a sink only into the log.
    pub events: Option<RawEvents>,
    /// How messages are sent.
    #[serde(default)]
    pub outbox: RawOutbox,
    /// Folders under observation.
    #[serde(default)]
    pub watch: Vec<RawWatch>,
    /// Doors of the gateway, each under a name of your choice; those that are called `imap`, `pop3`
    /// and `smtp` need no `protocol`. Programs log in there with a mailbox's address and an app
    /// password, which `gatepost password add` makes.
    #[serde(default)]
    pub gateway: BTreeMap<Placed<String>, RawGateway>,
    /// Login names besides the addresses of mailboxes.
    #[serde(default)]
    pub login: BTreeMap<Placed<String>, RawLogin>,
    /// When logins that are wrong too often are not looked at any more.
    #[serde(default)]
    pub lockout: RawLockout,
    /// Files with tokens that `serve` keeps fresh, for programs that read them.
    #[serde(default)]
    pub token_file: Vec<RawTokenFile>,
}

/// What is logged, and how.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawLog {
    /// What is logged, such as `info` (the default), `debug` or `info,gatepost_mail=trace`.
    /// The variable `GATEPOST_LOG` goes before it.
    pub level: Option<Placed<String>>,
    /// Lines for people or objects for programs.
    pub format: Option<RawLogFormat>,
}

/// The form of a line of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RawLogFormat {
    /// Text for people.
    Text,
    /// One JSON object on each line.
    Json,
}

/// When watching pauses because too much waits to be delivered.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawLimits {
    /// A mailbox with this many events that no sink has taken yet fetches no more; 10,000 if it
    /// is not set. It goes on at half of it.
    pub undelivered: Option<Placed<u64>>,
    /// The same for MiB of mail kept for them; 2,048 if it is not set.
    pub spool_mib: Option<Placed<u64>>,
}

/// A cloud of its own: another Microsoft cloud, or the sandbox. A host that is not set is nowhere:
/// no token goes to another cloud.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawCloud {
    /// Where tokens are had, such as `https://login.example.com:8443`.
    pub login: Placed<String>,
    /// Where Microsoft Graph is, such as `https://graph.example.com`.
    pub graph: Option<Placed<String>>,
    /// Where IMAP over TLS is, as `host:port`.
    pub imap: Option<Placed<String>>,
    /// Where POP3 over TLS is, as `host:port`.
    pub pop3: Option<Placed<String>>,
    /// Where mail is submitted, as `host:port`: with STARTTLS on the ports 587 and 25, with TLS
    /// from the start on any other.
    pub smtp: Option<Placed<String>>,
    /// A PEM file with the certificates of an authority that is trusted besides the system's.
    pub ca_file: Option<Placed<PathBuf>>,
}

/// An app registered in Microsoft Entra ID, with the proof that it is the app.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawRegistration {
    /// `global` (the default), `usgov`, `usgov-dod`, `china`, or a cloud defined here.
    pub cloud: Option<Placed<String>>,
    /// The tenant: a domain such as `contoso.onmicrosoft.com`, a GUID, or `organizations`.
    pub tenant: Placed<String>,
    /// The application (client) id, a GUID.
    pub client_id: Placed<String>,
    /// Where the client secret is found. Leave it and `certificate` away for a public client.
    pub secret: Option<Placed<RawSecret>>,
    /// The day on which the client secret ends, as the Entra admin center shows it, such as
    /// `2027-05-01`: then it is told ahead.
    pub secret_expires: Option<Placed<String>>,
    /// Where the certificate is found: a PEM file, with its private key unless `private_key` is
    /// set, or a PFX file. A file is read again when it has changed.
    pub certificate: Option<Placed<RawSecret>>,
    /// Where the certificate of before is found with its private key, while Entra learns the new
    /// one: the newer of the two is shown first.
    pub previous_certificate: Option<Placed<RawSecret>>,
    /// Where the private key of the certificate is found, in PEM (PKCS#1 or PKCS#8).
    pub private_key: Option<Placed<RawSecret>>,
    /// Where the password of an encrypted private key or of a PFX file is found.
    pub private_key_password: Option<Placed<RawSecret>>,
    /// Where the token of another issuer is found that Entra trusts for this app (workload
    /// identity federation). A file is read at each use; `env` may name the variable that holds
    /// the path of the file, such as `AZURE_FEDERATED_TOKEN_FILE`.
    pub assertion: Option<Placed<RawSecret>>,
    /// Which identity of this machine vouches for the app, on a machine of Azure's: its token is
    /// shown where `assertion` shows that of a file. Written as `managed_identity` is.
    pub federated_identity: Option<Placed<RawManagedIdentity>>,
    /// Which identity of this machine is the app, on a machine of Azure's: `"system"`,
    /// `{ client_id = "…" }`, `{ object_id = "…" }` or `{ resource_id = "…" }`.
    pub managed_identity: Option<Placed<RawManagedIdentity>>,
    /// How the proof by certificate is signed: `PS256` (the default) or `RS256`.
    pub signature: Option<Placed<RawSignature>>,
    /// Which token endpoints are used: `v2` (the default) or `v1`.
    pub endpoint: Option<RawEndpoint>,
}

impl RawRegistration {
    /// Whether nothing proves that it is the app.
    pub fn is_public(&self) -> bool {
        self.secret.is_none()
            && self.certificate.is_none()
            && self.assertion.is_none()
            && self.federated_identity.is_none()
            && self.managed_identity.is_none()
    }
}

/// Which identity of this machine is meant.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RawManagedIdentity {
    /// The machine's own.
    System,
    /// The user-assigned one with this application (client) id.
    ClientId(String),
    /// The user-assigned one with this object id.
    ObjectId(String),
    /// The user-assigned one with this resource id.
    ResourceId(String),
}

/// How the proof by certificate is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum RawSignature {
    /// RSA-PSS, with the SHA-256 thumbprint.
    PS256,
    /// RSA PKCS#1 v1.5, with the SHA-1 thumbprint.
    RS256,
}

/// Which token endpoints are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RawEndpoint {
    /// `/oauth2/v2.0/token`, with scopes.
    V2,
    /// `/oauth2/token`, with a resource.
    V1,
}

/// A mailbox: who opens it, and how it is read.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawMailbox {
    /// The name of the registration that opens it.
    pub registration: Placed<String>,
    /// How its token is obtained.
    pub grant: Placed<RawGrant>,
    /// How it is read; `imap` if it is not set.
    pub read: Option<Placed<RawRead>>,
    /// How it sends, if it does. It decides what a person is asked to permit, and with it what
    /// `gatepost token --for smtp` is good for.
    pub send: Option<RawSend>,
    /// What else is done, by Microsoft Graph: it decides which permissions are asked for.
    pub also: Option<Placed<Vec<RawAlso>>>,
    /// What a person is asked to permit at Exchange; what `read`, `send`, token files and the doors
    /// of the gateway need if it is not set. With less than that a sign-in of before goes on where
    /// less was permitted: Microsoft refuses a token that asks for more, and then no door opens.
    /// The server refuses the ways that are not permitted.
    pub ask_for: Option<Placed<Vec<RawAskFor>>>,
    /// The sign-in name of the person who opens it, if that is not its own address: for shared
    /// mailboxes, and for people who sign in under another name. Nobody else can sign in for it.
    pub sign_in_as: Option<Placed<String>>,
    /// Where the person's password is found, for the grant `password`. Without it
    /// `gatepost login` asks for it.
    pub password: Option<Placed<RawSecret>>,
    /// Whether the password that `gatepost login` asked for is kept, sealed, for the day when
    /// the sign-in is over. Without it only the sign-in is kept.
    pub keep_password: Option<Placed<bool>>,
}

/// What is done with a mailbox besides reading and sending.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RawAlso {
    /// The calendar.
    Calendar,
    /// The contacts.
    Contacts,
    /// Messages are marked, moved and deleted by hand, and large ones are sent as drafts:
    /// `Mail.ReadWrite`. IMAP asks for no permission of its own for that.
    Changes,
}

impl RawAlso {
    /// What the configuration calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Calendar => "calendar",
            Self::Contacts => "contacts",
            Self::Changes => "changes",
        }
    }
}

/// What a person may be asked to permit at Exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RawAskFor {
    /// Reading by IMAP: `IMAP.AccessAsUser.All`.
    Imap,
    /// Reading by POP3: `POP.AccessAsUser.All`.
    Pop3,
    /// Sending by SMTP: `SMTP.Send`.
    Smtp,
}

impl RawAskFor {
    /// What the configuration calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Imap => "imap",
            Self::Pop3 => "pop3",
            Self::Smtp => "smtp",
        }
    }
}

/// How a token is obtained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RawGrant {
    /// The app acts in its own name, with nobody signed in.
    ClientCredentials,
    /// A person signs in once in a browser: `gatepost login`.
    AuthorizationCode,
    /// A person signs in once on another device, where a code is entered: `gatepost login`.
    DeviceCode,
    /// A person's name and password are sent to Microsoft, which takes them only where no second
    /// factor is asked for. Any other grant is better.
    Password,
}

/// How a mailbox sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RawSend {
    /// By SMTP submission.
    Smtp,
    /// By Microsoft Graph, where SMTP AUTH is off.
    Graph,
    /// By SMTP, and by Graph where SMTP AUTH is off or the token does not allow it. The log says
    /// which one it is, and why.
    Auto,
}

/// How a mailbox is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RawRead {
    /// By IMAP.
    Imap,
    /// By POP3, where IMAP is off: the inbox only, asked for new mail every half minute. Nothing is
    /// marked or moved there.
    Pop3,
    /// By Microsoft Graph, where IMAP is off: every folder, asked for changes every minute.
    Graph,
    /// By the first of IMAP, Graph and POP3 that the token and the server allow. The log says which
    /// one it is, and why the others are not.
    Auto,
}
