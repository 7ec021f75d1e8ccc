//! What the machine of a watch says and hears.

use gatepost_fault::Next;
use gatepost_mail::{Arrival, Changes, Cursor};
use jiff::Timestamp;

use crate::{Fingerprint, Standing};

/// What is to be done next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Want {
    /// Load where the watch stands.
    Load,
    /// Open a session.
    Open,
    /// Ask for the cursor behind everything that is in the folder now, then for its newest time
    /// of receipt.
    Baseline,
    /// Measure what waits for the sinks.
    Measure,
    /// Ask for what is new, at most `limit` messages.
    Pull {
        since: Option<Cursor>,
        limit: usize,
        /// What was received before was there when the watch began.
        begun: Option<Timestamp>,
    },
    /// Look these fingerprints up in the ledger.
    Recognise(Vec<Fingerprint>),
    /// Fetch and spool the arrivals, then store them with the cursor in one transaction.
    Commit(Step),
    /// Do the post-actions that are due.
    Act,
    /// Wait for a change in the folder.
    Idle { until: Timestamp },
    /// Wait after a failure.
    Sleep { until: Timestamp },
}

/// One step of the cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) from: Option<Cursor>,
    pub(super) to: Cursor,
    pub(super) high_water: Option<Timestamp>,
    pub(super) fetching: Fetch,
    /// What becomes an event.
    pub(super) arrivals: Vec<Arrival>,
    /// At the end of a resynchronisation.
    pub(super) resynced: Option<Resynced>,
}

/// Whether the arrivals of a step are fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fetch {
    Tried,
    /// It was tried often enough: their events tell that they could not be had.
    GivenUp,
}

/// How a resynchronisation ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Resynced {
    pub(super) matched: u64,
    pub(super) new: u64,
    /// Those that were unknown, and may have been there before the watch began.
    pub(super) ambiguous: Vec<Fingerprint>,
    /// How many such there were in the parts before.
    pub(super) earlier: u64,
    /// Whether this was the last part of the folder.
    pub(super) is_over: bool,
}

impl Resynced {
    /// How many were unknown in all of the folder.
    pub(super) fn ambiguous_in_all(&self) -> u64 {
        self.earlier + self.ambiguous.len() as u64
    }
}

/// What became of a wish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Saw {
    Loaded(Option<Standing>),
    Opened(Signals),
    /// The cursor, and the newest time of receipt in the folder. That is the server's time: ours
    /// may be ahead of it.
    Baseline(Cursor, Option<Timestamp>),
    /// Open deliveries, and octets they hold in the spool.
    Measured((u64, u64)),
    Changes(Changes),
    Recognised(Vec<bool>),
    Committed,
    Acted(Outstanding),
    /// A wait ended, for whatever reason.
    Woke,
    /// Somebody else moved the cursor.
    Overtaken,
    Failed(Failure),
}

/// Something did not work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) next: Next,
    pub(super) session: Session,
    pub(super) cause: Cause,
}

/// On which side it did not work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    Server,
    Ours,
}

/// How a server tells of changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signals {
    Pushed,
    Polled,
}

/// Whether messages wait for their post-action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outstanding {
    Nothing,
    Something,
}

/// What a failure left of the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Session {
    Kept,
    Ended,
}
