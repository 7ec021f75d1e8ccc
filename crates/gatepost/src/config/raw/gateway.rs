//! Doors of the gateway, login names and the lockout, as they are typed.

use std::fmt;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::{Placed, RawGrant};

/// A door of the gateway: where programs connect that know a password and nothing of OAuth.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawGateway {
    /// Where it listens, such as `"127.0.0.1:1143"` or `["127.0.0.1:1143", "[::1]:1143"]`, or
    /// `"systemd:NAME"` for a socket that systemd made with `FileDescriptorName=NAME`.
    pub listen: Placed<RawListen>,
    /// What is spoken there. It need not be set in doors that are called `imap`, `pop3` or `smtp`.
    pub protocol: Option<Placed<RawProtocol>>,
    /// How TLS is had; `off` if it is not set.
    pub tls: Option<Placed<RawDoorTls>>,
    /// What the door shows of itself: `{ file = "cert.pem", key = "key.pem" }`, read again when it
    /// has changed, or `"self-signed"`.
    pub certificate: Option<Placed<RawDoorCertificate>>,
    /// Passwords may come unprotected from elsewhere than this machine. The only value is
    /// `"this network is trusted"`.
    pub clear_beyond_loopback: Option<Placed<String>>,
    /// The addresses or networks of proxies, which say by the PROXY protocol (version 1 or 2) who
    /// is connecting. Nobody else is believed, and these must say it.
    #[serde(default)]
    pub proxy_protocol_from: Vec<Placed<String>>,
    /// Where a door for SMTP leads; `native` if it is not set.
    pub upstream: Option<Placed<RawDoorUpstream>>,
    /// How many connections it takes at once; 2,000 if it is not set.
    pub connections: Option<Placed<u32>>,
    /// How many of one address; 50 if it is not set.
    pub connections_per_address: Option<Placed<u32>>,
    /// How long a session may be silent after the login, such as `30m` (the default).
    pub idle: Option<Placed<String>>,
    /// For SMTP: networks whose devices send without a login.
    #[serde(default)]
    pub without_login: Vec<RawWithoutLogin>,
    /// For `upstream = "spool"`: whether a From that may not be sent from is replaced by the
    /// address of the mailbox, its name kept. Otherwise the message is refused.
    pub rewrite_from: Option<Placed<bool>>,
}

/// Where a door listens.
#[derive(Debug, JsonSchema)]
#[serde(untagged)]
pub enum RawListen {
    /// At one place.
    One(String),
    /// At each of these.
    Each(Vec<Placed<String>>),
}

impl<'de> Deserialize<'de> for RawListen {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ListenVisitor)
    }
}

/// Tells one place from many. An untagged enum would lose where each of them stands.
struct ListenVisitor;

impl<'de> Visitor<'de> for ListenVisitor {
    type Value = RawListen;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a place such as \"127.0.0.1:1143\", or a list of them,")
    }

    fn visit_str<E: Error>(self, place: &str) -> Result<RawListen, E> {
        Ok(RawListen::One(place.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, places: A) -> Result<RawListen, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(places)).map(RawListen::Each)
    }
}

/// What is spoken at a door.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RawProtocol {
    /// IMAP.
    Imap,
    /// POP3.
    Pop3,
    /// SMTP submission.
    Smtp,
}

/// How TLS is had at a door.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RawDoorTls {
    /// Not at all.
    Off,
    /// When the client asks for it with STARTTLS or STLS.
    StartTls,
    /// From the first octet on.
    Implicit,
    /// From the first octet on if the client begins so, and otherwise when it asks for it.
    Auto,
}

/// What a door shows of itself.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema)]
#[serde(untagged)]
pub enum RawDoorCertificate {
    /// A certificate that is made for it and kept in the state folder.
    Made(RawSelfSigned),
    /// Files in PEM form.
    Files(RawCertificateFiles),
}

/// The word for a certificate that is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, JsonSchema)]
pub enum RawSelfSigned {
    /// Nobody vouches for it: clients must be told to trust it.
    #[serde(rename = "self-signed")]
    SelfSigned,
}

/// A certificate and its key in PEM files.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawCertificateFiles {
    /// The certificate, and behind it those that lead to its authority.
    pub file: PathBuf,
    /// Its private key, which only its owner may read; the same file if it is not set.
    pub key: Option<PathBuf>,
}

impl<'de> Deserialize<'de> for RawDoorCertificate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(CertificateVisitor)
    }
}

/// Tells the word from the table.
struct CertificateVisitor;

impl<'de> Visitor<'de> for CertificateVisitor {
    type Value = RawDoorCertificate;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{ file = \"cert.pem\", key = \"key.pem\" } or \"self-signed\"")
    }

    fn visit_str<E: Error>(self, word: &str) -> Result<RawDoorCertificate, E> {
        // What else is typed here may be the certificate with its key: it is not repeated.
        if word == "self-signed" {
            Ok(RawDoorCertificate::Made(RawSelfSigned::SelfSigned))
        } else {
            Err(E::custom(
                "a certificate is { file = \"cert.pem\", key = \"key.pem\" } or \"self-signed\"",
            ))
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<RawDoorCertificate, A::Error> {
        RawCertificateFiles::deserialize(MapAccessDeserializer::new(map))
            .map(RawDoorCertificate::Files)
    }
}

/// Where a door for SMTP leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RawDoorUpstream {
    /// To the server of the mailbox's cloud: what it answers is what the client hears.
    Native,
    /// Into the outbox: a message is accepted when it is durable, and sent as the mailbox sends.
    Spool,
}

/// Networks whose devices send without a login.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawWithoutLogin {
    /// The networks or addresses, such as `192.168.7.0/24`.
    pub networks: Placed<Vec<Placed<String>>>,
    /// The address of the mailbox that sends for them.
    pub mailbox: Placed<String>,
}

/// A login name that is not the address of the mailbox which it opens. `"*@contoso.com"` stands
/// for every address of a domain: each opens the mailbox that it names, by `registration` and
/// `grant`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawLogin {
    /// The address of the mailbox that it opens.
    pub mailbox: Option<Placed<String>>,
    /// The addresses that may be written from; `*@contoso.com` is each of that domain. The
    /// mailbox's own if it is not set.
    pub senders: Option<Placed<Vec<Placed<String>>>>,
    /// For `"*@DOMAIN"`: the name of the registration that opens the mailboxes.
    pub registration: Option<Placed<String>>,
    /// For `"*@DOMAIN"`: how their tokens are obtained; `client_credentials`, which it is if it is
    /// not set, is all that is possible.
    pub grant: Option<Placed<RawGrant>>,
}

/// When logins that are wrong too often are not looked at any more.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawLockout {
    /// How often a login name, or an address, may be wrong; 10 if it is not set.
    pub failures: Option<Placed<u32>>,
    /// Within which time, such as `10m` (the default).
    pub within: Option<Placed<String>>,
    /// How long it is locked out then, such as `15m` (the default).
    pub lasts: Option<Placed<String>>,
}
