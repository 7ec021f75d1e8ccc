//! Sinks, and the routes that lead to them.

use std::sync::Arc;

use gatepost_fault::{Fault, Next, Owner};
use gatepost_host::{Chance, Clock, SecretSource, Trust};
use gatepost_mailroom::sinks::command::{Command, CommandSettings};
use gatepost_mailroom::sinks::maildir::Maildir;
use gatepost_mailroom::sinks::stream::{Stream, StreamTarget};
use gatepost_mailroom::sinks::webhook::{self, SigningSecret, Webhook};
use gatepost_mailroom::{ReportTo, Route, Sink, SinkName};
use gatepost_store::StateFolder;

use crate::compose::RoutedSink;
use crate::config::{self, EventSettings, SinkSettings, SinkTarget, WebhookSettings};
use crate::failure::Failure;

/// What sinks are made with.
pub(super) struct Around<'a> {
    /// The time.
    pub(super) clock: &'a Clock,
    /// The dice.
    pub(super) chance: &'a Chance,
    /// Where files are kept while they are handed over.
    pub(super) state: &'a StateFolder,
}

/// The sink that `settings` describe, and how deliveries go there.
pub(super) async fn sink(
    name: &str,
    settings: &SinkSettings,
    around: &Around<'_>,
) -> Result<RoutedSink, Failure> {
    let route = Route {
        ordering: settings.ordering,
        concurrency: settings.parallel,
        ..Route::to(SinkName(name.to_owned()))
    };
    let clock = around.clock.clone();
    let sink: Arc<dyn Sink> = match &settings.target {
        SinkTarget::Command(command) => {
            let settings = CommandSettings {
                program: command.program.clone(),
                arguments: command.arguments.clone(),
                time_limit: command.timeout,
                scratch: around.state.path().join("handover"),
            };
            Arc::new(Command::new(settings, clock, around.chance.clone())?)
        }
        SinkTarget::Maildir(maildir) => Arc::new(Maildir::open(&maildir.path)?),
        SinkTarget::Stream(stream) => Arc::new(Stream::new(match &stream.target {
            config::StreamTarget::StandardOutput => StreamTarget::Stdout,
            config::StreamTarget::File(file) => StreamTarget::File(file.clone()),
        })),
        SinkTarget::Webhook(settings) => Arc::new(Webhook::new(
            receiver(name, settings, &clock).await?,
            clock,
        )?),
    };
    Ok((route, sink))
}

/// Where the mailroom's own events go.
pub(super) fn reports(settings: &EventSettings) -> ReportTo {
    let sinks = settings.sinks.iter().cloned().map(SinkName).collect();
    ReportTo::only(sinks, settings.kinds.iter().copied())
}

/// Fetches what `settings` name as signing secrets, and forgets them.
pub(super) async fn fetch_secrets(
    name: &str,
    settings: &SinkSettings,
    clock: &Clock,
) -> Result<(), Failure> {
    if let SinkTarget::Webhook(settings) = &settings.target {
        signing_secrets(name, settings, clock).await?;
    }
    Ok(())
}

async fn receiver(
    name: &str,
    settings: &WebhookSettings,
    clock: &Clock,
) -> Result<webhook::WebhookSettings, Failure> {
    Ok(webhook::WebhookSettings {
        url: settings.url.clone(),
        secrets: signing_secrets(name, settings, clock).await?,
        allow: settings.allow.values().copied().collect(),
        trust: match &settings.ca_file {
            Some(file) => Trust::with_authority(file)?,
            None => Trust::system(),
        },
    })
}

async fn signing_secrets(
    name: &str,
    settings: &WebhookSettings,
    clock: &Clock,
) -> Result<Vec<SigningSecret>, Failure> {
    let mut secrets = Vec::new();
    for source in settings.secret.iter().chain(&settings.previous_secret) {
        secrets.push(signing_secret(name, source, clock).await?);
    }
    Ok(secrets)
}

async fn signing_secret(
    name: &str,
    source: &SecretSource,
    clock: &Clock,
) -> Result<SigningSecret, Failure> {
    let text = source
        .fetch(clock, &format!("the signing secret of sink {name}"))
        .await?;
    Ok(SigningSecret::parse(&text).map_err(|source| SinkError {
        sink: name.to_owned(),
        source,
    })?)
}

/// A sink cannot be made as the configuration describes it.
#[derive(Debug, thiserror::Error)]
#[error("sink {sink}: {source}")]
pub struct SinkError {
    sink: String,
    source: webhook::SecretError,
}

impl SinkError {
    /// Every code this error answers.
    pub const CODES: &'static [&'static str] = &["webhook_secret_unusable"];
}

impl Fault for SinkError {
    fn code(&self) -> &'static str {
        "webhook_secret_unusable"
    }

    fn owner(&self) -> Owner {
        Owner::Operator
    }

    fn next(&self) -> Next {
        Next::Reconfigure
    }
}
