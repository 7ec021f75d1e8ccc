//! What a watch does next, as a pure machine: no clock, no connection, no storage.
//!
//! Each answer of the world ([`Saw`]) leads to one next wish ([`Want`]). A wake-up says only
//! "look now": whatever ended a wait, the folder is looked at, so a lost wake-up costs time and
//! never a message.

mod resync;

use std::time::Duration;

use gatepost_fault::{After, Next};
use gatepost_host::Chance;
use gatepost_mail::{Arrival, Changes, Cursor, MessageKey, Resync};
use jiff::Timestamp;

use super::backoff::{self, Before};
use super::words::{Cause, Failure, Fetch, Outstanding, Saw, Session, Signals, Step, Want};
use crate::watch::Fetching;
use crate::{Pace, Standing, StartFrom, Watermarks};
pub(super) use resync::oldest_new;
use resync::{Counted, Found};

/// The machine of one watch.
#[derive(Debug)]
pub(super) struct Machine {
    from: StartFrom,
    pace: Pace,
    watermarks: Watermarks,
    chance: Chance,
    /// `None` until it is loaded.
    standing: Option<Place>,
    session: Option<Signals>,
    stage: Stage,
    fetching: Fetching,
    limit: usize,
    /// How many messages the present step has.
    step: usize,
    tries: u32,
    before: Before,
    /// How often it was looked for post-actions in vain since anything was new.
    waits: u32,
    /// The message that is being fetched alone.
    alone: Option<MessageKey>,
    /// The message that failed alone last, and how often in a row.
    stubborn: Option<(MessageKey, u32)>,
    /// What the parts of a resynchronisation found that are stored.
    counted: Counted,
}

/// How far the watch has come.
#[derive(Debug, Default)]
struct Place {
    /// `None` before the first step.
    cursor: Option<Cursor>,
    /// What was received later was not there when the watch began. `None` until the first walk
    /// through the folder is over.
    high_water: Option<Timestamp>,
}

/// What is under way.
#[derive(Debug)]
enum Stage {
    Between,
    /// A step is being stored.
    Committing {
        step: Bookmark,
        then: Then,
    },
    /// The ledger is being asked.
    Recognising(Resync),
    /// What a resynchronisation found is being stored in batches.
    Resyncing(Found),
}

/// Where a step ends.
#[derive(Debug)]
struct Bookmark {
    to: Cursor,
    high_water: Option<Timestamp>,
    /// What a resynchronisation that goes on has found.
    counted: Counted,
}

/// What follows a step.
#[derive(Debug, Clone, Copy)]
enum Then {
    Pull,
    Act,
}

impl Machine {
    pub(super) fn new(watch: &crate::Watch, chance: Chance) -> Self {
        Self {
            from: watch.from,
            pace: watch.pace,
            watermarks: watch.watermarks,
            chance,
            standing: None,
            session: None,
            stage: Stage::Between,
            fetching: Fetching::On,
            limit: PAGE,
            step: 0,
            tries: 0,
            before: Before::Never,
            waits: 0,
            alone: None,
            stubborn: None,
            counted: Counted::default(),
        }
    }

    /// The next wish, after `saw` at the time `now`. The first wish is [`Want::Load`].
    pub(super) fn next(&mut self, now: Timestamp, saw: Saw) -> Want {
        match saw {
            Saw::Loaded(standing) => {
                if standing.is_some() {
                    self.before = Before::Worked;
                }
                self.standing = Some(standing.map_or_else(Place::default, Place::of));
                self.begin()
            }
            Saw::Opened(signals) => {
                self.session = Some(signals);
                self.begin()
            }
            Saw::Baseline(cursor, newest) => {
                let high_water = newest.map_or(Timestamp::UNIX_EPOCH, |newest| {
                    newest.max(earlier(now, SKEW))
                });
                self.commit(cursor, Some(high_water), Vec::new(), Then::Pull)
            }
            Saw::Measured(backlog) => self.measured(now, backlog),
            Saw::Changes(Changes::Since {
                arrivals,
                next,
                more,
            }) => {
                let then = if more { Then::Pull } else { Then::Act };
                self.arrived(arrivals, next, then)
            }
            Saw::Changes(Changes::Lost(resync)) => {
                let fingerprints = resync.present.iter().map(|(_, print)| *print).collect();
                self.stage = Stage::Recognising(resync);
                Want::Recognise(fingerprints)
            }
            Saw::Recognised(known) => self.recognised(now, &known),
            Saw::Committed => self.committed(),
            Saw::Acted(outstanding) => self.idle(now, outstanding),
            Saw::Woke => self.begin(),
            Saw::Overtaken => {
                self.standing = None;
                self.stage = Stage::Between;
                self.failed(now, Next::Retry(After::Backoff))
            }
            Saw::Failed(failure) => {
                if failure.session == Session::Ended {
                    self.session = None;
                }
                self.count(&failure);
                self.failed(now, failure.next)
            }
        }
    }

