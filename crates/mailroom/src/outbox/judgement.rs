//! What becomes of a message after a try: pure functions of what the server said, by phase.
//!
//! Nothing is decided by the first digit alone: Exchange Online says with 554 that a day's
//! recipients are used up, and with 430 that a permission lacks. What a refusal says of the mailbox
//! makes the mailbox wait and harms no message.

use std::collections::BTreeMap;
use std::time::Duration;

use gatepost_fault::{After, Fault as _, Next};
use gatepost_host::Chance;
use gatepost_mail::submission::{Meaning, Phase};
use gatepost_mail::{MailError, Receipt, RefusedRecipient, SubmitError};
use jiff::{SignedDuration, Timestamp};

use super::lane::Lesson;
use super::lookout::{FIRST_LOOK, UNKNOWN};
use crate::{Addressee, DueSubmission, Fate, RecipientFate};

/// How a try ended.
#[derive(Debug)]
pub(super) enum Tried {
    /// The server took the message for at least one recipient.
    Taken(Receipt),
    /// It did not, or nobody knows.
    Failed(SubmitError),
    /// The try was cut off here.
    CutOff {
        /// Why.
        reason: String,
    },
}

/// What follows from a try.
#[derive(Debug)]
pub(super) struct Judged {
    /// For the message.
    pub(super) fate: Fate,
    /// For the mailbox.
    pub(super) lesson: Lesson,
    /// The code of what went wrong.
    pub(super) code: Option<&'static str>,
    /// How many recipients were refused for good by this try.
    pub(super) refused: usize,
    /// How many have it by this try.
    pub(super) taken: usize,
}

/// How patient somebody is, and when it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment<'a> {
    pub(super) now: Timestamp,
    pub(super) chance: &'a Chance,
    pub(super) give_up_after: Duration,
}

/// Decides, and notes what became of each recipient in `due`, which had departed or not.
pub(super) fn judge(
    due: &mut DueSubmission,
    (tried, departed): (Tried, bool),
    moment: Moment<'_>,
) -> Judged {
    match tried {
        Tried::Taken(receipt) => taken(due, &receipt, moment),
        Tried::CutOff { reason } => Judged {
            fate: if departed {
                unknown(reason, moment)
            } else {
                again(due, (reason, None), moment)
            },
            lesson: Lesson::Trouble,
            code: departed.then_some(UNKNOWN),
            refused: 0,
            taken: 0,
        },
        Tried::Failed(error) => failed(due, (&error, departed), moment),
    }
}

fn taken(due: &mut DueSubmission, receipt: &Receipt, moment: Moment<'_>) -> Judged {
    let in_turn = turn_of(due);
    let counts = note_refusals(&mut due.recipients, &receipt.refused);
    let taken = in_turn.saturating_sub(counts.refused + counts.deferred + counts.waiting);
    let code = receipt.refused.first().map(|one| one.error.code());
    let said = format!("by {}: {}", receipt.by, receipt.said);
    let fate = handed_over(due, said, moment);
    Judged {
        fate,
        lesson: match u32::try_from(taken) {
            Ok(room) if counts.waiting > 0 => Lesson::Room(room),
            _ => Lesson::Works,
        },
        code,
        refused: counts.refused,
        taken,
    }
}

/// What follows once the server has it for everybody who is [`RecipientFate::Open`].
pub(super) fn handed_over(due: &mut DueSubmission, said: String, moment: Moment<'_>) -> Fate {
    for recipient in &mut due.recipients {
        if recipient.fate == RecipientFate::Open {
            recipient.fate = RecipientFate::Taken;
        }
    }
    if let Some(next) = next_envelope(due, moment) {
        next
    } else if open(due) > 0 {
        again(due, (list_of(&due.recipients), None), moment)
    } else {
        ended(&due.recipients, said)
    }
}

/// What became of a message that is to be sent to nobody any more; `said` is by whom or why, if it
/// reached everybody.
pub(super) fn ended(recipients: &[Addressee], said: String) -> Fate {
    let refused = |one: &Addressee| matches!(one.fate, RecipientFate::Refused { .. });
    if recipients
        .iter()
        .all(|one| one.fate == RecipientFate::Taken)
    {
        return Fate::Sent { said };
    }
    let reason = list_of(recipients);
    if recipients.iter().any(refused) {
        Fate::Failed { reason }
    } else {
        Fate::Dropped { reason }
    }
}

