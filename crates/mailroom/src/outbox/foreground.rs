//! Judging and settling, as everybody does it; and sending one message while somebody waits.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::attempt::{Attempt, CLAIM, LONGEST};
use super::bounce;
use super::judgement::{Judged, Moment, Tried, dropped, handed_over, judge};
use super::lane::Lesson;
use super::lookout::{Copies, LOOKS, LOOKS_IN_VAIN, LookError, Sighting, UNKNOWN};
use super::reports::{Report, damage_report};
use super::{PostOffice, Sending};
use crate::{
    Addressee, DamagedDue, DueNow, DueSubmission, EventType, Fate, Holder, NewEvent, RecipientFate,
    Settlement, StorageError, Submission, SubmissionFilter, SubmissionId, SubmissionState, Term,
    UnknownThen,
};

impl Sending {
    /// What follows from a try, ready to be written.
    pub(super) fn judged(
        &self,
        mut due: DueSubmission,
        (tried, departed): (Tried, Option<Vec<Addressee>>),
        office: &PostOffice,
    ) -> (Settlement, Judged) {
        let now = office.clock.now();
        let moment = self.moment(office, now);
        let was_refused = matches!(&tried, Tried::Failed(error) if !error.is_unknown());
        let before = due.recipients.clone();
        let mut judged = judge(&mut due, (tried, departed.is_some()), moment);
        if let Some(departed) = departed {
            if matches!(judged.fate, Fate::Unknown { .. }) {
                // Who was refused by it is told now: whatever is found concerns the others.
                judged.refused = Addressee::newly_refused(&before, &departed);
                due.recipients = departed;
            } else if was_refused {
                take_back(&mut due.recipients, &departed);
            }
        }
        log(&due, &judged);
        let settlement = self.settlement(due, &judged, office);
        (settlement, judged)
    }

    /// What is written of what was judged, with its reports.
    fn settlement(&self, due: DueSubmission, judged: &Judged, office: &PostOffice) -> Settlement {
        let now = office.clock.now();
        let mut reports = Vec::new();
        let code = judged.code;
        if judged.taken > 0 {
            let said = judged.fate.words().filter(|_| judged.refused == 0);
            reports.push(Report::on(EventType::SendSent, &due, said));
        }
        if judged.refused > 0 {
            let reason = judged.fate.words();
            let report = Report::on(EventType::SendBounced, &due, reason);
            reports.push(Report { code, ..report });
        }
        if let Fate::Failed { reason } | Fate::Dead { reason } = &judged.fate {
            let report = Report::on(EventType::SendFailed, &due, Some(reason));
            reports.push(Report { code, ..report });
        }
        let reports = reports
            .iter()
            .filter_map(|report| report.event(&due, (&self.policy.report_to, now)));
        let reports = reports.collect();
        let about = (&due.letter, &due.recipients[..]);
        let bounce = bounce::report(about, &judged.fate, (&self.policy, now, &office.chance));
        Settlement {
            lease: due.lease,
            recipients: due.recipients,
            fate: judged.fate.clone(),
            code: judged.code,
            mailbox_waits_until: None,
            reports,
            bounce: bounce.map(Box::new),
        }
    }

    /// The end of a message of which nobody can read what it is or to whom it goes. Whoever was
    /// refused by its last departure, and of whom nobody was told before its process ended, stands
    /// among the recipients of that report with his fate; there is no `send.bounced` besides.
    pub(super) fn given_up(&self, damaged: DamagedDue, office: &PostOffice) -> Settlement {
        let now = office.clock.now();
        let known = if damaged.may_have_been_sent {
            "nobody knows whether it was sent, and nobody can find out: "
        } else {
            "it is not sent: "
        };
        let reason = format!("{known}{}", damaged.reason);
        tracing::error!(
            submission = %damaged.lease.id, mailbox = %self.mailbox, code = damaged.code,
            "a message in the outbox is damaged; {reason}"
        );
        let about = (&damaged, self.mailbox.as_str());
        let report = damage_report(about, &reason, (&self.policy.report_to, now));
        let fate = Fate::Dead { reason };
        let letter = damaged.letter.as_ref();
        let letter = letter.filter(|_| !damaged.may_have_been_sent);
        let bounce = letter.and_then(|letter| {
            let about = (letter, &damaged.recipients[..]);
            bounce::report(about, &fate, (&self.policy, now, &office.chance))
        });
        Settlement {
            lease: damaged.lease,
            recipients: damaged.recipients,
            fate,
            code: Some(damaged.code),
            mailbox_waits_until: None,
            reports: report.into_iter().collect(),
            bounce: bounce.map(Box::new),
        }
    }

