//! Why a message could not be handed over, as sentences that say what to do.

use gatepost_fault::{Fault, Next, Owner};
use gatepost_wire::smtp::Phase;
use gatepost_wire::smtp::exchange::Meaning;
use jiff::SignedDuration;

use super::{DepartureError, OutgoingError, RefusedRecipient};
use crate::{MailError, NoWay};

/// Why a message could not be handed over.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// The server cannot be reached, or there is no token for it.
    #[error(transparent)]
    Session(#[from] MailError),
    /// Every way by which the mailbox could send is closed; nothing was sent.
    #[error(transparent)]
    NoWay(#[from] NoWay<Self>),
    /// The server refused, and nothing was sent.
    #[error("{host} refused {phase} for {mailbox}{}; {host} said: {said}", advice(*.meaning))]
    Refused {
        /// The server.
        host: String,
        /// The mailbox in whose name it was asked.
        mailbox: String,
        /// What it refused.
        phase: Phase,
        /// What Exchange Online means by it, if it is known.
        meaning: Option<Meaning>,
        /// What happens next.
        next: Next,
        /// The server's words.
        said: String,
    },
    /// Every recipient was refused, and nothing was sent.
    #[error("no recipient was taken: {}", list(.0))]
    NoRecipient(Vec<RefusedRecipient>),
    /// The connection ended when the message may have been taken.
    #[error(
        "nobody knows whether {host} sent this message for {mailbox}, because its answer did not come: {reason}"
    )]
    Unknown {
        /// The server.
        host: String,
        /// The mailbox in whose name it was sent.
        mailbox: String,
        /// How the answer was lost.
        reason: String,
    },
    /// The draft that an earlier try left is not there any more.
    #[error(
        "nobody knows whether this message was sent: an earlier try left a draft of it in {mailbox}, and {host} has that no more, so somebody sent or deleted it; it had the immutable id {draft}"
    )]
    DraftGone {
        /// The server.
        host: String,
        /// The mailbox in whose name it was to be sent.
        mailbox: String,
        /// The immutable id of the draft.
        draft: String,
    },
    /// A person sent the draft that an earlier try left, and it was not all of the message.
    #[error(
        "somebody sent a draft of this message from {mailbox} that an earlier try had left in {host}, and {lacks}; the draft had the immutable id {draft}"
    )]
    DraftAltered {
        /// The server.
        host: String,
        /// The mailbox in whose name it was sent.
        mailbox: String,
        /// The immutable id of the draft.
        draft: String,
        /// How what was sent differs from the message, as a clause.
        lacks: String,
    },
    /// Somebody changes the draft that an earlier try left, so it was not taken away; nothing was
    /// sent.
    #[error(
        "an earlier try left a draft of this message in {mailbox}, and somebody changes it, so {host} did not take it away; nothing was sent, since both might be, and it is tried again later: close that draft and delete it, or send it; it has the immutable id {draft}"
    )]
    DraftChanged {
        /// The server.
        host: String,
        /// The mailbox in whose name it was to be sent.
        mailbox: String,
        /// The immutable id of the draft.
        draft: String,
    },
    /// The message is larger than the server says it takes; nothing was sent.
    #[error("the message has {size} octets, and {host} takes {limit} from {mailbox}")]
    TooLarge {
        /// The server.
        host: String,
        /// The mailbox in whose name it was to be sent.
        mailbox: String,
        /// The size in octets.
        size: u64,
        /// The most that is taken, in octets.
        limit: u64,
    },
    /// The message is too large for one request, and the app may not write the draft by which it
    /// would be sent; nothing was sent.
    #[error(
        "the message has more than the {limit} octets that {host} takes from {mailbox} in one request; what is larger is sent as a draft, and the app lacks the permission Mail.ReadWrite of Microsoft Graph to write one; {host} said: {said}"
    )]
    DraftDenied {
        /// The server.
        host: String,
        /// The mailbox in whose name it was to be sent.
        mailbox: String,
        /// The most that one request takes, in octets.
        limit: u64,
        /// The server's words.
        said: String,
    },
    /// Uploads of a file of the message were over before all of it was there; nothing was sent.
    #[error(
        "{host} did not take a file of the message for {mailbox}: the addresses of {uploads} uploads of it expired, one behind the other, before all of it was there; nothing was sent, and it is tried again later"
    )]
    UploadExpired {
        /// The server.
        host: String,
        /// The mailbox in whose name it was to be sent.
        mailbox: String,
        /// How many uploads were begun.
        uploads: u32,
    },
    /// The message or its envelope cannot be expressed to this server; nothing was sent.
    #[error("{host} cannot be given this message for {mailbox}: {reason}")]
    Unsendable {
        /// The server.
        host: String,
        /// The mailbox in whose name it was to be sent.
        mailbox: String,
        /// What stands against it.
        reason: String,
    },
    /// The message could not be read; nothing was sent.
    #[error("the message cannot be read: {0}")]
    Outgoing(#[from] OutgoingError),
    /// It could not be recorded that the message departs; nothing was sent.
    #[error("nothing was sent, because it could not be recorded that the message departs: {0}")]
    Departure(#[from] DepartureError),
}

impl SubmitError {
    /// Every code that [`Fault::code`] can answer, besides those of [`MailError`].
    pub const CODES: &'static [&'static str] = &[
        "submission_refused",
        "submission_unknown",
        "submission_draft_altered",
        "submission_draft_changed",
        "submission_too_large",
        "submission_unsendable",
        "submission_upload_expired",
        "submission_not_read",
        "submission_not_recorded",
        "recipients_refused",
        "send_as_denied",
        "smtp_sign_in_refused",
        "smtp_not_connected",
    ];

    /// The same where it is known how far the clock of this machine is ahead of the sign-in server's.
    pub(crate) fn with_skew(self, known: Option<SignedDuration>) -> Self {
        match self {
            Self::Session(error) => Self::Session(error.with_skew(known)),
            other => other,
        }
    }

    /// Whether the message may have been sent all the same.
    pub fn is_unknown(&self) -> bool {
        matches!(
            self,
            Self::Unknown { .. } | Self::DraftGone { .. } | Self::DraftAltered { .. }
        )
    }
}

