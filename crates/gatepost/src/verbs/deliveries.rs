//! `gatepost deliveries list|show|retry|discard`: what is on its way to the sinks.

use std::num::NonZeroUsize;

use gatepost_host::Clock;
use gatepost_mailroom::{
    Deliveries as _, Delivery, DeliveryFilter, DeliveryState, EventData, SinkName, SinkState,
    SinkStatus,
};
use gatepost_store::StateFolder;
use jiff::Timestamp;

use crate::cli::Settings;
use crate::compose::{Gatepost, Scope, compose};
use crate::config::{Config, advice};
use crate::control::{Answer, Question, ask};
use crate::failure::Failure;
use crate::screen::{self, Form};
use crate::usage::UsageError;
use crate::verbs::{configuration, named_mailbox, sinks};
use crate::{logging, runtime, times};

/// What `deliveries` takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    verb: DeliveriesVerb,
}

#[derive(Debug, clap::Subcommand)]
enum DeliveriesVerb {
    /// List deliveries, the newest first.
    List(ListArguments),
    /// Show one delivery; as JSON, with everything that is known of it.
    Show {
        /// Its number in the list.
        id: i64,
        #[command(flatten)]
        form: Form,
    },
    /// Try deliveries again at once, also those that gave up and those to a sink that was
    /// switched off.
    Retry {
        /// Their numbers in the list.
        #[arg(required = true)]
        ids: Vec<i64>,
    },
    /// Give deliveries up for good.
    Discard {
        /// Their numbers in the list.
        #[arg(required = true)]
        ids: Vec<i64>,
    },
}

#[derive(Debug, clap::Args)]
struct ListArguments {
    /// Only those in this state.
    #[arg(long, value_enum)]
    state: Option<State>,
    /// Only those to this sink.
    #[arg(long)]
    sink: Option<String>,
    /// Only those of this mailbox.
    #[arg(long)]
    mailbox: Option<String>,
    /// How many, the newest first.
    #[arg(long, default_value = "50", value_name = "NUMBER")]
    top: NonZeroUsize,
    #[command(flatten)]
    form: Form,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum State {
    /// Waiting for the next attempt.
    Pending,
    /// Being attempted.
    Claimed,
    /// Arrived.
    Done,
    /// Gave up.
    Dead,
    /// Discarded by a person.
    Discarded,
}

/// Lists, shows or changes deliveries.
pub fn run(arguments: &Arguments, settings: &Settings) -> Result<(), Failure> {
    let config = configuration(settings)?;
    logging::start_quietly(settings.verbose)?;
    let state = config.state.clone();
    let sinks = match &arguments.verb {
        DeliveriesVerb::List(arguments) if !arguments.form.is_json() => idle(&state)?,
        _ => Vec::new(),
    };
    runtime::briefly(async {
        let gatepost = compose(config, Scope::Store).await?;
        let done = act(&arguments.verb, &gatepost, &sinks).await;
        gatepost.end().await;
        done
    })?;
    if let DeliveriesVerb::Retry { .. } = arguments.verb {
        // The couriers of a running serve sleep until the next delivery that they know of, and
        // those of sinks that were switched off for minutes.
        ask(&state, &Question::Deliver)?;
    }
    Ok(())
}

/// The sinks that take nothing at present, if a `serve` runs that knows.
fn idle(state: &StateFolder) -> Result<Vec<SinkStatus>, Failure> {
    let asked = ask(state, &Question::Health)?;
    let Some(Answer::Health { mut sinks, .. }) = asked else {
        return Ok(Vec::new());
    };
    sinks.retain(|sink| sink.state != SinkState::Working);
    Ok(sinks)
}

async fn act(
    verb: &DeliveriesVerb,
    gatepost: &Gatepost,
    sinks: &[SinkStatus],
) -> Result<(), Failure> {
    let (store, now) = (&gatepost.store, gatepost.clock.now());
    match verb {
        DeliveriesVerb::List(arguments) => {
            let found = store.list(&filter(arguments)).await?;
            known(arguments, &found, &gatepost.config)?;
            list(arguments, &found, sinks)
        }
        DeliveriesVerb::Show { id, form } => match store.show(*id).await? {
            Some(delivery) if form.is_json() => screen::json(&delivery),
            Some(delivery) => show(&delivery, now),
            None => Err(UsageError::NoDelivery { id: *id }.into()),
        },
        DeliveriesVerb::Retry { ids } => {
            let count = store.retry(ids, now).await?;
            told(ids, (count, "due at once"))
        }
        DeliveriesVerb::Discard { ids } => {
            let count = store.discard(ids, now).await?;
            told(ids, (count, "discarded"))
        }
    }
}

fn filter(arguments: &ListArguments) -> DeliveryFilter {
    DeliveryFilter {
        state: arguments.state.map(|state| match state {
            State::Pending => DeliveryState::Pending,
            State::Claimed => DeliveryState::Claimed,
            State::Done => DeliveryState::Done,
            State::Dead => DeliveryState::Dead,
            State::Discarded => DeliveryState::Discarded,
        }),
        sink: arguments.sink.clone().map(SinkName),
        mailbox: arguments
            .mailbox
            .as_ref()
            .map(|mailbox| mailbox.to_lowercase()),
        event: None,
        limit: arguments.top.get(),
    }
}

/// Nothing found under a name that nothing has is a misspelt name.
fn known(arguments: &ListArguments, found: &[Delivery], config: &Config) -> Result<(), UsageError> {
    if !found.is_empty() {
        return Ok(());
    }
    if let Some(mailbox) = &arguments.mailbox {
        named_mailbox(config, mailbox)?;
    }
    match &arguments.sink {
        Some(sink) if !config.sinks.contains_key(sink) => Err(UsageError::UnknownSink {
            sink: sink.clone(),
            file: config.file.display().to_string(),
            advice: advice(sink, config.sinks.keys()),
        }),
        _ => Ok(()),
    }
}

fn list(
    arguments: &ListArguments,
    found: &[Delivery],
    sinks: &[SinkStatus],
) -> Result<(), Failure> {
    let now = Clock::system().now();
    let heads = [
        "ID", "STATE", "SINK", "MAILBOX", "WHAT", "TRIES", "NEXT", "WHY",
    ];
    arguments.form.list(found, heads, |delivery| {
        [
            delivery.id.to_string(),
            state(delivery.state).to_owned(),
            delivery.sink.to_string(),
            delivery.event.mailbox.clone(),
            screen::shortened(&what(delivery), MOST_OF_A_SUBJECT),
            delivery.attempts.to_string(),
            next(delivery, sinks, now),
            screen::shortened(
                delivery.reason.as_deref().unwrap_or_default(),
                MOST_OF_A_REASON,
            ),
        ]
    })?;
    if arguments.form.is_json() {
        return Ok(());
    }
    let listed = |sink: &&SinkStatus| found.iter().any(|delivery| delivery.sink == sink.sink);
    let idle: Vec<_> = sinks.iter().filter(listed).cloned().collect();
    sinks::tell(&idle, now)
}

/// Writes one delivery as people read it.
fn show(delivery: &Delivery, now: Timestamp) -> Result<(), Failure> {
    let seen = |at: Option<Timestamp>| at.map(|at| times::seen_from(now, at));
    let event = &delivery.event;
    let fields = [
        ("Delivery", Some(delivery.id.to_string())),
        ("Sink", Some(delivery.sink.to_string())),
        ("State", Some(state(delivery.state).to_owned())),
        ("Tries", Some(delivery.attempts.to_string())),
        ("First try", seen(delivery.first_attempt_at)),
        ("Next try", Some(next(delivery, &[], now))),
        ("Settled", seen(delivery.settled_at)),
        (
            "Event",
            Some(format!("{} ({})", event.id, event.kind.as_str())),
        ),
        ("Mailbox", Some(event.mailbox.clone())),
        ("Folder", event.folder.as_ref().map(ToString::to_string)),
        (
            "Subject",
            matches!(event.data, EventData::Message(_)).then(|| what(delivery)),
        ),
        ("Why", delivery.reason.clone()),
    ];
    for (name, value) in fields {
        screen::field(name, value.as_deref().unwrap_or_default())?;
    }
    Ok(())
}

fn state(state: DeliveryState) -> &'static str {
    match state {
        DeliveryState::Pending => "pending",
        DeliveryState::Claimed => "claimed",
        DeliveryState::Done => "done",
        DeliveryState::Dead => "dead",
        DeliveryState::Discarded => "discarded",
    }
}