    /// What follows for a message that was found among those that were sent.
    fn found(&self, due: &mut DueSubmission, office: &PostOffice) -> Judged {
        let said = "the answer was lost; it was found among the sent messages";
        let open = |one: &&Addressee| one.fate == RecipientFate::Open;
        let taken = due.recipients.iter().filter(open).count();
        let moment = self.moment(office, office.clock.now());
        let judged = Judged {
            fate: handed_over(due, said.to_owned(), moment),
            lesson: Lesson::Nothing,
            code: None,
            refused: 0,
            taken,
        };
        log(due, &judged);
        judged
    }

    /// Looks for a message of which nobody knows whether it was sent, and decides.
    pub(super) async fn looked_for(
        &self,
        mut due: DueSubmission,
        office: &PostOffice,
    ) -> Settlement {
        let sighting = match &self.lookout {
            Some(lookout) => match lookout.look(&due).await {
                Ok(Sighting::Sent) => only_one_of_its_name(&due, office).await,
                other => other,
            },
            None => Err(LookError::Never(
                "this mailbox is not read here, so nobody can look into its Sent Items".to_owned(),
            )),
        };
        let now = office.clock.now();
        let since = due
            .departed_at
            .map_or(SignedDuration::MAX, |at| now.duration_since(at));
        let next = next_look(Duration::try_from(since).unwrap_or_default());
        let sighting = match (sighting, next, &self.lookout) {
            // It is sent anew as another draft, so this one must be out of the world before.
            (Ok(Sighting::Draft), None, Some(lookout)) => {
                let withdrawn = lookout.withdraw(&due).await;
                withdrawn.map(|()| Sighting::Draft)
            }
            (seen, ..) => seen,
        };
        // Its process ended before anybody told who was refused.
        let untold = due.untold;
        let (mut judged, report) = self.sighted(&mut due, (sighting, next), office);
        judged.refused += untold;
        let mut settlement = self.settlement(due, &judged, office);
        settlement.reports.splice(..0, report);
        settlement
    }

    /// What follows from a look, behind which there is to be another after a while or not; and what
    /// is told of it besides.
    fn sighted(
        &self,
        due: &mut DueSubmission,
        (sighting, next): (Result<Sighting, LookError>, Option<Duration>),
        office: &PostOffice,
    ) -> (Judged, Option<NewEvent>) {
        let now = office.clock.now();
        let mut code = UNKNOWN;
        let (fate, report) = match (sighting, next) {
            (Ok(Sighting::Sent), _) => return (self.found(due, office), None),
            // Right after it was sent it may seem to be a draft, as it may seem to be nowhere.
            (Ok(Sighting::Draft | Sighting::Nothing) | Err(LookError::Unclear(_)), Some(wait)) => {
                (look_again(due, 0, later(now, wait)), None)
            }
            (Ok(Sighting::Draft), None) => {
                let reason = "it was a draft still, so it was not sent".to_owned();
                if let Some(at) = due.departed_at {
                    let gone = |one: &mut Addressee| one.departures.retain(|other| *other != at);
                    due.recipients.iter_mut().for_each(gone);
                }
                (Fate::RetryAt { at: now, reason }, None)
            }
            (Ok(Sighting::Nothing), None) => {
                let has_it = |one: &Addressee| one.fate == RecipientFate::Taken;
                let why = if due.recipients.iter().any(has_it) {
                    "no further copy of it is among the sent messages"
                } else {
                    "it is not among the sent messages"
                };
                self.decide(due, (why, UNKNOWN), now)
            }
            (Err(LookError::NotNow(reason)), _) if due.looks_in_vain < LOOKS_IN_VAIN => {
                tracing::warn!(
                    submission = %due.lease.id, mailbox = %due.letter.mailbox,
                    "whether it was sent cannot be looked up at present: {reason}"
                );
                let wait = LOOKS[LOOKS.len() - 1];
                let at = later(now, wait + office.chance.up_to(wait / 4));
                (look_again(due, due.looks_in_vain + 1, at), None)
            }
            (Err(error), _) => {
                code = error.code();
                self.decide(due, (&error.to_string(), code), now)
            }
        };
        let judged = Judged {
            code: matches!(fate, Fate::Unknown { .. }).then_some(code),
            fate,
            lesson: Lesson::Nothing,
            refused: 0,
            taken: 0,
        };
        (judged, report)
    }

