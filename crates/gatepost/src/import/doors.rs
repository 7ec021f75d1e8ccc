//! What becomes of the ports on which it listens.

use std::net::{IpAddr, SocketAddr};

use gatepost_import::emailproxy::{LocalTls, Protocol, Server};
use gatepost_oauth::HostPort;

use super::origin;
use super::plan::{Around, CloudPlan, DoorPlan, DoorTls, Plan};
use super::report::Heading;

/// Takes over every port that leads to a mailbox's own server.
pub(super) fn take(around: &Around<'_>, plan: &mut Plan) {
    let mut taken: Vec<(&Server, SocketAddr)> = Vec::new();
    for server in &around.read.servers {
        match one(server, around, plan) {
            Ok(door) => {
                let places = door.listen.iter().filter_map(|place| place.parse().ok());
                let places: Vec<SocketAddr> = places.collect();
                plan.conflicts.extend(conflict((server, &places), &taken));
                taken.extend(places.into_iter().map(|place| (server, place)));
                plan.doors.push(door);
            }
            Err(reason) => {
                let place = (server.section.as_str(), server.line);
                plan.report.add(Heading::NotTaken, place, reason);
            }
        }
    }
}

fn one(server: &Server, around: &Around<'_>, plan: &mut Plan) -> Result<DoorPlan, String> {
    plugins(server, plan)?;
    leads_home(server, plan)?;
    let tls = tls(server, around)?;
    let place = (server.section.as_str(), server.line);
    let bound = Bound::of(server.address.as_deref());
    let all = bound.sockets(server.port);
    if bound == Bound::Unknown {
        plan.report.add_option(
            Heading::NotTaken,
            place,
            (
                "local_address",
                "it is no IP address; the door is bound to loopback".to_owned(),
            ),
        );
    }
    let (listen, formerly) = if bound.is_exposed() && tls == DoorTls::Off {
        plan.report.add_option(
            Heading::Unsafe,
            place,
            (
                "local_address",
                format!(
                    "it takes passwords in clear on {}; the door is bound to loopback. Clients on \
                     other machines need TLS (`certificate` and `tls`), or `listen` as the file \
                     shows it with `clear_beyond_loopback`",
                    bound.described()
                ),
            ),
        );
        (Bound::Loopback.sockets(server.port), all)
    } else {
        if bound.is_exposed() {
            let sentence = format!(
                "it listens on {}; where clients are on this machine only, listen on 127.0.0.1 \
                 and [::1]",
                bound.described()
            );
            let told = ("local_address", sentence);
            plan.report.add_option(Heading::Unsafe, place, told);
        }
        (all, Vec::new())
    };
    let door = DoorPlan {
        name: format!("{}-{}", server.protocol, server.port),
        protocol: server.protocol,
        listen,
        formerly,
        tls,
    };
    let sentence = format!("[gateway.{}] on {}", door.name, door.listen.join(" and "));
    plan.report.add(Heading::Taken, place, sentence);
    Ok(door)
}

/// Another section that listens where this one does: whoever comes second is not let.
fn conflict(
    (server, places): (&Server, &[SocketAddr]),
    taken: &[(&Server, SocketAddr)],
) -> Option<String> {
    let (other, at) = taken
        .iter()
        .find(|(_, taken)| places.iter().any(|place| is_one_place(*place, *taken)))?;
    Some(format!(
        "[{}] (line {}) listens at {at}, and so does [{}] (line {})",
        other.section, other.line, server.section, server.line
    ))
}

/// Whether nobody can listen at one while somebody listens at the other.
fn is_one_place(one: SocketAddr, other: SocketAddr) -> bool {
    let (one_ip, other_ip) = (one.ip(), other.ip());
    one.port() == other.port()
        && one.is_ipv4() == other.is_ipv4()
        && (one_ip == other_ip || one_ip.is_unspecified() || other_ip.is_unspecified())
}

/// A door leads to the server of each mailbox's cloud, wherever the file said.
fn leads_home(server: &Server, plan: &mut Plan) -> Result<(), String> {
    let host = &server.upstream_host;
    if origin::is_microsofts(host) {
        let clouds: Vec<&str> = plan
            .registrations
            .iter()
            .map(|one| one.cloud.as_str())
            .collect();
        if !clouds.is_empty() && !clouds.iter().any(|cloud| origin::is_of(host, cloud)) {
            let sentence = format!(
                "{host} is not of the cloud {}, in which its accounts sign in: a door leads to \
                 the server of each mailbox's cloud",
                clouds[0]
            );
            let place = (server.section.as_str(), server.line);
            let told = ("server_address", sentence);
            plan.report.add_option(Heading::NotTaken, place, told);
        }
        return Ok(());
    }
    let Some(cloud) = plan.clouds.first_mut() else {
        return Err(format!(
            "it leads to {host}, which is none of Microsoft 365: a door leads to the server of \
             each mailbox's cloud"
        ));
    };
    let wanted = HostPort {
        host: host.clone(),
        port: server.upstream_port,
    };
    let place = host_of(cloud, server.protocol);
    let known = place.get_or_insert_with(|| wanted.clone());
    if *known != wanted {
        return Err(format!(
            "it leads to {wanted}, and another one of the same protocol to {known}: a door leads \
             to the server of each mailbox's cloud, which has one"
        ));
    }
    let begins_clear = [25, 587].contains(&server.upstream_port);
    if server.protocol == Protocol::Smtp && begins_clear != server.upstream_starttls {
        let sentence = format!(
            "Gatepost uses STARTTLS on the ports 587 and 25 and TLS from the start on any other, \
             so also on {}",
            server.upstream_port
        );
        let place = (server.section.as_str(), server.line);
        let told = ("server_starttls", sentence);
        plan.report.add_option(Heading::NotTaken, place, told);
    }
    Ok(())
}