    /// Whether fetching is paused by back-pressure.
    pub(super) fn is_paused(&self) -> bool {
        self.fetching == Fetching::Paused
    }

    /// The next thing that is missing before the folder can be looked at.
    fn begin(&mut self) -> Want {
        self.stage = Stage::Between;
        match &self.standing {
            None => Want::Load,
            Some(_) if self.session.is_none() => Want::Open,
            // Persisted before the first wait, so that nothing that arrives later is missed.
            Some(place) if place.cursor.is_none() && self.from == StartFrom::Now => Want::Baseline,
            Some(_) => Want::Measure,
        }
    }

    fn measured(&mut self, now: Timestamp, backlog: (u64, u64)) -> Want {
        self.fetching = self.watermarks.hold(backlog, self.fetching);
        match self.fetching {
            Fetching::On => self.pull(),
            Fetching::Paused => Want::Idle {
                until: later(now, PAUSED),
            },
        }
    }

    /// Until there is a cursor, everything that is found is stored together with the first one:
    /// should the server forget its keys meanwhile, nobody would notice.
    fn pull(&self) -> Want {
        let since = self.cursor();
        let most = if since.is_some() { PAGE } else { FIRST_PAGE };
        Want::Pull {
            limit: self.limit.min(most),
            since,
            begun: self.high_water(),
        }
    }

    fn arrived(&mut self, mut arrivals: Vec<Arrival>, next: Cursor, then: Then) -> Want {
        let walking = self.high_water().is_none();
        let mut high_water = None;
        if walking {
            if let StartFrom::At(from) = self.from {
                arrivals.retain(|one| one.received_at.is_none_or(|at| at >= from));
            }
            if let Then::Act = then {
                high_water = Some(self.floor());
            }
        }
        if arrivals.is_empty() && !walking && self.cursor().as_ref() == Some(&next) {
            return self.after_look(then);
        }
        self.commit(next, high_water, arrivals, then)
    }

    /// The high-water mark after the first walk: nothing older was wanted.
    fn floor(&self) -> Timestamp {
        match self.from {
            StartFrom::At(from) => earlier(from, Duration::from_micros(1)),
            StartFrom::Now | StartFrom::Beginning => Timestamp::UNIX_EPOCH,
        }
    }

    fn commit(
        &mut self,
        to: Cursor,
        high_water: Option<Timestamp>,
        arrivals: Vec<Arrival>,
        then: Then,
    ) -> Want {
        let step = Bookmark {
            to: to.clone(),
            high_water,
            counted: Counted::default(),
        };
        self.stage = Stage::Committing { step, then };
        Want::Commit(Step {
            from: self.cursor(),
            to,
            high_water,
            fetching: self.fetching_of(&arrivals),
            arrivals,
            resynced: None,
        })
    }

    /// A message that failed alone again and again is not fetched any more.
    fn fetching_of(&mut self, arrivals: &[Arrival]) -> Fetch {
        self.step = arrivals.len();
        self.alone = match arrivals {
            [one] => Some(one.key.clone()),
            _ => None,
        };
        match (&self.alone, &self.stubborn) {
            (Some(key), Some((stubborn, tries))) if key == stubborn && *tries >= MOST_TRIES => {
                Fetch::GivenUp
            }
            _ => Fetch::Tried,
        }
    }

