//! Bad configurations with the sentences they earn, and good ones with what they mean.
//!
//! Each file in `tests/config/bad` has a configuration above the rule and the message below it.
//! `GATEPOST_UPDATE_GOLDEN=1` writes the messages anew: read the difference before you commit it.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use gatepost::config::{
    self, After, Begin, DoorCertificate, DoorTls, DoorUpstream, GrantSettings, ListenAt,
    ProofSource, SinkTarget, StreamTarget,
};
use gatepost_fault::{Exit, Fault as _};
use gatepost_gateway::Protocol;
use gatepost_host::{SecretSource, environment};
use gatepost_store::KeySource;

#[test]
fn every_bad_configuration_gets_its_sentence() {
    let update = environment::text("GATEPOST_UPDATE_GOLDEN").is_some();
    let mut wrong = Vec::new();
    for (name, golden) in goldens() {
        let (typed, expected) = golden
            .split_once(RULE)
            .expect("every golden file has a rule");
        let folder = folder_with(typed);
        let file = folder.path().join("gatepost.toml");
        let error = config::load(&file).expect_err(&name);
        assert_eq!(error.exit(), Exit::Configuration, "{name}");
        let said = error
            .to_string()
            .replace(&format!("{}/", folder.path().display()), "");
        let codes: Vec<_> = error
            .problems()
            .iter()
            .map(|problem| problem.code)
            .collect();
        let said = format!("{said}\n\n[{}]\n", codes.join(", "));
        if said != expected {
            wrong.push(format!("--- {name}\n{said}"));
        }
        if update {
            let path = Path::new(BAD).join(&name);
            std::fs::write(path, format!("{typed}{RULE}{said}")).expect("a writable golden file");
        }
    }
    assert!(
        wrong.is_empty() || update,
        "these say something else:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn no_golden_shows_a_secret() {
    for (name, golden) in goldens() {
        let (_, expected) = golden
            .split_once(RULE)
            .expect("every golden file has a rule");
        assert!(
            !expected.contains("hunter2"),
            "{name} repeats the secret that was typed in"
        );
    }
}

#[test]
fn a_whole_configuration_means_what_it_says() {
    let folder = folder_with(GOOD);
    let config = config::load(&folder.path().join("gatepost.toml")).expect("it is good");
    assert_eq!(config.state.path(), folder.path().join("state"));
    assert_eq!(config.key, KeySource::StateFolder);
    let registration = &config.registrations["contoso"];
    let imap = registration.cloud.imap.as_ref().expect("it is named");
    assert_eq!(imap.to_string(), "localhost:1993");
    assert_eq!(
        registration.proof,
        ProofSource::Secret(SecretSource::File(folder.path().join("private.txt")))
    );
    let shared = &config.mailboxes["office@contoso.com"];
    assert_eq!(
        shared.grant,
        GrantSettings::AuthorizationCode {
            person: "ada@contoso.com".to_owned()
        }
    );
    let watch = &config.watches[0];
    assert_eq!(
        (watch.mailbox.as_str(), watch.folder.as_str()),
        ("support@contoso.com", "INBOX")
    );
    assert_eq!(watch.sinks, ["copies", "tickets"]);
    assert_eq!(watch.from, Begin::Beginning);
    assert_eq!(watch.after, Some(After::MoveTo("Done".to_owned())));
    assert_eq!(watch.poll, Duration::from_mins(2));
    let SinkTarget::Webhook(webhook) = &config.sinks["tickets"].target else {
        panic!("tickets is a webhook");
    };
    let allowed: Vec<_> = webhook.allow.keys().collect();
    assert_eq!(allowed, ["10.1.0.0/16", "127.0.0.1"]);
}

#[test]
fn doors_and_logins_mean_what_they_say() {
    let config = loaded(GATEWAY);
    let doors = &config.gateway.doors;
    let imap = &doors["imap"];
    assert_eq!((imap.protocol, imap.tls), (Protocol::Imap, DoorTls::Off));
    assert_eq!(imap.listen, [at("127.0.0.1:1143"), at("[::1]:1143")]);
    assert_eq!(imap.upstream, DoorUpstream::Native);
    assert_eq!((imap.connections, imap.connections_per_address), (2000, 50));
    assert_eq!(imap.idle, Duration::from_mins(30));
    let reports = &doors["reports"];
    assert_eq!(reports.protocol, Protocol::Pop3);
    assert_eq!(reports.listen, [ListenAt::Systemd("reports".to_owned())]);
    assert_eq!(reports.certificate, Some(DoorCertificate::SelfSigned));
    let smtp = &doors["smtp"];
    assert!(smtp.clear_beyond_loopback && !imap.clear_beyond_loopback);
    let spool = DoorUpstream::Spool { rewrite_from: true };
    assert_eq!(smtp.upstream, spool);
    assert_eq!((smtp.connections, smtp.connections_per_address), (20, 20));
    assert_eq!(smtp.proxies, ["10.0.0.5".parse().expect("a network")]);
    assert_eq!(smtp.without_login[0].mailbox, "support@contoso.com");
    let printer = &config.gateway.logins["printer3"];
    assert_eq!(printer.mailbox, "support@contoso.com");
    assert_eq!(printer.senders, ["sales@contoso.com", "*@contoso.com"]);
    assert_eq!(config.gateway.domains["fabrikam.com"], "one");
    let lockout = config.gateway.lockout;
    assert_eq!(
        (lockout.failures, lockout.within),
        (3, Duration::from_mins(10))
    );
    assert_eq!(lockout.lasts, Duration::from_hours(1));
}

fn at(place: &str) -> ListenAt {
    ListenAt::Address(place.parse().expect("an address and a port"))
}

#[test]
fn the_checked_in_schema_is_the_generated_one() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/gatepost.schema.json");
    let checked_in = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        checked_in == config::schema(),
        "run: cargo run -- config schema > docs/gatepost.schema.json"
    );
}