    fn moment<'a>(&self, office: &'a PostOffice, now: Timestamp) -> Moment<'a> {
        Moment {
            now,
            chance: &office.chance,
            give_up_after: self.policy.give_up_after,
        }
    }

    /// What follows when a message cannot be found: what the configuration says, and it is told.
    fn decide(
        &self,
        due: &mut DueSubmission,
        (why, code): (&str, &'static str),
        now: Timestamp,
    ) -> (Fate, Option<NewEvent>) {
        let lost = due.reason.as_deref();
        let lost = lost.unwrap_or("its process ended while it was handed over");
        let known = if code == UNKNOWN {
            format!("{lost}; {why}")
        } else {
            why.to_owned()
        };
        let then = self.policy.on_unknown;
        let follows = match then {
            UnknownThen::Hold => "a person is to decide",
            UnknownThen::Resend => "it is sent again, and may arrive twice",
            UnknownThen::Drop => "it is not sent again",
        };
        let mut reason = format!("{known}; {follows}");
        if then != UnknownThen::Hold {
            // Its state does not say so.
            reason.insert_str(0, "nobody knows whether it was sent: ");
        }
        tracing::warn!(
            submission = %due.lease.id, mailbox = %due.letter.mailbox,
            "nobody knows whether a message was sent; {follows}"
        );
        let report = Report::on(EventType::SendUnknown, due, Some(&reason));
        let report = Report {
            code: Some(code),
            then: Some(then),
            ..report
        };
        let report = report.event(due, (&self.policy.report_to, now));
        let fate = match then {
            UnknownThen::Hold => Fate::Unknown {
                look_at: None,
                looks_in_vain: 0,
                reason,
            },
            UnknownThen::Resend => Fate::RetryAt { at: now, reason },
            UnknownThen::Drop => dropped(&mut due.recipients, reason, now),
        };
        (fate, report)
    }

    /// Sends the message `id` of this mailbox while somebody waits for it, for `patience` at most;
    /// answers where it stands then. Whatever is left is done by a `serve`, or by the next who sends it.
    pub async fn send_now(
        &self,
        id: &SubmissionId,
        (office, patience): (&PostOffice, Duration),
    ) -> Result<Option<Submission>, StorageError> {
        let until = later(office.clock.now(), patience);
        let mut most = self.policy.limits.recipients_per_message as usize;
        let seen = office.outbox.submission(id).await?;
        if seen.as_ref().map(|seen| &seen.letter.mailbox) != Some(&self.mailbox) {
            return Ok(seen);
        }
        loop {
            let now = office.clock.now();
            let term = Term {
                now,
                until: later(now, CLAIM),
                holder: Holder::Beside,
            };
            let mut claimed = office.outbox.claim_one(id, term).await?;
            let mut lost = if claimed.is_empty() {
                unknown(id, office).await?
            } else {
                DueNow::default()
            };
            for damaged in claimed.damaged.into_iter().chain(lost.damaged) {
                let settlement = self.given_up(damaged, office);
                self.settle(settlement, office).await?;
            }
            if let Some(due) = claimed.whole.pop() {
                let attempt = Attempt {
                    office: office.clone(),
                    opener: self.opener.clone(),
                    due,
                    held: None,
                    limit: LONGEST,
                    most,
                };
                let mut attempted = attempt.run().await;
                let (settlement, judged) =
                    self.judged(attempted.due, (attempted.tried, attempted.departed), office);
                if let Lesson::Room(recipients) = judged.lesson {
                    most = most.min(recipients as usize);
                }
                self.settle(settlement, office).await?;
                if let Some(held) = &mut attempted.held {
                    held.session.close().await;
                }
            } else if let Some(due) = lost.whole.pop() {
                let settlement = self.looked_for(due, office).await;
                self.settle(settlement, office).await?;
            }
            let Some(seen) = office.outbox.submission(id).await? else {
                return Ok(None);
            };
            match seen.next_attempt_at {
                Some(at) if !seen.state.is_settled() && at <= until => {
                    office.clock.sleep_until(at).await;
                }
                _ => return Ok(Some(seen)),
            }
        }
    }

    async fn settle(
        &self,
        settlement: Settlement,
        office: &PostOffice,
    ) -> Result<(), StorageError> {
        let reports = !settlement.reports.is_empty();
        let now = office.clock.now();
        office.outbox.conclude(vec![settlement], now).await?;
        if reports {
            office.couriers.ring();
        }
        Ok(())
    }
}

