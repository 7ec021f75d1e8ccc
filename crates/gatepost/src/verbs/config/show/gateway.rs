//! The gateway as it is shown.

use gatepost_host::Network;
use serde_json::{Map, Value, json};

use crate::config::{
    DoorCertificate, DoorSettings, DoorTls, DoorUpstream, GatewaySettings, ListenAt,
};

/// The doors by name.
pub(super) fn doors(gateway: &GatewaySettings) -> Value {
    super::by_name(&gateway.doors, door)
}

/// The login names, those of whole domains among them.
pub(super) fn logins(gateway: &GatewaySettings) -> Value {
    let named = gateway.logins.iter().map(|(name, login)| {
        let shown = json!({ "mailbox": login.mailbox, "senders": login.senders });
        (name.clone(), shown)
    });
    let domains = gateway.domains.iter().map(|(domain, registration)| {
        let shown = json!({ "registration": registration, "grant": "client_credentials" });
        (format!("*@{domain}"), shown)
    });
    named.chain(domains).collect::<Map<_, _>>().into()
}

/// When logins are not looked at any more.
pub(super) fn lockout(gateway: &GatewaySettings) -> Value {
    json!({
        "failures": gateway.lockout.failures,
        "within": format!("{}s", gateway.lockout.within.as_secs()),
        "lasts": format!("{}s", gateway.lockout.lasts.as_secs()),
    })
}

fn door(door: &DoorSettings) -> Value {
    let listen: Vec<String> = door
        .listen
        .iter()
        .map(|place| match place {
            ListenAt::Address(address) => address.to_string(),
            ListenAt::Systemd(name) => format!("systemd:{name}"),
        })
        .collect();
    let mut shown = json!({
        "protocol": door.protocol.name(),
        "listen": listen,
        "tls": match door.tls {
            DoorTls::Off => "off",
            DoorTls::StartTls => "starttls",
            DoorTls::Implicit => "implicit",
            DoorTls::Auto => "auto",
        },
        "connections": door.connections,
        "connections_per_address": door.connections_per_address,
        "idle": format!("{}s", door.idle.as_secs()),
    });
    match &door.certificate {
        None => {}
        Some(DoorCertificate::SelfSigned) => shown["certificate"] = json!("self-signed"),
        Some(DoorCertificate::Files { certificate, key }) => {
            shown["certificate"] = json!({ "file": certificate, "key": key });
        }
    }
    if door.clear_beyond_loopback {
        shown["clear_beyond_loopback"] = json!("this network is trusted");
    }
    if !door.proxies.is_empty() {
        shown["proxy_protocol_from"] = texts(&door.proxies);
    }
    match door.upstream {
        DoorUpstream::Native => shown["upstream"] = json!("native"),
        DoorUpstream::Spool { rewrite_from } => {
            shown["upstream"] = json!("spool");
            shown["rewrite_from"] = json!(rewrite_from);
        }
    }
    if !door.without_login.is_empty() {
        let devices = door.without_login.iter().map(
            |devices| json!({ "networks": texts(&devices.networks), "mailbox": devices.mailbox }),
        );
        shown["without_login"] = devices.collect();
    }
    shown
}

fn texts(networks: &[Network]) -> Value {
    networks.iter().map(ToString::to_string).collect()
}
