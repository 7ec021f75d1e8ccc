//! Takes deliveries to one sink.

mod bell;
mod schedule;

use std::num::NonZeroUsize;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use gatepost_fault::Fault as _;
use gatepost_host::Stop;
use jiff::Timestamp;
use tokio::task::JoinSet;

pub use bell::{Bell, Ear};
pub use schedule::Schedule;
use schedule::Tried;

use crate::{
    Due, Event, EventData, EventId, EventType, Handover, Lease, Mailroom, NewEvent, Outcome,
    Settled, Sink, SinkName, SinkState, Spooled, StorageError,
};

/// How deliveries go to a sink.
#[derive(Debug, Clone)]
pub struct Route {
    /// The sink.
    pub sink: SinkName,
    /// Whether a delivery may overtake another.
    pub ordering: Ordering,
    /// How many deliveries are attempted at the same time.
    pub concurrency: NonZeroUsize,
    /// When a delivery that failed is tried again.
    pub schedule: Schedule,
    /// Where it is told that a delivery gave up, or that the sink was switched off.
    pub report_to: Vec<SinkName>,
}

impl Route {
    /// The usual route to `sink`: four at the same time, in any order.
    pub fn to(sink: SinkName) -> Self {
        Self {
            sink,
            ordering: Ordering::Parallel,
            concurrency: const { NonZeroUsize::new(4).expect("four is not zero") },
            schedule: Schedule::default(),
            report_to: Vec::new(),
        }
    }
}

/// Whether a delivery may overtake another of the same folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Ordering {
    /// It may: one that fails holds back no other.
    #[default]
    Parallel,
    /// It may not: one that fails holds back those behind it in its folder, until it is
    /// delivered, dead or discarded.
    Strict,
}

/// Takes deliveries to one sink until he is stopped.
#[derive(Debug)]
pub struct Courier {
    room: Mailroom,
    route: Route,
    sink: Arc<dyn Sink>,
    ear: Ear,
}

/// One attempt that has ended.
struct Attempted {
    due: Due,
    outcome: Outcome,
}

/// Whether the sink takes more.
enum Gate {
    Open,
    /// It asked for a pause.
    Until(Timestamp),
    /// It wants nothing any more.
    Shut,
}

impl Courier {
    /// A courier who takes deliveries to `sink` by `route`.
    pub fn new(room: Mailroom, route: Route, sink: Arc<dyn Sink>) -> Self {
        room.board.sink(&route.sink, SinkState::Working);
        let ear = room.bell.ear();
        Self {
            room,
            route,
            sink,
            ear,
        }
    }

    /// Delivers until he is stopped. What is being attempted then may end within ten seconds;
    /// what does not is attempted again after the next start.
    pub async fn run(mut self, stop: Stop) {
        let mut attempts = JoinSet::new();
        self.deliver(&mut attempts, &stop).await;
        let rest = async {
            while let Some(ended) = attempts.join_next().await {
                let ended = ended.into_iter().collect();
                if let Err(error) = self.settle(ended, &mut Gate::Open).await {
                    self.log(&error);
                }
            }
        };
        let _ = self.room.clock.within(LAST_ATTEMPTS, rest).await;
    }

    /// The stop is heard only where nothing is under way, so that what has ended is settled.
    async fn deliver(&mut self, attempts: &mut JoinSet<Attempted>, stop: &Stop) {
        let mut gate = Gate::Open;
        self.take_back().await;
        while !stop.is_requested() {
            if let Err(error) = self.round(attempts, &mut gate, stop).await {
                self.log(&error);
                stop.or(self.room.clock.sleep(AFTER_STORAGE_FAULT)).await;
            }
        }
    }

    /// What a former process had claimed is due again: it cannot settle it any more.
    async fn take_back(&self) {
        let now = self.room.clock.now();
        if let Err(error) = self.room.deliveries.reclaim(&self.route.sink, now).await {
            self.log(&error);
        }
    }

