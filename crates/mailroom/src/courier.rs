//! Takes deliveries to one sink.

mod bell;
mod schedule;
mod settling;

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use gatepost_fault::Fault as _;
use gatepost_host::{Metronome, Stop};
use jiff::{SignedDuration, Timestamp};
use tokio::task::JoinSet;

pub use bell::{Bell, Call, Ear};
pub use schedule::Schedule;
use settling::{Gate, Unsettled};

use crate::{
    Due, Handover, Horizon, Mailroom, Outcome, ReportTo, Sink, SinkName, SinkState, Spooled,
    StorageError,
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
    pub report_to: ReportTo,
}

impl Route {
    /// The usual route to `sink`: four at the same time, in any order.
    pub fn to(sink: SinkName) -> Self {
        Self {
            sink,
            ordering: Ordering::Parallel,
            concurrency: const { NonZeroUsize::new(4).expect("four is not zero") },
            schedule: Schedule::default(),
            report_to: ReportTo::default(),
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
    /// What has ended and is not recorded yet.
    unsettled: Unsettled,
    /// What is to be put right before anything is claimed, or as soon as nothing is under way.
    repairs: BTreeSet<Repair>,
    /// Goes for as long as claims are to be put right and attempts are under way.
    held_up: Option<Metronome>,
}

/// What the storage says and is no longer true. It stays to be put right until that is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Repair {
    /// The claims of a former process, and retries that no schedule puts off so far.
    FormerProcess,
    /// Retries that were put off by a clock that was ahead.
    OtherRetries,
    /// Claims that were made by it.
    OtherClaims,
}

impl Repair {
    /// In the order in which they are made: the first may call for the others.
    const ALL: [Self; 3] = [Self::FormerProcess, Self::OtherRetries, Self::OtherClaims];
    /// What a clock that was ahead makes necessary.
    const OTHER_CLOCK: [Self; 2] = [Self::OtherRetries, Self::OtherClaims];
}

/// One attempt that has ended.
struct Attempted {
    due: Due,
    outcome: Outcome,
}

impl Courier {
    /// A courier who takes deliveries to `sink` by `route`.
    pub fn new(room: Mailroom, route: Route, sink: Arc<dyn Sink>) -> Self {
        room.board.enter_sink(&route.sink);
        let ear = room.bell.ear();
        Self {
            room,
            route,
            sink,
            ear,
            unsettled: Unsettled::default(),
            repairs: BTreeSet::from([Repair::FormerProcess]),
            held_up: None,
        }
    }

    /// Delivers until he is stopped. What is being attempted then may end within ten seconds;
    /// what does not is attempted again after the next start.
    pub fn run(self, stop: Stop) -> impl Future<Output = ()> + Send {
        self.run_out(stop.clone(), stop)
    }

    /// The same, but what is being attempted at the stop may take all the time that an attempt may,
    /// until `process` ends too.
    pub async fn run_out(mut self, stop: Stop, process: Stop) {
        let mut attempts = JoinSet::new();
        let mut gate = self.deliver(&mut attempts, &stop).await;
        let clock = self.room.clock.clone();
        let longest = self.lease();
        let rest = async {
            while let Some(ended) = attempts.join_next().await {
                self.note(ended.into_iter().collect(), &mut gate);
                if let Err(error) = self.settle().await {
                    self.log(&error);
                }
            }
            while let Err(error) = self.settle().await {
                self.log(&error);
                self.room.clock.sleep(AFTER_STORAGE_FAULT).await;
            }
        };
        let over = async {
            process.requested().await;
            clock.sleep(LAST_ATTEMPTS).await;
        };
        let ended = Box::pin(clock.within(longest, async {
            tokio::select! {
                () = rest => {}
                () = over => {}
            }
        }));
        let _ = ended.await;
    }

