//! The gateway: doors that lead somewhere and give no password away, and login names that open
//! mailboxes which exist.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use gatepost_fault::Fault as _;
use gatepost_gateway::Protocol;
use gatepost_gateway::door::is_certificate_alone;
use gatepost_host::{FileError, Network, files};

use super::Check;
use crate::config::Purpose;
use crate::config::checked::{
    DoorCertificate, DoorSettings, DoorTls, DoorUpstream, GatewaySettings, ListenAt,
    LockoutSettings, MailboxSettings, SendBy, WithoutLogin,
};
use crate::config::raw::{
    Placed, RawConfig, RawDoorCertificate, RawDoorUpstream, RawGateway, RawListen, RawLockout,
    RawProtocol, RawWithoutLogin,
};

pub(super) fn check(
    raw: &RawConfig,
    mailboxes: &BTreeMap<String, MailboxSettings>,
    check: &mut Check<'_>,
) -> GatewaySettings {
    let mut taken = BTreeSet::new();
    let mut doors = BTreeMap::new();
    for (name, door) in &raw.gateway {
        if let Some(settings) = one(name, door, mailboxes, check) {
            unshared(door, &settings, &mut taken, check);
            doors.insert(name.to_string(), settings);
        }
    }
    let (logins, domains) = super::logins::check(raw, check);
    GatewaySettings {
        doors,
        logins,
        domains,
        lockout: lockout(&raw.lockout, check),
    }
}

fn one(
    name: &Placed<String>,
    raw: &RawGateway,
    mailboxes: &BTreeMap<String, MailboxSettings>,
    check: &mut Check<'_>,
) -> Option<DoorSettings> {
    let protocol = protocol(name, raw, check);
    let listen = listen(raw, check);
    let tls = raw.tls.as_deref().copied().unwrap_or(DoorTls::Off);
    let certificate = certificate(name, raw, tls, check);
    let clear_beyond_loopback = clear_beyond_loopback(raw, check);
    gives_nothing_away(raw, tls, (&listen, clear_beyond_loopback), check);
    let proxies = proxies(&raw.proxy_protocol_from, check);
    let protocol = protocol?;
    let upstream = upstream(raw, protocol, check);
    let without_login = without_login(raw, protocol, check);
    for (devices, settings) in raw.without_login.iter().zip(&without_login) {
        sends(devices, settings, (mailboxes, upstream), check);
    }
    let connections = check.at_least_one(raw.connections.as_ref(), CONNECTIONS);
    let most = check.at_least_one(raw.connections_per_address.as_ref(), PER_ADDRESS);
    Some(DoorSettings {
        at: check.source.place(name.span()),
        protocol,
        listen,
        tls,
        certificate,
        clear_beyond_loopback,
        proxies,
        upstream,
        connections,
        connections_per_address: most.min(connections),
        idle: check.duration(raw.idle.as_ref(), IDLE),
        without_login,
    })
}

/// What is spoken: the name says it, or `protocol`.
fn protocol(name: &Placed<String>, raw: &RawGateway, check: &mut Check<'_>) -> Option<Protocol> {
    let named: Option<Protocol> = name.parse().ok();
    let said = raw.protocol.as_deref().map(|said| match said {
        RawProtocol::Imap => Protocol::Imap,
        RawProtocol::Pop3 => Protocol::Pop3,
        RawProtocol::Smtp => Protocol::Smtp,
    });
    if named.is_none() && said.is_none() {
        let sentence = format!(
            "the name `{}` does not tell what is spoken at this door; add protocol = \"imap\", \
             \"pop3\" or \"smtp\"",
            **name
        );
        check.report(name, "config_wrong_value", sentence);
    }
    if let (Some(at), Some(named), Some(said)) = (&raw.protocol, named, said)
        && named != said
    {
        let sentence = format!("a door that is called {named} speaks {named}: choose another name");
        check.report(at, "config_contradiction", sentence);
    }
    said.or(named)
}

fn listen(raw: &RawGateway, check: &mut Check<'_>) -> Vec<ListenAt> {
    match &*raw.listen {
        RawListen::One(place) => {
            let read = place_of(place);
            check.accept(&raw.listen, read).into_iter().collect()
        }
        RawListen::Each(places) => {
            if places.is_empty() {
                let sentence = "`listen` names no place; write [\"127.0.0.1:1143\"]";
                check.report(&raw.listen, "config_wrong_value", sentence);
            }
            let read = places
                .iter()
                .filter_map(|place| check.accept(place, place_of(place)));
            read.collect()
        }
    }
}

