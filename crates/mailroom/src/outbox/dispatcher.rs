//! Sends for one mailbox.

use std::collections::VecDeque;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::time::Duration;

use gatepost_fault::Fault as _;
use gatepost_host::Stop;
use jiff::{SignedDuration, Timestamp};
use tokio::task::{JoinError, JoinSet};

use super::attempt::{Attempt, Attempted, CLAIM, Held, LONGEST, READY};
use super::lane::{Lane, Lesson, Room};
use super::{PostOffice, Sending};
use crate::{
    Call, DueNow, DueSubmission, Ear, Fate, Holder, RecipientFate, SendLease, Settlement,
    StorageError, Term,
};

/// Sends for one mailbox until it is stopped.
#[derive(Debug)]
pub struct Dispatcher {
    office: PostOffice,
    sending: Arc<Sending>,
    ear: Ear,
}

/// What is under way.
struct Work {
    lane: Lane,
    /// When something of the mailbox is due next, as it was read.
    due: Option<Timestamp>,
    /// Until when that counts. It may be told too early: a claim finds nothing then.
    due_counts_until: Timestamp,
    /// Claimed, and not begun; and when each was claimed.
    ready: VecDeque<(DueSubmission, Timestamp)>,
    /// A claim that is being written.
    claims: JoinSet<Result<Claimed, StorageError>>,
    /// Whether the last claim found less than it wanted, and nothing happened since it began.
    is_dry: bool,
    /// Whether anything happened since it began.
    is_stirred: bool,
    attempts: JoinSet<Attempted>,
    looks: JoinSet<Settlement>,
    /// Whether what a look found out is not written yet.
    has_looked: bool,
    /// Sessions without a message, and since when.
    idle: Vec<(Held, Timestamp)>,
    /// What has ended and is not written yet.
    unsettled: Vec<Settlement>,
    /// What is being written, and whether each still counted.
    written: Vec<Settlement>,
    writing: JoinSet<Result<Vec<bool>, StorageError>>,
}

/// What was claimed, when, and whether that was less than was wanted.
struct Claimed {
    due: Vec<DueSubmission>,
    /// What nobody can read.
    given_up: Vec<Settlement>,
    at: Timestamp,
    is_all: bool,
}

impl Dispatcher {
    /// A dispatcher for the mailbox of `sending`.
    pub fn new(office: PostOffice, sending: Sending) -> Self {
        let ear = office.bell(&sending.mailbox).ear();
        Self {
            office,
            sending: Arc::new(sending),
            ear,
        }
    }

    /// Sends until it is stopped. What is being handed over then may end within 20 seconds; of
    /// what does not, it is looked up later whether it was sent.
    pub async fn run(mut self, stop: Stop) {
        let Some(mut work) = self.begin(&stop).await else {
            return;
        };
        while !stop.is_requested() {
            if let Err(error) = self.round(&mut work, &stop).await {
                self.log(&error);
                stop.or(self.office.clock.sleep(AFTER_STORAGE_FAULT)).await;
            }
        }
        self.end(work).await;
    }

    /// Reads what was sent lately.
    async fn begin(&self, stop: &Stop) -> Option<Work> {
        loop {
            let since = earlier(self.office.clock.now(), Duration::from_hours(24));
            let mailbox = &self.sending.mailbox;
            match self.office.outbox.traffic(mailbox, since).await {
                Ok(lately) => {
                    let limits = self.sending.policy.limits;
                    return Some(Work {
                        lane: Lane::new(limits, &lately, self.office.chance.clone()),
                        due: None,
                        due_counts_until: Timestamp::MIN,
                        ready: VecDeque::new(),
                        claims: JoinSet::new(),
                        is_dry: false,
                        is_stirred: false,
                        attempts: JoinSet::new(),
                        looks: JoinSet::new(),
                        has_looked: false,
                        idle: Vec::new(),
                        unsettled: Vec::new(),
                        written: Vec::new(),
                        writing: JoinSet::new(),
                    });
                }
                Err(error) => self.log(&error),
            }
            stop.or(self.office.clock.sleep(AFTER_STORAGE_FAULT))
                .await?;
        }
    }

