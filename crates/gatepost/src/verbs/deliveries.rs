//! `gatepost deliveries list|show|retry|discard`: what is on its way to the sinks.

use gatepost_host::Clock;
use gatepost_mailroom::{
    Deliveries as _, Delivery, DeliveryFilter, DeliveryState, EventData, SinkName,
};
use jiff::Timestamp;

use crate::cli::Settings;
use crate::compose::{Gatepost, Scope, compose};
use crate::control::{Question, ask};
use crate::failure::Failure;
use crate::screen::{self, Form};
use crate::usage::UsageError;
use crate::verbs::configuration;
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
    /// Show one delivery with everything that is known of it, as JSON.
    Show {
        /// Its number in the list.
        id: i64,
    },
    /// Try deliveries again at once, also those that gave up.
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
    #[arg(long, default_value_t = 50, value_name = "NUMBER")]
    top: usize,
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
    runtime::briefly(async {
        let gatepost = compose(config, Scope::Store).await?;
        let done = act(&arguments.verb, &gatepost).await;
        gatepost.end().await;
        done
    })?;
    if let DeliveriesVerb::Retry { .. } = arguments.verb {
        // The couriers of a running serve sleep until the next delivery that they know of.
        drop(ask(&state, &Question::Deliver));
    }
    Ok(())
}

async fn act(verb: &DeliveriesVerb, gatepost: &Gatepost) -> Result<(), Failure> {
    let (store, now) = (&gatepost.store, gatepost.clock.now());
    match verb {
        DeliveriesVerb::List(arguments) => {
            let found = store.list(&filter(arguments)).await?;
            list(arguments, &found)
        }
        DeliveriesVerb::Show { id } => match store.show(*id).await? {
            Some(delivery) => screen::json(&delivery),
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
        limit: arguments.top,
    }
}

fn list(arguments: &ListArguments, found: &[Delivery]) -> Result<(), Failure> {
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
            what(delivery),
            delivery.attempts.to_string(),
            next(delivery, now),
            delivery.reason.clone().unwrap_or_default(),
        ]
    })
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

fn next(delivery: &Delivery, now: Timestamp) -> String {
    match delivery.state {
        DeliveryState::Pending => delivery
            .next_attempt_at
            .map_or_else(String::new, |at| times::ahead_of(now, at)),
        _ => String::new(),
    }
}

fn told(ids: &[i64], (count, what): (usize, &str)) -> Result<(), Failure> {
    if let ([id], 0) = (ids, count) {
        return Err(UsageError::NoDelivery { id: *id }.into());
    }
    screen::line(&format!("{count} of {} {what}", ids.len()))
}