#[test]
fn the_example_is_good_and_leaves_no_key_out() {
    let example = std::fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../docs/config.example.toml"
    ));
    let example = example.expect("the example is part of the source");
    let folder = folder_with(&example);
    let key = rcgen::KeyPair::generate().expect("a key");
    let parameters = rcgen::CertificateParams::new([]).expect("no names");
    let certificate = parameters.self_signed(&key).expect("a certificate").pem();
    for name in [
        "app.key",
        "webhook.secret",
        "webhook.secret.old",
        "app.pem",
        "app.old.pem",
        "workload.token",
        "scanner.password",
        "lab-authority.pem",
        "door.pem",
        "door.key",
    ] {
        std::fs::write(folder.path().join(name), &certificate).expect("a writable folder");
        let private = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(folder.path().join(name), private).expect("our file");
    }
    let config = config::load(&folder.path().join("gatepost.toml"));
    config.unwrap_or_else(|error| panic!("{error}"));
    let schema: serde_json::Value = serde_json::from_str(&config::schema()).expect("JSON");
    let mut keys = BTreeSet::new();
    collect_keys(&schema, &mut keys);
    let missing: Vec<_> = keys
        .iter()
        .filter(|key| !example.contains(key.as_str()))
        .collect();
    assert!(missing.is_empty(), "the example leaves out {missing:?}");
}

#[test]
fn two_clouds_on_one_host_share_no_sign_in() {
    let config = loaded(
        "[cloud.one]\nlogin = \"https://localhost:8443\"\nimap = \"localhost:993\"\n\
         [cloud.two]\nlogin = \"https://localhost:9443\"\nimap = \"localhost:993\"\n\
         [registration.one]\ncloud = \"one\"\ntenant = \"contoso.com\"\nclient_id = \"bcdb5ae8-1ab8-47c3-b0b2-6756048e2ddc\"\n\
         [registration.two]\ncloud = \"two\"\ntenant = \"contoso.com\"\nclient_id = \"bcdb5ae8-1ab8-47c3-b0b2-6756048e2ddc\"\n\
         [mailbox.\"a@contoso.com\"]\nregistration = \"one\"\ngrant = \"authorization_code\"\nsign_in_as = \"ada@contoso.com\"\n\
         [mailbox.\"b@contoso.com\"]\nregistration = \"two\"\ngrant = \"authorization_code\"\nsign_in_as = \"ada@contoso.com\"\n",
    );
    let id = |name: &str| gatepost::compose::credential_id(&config, &config.mailboxes[name]);
    assert_ne!(id("a@contoso.com"), id("b@contoso.com"));
}