    /// Begins what may begin, waits until something ends or becomes due, and has written what
    /// ended. Nobody who sends waits for what is being written.
    async fn round(&mut self, work: &mut Work, stop: &Stop) -> Result<(), StorageError> {
        self.settle(work);
        self.close_idle(work).await;
        let mut begun = self.read_due(work).await?;
        let due = work.due;
        begun |= self.start(work, due);
        if begun {
            return Ok(());
        }
        let until = self.wake_at(work, due);
        let clock = self.office.clock.clone();
        tokio::select! {
            biased;
            Some(ended) = work.attempts.join_next() => {
                if let Ok(attempted) = ended {
                    self.note(work, attempted);
                }
                // Whatever else has ended is written in the same transaction.
                while let Some(ended) = work.attempts.try_join_next() {
                    if let Ok(attempted) = ended {
                        self.note(work, attempted);
                    }
                }
                work.stir();
            }
            Some(counted) = work.writing.join_next() => {
                work.stir();
                let is_all_sent = work.written.iter().all(|one| matches!(one.fate, Fate::Sent { .. }));
                if !is_all_sent || std::mem::take(&mut work.has_looked) {
                    work.forget_due();
                }
                self.wrote(work, counted)?;
            }
            Some(claimed) = work.claims.join_next() => {
                // Nobody ends it, so it panicked: that is ours, too.
                let claimed = claimed.unwrap_or_else(|ended| resume_unwind(ended.into_panic()));
                work.claimed(claimed?);
            }
            Some(ended) = work.looks.join_next() => {
                work.unsettled.extend(ended.ok());
                work.has_looked = true;
                work.forget_due();
            }
            () = stop.requested() => {}
            call = self.ear.heard() => {
                if call == Call::Urgent {
                    work.lane.opens();
                }
                work.stir();
                work.forget_due();
            }
            () = clock.sleep_until(until) => {
                work.stir();
                work.forget_due();
            }
        }
        Ok(())
    }

    /// Reads when something is due, unless that is known well enough, and begins a look where one
    /// is due. Says whether it did. While a backlog is sent, each message would cost these reads.
    async fn read_due(&self, work: &mut Work) -> Result<bool, StorageError> {
        let now = self.office.clock.now();
        let until = later(now, DUE_COUNTS);
        if (now..=until).contains(&work.due_counts_until) {
            return Ok(false);
        }
        let outbox = &self.office.outbox;
        work.due = outbox.next_due_of(&self.sending.mailbox).await?;
        work.due_counts_until = until;
        if work.due.is_some_and(|at| at <= now) {
            return self.look(work, now).await;
        }
        Ok(false)
    }

    /// Looks for what is unknown, one after another. Says whether a look began.
    async fn look(&self, work: &mut Work, now: Timestamp) -> Result<bool, StorageError> {
        if !work.looks.is_empty() {
            return Ok(false);
        }
        let (outbox, mailbox) = (&self.office.outbox, &self.sending.mailbox);
        let DueNow {
            whole: mut due,
            mut damaged,
        } = outbox.unknown_due(mailbox, now, 1).await?;
        // What was found out of it is not written yet.
        due.retain(|due| !work.is_unwritten(&due.lease));
        damaged.retain(|due| !work.is_unwritten(&due.lease));
        let any = !due.is_empty() || !damaged.is_empty();
        for damaged in damaged {
            let given_up = self.sending.given_up(damaged, &self.office);
            work.unsettled.push(given_up);
        }
        for due in due {
            let (sending, office) = (Arc::clone(&self.sending), self.office.clone());
            work.looks
                .spawn(async move { sending.looked_for(due, &office).await });
        }
        Ok(any)
    }

    /// Begins what may begin, and claims more. Says whether anything began.
    fn start(&self, work: &mut Work, due: Option<Timestamp>) -> bool {
        let now = self.office.clock.now();
        // A claim has to outlast the try.
        let is_stale = |at: Timestamp| later(at, READY) <= now || at > now;
        if work.ready.iter().any(|(_, at)| is_stale(*at)) {
            work.give_back();
            self.settle(work);
        }
        let (messages, sessions) = match work.lane.room(now) {
            Room::Free { messages, sessions } => (messages, sessions),
            Room::Until(_) => {
                work.give_back();
                self.settle(work);
                return false;
            }
        };
        let places = sessions.saturating_sub(work.attempts.len()).min(messages);
        let mut begun = false;
        for _ in 0..places {
            let Some((due, _)) = work.ready.pop_front() else {
                break;
            };
            begun = true;
            work.lane.begins(now);
            let attempt = Attempt {
                office: self.office.clone(),
                opener: Arc::clone(&self.sending.opener),
                due,
                held: work.idle.pop().map(|(held, _)| held),
                limit: LONGEST,
                most: work.lane.recipients_at_a_time(now),
            };
            work.attempts.spawn(attempt.run());
        }
        // A few more than can begin at once spare transactions, and are there when a session is
        // free again.
        let wanted = messages.min(sessions + AHEAD);
        let is_due = due.is_some_and(|at| at <= now);
        if is_due && !work.is_dry && work.claims.is_empty() && work.ready.len() <= wanted / 2 {
            self.claim(work, wanted - work.ready.len());
        }
        begun
    }

