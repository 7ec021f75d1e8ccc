//! What the outbox needs stored: messages on their way out, from the moment they are accepted
//! until it is known what became of them.
//!
//! ```text
//! scheduled ─┐                 ┌─► sent
//!   queued ──┴─► claimed ─► transmitting ─► failed, dead, queued again
//!     ▲              │         │
//!     └── crash ─────┘         └── crash, or an answer that did not come ─► unknown
//! ```
//!
//! `transmitting` is written before the first octet that could make the server send the message.
//! So what a crash leaves `claimed` was not sent, and is queued again; what it leaves
//! `transmitting` may have been, is `unknown`, and is never sent again before somebody decides.

mod addressee;
mod decision;
mod dsn;
mod due_now;
mod former;
mod id;

use std::time::Duration;

use async_trait::async_trait;
use gatepost_mail::Trace;
use jiff::Timestamp;

pub use addressee::{Addressee, RecipientFate};
pub use decision::{Decision, Resolution};
pub use dsn::{DsnRequest, Notify, Occasion, Returned};
pub use due_now::{DamagedDue, DueNow};
pub use former::FormerTries;
pub use id::SubmissionId;

use super::{Kept, NewEvent, StorageError};

/// Stores what is on its way out. One method is one transaction, durable when it returns.
#[async_trait]
pub trait Outbox: Send + Sync + std::fmt::Debug {
    /// Accepts a message with its reports. One with the idempotency key of another of the same
    /// mailbox is not stored a second time.
    async fn accept(&self, new: NewSubmission) -> Result<Accepted, StorageError>;

    /// Claims at most `limit` messages of `mailbox` that are due at the term's beginning, by
    /// priority and then the oldest first.
    async fn claim_for(
        &self,
        mailbox: &str,
        term: Term,
        limit: usize,
    ) -> Result<DueNow, StorageError>;

    /// Claims the message `id` of whatever mailbox if it is queued or scheduled and due at the
    /// term's beginning.
    async fn claim_one(&self, id: &SubmissionId, term: Term) -> Result<DueNow, StorageError>;

    /// Messages of `mailbox` of which it is unknown whether they were sent and which are to be
    /// looked for at `now`, at most `limit`. Nothing changes by it; [`Outbox::conclude`] takes the
    /// first decision and skips others.
    async fn unknown_due(
        &self,
        mailbox: &str,
        now: Timestamp,
        limit: usize,
    ) -> Result<DueNow, StorageError>;

    /// Writes that a message, which is as it was claimed, is about to be transmitted to those of
    /// `recipients` who are [`RecipientFate::Open`], and how to find out later whether it was. The
    /// claim holds until `until` from now on. Answers false if it was lost meanwhile: then not an
    /// octet may be sent.
    async fn depart(
        &self,
        due: &DueSubmission,
        (trace, recipients): (&Trace, &[Addressee]),
        (now, until): (Timestamp, Timestamp),
    ) -> Result<bool, StorageError>;

    /// Writes that a message that is claimed or being transmitted has a draft in the mailbox, which
    /// is not to be sent, or none any more. Answers false if the claim was lost meanwhile.
    async fn note_draft(
        &self,
        lease: &SendLease,
        draft: Option<&str>,
    ) -> Result<bool, StorageError>;

    /// Writes what became of messages that were claimed, are being transmitted or were unknown,
    /// each with its reports. One whose claim was lost meanwhile, or of which somebody else
    /// decided, is skipped with its reports. Answers which were not. What cannot be read of one
    /// stays as it is.
    async fn conclude(
        &self,
        settlements: Vec<Settlement>,
        now: Timestamp,
    ) -> Result<Vec<bool>, StorageError>;

    /// Puts right what a process that is gone left behind at `now`.
    async fn recover(&self, left_by: LeftBy, now: Timestamp) -> Result<Recovered, StorageError>;

    /// Holds what is queued or scheduled in the name of mailboxes other than `open`, which cannot
    /// send, and queues what was held of these, with the whole patience. Answers how many are held
    /// in all.
    async fn hold_others(&self, open: &[String], now: Timestamp) -> Result<usize, StorageError>;

    /// When something of `mailbox` is due next: a try, a look, or the end of a claim.
    async fn next_due_of(&self, mailbox: &str) -> Result<Option<Timestamp>, StorageError>;