#[test]
fn a_cloud_needs_no_host_that_nobody_asks() {
    loaded(
        "[cloud.lab]\nlogin = \"https://localhost:8443\"\n\
         [registration.lab]\ncloud = \"lab\"\ntenant = \"contoso.com\"\nclient_id = \"bcdb5ae8-1ab8-47c3-b0b2-6756048e2ddc\"\n\
         [registration.one]\ntenant = \"contoso.com\"\nclient_id = \"bcdb5ae8-1ab8-47c3-b0b2-6756048e2ddc\"\n\
         [mailbox.\"a@contoso.com\"]\nregistration = \"one\"\ngrant = \"authorization_code\"\nsend = \"smtp\"\n",
    );
}

#[test]
fn every_transport_can_be_configured() {
    for transport in gatepost_mail::TRANSPORTS {
        let keys = [
            ("read", transport.direction.reads()),
            ("send", transport.direction.sends()),
        ];
        for (key, _) in keys.into_iter().filter(|(_, is_able)| *is_able) {
            loaded(&format!(
                "[registration.one]\ntenant = \"contoso.com\"\nclient_id = \"bcdb5ae8-1ab8-47c3-b0b2-6756048e2ddc\"\n\
                 [mailbox.\"a@contoso.com\"]\nregistration = \"one\"\ngrant = \"authorization_code\"\n{key} = \"{}\"\n",
                transport.name
            ));
        }
    }
}

#[test]
fn a_path_may_begin_at_home() {
    let home = environment::path("HOME").expect("there is a home");
    let config =
        loaded("state = \"~/gatepost-state\"\n[sink.lines]\nkind = \"stream\"\nfile = \"~x/~\"\n");
    assert_eq!(config.state.path(), home.join("gatepost-state"));
    let SinkTarget::Stream(stream) = &config.sinks["lines"].target else {
        panic!("lines is a stream");
    };
    let StreamTarget::File(file) = &stream.target else {
        panic!("it is a file");
    };
    assert!(
        file.ends_with("~x/~") && file.is_absolute(),
        "{}",
        file.display()
    );
}

#[test]
fn an_address_beyond_ascii_is_the_same_in_either_case() {
    let config = loaded(
        "[registration.one]\ntenant = \"contoso.com\"\nclient_id = \"bcdb5ae8-1ab8-47c3-b0b2-6756048e2ddc\"\n\
         [mailbox.\"J\u{dc}rgen@contoso.com\"]\nregistration = \"one\"\ngrant = \"authorization_code\"\n\
         [sink.lines]\nkind = \"stream\"\n\
         [[watch]]\nmailbox = \"J\u{dc}RGEN@contoso.com\"\nsinks = [\"lines\"]\n",
    );
    for watch in &config.watches {
        assert!(
            config.mailboxes.contains_key(&watch.mailbox),
            "{}",
            watch.mailbox
        );
    }
}

#[test]
fn the_shortest_useful_configuration_is_good() {
    let folder = folder_with(SHORTEST);
    let config = config::load(&folder.path().join("gatepost.toml"));
    config.unwrap_or_else(|error| panic!("{error}"));
}

/// The names of all properties in a JSON Schema.
fn collect_keys(schema: &serde_json::Value, keys: &mut BTreeSet<String>) {
    if let Some(properties) = schema.get("properties").and_then(|value| value.as_object()) {
        keys.extend(properties.keys().cloned());
    }
    let inner = schema
        .as_object()
        .into_iter()
        .flat_map(|object| object.values());
    let items = schema.as_array().into_iter().flatten();
    inner
        .chain(items)
        .for_each(|schema| collect_keys(schema, keys));
}

