//! Messages that are due and wait with their mailbox: since when, and why, stands with others.

use std::collections::BTreeMap;

use gatepost_mailroom::outbox::Pause;
use gatepost_mailroom::{Outbox as _, Submission, SubmissionFilter, SubmissionState};
use jiff::{SignedDuration, Timestamp};

use crate::compose::Gatepost;
use crate::failure::Failure;

/// Says of those of `found` that are due until when their mailbox waits, and why.
pub(crate) async fn with_their_mailboxes(
    found: &mut [Submission],
    gatepost: &Gatepost,
) -> Result<(), Failure> {
    let now = gatepost.clock.now();
    let mut pauses: BTreeMap<String, Option<Pause>> = BTreeMap::new();
    for one in found.iter_mut().filter(|one| is_due(one, now)) {
        let mailbox = &one.letter.mailbox;
        if !pauses.contains_key(mailbox) {
            let pause = pause(mailbox, gatepost, now).await?;
            pauses.insert(mailbox.clone(), pause);
        }
        if let Some(Some(pause)) = pauses.get(mailbox) {
            one.next_attempt_at = Some(pause.until);
            one.reason = Some(format!("it waits with its mailbox: {}", pause.reason));
            one.code = pause.code.clone().or(one.code.take());
        }
    }
    Ok(())
}

fn is_due(one: &Submission, now: Timestamp) -> bool {
    one.state == SubmissionState::Queued && one.next_attempt_at.is_some_and(|at| at <= now)
}

async fn pause(
    mailbox: &str,
    gatepost: &Gatepost,
    now: Timestamp,
) -> Result<Option<Pause>, Failure> {
    let filter = SubmissionFilter {
        state: Some(SubmissionState::Queued),
        mailbox: Some(mailbox.to_owned()),
        // What had its mailbox wait is tried after that.
        due_after: Some(now),
        limit: MANY,
    };
    let queued = gatepost.store.submissions(&filter).await?;
    let since = now.checked_sub(DAY).unwrap_or(Timestamp::MIN);
    let lately = gatepost.store.traffic(mailbox, since).await?;
    let limits = gatepost.config.outbox.limits;
    Ok(limits.pause((&queued, &lately), now))
}

const DAY: SignedDuration = SignedDuration::from_hours(24);
/// Messages among which there is one that says why.
const MANY: usize = 10_000;