impl Fault for SubmitError {
    fn code(&self) -> &'static str {
        match self {
            Self::Session(error) => error.code(),
            Self::NoWay(ways) => ways.code(),
            Self::Refused { phase, meaning, .. } => match (phase, meaning) {
                (_, Some(Meaning::SendAsDenied)) => "send_as_denied",
                (_, Some(Meaning::MailboxNotAccessible)) => "smtp_not_connected",
                (Phase::Auth, _) => "smtp_sign_in_refused",
                (_, _) => "submission_refused",
            },
            Self::NoRecipient(_) => "recipients_refused",
            Self::Unknown { .. } | Self::DraftGone { .. } => "submission_unknown",
            Self::DraftAltered { .. } => "submission_draft_altered",
            Self::DraftChanged { .. } => "submission_draft_changed",
            Self::TooLarge { .. } => "submission_too_large",
            Self::DraftDenied { .. } => "graph_access_denied",
            Self::UploadExpired { .. } => "submission_upload_expired",
            Self::Unsendable { .. } => "submission_unsendable",
            Self::Outgoing(_) => "submission_not_read",
            Self::Departure(_) => "submission_not_recorded",
        }
    }

    fn owner(&self) -> Owner {
        match self {
            Self::Session(error) => error.owner(),
            Self::NoWay(ways) => ways.owner(),
            Self::Refused { meaning, .. } => meaning.map_or(Owner::Remote, Meaning::owner),
            Self::Unknown { .. } | Self::UploadExpired { .. } => Owner::Remote,
            Self::DraftDenied { .. } => Owner::TenantAdmin,
            Self::NoRecipient(_)
            | Self::TooLarge { .. }
            | Self::Unsendable { .. }
            | Self::DraftGone { .. }
            | Self::DraftAltered { .. }
            | Self::DraftChanged { .. } => Owner::Person,
            Self::Outgoing(_) | Self::Departure(_) => Owner::Operator,
        }
    }

    fn next(&self) -> Next {
        match self {
            Self::Session(error) => error.next(),
            Self::NoWay(ways) => ways.next(),
            Self::Refused { next, .. } => *next,
            Self::NoRecipient(refused) => {
                let mut retries = refused.iter().map(|one| one.error.next());
                retries
                    .find(|next| next.is_retry())
                    .unwrap_or(Next::Discard)
            }
            Self::Outgoing(_)
            | Self::Departure(_)
            | Self::Unknown { .. }
            | Self::DraftGone { .. }
            | Self::DraftAltered { .. }
            | Self::DraftChanged { .. }
            | Self::UploadExpired { .. } => Next::Retry(gatepost_fault::After::Backoff),
            Self::TooLarge { .. } | Self::Unsendable { .. } => Next::Discard,
            Self::DraftDenied { .. } => Next::Reconfigure,
        }
    }
}

/// How an answer was lost, for [`SubmitError::Unknown`]: a submission is never taken up again by
/// itself, as a connection may be.
pub(crate) fn how_it_was_lost(error: &MailError) -> String {
    match error {
        MailError::Disconnected { reason, .. } => format!("the connection was lost: {reason}"),
        other => other.to_string(),
    }
}

fn advice(meaning: Option<Meaning>) -> String {
    meaning.map_or_else(String::new, |meaning| {
        format!(": {}", meaning.advice().trim_end_matches('.'))
    })
}

fn list(refused: &[RefusedRecipient]) -> String {
    let each = refused
        .iter()
        .map(|one| format!("{}: {}", one.recipient, one.error));
    each.collect::<Vec<_>>().join("; ")
}
