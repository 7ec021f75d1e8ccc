//! Sinks, and the routes that lead to them.

use std::sync::Arc;

use gatepost_host::{Chance, Clock};
use gatepost_mailroom::sinks::command::{Command, CommandSettings};
use gatepost_mailroom::sinks::maildir::Maildir;
use gatepost_mailroom::{Route, Sink, SinkName};
use gatepost_store::StateFolder;

use crate::compose::RoutedSink;
use crate::config::{SinkSettings, SinkTarget};
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
pub(super) fn sink(
    name: &str,
    settings: &SinkSettings,
    around: &Around<'_>,
) -> Result<RoutedSink, Failure> {
    let route = Route {
        ordering: settings.ordering,
        concurrency: settings.parallel,
        ..Route::to(SinkName(name.to_owned()))
    };
    let sink: Arc<dyn Sink> = match &settings.target {
        SinkTarget::Command(command) => {
            let settings = CommandSettings {
                program: command.program.clone(),
                arguments: command.arguments.clone(),
                time_limit: command.timeout,
                scratch: around.state.path().join("handover"),
            };
            Arc::new(Command::new(
                settings,
                around.clock.clone(),
                around.chance.clone(),
            )?)
        }
        SinkTarget::Maildir(maildir) => Arc::new(Maildir::open(&maildir.path)?),
        SinkTarget::Stream(_) | SinkTarget::Webhook(_) => {
            return Err(crate::usage::UsageError::Argument {
                argument: format!("[sink.{name}]"),
                reason: "this kind of sink is not built into this program".to_owned(),
            }
            .into());
        }
    };
    Ok((route, sink))
}