fn place_of(text: &str) -> Result<ListenAt, String> {
    if let Some(name) = text.strip_prefix("systemd:") {
        // What sd_listen_fds_with_names(3) allows.
        let usable = !name.is_empty()
            && name.len() <= 255
            && name.chars().all(|c| c.is_ascii_graphic() && c != ':');
        return usable
            .then(|| ListenAt::Systemd(name.to_owned()))
            .ok_or_else(|| {
                "`systemd:` is followed by the FileDescriptorName= of the socket unit".to_owned()
            });
    }
    text.parse().map(ListenAt::Address).map_err(|_| {
        format!(
            "`{text}` is no place to listen at; write an address and a port, such as \
             127.0.0.1:1143 or [::1]:1143, or systemd:NAME"
        )
    })
}

fn certificate(
    name: &Placed<String>,
    raw: &RawGateway,
    tls: DoorTls,
    check: &mut Check<'_>,
) -> Option<DoorCertificate> {
    let Some(at) = &raw.certificate else {
        if let Some(at) = raw.tls.as_ref().filter(|_| tls != DoorTls::Off) {
            let sentence = format!(
                "TLS needs a certificate: add certificate = {{ file = \"cert.pem\", key = \
                 \"key.pem\" }} or certificate = \"self-signed\" to [gateway.{}]",
                **name
            );
            check.report(at, "config_contradiction", sentence);
        }
        return None;
    };
    if tls == DoorTls::Off {
        let sentence = "`certificate` has no use without TLS: add tls = \"starttls\", \"implicit\" \
             or \"auto\"";
        check.report(at, "config_contradiction", sentence);
    }
    let RawDoorCertificate::Files(named) = &**at else {
        return Some(DoorCertificate::SelfSigned);
    };
    let certificate = check.path(&named.file);
    let key = named.key.as_ref().map(|key| check.path(key));
    let read = match &key {
        None => readable_key(&certificate),
        Some(key) => files::read_public(&certificate, MOST).and_then(|_| readable_key(key)),
    };
    if let Err(error) = read
        && (check.purpose == Purpose::Work || error.code() != "file_missing")
    {
        check.report(at, error.code(), error.to_string());
    }
    Some(DoorCertificate::Files {
        key: key.unwrap_or_else(|| certificate.clone()),
        certificate,
    })
}

/// A certificate in the place of a key may be read by everybody. That it is no key is found out, and
/// told once, by whoever looks into the certificates of all doors.
fn readable_key(key: &Path) -> Result<(), FileError> {
    match files::read_private(key, MOST) {
        Err(FileError::TooOpen { .. }) if is_certificate_alone(key) => Ok(()),
        read => read.map(drop),
    }
}

fn clear_beyond_loopback(raw: &RawGateway, check: &mut Check<'_>) -> bool {
    let Some(said) = &raw.clear_beyond_loopback else {
        return false;
    };
    if **said == TRUSTED {
        return true;
    }
    let sentence = format!(
        "`clear_beyond_loopback` is \"{TRUSTED}\" and nothing else: whoever listens in that \
         network reads passwords and mail"
    );
    check.report(said, "config_wrong_value", sentence);
    false
}

/// Nobody beyond this machine is asked for an unprotected password, unless somebody said so.
fn gives_nothing_away(
    raw: &RawGateway,
    tls: DoorTls,
    (listen, clear_beyond_loopback): (&[ListenAt], bool),
    check: &mut Check<'_>,
) {
    if tls != DoorTls::Off || clear_beyond_loopback {
        return;
    }
    let beyond = listen.iter().find_map(|place| match place {
        ListenAt::Address(address) if !address.ip().to_canonical().is_loopback() => Some(address),
        ListenAt::Address(_) | ListenAt::Systemd(_) => None,
    });
    if let Some(address) = beyond {
        let sentence = format!(
            "{address} is reached from beyond this machine, and without TLS whoever listens in \
             the network reads passwords and mail: add tls and a certificate, or listen at \
             {}, or say clear_beyond_loopback = \"{TRUSTED}\"",
            loopback(*address)
        );
        check.report(&raw.listen, "config_contradiction", sentence);
    }
}

fn loopback(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(_) => IpAddr::from([127, 0, 0, 1]),
        IpAddr::V6(_) => IpAddr::from(std::net::Ipv6Addr::LOCALHOST),
    };
    SocketAddr::new(ip, address.port())
}

/// However its prefix is written.
fn is_everybody(network: &str) -> bool {
    let network = network.parse::<Network>();
    network.is_ok_and(|network| network.to_string().ends_with("/0"))
}

/// Whoever is a proxy says who a client is, so that not everybody can be one.
fn proxies(raw: &[Placed<String>], check: &mut Check<'_>) -> Vec<Network> {
    for network in raw.iter().filter(|text| is_everybody(text)) {
        let sentence = format!(
            "{} is everybody, who could say of himself where he connects from then: name the \
             addresses of the proxies",
            **network
        );
        check.report(network, "config_contradiction", sentence);
    }
    networks(raw, check)
}

fn networks(raw: &[Placed<String>], check: &mut Check<'_>) -> Vec<Network> {
    raw.iter()
        .filter_map(|text| check.accept(text, text.parse()))
        .collect()
}

