//! What becomes of attempts that have ended.

use std::time::Duration;

use jiff::Timestamp;

use super::schedule::Tried;
use super::{Attempted, Courier, later};
use crate::{
    Due, Event, EventData, EventId, EventType, Lease, NewEvent, Outcome, Settled, SinkName,
    SinkState, StorageError,
};

/// What has ended and is not recorded yet.
#[derive(Debug, Default)]
pub(super) struct Unsettled {
    settled: Vec<(Lease, Settled)>,
    reports: Vec<NewEvent>,
}

impl Unsettled {
    /// Claims that took so long to make that too little time is left lead to no attempt.
    pub(super) fn give_back(&mut self, due: Vec<Due>) {
        let released = due.into_iter().map(|due| (due.lease, Settled::Released));
        self.settled.extend(released);
    }
}

/// Whether the sink takes more.
pub(super) enum Gate {
    Open,
    /// It asked for a pause.
    Until(Timestamp),
    /// It wanted nothing any more; then it is asked again, with one delivery.
    Shut(Timestamp),
    /// That delivery is under way.
    Ajar,
}

impl Gate {
    /// Shortens what was put off by a clock that was ahead.
    pub(super) fn believe(&mut self, now: Timestamp) {
        match self {
            Self::Until(until) => *until = later(now, LONGEST_PAUSE).min(*until),
            Self::Shut(until) => *until = later(now, GONE).min(*until),
            Self::Open | Self::Ajar => {}
        }
    }
}

impl Courier {
    /// Decides what becomes of attempts that have ended.
    pub(super) fn note(&mut self, ended: Vec<Attempted>, gate: &mut Gate) {
        let now = self.room.clock.now();
        for Attempted { due, outcome } in ended {
            let report = self.shut(&outcome, (gate, now));
            // One who is told that another sink is off may be off himself: that ends here.
            let report = report.filter(|_| due.event.kind != EventType::SinkSwitchedOff);
            self.unsettled.reports.extend(report);
            let verdict = self.verdict(&due, outcome, now);
            match &verdict {
                Settled::Dead { reason } => {
                    self.log_dead(&due);
                    let report = self.dead_letter(&due, reason, now);
                    self.unsettled.reports.extend(report);
                }
                Settled::RetryAt { at, .. } => self.log_retry(&due, *at),
                Settled::Done | Settled::Released => {}
            }
            self.unsettled.settled.push((due.lease, verdict));
        }
    }

    /// Records it. What the storage does not take now is kept and recorded later; what is not
    /// recorded before the process ends is attempted again.
    pub(super) async fn settle(&mut self) -> Result<(), StorageError> {
        let Unsettled { settled, reports } = &self.unsettled;
        if settled.is_empty() && reports.is_empty() {
            return Ok(());
        }
        let rings = !reports.is_empty();
        let now = self.room.clock.now();
        let deliveries = &self.room.deliveries;
        deliveries
            .settle(settled.clone(), reports.clone(), now)
            .await?;
        self.unsettled = Unsettled::default();
        if rings {
            self.room.bell.ring();
        }
        Ok(())
    }

    fn verdict(&self, due: &Due, outcome: Outcome, now: Timestamp) -> Settled {
        let first = due.first_attempt_at.unwrap_or(now);
        let tried = Tried {
            attempt: due.attempt,
            since: Duration::try_from(now.duration_since(first)).unwrap_or_default(),
        };
        let chance = &self.room.chance;
        self.route.schedule.verdict(outcome, tried, (now, chance))
    }

