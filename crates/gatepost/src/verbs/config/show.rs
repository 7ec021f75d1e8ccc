//! A checked configuration as it is shown: what is left out filled in, secrets by their place.

mod gateway;

use gatepost_host::SecretSource;
use gatepost_mailroom::Ordering;
use gatepost_mailroom::outbox::BounceTo;
use gatepost_oauth::{EndpointVersion, PasswordFrom, Signing, WhichIdentity};
use gatepost_store::KeySource;
use serde_json::{Map, Value, json};

use crate::config::{
    After, Begin, Config, GrantSettings, LogFormat, MailboxSettings, ProofSource,
    RegistrationSettings, SinkSettings, SinkTarget, StreamTarget, TokenFileSettings, WatchSettings,
};

/// What `config` means, in the shape of the file.
pub(super) fn meaning(config: &Config) -> Value {
    let mut shown = json!({
        "file": config.file,
        "state": config.state.path(),
        "log": {
            "level": config.log.level,
            "format": match config.log.format { LogFormat::Text => "text", LogFormat::Json => "json" },
        },
        "limits": {
            "undelivered": config.limits.undelivered,
            "spool_mib": config.limits.spool / (1024 * 1024),
        },
    });
    shown["key"] = match &config.key {
        KeySource::StateFolder => json!({ "file": config.state.key() }),
        KeySource::Elsewhere(source) => secret(source),
    };
    shown["registration"] = by_name(&config.registrations, registration);
    shown["mailbox"] = by_name(&config.mailboxes, mailbox);
    shown["sink"] = by_name(&config.sinks, sink);
    if let Some(events) = &config.events {
        shown["events"] = json!({ "sinks": events.sinks, "kinds": events.kinds });
    }
    let outbox = &config.outbox;
    shown["outbox"] = json!({
        "unknown": outbox.on_unknown,
        "bounce": match outbox.bounce { BounceTo::Nobody => "nobody", BounceTo::Sender => "sender" },
        "give_up_hours": outbox.give_up_after.as_secs() / 3600,
        "messages_per_minute": outbox.limits.messages_per_minute,
        "connections": outbox.limits.connections,
        "recipients_per_day": outbox.limits.recipients_per_day,
        "recipients_per_message": outbox.limits.recipients_per_message,
    });
    for (key, named) in [("default", &outbox.default), ("local", &outbox.local)] {
        if let Some(named) = named {
            shown["outbox"][key] = json!(named);
        }
    }
    shown["gateway"] = gateway::doors(&config.gateway);
    shown["login"] = gateway::logins(&config.gateway);
    shown["lockout"] = gateway::lockout(&config.gateway);
    shown["watch"] = config.watches.iter().map(watch).collect();
    shown["token_file"] = config.token_files.iter().map(token_file).collect();
    shown
}

fn by_name<T>(things: &std::collections::BTreeMap<String, T>, show: impl Fn(&T) -> Value) -> Value {
    things
        .iter()
        .map(|(name, thing)| (name.clone(), show(thing)))
        .collect::<Map<_, _>>()
        .into()
}

fn registration(registration: &RegistrationSettings) -> Value {
    let cloud = &registration.cloud;
    let mut shown = json!({
        "cloud": { "name": cloud.name, "login": cloud.login },
        "tenant": registration.tenant.as_str(),
        "client_id": registration.client_id,
        "endpoint": match registration.endpoints {
            EndpointVersion::V2 => "v2",
            EndpointVersion::V1 => "v1",
        },
    });
    let hosts = [
        ("graph", cloud.graph.as_ref().map(ToString::to_string)),
        ("imap", cloud.imap.as_ref().map(ToString::to_string)),
        ("pop3", cloud.pop3.as_ref().map(ToString::to_string)),
        ("smtp", cloud.smtp.as_ref().map(ToString::to_string)),
    ];
    for (key, host) in hosts {
        let Some(host) = host else { continue };
        shown["cloud"][key] = json!(host);
    }
    if let Some(ca_file) = &registration.ca_file {
        shown["cloud"]["ca_file"] = json!(ca_file);
    }
    match &registration.proof {
        ProofSource::Public => {}
        ProofSource::Secret(source) => {
            shown["secret"] = secret(source);
            if let Some(end) = registration.secret_expires {
                shown["secret_expires"] = json!(end.strftime("%F").to_string());
            }
        }
        ProofSource::Certificate {
            certificate,
            private_key,
            password,
            previous,
            signing,
            at: _,
        } => {
            shown["certificate"] = secret(certificate);
            shown["signature"] = match signing {
                Signing::Ps256 => json!("PS256"),
                Signing::Rs256 => json!("RS256"),
            };
            if let Some(key) = private_key {
                shown["private_key"] = secret(key);
            }
            if let Some(password) = password {
                shown["private_key_password"] = secret(password);
            }
            if let Some(previous) = previous {
                shown["previous_certificate"] = secret(previous);
            }
        }
        ProofSource::Assertion(source) => shown["assertion"] = secret(source),
        ProofSource::FederatedIdentity(which) => shown["federated_identity"] = identity(which),
        ProofSource::Machine(which) => shown["managed_identity"] = identity(which),
    }
    shown
}

