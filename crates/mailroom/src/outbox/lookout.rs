//! Looks for messages of which nobody knows whether they were sent.

mod copies;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use gatepost_fault::{Fault as _, Next};
use gatepost_mail::{FolderName, MailError, Mailbox, Opener, Query, SpecialUse, Trace};

pub use copies::Copies;

use crate::DueSubmission;

/// Looks for a message that may have been sent.
#[async_trait]
pub trait Lookout: Send + Sync + std::fmt::Debug {
    /// Looks once. That it is not found means little soon after it left: Exchange takes its time.
    async fn look(&self, due: &DueSubmission) -> Result<Sighting, LookError>;

    /// Takes away the draft that a look has shown, so that nobody can send it any more. Nothing is
    /// done where drafts are never seen.
    async fn withdraw(&self, due: &DueSubmission) -> Result<(), LookError> {
        let _ = due;
        Ok(())
    }
}

/// What a look showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sighting {
    /// It was sent.
    Sent,
    /// It is a draft, and was not sent; or it was a moment ago, and the server does not say so yet.
    Draft,
    /// There is no trace of it.
    Nothing,
}

/// Why a look showed nothing.
#[derive(Debug, thiserror::Error)]
pub enum LookError {
    /// The mailbox cannot be looked into at present.
    #[error("{0}")]
    NotNow(String),
    /// It cannot be looked into at all: a permission lacks, or there is no folder for it.
    #[error("{0}")]
    Never(String),
    /// What is there may be of it or of another of the same name. More may appear.
    #[error("{0}")]
    Unclear(String),
    /// There is nothing to look for: a person sent a draft of it that was not all of it.
    #[error("somebody sent its draft with the immutable id {draft}, and {lacks}")]
    Altered {
        /// The immutable id.
        draft: String,
        /// How what was sent differs from the message, as a clause.
        lacks: String,
    },
}

impl From<MailError> for LookError {
    fn from(error: MailError) -> Self {
        match error.next() {
            Next::Retry(_) => Self::NotNow(error.to_string()),
            Next::SignIn | Next::Reconfigure | Next::Discard => Self::Never(error.to_string()),
        }
    }
}

impl LookError {
    /// What is said of a message for good that could not be looked up.
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::NotNow(_) | Self::Never(_) | Self::Unclear(_) => UNKNOWN,
            Self::Altered { .. } => "submission_draft_altered",
        }
    }
}

/// Looks into Sent Items for the message's `Message-ID`. Exchange Online files there what is
/// submitted by SMTP, and what Graph sends if it is asked to.
#[derive(Debug)]
pub struct SentItems {
    opener: Arc<dyn Opener>,
}

impl SentItems {
    /// A lookout into the mailbox that `opener` opens.
    pub fn new(opener: Arc<dyn Opener>) -> Self {
        Self { opener }
    }

    async fn find(session: &mut dyn Mailbox, due: &DueSubmission) -> Result<Sighting, LookError> {
        let folder = Self::folder(session).await?;
        let copies = Copies::of(due);
        let query = Query {
            since: copies.since(),
            message_id: Some(due.letter.message_id.clone()),
            ..Query::newest(copies.enough())
        };
        let found = session.list(&folder, &query).await?;
        copies.tell(found.len())
    }

    async fn folder(session: &mut dyn Mailbox) -> Result<FolderName, LookError> {
        let folders = session.folders().await?;
        let sent = folders
            .into_iter()
            .find(|folder| folder.special_use == Some(SpecialUse::Sent));
        let sent = sent.map(|folder| folder.name);
        sent.ok_or_else(|| {
            LookError::Never(
                "the mailbox is read by a way that shows no folder of sent messages, as POP3 is; \
                 `read = \"imap\"` or `\"graph\"` shows it"
                    .to_owned(),
            )
        })
    }
}

#[async_trait]
impl Lookout for SentItems {
    async fn look(&self, due: &DueSubmission) -> Result<Sighting, LookError> {
        match &due.trace {
            Some(Trace::Altered { id, lacks }) => {
                return Err(LookError::Altered {
                    draft: id.clone(),
                    lacks: lacks.clone(),
                });
            }
            Some(Trace::Draft { .. }) => tracing::debug!(
                submission = %due.lease.id, "the draft is looked for by its Message-ID"
            ),
            Some(Trace::MessageId) | None => {}
        }
        let mut session = self.opener.open().await?;
        let found = Self::find(session.as_mut(), due).await;
        session.close().await;
        found
    }
}

/// The code of a message of which nobody knows whether it was sent.
pub(super) const UNKNOWN: &str = "submission_unknown";
/// When a message is first looked for after its answer was lost.
pub(super) const FIRST_LOOK: Duration = Duration::from_secs(5);
/// The waits between looks. After the last one, it is not going to be found.
pub(super) const LOOKS: [Duration; 6] = [
    Duration::from_secs(10),
    Duration::from_secs(30),
    Duration::from_mins(1),
    Duration::from_mins(2),
    Duration::from_mins(3),
    Duration::from_mins(5),
];
/// How often in a row a mailbox is tried that cannot be looked into at present: a day long, not
/// counting the time in which nobody tries.
pub(super) const LOOKS_IN_VAIN: u32 = 24 * 60 / 5;

#[cfg(test)]
mod tests;
