//! Sinks: paths made whole, programs and addresses looked at.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use url::Url;

use super::{Check, clouds};
use crate::config::checked::{
    CommandSettings, MaildirSettings, SinkSettings, StreamSettings, StreamTarget, WebhookSettings,
};
use crate::config::raw::{Placed, RawCommand, RawMaildir, RawSink, RawStream, RawWebhook};

pub(super) fn check(
    raw: &BTreeMap<Placed<String>, RawSink>,
    check: &mut Check<'_>,
) -> BTreeMap<String, SinkSettings> {
    let mut sinks = BTreeMap::new();
    for (name, sink) in raw {
        let settings = match sink {
            RawSink::Command(sink) => command(sink, check).map(SinkSettings::Command),
            RawSink::Maildir(sink) => Some(SinkSettings::Maildir(maildir(sink, check))),
            RawSink::Stream(sink) => Some(SinkSettings::Stream(stream(sink, check))),
            RawSink::Webhook(sink) => webhook(sink, check).map(SinkSettings::Webhook),
        };
        if let Some(settings) = settings {
            sinks.insert(name.to_string(), settings);
        }
    }
    sinks
}

fn command(raw: &RawCommand, check: &mut Check<'_>) -> Option<CommandSettings> {
    let timeout = check.duration(raw.timeout.as_ref(), COMMAND_TIMEOUT);
    let parallel = check.parallel(raw.parallel.as_ref());
    let Some((program, arguments)) = raw.run.split_first() else {
        let sentence = "`run` names no program; write [\"PROGRAM\", \"ARGUMENT\", …]";
        check.report(&raw.run, "config_wrong_value", sentence);
        return None;
    };
    // A bare name is looked up in PATH when it runs; anything else is relative to the file.
    let program = if program.contains('/') {
        check.path(Path::new(program))
    } else {
        program.into()
    };
    Some(CommandSettings {
        program,
        arguments: arguments.to_vec(),
        timeout,
        parallel,
    })
}

fn maildir(raw: &RawMaildir, check: &mut Check<'_>) -> MaildirSettings {
    let path = check.path(&raw.path);
    if path.exists() && !path.is_dir() {
        let sentence = format!("{} is no folder", path.display());
        check.report(&raw.path, "config_wrong_value", sentence);
    } else if !path.parent().is_none_or(Path::is_dir) {
        let sentence = format!(
            "the folder above {} does not exist; make it, or correct the path",
            path.display()
        );
        check.report(&raw.path, "config_wrong_value", sentence);
    }
    MaildirSettings { path }
}

fn stream(raw: &RawStream, check: &Check<'_>) -> StreamSettings {
    let target = match &raw.file {
        None => StreamTarget::StandardOutput,
        Some(file) => StreamTarget::File(check.path(file)),
    };
    StreamSettings { target }
}

fn webhook(raw: &RawWebhook, check: &mut Check<'_>) -> Option<WebhookSettings> {
    let timeout = check.duration(raw.timeout.as_ref(), WEBHOOK_TIMEOUT);
    let parallel = check.parallel(raw.parallel.as_ref());
    let secret = raw.secret.as_ref().map(|secret| check.secret(secret));
    let ca_file = raw
        .ca_file
        .as_ref()
        .map(|file| clouds::authorities(file, check));
    let networks = raw.allow.iter().filter_map(|network| {
        let read = network_of(network);
        check.accept(network, read)
    });
    let allow = networks.collect();
    let url = check.accept(&raw.url, url(&raw.url))?;
    Some(WebhookSettings {
        url,
        secret,
        timeout,
        parallel,
        allow,
        ca_file,
    })
}

fn url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text)
        .map_err(|error| format!("this is no URL ({error}); write https://host/path"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!(
            "a webhook is posted to http or https, not to {}",
            url.scheme()
        ));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("a URL must hold no user and no password; webhooks are signed instead".into());
    }
    Ok(url)
}

/// Checks `address/bits` or a single address, and writes it with its bits.
fn network_of(text: &str) -> Result<String, String> {
    let wrong = || format!("`{text}` is no network; write it as 10.1.0.0/16 or 127.0.0.1/32");
    let (address, bits) = match text.split_once('/') {
        Some((address, bits)) => (address, Some(bits)),
        None => (text, None),
    };
    let address: IpAddr = address.parse().map_err(|_| wrong())?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    let bits: u8 = match bits {
        Some(bits) => bits.parse().map_err(|_| wrong())?,
        None => most,
    };
    if bits > most {
        Err(wrong())
    } else {
        Ok(format!("{address}/{bits}"))
    }
}

const COMMAND_TIMEOUT: Duration = Duration::from_mins(1);
/// The time Standard Webhooks 1.0.0 recommends at most is 30 seconds.
const WEBHOOK_TIMEOUT: Duration = Duration::from_secs(20);
