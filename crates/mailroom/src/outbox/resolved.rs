//! What follows from a person's word on a message of which nobody knows whether it was sent.

use gatepost_host::Chance;
use jiff::Timestamp;

use super::judgement::{dropped, ended, list_of};
use super::{SendPolicy, bounce, reports};
use crate::{Addressee, Decision, EventType, Fate, RecipientFate, Resolution, Submission};

impl SendPolicy {
    /// What follows from it. That the message was sent is said of those to whom it departed; those
    /// whom the server had refused for now are tried at once, and so are those who had no turn yet,
    /// whatever is decided of the others.
    pub fn resolved(
        &self,
        seen: &Submission,
        resolution: Resolution,
        (chance, now): (&Chance, Timestamp),
    ) -> Decision {
        let mut recipients = seen.recipients.clone();
        let (fate, mut kinds) = match resolution {
            Resolution::Sent => sent(&mut recipients, now),
            Resolution::Resend => {
                let reason = "a person decided that it is sent again".to_owned();
                (
                    Fate::RetryAt { at: now, reason },
                    vec![EventType::SendUnknown],
                )
            }
            Resolution::Drop => {
                let lost = seen.reason.as_deref().map(|lost| format!("; {lost}"));
                let lost = lost.unwrap_or_default();
                let reason = format!("a person decided that it is not sent again{lost}");
                let fate = dropped(&mut recipients, reason, now);
                (fate, vec![EventType::SendUnknown])
            }
        };
        // Its process ended before anybody told who was refused, and nobody has looked for it since.
        if seen.untold > 0 {
            kinds.push(EventType::SendBounced);
        }
        if matches!(fate, Fate::Failed { .. }) {
            kinds.push(EventType::SendFailed);
        }
        let reports = kinds.into_iter().filter_map(|kind| {
            let about = (seen, &recipients[..]);
            let what = (kind, resolution, fate.words());
            reports::resolution_report(about, what, (&self.report_to, now))
        });
        let reports = reports.collect();
        let about = (&seen.letter, &recipients[..]);
        let bounce = bounce::report(about, &fate, (self, now, chance));
        Decision {
            departed_at: seen.departed_at,
            recipients,
            fate,
            reports,
            bounce: bounce.map(Box::new),
        }
    }
}

/// It was sent to all who were not refused.
fn sent(recipients: &mut [Addressee], now: Timestamp) -> (Fate, Vec<EventType>) {
    let mut kinds = Vec::new();
    for recipient in recipients.iter_mut() {
        if recipient.fate == RecipientFate::Open {
            recipient.fate = RecipientFate::Taken;
            kinds = vec![EventType::SendSent];
        }
    }
    let fate = if recipients.iter().any(|one| one.fate.is_open()) {
        let reason = list_of(recipients);
        Fate::RetryAt { at: now, reason }
    } else {
        ended(recipients, "a person decided that it was sent".to_owned())
    };
    (fate, kinds)
}