fn loaded(text: &str) -> config::Config {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("gatepost.toml");
    std::fs::write(&file, text).expect("a writable folder");
    config::load(&file).expect("a good configuration")
}

/// Every golden file by name, in the order of the names.
fn goldens() -> Vec<(String, String)> {
    let entries = std::fs::read_dir(BAD).expect("the folder of golden files");
    let mut goldens: Vec<_> = entries
        .map(|entry| {
            let entry = entry.expect("a readable folder");
            let name = entry.file_name().to_string_lossy().into_owned();
            (
                name,
                std::fs::read_to_string(entry.path()).expect("a readable golden file"),
            )
        })
        .collect();
    goldens.sort();
    assert!(goldens.len() > 20, "the golden files are there");
    goldens
}

/// A folder with `gatepost.toml` and the files that the golden configurations name.
fn folder_with(config: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = |name: &str, content: &str, mode| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).expect("a writable folder");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("our file");
    };
    file("gatepost.toml", config, 0o644);
    file("private.txt", "x", 0o600);
    file("open.txt", "x", 0o644);
    folder
}

const BAD: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/config/bad");
const RULE: &str = "\n========\n";

const GOOD: &str = r#"
state = "state"

[cloud.lab]
login = "https://localhost:8443"
imap = "localhost:1993"

[registration.contoso]
cloud = "lab"
tenant = "contoso.onmicrosoft.com"
client_id = "BCDB5AE8-1ab8-47c3-b0b2-6756048e2ddc"
secret = { file = "private.txt" }

[mailbox."Support@contoso.com"]
registration = "contoso"
grant = "client_credentials"

[mailbox."office@contoso.com"]
registration = "contoso"
grant = "authorization_code"
sign_in_as = "Ada@contoso.com"

[sink.tickets]
kind = "webhook"
url = "http://localhost:3000/incoming"
secret = { env = "WEBHOOK_SECRET" }
allow = ["127.0.0.1", "10.1.0.0/16"]

[sink.copies]
kind = "maildir"
path = "copies"

[[watch]]
mailbox = "support@contoso.com"
folder = "Inbox"
sinks = ["tickets", "copies"]
from = "beginning"
after = { move_to = "Done" }
poll = "2m"
"#;

const SHORTEST: &str = r#"
[registration.contoso]
tenant = "contoso.onmicrosoft.com"
client_id = "bcdb5ae8-1ab8-47c3-b0b2-6756048e2ddc"
certificate = { file = "private.txt" }

[mailbox."support@contoso.com"]
registration = "contoso"
grant = "client_credentials"
read = "imap"
send = "smtp"

[sink.tickets]
kind = "webhook"
url = "http://localhost:3000/incoming"
secret = { file = "private.txt" }

[[watch]]
mailbox = "support@contoso.com"
folder = "INBOX"
sinks = ["tickets"]
"#;

const GATEWAY: &str = r#"
[registration.one]
tenant = "contoso.com"
client_id = "bcdb5ae8-1ab8-47c3-b0b2-6756048e2ddc"
secret = { env = "SECRET" }

[mailbox."Support@contoso.com"]
registration = "one"
grant = "client_credentials"
send = "graph"

[gateway.imap]
listen = ["127.0.0.1:1143", "[::1]:1143"]

[gateway.reports]
protocol = "pop3"
listen = "systemd:reports"
tls = "auto"
certificate = "self-signed"

[gateway.smtp]
listen = "0.0.0.0:1587"
clear_beyond_loopback = "this network is trusted"
upstream = "spool"
rewrite_from = true
connections = 20
proxy_protocol_from = ["10.0.0.5"]
without_login = [{ networks = ["192.168.7.0/24", "fd00::/8"], mailbox = "support@contoso.com" }]

[login.Printer3]
mailbox = "Support@contoso.com"
senders = ["Sales@contoso.com", "*@Contoso.com"]

[login."*@Fabrikam.com"]
registration = "one"

[lockout]
failures = 3
lasts = "1h"
"#;
