//! The row of a message on its way out: what is sealed in it, and how it is read.

use std::time::Duration;

use gatepost_fault::Fault as _;
use gatepost_host::SealingKey;
use gatepost_mail::Trace;
use gatepost_mailroom::{
    Addressee, DamagedDue, DueSubmission, FormerTries, Kept, Letter, SendLease, Submission,
    SubmissionId, SubmissionState,
};
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use sqlx::sqlite::SqliteRow;
use zeroize::Zeroizing;

use crate::StoreError;
use crate::sealed::place;
use crate::undone::{Columns, Undone};

/// What changes of a message and is nobody's business.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct Standing {
    pub(super) recipients: Vec<Addressee>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) trace: Option<Trace>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) draft: Option<String>,
    #[serde(default)]
    pub(super) looks_in_vain: u32,
    #[serde(default)]
    pub(super) untold: usize,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) mailbox_waits_until: Option<Timestamp>,
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub(super) former: Vec<FormerTries>,
}

impl Standing {
    /// It is tried as if for the first time after the tries that `row` counts, the last of which
    /// did not do for this reason.
    pub(super) fn begins_anew(
        &mut self,
        row: &Columns<'_>,
        reason: Option<String>,
    ) -> Result<(), Undone> {
        let former = FormerTries {
            attempts: attempts(row)?,
            first_attempt_at: row.time("first_attempt_at")?,
            reason,
        };
        former.add_to(&mut self.former);
        self.code = None;
        self.mailbox_waits_until = None;
        Ok(())
    }
}

/// Seals and opens what stands in the row of a message.
#[derive(Clone, Copy)]
pub(super) struct SubmissionSeal<'k>(pub(super) &'k SealingKey);

impl SubmissionSeal<'_> {
    pub(super) fn letter(self, id: &SubmissionId, letter: &Letter) -> Result<Vec<u8>, Undone> {
        self.seal("letter", id, letter)
    }

    pub(super) fn standing(
        self,
        id: &SubmissionId,
        standing: &Standing,
    ) -> Result<Vec<u8>, Undone> {
        self.seal("standing", id, standing)
    }

    pub(super) fn message(self, id: &SubmissionId, octets: &[u8]) -> Vec<u8> {
        self.0
            .seal(&place("submission_messages", "message", id), octets)
    }

    pub(super) fn open_standing(self, row: &Columns<'_>) -> Result<Standing, Undone> {
        self.open("standing", row)
    }

    /// The message of a row that has the columns `id`, `spool_file`, `octets` and `message`, and
    /// that is still to be sent.
    fn open_message(self, row: &Columns<'_>) -> Result<Kept, Undone> {
        let size = row.count("octets")?;
        if let Some(name) = row.get::<Option<String>>("spool_file")? {
            return Ok(Kept::File { name, size });
        }
        let Some(sealed) = row.get::<Option<&[u8]>>("message")? else {
            return Err(row.damaged("message", "it is missing"));
        };
        let at = place("submission_messages", "message", &id(row)?);
        let octets = self.0.open(&at, sealed);
        let octets = octets.map_err(|error| row.damaged("message", error.to_string()))?;
        if octets.len() as u64 != size {
            let reason = format!("it has {} octets instead of {size}", octets.len());
            return Err(row.damaged("message", reason));
        }
        Ok(Kept::Inline(octets.to_vec()))
    }

    fn seal(
        self,
        column: &'static str,
        id: &SubmissionId,
        value: &impl serde::Serialize,
    ) -> Result<Vec<u8>, Undone> {
        let text = serde_json::to_vec(value).map(Zeroizing::new);
        let text = text.map_err(|error| Undone::DamagedRow {
            table: TABLE,
            column,
            row: id.to_string(),
            reason: error.to_string(),
        })?;
        Ok(self.0.seal(&place(TABLE, column, id), &text))
    }

    fn open<T: DeserializeOwned>(
        self,
        column: &'static str,
        row: &Columns<'_>,
    ) -> Result<T, Undone> {
        let sealed: &[u8] = row.get(column)?;
        let text = self.0.open(&place(TABLE, column, &id(row)?), sealed);
        let text = text.map_err(|error| row.damaged(column, error.to_string()))?;
        // Without the text around the error, which is a person's mail.
        serde_json::from_slice(&text).map_err(|error| {
            row.damaged(column, format!("it is not readable at {}", error.column()))
        })
    }
}

