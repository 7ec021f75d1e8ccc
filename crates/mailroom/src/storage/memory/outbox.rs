//! The outbox in memory: the executable reading of its trait.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use async_trait::async_trait;
use gatepost_mail::Trace;
use jiff::Timestamp;

use super::MemoryStorage;
use super::rows::Rows;
use crate::{
    Accepted, Addressee, Decision, DueNow, DueSubmission, Fate, FormerTries, Holder, Kept, LeftBy,
    Letter, NewEvent, NewSubmission, Outbox, RecipientFate, Recovered, SendLease, Settlement,
    StorageError, Submission, SubmissionFilter, SubmissionId, SubmissionState, Term, Traffic,
};

#[derive(Debug, Default)]
pub(super) struct OutboxRows {
    /// In the order in which they were accepted.
    rows: BTreeMap<i64, Row>,
    last: i64,
    /// What was transmitted, by mailbox and minute.
    traffic: BTreeMap<(String, i64), Traffic>,
}

#[derive(Debug)]
struct Row {
    id: SubmissionId,
    letter: Letter,
    recipients: Vec<Addressee>,
    message: Option<Kept>,
    idempotency_key: Option<[u8; 32]>,
    digest: [u8; 32],
    state: SubmissionState,
    due_at: Option<Timestamp>,
    claim: i64,
    holder: Holder,
    attempts: u32,
    first_attempt_at: Option<Timestamp>,
    overdue: Duration,
    departed_at: Option<Timestamp>,
    settled_at: Option<Timestamp>,
    trace: Option<Trace>,
    draft: Option<String>,
    looks_in_vain: u32,
    untold: usize,
    reason: Option<String>,
    code: Option<String>,
    mailbox_waits_until: Option<Timestamp>,
    former: Vec<FormerTries>,
}

impl OutboxRows {
    /// What is kept of messages.
    pub(super) fn messages(&self) -> impl Iterator<Item = &Kept> {
        self.rows.values().filter_map(|row| row.message.as_ref())
    }

    fn find(&self, id: &SubmissionId) -> Option<&Row> {
        self.rows.values().find(|row| row.id == *id)
    }

    fn find_mut(&mut self, id: &SubmissionId) -> Option<&mut Row> {
        self.rows.values_mut().find(|row| row.id == *id)
    }

    fn accept(&mut self, new: NewSubmission) -> Accepted {
        let same_key = |row: &&Row| {
            new.idempotency_key.is_some()
                && row.idempotency_key == new.idempotency_key
                && row.letter.mailbox == new.letter.mailbox
        };
        if let Some(row) = self.rows.values().find(same_key) {
            let id = row.id.clone();
            return if row.digest == new.digest {
                Accepted::Before(id)
            } else {
                Accepted::Other(id)
            };
        }
        self.last += 1;
        self.rows.insert(self.last, Row::new(new));
        Accepted::New
    }

    /// Changes messages as a person asks for it; answers how many.
    fn change(
        &mut self,
        ids: &[SubmissionId],
        from: &[SubmissionState],
        change: impl Fn(&mut Row),
    ) -> usize {
        let wanted = |row: &&mut Row| ids.contains(&row.id) && from.contains(&row.state);
        let rows = self.rows.values_mut().filter(wanted);
        rows.map(change).count()
    }
}

impl Row {
    fn new(new: NewSubmission) -> Self {
        let accepted_at = new.letter.accepted_at;
        let due_at = new.letter.not_before.unwrap_or(accepted_at);
        Self {
            id: new.id,
            recipients: new.recipients.into_iter().map(Addressee::new).collect(),
            message: Some(new.message),
            idempotency_key: new.idempotency_key,
            digest: new.digest,
            state: if due_at > accepted_at {
                SubmissionState::Scheduled
            } else {
                SubmissionState::Queued
            },
            due_at: Some(due_at.max(accepted_at)),
            letter: new.letter,
            claim: 0,
            holder: Holder::Serve,
            attempts: 0,
            first_attempt_at: None,
            overdue: Duration::ZERO,
            departed_at: None,
            settled_at: None,
            trace: None,
            draft: None,
            looks_in_vain: 0,
            untold: 0,
            reason: None,
            code: None,
            mailbox_waits_until: None,
            former: Vec::new(),
        }
    }

