//! The gateway: its doors, which login name leads where, and where guests go on.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use gatepost_gateway::admission::Gatekeeper;
use gatepost_gateway::door::{
    Certificate, CertificateFiles, Door, DoorError, DoorSettings, Inherited, LeadsTo, Listen,
    Socket, Tls, WithoutLogin,
};
use gatepost_gateway::upstream::{NoDestination, Upstream};
use gatepost_gateway::{Gateway, Protocol};
use gatepost_host::{Clock, files};
use gatepost_mail::passage::Destination;
use gatepost_mailroom::outbox::PostOffice;
use gatepost_wire::InClear;

use super::acceptance::OutboxDoor;
use super::{Gatepost, mailboxes};
use crate::config::{
    Config, DoorCertificate, DoorTls, DoorUpstream, GatewaySettings, GrantSettings, ListenAt,
    MailboxSettings, ReadBy, SendBy,
};
use crate::failure::Failure;
use crate::present::Present;

/// A door, and what it is made of.
#[derive(Debug, Clone)]
pub struct OpenedDoor {
    /// The door.
    pub door: Door,
    /// What it is made of.
    pub made_of: DoorMadeOf,
}

/// What a door is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DoorMadeOf {
    settings: DoorSettings,
    listen: Vec<Listen>,
    certificate: Option<Certificate>,
}

/// The sockets of all doors. Those that go on being listened at are kept over a reload.
#[derive(Debug, Clone, Default)]
pub struct Sockets(BTreeMap<Key, Vec<Socket>>);

/// Where it is listened, and by whom where the port is chosen by the system: no other door gets
/// that one.
type Key = (Listen, Option<String>);

impl Sockets {
    /// Binds what the doors of `config` want. Those that are bound already are the same ones;
    /// `self` is as it was, so that nothing has happened if one cannot be bound.
    pub fn bound_for(&self, config: &Config, inherited: &Inherited) -> Result<Self, DoorError> {
        let mut bound = BTreeMap::new();
        for (name, door) in &config.gateway.doors {
            for listen in &door.listen {
                let key = key(name, listen);
                let sockets = match (self.0.get(&key), &key.0) {
                    (Some(sockets), _) => sockets.clone(),
                    (None, Listen::Address(address)) => vec![Socket::bind(*address)?],
                    (None, Listen::Systemd(name)) => inherited.named(name)?,
                };
                // What is bound here was checked with the configuration.
                let is_clear = door.tls == DoorTls::Off && !door.clear_beyond_loopback;
                if is_clear && matches!(key.0, Listen::Systemd(_)) {
                    on_this_machine(name, &sockets)?;
                }
                bound.insert(key, sockets);
            }
        }
        Ok(Self(bound))
    }
}

/// A socket that systemd hands over shows only now where it listens.
fn on_this_machine(door: &str, sockets: &[Socket]) -> Result<(), DoorError> {
    match sockets.iter().find(|socket| !socket.is_of_this_machine()) {
        None => Ok(()),
        Some(beyond) => Err(DoorError::InClear {
            door: door.to_owned(),
            address: beyond.address().map_or_else(
                || "an address that cannot be told".to_owned(),
                |address| address.to_string(),
            ),
        }),
    }
}

impl Gatepost {
    /// The gateway: `gatekeeper` says who may come in, and what is present where to; `office` takes
    /// what is sent by the outbox.
    pub fn gateway(
        &self,
        (gatekeeper, office): (&Gatekeeper, &PostOffice),
        present: &Present,
    ) -> Gateway {
        let (admission, upstream) = (Arc::new(gatekeeper.clone()), Arc::new(present.clone()));
        let outbox = OutboxDoor::new(office.clone(), present.clone());
        Gateway::new(admission, upstream, self.clock.clone()).with_acceptance(Arc::new(outbox))
    }

