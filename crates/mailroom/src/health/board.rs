//! Where every watch and every sink writes how it is, and everybody reads it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use gatepost_fault::{Fault, Next, Owner};
use jiff::Timestamp;

use super::{LastError, MailboxStatus, SinkState, SinkStatus, WatchState};
use crate::{ReportTo, SinkName, Watch, WatchKey};

/// The present state of all watches and sinks. Clones show the same board.
#[derive(Debug, Clone, Default)]
pub struct Board(Arc<Mutex<Entries>>);

#[derive(Debug, Default)]
struct Entries {
    watches: BTreeMap<WatchKey, Entry>,
    sinks: BTreeMap<SinkName, SinkState>,
}

#[derive(Debug)]
struct Entry {
    status: MailboxStatus,
    limit: Duration,
    report_to: ReportTo,
    began_at: Timestamp,
    /// Since when it has come to no end of a look, though the server may answer.
    failing_since: Option<Timestamp>,
    /// Whether the mailbox refuses our sign-in.
    refused: bool,
    /// Whether its last failure ends by another configuration or a sign-in, and not by time.
    awaits_change: bool,
    /// What was reported and has not ended.
    known: Vec<Trouble>,
}

/// A trouble that is reported when it begins and when it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    Refused,
    Stalled,
}

/// Something about a watch that is to be reported.
#[derive(Debug, Clone)]
pub(super) struct Report {
    pub(super) watch: WatchKey,
    pub(super) turn: Turn,
    /// When all was well with the watch before its trouble.
    pub(super) well_until: Timestamp,
    pub(super) to: ReportTo,
    pub(super) last_error: Option<LastError>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    Begins(Trouble),
    Ends,
}

impl Board {
    /// Every watch, ordered by mailbox and folder.
    pub fn mailboxes(&self) -> Vec<MailboxStatus> {
        let entries = self.lock();
        let statuses = entries.watches.values().map(|entry| entry.status.clone());
        statuses.collect()
    }

    /// Every sink, ordered by name.
    pub fn sinks(&self) -> Vec<SinkStatus> {
        let entries = self.lock();
        let statuses = entries.sinks.iter().map(|(sink, state)| SinkStatus {
            sink: sink.clone(),
            state: state.clone(),
        });
        statuses.collect()
    }

    /// A watch begins. One that begins again, after a panic, is no healthier by it.
    pub(crate) fn enter(&self, watch: &Watch, now: Timestamp) {
        let mut entries = self.lock();
        if let Some(entry) = entries.watches.get_mut(&watch.key) {
            entry.status.state = WatchState::Starting;
            entry.limit = watch.pace.stalled_after;
            entry.report_to = watch.report_to.clone();
            return;
        }
        let entry = Entry {
            status: MailboxStatus {
                watch: watch.key.clone(),
                state: WatchState::Starting,
                proven_at: None,
                stalled_since: None,
                cursor_moved_at: None,
                last_error: None,
                next_attempt_at: None,
            },
            limit: watch.pace.stalled_after,
            report_to: watch.report_to.clone(),
            began_at: now,
            failing_since: None,
            refused: false,
            awaits_change: false,
            known: Vec::new(),
        };
        entries.watches.insert(watch.key.clone(), entry);
    }

    /// Whether the watch waits for another configuration or a sign-in: then it may be tried again
    /// when the configuration was read again. One that waits for anything else has a reason: a
    /// server that wants to be left alone, or a message that fails again and again.
    pub fn may_hurry(&self, watch: &WatchKey) -> bool {
        let entries = self.lock();
        let entry = entries.watches.get(watch);
        entry.is_some_and(|entry| entry.status.state == WatchState::Retrying && entry.awaits_change)
    }

    /// The watch is none any more.
    pub fn forget(&self, watch: &WatchKey) {
        self.lock().watches.remove(watch);
    }

    /// The sink is none any more.
    pub fn forget_sink(&self, sink: &SinkName) {
        self.lock().sinks.remove(sink);
    }

    /// What is stored of the watch; no proof of it lies ahead.
    pub(crate) fn loaded(&self, watch: &WatchKey, proven_at: Option<Timestamp>) {
        self.change(watch, |entry| {
            entry.status.proven_at = entry.status.proven_at.max(proven_at);
        });
    }

    pub(crate) fn state(&self, watch: &WatchKey, state: WatchState) {
        self.change(watch, |entry| {
            entry.status.state = state;
            entry.status.next_attempt_at = None;
            if matches!(state, WatchState::Watching | WatchState::Paused) {
                entry.works();
            }
        });
    }

    pub(crate) fn moved(&self, watch: &WatchKey, now: Timestamp) {
        self.change(watch, |entry| {
            entry.status.cursor_moved_at = Some(now);
            entry.works();
        });
    }

    /// The server answered, and the folder was looked at.
    pub(crate) fn proven(&self, watch: &WatchKey, now: Timestamp) {
        self.change(watch, |entry| {
            entry.status.proven_at = Some(now);
            entry.status.next_attempt_at = None;
            entry.refused = false;
        });
    }

    pub(crate) fn failed(&self, watch: &WatchKey, fault: &dyn Fault, now: Timestamp) {
        self.change(watch, |entry| {
            entry.refused = is_refusal(fault);
            entry.awaits_change = matches!(fault.next(), Next::Reconfigure | Next::SignIn);
            entry.failing_since.get_or_insert(now);
            entry.status.last_error = Some(LastError {
                code: fault.code().to_owned(),
                sentence: fault.to_string(),
                at: now,
            });
        });
    }