    fn is_waiting(&self) -> bool {
        WAITING.contains(&self.state)
    }

    fn is_due(&self, now: Timestamp) -> bool {
        self.due_at.is_some_and(|at| at <= now)
    }

    /// Nobody had to do with it from when it was due until `now`.
    fn was_overdue(&mut self, now: Timestamp) {
        let late = self.due_at.map(|at| now.duration_since(at));
        self.overdue += late
            .and_then(|late| Duration::try_from(late).ok())
            .unwrap_or_default();
    }

    /// It is tried as if for the first time.
    fn begins_anew(&mut self, reason: Option<String>) {
        let former = FormerTries {
            attempts: self.attempts,
            first_attempt_at: self.first_attempt_at,
            reason,
        };
        former.add_to(&mut self.former);
        self.attempts = 0;
        self.first_attempt_at = None;
    }

    fn claim(&mut self, term: Term) -> DueSubmission {
        if self.first_attempt_at.is_some() {
            self.was_overdue(term.now);
        } else {
            self.overdue = Duration::ZERO;
        }
        self.state = SubmissionState::Claimed;
        self.claim += 1;
        self.holder = term.holder;
        self.attempts += 1;
        self.due_at = Some(term.until);
        self.first_attempt_at.get_or_insert(term.now);
        self.due(term.now)
    }

    fn due(&self, now: Timestamp) -> DueSubmission {
        DueSubmission {
            lease: SendLease {
                id: self.id.clone(),
                claim: self.claim,
            },
            letter: self.letter.clone(),
            recipients: self.recipients.clone(),
            message: self.message.clone().unwrap_or(Kept::Inline(Vec::new())),
            attempt: self.attempts,
            first_attempt_at: self.first_attempt_at.unwrap_or(now),
            overdue: self.overdue,
            departed_at: self.departed_at,
            trace: self.trace.clone(),
            draft: self.draft.clone(),
            looks_in_vain: self.looks_in_vain,
            untold: self.untold,
            reason: self.reason.clone(),
            former: self.former.clone(),
        }
    }

    fn enter(&mut self, state: SubmissionState, now: Timestamp) {
        self.state = state;
        self.settled_at = state.is_settled().then_some(now);
        if matches!(state, SubmissionState::Sent | SubmissionState::Cancelled) {
            self.message = None;
        }
    }

    fn conclude(
        &mut self,
        (fate, code, mailbox_waits_until): (&Fate, Option<&str>, Option<Timestamp>),
        recipients: Vec<Addressee>,
        now: Timestamp,
    ) {
        if *fate == Fate::Released {
            self.attempts = self.attempts.saturating_sub(1);
        } else {
            self.recipients = recipients;
            self.reason = fate.words().map(ToOwned::to_owned);
            self.code = code.map(ToOwned::to_owned);
            self.mailbox_waits_until = mailbox_waits_until;
            self.looks_in_vain = fate.looks_in_vain();
            self.untold = 0;
        }
        self.was_overdue(now);
        self.enter(fate.state(), now);
        self.due_at = fate.due_at(now);
    }

    fn view(&self) -> Submission {
        let waits = self.is_waiting() || self.state == SubmissionState::Unknown;
        Submission {
            id: self.id.clone(),
            letter: self.letter.clone(),
            recipients: self.recipients.clone(),
            state: self.state,
            attempts: self.attempts,
            next_attempt_at: self.due_at.filter(|_| waits),
            first_attempt_at: self.first_attempt_at,
            departed_at: self.departed_at,
            settled_at: self.settled_at,
            untold: self.untold,
            reason: self.reason.clone(),
            code: self.code.clone(),
            mailbox_waits_until: self.mailbox_waits_until,
            former: self.former.clone(),
        }
    }
}

