//! Sends for one mailbox.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use gatepost_fault::Fault as _;
use gatepost_host::Stop;
use jiff::{SignedDuration, Timestamp};
use tokio::task::JoinSet;

use super::attempt::{Attempt, Attempted, CLAIM, Held, LONGEST, READY};
use super::lane::{Lane, Lesson, Room};
use super::{PostOffice, Sending};
use crate::{
    Call, DueSubmission, Ear, Fate, Holder, RecipientFate, Settlement, StorageError, Term,
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
    /// Claimed, and not begun.
    ready: VecDeque<DueSubmission>,
    /// When these were claimed.
    claimed_at: Timestamp,
    attempts: JoinSet<Attempted>,
    looks: JoinSet<Settlement>,
    /// Sessions without a message, and since when.
    idle: Vec<(Held, Timestamp)>,
    /// What has ended and is not written yet.
    unsettled: Vec<Settlement>,
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
                        ready: VecDeque::new(),
                        claimed_at: self.office.clock.now(),
                        attempts: JoinSet::new(),
                        looks: JoinSet::new(),
                        idle: Vec::new(),
                        unsettled: Vec::new(),
                    });
                }
                Err(error) => self.log(&error),
            }
            stop.or(self.office.clock.sleep(AFTER_STORAGE_FAULT))
                .await?;
        }
    }

    /// Begins what may begin, waits until something ends or becomes due, and writes what ended.
    async fn round(&mut self, work: &mut Work, stop: &Stop) -> Result<(), StorageError> {
        self.settle(work).await?;
        self.close_idle(work).await;
        let due = self
            .office
            .outbox
            .next_due_of(&self.sending.mailbox)
            .await?;
        let now = self.office.clock.now();
        let mut begun = false;
        if due.is_some_and(|at| at <= now) {
            begun |= self.look(work, now).await?;
        }
        begun |= self.start(work, due).await?;
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
            }
            Some(ended) = work.looks.join_next() => work.unsettled.extend(ended.ok()),
            () = stop.requested() => {}
            call = self.ear.heard() => {
                if call == Call::Urgent {
                    work.lane.opens();
                }
            }
            () = clock.sleep_until(until) => {}
        }
        Ok(())
    }

    /// Looks for what is unknown, one after another. Says whether a look began.
    async fn look(&self, work: &mut Work, now: Timestamp) -> Result<bool, StorageError> {
        if !work.looks.is_empty() {
            return Ok(false);
        }
        let (outbox, mailbox) = (&self.office.outbox, &self.sending.mailbox);
        let due = outbox.unknown_due(mailbox, now, 1).await?;
        let any = !due.is_empty();
        for due in due {
            let (sending, office) = (Arc::clone(&self.sending), self.office.clone());
            work.looks
                .spawn(async move { sending.looked_for(due, &office).await });
        }
        Ok(any)
    }

    /// Claims and begins what may begin. Says whether anything did.
    async fn start(&self, work: &mut Work, due: Option<Timestamp>) -> Result<bool, StorageError> {
        let now = self.office.clock.now();
        if !work.ready.is_empty() && (later(work.claimed_at, READY) <= now || work.claimed_at > now)
        {
            // A claim has to outlast the try.
            self.give_back(work).await?;
            return Ok(true);
        }
        let (messages, sessions) = match work.lane.room(now) {
            Room::Free { messages, sessions } => (messages, sessions),
            Room::Until(_) => {
                self.give_back(work).await?;
                return Ok(false);
            }
        };
        let places = sessions.saturating_sub(work.attempts.len()).min(messages);
        if places == 0 {
            return Ok(false);
        }
        if work.ready.is_empty() && due.is_some_and(|at| at <= now) {
            // A few more than can begin at once spare transactions.
            let wanted = messages.min(places + AHEAD);
            let term = Term {
                now,
                until: later(now, CLAIM),
                holder: Holder::Serve,
            };
            let outbox = &self.office.outbox;
            let claimed = outbox
                .claim_for(&self.sending.mailbox, term, wanted)
                .await?;
            work.ready.extend(claimed);
            work.claimed_at = now;
        }
        let mut begun = false;
        for _ in 0..places {
            let Some(due) = work.ready.pop_front() else {
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
            };
            work.attempts.spawn(attempt.run());
        }
        Ok(begun)
    }

    /// What was claimed and cannot begin soon waits unclaimed: somebody may cancel it.
    async fn give_back(&self, work: &mut Work) -> Result<(), StorageError> {
        let released = work.ready.drain(..).map(|due| Settlement {
            lease: due.lease,
            recipients: due.recipients,
            fate: Fate::Released,
            reports: Vec::new(),
            bounce: None,
        });
        work.unsettled.extend(released);
        self.settle(work).await
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
            let code = judged.code.unwrap_or_default();
            tracing::warn!(mailbox = %self.sending.mailbox, code, %until, "the mailbox sends nothing for a while");
        }
        work.idle.extend(held.map(|held| (held, now)));
        work.unsettled.push(settlement);
    }

    /// Writes what became of messages. What the storage does not take now is written later.
    async fn settle(&self, work: &mut Work) -> Result<(), StorageError> {
        if work.unsettled.is_empty() {
            return Ok(());
        }
        let reports = work.unsettled.iter().any(|one| !one.reports.is_empty());
        let (outbox, now) = (&self.office.outbox, self.office.clock.now());
        let counted = outbox.conclude(work.unsettled.clone(), now).await?;
        for (settlement, counted) in work.unsettled.drain(..).zip(counted) {
            if !counted && settlement.fate != Fate::Released {
                tracing::warn!(
                    submission = %settlement.lease.id,
                    "somebody else decided of a message in the meantime; that stands"
                );
            }
        }
        if reports {
            self.office.couriers.ring();
        }
        Ok(())
    }

    /// When there is something to do although nothing ends and nobody rings.
    fn wake_at(&self, work: &mut Work, due: Option<Timestamp>) -> Timestamp {
        let now = self.office.clock.now();
        let mut until = later(now, LONGEST_WAIT);
        if let Some((_, since)) = work.idle.first() {
            until = until.min(later(*since, IDLE));
        }
        let is_busy = !work.attempts.is_empty() || !work.looks.is_empty();
        let open = match work.lane.room(now) {
            Room::Until(open) => Some(open),
            Room::Free { .. } => None,
        };
        match (due, open) {
            // A look does not wait for the lane.
            (Some(at), None) if at > now => until.min(at),
            (Some(at), Some(open)) if at > now => until.min(at.max(open).min(later(at, BLOCKED))),
            (Some(_), Some(open)) => until.min(open),
            // It is due and could not be claimed: what is under way comes first.
            (Some(_), None) if is_busy => until,
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
                if let Err(error) = self.settle(&mut work).await {
                    self.log(&error);
                }
            }
        };
        let _ = clock.within(LAST_ATTEMPTS, rest).await;
        if let Err(error) = self.give_back(&mut work).await {
            self.log(&error);
        }
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

fn later(at: Timestamp, time: Duration) -> Timestamp {
    let time = SignedDuration::try_from(time).unwrap_or(SignedDuration::MAX);
    at.checked_add(time).unwrap_or(Timestamp::MAX)
}

fn earlier(at: Timestamp, time: Duration) -> Timestamp {
    at.checked_sub(time).unwrap_or(Timestamp::MIN)
}

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
