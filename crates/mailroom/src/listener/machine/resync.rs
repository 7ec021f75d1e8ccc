//! What becomes of the messages of a folder after the server forgot the cursor.

use std::collections::VecDeque;
use std::time::Duration;

use gatepost_mail::{Arrival, Cursor};
use jiff::Timestamp;

use super::{Bookmark, Machine, Stage, Then, earlier};
use crate::listener::words::{Resynced, Step, Want};

/// What a resynchronisation found, as far as it is not stored yet.
#[derive(Debug)]
pub(super) struct Found {
    new: VecDeque<Arrival>,
    counts: Resynced,
    restart: Cursor,
    more: bool,
}

/// What the parts of a resynchronisation found so far.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counted {
    matched: u64,
    new: u64,
    ambiguous: u64,
}

impl Machine {
    /// Sorts what is in the folder after the server forgot us.
    pub(super) fn recognised(&mut self, now: Timestamp, known: &[bool]) -> Want {
        let Stage::Recognising(resync) = std::mem::replace(&mut self.stage, Stage::Between) else {
            return self.begin();
        };
        let oldest = self.oldest_new(now);
        let mut found = Found {
            new: VecDeque::new(),
            counts: Resynced {
                matched: self.counted.matched,
                new: self.counted.new,
                ambiguous: Vec::new(),
                earlier: self.counted.ambiguous,
                is_over: !resync.more,
            },
            restart: resync.restart,
            more: resync.more,
        };
        let known = known.iter().copied().chain(std::iter::repeat(false));
        for ((arrival, fingerprint), known) in resync.present.into_iter().zip(known) {
            if known {
                found.counts.matched += 1;
            } else if arrival.received_at.is_none_or(|at| at > oldest) {
                found.counts.new += 1;
                found.new.push_back(arrival);
            } else {
                found.counts.ambiguous.push(fingerprint);
            }
        }
        self.resync(found)
    }

    /// Stores the next batch of a resynchronisation. The cursor moves with the last one; what
    /// earlier ones stored is in the ledger, should this have to start over.
    pub(super) fn resync(&mut self, mut found: Found) -> Want {
        let from = self.cursor();
        match &from {
            Some(old) if found.new.len() > self.limit => {
                let arrivals: Vec<Arrival> = found.new.drain(..self.limit).collect();
                let step = Step {
                    from: from.clone(),
                    to: old.clone(),
                    high_water: None,
                    fetching: self.fetching_of(&arrivals),
                    arrivals,
                    resynced: None,
                };
                self.stage = Stage::Resyncing(found);
                Want::Commit(step)
            }
            _ => {
                // A resynchronisation is a walk through the whole folder, when it is over.
                let high_water = self.high_water().unwrap_or_else(|| self.floor());
                let high_water = (!found.more).then_some(high_water);
                let counts = &found.counts;
                let counted = Counted {
                    matched: counts.matched,
                    new: counts.new,
                    ambiguous: counts.earlier + counts.ambiguous.len() as u64,
                };
                let step = Bookmark {
                    to: found.restart.clone(),
                    high_water,
                    counted: if found.more {
                        counted
                    } else {
                        Counted::default()
                    },
                };
                let arrivals: Vec<Arrival> = found.new.into();
                self.stage = Stage::Committing {
                    step,
                    then: Then::Pull,
                };
                Want::Commit(Step {
                    from,
                    to: found.restart,
                    high_water,
                    fetching: self.fetching_of(&arrivals),
                    arrivals,
                    resynced: Some(found.counts),
                })
            }
        }
    }

    /// A message that the ledger does not know is new if it was received after this time: after
    /// the watch began, however old the newest known one is, since old ones are moved here, too.
    /// What is so old that the ledger may have forgotten it is not taken for new.
    fn oldest_new(&self, now: Timestamp) -> Timestamp {
        match self.high_water() {
            Some(mark) => oldest_new(mark, now),
            // The first walk is not over, and all that is wanted of it is new.
            None => self.floor(),
        }
    }
}

/// From when on a message can be new to a watch that began at `begun`.
pub(in crate::listener) fn oldest_new(begun: Timestamp, now: Timestamp) -> Timestamp {
    begun.max(earlier(now, REMEMBERED))
}

/// For how long every storage remembers the fingerprints of what was seen, and a few days less.
const REMEMBERED: Duration = Duration::from_hours(80 * 24);