impl Rows {
    fn settle_submission(&mut self, settlement: Settlement, now: Timestamp) -> bool {
        let Some(row) = self.outbox.find_mut(&settlement.lease.id) else {
            return false;
        };
        if row.claim != settlement.lease.claim || !IN_HAND.contains(&row.state) {
            return false;
        }
        let until = settlement.mailbox_waits_until;
        let became = (&settlement.fate, settlement.code, until);
        row.conclude(became, settlement.recipients, now);
        self.tell(settlement.reports, settlement.bounce, now);
        true
    }

    fn tell(&mut self, reports: Vec<NewEvent>, bounce: Option<Box<NewSubmission>>, now: Timestamp) {
        for report in reports {
            self.insert(report, now);
        }
        if let Some(mut bounce) = bounce {
            let reports = std::mem::take(&mut bounce.reports);
            if self.outbox.accept(*bounce) == Accepted::New {
                for report in reports {
                    self.insert(report, now);
                }
            }
        }
    }
}

#[async_trait]
impl Outbox for MemoryStorage {
    async fn accept(&self, mut new: NewSubmission) -> Result<Accepted, StorageError> {
        let mut rows = self.rows();
        let (reports, at) = (std::mem::take(&mut new.reports), new.letter.accepted_at);
        let accepted = rows.outbox.accept(new);
        if accepted == Accepted::New {
            for report in reports {
                rows.insert(report, at);
            }
        }
        Ok(accepted)
    }

    async fn claim_for(
        &self,
        mailbox: &str,
        term: Term,
        limit: usize,
    ) -> Result<DueNow, StorageError> {
        let mut rows = self.rows();
        let due = |row: &&mut Row| {
            row.letter.mailbox == mailbox && row.is_waiting() && row.is_due(term.now)
        };
        let mut due: Vec<&mut Row> = rows.outbox.rows.values_mut().filter(due).collect();
        due.sort_by_key(|row| row.letter.priority);
        let claimed = due.into_iter().take(limit).map(|row| row.claim(term));
        Ok(whole(claimed))
    }

    async fn claim_one(&self, id: &SubmissionId, term: Term) -> Result<DueNow, StorageError> {
        let mut rows = self.rows();
        let row = rows.outbox.find_mut(id);
        let row = row.filter(|row| row.is_waiting() && row.is_due(term.now));
        Ok(whole(row.map(|row| row.claim(term))))
    }

    async fn unknown_due(
        &self,
        mailbox: &str,
        now: Timestamp,
        limit: usize,
    ) -> Result<DueNow, StorageError> {
        let rows = self.rows();
        let due = |row: &&Row| {
            row.letter.mailbox == mailbox
                && row.state == SubmissionState::Unknown
                && row.is_due(now)
        };
        let due = rows.outbox.rows.values().filter(due);
        Ok(whole(due.map(|row| row.due(now)).take(limit)))
    }

    async fn depart(
        &self,
        due: &DueSubmission,
        (trace, recipients): (&Trace, &[Addressee]),
        (now, until): (Timestamp, Timestamp),
    ) -> Result<bool, StorageError> {
        let lease = &due.lease;
        let mut rows = self.rows();
        let Some(row) = rows.outbox.find_mut(&lease.id) else {
            return Ok(false);
        };
        if row.claim != lease.claim || row.state != SubmissionState::Claimed {
            return Ok(false);
        }
        row.state = SubmissionState::Transmitting;
        row.trace = Some(trace.clone());
        row.draft = None;
        row.looks_in_vain = 0;
        row.untold = Addressee::newly_refused(&row.recipients, recipients);
        row.reason = None;
        row.code = None;
        row.mailbox_waits_until = None;
        row.due_at = Some(until);
        row.departed_at = Some(now);
        row.recipients = recipients.to_vec();
        let open = recipients
            .iter()
            .filter(|one| one.fate == RecipientFate::Open);
        let (mailbox, open) = (row.letter.mailbox.clone(), open.count() as u64);
        let minute = rows.outbox.traffic.entry((mailbox, Traffic::minute(now)));
        let minute = minute.or_insert(Traffic {
            at: now,
            messages: 0,
            recipients: 0,
        });
        minute.at = minute.at.max(now);
        minute.messages += 1;
        minute.recipients += open;
        Ok(true)
    }