    /// Every door of the configuration, by name. Certificates are read; nothing is listened at
    /// that was not before.
    pub fn doors(&self, sockets: &Sockets) -> Result<Vec<OpenedDoor>, Failure> {
        let doors = self.config.gateway.doors.iter();
        doors
            .map(|(name, settings)| {
                let listen: Vec<Listen> = settings.listen.iter().map(place).collect();
                let keys = settings.listen.iter().map(|listen| key(name, listen));
                let listening = keys.filter_map(|key| sockets.0.get(&key));
                let listening = listening.flatten().cloned().collect();
                let certificate = match &settings.certificate {
                    Some(certificate) => Some(self.certificate(name, certificate)?),
                    None => None,
                };
                let settings = door_settings(name, settings);
                let door = Door::new(settings.clone(), listening, certificate.clone());
                let made_of = DoorMadeOf {
                    settings,
                    listen,
                    certificate,
                };
                Ok(OpenedDoor { door, made_of })
            })
            .collect()
    }

    fn certificate(&self, door: &str, named: &DoorCertificate) -> Result<Certificate, DoorError> {
        if let Some(certificate) = certificate_in_files(door, named, &self.clock) {
            return certificate;
        }
        let folder = self.store.folder().path();
        let files = CertificateFiles {
            door: door.to_owned(),
            chain: folder.join("gateway.crt"),
            key: folder.join("gateway.key"),
        };
        Certificate::self_signed(&names(&self.config.gateway), files, self.clock.clone())
    }
}

/// The certificate that a door shows, if the configuration names its files. Nothing is made.
pub fn certificate_in_files(
    door: &str,
    named: &DoorCertificate,
    clock: &Clock,
) -> Option<Result<Certificate, DoorError>> {
    let DoorCertificate::Files { certificate, key } = named else {
        return None;
    };
    let files = CertificateFiles {
        door: door.to_owned(),
        chain: certificate.clone(),
        key: key.clone(),
    };
    Some(Certificate::open(files, clock.clone()))
}

impl DoorMadeOf {
    /// The name of the door.
    pub fn name(&self) -> &str {
        &self.settings.name
    }

    /// What is spoken there.
    pub fn protocol(&self) -> Protocol {
        self.settings.protocol
    }
}

impl Upstream for Present {
    fn destination(&self, protocol: Protocol, mailbox: &str) -> Result<Destination, NoDestination> {
        let nowhere = |reason: String| NoDestination {
            mailbox: mailbox.to_owned(),
            protocol,
            reason,
        };
        let gatepost = self.get();
        let settings = configured(&gatepost.config, mailbox)
            .ok_or_else(|| nowhere("it is not in the configuration".to_owned()))?;
        mailboxes::destination(&settings, protocol, &gatepost.way(&settings)).map_err(nowhere)
    }

    fn servers(&self, protocol: Protocol) -> Vec<Destination> {
        let gatepost = self.get();
        let config = &gatepost.config;
        let mailboxes = config.mailboxes.values().cloned().chain(of_domains(config));
        let mut servers: Vec<Destination> = Vec::new();
        for mailbox in mailboxes {
            let way = gatepost.way(&mailbox);
            let known = |host: &str| servers.iter().any(|server| server.host() == host);
            match mailboxes::destination(&mailbox, protocol, &way) {
                Ok(server) if !known(server.host()) => servers.push(server),
                _ => {}
            }
        }
        servers
    }
}

/// What the domains of the configuration open, each under an address that stands for all of it:
/// their tokens are kept ready though nobody knows who will come.
pub(super) fn of_domains(config: &Config) -> impl Iterator<Item = MailboxSettings> {
    let domains = config.gateway.domains.iter();
    domains.map(|(domain, registration)| by_app(format!("*@{domain}"), registration))
}

/// How the mailbox of this address is opened, be it under its own name or as one of a domain.
pub(super) fn configured(config: &Config, address: &str) -> Option<MailboxSettings> {
    if let Some(settings) = config.mailboxes.get(address) {
        return Some(settings.clone());
    }
    let (_, domain) = address.rsplit_once('@')?;
    let registration = config.gateway.domains.get(domain)?;
    Some(by_app(address.to_owned(), registration))
}

