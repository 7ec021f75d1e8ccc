//! Sinks, and the routes that lead to them.

use std::sync::Arc;

use gatepost_fault::{Fault, Next, Owner};
use gatepost_host::{Chance, Clock, Trust};
use gatepost_mailroom::sinks::command::{Command, CommandSettings};
use gatepost_mailroom::sinks::maildir::Maildir;
use gatepost_mailroom::sinks::stream::{Stream, StreamTarget};
use gatepost_mailroom::sinks::webhook::{self, SigningSecret, Webhook};
use gatepost_mailroom::{ReportTo, Route, Sink, SinkName};
use gatepost_store::StateFolder;
use secrecy::{ExposeSecret, SecretString};

use super::reach;
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

/// A sink, how deliveries go there, and what both were made of.
#[derive(Debug, Clone)]
pub struct RoutedSink {
    /// How deliveries go there.
    pub route: Route,
    /// The sink.
    pub sink: Arc<dyn Sink>,
    /// What it was made of.
    pub made_of: MadeOf,
}

/// What a sink was made of. One that was made of the same is the same.
#[derive(Debug, Clone)]
pub struct MadeOf {
    settings: SinkSettings,
    report_to: ReportTo,
    secrets: Vec<SecretString>,
    authority: Option<Vec<u8>>,
}

impl PartialEq for MadeOf {
    fn eq(&self, other: &Self) -> bool {
        let (ours, theirs) = (self.secrets.iter(), other.secrets.iter());
        self.settings == other.settings
            && self.report_to == other.report_to
            && self.authority == other.authority
            && ours
                .map(ExposeSecret::expose_secret)
                .eq(theirs.map(ExposeSecret::expose_secret))
    }
}

/// The sink that `settings` describe, and how deliveries go there; the one of `before` if that was
/// made of the same.
pub(super) async fn sink(
    (name, settings): (&str, &SinkSettings),
    report_to: &ReportTo,
    (around, before): (&Around<'_>, Option<&RoutedSink>),
) -> Result<RoutedSink, Failure> {
    let made_of = MadeOf {
        report_to: report_to.clone(),
        ..made_of(name, settings, around.clock).await?
    };
    if let Some(before) = before
        && before.made_of == made_of
    {
        return Ok(before.clone());
    }
    let route = Route {
        ordering: settings.ordering,
        concurrency: settings.parallel,
        report_to: report_to.clone(),
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
            receiver(name, settings, &made_of.secrets)?,
            clock,
        )?),
    };
    Ok(RoutedSink {
        route,
        sink,
        made_of,
    })
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
    let made_of = made_of(name, settings, clock).await?;
    if let SinkTarget::Webhook(settings) = &settings.target {
        receiver(name, settings, &made_of.secrets)?;
    }
    Ok(())
}

async fn made_of(name: &str, settings: &SinkSettings, clock: &Clock) -> Result<MadeOf, Failure> {
    let mut secrets = Vec::new();
    let mut authority = None;
    if let SinkTarget::Webhook(settings) = &settings.target {
        for source in settings.secret.iter().chain(&settings.previous_secret) {
            let what = format!("the signing secret of sink {name}");
            secrets.push(source.fetch(clock, &what).await?);
        }
        authority = reach::read(settings.ca_file.as_deref());
    }
    Ok(MadeOf {
        settings: settings.clone(),
        report_to: ReportTo::default(),
        secrets,
        authority,
    })
}

fn receiver(
    name: &str,
    settings: &WebhookSettings,
    secrets: &[SecretString],
) -> Result<webhook::WebhookSettings, Failure> {
    let secrets = secrets.iter().map(|text| {
        SigningSecret::parse(text).map_err(|source| SinkError {
            sink: name.to_owned(),
            source,
        })
    });
    Ok(webhook::WebhookSettings {
        url: settings.url.clone(),
        secrets: secrets.collect::<Result<_, _>>()?,
        allow: settings.allow.values().copied().collect(),
        trust: match &settings.ca_file {
            Some(file) => Trust::with_authority(file)?,
            None => Trust::system(),
        },
    })
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