    /// Begins to claim so many.
    fn claim(&self, work: &mut Work, wanted: usize) {
        if wanted == 0 {
            return;
        }
        work.is_stirred = false;
        let (office, sending) = (self.office.clone(), Arc::clone(&self.sending));
        work.claims.spawn(async move {
            let at = office.clock.now();
            let term = Term {
                now: at,
                until: later(at, CLAIM),
                holder: Holder::Serve,
            };
            let mailbox = &sending.mailbox;
            let due = office.outbox.claim_for(mailbox, term, wanted).await?;
            let is_all = due.len() < wanted;
            let given_up = due.damaged.into_iter();
            let given_up = given_up.map(|damaged| sending.given_up(damaged, &office));
            Ok(Claimed {
                given_up: given_up.collect(),
                due: due.whole,
                at,
                is_all,
            })
        });
    }

    fn note(&self, work: &mut Work, attempted: Attempted) {
        let Attempted {
            due,
            tried,
            departed,
            held,
        } = attempted;
        let now = self.office.clock.now();
        if let Some(departed) = &departed {
            let to = departed.iter();
            let to = to.filter(|one| one.fate == RecipientFate::Open).count();
            work.lane.departed(to, now);
        }
        let (mut settlement, judged) = self.sending.judged(due, (tried, departed), &self.office);
        let sessions = work.attempts.len() + 1;
        work.lane.learns(&judged.lesson, sessions, now);
        if judged.lesson == Lesson::TooManyConnections {
            // Those without a message count, too.
            work.idle.clear();
        }
        if let (Some(until), Fate::RetryAt { at, .. }) =
            (work.lane.closed_until(), &mut settlement.fate)
        {
            *at = until.max(*at);
            settlement.mailbox_waits_until = Some(until);
            let code = judged.code.unwrap_or_default();
            tracing::warn!(mailbox = %self.sending.mailbox, code, %until, "the mailbox sends nothing for a while");
        }
        work.idle.extend(held.map(|held| (held, now)));
        work.unsettled.push(settlement);
    }

    /// Begins to write what became of messages, unless that of others is being written: what ends
    /// meanwhile is written together.
    fn settle(&self, work: &mut Work) {
        if work.unsettled.is_empty() || !work.writing.is_empty() {
            return;
        }
        work.written = std::mem::take(&mut work.unsettled);
        let (office, settlements) = (self.office.clone(), work.written.clone());
        work.writing.spawn(async move {
            let now = office.clock.now();
            office.outbox.conclude(settlements, now).await
        });
    }

    /// What the storage does not take now is written later.
    fn wrote(
        &self,
        work: &mut Work,
        counted: Result<Result<Vec<bool>, StorageError>, JoinError>,
    ) -> Result<(), StorageError> {
        let settlements = std::mem::take(&mut work.written);
        let counted = match counted {
            Ok(Ok(counted)) => counted,
            Ok(Err(error)) => {
                work.unsettled.splice(..0, settlements);
                return Err(error);
            }
            // Nobody ends it, so it panicked: that is ours, too.
            Err(ended) => resume_unwind(ended.into_panic()),
        };
        if settlements.iter().any(|one| !one.reports.is_empty()) {
            self.office.couriers.ring();
        }
        for (settlement, counted) in settlements.into_iter().zip(counted) {
            if !counted && settlement.fate != Fate::Released {
                tracing::warn!(
                    submission = %settlement.lease.id,
                    "somebody else decided of a message in the meantime; that stands"
                );
            }
        }
        Ok(())
    }

    /// Writes all that there is to write, and waits until it is.
    async fn settle_all(&self, work: &mut Work) {
        loop {
            self.settle(work);
            let Some(counted) = work.writing.join_next().await else {
                return;
            };
            if let Err(error) = self.wrote(work, counted) {
                self.log(&error);
                return;
            }
        }
    }