fn identity(which: &WhichIdentity) -> Value {
    match which {
        WhichIdentity::System => json!("system"),
        WhichIdentity::ClientId(id) => json!({ "client_id": id }),
        WhichIdentity::ObjectId(id) => json!({ "object_id": id }),
        WhichIdentity::ResourceId(id) => json!({ "resource_id": id }),
    }
}

fn mailbox(mailbox: &MailboxSettings) -> Value {
    let mut shown = json!({
        "registration": mailbox.registration,
        "read": mailbox.read.name(),
    });
    if let Some(send) = mailbox.send {
        shown["send"] = json!(send.name());
    }
    let also: Vec<&str> = mailbox.also.iter().map(|also| also.name()).collect();
    if !also.is_empty() {
        shown["also"] = json!(also);
    }
    if let Some(ask_for) = &mailbox.ask_for {
        let names: Vec<&str> = ask_for.iter().map(|way| way.name()).collect();
        shown["ask_for"] = json!(names);
    }
    shown["grant"] = json!(mailbox.grant.name());
    if let Some(person) = mailbox.grant.person() {
        shown["sign_in_as"] = json!(person);
    }
    if let GrantSettings::Password { password, .. } = &mailbox.grant {
        match password {
            PasswordFrom::Source(source) => shown["password"] = secret(source),
            PasswordFrom::SignIn => shown["keep_password"] = json!(true),
            PasswordFrom::Nowhere => shown["keep_password"] = json!(false),
        }
    }
    shown
}

fn sink(sink: &SinkSettings) -> Value {
    let seconds = |time: std::time::Duration| format!("{}s", time.as_secs());
    let mut shown = match &sink.target {
        SinkTarget::Command(command) => {
            let program = command.program.display().to_string();
            let run: Vec<_> = std::iter::once(&program)
                .chain(&command.arguments)
                .collect();
            json!({ "kind": "command", "run": run, "timeout": seconds(command.timeout) })
        }
        SinkTarget::Maildir(maildir) => json!({ "kind": "maildir", "path": maildir.path }),
        SinkTarget::Stream(stream) => match &stream.target {
            StreamTarget::StandardOutput => json!({ "kind": "stream" }),
            StreamTarget::File(file) => json!({ "kind": "stream", "file": file }),
        },
        SinkTarget::Webhook(webhook) => {
            let mut shown = json!({
                "kind": "webhook",
                "url": webhook.url,
                "allow": webhook.allow.keys().collect::<Vec<_>>(),
            });
            if let Some(source) = &webhook.secret {
                shown["secret"] = secret(source);
            }
            if let Some(source) = &webhook.previous_secret {
                shown["previous_secret"] = secret(source);
            }
            if let Some(ca_file) = &webhook.ca_file {
                shown["ca_file"] = json!(ca_file);
            }
            shown
        }
    };
    if matches!(sink.target, SinkTarget::Command(_) | SinkTarget::Webhook(_)) {
        shown["parallel"] = json!(sink.parallel);
        shown["ordering"] = match sink.ordering {
            Ordering::Parallel => json!("parallel"),
            Ordering::Strict => json!("strict"),
        };
    }
    shown
}

fn watch(watch: &WatchSettings) -> Value {
    let mut shown = json!({
        "mailbox": watch.mailbox,
        "folder": watch.folder,
        "sinks": watch.sinks,
        "from": match &watch.from {
            Begin::Now => "now".to_owned(),
            Begin::Beginning => "beginning".to_owned(),
            Begin::Time(time) => time.to_string(),
        },
        "poll": format!("{}s", watch.poll.as_secs()),
        "stalled_after": format!("{}s", watch.stalled_after.as_secs()),
    });
    match &watch.after {
        None => {}
        Some(After::MarkRead) => shown["after"] = json!("mark_read"),
        Some(After::MoveTo(folder)) => shown["after"] = json!({ "move_to": folder }),
        Some(After::Delete) => shown["after"] = json!("delete"),
    }
    shown
}

fn token_file(file: &TokenFileSettings) -> Value {
    json!({
        "mailbox": file.mailbox,
        "path": file.path,
        "for": file.purpose,
        "format": file.form,
        "readable_by": file.readers,
    })
}

fn secret(source: &SecretSource) -> Value {
    match source {
        SecretSource::Env(name) => json!({ "env": name }),
        SecretSource::File(path) => json!({ "file": path }),
        SecretSource::Command(words) => json!({ "command": words }),
        SecretSource::Systemd(name) => json!({ "systemd": name }),
        SecretSource::Keyring(name) => json!({ "keyring": name }),
    }
}