/// The next envelope does not wait, if there is to be one: nothing is wrong.
fn next_envelope(due: &DueSubmission, moment: Moment<'_>) -> Option<Fate> {
    let waits = |one: &&Addressee| one.fate == RecipientFate::Waiting;
    let (waiting, all) = (
        due.recipients.iter().filter(waits).count(),
        due.recipients.len(),
    );
    let reason = format!("{waiting} of {all} recipients have their turn in another envelope");
    let at = moment.now;
    (waiting > 0).then_some(Fate::RetryAt { at, reason })
}

/// Gives those up to whom a message may have been sent, since it is not sent again. The others are
/// still to have it, and nothing is unknown of them.
pub(super) fn dropped(recipients: &mut [Addressee], reason: String, now: Timestamp) -> Fate {
    for recipient in recipients.iter_mut() {
        if recipient.fate == RecipientFate::Open {
            let reason = reason.clone();
            recipient.fate = RecipientFate::Dropped { reason };
        }
    }
    if recipients.iter().any(|one| one.fate.is_open()) {
        return Fate::RetryAt { at: now, reason };
    }
    match ended(recipients, String::new()) {
        // The words say more than how many there are.
        Fate::Dropped { .. } => Fate::Dropped { reason },
        other => other,
    }
}

fn failed(
    due: &mut DueSubmission,
    (error, departed): (&SubmitError, bool),
    moment: Moment<'_>,
) -> Judged {
    let (code, reason) = (Some(error.code()), error.to_string());
    let lesson = lesson(error);
    let mut refused = 0;
    let fate = match error {
        // Whoever tells it says first that nobody knows.
        SubmitError::Unknown { host, reason, .. } => unknown(
            format!("the answer of {host} did not come: {reason}"),
            moment,
        ),
        SubmitError::DraftGone { draft, .. } => unknown(
            format!(
                "an earlier try left a draft of it, which is not there any more, so somebody sent \
                 or deleted it; it had the immutable id {draft}"
            ),
            moment,
        ),
        // A person decides; what is kept of it says so to whoever looks.
        SubmitError::DraftAltered { .. } => unknown(reason, moment),
        SubmitError::NoRecipient(all) => {
            refused = note_refusals(&mut due.recipients, all).refused;
            match next_envelope(due, moment) {
                // Each of them has had his answer, and it says nothing of those who wait.
                Some(next) if turn_of(due) == 0 && lesson == Lesson::Works => next,
                _ if open(due) > 0 => again(due, (reason, None), moment),
                _ => Fate::Failed { reason },
            }
        }
        // Others have it: it can be sent, only not by this way, or not to them alone.
        SubmitError::Unsendable { .. } if has_gone(due) => again(due, (reason, None), moment),
        // So many are too many for one message: half of them may not be.
        SubmitError::Refused {
            meaning: Some(Meaning::TooManyRecipients),
            phase: Phase::Mail | Phase::BeforeData | Phase::Chunk | Phase::EndOfData,
            ..
        } if turn_of(due) > 1 => {
            return Judged {
                fate: Fate::RetryAt {
                    at: later(moment.now, SOON),
                    reason,
                },
                lesson: Lesson::Room(u32::try_from(turn_of(due) / 2).unwrap_or(u32::MAX)),
                code,
                refused: 0,
                taken: 0,
            };
        }
        // It may be the message that breaks what it departs by: it waits by its own schedule, too.
        _ if departed && lesson == Lesson::Trouble => again(due, (reason, None), moment),
        _ if is_about_mailbox(error) => again(due, (reason, Some(&lesson)), moment),
        _ => match error.next() {
            Next::Retry(after) => {
                let pause = match after {
                    After::AtLeast(pause) => Some(Lesson::Pause(pause)),
                    After::Backoff => None,
                };
                again(due, (reason, pause.as_ref()), moment)
            }
            Next::Discard | Next::Reconfigure | Next::SignIn => {
                for recipient in due.recipients.iter_mut().filter(|one| one.fate.is_open()) {
                    let reason = reason.clone();
                    recipient.fate = RecipientFate::Refused { reason };
                }
                Fate::Failed { reason }
            }
        },
    };
    Judged {
        fate,
        lesson,
        code,
        refused,
        taken: 0,
    }
}

/// The answer did not come: a look in a moment says more.
fn unknown(reason: String, moment: Moment<'_>) -> Fate {
    Fate::Unknown {
        look_at: Some(later(moment.now, FIRST_LOOK)),
        looks_in_vain: 0,
        reason,
    }
}