    /// How many messages of `mailbox` are queued or scheduled.
    async fn waiting_of(&self, mailbox: &str) -> Result<usize, StorageError>;

    /// What was transmitted in the name of `mailbox`, minute by minute, from the minute of `since`
    /// on.
    async fn traffic(&self, mailbox: &str, since: Timestamp) -> Result<Vec<Traffic>, StorageError>;

    /// Messages, newest first.
    async fn submissions(&self, filter: &SubmissionFilter)
    -> Result<Vec<Submission>, StorageError>;

    /// One message.
    async fn submission(&self, id: &SubmissionId) -> Result<Option<Submission>, StorageError>;

    /// Makes messages due at once that wait, are held, or gave up. What is unknown is not tried
    /// again by it. Returns how many.
    async fn retry_sending(
        &self,
        ids: &[SubmissionId],
        now: Timestamp,
    ) -> Result<usize, StorageError>;

    /// Cancels messages of which not an octet was sent. Returns how many.
    async fn cancel(&self, ids: &[SubmissionId], now: Timestamp) -> Result<usize, StorageError>;

    /// Writes what a person decided of a message of which it is unknown whether it was sent, with
    /// its reports. Answers whether it was unknown, and about the transmission that is meant.
    async fn resolve(
        &self,
        id: &SubmissionId,
        decision: Decision,
        now: Timestamp,
    ) -> Result<bool, StorageError>;

    /// Forgets messages that were settled before `before`, and with them their idempotency keys,
    /// at most `limit`. What gave up or is unknown stays, and [`Outbox::traffic`] knows another
    /// day. Returns how many. Their files in the spool are removed by whoever sweeps it.
    async fn forget_sent(&self, before: Timestamp, limit: usize) -> Result<usize, StorageError>;
}

/// A message that is to be accepted. It is prepared: nothing of it changes any more.
#[derive(Debug, Clone)]
pub struct NewSubmission {
    /// Its name.
    pub id: SubmissionId,
    /// What is known of it.
    pub letter: Letter,
    /// To whom it is sent, each once.
    pub recipients: Vec<String>,
    /// Its octets, as the spool kept them.
    pub message: Kept,
    /// The SHA-256 of the sender's own name for this wish to send, by which a repetition is known.
    pub idempotency_key: Option<[u8; 32]>,
    /// The SHA-256 over everything that was handed over: a repetition has the same.
    pub digest: [u8; 32],
    /// Told in the same transaction.
    pub reports: Vec<NewEvent>,
}

/// What is known of a message to be sent, and does not change.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Letter {
    /// The mailbox in whose name it is submitted: its address as configured, in lower case.
    pub mailbox: String,
    /// Who hears of failures (MAIL FROM); `None` is nobody, as reports have it.
    pub sender: Option<String>,
    /// Its `Message-ID`, without angle brackets.
    pub message_id: String,
    /// Its subject, decoded.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub subject: Option<String>,
    /// How many octets it has.
    pub size: u64,
    /// Whether it holds octets above 127.
    pub eight_bit: bool,
    /// Before or behind others of its mailbox.
    pub priority: Priority,
    /// When it was accepted.
    pub accepted_at: Timestamp,
    /// Not sent before this time.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub not_before: Option<Timestamp>,
    /// What servers are to report on it.
    #[serde(skip_serializing_if = "DsnRequest::is_empty", default)]
    pub dsn: DsnRequest,
}

/// Before or behind others of the same mailbox.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Default,
    serde::Serialize,
    serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// Before all others.
    High,
    /// In turn.
    #[default]
    Normal,
    /// When nothing else waits.
    Low,
}

/// What became of the wish to have a message accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Accepted {
    /// It is in the outbox.
    New,
    /// The same was accepted before, under this name.
    Before(SubmissionId),
    /// Something else was accepted before with the same idempotency key, under this name.
    Other(SubmissionId),
}

/// The time of a claim, and who makes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Term {
    /// When it is made.
    pub now: Timestamp,
    /// When it runs out.
    pub until: Timestamp,
    /// By whom.
    pub holder: Holder,
}

/// Who makes a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder {
    /// The one `serve` of the state folder.
    Serve,
    /// A command beside it, of which there may be many.
    Beside,
}