/// Reads a row with everything that sending takes. `claim` is the number of the claim.
pub(super) fn due(
    row: &SqliteRow,
    seal: SubmissionSeal<'_>,
    now: Timestamp,
) -> Result<DueSubmission, Undone> {
    let row = columns(row);
    let standing = seal.open_standing(&row)?;
    Ok(DueSubmission {
        lease: SendLease {
            id: id(&row)?,
            claim: row.get("claim")?,
        },
        letter: seal.open("letter", &row)?,
        recipients: standing.recipients,
        message: seal.open_message(&row)?,
        attempt: attempts(&row)?,
        first_attempt_at: row.time("first_attempt_at")?.unwrap_or(now),
        overdue: Duration::from_micros(row.count("overdue")?),
        departed_at: row.time("departed_at")?,
        trace: standing.trace,
        draft: standing.draft,
        looks_in_vain: standing.looks_in_vain,
        untold: standing.untold,
        reason: standing.reason,
        former: standing.former,
    })
}

/// Reads of a row that has this fault what can be read.
pub(super) fn damaged(
    row: &SqliteRow,
    seal: SubmissionSeal<'_>,
    fault: &StoreError,
) -> Result<DamagedDue, Undone> {
    let row = columns(row);
    let recipients = seal.open_standing(&row).map(|standing| standing.recipients);
    Ok(DamagedDue {
        lease: SendLease {
            id: id(&row)?,
            claim: row.get("claim")?,
        },
        letter: seal.open("letter", &row).ok(),
        recipients: recipients.unwrap_or_default(),
        attempts: attempts(&row).unwrap_or_default(),
        may_have_been_sent: row.get::<&str>("state")? == SubmissionState::Unknown.as_str(),
        code: fault.code(),
        reason: fault.to_string(),
    })
}

/// Reads a row as people see it.
pub(super) fn view(row: &SqliteRow, seal: SubmissionSeal<'_>) -> Result<Submission, Undone> {
    let row = columns(row);
    let (standing, state) = (seal.open_standing(&row)?, state(&row)?);
    let waits = matches!(
        state,
        SubmissionState::Queued | SubmissionState::Scheduled | SubmissionState::Unknown
    );
    Ok(Submission {
        id: id(&row)?,
        letter: seal.open("letter", &row)?,
        recipients: standing.recipients,
        state,
        attempts: attempts(&row)?,
        next_attempt_at: row.time("due_at")?.filter(|_| waits),
        first_attempt_at: row.time("first_attempt_at")?,
        departed_at: row.time("departed_at")?,
        settled_at: row.time("settled_at")?,
        untold: standing.untold,
        reason: standing.reason,
        code: standing.code,
        mailbox_waits_until: standing.mailbox_waits_until,
        former: standing.former,
    })
}

pub(super) fn columns(row: &SqliteRow) -> Columns<'_> {
    Columns::new(row, TABLE, "id")
}

pub(super) fn id(row: &Columns<'_>) -> Result<SubmissionId, Undone> {
    let id: &str = row.get("id")?;
    SubmissionId::parse(id).ok_or_else(|| row.damaged("id", "it names no message"))
}

pub(super) fn state(row: &Columns<'_>) -> Result<SubmissionState, Undone> {
    let state: &str = row.get("state")?;
    SubmissionState::parse(state).ok_or_else(|| row.damaged("state", "there is no such state"))
}

fn attempts(row: &Columns<'_>) -> Result<u32, Undone> {
    Ok(u32::try_from(row.count("attempts")?).unwrap_or(u32::MAX))
}

/// Everything that sending takes of the rows `s`.
pub(super) const WITH_MESSAGE: &str = "
    SELECT s.*, m.message FROM submissions s
    LEFT JOIN submission_messages m ON m.submission = s.position";

const TABLE: &str = "submissions";