/// Another try by the schedule, or the end of all patience. What makes the mailbox wait makes the
/// message wait no longer than that: it was not its fault. The time in which nobody was there to
/// try it is no part of the patience.
fn again(
    due: &DueSubmission,
    (reason, lesson): (String, Option<&Lesson>),
    moment: Moment<'_>,
) -> Fate {
    let since = moment.now.duration_since(due.first_attempt_at);
    let since = Duration::try_from(since).unwrap_or_default();
    let since = since.saturating_sub(due.overdue.min(MOST_OVERDUE));
    if since >= moment.give_up_after {
        let reason = format!(
            "it was tried {} times in {} hours; the last time: {reason}",
            due.attempt,
            since.as_secs() / 3600
        );
        return Fate::Dead { reason };
    }
    let wait = match lesson {
        Some(lesson) => lesson.wait().max(SOON),
        None => wait(due.attempt, since),
    };
    // The last try is at the end of the patience, not far behind it.
    let wait = wait.min(moment.give_up_after.saturating_sub(since).max(SOON));
    let wait = wait + moment.chance.up_to(wait / 10);
    Fate::RetryAt {
        at: later(moment.now, wait),
        reason,
    }
}

/// How far a message has come in the schedule is the lesser of what its tries and its age say:
/// neither many restarts nor a long pause take the patience that was promised.
fn wait(attempt: u32, since: Duration) -> Duration {
    let by_attempts = usize::try_from(attempt.saturating_sub(1)).unwrap_or(usize::MAX);
    let mut passed = Duration::ZERO;
    let over = |wait: &&Duration| {
        passed += **wait;
        passed <= since
    };
    let by_age = WAITS.iter().take_while(over).count();
    WAITS[by_attempts.min(by_age).min(WAITS.len() - 1)]
}

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counts {
    refused: usize,
    deferred: usize,
    /// For whom the envelope had no room.
    waiting: usize,
}

/// Notes who was refused of those whose turn it was. One refusal stands for one recipient, however his address is written.
pub(super) fn note_refusals(recipients: &mut [Addressee], refused: &[RefusedRecipient]) -> Counts {
    let by_address: BTreeMap<&str, &SubmitError> = refused
        .iter()
        .map(|one| (one.recipient.as_str(), &one.error))
        .collect();
    let mut counts = Counts::default();
    let in_turn = recipients
        .iter_mut()
        .filter(|one| one.fate == RecipientFate::Open);
    let mut has_room = false;
    let mut without_room = Vec::new();
    for recipient in in_turn {
        let Some(error) = by_address.get(recipient.address.as_str()) else {
            has_room = true;
            continue;
        };
        let reason = error.to_string();
        if is_full(error) {
            without_room.push((recipient, reason));
        } else if error.next().is_retry() || is_about_mailbox(error) {
            counts.deferred += 1;
            recipient.fate = RecipientFate::Deferred { reason };
        } else {
            counts.refused += 1;
            recipient.fate = RecipientFate::Refused { reason };
        }
    }
    for (recipient, reason) in without_room {
        if has_room {
            counts.waiting += 1;
            recipient.fate = RecipientFate::Waiting;
        } else {
            counts.deferred += 1;
            recipient.fate = RecipientFate::Deferred { reason };
        }
    }
    counts
}

/// Whether a recipient was refused since the envelope has no room for him. Servers that say so for
/// good do not mean it (RFC 5321 §4.5.3.1.10).
fn is_full(error: &SubmitError) -> bool {
    matches!(
        error,
        SubmitError::Refused {
            phase: Phase::Recipient(_),
            meaning: Some(Meaning::EnvelopeFull | Meaning::TooManyRecipients),
            ..
        }
    )
}

/// What an error says of the mailbox.
fn lesson(error: &SubmitError) -> Lesson {
    match error {
        SubmitError::NoRecipient(refused) => {
            let of_mailbox = refused.iter().find(|one| is_about_mailbox(&one.error));
            of_mailbox.map_or(Lesson::Works, |one| lesson(&one.error))
        }
        SubmitError::Session(MailError::Throttled { back_off: None, .. }) => {
            Lesson::TooManyConnections
        }
        SubmitError::Refused {
            meaning: Some(meaning),
            ..
        } if is_of_mailbox(*meaning) => match meaning {
            Meaning::TooManyConnections => Lesson::TooManyConnections,
            Meaning::TooManyMessages => Lesson::TooManyMessages,
            Meaning::DailyRecipientsExceeded => Lesson::TooManyRecipients,
            _ if error.next().is_retry() => Lesson::Trouble,
            _ => Lesson::Blocked,
        },
        // The connection is lost, which says something of the way and nothing of the message.
        SubmitError::Unknown { .. } => Lesson::Trouble,
        _ if is_about_mailbox(error) => match error.next() {
            Next::Retry(After::AtLeast(pause)) => Lesson::Pause(pause),
            Next::Retry(After::Backoff) | Next::Discard => Lesson::Trouble,
            Next::SignIn | Next::Reconfigure => Lesson::Blocked,
        },
        SubmitError::Refused { .. } => match error.next() {
            Next::Retry(After::AtLeast(pause)) => Lesson::Pause(pause),
            _ => Lesson::Works,
        },
        _ => Lesson::Nothing,
    }
}