/// Whose claims are void.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeftBy {
    /// All of a former `serve`: the one that starts knows that it is gone. Those that have run
    /// out come on top.
    FormerServe,
    /// Those that have run out, or last longer than until this time, which none can that was
    /// made by the present clock.
    Anybody {
        /// The latest end of a claim that is believed.
        latest: Timestamp,
    },
}

/// What was put right.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Claimed, and queued again.
    pub queued: usize,
    /// Being transmitted, and unknown now.
    pub unknown: usize,
}

/// Names one claim of a message.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SendLease {
    /// The message.
    pub id: SubmissionId,
    /// Counts its claims.
    pub claim: i64,
}

/// A message that is to be transmitted or looked for now.
#[derive(Debug, Clone)]
pub struct DueSubmission {
    /// The claim.
    pub lease: SendLease,
    /// What is known of it.
    pub letter: Letter,
    /// To whom, and what became of it so far.
    pub recipients: Vec<Addressee>,
    /// Its octets, as the spool kept them.
    pub message: Kept,
    /// Tries including this one.
    pub attempt: u32,
    /// When the first try began.
    pub first_attempt_at: Timestamp,
    /// How long since then it was due and nobody was there to try it: the machine was off or
    /// asleep, or others had their turn.
    pub overdue: Duration,
    /// When it was transmitted last.
    pub departed_at: Option<Timestamp>,
    /// How to find out whether it was sent.
    pub trace: Option<Trace>,
    /// The id of the draft that an earlier try left, and that is not to be sent.
    pub draft: Option<String>,
    /// How often in a row it was to be looked for and could not be since it was transmitted.
    pub looks_in_vain: u32,
    /// How many recipients the server refused for good before it was transmitted last, of which
    /// nobody was told: nothing was concluded since.
    pub untold: usize,
    /// Why it stands where it does, in words.
    pub reason: Option<String>,
    /// Tries before a person had it tried as if for the first time, the oldest first.
    pub former: Vec<FormerTries>,
}

/// What became of a message that was claimed or unknown.
#[derive(Debug, Clone)]
pub struct Settlement {
    /// Its claim.
    pub lease: SendLease,
    /// What became of it for each recipient.
    pub recipients: Vec<Addressee>,
    /// What became of it.
    pub fate: Fate,
    /// The code of what went wrong.
    pub code: Option<&'static str>,
    /// Until when its mailbox sends nothing, since this happened.
    pub mailbox_waits_until: Option<Timestamp>,
    /// Told in the same transaction.
    pub reports: Vec<NewEvent>,
    /// A report of failure to the sender, accepted in the same transaction.
    pub bounce: Option<Box<NewSubmission>>,
}

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// The server has taken it. Its octets are not kept any longer.
    Sent {
        /// What the server said.
        said: String,
    },
    /// It is tried again.
    RetryAt {
        /// When.
        at: Timestamp,
        /// Why.
        reason: String,
    },
    /// It was refused for good.
    Failed {
        /// Why.
        reason: String,
    },
    /// It was tried for as long as it is.
    Dead {
        /// Why the last try failed.
        reason: String,
    },
    /// Nobody knows whether it was sent.
    Unknown {
        /// When it is looked for next; `None` leaves it to a person.
        look_at: Option<Timestamp>,
        /// How often in a row it was to be looked for and could not be.
        looks_in_vain: u32,
        /// Why nobody knows.
        reason: String,
    },
    /// It is not sent any more, to those who do not have it: somebody decided so, and the server
    /// refused none of them.
    Dropped {
        /// Why.
        reason: String,
    },
    /// It was claimed and not tried: as if never claimed.
    Released,
}

/// The state of a message in the outbox.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum SubmissionState {
    /// It waits for its next try.
    Queued,
    /// It waits for the time before which it must not be sent.
    Scheduled,
    /// Its mailbox cannot send as the configuration is.
    Held,
    /// Its turn has come.
    Claimed,
    /// It is being transmitted.
    Transmitting,
    /// Nobody knows whether it was sent.
    Unknown,
    /// The server has taken it.
    Sent,
    /// The server refused it for good.
    Failed,
    /// A person, or the policy for what is unknown, decided that it is not sent.
    Cancelled,
    /// It was tried for days in vain.
    Dead,
}

impl SubmissionState {
    /// Every state.
    pub const ALL: [Self; 10] = [
        Self::Queued,
        Self::Scheduled,
        Self::Held,
        Self::Claimed,
        Self::Transmitting,
        Self::Unknown,
        Self::Sent,
        Self::Failed,
        Self::Cancelled,
        Self::Dead,
    ];