    /// The stop is heard only where nothing is under way, so that what has ended is settled.
    async fn deliver(&mut self, attempts: &mut JoinSet<Attempted>, stop: &Stop) -> Gate {
        let mut gate = Gate::Open;
        let mut metronome = Metronome::beside(&self.room.clock);
        while !stop.is_requested() {
            if metronome.set_by() < -STEP {
                gate.believe(self.room.clock.now());
                self.repairs.extend(Repair::OTHER_CLOCK);
            }
            if let Err(error) = self.round(attempts, &mut gate, stop).await {
                self.log(&error);
                stop.or(self.room.clock.sleep(AFTER_STORAGE_FAULT)).await;
            }
        }
        gate
    }

    /// Puts right what the storage says, one thing after another. What the storage does not take
    /// now is tried again in the next round.
    async fn repair(&mut self, attempts: &JoinSet<Attempted>) -> Result<(), StorageError> {
        for repair in Repair::ALL {
            if !self.repairs.contains(&repair) {
                continue;
            }
            if repair == Repair::OtherClaims {
                // What is under way is not attempted a second time beside it.
                if !attempts.is_empty() {
                    let clock = &self.room.clock;
                    self.held_up.get_or_insert_with(|| Metronome::beside(clock));
                    continue;
                }
                self.held_up = None;
            }
            let now = self.room.clock.now();
            let horizon = match repair {
                Repair::FormerProcess => {
                    if self.was_ahead(now).await? {
                        self.repairs.extend(Repair::OTHER_CLOCK);
                    }
                    Horizon {
                        // It cannot settle them any more.
                        claims: Timestamp::MIN,
                        retries: later(now, self.route.schedule.longest()),
                    }
                }
                Repair::OtherRetries => Horizon {
                    claims: Timestamp::MAX,
                    retries: now,
                },
                Repair::OtherClaims => Horizon {
                    claims: now,
                    retries: Timestamp::MAX,
                },
            };
            let (deliveries, sink) = (&self.room.deliveries, &self.route.sink);
            deliveries.reclaim(sink, now, horizon).await?;
            self.repairs.remove(&repair);
        }
        Ok(())
    }

    /// Whether the clock of the former process was ahead of the present one.
    async fn was_ahead(&self, now: Timestamp) -> Result<bool, StorageError> {
        let latest = Some(later(now, AHEAD));
        let standings = self.room.cursors.standings().await?;
        Ok(standings
            .iter()
            .any(|(_, standing)| standing.proven_at > latest))
    }

    /// How long a claim holds.
    fn lease(&self) -> Duration {
        self.longest_attempt() + LAST_ATTEMPTS
    }

    fn longest_attempt(&self) -> Duration {
        self.sink.longest_attempt() + MARGIN
    }

    /// What an attempt may take that begins now under a claim `until` then: it ends, and is
    /// settled, while the claim holds. Making the claim may have taken a part of its time; where
    /// less is left than the sink's own limit, none begins.
    fn limit(&self, until: Timestamp) -> Duration {
        let left = until.duration_since(self.room.clock.now());
        let left = Duration::try_from(left).unwrap_or_default();
        left.saturating_sub(LAST_ATTEMPTS)
            .min(self.longest_attempt())
    }