    /// Counts against a message that it could not be fetched alone.
    fn count(&mut self, failure: &Failure) {
        let by_server = failure.cause == Cause::Server;
        // A server that names a time speaks of itself, and so does one that wants a person.
        let passing = matches!(failure.next, Next::Retry(After::Backoff) | Next::Discard);
        let Some(key) = self.alone.as_ref().filter(|_| by_server && passing) else {
            return;
        };
        match &mut self.stubborn {
            Some((stubborn, tries)) if stubborn == key => *tries = tries.saturating_add(1),
            other => *other = Some((key.clone(), 1)),
        }
    }

    fn committed(&mut self) -> Want {
        self.tries = 0;
        self.waits = 0;
        self.alone = None;
        self.limit = (self.limit * 2).min(PAGE);
        match std::mem::replace(&mut self.stage, Stage::Between) {
            Stage::Committing { step, then } => {
                self.counted = step.counted;
                if let Some(place) = &mut self.standing {
                    place.cursor = Some(step.to);
                    place.high_water = place.high_water.max(step.high_water);
                }
                match then {
                    // What was just stored may be more than the sinks can take.
                    Then::Pull => Want::Measure,
                    Then::Act => self.after_look(then),
                }
            }
            Stage::Resyncing(found) => self.resync(found),
            Stage::Between | Stage::Recognising(_) => self.begin(),
        }
    }

    fn after_look(&mut self, then: Then) -> Want {
        self.tries = 0;
        self.before = Before::Worked;
        match then {
            Then::Pull => self.pull(),
            Then::Act => Want::Act,
        }
    }

    fn idle(&mut self, now: Timestamp, outstanding: Outstanding) -> Want {
        let poll = match self.session {
            Some(Signals::Pushed) => self.pace.pushed,
            Some(Signals::Polled) | None => self.pace.polled,
        };
        let pause = match outstanding {
            Outstanding::Nothing => poll,
            // Soon at first, and less often when a sink takes days.
            Outstanding::Something => {
                let doublings = self.waits.min(16);
                self.waits += 1;
                ACTING.saturating_mul(1 << doublings).min(poll)
            }
        };
        Want::Idle {
            until: later(now, pause),
        }
    }

    fn failed(&mut self, now: Timestamp, next: Next) -> Want {
        // Fewer at once: a connection that is often cut, or one message that cannot be fetched,
        // does not hold back the others.
        if matches!(self.stage, Stage::Committing { .. } | Stage::Resyncing(_)) {
            self.limit = (self.limit.min(self.step) / 2).max(1);
        }
        self.stage = Stage::Between;
        self.alone = None;
        self.tries = self.tries.saturating_add(1);
        let wait = backoff::wait(next, (self.tries, self.before), &self.chance);
        Want::Sleep {
            until: later(now, wait),
        }
    }

    fn cursor(&self) -> Option<Cursor> {
        self.standing.as_ref()?.cursor.clone()
    }

    fn high_water(&self) -> Option<Timestamp> {
        self.standing.as_ref()?.high_water
    }
}

impl Place {
    fn of(standing: Standing) -> Self {
        Self {
            cursor: Some(standing.cursor),
            high_water: standing.high_water,
        }
    }
}

fn earlier(at: Timestamp, duration: Duration) -> Timestamp {
    at.checked_sub(duration).unwrap_or(Timestamp::MIN)
}

fn later(at: Timestamp, duration: Duration) -> Timestamp {
    at.checked_add(duration).unwrap_or(Timestamp::MAX)
}

/// The most messages of one look. Each look costs a few round trips.
const PAGE: usize = 2_048;
/// The most messages of the first look, which are stored in one transaction.
const FIRST_PAGE: usize = 256;
/// How soon it is measured again whether the sinks caught up.
const PAUSED: Duration = Duration::from_secs(15);
/// How soon it is looked again for post-actions that are due.
const ACTING: Duration = Duration::from_secs(5);
/// How often a message is fetched alone, and in vain, before the watch goes on without it: about
/// a quarter of an hour.
const MOST_TRIES: u32 = 12;
/// How far the clock of the server may be behind ours.
const SKEW: Duration = Duration::from_hours(24);

#[cfg(test)]
mod tests;