    /// When there is something to do although nothing ends and nobody rings.
    fn wake_at(&self, work: &mut Work, due: Option<Timestamp>) -> Timestamp {
        let now = self.office.clock.now();
        let mut until = later(now, LONGEST_WAIT);
        if let Some((_, since)) = work.idle.first() {
            until = until.min(later(*since, IDLE));
        }
        let open = match work.lane.room(now) {
            Room::Until(open) => Some(open),
            Room::Free { .. } => None,
        };
        match (due, open) {
            // A look does not wait for the lane.
            (Some(at), None) if at > now => until.min(at),
            (Some(at), Some(open)) if at > now => until.min(at.max(open).min(later(at, BLOCKED))),
            (Some(_), Some(open)) => until.min(open),
            // It is due and could not be claimed, and others may become due meanwhile.
            (Some(_), None) => until.min(later(now, BLOCKED)),
            (None, _) => until,
        }
    }

    async fn close_idle(&self, work: &mut Work) {
        let now = self.office.clock.now();
        let old = |since: Timestamp| later(since, IDLE) <= now || since > now;
        let (closing, idle) = std::mem::take(&mut work.idle)
            .into_iter()
            .partition::<Vec<_>, _>(|(_, since)| old(*since));
        work.idle = idle;
        for (mut held, _) in closing {
            held.session.close().await;
        }
    }

    async fn end(&self, mut work: Work) {
        let clock = self.office.clock.clone();
        let rest = async {
            while let Some(ended) = work.attempts.join_next().await {
                if let Ok(attempted) = ended {
                    self.note(&mut work, attempted);
                }
                self.settle_all(&mut work).await;
            }
        };
        let _ = clock.within(LAST_ATTEMPTS, rest).await;
        while let Some(claimed) = work.claims.join_next().await {
            match claimed {
                Ok(Ok(claimed)) => work.claimed(claimed),
                Ok(Err(error)) => self.log(&error),
                Err(_) => {}
            }
        }
        work.give_back();
        self.settle_all(&mut work).await;
        for (mut held, _) in work.idle {
            let _ = clock.within(GOODBYE, held.session.close()).await;
        }
    }

    fn log(&self, error: &StorageError) {
        let (mailbox, code) = (&self.sending.mailbox, error.code());
        if error.is_told() {
            tracing::debug!(%mailbox, code, "messages wait for the storage");
        } else {
            tracing::warn!(%mailbox, code, "messages wait: {error}");
        }
    }
}

impl Work {
    /// There may be more to claim.
    fn stir(&mut self) {
        self.is_dry = false;
        self.is_stirred = true;
    }

    fn is_unwritten(&self, lease: &SendLease) -> bool {
        let mut unwritten = self.written.iter().chain(&self.unsettled);
        unwritten.any(|one| one.lease == *lease)
    }

    /// Something else may be due by now.
    fn forget_due(&mut self) {
        self.due_counts_until = Timestamp::MIN;
    }

    /// What was claimed and cannot begin soon waits unclaimed: somebody may cancel it.
    fn give_back(&mut self) {
        let released = self.ready.drain(..).map(|(due, _)| Settlement {
            lease: due.lease,
            recipients: due.recipients,
            fate: Fate::Released,
            code: None,
            mailbox_waits_until: None,
            reports: Vec::new(),
            bounce: None,
        });
        self.unsettled.extend(released);
    }

    fn claimed(&mut self, claimed: Claimed) {
        let Claimed {
            due,
            given_up,
            at,
            is_all,
        } = claimed;
        self.unsettled.extend(given_up);
        self.is_dry = is_all && !self.is_stirred;
        if is_all {
            self.forget_due();
        }
        self.ready.extend(due.into_iter().map(|due| (due, at)));
    }
}

fn later(at: Timestamp, time: Duration) -> Timestamp {
    let time = SignedDuration::try_from(time).unwrap_or(SignedDuration::MAX);
    at.checked_add(time).unwrap_or(Timestamp::MAX)
}

fn earlier(at: Timestamp, time: Duration) -> Timestamp {
    at.checked_sub(time).unwrap_or(Timestamp::MIN)
}

/// How long what is due next counts as it was read, if nobody rings and nothing is written that
/// changes it.
const DUE_COUNTS: Duration = Duration::from_secs(1);
/// Messages that are claimed before they can begin.
const AHEAD: usize = 16;
/// How long a session waits for another message.
const IDLE: Duration = Duration::from_secs(20);
/// How soon it is looked again for what is due and was not to be had.
const BLOCKED: Duration = Duration::from_secs(1);
/// Somebody else may have put a message into the outbox and not have rung.
const LONGEST_WAIT: Duration = Duration::from_mins(1);
const AFTER_STORAGE_FAULT: Duration = Duration::from_secs(1);
const LAST_ATTEMPTS: Duration = Duration::from_secs(20);
const GOODBYE: Duration = Duration::from_secs(2);