    /// Claims what is due, waits until something ends or becomes due, settles what ended.
    async fn round(
        &mut self,
        attempts: &mut JoinSet<Attempted>,
        gate: &mut Gate,
        stop: &Stop,
    ) -> Result<(), StorageError> {
        let claimed = self.claim(attempts, gate).await?;
        let now = self.room.clock.now();
        let places = self.places(attempts);
        let next = match gate {
            Gate::Shut => None,
            Gate::Until(until) => Some(*until),
            Gate::Open if places == 0 => None,
            Gate::Open => match self.room.deliveries.next_due(&self.route.sink).await? {
                // It is due and could not be claimed: another stands before it in strict order.
                Some(due) if claimed == 0 && due <= now => Some(later(now, BLOCKED)),
                next => next,
            },
        };
        let wait = async {
            let longest = later(now, LONGEST_WAIT);
            let until = next.unwrap_or(longest).min(longest);
            self.room.clock.sleep_until(until).await;
        };
        let listen = places > 0 && matches!(gate, Gate::Open);
        tokio::select! {
            biased;
            Some(ended) = attempts.join_next() => {
                let mut all: Vec<Attempted> = ended.into_iter().collect();
                // Whatever else has ended is settled in the same transaction.
                while let Some(ended) = attempts.try_join_next() {
                    all.extend(ended);
                }
                self.settle(all, gate).await?;
            }
            () = stop.requested() => {}
            () = self.ear.heard(), if listen => {}
            () = wait => {}
        }
        Ok(())
    }

    async fn claim(
        &self,
        attempts: &mut JoinSet<Attempted>,
        gate: &mut Gate,
    ) -> Result<usize, StorageError> {
        let now = self.room.clock.now();
        match gate {
            Gate::Shut => return Ok(0),
            Gate::Until(until) if *until > now => return Ok(0),
            Gate::Until(_) => {
                *gate = Gate::Open;
                self.room.board.sink(&self.route.sink, SinkState::Working);
            }
            Gate::Open => {}
        }
        let places = self.places(attempts);
        if places == 0 {
            return Ok(0);
        }
        let lease = self.sink.longest_attempt() + MARGIN + LAST_ATTEMPTS;
        let (sink, until) = (&self.route.sink, later(now, lease));
        let deliveries = &self.room.deliveries;
        let due = match self.route.ordering {
            Ordering::Parallel => deliveries.claim_due(sink, now, until, places).await?,
            Ordering::Strict => deliveries.claim_heads(sink, now, until, places).await?,
        };
        let claimed = due.len();
        for due in due {
            attempts.spawn(self.attempt(due));
        }
        Ok(claimed)
    }

    /// How many more attempts there is place for. A few places among many are not worth a
    /// transaction of their own.
    fn places(&self, attempts: &JoinSet<Attempted>) -> usize {
        let all = self.route.concurrency.get();
        let free = all.saturating_sub(attempts.len());
        if free * 4 < all { 0 } else { free }
    }