    /// Opens or closes the gate, as the sink asked.
    fn shut(&self, outcome: &Outcome, (gate, now): (&mut Gate, Timestamp)) -> Option<NewEvent> {
        let sink = &self.route.sink;
        let was_ajar = matches!(gate, Gate::Ajar);
        match outcome {
            Outcome::SinkGone { .. } if was_ajar => *gate = Gate::Shut(later(now, GONE)),
            Outcome::SinkGone { .. } if matches!(gate, Gate::Shut(_)) => {}
            Outcome::SinkGone { reason } => {
                *gate = Gate::Shut(later(now, GONE));
                return Some(self.switched_off(reason, now));
            }
            Outcome::Retry {
                reason,
                after: Some(after),
            } if !matches!(gate, Gate::Shut(_)) => {
                let until = later(now, (*after).min(LONGEST_PAUSE));
                let reason = reason.clone();
                let state = SinkState::Pausing { until, reason };
                *gate = Gate::Until(until);
                self.room.board.sink(sink, state);
            }
            _ if was_ajar => {
                tracing::info!(%sink, "the sink takes deliveries again");
                *gate = Gate::Open;
                self.room.board.sink(sink, SinkState::Working);
            }
            _ => {}
        }
        None
    }

    fn switched_off(&self, reason: &str, now: Timestamp) -> NewEvent {
        let sink = &self.route.sink;
        // What the receiver said may hold parts of the message, and is in no log.
        tracing::error!(
            %sink,
            "the sink says that it is gone for good and is switched off; it is asked again every {} minutes",
            GONE.as_secs() / 60
        );
        let state = SinkState::SwitchedOff {
            since: now,
            reason: reason.to_owned(),
        };
        self.room.board.sink(sink, state);
        let kind = EventType::SinkSwitchedOff;
        let id = EventId::of_sink(sink, kind, now);
        let data = self.trouble(reason, None);
        self.report((kind, id), String::new(), (data, now))
    }

    /// The event that tells of a dead letter. Of those of the mailroom's own events, none is made:
    /// it could die in its turn.
    fn dead_letter(&self, due: &Due, reason: &str, now: Timestamp) -> Option<NewEvent> {
        let event = &due.event;
        if event.kind != EventType::MailReceived {
            return None;
        }
        let kind = EventType::DeliveryDeadLettered;
        let id = EventId::of_delivery(&event.id, (&self.route.sink, due.attempt), kind);
        let data = self.trouble(reason, Some(event.id.clone()));
        Some(self.report((kind, id), event.mailbox.clone(), (data, now)))
    }

    fn trouble(&self, reason: &str, event: Option<EventId>) -> EventData {
        EventData::Trouble {
            code: None,
            reason: reason.to_owned(),
            event,
            sink: Some(self.route.sink.clone().0),
        }
    }

    fn report(
        &self,
        (kind, id): (EventType, EventId),
        mailbox: String,
        (data, now): (EventData, Timestamp),
    ) -> NewEvent {
        let others = |sink: &&SinkName| **sink != self.route.sink;
        NewEvent {
            event: Event {
                id,
                schema: Event::SCHEMA,
                kind,
                timestamp: now,
                mailbox,
                folder: None,
                sequence: None,
                data,
            },
            message: None,
            fingerprint: None,
            sinks: self
                .route
                .report_to
                .sinks(kind)
                .iter()
                .filter(others)
                .cloned()
                .collect(),
            post_action: false,
        }
    }

    /// Without the reason, as for a dead letter.
    fn log_retry(&self, due: &Due, at: Timestamp) {
        let delivery = due.lease.delivery;
        tracing::warn!(
            sink = %self.route.sink, mailbox = %due.event.mailbox, event = %due.event.id,
            delivery, attempts = due.attempt, next_attempt_at = %at,
            "a delivery failed and is tried again: `gatepost deliveries show {delivery}` says why"
        );
    }

    /// The reason holds words of the sink, which may hold parts of the message: it is shown by
    /// `gatepost deliveries show`, and is in no log.
    fn log_dead(&self, due: &Due) {
        let delivery = due.lease.delivery;
        tracing::error!(
            sink = %self.route.sink, mailbox = %due.event.mailbox, event = %due.event.id,
            delivery, attempts = due.attempt,
            "a delivery gave up and is a dead letter: `gatepost deliveries show {delivery}` says why"
        );
    }
}

const LONGEST_PAUSE: Duration = Duration::from_hours(1);
/// How often a sink that said it was gone for good is asked again.
const GONE: Duration = Duration::from_mins(10);