    /// Its name, as it is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Scheduled => "scheduled",
            Self::Held => "held",
            Self::Claimed => "claimed",
            Self::Transmitting => "transmitting",
            Self::Unknown => "unknown",
            Self::Sent => "sent",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Dead => "dead",
        }
    }

    /// Reads a name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    /// Whether nothing more happens by itself.
    pub fn is_settled(self) -> bool {
        matches!(
            self,
            Self::Sent | Self::Failed | Self::Cancelled | Self::Dead
        )
    }
}

impl Fate {
    /// The state that follows.
    pub fn state(&self) -> SubmissionState {
        match self {
            Self::Sent { .. } => SubmissionState::Sent,
            Self::RetryAt { .. } | Self::Released => SubmissionState::Queued,
            Self::Failed { .. } => SubmissionState::Failed,
            Self::Dead { .. } => SubmissionState::Dead,
            Self::Unknown { .. } => SubmissionState::Unknown,
            Self::Dropped { .. } => SubmissionState::Cancelled,
        }
    }

    /// What is remembered of it in words.
    pub fn words(&self) -> Option<&str> {
        match self {
            Self::Sent { said } => Some(said),
            Self::RetryAt { reason, .. }
            | Self::Failed { reason }
            | Self::Dead { reason }
            | Self::Unknown { reason, .. }
            | Self::Dropped { reason } => Some(reason),
            Self::Released => None,
        }
    }

    /// How often in a row it was to be looked for and could not be.
    pub fn looks_in_vain(&self) -> u32 {
        match self {
            Self::Unknown { looks_in_vain, .. } => *looks_in_vain,
            _ => 0,
        }
    }

    /// When something happens next by itself.
    pub fn due_at(&self, now: Timestamp) -> Option<Timestamp> {
        match self {
            Self::RetryAt { at, .. } => Some(*at),
            Self::Unknown { look_at, .. } => *look_at,
            Self::Released => Some(now),
            Self::Sent { .. } | Self::Failed { .. } | Self::Dead { .. } | Self::Dropped { .. } => {
                None
            }
        }
    }
}

/// A message in the outbox, as people see it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Submission {
    /// Its name.
    pub id: SubmissionId,
    /// What is known of it.
    #[serde(flatten)]
    pub letter: Letter,
    /// To whom, and what became of it.
    pub recipients: Vec<Addressee>,
    /// Its state.
    pub state: SubmissionState,
    /// Tries so far.
    pub attempts: u32,
    /// When it is tried, or looked for, next.
    pub next_attempt_at: Option<Timestamp>,
    /// When it was first tried.
    pub first_attempt_at: Option<Timestamp>,
    /// When it was transmitted last.
    pub departed_at: Option<Timestamp>,
    /// When it was settled for good.
    pub settled_at: Option<Timestamp>,
    /// What the server said when it took it, or why it stands where it does.
    pub reason: Option<String>,
    /// The code of what went wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Until when its mailbox sends nothing, since that happened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mailbox_waits_until: Option<Timestamp>,
    /// How many recipients the server refused for good before it was transmitted last, of which
    /// nobody was told.
    #[serde(skip)]
    pub untold: usize,
    /// Tries before a person had it tried as if for the first time, the oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub former: Vec<FormerTries>,
}

/// Which messages are wanted. Every criterion that is set must hold.
#[derive(Debug, Clone, Default)]
pub struct SubmissionFilter {
    /// Only those in this state.
    pub state: Option<SubmissionState>,
    /// Only those of this mailbox.
    pub mailbox: Option<String>,
    /// Only those to which something happens by itself after this time.
    pub due_after: Option<Timestamp>,
    /// At most this many, the newest first.
    pub limit: usize,
}

/// What was transmitted within one minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Traffic {
    /// The time of the last of them.
    pub at: Timestamp,
    /// Messages.
    pub messages: u64,
    /// Recipients of all of them.
    pub recipients: u64,
}

impl Traffic {
    /// In which minute something counts that was transmitted at `at`.
    pub fn minute(at: Timestamp) -> i64 {
        at.as_second().div_euclid(60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_read_as_it_is_written() {
        for state in SubmissionState::ALL {
            assert_eq!(SubmissionState::parse(state.as_str()), Some(state));
        }
    }
}
