//! Sinks: paths made whole, programs and addresses looked at.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::Path;
use std::time::Duration;

use gatepost_host::Network;
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
            RawSink::Command(sink) => (check.parallel(sink.parallel.as_ref()), sink.ordering),
            RawSink::Webhook(sink) => (check.parallel(sink.parallel.as_ref()), sink.ordering),
            RawSink::Maildir(_) => (MAILDIR_AT_ONCE, None),
            RawSink::Stream(_) => (NonZeroUsize::MIN, None),
        };
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
        let at = match sink {
            RawSink::Command(sink) => sink.run.span(),
            RawSink::Maildir(_) | RawSink::Stream(_) | RawSink::Webhook(_) => name.span(),
        };
        if let Some(target) = target {
            sinks.insert(
                name.to_string(),
                SinkSettings {
                    at: check.source.place(at),
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
    let secret = raw.secret.as_ref().map(|secret| check.secret(secret));
    let previous_secret = raw
        .previous_secret
        .as_ref()
        .map(|secret| check.secret(secret));
    let ca_file = raw
        .ca_file
        .as_ref()
        .map(|file| clouds::authorities(file, check));
    let mut allow = BTreeMap::new();
    for network in &raw.allow {
        let read = network.parse::<Network>();
        allow.extend(
            check
                .accept(network, read)
                .map(|read| (network.to_string(), read)),
        );
    }
    let url = check.accept(&raw.url, url(&raw.url))?;
    Some(WebhookSettings {
        url,
        secret,
        previous_secret,
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

/// Deliveries under way together share their syncs.
const MAILDIR_AT_ONCE: NonZeroUsize = const { NonZeroUsize::new(256).expect("256 is not zero") };
const COMMAND_TIMEOUT: Duration = Duration::from_mins(1);