/// The copy among the sent messages stands for a message unless another with the same `Message-ID`
/// was transmitted about the same time: then nobody knows of which it is.
async fn only_one_of_its_name(
    due: &DueSubmission,
    office: &PostOffice,
) -> Result<Sighting, LookError> {
    let filter = SubmissionFilter {
        mailbox: Some(due.letter.mailbox.clone()),
        limit: MANY,
        ..SubmissionFilter::default()
    };
    let listed = office.outbox.submissions(&filter).await;
    let listed = listed.map_err(|error| LookError::NotNow(error.to_string()))?;
    let since = Copies::of(due).since();
    let may_be_it = |other: &Submission| {
        let may_be_there = matches!(
            other.state,
            SubmissionState::Transmitting | SubmissionState::Unknown
        ) || other
            .recipients
            .iter()
            .any(|one| one.fate == RecipientFate::Taken);
        may_be_there
            && other.id != due.lease.id
            && other.letter.message_id == due.letter.message_id
            && other.departed_at >= since
    };
    match listed.iter().find(|other| may_be_it(other)) {
        None => Ok(Sighting::Sent),
        Some(other) => Err(LookError::Never(format!(
            "the message {} has the same Message-ID and was sent about the same time, so that one \
             is among the sent messages says nothing",
            other.id
        ))),
    }
}

/// What departed and was refused has not gone to those to whom it departed.
fn take_back(recipients: &mut [Addressee], departed: &[Addressee]) {
    for (one, gone) in recipients.iter_mut().zip(departed) {
        if gone.fate == RecipientFate::Open {
            one.departures.pop();
        }
    }
}

/// The message, if it is to be looked for now.
async fn unknown(id: &SubmissionId, office: &PostOffice) -> Result<DueNow, StorageError> {
    let Some(seen) = office.outbox.submission(id).await? else {
        return Ok(DueNow::default());
    };
    let now = office.clock.now();
    let due = office.outbox.unknown_due(&seen.letter.mailbox, now, MANY);
    let mut due = due.await?;
    due.whole.retain(|due| due.lease.id == *id);
    due.damaged.retain(|due| due.lease.id == *id);
    Ok(due)
}

fn look_again(due: &DueSubmission, looks_in_vain: u32, at: Timestamp) -> Fate {
    let lost = due.reason.clone();
    Fate::Unknown {
        look_at: Some(at),
        looks_in_vain,
        reason: lost.unwrap_or_else(|| "its process ended while it was handed over".to_owned()),
    }
}

/// The wait before the next look, if there is to be one.
fn next_look(since: Duration) -> Option<Duration> {
    let mut passed = Duration::ZERO;
    LOOKS.into_iter().find(|wait| {
        passed += *wait;
        passed > since
    })
}

fn log(due: &DueSubmission, judged: &Judged) {
    let (submission, mailbox) = (&due.lease.id, &due.letter.mailbox);
    let (attempts, code) = (due.attempt, judged.code.unwrap_or_default());
    let whom = match due.recipients[..] {
        [_] => "",
        _ => " to everybody",
    };
    match &judged.fate {
        Fate::Sent { .. } => tracing::info!(%submission, %mailbox, attempts, "a message was sent"),
        Fate::RetryAt { .. } if judged.taken > 0 && is_next_turn(due) => tracing::info!(
            %submission, %mailbox, attempts, recipients = judged.taken,
            "a message was sent to some recipients and goes on to the next"
        ),
        Fate::RetryAt { at, .. } => tracing::warn!(
            %submission, %mailbox, attempts, code, next_attempt_at = %at,
            "a message was not sent{whom} and is tried again: `gatepost outbox show {submission}` says why"
        ),
        Fate::Failed { .. } | Fate::Dead { .. } => tracing::error!(
            %submission, %mailbox, attempts, code,
            "a message was not sent{whom}, and is not tried any more: `gatepost outbox show {submission}` says why"
        ),
        Fate::Unknown { .. } => tracing::warn!(
            %submission, %mailbox, attempts, code,
            "it is not known whether a message was sent; it is looked for"
        ),
        Fate::Dropped { .. } | Fate::Released => {}
    }
}

/// Whether others have their turn at once.
fn is_next_turn(due: &DueSubmission) -> bool {
    let mut recipients = due.recipients.iter();
    recipients.any(|one| one.fate == RecipientFate::Waiting)
}

fn later(at: Timestamp, time: Duration) -> Timestamp {
    let time = SignedDuration::try_from(time).unwrap_or(SignedDuration::MAX);
    at.checked_add(time).unwrap_or(Timestamp::MAX)
}

/// Unknown messages among which one is found.
const MANY: usize = 1_000;