    /// Puts right what is not, claims what is due, waits until something ends or becomes due,
    /// settles what ended.
    async fn round(
        &mut self,
        attempts: &mut JoinSet<Attempted>,
        gate: &mut Gate,
        stop: &Stop,
    ) -> Result<(), StorageError> {
        self.settle().await?;
        self.repair(attempts).await?;
        if matches!(gate, Gate::Ajar) && attempts.is_empty() {
            // The one delivery that was to tell whether the sink is back came to no end.
            *gate = Gate::Shut(later(self.room.clock.now(), BLOCKED));
        }
        let claimed = self.claim(attempts, gate).await?;
        let now = self.room.clock.now();
        let places = self.places(attempts);
        let next = match gate {
            Gate::Ajar => None,
            Gate::Until(until) | Gate::Shut(until) => Some(*until),
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
        let listen = match gate {
            Gate::Open => places > 0,
            Gate::Shut(_) => true,
            Gate::Until(_) | Gate::Ajar => false,
        };
        tokio::select! {
            biased;
            Some(ended) = attempts.join_next() => {
                let mut all: Vec<Attempted> = ended.into_iter().collect();
                // Whatever else has ended is settled in the same transaction.
                while let Some(ended) = attempts.try_join_next() {
                    all.extend(ended);
                }
                self.note(all, gate);
                self.settle().await?;
            }
            () = stop.requested() => {}
            call = self.ear.heard(), if listen => {
                if let (Call::Urgent, Gate::Shut(until)) = (call, gate) {
                    *until = self.room.clock.now();
                }
            }
            () = wait => {}
        }
        Ok(())
    }

    async fn claim(
        &mut self,
        attempts: &mut JoinSet<Attempted>,
        gate: &mut Gate,
    ) -> Result<usize, StorageError> {
        let now = self.room.clock.now();
        let places = match gate {
            Gate::Ajar => 0,
            Gate::Until(until) | Gate::Shut(until) if *until > now => 0,
            Gate::Shut(_) => 1,
            Gate::Until(_) => {
                *gate = Gate::Open;
                self.room.board.sink(&self.route.sink, SinkState::Working);
                self.places(attempts)
            }
            Gate::Open => self.places(attempts),
        };
        if places == 0 {
            return Ok(0);
        }
        let (sink, until) = (&self.route.sink, later(now, self.lease()));
        let deliveries = &self.room.deliveries;
        let due = match self.route.ordering {
            Ordering::Parallel => deliveries.claim_due(sink, now, until, places).await?,
            Ordering::Strict => deliveries.claim_heads(sink, now, until, places).await?,
        };
        let claimed = due.len();
        if let Gate::Shut(until) = gate {
            if claimed > 0 {
                *gate = Gate::Ajar;
            } else {
                *until = later(now, LONGEST_WAIT);
            }
        }
        let limit = self.limit(until);
        if claimed > 0 && limit < self.sink.longest_attempt() {
            tracing::warn!(
                %sink, deliveries = claimed,
                "claims took so long to make that too little time is left for an attempt; they are given back and made again"
            );
            self.unsettled.give_back(due);
            self.settle().await?;
            return Ok(claimed);
        }
        for due in due {
            attempts.spawn(self.attempt(due, limit));
        }
        Ok(claimed)
    }

    /// How many more attempts there is place for. A few places among many are not worth a
    /// transaction of their own. There is none once claims have waited to be put right for longer
    /// than an attempt takes: a sink that is always busy would let them wait for ever.
    fn places(&self, attempts: &JoinSet<Attempted>) -> usize {
        let held_up = self.held_up.as_ref();
        if held_up.is_some_and(|metronome| metronome.elapsed() > self.lease()) {
            return 0;
        }
        let all = self.route.concurrency.get();
        let free = all.saturating_sub(attempts.len());
        if free * 4 < all { 0 } else { free }
    }

    /// One attempt, which is given up at the limit. Nothing that the sink does in it can harm another.
    fn attempt(
        &self,
        mut due: Due,
        limit: Duration,
    ) -> impl Future<Output = Attempted> + Send + 'static {
        let (sink, room) = (Arc::clone(&self.sink), self.room.clone());
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

    fn log(&self, error: &StorageError) {
        let (sink, code) = (&self.route.sink, error.code());
        if error.is_told() {
            tracing::debug!(%sink, code, "deliveries wait for the storage");
        } else {
            tracing::warn!(%sink, code, "{error}; it is tried again");
        }
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

/// A clock that is set back by less is put up with.
const STEP: SignedDuration = SignedDuration::from_mins(1);
/// A proof that lies so far ahead tells that the clock was ahead.
const AHEAD: Duration = Duration::from_mins(1);
/// How long attempts may go on after the stop.
const LAST_ATTEMPTS: Duration = Duration::from_secs(10);
/// What an attempt may take beyond the sink's own limit.
const MARGIN: Duration = Duration::from_secs(30);
const AFTER_STORAGE_FAULT: Duration = Duration::from_secs(2);
/// A bell that was not heard costs this much time and no delivery.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// How soon it is tried again to claim what is due and stands behind another.
const BLOCKED: Duration = Duration::from_secs(1);