fn upstream(raw: &RawGateway, protocol: Protocol, check: &mut Check<'_>) -> DoorUpstream {
    let wanted = raw
        .upstream
        .as_deref()
        .copied()
        .unwrap_or(RawDoorUpstream::Native);
    if let Some(at) = raw
        .upstream
        .as_ref()
        .filter(|at| ***at == RawDoorUpstream::Spool && protocol != Protocol::Smtp)
    {
        let sentence =
            format!("the outbox takes messages by smtp, and this door speaks {protocol}");
        check.report(at, "config_contradiction", sentence);
    }
    if let Some(at) = &raw.rewrite_from
        && wanted == RawDoorUpstream::Native
    {
        let sentence = "`rewrite_from` has no use without upstream = \"spool\": on the native way \
             messages are not looked into";
        check.report(at, "config_contradiction", sentence);
    }
    match wanted {
        RawDoorUpstream::Native => DoorUpstream::Native,
        RawDoorUpstream::Spool => DoorUpstream::Spool {
            rewrite_from: raw.rewrite_from.as_deref().copied().unwrap_or(false),
        },
    }
}

fn without_login(raw: &RawGateway, protocol: Protocol, check: &mut Check<'_>) -> Vec<WithoutLogin> {
    let devices = raw.without_login.iter().map(|devices| {
        if protocol != Protocol::Smtp {
            let sentence = format!(
                "`without_login` is for smtp: nobody reads mail by {protocol} without a password"
            );
            check.report(&devices.networks, "config_contradiction", sentence);
        }
        if devices.networks.is_empty() {
            let sentence = "`networks` names none; write [\"192.168.7.0/24\"]";
            check.report(&devices.networks, "config_wrong_value", sentence);
        }
        for network in devices.networks.iter().filter(|text| is_everybody(text)) {
            let sentence = format!(
                "{} is everybody, who could send as {} then: name the networks of the devices",
                **network, *devices.mailbox
            );
            check.report(network, "config_contradiction", sentence);
        }
        WithoutLogin {
            networks: networks(&devices.networks, check),
            mailbox: devices.mailbox.to_lowercase(),
        }
    });
    devices.collect()
}

/// The mailbox that sends for devices must exist, and send by the way that the door leads.
fn sends(
    raw: &RawWithoutLogin,
    settings: &WithoutLogin,
    (mailboxes, upstream): (&BTreeMap<String, MailboxSettings>, DoorUpstream),
    check: &mut Check<'_>,
) {
    let mailbox = &settings.mailbox;
    let Some(found) = mailboxes.get(mailbox) else {
        let known: Vec<_> = mailboxes.keys().map(String::as_str).collect();
        return check.unknown(&raw.mailbox, "mailbox", known);
    };
    let able = match upstream {
        DoorUpstream::Native => found.may_send_by(SendBy::Smtp),
        DoorUpstream::Spool { .. } => found.send.is_some(),
    };
    if !able {
        let sentence = match found.send {
            Some(by) => format!(
                "the mailbox `{mailbox}` sends by {}, and this door leads to SMTP: add upstream = \
                 \"spool\"",
                by.name()
            ),
            None => format!("the mailbox `{mailbox}` does not send: give it a `send`"),
        };
        check.report(&raw.mailbox, "config_contradiction", sentence);
    }
}

/// No two doors listen at one place. Port 0 is another one each time.
fn unshared(
    raw: &RawGateway,
    door: &DoorSettings,
    taken: &mut BTreeSet<String>,
    check: &mut Check<'_>,
) {
    for place in &door.listen {
        let text = match place {
            ListenAt::Address(address) if address.port() == 0 => continue,
            ListenAt::Address(address) => address.to_string(),
            ListenAt::Systemd(name) => format!("systemd:{name}"),
        };
        if taken.contains(&text) {
            let sentence = format!("two doors listen at {text}");
            check.report(&raw.listen, "config_contradiction", sentence);
        }
        taken.insert(text);
    }
}

fn lockout(raw: &RawLockout, check: &mut Check<'_>) -> LockoutSettings {
    LockoutSettings {
        failures: check.at_least_one(raw.failures.as_ref(), FAILURES),
        within: check.duration(raw.within.as_ref(), WITHIN),
        lasts: check.duration(raw.lasts.as_ref(), LASTS),
    }
}

/// What opens a door to passwords in clear: nobody types it by accident.
const TRUSTED: &str = "this network is trusted";
const CONNECTIONS: u32 = 2_000;
const PER_ADDRESS: u32 = 50;
const IDLE: Duration = Duration::from_mins(30);
const FAILURES: u32 = 10;
const WITHIN: Duration = Duration::from_mins(10);
const LASTS: Duration = Duration::from_mins(15);
/// As much as a certificate with those that vouch for it can have.
const MOST: usize = 256 * 1024;