fn host_of(cloud: &mut CloudPlan, protocol: Protocol) -> &mut Option<HostPort> {
    match protocol {
        Protocol::Imap => &mut cloud.imap,
        Protocol::Pop => &mut cloud.pop3,
        Protocol::Smtp => &mut cloud.smtp,
    }
}

/// In a cloud that is not built in a mailbox is read and sends only where a host was named.
pub(super) fn settle_ways(plan: &mut Plan) {
    for mailbox in &mut plan.mailboxes {
        let mut registrations = plan.registrations.iter();
        let registration = registrations.find(|one| one.name == mailbox.registration);
        let name = registration.map(|one| one.cloud.as_str());
        let mut clouds = plan.clouds.iter_mut();
        let Some(cloud) = clouds.find(|cloud| Some(cloud.name.as_str()) == name) else {
            continue;
        };
        mailbox.sends &= cloud.smtp.is_some();
        mailbox.read = match (&cloud.imap, &cloud.pop3) {
            (None, Some(_)) => "pop3",
            (Some(_), None) => "imap",
            (Some(_), Some(_)) => mailbox.read,
            (None, None) => {
                // No account came in by either: whatever is said here is a guess.
                let host = cloud.smtp.as_ref().map(|smtp| smtp.host.clone());
                let imap = HostPort {
                    host: host.unwrap_or_else(|| "localhost".to_owned()),
                    port: 993,
                };
                let sentence = format!(
                    "no server of the file tells where mailboxes of [cloud.{}] are read; imap = \
                     \"{imap}\" is a guess",
                    cloud.name
                );
                plan.report.add_general(Heading::Next, sentence);
                cloud.imap = Some(imap);
                "imap"
            }
        };
    }
}

/// Plugins change what passes, which a door of Gatepost's never does.
fn plugins(server: &Server, plan: &mut Plan) -> Result<(), String> {
    for name in &server.plugins {
        let Some((_, sentence)) = HARMLESS.iter().find(|(known, _)| known == name) else {
            return Err(format!(
                "its plugin {name} changes what passes, or keeps it back, and a door of Gatepost's \
                 looks into nothing: whether it is needed is for you to say; then write the door \
                 by hand"
            ));
        };
        let place = (server.section.as_str(), server.line);
        let told = ("plugins", format!("{name}: {sentence}"));
        plan.report.add_option(Heading::NotTaken, place, told);
    }
    Ok(())
}

fn tls(server: &Server, around: &Around<'_>) -> Result<DoorTls, String> {
    match &server.tls {
        LocalTls::Clear => Ok(DoorTls::Off),
        LocalTls::Implicit { certificate, key } => around
            .certificate(certificate, key)
            .map(|(certificate, key)| DoorTls::Implicit(certificate, key)),
        LocalTls::StartTls { certificate, key } => around
            .certificate(certificate, key)
            .map(|(certificate, key)| DoorTls::StartTls(certificate, key)),
    }
}

/// What a port is bound to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bound {
    /// Every interface, as without `local_address`.
    Everywhere,
    /// Every interface, of IPv4 only.
    EverywhereIpv4,
    /// One address.
    At(IpAddr),
    /// This machine only.
    Loopback,
    /// A name, which is not looked up here.
    Unknown,
}

impl Bound {
    fn of(written: Option<&str>) -> Self {
        let Some(text) = written else {
            return Self::Everywhere;
        };
        if text.eq_ignore_ascii_case("localhost") {
            return Self::Loopback;
        }
        match text.trim_matches(['[', ']']).parse::<IpAddr>() {
            Ok(IpAddr::V6(address)) if address.is_unspecified() => Self::Everywhere,
            Ok(IpAddr::V4(address)) if address.is_unspecified() => Self::EverywhereIpv4,
            Ok(address) => Self::At(address),
            Err(_) => Self::Unknown,
        }
    }

    fn is_exposed(self) -> bool {
        match self {
            Self::Everywhere | Self::EverywhereIpv4 => true,
            Self::At(address) => !address.is_loopback(),
            Self::Loopback | Self::Unknown => false,
        }
    }

    fn described(self) -> String {
        match self {
            Self::Everywhere => {
                "all interfaces, which is what a missing line or :: means".to_owned()
            }
            Self::EverywhereIpv4 => "all interfaces".to_owned(),
            Self::At(address) => address.to_string(),
            Self::Loopback | Self::Unknown => "loopback".to_owned(),
        }
    }

    fn sockets(self, port: u16) -> Vec<String> {
        match self {
            Self::Everywhere => vec![format!("0.0.0.0:{port}"), format!("[::]:{port}")],
            Self::EverywhereIpv4 => vec![format!("0.0.0.0:{port}")],
            Self::At(address) => vec![SocketAddr::new(address, port).to_string()],
            Self::Loopback | Self::Unknown => {
                vec![format!("127.0.0.1:{port}"), format!("[::1]:{port}")]
            }
        }
    }
}

/// Plugins without which everything goes on, and what is different then.
const HARMLESS: &[(&str, &str)] = &[
    (
        "IMAPIgnoreSentMessageUpload",
        "Gatepost passes the client's copy of a sent message on; Exchange keeps one of its own, so \
         switch the client's off",
    ),
    (
        "IMAPCleanO365ATPLinks",
        "Gatepost passes messages on as they are, with rewritten links",
    ),
];