    async fn note_draft(
        &self,
        lease: &SendLease,
        draft: Option<&str>,
    ) -> Result<bool, StorageError> {
        let mut rows = self.rows();
        let row = rows.outbox.find_mut(&lease.id);
        let row = row.filter(|row| row.claim == lease.claim && DRAFTED.contains(&row.state));
        Ok(row
            .map(|row| row.draft = draft.map(str::to_owned))
            .is_some())
    }

    async fn conclude(
        &self,
        settlements: Vec<Settlement>,
        now: Timestamp,
    ) -> Result<Vec<bool>, StorageError> {
        let mut rows = self.rows();
        let settled = settlements.into_iter();
        Ok(settled
            .map(|settlement| rows.settle_submission(settlement, now))
            .collect())
    }

    async fn recover(&self, left_by: LeftBy, now: Timestamp) -> Result<Recovered, StorageError> {
        let mut recovered = Recovered::default();
        for row in self.rows().outbox.rows.values_mut() {
            let is_void = match left_by {
                LeftBy::FormerServe => row.holder == Holder::Serve || row.is_due(now),
                LeftBy::Anybody { latest } => {
                    row.is_due(now) || row.due_at.is_some_and(|at| at > latest)
                }
            };
            if !is_void {
                continue;
            }
            match row.state {
                SubmissionState::Claimed => {
                    row.state = SubmissionState::Queued;
                    recovered.queued += 1;
                }
                SubmissionState::Transmitting => {
                    row.state = SubmissionState::Unknown;
                    recovered.unknown += 1;
                }
                _ => continue,
            }
            row.was_overdue(now);
            row.due_at = Some(now);
        }
        Ok(recovered)
    }

    async fn hold_others(&self, open: &[String], now: Timestamp) -> Result<usize, StorageError> {
        let mut held = 0;
        for row in self.rows().outbox.rows.values_mut() {
            if open.contains(&row.letter.mailbox) {
                if row.state == SubmissionState::Held {
                    row.state = SubmissionState::Queued;
                    row.attempts = 0;
                    row.first_attempt_at = None;
                    row.due_at = Some(row.letter.not_before.map_or(now, |at| at.max(now)));
                }
            } else if row.is_waiting() || row.state == SubmissionState::Held {
                row.state = SubmissionState::Held;
                row.due_at = None;
                held += 1;
            }
        }
        Ok(held)
    }

    async fn next_due_of(&self, mailbox: &str) -> Result<Option<Timestamp>, StorageError> {
        let rows = self.rows();
        let mine = rows.outbox.rows.values();
        let mine = mine.filter(|row| row.letter.mailbox == mailbox);
        Ok(mine.filter_map(|row| row.due_at).min())
    }

    async fn waiting_of(&self, mailbox: &str) -> Result<usize, StorageError> {
        let rows = self.rows();
        let mine = rows.outbox.rows.values();
        let waits = |row: &&Row| {
            let waits = [SubmissionState::Queued, SubmissionState::Scheduled];
            row.letter.mailbox == mailbox && waits.contains(&row.state)
        };
        Ok(mine.filter(waits).count())
    }

    async fn traffic(&self, mailbox: &str, since: Timestamp) -> Result<Vec<Traffic>, StorageError> {
        let rows = self.rows();
        let minutes = rows.outbox.traffic.iter();
        let minutes =
            minutes.filter(|((of, minute), _)| of == mailbox && *minute >= Traffic::minute(since));
        Ok(minutes.map(|(_, minute)| *minute).collect())
    }

    async fn submissions(
        &self,
        filter: &SubmissionFilter,
    ) -> Result<Vec<Submission>, StorageError> {
        let rows = self.rows();
        let wanted = |row: &&Row| {
            filter.state.is_none_or(|state| row.state == state)
                && filter
                    .mailbox
                    .as_ref()
                    .is_none_or(|mailbox| row.letter.mailbox == *mailbox)
                && filter.due_after.is_none_or(|at| row.due_at > Some(at))
        };
        let newest_first = rows.outbox.rows.values().rev().filter(wanted);
        Ok(newest_first.map(Row::view).take(filter.limit).collect())
    }