    /// One attempt. Nothing that the sink does in it can harm another.
    fn attempt(&self, mut due: Due) -> impl Future<Output = Attempted> + Send + 'static {
        let (sink, room) = (Arc::clone(&self.sink), self.room.clone());
        let limit = sink.longest_attempt() + MARGIN;
        async move {
            let message = due.message.take().map(|kept| room.spool.message(kept));
            let handover = Handover {
                event: &due.event,
                message: message.as_ref().map(|message| message as &dyn Spooled),
                attempt: due.attempt,
                first_attempt_at: due.first_attempt_at.unwrap_or_else(|| room.clock.now()),
            };
            let delivered = AssertUnwindSafe(sink.deliver(handover)).catch_unwind();
            let outcome = match room.clock.within(limit, delivered).await {
                Ok(Ok(outcome)) => outcome,
                Ok(Err(_)) => retry("the sink panicked; this is a bug in Gatepost".to_owned()),
                Err(_) => retry(format!(
                    "the sink did not end within {} seconds",
                    limit.as_secs()
                )),
            };
            Attempted { due, outcome }
        }
    }

    async fn settle(&self, ended: Vec<Attempted>, gate: &mut Gate) -> Result<(), StorageError> {
        let now = self.room.clock.now();
        let mut settled: Vec<(Lease, Settled)> = Vec::with_capacity(ended.len());
        let mut reports = Vec::new();
        for Attempted { due, outcome } in ended {
            if let Some(report) = self.shut(&outcome, (gate, now)) {
                reports.push(report);
            }
            let verdict = self.verdict(&due, outcome, now);
            if let Settled::Dead { reason } = &verdict {
                self.log_dead(&due, reason);
                reports.extend(self.dead_letter(&due.event, reason, now));
            }
            settled.push((due.lease, verdict));
        }
        let rings = !reports.is_empty();
        let deliveries = &self.room.deliveries;
        // A claim that is not settled now runs out, and the delivery is attempted again.
        deliveries.settle(settled, reports, now).await?;
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

    /// Closes the gate for a while or for good, as the sink asked.
    fn shut(&self, outcome: &Outcome, (gate, now): (&mut Gate, Timestamp)) -> Option<NewEvent> {
        let sink = &self.route.sink;
        match outcome {
            Outcome::Retry {
                reason,
                after: Some(after),
            } if !matches!(gate, Gate::Shut) => {
                let until = later(now, (*after).min(LONGEST_PAUSE));
                *gate = Gate::Until(until);
                let reason = reason.clone();
                self.room
                    .board
                    .sink(sink, SinkState::Pausing { until, reason });
                None
            }
            Outcome::SinkGone { reason } if !matches!(gate, Gate::Shut) => {
                *gate = Gate::Shut;
                tracing::error!(%sink, "the sink is switched off until Gatepost is started again: {reason}");
                let state = SinkState::SwitchedOff {
                    since: now,
                    reason: reason.clone(),
                };
                self.room.board.sink(sink, state);
                let id = EventId::of_sink(sink, EventType::SinkSwitchedOff, now);
                let data = self.trouble(reason, None);
                Some(self.report((EventType::SinkSwitchedOff, id), String::new(), (data, now)))
            }
            _ => None,
        }
    }

    /// The event that tells of a dead letter. Of those of the mailroom's own events, none is made:
    /// it could die in its turn.
    fn dead_letter(&self, event: &Event, reason: &str, now: Timestamp) -> Option<NewEvent> {
        if event.kind != EventType::MailReceived {
            return None;
        }
        let kind = EventType::DeliveryDeadLettered;
        let id = EventId::of_delivery(&event.id, &self.route.sink, kind);
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
                .iter()
                .filter(others)
                .cloned()
                .collect(),
            post_action: false,
        }
    }

    fn log_dead(&self, due: &Due, reason: &str) {
        tracing::error!(
            sink = %self.route.sink, mailbox = %due.event.mailbox, event = %due.event.id,
            delivery = due.lease.delivery, attempts = due.attempt,
            "a delivery gave up and is a dead letter: {reason}"
        );
    }

    fn log(&self, error: &StorageError) {
        tracing::warn!(sink = %self.route.sink, code = error.code(), "{error}; it is tried again");
    }
}

fn retry(reason: String) -> Outcome {
    Outcome::Retry {
        reason,
        after: None,
    }
}

fn later(at: Timestamp, duration: Duration) -> Timestamp {
    at.checked_add(duration).unwrap_or(Timestamp::MAX)
}

/// How long attempts may go on after the stop.
const LAST_ATTEMPTS: Duration = Duration::from_secs(10);
/// What an attempt may take beyond the sink's own limit.
const MARGIN: Duration = Duration::from_secs(30);
const AFTER_STORAGE_FAULT: Duration = Duration::from_secs(2);
/// A bell that was not heard costs this much time and no delivery.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// How soon it is tried again to claim what is due and stands behind another.
const BLOCKED: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_hours(1);