/// Whether every message of the mailbox would meet with this error.
fn is_about_mailbox(error: &SubmitError) -> bool {
    match error {
        SubmitError::Session(_) | SubmitError::NoWay(_) => true,
        SubmitError::Refused { phase, meaning, .. } => {
            meaning.is_some_and(is_of_mailbox)
                || matches!(
                    phase,
                    Phase::Greeting
                        | Phase::Hello
                        | Phase::StartTls
                        | Phase::Auth
                        | Phase::Reset
                        | Phase::Noop
                        | Phase::Quit
                )
        }
        SubmitError::NoRecipient(_)
        | SubmitError::Unknown { .. }
        | SubmitError::TooLarge { .. }
        | SubmitError::DraftGone { .. }
        | SubmitError::DraftAltered { .. }
        | SubmitError::DraftChanged { .. }
        | SubmitError::DraftDenied { .. }
        | SubmitError::UploadExpired { .. }
        | SubmitError::Unsendable { .. }
        | SubmitError::Outgoing(_)
        | SubmitError::Departure(_) => false,
    }
}

fn is_of_mailbox(meaning: Meaning) -> bool {
    match meaning {
        Meaning::SendAsDenied
        | Meaning::EnvelopeFull
        | Meaning::TooManyRecipients
        | Meaning::MessageTooLarge
        | Meaning::StoreUnavailable => false,
        Meaning::SignInRefused
        | Meaning::SignInUnavailable
        | Meaning::SmtpAuthDisabledForTenant
        | Meaning::SmtpAuthDisabledForMailbox
        | Meaning::PasswordsDisabled
        | Meaning::PolicyRefusesSignIn
        | Meaning::NotSignedIn
        | Meaning::MailboxNotAccessible
        | Meaning::TooManyConnections
        | Meaning::TooManyMessages
        | Meaning::DailyRecipientsExceeded
        | Meaning::MailboxFull
        | Meaning::ServerBusy
        | Meaning::AddressRefused
        | Meaning::TenantBlocked
        | Meaning::SenderBlocked => true,
    }
}

/// How many were in the envelope.
fn turn_of(due: &DueSubmission) -> usize {
    let in_turn = due.recipients.iter();
    in_turn
        .filter(|one| one.fate == RecipientFate::Open)
        .count()
}

fn has_gone(due: &DueSubmission) -> bool {
    let mut all = due.recipients.iter();
    all.any(|one| one.fate == RecipientFate::Taken)
}

fn open(due: &DueSubmission) -> usize {
    let open = due.recipients.iter().filter(|one| one.fate.is_open());
    open.count()
}

/// Who was refused, and why; and how many were given up.
pub(super) fn list_of(recipients: &[Addressee]) -> String {
    let all = recipients.len();
    let refused = recipients.iter().filter_map(|one| match &one.fate {
        RecipientFate::Refused { reason } | RecipientFate::Deferred { reason } => {
            Some(format!("<{}>: {reason}", one.address))
        }
        _ => None,
    });
    let refused: Vec<_> = refused.collect();
    let dropped = |one: &&Addressee| matches!(one.fate, RecipientFate::Dropped { .. });
    let dropped = recipients.iter().filter(dropped).count();
    let mut list = Vec::new();
    if !refused.is_empty() || dropped == 0 {
        let (count, refused) = (refused.len(), refused.join("; "));
        list.push(format!(
            "{count} of {all} recipients were refused; {refused}"
        ));
    }
    if dropped > 0 {
        list.push(format!(
            "{dropped} of {all} recipients may have it or not, and it is not sent to them again"
        ));
    }
    list.join("; ")
}

fn later(at: Timestamp, time: Duration) -> Timestamp {
    let time = SignedDuration::try_from(time).unwrap_or(SignedDuration::MAX);
    at.checked_add(time).unwrap_or(Timestamp::MAX)
}

/// The waits between tries; the last one is repeated.
const WAITS: [Duration; 8] = [
    Duration::from_secs(10),
    Duration::from_mins(1),
    Duration::from_mins(5),
    Duration::from_mins(15),
    Duration::from_mins(30),
    Duration::from_hours(1),
    Duration::from_hours(2),
    Duration::from_hours(4),
];
/// A clock that was wrong by years for a moment takes no end of patience.
const MOST_OVERDUE: Duration = Duration::from_hours(30 * 24);
const SOON: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests;
