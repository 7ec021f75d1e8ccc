//! What sinks are told of messages on their way out.

use jiff::Timestamp;

use crate::{
    Addressee, DamagedDue, DueSubmission, Event, EventData, EventId, EventType, NewEvent,
    NewSubmission, ReportTo, Resolution, SendData, Submission, SubmissionId, UnknownThen,
};

/// One report about one message.
#[derive(Debug, Clone)]
pub(super) struct Report<'a> {
    pub(super) kind: EventType,
    /// Tells it from others of its kind about the same message.
    pub(super) what: String,
    pub(super) code: Option<&'static str>,
    pub(super) reason: Option<&'a str>,
    pub(super) then: Option<UnknownThen>,
}

impl<'a> Report<'a> {
    /// A report on the present claim of `due`.
    pub(super) fn on(kind: EventType, due: &DueSubmission, reason: Option<&'a str>) -> Self {
        Self {
            kind,
            what: due.lease.claim.to_string(),
            code: None,
            reason,
            then: None,
        }
    }

    /// The event, if any sink wants it.
    pub(super) fn event(
        &self,
        due: &DueSubmission,
        (report_to, now): (&ReportTo, Timestamp),
    ) -> Option<NewEvent> {
        let data = SendData {
            submission: due.lease.id.clone(),
            internet_message_id: Some(due.letter.message_id.clone()),
            subject: due.letter.subject.clone(),
            recipients: due.recipients.clone(),
            attempts: due.attempt,
            code: self.code.map(ToOwned::to_owned),
            reason: self.reason.map(ToOwned::to_owned),
            then: self.then,
        };
        let about = (&due.lease.id, due.letter.mailbox.clone());
        event(about, (self.kind, &self.what, data), (report_to, now))
    }
}

impl NewSubmission {
    /// Has the sinks of `report_to` told that it is accepted.
    #[must_use]
    pub fn reported_to(mut self, report_to: &ReportTo) -> Self {
        let data = SendData {
            submission: self.id.clone(),
            internet_message_id: Some(self.letter.message_id.clone()),
            subject: self.letter.subject.clone(),
            recipients: self
                .recipients
                .iter()
                .cloned()
                .map(Addressee::new)
                .collect(),
            attempts: 0,
            code: None,
            reason: None,
            then: None,
        };
        let now = self.letter.accepted_at;
        let about = (&self.id, self.letter.mailbox.clone());
        let event = event(about, (EventType::SendAccepted, "", data), (report_to, now));
        self.reports.extend(event);
        self
    }
}

/// A report on a message of `mailbox` that is given up, since nobody can read it.
pub(super) fn damage_report(
    (damaged, mailbox): (&DamagedDue, &str),
    reason: &str,
    (report_to, now): (&ReportTo, Timestamp),
) -> Option<NewEvent> {
    let (id, letter) = (&damaged.lease.id, damaged.letter.as_ref());
    let data = SendData {
        submission: id.clone(),
        internet_message_id: letter.map(|letter| letter.message_id.clone()),
        subject: letter.and_then(|letter| letter.subject.clone()),
        recipients: damaged.recipients.clone(),
        attempts: damaged.attempts,
        code: Some(damaged.code.to_owned()),
        reason: Some(reason.to_owned()),
        then: None,
    };
    let (kind, what) = (EventType::SendFailed, damaged.lease.claim.to_string());
    event(
        (id, mailbox.to_owned()),
        (kind, &what, data),
        (report_to, now),
    )
}

/// A report on what a person decided of a message of which nobody knows whether it was sent.
pub(super) fn resolution_report(
    (seen, recipients): (&Submission, &[Addressee]),
    (kind, resolution, words): (EventType, Resolution, Option<&str>),
    (report_to, now): (&ReportTo, Timestamp),
) -> Option<NewEvent> {
    let data = SendData {
        submission: seen.id.clone(),
        internet_message_id: Some(seen.letter.message_id.clone()),
        subject: seen.letter.subject.clone(),
        recipients: recipients.to_vec(),
        attempts: seen.attempts,
        code: None,
        reason: words.map(ToOwned::to_owned),
        then: match resolution {
            Resolution::Sent => None,
            Resolution::Resend => Some(UnknownThen::Resend),
            Resolution::Drop => Some(UnknownThen::Drop),
        },
    };
    let what = format!("decided at {now}");
    let about = (&seen.id, seen.letter.mailbox.clone());
    event(about, (kind, &what, data), (report_to, now))
}

fn event(
    (id, mailbox): (&SubmissionId, String),
    (kind, what, data): (EventType, &str, SendData),
    (report_to, now): (&ReportTo, Timestamp),
) -> Option<NewEvent> {
    let sinks = report_to.sinks(kind).to_vec();
    if sinks.is_empty() {
        return None;
    }
    Some(NewEvent {
        event: Event {
            id: EventId::of_submission(id, kind, what),
            schema: Event::SCHEMA,
            kind,
            timestamp: now,
            mailbox,
            folder: None,
            sequence: None,
            data: EventData::Send(Box::new(data)),
        },
        message: None,
        fingerprint: None,
        sinks,
        post_action: false,
    })
}
