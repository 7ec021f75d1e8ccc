//! What a watch does next, as a pure machine: no clock, no connection, no storage.
//!
//! Each answer of the world ([`Saw`]) leads to one next wish ([`Want`]). A wake-up says only
//! "look now": whatever ended a wait, the folder is looked at, so a lost wake-up costs time and
//! never a message.

use std::collections::VecDeque;
use std::time::Duration;

use gatepost_fault::Next;
use gatepost_host::Chance;
use gatepost_mail::{Arrival, Changes, Cursor, Resync};
use jiff::Timestamp;

use super::backoff;
use super::words::{Outstanding, Resynced, Saw, Session, Signals, Step, Want};
use crate::watch::Fetching;
use crate::{Pace, Standing, StartFrom, Watermarks};

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
    /// The newest time of receipt seen in the first walk through the folder.
    walked: Option<Timestamp>,
    limit: usize,
    tries: u32,
}

/// How far the watch has come.
#[derive(Debug, Default)]
struct Place {
    /// `None` before the first step.
    cursor: Option<Cursor>,
    /// `None` until the first walk through the folder is over.
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
}

/// What follows a step.
#[derive(Debug, Clone, Copy)]
enum Then {
    Pull,
    Act,
}

#[derive(Debug)]
struct Found {
    new: VecDeque<Arrival>,
    counts: Resynced,
    restart: Cursor,
    high_water: Option<Timestamp>,
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
            walked: None,
            limit: BATCH,
            tries: 0,
        }
    }

    /// The next wish, after `saw` at the time `now`. The first wish is [`Want::Load`].
    pub(super) fn next(&mut self, now: Timestamp, saw: Saw) -> Want {
        match saw {
            Saw::Loaded(standing) => {
                self.standing = Some(standing.map_or_else(Place::default, Place::of));
                self.begin()
            }
            Saw::Opened(signals) => {
                self.session = Some(signals);
                self.begin()
            }
            Saw::Baseline(cursor, newest) => {
                let high_water = newest.unwrap_or(Timestamp::UNIX_EPOCH);
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
            Saw::Recognised(known) => self.recognised(&known),
            Saw::Committed => self.committed(),
            Saw::Acted(outstanding) => self.idle(now, outstanding),
            Saw::Woke => self.begin(),
            Saw::Overtaken => {
                self.standing = None;
                self.failed(now, Next::Retry(gatepost_fault::After::Backoff))
            }
            Saw::Failed(next, session) => {
                if session == Session::Ended {
                    self.session = None;
                }
                self.failed(now, next)
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

    fn pull(&self) -> Want {
        Want::Pull {
            since: self.cursor(),
            limit: self.limit,
        }
    }

    fn arrived(&mut self, mut arrivals: Vec<Arrival>, next: Cursor, then: Then) -> Want {
        let newest = arrivals.iter().filter_map(|one| one.received_at).max();
        let walking = self.high_water().is_none();
        let high_water = if walking {
            if let StartFrom::At(from) = self.from {
                arrivals.retain(|one| one.received_at.is_none_or(|at| at >= from));
            }
            self.walked = self.walked.max(newest);
            match then {
                Then::Pull => None,
                Then::Act => Some(self.walked.unwrap_or_default().max(self.floor())),
            }
        } else {
            newest
        };
        if arrivals.is_empty() && !walking && self.cursor().as_ref() == Some(&next) {
            return self.after_look(then);
        }
        self.commit(next, high_water, arrivals, then)
    }

    /// The least high-water mark after the first walk: nothing older was wanted.
    fn floor(&self) -> Timestamp {
        match self.from {
            StartFrom::At(from) => from,
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
        };
        self.stage = Stage::Committing { step, then };
        Want::Commit(Step {
            from: self.cursor(),
            to,
            high_water,
            arrivals,
            resynced: None,
        })
    }

    fn committed(&mut self) -> Want {
        self.tries = 0;
        self.limit = (self.limit * 2).min(BATCH);
        match std::mem::replace(&mut self.stage, Stage::Between) {
            Stage::Committing { step, then } => {
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
        match then {
            Then::Pull => self.pull(),
            Then::Act => Want::Act,
        }
    }

    /// Sorts what is in the folder after the server forgot us.
    fn recognised(&mut self, known: &[bool]) -> Want {
        let Stage::Recognising(resync) = std::mem::replace(&mut self.stage, Stage::Between) else {
            return self.begin();
        };
        let high_water = self.high_water();
        let mut found = Found {
            new: VecDeque::new(),
            counts: Resynced {
                matched: 0,
                new: 0,
                ambiguous: Vec::new(),
            },
            restart: resync.restart,
            high_water,
        };
        let known = known.iter().copied().chain(std::iter::repeat(false));
        for ((arrival, fingerprint), known) in resync.present.into_iter().zip(known) {
            if known {
                found.counts.matched += 1;
            } else if is_newer(&arrival, high_water, self.from) {
                found.counts.new += 1;
                found.high_water = found.high_water.max(arrival.received_at);
                found.new.push_back(arrival);
            } else {
                found.counts.ambiguous.push(fingerprint);
            }
        }
        self.resync(found)
    }

    /// Stores the next batch of a resynchronisation. The cursor moves with the last one; what
    /// earlier ones stored is in the ledger, should this have to start over.
    fn resync(&mut self, mut found: Found) -> Want {
        let from = self.cursor();
        match &from {
            Some(old) if found.new.len() > self.limit => {
                let step = Step {
                    from: from.clone(),
                    to: old.clone(),
                    high_water: None,
                    arrivals: found.new.drain(..self.limit).collect(),
                    resynced: None,
                };
                self.stage = Stage::Resyncing(found);
                Want::Commit(step)
            }
            _ => {
                let high_water = found.high_water;
                let step = Bookmark {
                    to: found.restart.clone(),
                    high_water,
                };
                self.stage = Stage::Committing {
                    step,
                    then: Then::Pull,
                };
                Want::Commit(Step {
                    from,
                    to: found.restart,
                    high_water,
                    arrivals: found.new.into(),
                    resynced: Some(found.counts),
                })
            }
        }
    }

    fn idle(&self, now: Timestamp, outstanding: Outstanding) -> Want {
        let poll = match self.session {
            Some(Signals::Pushed) => self.pace.pushed,
            Some(Signals::Polled) | None => self.pace.polled,
        };
        let pause = match outstanding {
            Outstanding::Nothing => poll,
            Outstanding::Something => poll.min(ACTING),
        };
        Want::Idle {
            until: later(now, pause),
        }
    }

    fn failed(&mut self, now: Timestamp, next: Next) -> Want {
        // Fewer at once: a connection that is often cut, or one message that cannot be fetched,
        // does not hold back the others.
        if matches!(self.stage, Stage::Committing { .. } | Stage::Resyncing(_)) {
            self.limit = (self.limit / 2).max(1);
        }
        self.stage = Stage::Between;
        self.tries = self.tries.saturating_add(1);
        Want::Sleep {
            until: later(now, backoff::wait(next, self.tries, &self.chance)),
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

/// Whether a message that the ledger does not know arrived after everything that was seen. Times
/// of receipt have whole seconds, so one equal to the mark may be new. Before the first walk is
/// over, there is no mark, and all that is wanted at all is new.
fn is_newer(arrival: &Arrival, high_water: Option<Timestamp>, from: StartFrom) -> bool {
    let wanted_from = match (high_water, from) {
        (Some(mark), _) | (None, StartFrom::At(mark)) => mark,
        (None, StartFrom::Now | StartFrom::Beginning) => return true,
    };
    arrival
        .received_at
        .is_none_or(|at| at >= whole_second(wanted_from))
}

fn whole_second(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}

fn later(at: Timestamp, duration: Duration) -> Timestamp {
    at.checked_add(duration).unwrap_or(Timestamp::MAX)
}

/// The most messages of one transaction.
const BATCH: usize = 256;
/// How soon it is measured again whether the sinks caught up.
const PAUSED: Duration = Duration::from_secs(15);
/// How soon it is looked again for post-actions that are due.
const ACTING: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests;