fn by_app(address: String, registration: &str) -> MailboxSettings {
    MailboxSettings {
        address,
        registration: registration.to_owned(),
        grant: GrantSettings::ClientCredentials,
        read: ReadBy::Imap,
        send: Some(SendBy::Smtp),
        also: BTreeSet::new(),
        ask_for: None,
    }
}

fn door_settings(name: &str, settings: &crate::config::DoorSettings) -> DoorSettings {
    let count = |count: u32| usize::try_from(count).unwrap_or(usize::MAX);
    let without_login = settings.without_login.iter();
    let without_login = without_login.map(|devices| WithoutLogin {
        networks: devices.networks.clone(),
        mailbox: devices.mailbox.clone(),
    });
    DoorSettings {
        name: name.to_owned(),
        protocol: settings.protocol,
        tls: match settings.tls {
            DoorTls::Off => Tls::Off,
            DoorTls::StartTls => Tls::StartTls,
            DoorTls::Implicit => Tls::Implicit,
            DoorTls::Auto => Tls::Auto,
        },
        in_clear: if settings.clear_beyond_loopback {
            InClear::Accepted
        } else {
            InClear::Refused
        },
        proxies: settings.proxies.clone(),
        connections: count(settings.connections),
        connections_per_address: count(settings.connections_per_address),
        idle: settings.idle,
        leads_to: match settings.upstream {
            DoorUpstream::Native => LeadsTo::Server,
            DoorUpstream::Spool { rewrite_from } => LeadsTo::Spool { rewrite_from },
        },
        without_login: without_login.collect(),
    }
}

fn key(door: &str, listen: &ListenAt) -> Key {
    let of_system = matches!(listen, ListenAt::Address(address) if address.port() == 0);
    (place(listen), of_system.then(|| door.to_owned()))
}

fn place(listen: &ListenAt) -> Listen {
    match listen {
        ListenAt::Address(address) => Listen::Address(*address),
        ListenAt::Systemd(name) => Listen::Systemd(name.clone()),
    }
}

/// What clients may call this machine: its names, and the addresses at which doors listen.
fn names(gateway: &GatewaySettings) -> Vec<String> {
    let mut names = vec![
        "localhost".to_owned(),
        "127.0.0.1".to_owned(),
        "::1".to_owned(),
    ];
    let host = files::read_public(Path::new("/proc/sys/kernel/hostname"), 256);
    let host = host.map(|name| String::from_utf8_lossy(&name).trim().to_owned());
    names.extend(host.into_iter().filter(|name| is_host_name(name)));
    for listen in gateway.doors.values().flat_map(|door| &door.listen) {
        if let ListenAt::Address(address) = listen
            && !address.ip().is_unspecified()
        {
            names.push(address.ip().to_string());
        }
    }
    names.sort_unstable();
    names.dedup();
    names
}

fn is_host_name(name: &str) -> bool {
    let good = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'.');
    !name.is_empty() && name.bytes().all(good)
}

#[cfg(test)]
mod tests {
    use gatepost_fault::Fault as _;

    use super::*;

    #[tokio::test]
    async fn an_unprotected_socket_of_systemd_is_for_this_machine_only() {
        let here = Socket::bind(([127, 0, 0, 1], 0).into()).expect("a free port");
        on_this_machine("imap", std::slice::from_ref(&here)).expect("nobody else reaches it");
        let everywhere = Socket::bind(([0, 0, 0, 0], 0).into()).expect("a free port");
        let refused = on_this_machine("imap", &[here, everywhere]);
        let refused = refused.expect_err("the network reaches it");
        assert_eq!(refused.code(), "door_in_clear");
        assert!(refused.to_string().contains("0.0.0.0:"), "{refused}");
    }
}