    pub(crate) fn retrying(&self, watch: &WatchKey, until: Timestamp) {
        self.change(watch, |entry| {
            entry.status.state = WatchState::Retrying;
            entry.status.next_attempt_at = Some(until);
        });
    }

    pub(crate) fn enter_sink(&self, sink: &SinkName) {
        self.lock().sinks.insert(sink.clone(), SinkState::Working);
    }

    pub(crate) fn sink(&self, sink: &SinkName, state: SinkState) {
        if let Some(entry) = self.lock().sinks.get_mut(sink) {
            *entry = state;
        }
    }

    /// Everything that is to be reported at `now`.
    pub(super) fn reports(&self, now: Timestamp) -> Vec<Report> {
        let mut entries = self.lock();
        let mut reports = Vec::new();
        for (watch, entry) in &mut entries.watches {
            entry.believe(now);
            for turn in entry.turns(now) {
                reports.push(Report {
                    watch: watch.clone(),
                    turn,
                    well_until: entry.well_until(),
                    to: entry.report_to.clone(),
                    last_error: entry.status.last_error.clone(),
                });
            }
        }
        reports
    }

    /// The report is durable.
    pub(super) fn reported(&self, report: &Report) {
        self.change(&report.watch, |entry| match report.turn {
            Turn::Begins(trouble) => entry.known.push(trouble),
            Turn::Ends => entry.known.clear(),
        });
    }

    fn change(&self, watch: &WatchKey, change: impl FnOnce(&mut Entry)) {
        if let Some(entry) = self.lock().watches.get_mut(watch) {
            change(entry);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    /// No time of ours lies ahead, unless the clock was set back.
    fn believe(&mut self, now: Timestamp) {
        self.began_at = self.began_at.min(now);
        self.failing_since = self.failing_since.map(|at| at.min(now));
        self.status.proven_at = self.status.proven_at.map(|at| at.min(now));
        self.status.stalled_since = self.status.stalled_since.map(|at| at.min(now));
    }

    fn turns(&mut self, now: Timestamp) -> Vec<Turn> {
        let is_past = |since: Timestamp, limit| {
            Duration::try_from(now.duration_since(since)).is_ok_and(|since| since > limit)
        };
        // A server that answers proves nothing if what it sends can never be kept.
        let stalled =
            self.status.state != WatchState::Stopped && is_past(self.well_until(), self.limit);
        let refused =
            self.refused && (self.status.proven_at.is_none() || is_past(self.well_until(), BLIP));
        self.status.stalled_since = match (stalled, self.status.stalled_since) {
            (false, _) => None,
            (true, Some(since)) => Some(since),
            (true, None) => Some(now),
        };
        let holds = [(Trouble::Refused, refused), (Trouble::Stalled, stalled)];
        let mut turns: Vec<Turn> = holds
            .into_iter()
            .filter(|(trouble, holds)| *holds && !self.known.contains(trouble))
            .map(|(trouble, _)| Turn::Begins(trouble))
            .collect();
        let well = !stalled && self.failing_since.is_none();
        if well && !self.known.is_empty() {
            turns.push(Turn::Ends);
        }
        turns
    }

    /// It has come to the end of a look, or of a step.
    fn works(&mut self) {
        self.status.last_error = None;
        self.failing_since = None;
    }

    /// A watch that was never proven alive has the time since its start.
    fn well_until(&self) -> Timestamp {
        let began = self.began_at;
        let alive = self.status.proven_at.map_or(began, |at| at.max(began));
        self.failing_since.map_or(alive, |since| since.min(alive))
    }
}

/// A refusal of what worked before is trouble only if it lasts longer.
const BLIP: Duration = Duration::from_mins(1);

/// Whether somebody other than the operator must give us back the permission to sign in.
fn is_refusal(fault: &dyn Fault) -> bool {
    match fault.next() {
        Next::SignIn => true,
        Next::Reconfigure => matches!(fault.owner(), Owner::TenantAdmin | Owner::Person),
        Next::Retry(_) | Next::Discard => false,
    }
}

#[cfg(test)]
mod tests {
    use gatepost_fault::After;
    use gatepost_mail::FolderName;

    use super::*;
    use crate::StorageError;

    #[test]
    fn only_what_waits_for_a_change_may_be_hurried() {
        let key = WatchKey {
            mailbox: "support@contoso.com".to_owned(),
            folder: FolderName::inbox(),
        };
        let (board, now) = (Board::default(), Timestamp::UNIX_EPOCH);
        board.enter(&Watch::new(key.clone(), Vec::new()), now);
        assert!(!board.may_hurry(&key), "it begins");
        let throttled = Next::Retry(After::AtLeast(Duration::from_mins(5)));
        for (next, hurries) in [
            (Next::SignIn, true),
            (throttled, false),
            (Next::Reconfigure, true),
            (Next::Retry(After::Backoff), false),
            (Next::Discard, false),
        ] {
            let fault = StorageError::Storage {
                code: "test",
                message: "it failed".to_owned(),
                owner: Owner::Remote,
                next,
            };
            board.failed(&key, &fault, now);
            assert!(!board.may_hurry(&key), "it has not begun to wait");
            board.retrying(&key, now);
            assert_eq!(board.may_hurry(&key), hurries, "{next:?}");
            board.state(&key, WatchState::Watching);
        }
    }
}