    async fn submission(&self, id: &SubmissionId) -> Result<Option<Submission>, StorageError> {
        Ok(self.rows().outbox.find(id).map(Row::view))
    }

    async fn retry_sending(
        &self,
        ids: &[SubmissionId],
        now: Timestamp,
    ) -> Result<usize, StorageError> {
        Ok(self.rows().outbox.change(ids, &RETRIABLE, |row| {
            let gave_up = row.state.is_settled();
            row.enter(SubmissionState::Queued, now);
            row.due_at = Some(now);
            // A person has more patience than the schedule.
            let reason = row.reason.take();
            row.begins_anew(reason);
            row.code = None;
            row.mailbox_waits_until = None;
            if gave_up {
                row.recipients.iter_mut().for_each(Addressee::reopen);
            }
        }))
    }

    async fn cancel(&self, ids: &[SubmissionId], now: Timestamp) -> Result<usize, StorageError> {
        Ok(self.rows().outbox.change(ids, &CANCELLABLE, |row| {
            row.enter(SubmissionState::Cancelled, now);
            row.due_at = None;
        }))
    }

    async fn resolve(
        &self,
        id: &SubmissionId,
        decision: Decision,
        now: Timestamp,
    ) -> Result<bool, StorageError> {
        let mut rows = self.rows();
        let row = rows.outbox.find_mut(id);
        let is_meant = |row: &&mut Row| {
            row.state == SubmissionState::Unknown && row.departed_at == decision.departed_at
        };
        let Some(row) = row.filter(is_meant) else {
            return Ok(false);
        };
        let lost = row.reason.clone();
        row.conclude((&decision.fate, None, None), decision.recipients, now);
        if row.state == SubmissionState::Queued {
            row.begins_anew(lost);
        }
        rows.tell(decision.reports, decision.bounce, now);
        Ok(true)
    }

    async fn forget_sent(&self, before: Timestamp, limit: usize) -> Result<usize, StorageError> {
        let mut rows = self.rows();
        let is_old = |row: &Row| {
            matches!(
                row.state,
                SubmissionState::Sent | SubmissionState::Cancelled
            ) && row.settled_at.is_some_and(|at| at < before)
        };
        let old = rows.outbox.rows.iter().filter(|(_, row)| is_old(row));
        let old = old.map(|(place, row)| (row.settled_at, *place));
        let old: BTreeSet<_> = old.collect();
        let old: Vec<_> = old.into_iter().take(limit).collect();
        for (_, place) in &old {
            rows.outbox.rows.remove(place);
        }
        let counted = before.checked_sub(DAY).unwrap_or(Timestamp::MIN);
        let traffic = &mut rows.outbox.traffic;
        traffic.retain(|(_, minute), _| *minute >= Traffic::minute(counted));
        Ok(old.len())
    }
}

/// Nothing is damaged in memory.
fn whole(due: impl IntoIterator<Item = DueSubmission>) -> DueNow {
    DueNow {
        whole: due.into_iter().collect(),
        damaged: Vec::new(),
    }
}

/// The limits of a mailbox look a day back, however soon messages are forgotten.
const DAY: Duration = Duration::from_hours(24);
/// Those that a claim takes.
const WAITING: [SubmissionState; 2] = [SubmissionState::Queued, SubmissionState::Scheduled];
/// Those that may leave a draft.
const DRAFTED: [SubmissionState; 2] = [SubmissionState::Claimed, SubmissionState::Transmitting];
/// Those of which whoever has the claim decides.
const IN_HAND: [SubmissionState; 3] = [
    SubmissionState::Claimed,
    SubmissionState::Transmitting,
    SubmissionState::Unknown,
];
const RETRIABLE: [SubmissionState; 5] = [
    SubmissionState::Queued,
    SubmissionState::Scheduled,
    SubmissionState::Held,
    SubmissionState::Failed,
    SubmissionState::Dead,
];
/// Those of which not an octet was sent.
const CANCELLABLE: [SubmissionState; 6] = [
    SubmissionState::Queued,
    SubmissionState::Scheduled,
    SubmissionState::Held,
    SubmissionState::Claimed,
    SubmissionState::Failed,
    SubmissionState::Dead,
];
