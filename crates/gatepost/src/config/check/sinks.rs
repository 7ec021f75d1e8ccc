//! Sinks: paths made whole, programs and addresses looked at.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use gatepost_mailroom::Ordering;
use url::Url;

use super::{Check, clouds};
use crate::config::checked::{
    CommandSettings, MaildirSettings, SinkSettings, SinkTarget, StreamSettings, StreamTarget,
    WebhookSettings,
};
use crate::config::raw::{
    Placed, RawCommand, RawMaildir, RawOrdering, RawSink, RawStream, RawWebhook,
};

pub(super) fn check(
    raw: &BTreeMap<Placed<String>, RawSink>,
    check: &mut Check<'_>,
) -> BTreeMap<String, SinkSettings> {
    let mut sinks = BTreeMap::new();
    for (name, sink) in raw {
        let (parallel, ordering) = match sink {
            RawSink::Command(sink) => (sink.parallel.as_ref(), sink.ordering),
            RawSink::Webhook(sink) => (sink.parallel.as_ref(), sink.ordering),
            // These write to a disk, one after the other.
            RawSink::Maildir(_) | RawSink::Stream(_) => (None, None),
        };
        let parallel = check.parallel(parallel);
        let ordering = match ordering {
            None | Some(RawOrdering::Parallel) => Ordering::Parallel,
            Some(RawOrdering::Strict) => Ordering::Strict,
        };
        let target = match sink {
            RawSink::Command(sink) => command(sink, check).map(SinkTarget::Command),
            RawSink::Maildir(sink) => Some(SinkTarget::Maildir(maildir(sink, check))),
            RawSink::Stream(sink) => Some(SinkTarget::Stream(stream(sink, check))),
            RawSink::Webhook(sink) => webhook(sink, check).map(SinkTarget::Webhook),
        };
        if let Some(target) = target {
            sinks.insert(
                name.to_string(),
                SinkSettings {
                    target,
                    ordering,
                    parallel,
                },
            );
        }
    }
    sinks
}

fn command(raw: &RawCommand, check: &mut Check<'_>) -> Option<CommandSettings> {
    let timeout = check.duration(raw.timeout.as_ref(), COMMAND_TIMEOUT);
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