fn what(delivery: &Delivery) -> String {
    match &delivery.event.data {
        EventData::Message(message) => message
            .envelope
            .subject
            .clone()
            .unwrap_or_else(|| "(no subject)".to_owned()),
        _ => delivery.event.kind.as_str().to_owned(),
    }
}

/// When a delivery is attempted next. A sink that takes nothing at present goes before its plan.
fn next(delivery: &Delivery, sinks: &[SinkStatus], now: Timestamp) -> String {
    if delivery.state != DeliveryState::Pending {
        return String::new();
    }
    let sink = sinks.iter().find(|sink| sink.sink == delivery.sink);
    let planned = delivery.next_attempt_at;
    match (sink.map(|sink| &sink.state), planned) {
        (Some(SinkState::SwitchedOff { .. }), _) => "sink is off".to_owned(),
        (Some(SinkState::Pausing { until, .. }), planned) => {
            times::ahead_of(now, planned.map_or(*until, |at| at.max(*until)))
        }
        (_, Some(at)) => times::ahead_of(now, at),
        (_, None) => String::new(),
    }
}

fn told(ids: &[i64], (count, what): (usize, &str)) -> Result<(), Failure> {
    if count == 0 {
        return Err(UsageError::NothingOpen { ids: ids.to_vec() }.into());
    }
    let others = match ids.len() - count {
        0 => "",
        _ => "; the others are unknown, or done or discarded already",
    };
    screen::line(&format!("{count} of {} {what}{others}", ids.len()))
}

/// A row fits on a line; `deliveries show` and `--json` have it all.
const MOST_OF_A_SUBJECT: usize = 40;
const MOST_OF_A_REASON: usize = 60;
